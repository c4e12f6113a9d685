"""The sign of life of a running day: a small file that is whole whenever somebody reads it."""

import json
import logging
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, Protocol

from src.models import NEW_YORK
from src.ports import MendInput

FILE = "heartbeat.json"
GRACE = timedelta(minutes=3)
"""How long after its due time, on the wall's clock, a tick or its end is called late."""

_log = logging.getLogger("optionsarbitrage")


class Life(StrEnum):
    """What the process was doing when it last wrote."""

    TICKING = "ticking"
    WAITING = "waiting"
    BETWEEN = "between"
    """It did one tick and ended, as it was asked to: the next start goes on."""
    ENDED = "ended"
    """The day is over."""
    STOPPED = "stopped"
    """It was interrupted or failed, and said so."""


class Beat(NamedTuple):
    """One sign of life. Times are ISO 8601; `now` and `next_tick` are the program's own clock's.

    `late_after` is the moment of the wall's clock after which something must be wrong, None when
    nothing more is due. `position` and `differences` are words, empty where there is nothing.
    """

    pid: int
    life: Life
    wall: str
    late_after: str | None
    now: str
    next_tick: str | None
    session: str
    mode: str
    phase: str
    position: str
    differences: str
    control: str

    def is_late(self, wall: datetime) -> bool:
        """Whether the process should have given another sign before this moment of the wall."""
        return self.late_after is not None and wall > datetime.fromisoformat(self.late_after)


class Day(Protocol):
    """What is watched: a day that is ticked and can say where it stands."""

    def tick(self, now: datetime) -> datetime | None:
        """Bring the day up to a moment; return when to be called next."""

    def standing(self, now: datetime) -> dict[str, str]:
        """Return session, mode, phase, position, differences and control, in words."""


class Heartbeat:
    """Ticks a day and writes a beat before and after.

    `speed` is how many of the day's seconds pass in one of the wall's, None when waiting takes no
    time. `longest_tick` is what a tick may last on the day's clock when orders are worked.
    """

    def __init__(
        self,
        folder: Path,
        day: Day,
        start: datetime,
        *,
        speed: float | None = 1.0,
        longest_tick: timedelta = timedelta(minutes=3),
        wall: Callable[[], datetime] = lambda: datetime.now(NEW_YORK),
    ) -> None:
        self._file = folder / FILE
        self._day = day
        self._speed = speed
        self._longest_tick = longest_tick
        self._wall = wall
        self._now = start
        self._wake: datetime | None = None

    def tick(self, now: datetime) -> datetime | None:
        """Tick the day between two beats."""
        self._now = now
        self._write(Life.TICKING, self._longest_tick)
        self._wake = wake = self._day.tick(now)
        if wake is not None and self._speed is not None:  # else nobody waits, and nobody can see it
            self._write(Life.WAITING, wake - now)
        return wake

    @contextmanager
    def watched(self) -> Iterator["Heartbeat"]:
        """Leave a last beat that says how it ended: by itself, or by force."""
        try:
            yield self
        except BaseException:
            self._write(Life.STOPPED)
            raise
        if self._wake is None:
            self._write(Life.ENDED)
        else:
            self._write(Life.BETWEEN, self._wake - self._now)

    def _write(self, life: Life, due: timedelta | None = None) -> None:
        wall = self._wall()
        late = None if due is None else wall + self._on_the_wall(due) + GRACE

        temporary = self._file.with_suffix(".tmp")
        try:
            beat = Beat(
                pid=os.getpid(),
                life=life,
                wall=wall.isoformat(),
                late_after=late.isoformat() if late else None,
                now=self._now.isoformat(),
                next_tick=self._wake.isoformat() if self._wake else None,
                **self._day.standing(self._now),
            )
            temporary.write_text(json.dumps(beat._asdict(), indent=1), encoding="utf-8")
            temporary.replace(self._file)
        except (OSError, sqlite3.Error) as error:
            # A full disk must not stop the watch over a position; the old beat then looks late.
            _log.warning("%s could not be written (%s)", self._file, error)

    def _on_the_wall(self, span: timedelta) -> timedelta:
        return timedelta(0) if self._speed is None else max(span, timedelta(0)) / self._speed


def read_beat(folder: Path) -> Beat | None:
    """Return the last sign of life, None where there never was one. Raises MendInput."""
    file = folder / FILE
    try:
        return _beat(json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, LookupError) as error:
        raise MendInput(
            f"{file}: this is no sign of life of this program ({error}). Delete the file; a "
            "running day writes it anew at its next tick."
        ) from error


def _beat(data: Mapping[str, object]) -> Beat:
    known = {name: data[name] for name in Beat._fields}
    return Beat(**known | {"life": Life(str(data["life"]))})  # type: ignore[arg-type] # from JSON
