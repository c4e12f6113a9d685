"""A day as columns, one row a minute: what the rules saw, what a spread cost, what it would bring.

A table is made once, by the same judgement as a trading day: `MarketDataCollector` says which
quotes count, `should_enter_trade` what they are worth, `FeeSchedule` what they cost, `settlement`
how it ends. Then many parameter sets are played on it (`sweep`). Rows are whole minutes since the
open, the last one is the close. Prices are dollars a share as they come, money is whole cents,
positive when received.
"""

import math
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from src.backtest import DayMarket
from src.fees import fee_schedule
from src.market_data import Fault, MarketDataCollector, NoSetup
from src.models import (
    MULTIPLIER,
    SPY_PER_SPREAD,
    OptionContract,
    Quote,
    Side,
    TradeSetup,
)
from src.outlook import closes_without_record, outlook
from src.ports import Clock, RetryLater
from src.settings import Settings
from src.settlement import calculate_expiration_value
from src.strategy_engine import Capacity, should_enter_trade
from src.ticks import is_on_grid

Whole = NDArray[np.int32]
Numbers = NDArray[np.float64]

UNKNOWN = 2**31 - 1
"""In place of cents that nobody knows."""
ANY_SIZE = 10**6
"""In place of a number of contracts where the source tells none: then any order fills."""
FAULTS = tuple(Fault)
"""The bits of `faults`, lowest first; above them one for a criterion of the market that said no."""
REFUSED = 1 << len(FAULTS)

_CENTS = 100
_SPY_CENTS = SPY_PER_SPREAD * MULTIPLIER
_OF_PRICES = {"0DTE contracts", "ratio", "spreads", "expected profit", "market open"}
_ROOM = Capacity(0, Decimal(10**12), Decimal(10**12))
_ANYTHING = 1e12


@dataclass(frozen=True, slots=True)
class DayTable:
    """One day under one judgement.

    By minute: `spy` and `spx` are prices (NaN when not sound); the strikes that the rule picks,
    with `bid`, `ask`, sizes (`ANY_SIZE` when not told) and `age` in seconds of either quote; `edge`
    is the expected profit of a spread in dollars, NaN where there is none, and `offer` the same
    where all else allows an entry, else minus infinity. `slack` is the min_entry_credit, in cents,
    below which both entry orders fill at once; `room_in` is how many spreads the sizes allow;
    `pair` is a row of the held pairs, -1 for none.

    By spreads (0 for one) and minute: `entry`, the cash of opening, less fees. By pair: strikes,
    `settled` (cash of a spread at expiry, `UNKNOWN` without closes), and by minute `room_out`, how
    many spreads can leave at once; by spreads, pair and minute: `value`, the cash of closing, less
    fees, `UNKNOWN` when a quote could not be traded on.
    """

    day: date
    spy: Numbers
    spx: Numbers
    spy_strike: Numbers
    spx_strike: Numbers
    spy_bid: Numbers
    spy_ask: Numbers
    spx_bid: Numbers
    spx_ask: Numbers
    spy_bid_size: Whole
    spx_ask_size: Whole
    spy_age: Numbers
    spx_age: Numbers
    faults: Whole
    edge: Numbers
    credit: Numbers
    offer: Numbers
    slack: Whole
    spx_cost: Whole
    room_in: Whole
    pair: Whole
    entry: Whole
    value: Whole
    room_out: Whole
    pair_strikes: Numbers
    settled: Whole
    max_age: float

    @property
    def close(self) -> int:
        """The last row: minutes from the open to the close."""
        return len(self.spy) - 1


def day_table(
    market: DayMarket,
    settings: Settings,
    clock: Clock,
    *,
    judged: NDArray[np.bool_],
    looked: NDArray[np.bool_],
    least: float,
    spreads: int,
) -> DayTable:
    """Return the table of a day; `clock` stands at its open and moves only when slept on.

    `judged` and `looked` say at which minutes an entry is judged and a position looked at: other
    rows stay empty. Pairs are followed where an entry could be worth more than `least` dollars,
    for one to `spreads` spreads.
    """
    maker = _Maker(market, clock, settings, len(judged), least, spreads)
    for minute in range(len(judged) - 1):
        if judged[minute] or looked[minute]:
            _put(clock, market.session.open + timedelta(minutes=minute))
            maker.see(minute, judge=bool(judged[minute]))
    _put(clock, market.session.spy_options_close)
    return maker.table()


def _put(clock: Clock, moment: datetime) -> None:
    clock.sleep((moment - clock.now()).total_seconds())


