"""The work of a sweep in chunks of days: what a chunk is, how it is played, where it is kept.

A chunk is played by whichever process gets it, on this machine or on a cluster, so a task holds
all that it takes: the base settings, the axes of the grid, and the days.
"""

import hashlib
import signal
import zipfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from scripts.backtest_days import Day, DayTrader, Plan
from src.backtest import DayMarket
from src.day_table import DayTable, day_table
from src.exports import not_written
from src.models import NEW_YORK, Session
from src.ports import MendInput
from src.sweep import Outcome, Stack, sweep
from src.sweep_grid import Axis, Grid, Variant, make_grid
from src.sweep_rules import (
    MINUTE,
    Packed,
    Rules,
    judged_minutes,
    looked_minutes,
    pack,
    rules_of,
)
from utils.market_clock import VirtualClock

PROJECT = Path(__file__).resolve().parent.parent
DAYS_A_CHUNK = 8
_PARTS = ("pnl", "trades", "doubt")
_CODE = ("src/*.py", "brokers/*.py", "scripts/*.py", "config/*.csv")
"""What may change a result without being named on the command line."""
_MONDAY = date(2026, 1, 5)
_ANY_SESSION = Session(
    _MONDAY,
    datetime.combine(_MONDAY, time(9, 30), NEW_YORK),
    datetime.combine(_MONDAY, time(16), NEW_YORK),
)


class Task(NamedTuple):
    """Some days of a sweep; `key` stands for the plan and the axes."""

    key: str
    plan: Plan
    axes: tuple[Axis, ...]
    days: tuple[Day, ...]


def tasks_of(plan: Plan, axes: Sequence[Axis], days: Sequence[Day]) -> list[Task]:
    """Return the days of a sweep in chunks."""
    key = digest(plan, axes, days)
    chunks = (days[first : first + DAYS_A_CHUNK] for first in range(0, len(days), DAYS_A_CHUNK))
    return [Task(key, plan, tuple(axes), tuple(each)) for each in chunks]


def digest(plan: Plan, axes: Sequence[Axis], days: Sequence[Day]) -> str:
    """Return what must be equal for finished chunks to count: grid, settings, data and code.

    Raises MendInput for a tape that cannot be read.
    """
    parts = [
        plan.settings.model_dump_json(),
        repr((plan.model, sorted(plan.closes.items()), axes)),
        *(str(day) if isinstance(day, int) else _digest_of_tape(day) for day in days),
        *(_digest_of(file) for pattern in _CODE for file in sorted(PROJECT.glob(pattern))),
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _digest_of(path: Path) -> str:
    try:
        return f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}"
    except OSError as error:
        raise MendInput(f"{path}: the file cannot be read ({error.strerror}).") from error


def _digest_of_tape(path: Path) -> str:
    beside = path.with_name(f"{path.name[:10]}.json")
    return _digest_of(path) + (_digest_of(beside) if beside.exists() else "")


# Playing a chunk.


class _Player:
    """All that the chunks of one sweep have in common, prepared once a process."""

    def __init__(self, plan: Plan, axes: Sequence[Axis]) -> None:
        self._trader = DayTrader(plan)
        self.grid = make_grid(plan.settings, axes)
        self._variants = self.grid.variants()
        self._known: dict[tuple[int, int], tuple[list[Rules], Packed]] = {}

    def play(self, days: Sequence[Day]) -> Outcome:
        """Play every parameter set on these days."""
        markets = [self._trader.market(day) for day in days]
        shape = len(self.grid.sets), len(markets)
        whole = Outcome(
            np.zeros(shape, np.int64),
            np.zeros(shape, np.int16),
            np.zeros(shape, np.int8),
            np.zeros((*shape, 0, 0), np.int32),
        )
        for close in sorted({_length(each.session) for each in markets}):
            places = [i for i, each in enumerate(markets) if _length(each.session) == close]
            for number, variant in enumerate(self._variants):
                sets, packed = self._rules(number, markets[places[0]].session)
                tables = [_table(markets[i], variant, sets, close) for i in places]
                found = sweep(Stack.of(tables, sets[0].jump), packed)
                for name in _PARTS:
                    where = np.ix_(variant.rows, places)
                    getattr(whole, name)[where] = getattr(found, name)
        return whole

    def _rules(self, number: int, session: Session) -> tuple[list[Rules], Packed]:
        """Return a variant's sets as numbers: the same for all sessions of one length."""
        key = number, _length(session)
        if key not in self._known:
            sets = [rules_of(each.settings, session) for each in self._variants[number].sets]
            self._known[key] = sets, pack(sets)
        return self._known[key]


