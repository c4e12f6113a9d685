"""Checks that stand alone: one that crashes becomes its own row, and the others go on."""

from collections.abc import Callable, Iterable

from src.ports import Check, MendInput, RetryLater, StopTrading, Verdict
from src.words import ended

_SEVERITY = (Verdict.SKIP, Verdict.OK, Verdict.WARN, Verdict.FAIL)


def guarded(name: str, function: Callable[[], Check], mend: str = "") -> Check:
    """Return what a check finds, or a FAIL of this name with the error in words."""
    (check,) = guarded_rows(name, lambda: (function(),), mend)
    return check


def guarded_rows(
    name: str, function: Callable[[], Iterable[Check]], mend: str = ""
) -> tuple[Check, ...]:
    """Return what a group of checks finds; where it crashes, one FAIL of this name."""
    try:
        return tuple(function())
    except (MendInput, StopTrading, RetryLater) as error:
        return (Check(name, Verdict.FAIL, ended(str(error)), mend),)
    except ImportError as error:
        return (Check(name, Verdict.FAIL, f"a package is missing ({error}).", mend),)
    except Exception as error:  # noqa: BLE001 - whatever it is, it becomes this check's row
        words = f"the check itself failed ({type(error).__name__}: {error})."
        return (Check(name, Verdict.FAIL, words, mend),)


def worst(checks: Iterable[Check]) -> Verdict:
    """Return the most serious verdict: fail, warn, ok; skip where nothing was looked at."""
    return max((check.verdict for check in checks), key=_SEVERITY.index, default=Verdict.SKIP)
