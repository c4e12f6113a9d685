"""The commands that the dashboard gives: the very ones that a person types, as processes."""

import json
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from src.ports import Check, Verdict
from utils.market_clock import WallClock

PROJECT = Path(__file__).resolve().parent.parent
CONTROL_SECONDS = 30
DOCTOR_SECONDS = 120
"""How long a command may take: a broker that does not answer is given up by then."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command said, as a terminal would show it, and whether it did what it was told."""

    at: datetime
    text: str
    is_done: bool


def control(command: str, options: Sequence[str]) -> Answer:
    """Run control.py and return what it printed."""
    return _run("control.py", [command, *options], CONTROL_SECONDS)


class Doctor:
    """Asks the doctor in the background, so that no page waits, and keeps its last answer."""

    def __init__(self, options: Sequence[str]) -> None:
        self._options = [*options, "--json"]
        self._thread: threading.Thread | None = None
        self._answer: Answer | None = None

    @property
    def is_at_work(self) -> bool:
        """Whether an answer is on its way."""
        return self._thread is not None and self._thread.is_alive()

    def ask(self) -> None:
        """Begin to look at everything, unless that is under way."""
        if not self.is_at_work:
            self._thread = threading.Thread(target=self._ask, daemon=True)
            self._thread.start()

    def _ask(self) -> None:
        self._answer = _run("doctor.py", self._options, DOCTOR_SECONDS)

    def answer(self) -> tuple[datetime, tuple[Check, ...]] | None:
        """Return the rows of the last look and when it ended, None before the first."""
        if self._answer is None:
            return None
        return self._answer.at, _rows(self._answer.text)


def _rows(text: str) -> tuple[Check, ...]:
    try:
        told = json.loads(text)["checks"]
        return tuple(_check(each) for each in told)
    except (ValueError, LookupError, TypeError):
        mend = "Run python scripts/doctor.py in a terminal."
        return (Check("doctor", Verdict.FAIL, text or "it said nothing.", mend),)


def _check(row: Mapping[str, str]) -> Check:
    return Check(row["name"], Verdict(row["verdict"]), row["found"], row["mend"])


def _run(script: str, args: Sequence[str], seconds: int) -> Answer:
    command = [sys.executable, str(PROJECT / "scripts" / script), *args]
    try:
        done = subprocess.run(  # noqa: S603 - a script of our own, words from fixed lists
            command,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        words = f"{script} did not end within {seconds} seconds, and was given up."
        return Answer(WallClock().now(), words, is_done=False)
    said = "\n".join(part.strip() for part in (done.stdout, done.stderr) if part.strip())
    return Answer(WallClock().now(), said, is_done=done.returncode == 0)