class _Maker:
    """Fills the columns, one minute after the other."""

    def __init__(
        self,
        market: DayMarket,
        clock: Clock,
        settings: Settings,
        rows: int,
        least: float,
        spreads: int,
    ) -> None:
        session, source = market.session, market.source(clock)
        self._source, self._clock, self._session = source, clock, session
        self._settings = _judging(settings)
        self._fees = fee_schedule(settings.fees)
        self._cost = lru_cache(maxsize=4096)(self._fee)
        self._collector = MarketDataCollector(source, clock, session, self._settings)
        closes = closes_without_record(source, session.day, market.closes_before)
        self._expected = outlook(session.day, settings.strategy, closes=closes)
        self._rows, self._least, self._spreads = rows, least, spreads
        self._pairs: dict[tuple[OptionContract, OptionContract], int] = {}
        self._value: list[Whole] = []
        self._room_out: list[Whole] = []
        self.column: dict[str, Any] = {name: _empty(kind, rows) for name, kind in _COLUMNS.items()}
        self.column["offer"][:] = -np.inf
        self.column["pair"][:] = -1
        self._entry = np.zeros((spreads, rows), np.int32)

    def see(self, minute: int, *, judge: bool) -> None:
        """Fill in one row."""
        try:
            prices, _ = self._collector.get_current_prices()
        except RetryLater:
            prices = {}
        self.column["spy"][minute] = prices.get("SPY", math.nan)
        self.column["spx"][minute] = prices.get("SPX", math.nan)
        if judge:
            self._judge(minute)
        if self._pairs:
            self._follow(minute)

    def _judge(self, minute: int) -> None:
        now = self._clock.now()
        market = self._collector.get_trade_setup()
        decision = should_enter_trade(
            market,
            now=now,
            session=self._session,
            capacity=_ROOM,
            settings=self._settings,
            fees=self._fees,
            expected=self._expected,
        )
        refused = any(not each.passed for each in decision.criteria if each.name in _OF_PRICES)
        found = 0
        if isinstance(market, NoSetup):
            for fault, _ in market.faults:
                found |= 1 << FAULTS.index(fault)
        self.column["faults"][minute] = found | (REFUSED if refused else 0)
        if not isinstance(market, TradeSetup):
            return
        self._write(minute, market, now)
        if decision.entry_credit is None or decision.expected_profit is None:
            return
        self.column["credit"][minute] = decision.entry_credit
        self.column["edge"][minute] = decision.expected_profit
        if refused:
            return
        self.column["offer"][minute] = decision.expected_profit
        if decision.expected_profit > self._least:
            self._price(minute, market, decision.entry_credit - decision.expected_profit)

    def _write(self, minute: int, setup: TradeSetup, now: datetime) -> None:
        for leg, contract, quote in (
            ("spy", setup.spy_contract, setup.spy_call),
            ("spx", setup.spx_contract, setup.spx_call),
        ):
            self.column[f"{leg}_strike"][minute] = contract.strike
            self.column[f"{leg}_bid"][minute] = quote.bid
            self.column[f"{leg}_ask"][minute] = quote.ask
            self.column[f"{leg}_age"][minute] = (now - quote.at).total_seconds()
        self.column["spy_bid_size"][minute] = _size(setup.spy_call.bid_size)
        self.column["spx_ask_size"][minute] = _size(setup.spx_call.ask_size)

    def _price(self, minute: int, setup: TradeSetup, not_earned: float) -> None:
        """Write down what opening costs, and begin to follow the pair."""
        bid, ask = _exact(setup.spy_call.bid or 0.0), _exact(setup.spx_call.ask or 0.0)
        gross = _SPY_CENTS * bid - MULTIPLIER * ask
        for spreads in range(1, self._spreads + 1):
            paid = self._cost("SPXW", spreads, Side.BUY, ask)
            paid += self._cost("SPY", SPY_PER_SPREAD * spreads, Side.SELL, bid)
            self._entry[spreads - 1, minute] = _cents(spreads * gross) - paid
        # Like `OrderExecutor._make_plan`, but for a cent and for the highest fees that may be.
        besides = Decimal(math.ceil(round(_CENTS * not_earned, 4)) + (1 if not_earned else 0))
        highest = (_CENTS * _SPY_CENTS * bid - besides) / _CENTS - Decimal(str(self._least))
        fees = self._fees.opening(bid, max(highest / MULTIPLIER, Decimal(0)))
        self.column["slack"][minute] = math.floor(_CENTS * (gross - fees) - besides)
        self.column["spx_cost"][minute] = _cents(MULTIPLIER * ask)
        pair = setup.spy_contract, setup.spx_contract
        if is_on_grid(pair[0], bid) and is_on_grid(pair[1], ask):
            sold = _size(setup.spy_call.bid_size) // SPY_PER_SPREAD
            self.column["room_in"][minute] = min(_size(setup.spx_call.ask_size), sold)
        self.column["pair"][minute] = self._pairs.setdefault(pair, len(self._pairs))
        if len(self._pairs) > len(self._value):
            self._value.append(np.full((self._spreads, self._rows), UNKNOWN, np.int32))
            self._room_out.append(np.zeros(self._rows, np.int32))

    def _follow(self, minute: int) -> None:
        """Write down what closing each pair would bring, as `PositionMonitor.value` reckons it."""
        try:
            quotes = self._collector.get_options_quotes(
                {leg for pair in self._pairs for leg in pair}
            )
        except RetryLater:
            return
        for (spy_call, spx_call), row in self._pairs.items():
            spy_quote = self._collector.tradable(spy_call, quotes)
            spx_quote = self._collector.tradable(spx_call, quotes)
            if spy_quote is None or spx_quote is None:
                continue
            ask, bid = _exact(spy_quote.ask or 0.0), _exact(spx_quote.bid or 0.0)
            gross = MULTIPLIER * bid - _SPY_CENTS * ask
            for spreads in range(1, self._spreads + 1):
                fees = self._cost("SPXW", spreads, Side.SELL, bid)
                fees += self._cost("SPY", SPY_PER_SPREAD * spreads, Side.BUY, ask)
                self._value[row][spreads - 1, minute] = _cents(spreads * gross) - fees
            self._room_out[row][minute] = _way_out(spy_call, spy_quote, spx_call, spx_quote)

    def _fee(self, root: str, contracts: int, side: Side, price: Decimal) -> int:
        return _cents(self._fees.fee(root, contracts, side=side, price=price))

    def table(self) -> DayTable:
        """Return what was filled in; the clock stands after the close."""
        try:
            closes = self._source.official_closes(self._session.day)
        except RetryLater:
            closes = None
        strikes = [(spy.strike, spx.strike) for spy, spx in self._pairs]
        settled = [
            UNKNOWN
            if closes is None
            else _cents(calculate_expiration_value(closes.spy, closes.spx, *each).total)
            for each in strikes
        ]
        shape = len(strikes), self._spreads, self._rows
        return DayTable(
            day=self._session.day,
            **self.column,
            entry=self._entry,
            value=np.array(self._value, np.int32).reshape(shape).transpose(1, 0, 2),
            room_out=np.array(self._room_out, np.int32).reshape(len(strikes), self._rows),
            pair_strikes=np.array(strikes, np.float64).reshape(len(strikes), 2),
            settled=np.array(settled, np.int32),
            max_age=self._collector.limits.max_age,
        )


