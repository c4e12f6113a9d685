import logging
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from src.ports import MendInput, RetryLater, StopTrading
from tests.fakes.builders import at
from utils.console import Console, complain, exit_code, sentence

PROJECT = Path(__file__).resolve().parents[2]
LONG_STORY = """
import sys
from datetime import datetime
from utils.console import Console
console = Console()
for number in range(20_000):
    console.line(f"line {number} of a long story")
console.say(datetime(2026, 3, 9, 16), "the end")
sys.stderr.write("came to the end")
"""


def test_an_event_is_one_line_with_its_new_york_time(capsys: pytest.CaptureFixture[str]) -> None:
    Console().say(at("09:41:05"), "Bought 2.")
    assert capsys.readouterr().out == "09:41:05  Bought 2.\n"


def test_what_is_said_is_logged_with_its_date(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    Console().say(at("09:41:05"), "Bought 2.")
    assert caplog.messages == ["2026-03-09 09:41:05 ET Bought 2."]
    assert capsys.readouterr().err == ""


def test_a_secret_is_never_printed(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(secrets=("topsecret", ""))
    console.say(at("09:41"), "the key is topsecret")
    console.line("topsecret")
    printed = capsys.readouterr().out
    assert "topsecret" not in printed
    assert printed.count("[hidden]") == 2


@pytest.mark.skipif(sys.platform == "win32", reason="there is no head")
def test_a_reader_that_goes_away_does_not_stop_the_day() -> None:
    """Like `main.py | head -1`: the pipe breaks in the middle, the program goes on to its end."""
    program = subprocess.Popen(
        [sys.executable, "-c", LONG_STORY],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with program:
        assert program.stdout is not None
        assert program.stderr is not None
        head = subprocess.run(
            ["head", "-1"], stdin=program.stdout, capture_output=True, text=True, check=True
        )
        program.stdout.close()
        told = program.stderr.read()
        assert program.wait(timeout=30) == 0
    assert head.stdout == "line 0 of a long story\n"
    assert told == "came to the end"


def test_a_complaint_goes_to_standard_error_in_one_line_and_to_the_log(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    complain("tape.csv: there is no such tape.")
    assert capsys.readouterr() == ("", "optionsarbitrage: tape.csv: there is no such tape.\n")
    assert [(each.levelname, each.message) for each in caplog.records] == [
        ("ERROR", "tape.csv: there is no such tape.")
    ]


def test_a_complaint_is_said_once_where_there_is_no_log_yet() -> None:
    answer = subprocess.run(
        [sys.executable, "-c", "from utils.console import complain; complain('No config.')"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stderr == "optionsarbitrage: No config.\n"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ZeroDivisionError("by zero"), 1),
        (OSError("disk"), 1),
        (sqlite3.OperationalError("disk I/O error"), 1),
        (MendInput("config"), 2),
        (StopTrading("lock"), 3),
        (RetryLater("network"), 4),
        (KeyboardInterrupt(), 130),
    ],
)
def test_every_kind_of_failure_has_its_exit_code(error: BaseException, code: int) -> None:
    assert exit_code(error) == code


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MendInput("Mend it."), "Mend it."),
        (sqlite3.OperationalError("disk I/O error"), "committed before is safe"),
        (OSError(28, "No space left on device", "trades.db"), "trades.db: No space left on device"),
        (OSError("odd"), "odd."),
        (KeyboardInterrupt(), "Interrupted."),
        (ZeroDivisionError("by zero"), "ZeroDivisionError: by zero"),
    ],
)
def test_every_failure_is_told_in_a_sentence(error: BaseException, words: str) -> None:
    assert words in sentence(error)
    assert sentence(error).endswith((".", "details."))
