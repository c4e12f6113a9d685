import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from src.ports import MendInput
from utils import logging_setup
from utils.logging_setup import HIDDEN, LOG_BYTES, LOG_FILES, hide, start_logging

log = logging.getLogger("optionsarbitrage")


@contextmanager
def logging_to(path: Path, level: str = "INFO", *secrets: str) -> Iterator[logging.Handler]:
    before = logging.getLogger().level
    handler = start_logging(path, level, secrets)
    try:
        yield handler
    finally:
        logging.getLogger().removeHandler(handler)
        logging.getLogger().setLevel(before)
        handler.close()


def test_a_line_tells_when_how_severe_and_who(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "trading.log"
    with logging_to(path):
        log.info("bought %d", 2)
    assert path.read_text().strip().endswith("INFO optionsarbitrage: bought 2")


def test_the_configured_level_is_obeyed(tmp_path: Path) -> None:
    path = tmp_path / "trading.log"
    with logging_to(path, "WARNING"):
        log.info("too quiet")
        log.warning("loud enough")
    assert "too quiet" not in path.read_text()
    assert "loud enough" in path.read_text()


def test_a_secret_is_hidden_in_a_message_and_in_its_arguments(tmp_path: Path) -> None:
    path = tmp_path / "trading.log"
    with logging_to(path, "INFO", "PK-topsecret"):
        log.info("key PK-topsecret and %s", {"key": "PK-topsecret"})
    assert "PK-topsecret" not in path.read_text()
    assert path.read_text().count(HIDDEN) == 2


def test_a_secret_is_hidden_in_a_traceback(tmp_path: Path) -> None:
    path = tmp_path / "trading.log"
    with logging_to(path, "INFO", "PK-topsecret"):
        try:
            float("refused for PK-topsecret")
        except ValueError:
            log.exception("failed")
    text = path.read_text()
    assert "Traceback" in text
    assert f"'refused for {HIDDEN}'" in text
    assert "PK-topsecret" not in text


def test_a_secret_within_a_longer_one_leaves_nothing_of_either() -> None:
    assert hide("abcdef abc", ["abc", "abcdef"]) == f"{HIDDEN} {HIDDEN}"


@pytest.mark.parametrize("secret", ["", "b", "ou"])
def test_what_is_too_short_to_be_a_secret_hides_nothing(secret: str) -> None:
    assert hide("bought 2", [secret]) == "bought 2"


def test_a_full_log_is_set_aside_and_only_so_many_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging_setup, "LOG_BYTES", 500)  # the limit only, to fill it quickly
    path = tmp_path / "trading.log"
    with logging_to(path):
        for number in range(200):
            log.info("line %d of a long day", number)
    files = sorted(each.name for each in tmp_path.iterdir())
    assert files == ["trading.log", *(f"trading.log.{n}" for n in range(1, LOG_FILES))]
    assert "line 199" in path.read_text()
    assert all(each.stat().st_size <= 500 for each in tmp_path.iterdir())


def test_the_logs_of_years_stay_small() -> None:
    assert LOG_BYTES * LOG_FILES <= 50_000_000


def test_a_log_that_cannot_be_written_is_refused_with_its_mend(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file where the folder should be")
    with pytest.raises(MendInput, match=r"logging\.file"):
        start_logging(tmp_path / "logs" / "trading.log", "INFO", ())


def test_a_second_start_adds_to_the_log_of_the_first(tmp_path: Path) -> None:
    path = tmp_path / "trading.log"
    for run in ("first", "second"):
        with logging_to(path):
            log.info("%s run", run)
    assert [line.rsplit(": ")[-1] for line in path.read_text().splitlines()] == [
        "first run",
        "second run",
    ]
