"""What is different on a terminal: a few colours, and lines that fit. Pipes and logs stay plain."""

import os
import re
import shutil
import textwrap
from collections.abc import Mapping
from functools import cache
from typing import TextIO

_STYLES = {"good": "32", "bad": "1;31", "care": "33", "faint": "2"}
"""Escape codes that can be read on a dark and on a light background: green, red, yellow, faint."""
_RESULT = r"(?:(?<=P&L )|(?<=^P&L {13})|(?<=[Rr]esult )|(?<=the day: ))"
_AMOUNT = r"\$[\d,]*\d(?:\.\d\d)?"
_WORDS = {
    "faint": (r"^\d\d:\d\d:\d\d(?=  )", r"^skip(?=  )"),
    "bad": (
        *(r"^(?:fail|WRONG)(?=  )", r"(?<=  )NO(?=   )", r"^optionsarbitrage(?=: )"),
        *(r"\bALERT\b", r"\bSTUCK\b", r"\bDEAD\b", r"\bNOTHING\s+WATCHES\s+IT\b", r"\bVIOLATED\b"),
        *(r"\bRECORD\s+AND\s+BROKER\s+DIFFER\b", rf"{_RESULT}-{_AMOUNT}"),
    ),
    "care": (
        *(r"^(?:warn|open)(?=  )", r"\bWARNING\b", r"\bSIMULATED\b", r"\bREHEARSAL\b"),
        r"\bQUOTES\s+THAT\s+CANNOT\s+BOTH\s+BE\s+TRUE\b",
        *(r"^POSITION OPEN\b", r"(?<=^Mode: )(?!normal)[a-z-]+", r"^Stopped(?=: )"),
    ),
    "good": (
        *(r"^ok(?=  )", r"(?<=  )yes(?=  )", r"\bDecision: TRADE\b", r"^Running(?=: )"),
        rf"{_RESULT}\+{_AMOUNT}",
    ),
}
"""The words that are painted; a line is read once from its left, so none is painted twice."""


def is_plain(stream: TextIO, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether text goes there without colours: no terminal, a dumb one, or NO_COLOR is set.

    As https://no-color.org has it, NO_COLOR counts unless it is empty.
    """
    return bool(environ.get("NO_COLOR")) or is_typewriter(stream, environ)


def is_typewriter(stream: TextIO, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether what was written there stays: no terminal, or a dumb one."""
    try:
        return not stream.isatty() or environ.get("TERM") == "dumb"
    except ValueError:  # it was closed
        return True


def painted(text: str) -> str:
    """Return a text with the words that matter in their colours."""
    return _pattern().sub(
        lambda found: f"\x1b[{_STYLES[str(found.lastgroup)]}m{found[0]}\x1b[0m", text
    )


@cache
def _pattern() -> re.Pattern[str]:
    groups = (f"(?P<{style}>{'|'.join(words)})" for style, words in _WORDS.items())
    return re.compile("|".join(groups), re.MULTILINE)


def fitted(text: str, indent: int, stream: TextIO) -> str:
    """Return lines that fit a terminal, broken between words and set in; elsewhere unchanged."""
    if is_typewriter(stream):
        return text
    return "\n".join(
        textwrap.fill(
            line,
            shutil.get_terminal_size().columns,
            subsequent_indent=" " * indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
        for line in text.split("\n")
    )
