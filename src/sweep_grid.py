"""Parameter grids: which keys take which values, and the parameter sets that come of them.

A key belongs either to the rules that are played on a finished table (`PLAYED`), or to the
judgement with which a table is made: each combination of the latter needs tables of its own.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from decimal import Decimal, InvalidOperation

from src.ports import MendInput
from src.settings import KEYS, Settings

PLAYED = frozenset(
    {
        *("strategy.min_entry_credit", "strategy.exit_threshold", "strategy.max_position_loss"),
        *("strategy.max_daily_loss", "strategy.max_spreads", "strategy.capital_per_spread"),
        *("strategy.max_position_size", "trading_hours.entry_start", "trading_hours.entry_end"),
        *("trading_hours.exit_check", "trading_hours.entry_check_seconds"),
        *("trading_hours.monitor_interval_seconds", "trading_hours.final_interval_seconds"),
        "simulation.starting_cash",
    }
)
"""Keys that a finished table can be played with; all others are part of its making."""

SECTIONS = ("strategy", "market_data", "trading_hours", "fees", "simulation")
MOST_SETS = 200_000
OPEN = time(9, 30)
_UNUSED = {"market_data.source", "market_data.fallback"}
_TOO_MANY = 10_000


@dataclass(frozen=True, slots=True)
class Axis:
    """One key of a grid and its values, as they are written on the command line."""

    key: str
    values: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.key}={','.join(self.values)}"


@dataclass(frozen=True, slots=True)
class ParameterSet:
    """One point of a grid: its values by key, and the settings that they make."""

    values: Mapping[str, str]
    settings: Settings


@dataclass(frozen=True, slots=True)
class Variant:
    """The sets that share their tables; `rows` are their places in the grid."""

    rows: tuple[int, ...]
    sets: tuple[ParameterSet, ...]

    @property
    def settings(self) -> Settings:
        """Settings by which the tables are made; what is only played with is that of the first."""
        return self.sets[0].settings


@dataclass(frozen=True, slots=True)
class Grid:
    """All parameter sets of a sweep, and in words what of the full grid was left out."""

    axes: tuple[Axis, ...]
    sets: tuple[ParameterSet, ...]
    left_out: int
    why_left_out: str

    def variants(self) -> tuple[Variant, ...]:
        """Return the sets by the tables that they need."""
        groups: dict[tuple[object, ...], list[int]] = {}
        judged = [each.key for each in self.axes if each.key not in PLAYED]
        for row, each in enumerate(self.sets):
            # Where entries begin with the day, it knows less of the day before: see `day_table`.
            early = each.settings.trading_hours.entry_start <= OPEN
            key = early, *(each.values[key] for key in judged)
            groups.setdefault(key, []).append(row)
        return tuple(
            Variant(tuple(rows), tuple(self.sets[row] for row in rows)) for rows in groups.values()
        )


def parse_axis(text: str) -> Axis:
    """Read KEY=A,B,C or KEY=FIRST:LAST:STEP; a time of day is HH:MM, its step is minutes.

    Raises MendInput, with the nearest key, for what cannot be swept.
    """
    key, equals, values = text.partition("=")
    key, place = key.strip(), f"--grid {text}"
    if not equals or not values.strip():
        raise MendInput(f"{place}: write KEY=A,B,C or KEY=FIRST:LAST:STEP.")
    if key not in KEYS.fields:
        raise MendInput(f"{KEYS.unknown(place, key)}.")
    if key.split(".")[0] not in SECTIONS or key in _UNUSED:
        raise MendInput(
            f"{place}: {key} changes nothing that a sweep reckons; it can sweep the sections "
            f"{', '.join(SECTIONS)}, and for the rest play single sets with scripts/backtest.py."
        )
    is_time = KEYS.fields[key].annotation is time
    found = [
        each for part in values.split(",") for each in _values(place, part.strip(), is_time=is_time)
    ]
    return Axis(key, tuple(dict.fromkeys(found)))


def make_grid(base: Settings, axes: Sequence[Axis]) -> Grid:
    """Return every combination of the axes that the settings allow.

    Raises MendInput when a value is not allowed whatever the others are, when a key is given
    twice, when there are more than `MOST_SETS`, and when nothing is left.
    """
    keys = [each.key for each in axes]
    if double := next((key for key in keys if keys.count(key) > 1), None):
        raise MendInput(f"--grid {double}: given twice; put all its values into one.")
    count = 1
    for each in axes:
        count *= len(each.values)
    if count > MOST_SETS:
        raise MendInput(f"The grid has {count:,} parameter sets; a sweep takes {MOST_SETS:,}.")
    sets: list[ParameterSet] = []
    left_out, why = 0, ""
    for values in itertools.product(*(each.values for each in axes)):
        chosen = dict(zip(keys, values, strict=True))
        try:
            settings = base.changed(*(f"{key}={value}" for key, value in chosen.items()))
        except MendInput as error:
            left_out, why = left_out + 1, why or str(error)
            continue
        sets.append(ParameterSet(chosen, settings))
    if not sets:
        raise MendInput(f"No parameter set of the grid is allowed. The first: {why}")
    return Grid(tuple(axes), tuple(sets), left_out, why)


def _values(place: str, text: str, *, is_time: bool) -> Iterator[str]:
    parts = text.split(":")
    if is_time:
        yield from _times(place, text, parts)
    elif len(parts) == 3:
        yield from _numbers(place, parts)
    elif len(parts) == 1 and text:
        yield text
    else:
        raise MendInput(f"{place}: {text!r} is neither a value nor FIRST:LAST:STEP.")


def _numbers(place: str, parts: Sequence[str]) -> Iterator[str]:
    try:
        first, last, step = map(Decimal, parts)
    except InvalidOperation as error:
        raise MendInput(f"{place}: FIRST:LAST:STEP must be numbers.") from error
    if not (step > 0 and first <= last and (last - first) / step < _TOO_MANY):
        raise MendInput(f"{place}: the step must lead from the first to the last value.")
    value = first
    while value <= last:
        yield f"{value.normalize():f}"
        value += step


def _times(place: str, text: str, parts: Sequence[str]) -> Iterator[str]:
    if len(parts) == 2:
        yield text
        return
    if len(parts) != 5 or not all(each.isdecimal() for each in parts):
        raise MendInput(
            f"{place}: {text!r} is neither a time (09:35) nor FIRST:LAST:MINUTES (09:35:10:00:5)."
        )
    first_hour, first_minute, last_hour, last_minute, step = map(int, parts)
    first, last = 60 * first_hour + first_minute, 60 * last_hour + last_minute
    if not step or first > last:
        raise MendInput(f"{place}: the step must lead from the first to the last time.")
    for minute in range(first, last + 1, step):
        yield f"{minute // 60:02d}:{minute % 60:02d}"
