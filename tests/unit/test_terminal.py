"""Colours: which words have one, and who gets none."""

import io
import re

import pytest

from utils.terminal import fitted, is_plain, is_typewriter, painted

GOOD, BAD, CARE, FAINT = "\x1b[32m", "\x1b[1;31m", "\x1b[33m", "\x1b[2m"
END = "\x1b[0m"


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("line", "style", "words"),
    [
        ("ok    disk: 78.5 GB free.", GOOD, "ok"),
        ("warn  keys: not given.", CARE, "warn"),
        ("fail  Python: 3.9.", BAD, "fail"),
        ("skip  sleep: only a Mac is asked.", FAINT, "skip"),
        ("WRONG  2026-01-26.csv.gz: has no tape beside it.", BAD, "WRONG"),
        ("    yes  ratio            10.0161", GOOD, "yes"),
        ("    NO   expected profit  -$145.15", BAD, "NO"),
        ("Exit FILLED: the position is flat, result +$1,131.40.", GOOD, "+$1,131.40"),
        ("Result of the day: -$0.20, after fees.", BAD, "-$0.20"),
        ("Check 2026-02-18-1: SPY 692.71, P&L -$68.60; hold.", BAD, "-$68.60"),
        ("P&L             +$1,131.40 over 1 trade", GOOD, "+$1,131.40"),
        ("Decision: TRADE. SPY 694.66", GOOD, "Decision: TRADE"),
        ("ALERT. Short calls are held into expiry: 20", BAD, "ALERT"),
        ("WARNING. exports/trades.csv could not be written", CARE, "WARNING"),
        ("Mode: halt (set by a person).", CARE, "halt"),
        ("POSITION OPEN: 2026-03-09-1.\n  NOTHING WATCHES IT: start again", CARE, "POSITION OPEN"),
        ("RECORD AND BROKER DIFFER: SPY.", BAD, "RECORD AND BROKER DIFFER"),
        ("SIMULATED: no order left this machine.", CARE, "SIMULATED"),
        ("optionsarbitrage: there is no database yet.", BAD, "optionsarbitrage"),
        ("DEAD: process 7 ended without a word.", BAD, "DEAD"),
        ("Running: process 7 waits.", GOOD, "Running"),
    ],
)
def test_the_words_that_matter_have_their_colour(line: str, style: str, words: str) -> None:
    assert f"{style}{words}{END}" in painted(line)


@pytest.mark.parametrize(
    "line",
    [
        "Mode: normal.",
        "No position is open.",
        "Decision: no trade. SPY 694.36, strike gap -1.15 points.",
        "No trade: credit -$222.15, gap -1.88 points, expected -$143.26; fails: expected profit.",
        "Order buy 2 SPXW 6965 call at 86.80: accepted.",
        "Written: data/reports/2026-02-18.txt",
        "Deadline, okay, skipper, nothing",
    ],
)
def test_what_is_ordinary_has_no_colour(line: str) -> None:
    assert painted(line) == line


def test_painting_changes_no_letter_of_a_text() -> None:
    text = "09:35:00    NO   expected profit  -$1.00\n09:36:00  ALERT. DEAD: SIMULATED, P&L +$2.00"
    assert re.sub(r"\x1b\[[0-9;]*m", "", painted(text)) == text
    assert painted(text).startswith(f"{FAINT}09:35:00{END}    {BAD}NO{END}   expected")


@pytest.mark.parametrize(
    ("environ", "plain"),
    [
        ({}, False),
        ({"TERM": "xterm"}, False),
        ({"NO_COLOR": "1"}, True),
        ({"NO_COLOR": "0"}, True),
        ({"NO_COLOR": ""}, False),
        ({"TERM": "dumb"}, True),
    ],
)
def test_no_color_and_a_dumb_terminal_are_honoured(environ: dict[str, str], plain: bool) -> None:  # noqa: FBT001 - a row of the table
    assert is_plain(Screen(), environ) is plain


def test_a_file_a_pipe_and_what_was_closed_are_plain() -> None:
    gone = io.StringIO()
    gone.close()
    assert is_plain(io.StringIO(), {})
    assert is_plain(gone, {})
    assert is_typewriter(gone, {})


def test_without_colours_a_line_may_still_be_written_over() -> None:
    assert not is_typewriter(Screen(), {"NO_COLOR": "1"})
    assert is_typewriter(Screen(), {"TERM": "dumb"})


def test_a_long_line_is_broken_between_words_on_a_terminal_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("TERM", "xterm")
    text = "ok    one two three four five\n      six"
    assert fitted(text, 6, Screen()) == "ok    one two three\n      four five\n      six"
    assert fitted(text, 6, io.StringIO()) == text
