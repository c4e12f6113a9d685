import pytest

from src.checks import guarded, guarded_rows, worst
from src.ports import Check, MendInput, RetryLater, StopTrading, Verdict

OK, WARN = Check("a", Verdict.OK, "fine."), Check("b", Verdict.WARN, "well.")
FAIL, SKIP = Check("c", Verdict.FAIL, "no."), Check("d", Verdict.SKIP, "not asked.")


def broken(error: BaseException) -> Check:
    raise error


def test_a_check_that_works_is_its_own_row() -> None:
    assert guarded("a", lambda: OK, "mend it") is OK
    assert guarded_rows("group", lambda: [OK, WARN]) == (OK, WARN)
    assert guarded_rows("group", list) == ()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RetryLater("no answer from 127.0.0.1:7497"), "no answer from 127.0.0.1:7497."),
        (MendInput("The key is wrong; mend it."), "The key is wrong; mend it."),
        (StopTrading("another account"), "another account."),
        (
            ModuleNotFoundError("No module named 'x'"),
            "a package is missing (No module named 'x').",
        ),
        (ZeroDivisionError("by zero"), "the check itself failed (ZeroDivisionError: by zero)."),
    ],
)
def test_a_check_that_crashes_becomes_its_own_fail_row_in_words(
    error: Exception, words: str
) -> None:
    wanted = Check("disk", Verdict.FAIL, words, "make room")
    assert guarded("disk", lambda: broken(error), "make room") == wanted
    assert guarded_rows("disk", lambda: [broken(error)], "make room") == (wanted,)


def test_a_person_can_still_interrupt_a_check() -> None:
    with pytest.raises(KeyboardInterrupt):
        guarded("disk", lambda: broken(KeyboardInterrupt()))


@pytest.mark.parametrize(
    ("rows", "verdict"),
    [
        ((OK, SKIP), Verdict.OK),
        ((OK, WARN, SKIP), Verdict.WARN),
        ((WARN, FAIL, OK), Verdict.FAIL),
        ((SKIP,), Verdict.SKIP),
        ((), Verdict.SKIP),
    ],
)
def test_the_worst_row_gives_the_verdict(rows: tuple[Check, ...], verdict: Verdict) -> None:
    assert worst(rows) is verdict
