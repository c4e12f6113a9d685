"""At which minutes of a day anything can happen at all, told in advance from its columns.

A trading day asks to be woken for every look. Most looks find nothing: no credit that could be
enough, no reason to leave. Where a day's quotes are known as columns, one comparison of whole
columns finds the looks that can matter, and only these are made. The comparison leaves a look out
only if it must find nothing, so that trades and cents are those of a day that makes every look;
what is missing is the record of the looks that found nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from src.fees import fee_schedule
from src.models import MULTIPLIER, SPY_PER_SPREAD, OptionContract, Session, SpreadPosition
from src.settings import Settings
from src.settings_sections import Fees
from src.timetable import Timetable
from src.trading_day import SECOND_LOOK, TradingDay

Numbers = NDArray[np.float64]
Marks = NDArray[np.bool_]
_MINUTE = timedelta(minutes=1)
_SHARES = SPY_PER_SPREAD * MULTIPLIER
_CENT = 0.01
_DEARER_THAN_ANY = Decimal(1000)


@dataclass(frozen=True, slots=True)
class Columns:
    """One row a minute from the open to the close, both included; dollars a share, or points.

    All that is quoted on this day are these two calls, on both sides, at every minute.
    """

    spy_contract: OptionContract
    spx_contract: OptionContract
    spy: Numbers
    spx: Numbers
    spy_bid: Numbers
    spy_ask: Numbers
    spx_bid: Numbers
    spx_ask: Numbers


class _Hours(NamedTuple):
    """A session's times as rows, and the rows between two looks; the close is the last row."""

    rows: int
    first: int
    last: int
    exit_check: int
    entry_step: int
    step: int
    final_step: int


class _Grids(NamedTuple):
    """The rows at which an open position is looked at, and those at which an entry is judged."""

    checks: Marks
    entries: Marks


class Watch:
    """Says how long a day may sleep. `columns` are the whole market of its session."""

    def __init__(self, columns: Columns, session: Session, settings: Settings) -> None:
        self._columns = columns
        self._session = session
        self._settings = settings
        self._rules = settings.strategy
        self._times = Timetable(session, settings)
        hours = _hours(self._times, settings, len(columns.spy))
        self._is_whole = hours is not None
        if hours:
            self._hours, self._grids = hours, _grids(hours)
        limit = settings.market_data.max_jump_percent / 100
        self._is_calm = _moves(columns.spy) <= limit >= _moves(columns.spx)
        self._offered: Marks | None = None
        self._exits: tuple[Sequence[SpreadPosition], Marks] | None = None

    def wake(self, day: TradingDay, due: datetime) -> datetime:
        """Return the first moment from `due` on at which a look could change anything."""
        held = day.journal.open_positions()
        if not self._is_whole or not self._is_quiet(day, held, due):
            return due
        if due > self._session.close:
            # SPXW has expired; what is still held waits for the last trade of SPY's options.
            return max(due, self._session.spy_options_close)
        if due == self._session.close or (due - self._session.open) % _MINUTE:
            return due
        return self._next(day, held, due)

    def _is_quiet(self, day: TradingDay, held: Sequence[SpreadPosition], due: datetime) -> bool:
        """Whether nothing is under way but spreads that are held as they should be."""
        return not (
            day.journal.live_orders()
            or any(each.stage != "held" or not each.spy_short for each in held)
            or day.timetable.must_be_flat
            or (due <= self._times.entry_end and self._may_open(held) and _is_fresh(day, due))
        )

    def _may_open(self, held: Sequence[SpreadPosition]) -> bool:
        return sum(each.spx_long for each in held) < self._rules.max_spreads

    def _next(self, day: TradingDay, held: Sequence[SpreadPosition], due: datetime) -> datetime:
        first = (due - self._session.open) // _MINUTE
        looks, found = self._marks(day, held)
        where = int(found[first:].argmax()) if first < len(found) else 0
        minute = first + where
        if first >= len(found) or not found[minute]:
            return self._session.close
        if not self._is_calm and where:
            # Whether a price is believed depends on the look before: that one is made as well.
            before = looks[first:minute].nonzero()[0]
            minute = first + int(before[-1]) if len(before) else minute
        return self._session.open + minute * _MINUTE

    def _marks(self, day: TradingDay, held: Sequence[SpreadPosition]) -> tuple[Marks, Marks]:
        """Return at which minutes is looked, and at which of them something could happen."""
        checks, entries = self._grids
        if not held:
            return entries, entries & self._offers()
        exits = self._exit_marks(day, held)
        if not self._may_open(held):
            return checks, exits
        looks = checks | entries
        # A look at a position is a look for an entry too, where the last one was long enough ago.
        return looks, exits | (looks & self._offers())

    def _offers(self) -> Marks:
        """Return the minutes of the entry window at which the credit could be enough."""
        if self._offered is None:
            found = np.zeros(self._hours.rows, bool)
            if self._times.may_enter:
                window = slice(self._hours.first, self._hours.last + 1)
                found[window] = True
                if self._rules.expected_profit == "credit":
                    # Before any fee: none of them makes it more.
                    columns = self._columns
                    gross = _SHARES * columns.spy_bid[window] - MULTIPLIER * columns.spx_ask[window]
                    found[window] = gross > self._rules.min_entry_credit - _CENT
            self._offered = found
        return self._offered

    def _exit_marks(self, day: TradingDay, held: Sequence[SpreadPosition]) -> Marks:
        if self._exits is None or self._exits[0] is not held:
            self._exits = held, self._make_exit_marks(day, held)
        return self._exits[1]

    def _make_exit_marks(self, day: TradingDay, held: Sequence[SpreadPosition]) -> Marks:
        """Return the minutes at which a position could have to be closed."""
        rules, spy, late = self._rules, self._columns.spy, self._hours.exit_check
        values = [self._value(each) for each in held]
        done = float(sum(each.cash for each in day.journal.positions() if not each.is_open))
        found: Marks = sum(values[1:], values[0]) < _CENT - rules.max_daily_loss - done
        for each, value in zip(held, values, strict=True):
            strike = each.spy_contract.strike
            band = max(rules.pin_band_dollars, rules.pin_band_percent / 100 * strike)
            found |= spy > strike + rules.exit_threshold
            found |= value < _CENT - rules.max_position_loss * max(each.spreads_opened, 1)
            found[late:] |= spy[late:] >= strike - band - _CENT
        return found & self._grids.checks

    def _value(self, held: SpreadPosition) -> Numbers:
        """Return dollars, at most what the position is worth at each minute."""
        columns = self._columns
        least = float(held.cash) - held.spx_long * _most_fees(self._settings.fees)
        worth = held.spx_long * columns.spx_bid - held.spy_short * columns.spy_ask
        return MULTIPLIER * worth + least