_COLUMNS = {
    each.name: each.type
    for each in fields(DayTable)
    if each.type in (Numbers, Whole)
    and each.name not in ("entry", "value", "room_out", "pair_strikes", "settled")
}


def _empty(kind: object, rows: int) -> Numbers | Whole:
    return np.full(rows, np.nan) if kind is Numbers else np.zeros(rows, np.int32)


def _judging(settings: Settings) -> Settings:
    """Return settings by which every price is believed and every profit is enough.

    What a jump is depends on when was looked before, and what is enough on the parameter set:
    both are left to who plays on the table.
    """
    data = settings.market_data.model_copy(update={"max_jump_percent": _ANYTHING})
    rules = settings.strategy.model_copy(update={"min_entry_credit": -_ANYTHING})
    return settings.model_copy(update={"market_data": data, "strategy": rules})


@lru_cache(maxsize=4096)
def _exact(price: float) -> Decimal:
    return Decimal(str(price))


def _cents(dollars: Decimal) -> int:
    return round(_CENTS * dollars)


def _size(contracts: int | None) -> int:
    return ANY_SIZE if contracts is None else contracts


def _way_out(
    spy_call: OptionContract, spy_quote: Quote, spx_call: OptionContract, spx_quote: Quote
) -> int:
    """Return how many spreads could be closed at once at these quotes."""
    ask, bid = _exact(spy_quote.ask or 0.0), _exact(spx_quote.bid or 0.0)
    if not (is_on_grid(spy_call, ask) and is_on_grid(spx_call, bid)):
        return 0
    return min(_size(spx_quote.bid_size), _size(spy_quote.ask_size) // SPY_PER_SPREAD)
