"""What a seed makes of a day: the date, the settings, the market, the faults."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from functools import cache

from src.models import NEW_YORK, Session
from src.settings import Settings
from tests.simulation.faults import Fault, draw_faults

# Ordinary days of 2026, both weeks in which the clocks change, ex-dates, and both half days.
_DAYS = (
    *("2026-01-05", "2026-02-11", "2026-03-06", "2026-03-09", "2026-03-13", "2026-03-20"),
    *("2026-04-15", "2026-05-22", "2026-06-18", "2026-07-16", "2026-08-28", "2026-09-18"),
    *("2026-10-07", "2026-10-30", "2026-11-02", "2026-11-06", "2026-12-18", "2026-12-31"),
)
_HALF_DAYS = ("2026-11-27", "2026-12-24")

_SETTINGS: tuple[tuple[str, ...], ...] = (
    (),
    ("strategy.max_spreads=1",),
    ("strategy.max_spreads=3", "strategy.min_entry_credit=150"),
    ("strategy.exit_threshold=0.5", "strategy.min_entry_credit=250"),
    ("strategy.max_position_loss=120", "strategy.min_entry_credit=250"),
    ("strategy.max_daily_loss=60", "strategy.min_entry_credit=250"),
    ("strategy.max_daily_loss=60", "strategy.max_spreads=3", "strategy.max_position_loss=100"),
    ("strategy.strike_rule=atm", "strategy.min_entry_credit=100"),
    ("strategy.pin_band_dollars=20",),
    ("execution.reprice_seconds=2", "execution.leg_deadline_seconds=10"),
    ("execution.on_deadline=complete", "strategy.max_spreads=3"),
    ("execution.on_deadline=unwind", "strategy.min_entry_credit=250"),
    ("execution.poll_seconds=5", "execution.max_exit_slippage=0"),
    ("trading_hours.monitor_interval_seconds=60", "strategy.exit_threshold=1"),
    ("trading_hours.final_interval_seconds=20", "strategy.pin_band_percent=3"),
)

_APART = 1_000_003


@dataclass(frozen=True, slots=True)
class DayPlan:
    """Everything that is decided before a simulated day begins."""

    seed: int
    session: Session
    settings: tuple[str, ...]
    market_seed: int
    is_dislocated: bool
    cash: int
    faults: tuple[Fault, ...]

    def __str__(self) -> str:
        return (
            f"seed {self.seed}: {self.session.day:%a} {self.session.day}, "
            f"{'half day, ' if self.session.is_half_day else ''}"
            f"market {self.market_seed}{'' if self.is_dislocated else ' (as it comes)'}, "
            f"${self.cash:,}, settings: {', '.join(self.settings) or 'defaults'}"
        )


def draw_day(seed: int, kinds: Iterable[str] | None = None) -> DayPlan:
    """Return the day of a seed, with faults of these kinds, of all kinds by default."""
    rng = random.Random(seed)  # noqa: S311 - dice for days, not for secrets
    is_half = rng.random() < 0.06
    day = date.fromisoformat(rng.choice(_HALF_DAYS if is_half else _DAYS))
    settings = rng.choice(_SETTINGS)
    if is_half and rng.random() < 0.8:
        settings = (*settings, "strategy.trade_half_days=true")
    return DayPlan(
        seed=seed,
        session=a_session(day, is_half=is_half),
        settings=settings,
        market_seed=rng.randrange(2**31),
        is_dislocated=rng.random() < 0.95,
        cash=rng.choice((60_000, 100_000, 1_000_000)),
        faults=draw_faults(rng, kinds),
    )


def draw_days(seed: int, count: int, kinds: Iterable[str] | None = None) -> list[DayPlan]:
    """Return so many days that follow each other; the first is `draw_day`'s."""
    first = draw_day(seed, kinds)
    halves = {date.fromisoformat(each) for each in _HALF_DAYS}
    every = sorted({*map(date.fromisoformat, _DAYS), *halves})
    place = min(every.index(first.session.day), max(len(every) - count, 0))
    return [
        replace(
            draw_day(seed + index * _APART, kinds),
            session=a_session(day, is_half=day in halves),
        )
        for index, day in enumerate(every[place : place + count])
    ]


def a_session(day: date, *, is_half: bool) -> Session:
    """Return a session of the exchange with its hours."""
    return Session(
        day,
        datetime.combine(day, time(9, 30), NEW_YORK),
        datetime.combine(day, time(13 if is_half else 16), NEW_YORK),
    )


@cache
def settings_of(changes: Sequence[str]) -> Settings:
    """Return the defaults with some values replaced."""
    return Settings.defaults().changed(*changes) if changes else Settings.defaults()