def _is_fresh(day: TradingDay, due: datetime) -> bool:
    """Whether something was traded a moment ago: then is looked off the grid, for entries too."""
    orders = day.journal.orders()
    return bool(orders) and due - orders[-1].intent.created_at <= 2 * SECOND_LOOK


def _moves(prices: Numbers) -> float:
    """Return by which fraction the highest price of a day is above the lowest."""
    return float(prices.max() / prices.min() - 1)


@lru_cache(maxsize=8)
def _most_fees(fees: Fees) -> float:
    """Return dollars that closing a spread costs at most."""
    opening = fee_schedule(fees).opening(_DEARER_THAN_ANY, _DEARER_THAN_ANY)
    return 2 * float(opening)


def _hours(times: Timetable, settings: Settings, rows: int) -> _Hours | None:
    """Return a session's times as rows; None where its looks do not all fall on whole minutes."""
    hours, opens = settings.trading_hours, times.session.open
    moments = times.entry_start, times.entry_end, times.exit_check
    seconds = (
        hours.entry_check_seconds,
        hours.monitor_interval_seconds,
        hours.final_interval_seconds,
    )
    if any(each % 60 for each in seconds) or any((each - opens) % _MINUTE for each in moments):
        return None
    first, last, check = ((each - opens) // _MINUTE for each in moments)
    return _Hours(
        rows, first, last if times.may_enter else -1, check, *(int(s) // 60 for s in seconds)
    )


@lru_cache(maxsize=64)
def _grids(hours: _Hours) -> _Grids:
    """Return when a session is looked at; the same for all of its length and rules."""
    minutes = np.arange(hours.rows)
    checks: Marks = np.where(
        minutes < hours.exit_check, minutes % hours.step == 0, minutes % hours.final_step == 0
    )
    checks[hours.exit_check] = True
    checks[-1] = False
    entries = np.zeros(hours.rows, bool)
    entries[hours.first : hours.last + 1 : hours.entry_step] = True
    return _Grids(checks, entries)
