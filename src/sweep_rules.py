"""A parameter set as the numbers that the sweep's engine reckons with.

Moments are whole minutes since the open, money is whole cents, as in `day_table`.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from src.models import Session
from src.ports import MendInput
from src.settings import Settings
from src.timetable import Timetable

MINUTE = 60
UNLIMITED = 10**6
_MILLIONTHS = 10**6


class Rules(NamedTuple):
    """One parameter set, laid upon sessions of one length.

    `first` to `last` is the entry window, `every` its step; a `last` before `first` opens nothing,
    and a `first` before the open, negative, is judged from the open on.
    From `exit_check` to `closing_until` the position is closed when SPY is above the strike or
    within the pin band; it is looked at every `step` minutes before, every `final` ones from there
    on. `cash`, `capital`, `loss`, `day_loss` and `least_cents` are cents; `share` is millionths of
    the account. `least`, `threshold` and `pin_dollars` are dollars, `pin_percent` is percent of
    the strike and `jump` a fraction.
    """

    first: int
    last: int
    every: int
    exit_check: int
    step: int
    final: int
    closing_until: int
    most_trades: int
    most_spreads: int
    cash: int
    capital: int
    share: int
    loss: int
    day_loss: int
    least_cents: int
    least: float
    threshold: float
    pin_dollars: float
    pin_percent: float
    jump: float


RECORD = np.dtype(list(Rules.__annotations__.items()))
Packed = NDArray[np.void]
"""Parameter sets as records with the fields of `Rules`."""


def pack(sets: Sequence[Rules]) -> Packed:
    """Return parameter sets as records, a row a set."""
    return np.array([tuple(each) for each in sets], RECORD)


def rules_of(settings: Settings, session: Session) -> Rules:
    """Return a parameter set as it holds for sessions like this one.

    Raises MendInput for what a table of one row a minute cannot hold, and for parts of a cent.
    """
    hours, strategy = settings.trading_hours, settings.strategy
    times = Timetable(session, settings)
    last = minute_of(session, times.entry_end) if times.may_enter else -1
    return Rules(
        first=minute_of(session, times.entry_start),
        last=min(last, minute_of(session, times.exit_check) - 1),
        every=_minutes("trading_hours.entry_check_seconds", hours.entry_check_seconds),
        exit_check=minute_of(session, times.exit_check),
        step=_minutes("trading_hours.monitor_interval_seconds", hours.monitor_interval_seconds),
        final=_minutes("trading_hours.final_interval_seconds", hours.final_interval_seconds),
        closing_until=minute_of(session, session.close),
        most_trades=UNLIMITED,
        most_spreads=strategy.max_spreads,
        cash=_cents("simulation.starting_cash", settings.simulation.starting_cash),
        capital=_cents("strategy.capital_per_spread", strategy.capital_per_spread),
        share=_whole("strategy.max_position_size", strategy.max_position_size, _MILLIONTHS),
        loss=_cents("strategy.max_position_loss", strategy.max_position_loss),
        day_loss=_cents("strategy.max_daily_loss", strategy.max_daily_loss),
        least_cents=_cents("strategy.min_entry_credit", strategy.min_entry_credit),
        least=strategy.min_entry_credit,
        threshold=strategy.exit_threshold,
        pin_dollars=strategy.pin_band_dollars,
        pin_percent=strategy.pin_band_percent,
        jump=settings.market_data.max_jump_percent / 100,
    )


def minute_of(session: Session, moment: datetime) -> int:
    """Return the whole minutes from the open to a moment."""
    return int((moment - session.open).total_seconds()) // MINUTE


def judged_minutes(sets: Sequence[Rules], close: int) -> NDArray[np.bool_]:
    """Return at which minutes any of the sets may judge the market, from 0 to the close."""
    judged = np.zeros(close + 1, np.bool_)
    for first, last in {(each.first, each.last) for each in sets}:
        # Every minute: after an exit a set judges between the beats of its grid as well.
        judged[max(first, 0) : last + 1] = True
    return judged


def looked_minutes(sets: Sequence[Rules], close: int) -> NDArray[np.bool_]:
    """Return at which minutes any of the sets may look at a position, from 0 to the close.

    A position that is opened after an earlier one was checked may be looked at as it is opened.
    """
    looked = judged_minutes(sets, close)
    for step, exit_check, final in {(each.step, each.exit_check, each.final) for each in sets}:
        looked[:exit_check:step] = True
        looked[exit_check] = True
        looked[(exit_check // final + 1) * final : close : final] = True
    return looked


def _minutes(key: str, seconds: float) -> int:
    return _whole(key, seconds, 1, unit=MINUTE, words="whole minutes (60, 120, ...) in a sweep")


def _cents(key: str, dollars: float) -> int:
    return _whole(key, dollars, 100, words="whole cents in a sweep")


def _whole(
    key: str, value: float, parts: int, *, unit: int = 1, words: str = "whole millionths in a sweep"
) -> int:
    exact = Decimal(str(value)) * parts / unit
    if exact != exact.to_integral_value():
        raise MendInput(f"{key} is {value:g}; it must be {words}. Play such a set by itself.")
    return int(exact)
