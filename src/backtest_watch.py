"""At which minutes of a day anything can happen at all, told in advance from its columns.

A trading day asks to be woken for every look. Most looks find nothing: no credit that could be
enough, no reason to leave. Where a day's quotes are known as columns, one comparison of whole
columns finds the looks that can matter, and only these are made. The comparison leaves a look out
only if it must find nothing, so that trades and cents are those of a day that makes every look;
what is missing is the record of the looks that found nothing.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from src.fees import fee_schedule
from src.models import MULTIPLIER, SPY_PER_SPREAD, OptionContract, Session, SpreadPosition
from src.settings import Settings
from src.timetable import Timetable
from src.trading_day import SECOND_LOOK, TradingDay

Numbers = NDArray[np.float64]
Marks = NDArray[np.bool_]
_MINUTE = timedelta(minutes=1)
_SHARES = SPY_PER_SPREAD * MULTIPLIER
_CENT = 0.01


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


class Watch:
    """Says how long a day may sleep. `columns` are the whole market of its session."""

    def __init__(self, columns: Columns, session: Session, settings: Settings) -> None:
        self._columns = columns
        self._session = session
        self._settings = settings
        self._rules = settings.strategy
        times = self._times = Timetable(session, settings)
        hours = settings.trading_hours
        steps = (
            hours.entry_check_seconds,
            hours.monitor_interval_seconds,
            hours.final_interval_seconds,
        )
        moments = times.entry_start, times.entry_end, times.exit_check
        # Rows are whole minutes: where looks are not, every one of them is made.
        self._is_whole = not any(each % 60 for each in steps) and not any(
            (each - session.open) % _MINUTE for each in moments
        )
        if self._is_whole:
            self._checks, self._entry_grid = self._check_grid(), self._make_entry_grid()
        self._offered: Marks | None = None
        self._limit = settings.market_data.max_jump_percent / 100
        self._is_calm = self._moves(columns.spy) <= self._limit >= self._moves(columns.spx)
        self._fees = fee_schedule(settings.fees)
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
        where = found[first:].argmax() if first < len(found) else 0
        if first >= len(found) or not found[first + where]:
            return self._session.close
        minute = int(first + where)
        if not self._is_calm and where:
            # Whether a price is believed depends on the look before: that one is made as well.
            before = looks[first:minute].nonzero()[0]
            minute = int(first + before[-1]) if len(before) else minute
        return self._session.open + minute * _MINUTE

    def _marks(self, day: TradingDay, held: Sequence[SpreadPosition]) -> tuple[Marks, Marks]:
        """Return at which minutes is looked, and at which of them something could happen."""
        if not held:
            return self._entry_grid, self._entry_grid & self._offers()
        exits = self._exit_marks(day, held)
        if not self._may_open(held):
            return self._checks, exits
        looks = self._checks | self._entry_grid
        # A look at a position is a look for an entry too, where the last one was long enough ago.
        return looks, exits | (looks & self._offers())

    @staticmethod
    def _moves(prices: Numbers) -> float:
        return float(prices.max() / prices.min() - 1)

    def _minutes(self, moment: datetime) -> int:
        return (moment - self._session.open) // _MINUTE

    def _check_grid(self) -> Marks:
        """Return the minutes at which open positions are looked at."""
        hours, rows = self._settings.trading_hours, len(self._columns.spy)
        minutes = np.arange(rows)
        start = self._minutes(self._times.exit_check)
        before = minutes % int(hours.monitor_interval_seconds // 60) == 0
        after = minutes % int(hours.final_interval_seconds // 60) == 0
        grid: Marks = np.where(minutes < start, before, after)
        grid[start] = True
        grid[-1] = False
        return grid

    def _make_entry_grid(self) -> Marks:
        """Return the minutes at which an entry is judged."""
        grid = np.zeros(len(self._columns.spy), bool)
        if self._times.may_enter:
            step = int(self._settings.trading_hours.entry_check_seconds // 60)
            grid[self._window()][::step] = True
        return grid

    def _window(self) -> slice:
        return slice(
            self._minutes(self._times.entry_start), self._minutes(self._times.entry_end) + 1
        )

    def _offers(self) -> Marks:
        """Return the minutes of the entry window at which the credit could be enough."""
        if self._offered is None:
            found = np.zeros(len(self._columns.spy), bool)
            if self._times.may_enter:
                found[self._window()] = True
            if self._rules.expected_profit == "credit":
                # Before any fee: none of them makes it more.
                gross = _SHARES * self._columns.spy_bid - MULTIPLIER * self._columns.spx_ask
                found &= gross > self._rules.min_entry_credit - _CENT
            self._offered = found
        return self._offered

    def _exit_marks(self, day: TradingDay, held: Sequence[SpreadPosition]) -> Marks:
        if self._exits is None or self._exits[0] is not held:
            self._exits = held, self._make_exit_marks(day, held)
        return self._exits[1]

    def _make_exit_marks(self, day: TradingDay, held: Sequence[SpreadPosition]) -> Marks:
        """Return the minutes at which a position could have to be closed."""
        rules, columns = self._rules, self._columns
        late = np.arange(len(columns.spy)) >= self._minutes(self._times.exit_check)
        found = np.zeros(len(columns.spy), bool)
        total = np.zeros(len(columns.spy))
        for each in held:
            strike = each.spy_contract.strike
            band = max(rules.pin_band_dollars, rules.pin_band_percent / 100 * strike)
            value = self._value(each)
            total += value
            found |= columns.spy > strike + rules.exit_threshold
            found |= late & (columns.spy >= strike - band - _CENT)
            found |= value < -rules.max_position_loss * max(each.spreads_opened, 1) + _CENT
        done = sum(each.cash for each in day.journal.positions() if not each.is_open)
        found |= total + float(done) < -rules.max_daily_loss + _CENT
        return found & self._checks

    def _value(self, held: SpreadPosition) -> Numbers:
        """Return dollars, at most what the position is worth at each minute."""
        columns = self._columns
        dear = math.ceil(max(columns.spy_ask.max(), columns.spx_bid.max())) + 1
        fees = 2 * held.spx_long * float(self._fees.opening(Decimal(dear), Decimal(dear)))
        worth = MULTIPLIER * (held.spx_long * columns.spx_bid - held.spy_short * columns.spy_ask)
        return worth + float(held.cash) - fees


def _is_fresh(day: TradingDay, due: datetime) -> bool:
    """Whether something was traded a moment ago: then is looked off the grid, for entries too."""
    orders = day.journal.orders()
    return bool(orders) and due - orders[-1].intent.created_at <= 2 * SECOND_LOOK
