"""The calm console: one line an event, one sentence an error, and its exit code."""

import json
import logging
import os
import sqlite3
import sys
from collections.abc import Sequence
from datetime import datetime

from src.ports import MendInput, RetryLater, StopTrading
from src.words import ended
from utils.logging_setup import hide
from utils.terminal import fitted, is_plain, painted

DONE = 0
FAILED = 1
BAD_INPUT = 2
REFUSED = 3
UNREACHABLE = 4
INTERRUPTED = 130

_log = logging.getLogger("optionsarbitrage")
_STORY_INDENT, _COMPLAINT_INDENT = 12, 2
# Before there is a log file, Python would print what is logged, beside what is said here.
_log.addHandler(logging.NullHandler())


class Console:
    """Prints to standard output and repeats everything in the log.

    On a terminal the words that matter have a colour; piped and logged text is plain. A terminal
    that was closed, or a pipe that nobody reads any more, never stops a trading day.
    """

    def __init__(self, secrets: Sequence[str] = ()) -> None:
        self._secrets = tuple(secrets)
        self._open = True
        self._plain = is_plain(sys.stdout)

    def say(self, at: datetime, text: str) -> None:
        """Print one event of the day with its New York time."""
        _log.info("%s ET %s", f"{at:%Y-%m-%d %H:%M:%S}", text)
        self._print(fitted(f"{at:%H:%M:%S}  {text}", _STORY_INDENT, sys.stdout))

    def line(self, text: str = "") -> None:
        """Print a line without a time."""
        _log.info("%s", text)
        self._print(text)

    def page(self, text: str, indent: int) -> None:
        """Print lines that are broken to the width of a terminal, the rest of each set in."""
        _log.info("%s", text)
        self._print(fitted(text, indent, sys.stdout))

    def data(self, told: object) -> None:
        """Print JSON for other programs, without a colour even on a terminal."""
        text = json.dumps(told, indent=1)
        _log.info("%s", text)
        self._print(text, plain=True)

    def _print(self, text: str, *, plain: bool = False) -> None:
        if not self._open:
            return
        shown = hide(text, self._secrets)
        try:
            print(shown if plain or self._plain else painted(shown), flush=True)  # noqa: T201 - the console
        except (OSError, ValueError):
            self._open = False
            # What is still buffered would raise once more at exit.
            sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123


def complain(text: str) -> None:
    """Print one sentence about what went wrong to standard error."""
    _log.error("%s", text)
    try:
        words = fitted(f"optionsarbitrage: {text}", _COMPLAINT_INDENT, sys.stderr)
        shown = words if is_plain(sys.stderr) else painted(words)
        print(shown, file=sys.stderr, flush=True)  # noqa: T201
    except (OSError, ValueError):
        _log.warning("standard error is closed")


def exit_code(error: BaseException) -> int:
    """Return the exit code that an error stands for."""
    if isinstance(error, MendInput):
        return BAD_INPUT
    if isinstance(error, StopTrading):
        return REFUSED
    if isinstance(error, RetryLater):
        return UNREACHABLE
    return INTERRUPTED if isinstance(error, KeyboardInterrupt) else FAILED


def sentence(error: BaseException) -> str:
    """Return what a person should read about an error: what it is, then what was noted with it."""
    notes: list[str] = getattr(error, "__notes__", [])
    return " ".join([ended(_words(error)), *notes]) if notes else _words(error)


def _words(error: BaseException) -> str:
    if isinstance(error, MendInput | StopTrading | RetryLater):
        return str(error)
    if isinstance(error, sqlite3.Error):
        return f"The database could not be used ({error}); what was committed before is safe."
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{error.strerror or error}."
    if isinstance(error, KeyboardInterrupt):
        return "Interrupted."
    return f"An unexpected failure ({type(error).__name__}: {error}); the log has the details."
