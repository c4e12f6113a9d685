"""What a process finds on its machine: a database, a data directory, a mailbox."""

import gc
import hashlib
import os
import sqlite3
from datetime import date, datetime
from functools import cache
from pathlib import Path

from pydantic import SecretStr

from src.channels import Channel
from src.courier import Courier, Outbox
from src.daily_report import DailyReport
from src.database import Store, open_database
from src.outbox import Answer, Parcel
from src.results_logger import ResultsLogger
from tests.simulation.world import Violation, World

EMAIL = Channel("email", SecretStr("mailto://unused"))
_GARBAGE = 50_000
"""How many things may be made, and not be given up, before the collector looks for cycles."""


class QuietResults(ResultsLogger):
    """Counts like the real one and writes no files."""

    reports = 0

    def generate_daily_report(self, session: date) -> DailyReport:
        self.reports += 1
        return DailyReport(str(session), "", (Path("text"), Path("markdown")))

    def export_to_csv(self, start: date, end: date) -> list[Path]:
        del start, end
        return []


class _HaltFile(type(Path())):  # type: ignore[misc] # the concrete class differs by system
    """A file that is there while a fault says so, without a disk."""

    world: World

    def lstat(self) -> os.stat_result:
        if self.world.active("HALT file"):
            return os.stat_result((0,) * 10)
        raise FileNotFoundError


class DataFolder(type(Path())):  # type: ignore[misc] # likewise
    """A data directory without a disk, in which only a HALT file is ever looked for."""

    world: World

    def __truediv__(self, name: str) -> Path:
        file = _HaltFile(name)
        file.world = self.world
        return file


class Mailbox:
    """The program's own courier, without its thread, and the person's mailbox, which may be full.

    It acts when it is woken; what then has to wait is carried at the next start, or at the end.
    """

    def __init__(self, world: World, store: Store, session: date) -> None:
        self._world = world
        self._store, self._session = store, session
        self.received: set[tuple[datetime, str, str]] = set()
        self.start()

    def start(self) -> None:
        """Begin anew, as the next process does."""
        outbox = Outbox(self._store, self._session, (EMAIL,))
        self._courier = Courier(outbox, EMAIL, self._take, lambda _text: None)

    def wake(self) -> None:
        self._courier.step(self._world.time.moment, hurry=True)

    def _take(self, channel: Channel, parcel: Parcel) -> Answer:
        del channel
        if self._world.active("messages stuck"):
            return Answer(is_taken=False, words="the mailbox is full (552)")
        for each in parcel.letters:
            sign = (each.at, each.title, each.text)
            if sign in self.received and not each.is_in_doubt:
                raise Violation("i", f"received twice: {each.title}")
            self.received.add(sign)
        return Answer(is_taken=True)


def dump(connection: sqlite3.Connection) -> str:
    """Return everything that a database holds, as one text."""
    return "\n".join(connection.iterdump())


def digest(connection: sqlite3.Connection) -> str:
    """Return a short sign of everything that a database holds."""
    return hashlib.sha256(dump(connection).encode()).hexdigest()[:16]


@cache
def database() -> sqlite3.Connection:
    """Return the process's one database in memory."""
    # What is loaded by now outlives every day: the collector need not look through it each time,
    # and not every few ticks: a day leaves some hundred things behind that only it would find.
    gc.freeze()
    gc.set_threshold(_GARBAGE)
    return open_database(None)


@cache
def _tables() -> tuple[str, ...]:
    """Return every table, those that refer to others before these."""
    rows = database().execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY rowid DESC"
    )
    return tuple(row[0] for row in rows)


def empty(connection: sqlite3.Connection) -> None:
    """Make the process's one database in memory as empty as a new one."""
    connection.execute("BEGIN")
    for name in _tables():
        connection.execute(f"DELETE FROM {name}")  # noqa: S608 - names of our own
    connection.execute("COMMIT")