def _table(market: DayMarket, variant: Variant, sets: Sequence[Rules], close: int) -> DayTable:
    return day_table(
        market,
        variant.settings,
        VirtualClock(market.session.open),
        judged=judged_minutes(sets, close),
        looked=looked_minutes(sets, close),
        least=min(each.least for each in sets),
        spreads=max(each.most_spreads for each in sets),
    )


def _length(session: Session) -> int:
    return int((session.close - session.open).total_seconds()) // MINUTE


_PLAYERS: dict[str, _Player] = {}
"""The players of this process by the key of their sweep."""


def play_chunk(task: Task) -> Outcome:
    """Play one chunk. Raises MendInput for a tape that cannot be played."""
    if task.key not in _PLAYERS:
        _PLAYERS.clear()
        _PLAYERS[task.key] = _Player(task.plan, task.axes)
    return _PLAYERS[task.key].play(task.days)


def on_this_machine(tasks: Sequence[Task], jobs: int) -> Iterator[tuple[int, Outcome]]:
    """Play tasks in so many processes; yield place and result of each as it ends."""
    jobs = min(jobs, len(tasks))
    if jobs <= 1:
        yield from enumerate(map(play_chunk, tasks))
        return
    pool = ProcessPoolExecutor(jobs, initializer=_begin)
    try:
        places = {pool.submit(play_chunk, task): place for place, task in enumerate(tasks)}
        for future in as_completed(places):
            yield places[future], future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _begin() -> None:
    """Leave Ctrl-C to the process that a person started."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


# Keeping chunks.


@dataclass(frozen=True, slots=True)
class Kept:
    """Finished chunks of one sweep, a file each, so that an interrupted one can go on."""

    folder: Path

    def load(self, place: int) -> Outcome | None:
        """Return a chunk that was finished; None where it was not, or its file is not sound."""
        try:
            with self._file(place).open("rb") as stream, np.load(stream) as parts:
                pnl, trades, doubt = (parts[name] for name in _PARTS)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None
        return Outcome(pnl, trades, doubt, np.zeros((*pnl.shape, 0, 0), np.int32))

    def save(self, place: int, chunk: Outcome) -> None:
        """Keep a finished chunk; a half-written file never has its name.

        Raises MendInput where it cannot be written.
        """
        file = self._file(place)
        unfinished = file.with_suffix(".part")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            try:
                with unfinished.open("wb") as stream:
                    np.savez(stream, **{name: getattr(chunk, name) for name in _PARTS})
                unfinished.replace(file)
            finally:
                unfinished.unlink(missing_ok=True)
        except OSError as error:
            raise MendInput(not_written(file, error)) from error

    def forget(self) -> None:
        """Remove what was kept: the sweep is done."""
        for file in self.folder.glob("[0-9]*.*"):
            file.unlink()
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()

    def _file(self, place: int) -> Path:
        return self.folder / f"{place:06d}.npz"


def joined(chunks: Sequence[Outcome]) -> Outcome:
    """Return the chunks of a sweep, in the order of their days, as one."""
    pnl, trades, doubt = (
        np.concatenate([getattr(each, name) for each in chunks], axis=1) for name in _PARTS
    )
    return Outcome(pnl, trades, doubt, np.zeros((*pnl.shape, 0, 0), np.int32))


def grid_of(plan: Plan, axes: Sequence[Axis]) -> Grid:
    """Return the grid of a sweep, whose sets can all be played on tables of minutes.

    Raises MendInput where they cannot.
    """
    grid = make_grid(plan.settings, axes)
    for each in grid.sets:
        rules_of(each.settings, _ANY_SESSION)
    return grid
