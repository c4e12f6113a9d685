"""Many days, one after another, on the code that trades a real one.

Each day is a `TradingDay` with its executor, journal and settlement, on a record in memory and a
clock that moves only when the day sleeps. Every day begins with the same account and with nothing
halted: what a loss would forbid on the next morning is a person's to lift.
"""

import gc
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from src.backtest_watch import Columns, Watch
from src.daily_report import DailyReport
from src.database import Store, open_database
from src.models import NEW_YORK, Session
from src.ports import Broker, Clock, QuoteSource
from src.ratio import Closes
from src.results_logger import ResultsLogger
from src.settings import Settings
from src.trading_day import TradingDay

MODE = "backtest"
GENERATED = "generated"
"""The kind of a day that no market has lived through."""
_NOWHERE = Path(os.devnull)
"""A folder that can hold nothing: a backtest of a day writes no report."""
_GARBAGE = 50_000


@dataclass(frozen=True, slots=True)
class DayMarket:
    """A session that can be traded again: `source` makes its quotes for a clock.

    `kind` tells what the quotes are ("quotes", "prints", "generated"), `caution` what a reader of
    the results must know of them, empty if nothing. `closes_before` are those of earlier sessions
    that it is told beside its quotes.
    """

    session: Session
    name: str
    kind: str
    source: Callable[[Clock], QuoteSource]
    caution: str = ""
    columns: Columns | None = None
    closes_before: tuple[Closes, ...] = ()


@dataclass(frozen=True, slots=True)
class TradeResult:
    """One finished trade, dollars for all its spreads, positive when received.

    `credit` is what the opening fills brought after fees, `quoted_credit` and `expected` what the
    decision saw and went by, `parts` says where that credit came from, by name, as far as it was
    split. `edge` is what the split leaves, whatever the decision went by, None without a split.
    `pnl` is None while contracts are held whose closes are not known. Times are New York.
    """

    trade_id: str
    day: date
    entry: datetime
    exit: datetime | None
    reason: str
    spreads: int
    spy_strike: float
    spx_strike: float
    spy_price: float
    spx_price: float
    strike_gap: float
    credit: float
    quoted_credit: float
    expected: float
    edge: float | None
    pnl: float | None
    fees: float
    note: str = ""
    parts: Mapping[str, float] = field(default_factory=dict)

    @property
    def kept(self) -> float | None:
        """The edge, where the pay for SPY's hours after the close counts as no cost."""
        evening = self.parts.get("after hours", 0.0)
        return None if self.edge is None else round(self.edge + evening, 2)


@dataclass(frozen=True, slots=True)
class DayResult:
    """What became of one day. `looks` were made for an entry, `priced` could be judged in full.

    `qualified` met every criterion; `best` is the highest profit a spread that was expected, in
    dollars, None where nothing could be priced. `note` says why nothing was traded, or what the
    day ended in.
    """

    day: date
    name: str
    kind: str
    caution: str
    looks: int
    priced: int
    qualified: int
    best: float | None
    note: str
    trades: tuple[TradeResult, ...]

    @property
    def pnl(self) -> float:
        """Dollars of the finished trades, to the cent."""
        return round(sum(each.pnl or 0.0 for each in self.trades), 2)


class Engine:
    """Trades days by the settings, each with a new account at the exchange that `broker` makes."""

    def __init__(
        self,
        settings: Settings,
        broker: Callable[[QuoteSource, Clock, Session], Broker],
        clock: Callable[[datetime], Clock],
        *,
        bar: str = "",
        every_look: bool = False,
        day: type[TradingDay] = TradingDay,
    ) -> None:
        """Prepare. With a `bar` moments are judged and, for that reason, nothing is opened.

        Of a day whose market is known as columns only the looks are made that can matter, unless
        `every_look` is asked for: trades and cents are the same. `day` is the kind of day.
        """
        self._settings = settings
        self._broker = broker
        self._clock = clock
        self._bar = bar
        self._every_look = every_look
        self._day = day
        self._connection = open_database(None)
        _spare_the_collector()

    def trade(self, market: DayMarket) -> DayResult:
        """Trade one day from its open to its report."""
        self._connection.execute("BEGIN")
        try:
            self._play(market)
            return self._result(market)
        finally:
            if self._connection.in_transaction:  # a tick that fails has taken it back itself
                self._connection.execute("ROLLBACK")

    def _play(self, market: DayMarket) -> None:
        clock = self._clock(market.session.open)
        source = market.source(clock)
        day = self._day(
            session=market.session,
            mode=MODE,
            settings=self._settings,
            source=source,
            broker=self._broker(source, clock, market.session),
            clock=clock,
            store=_Draft(self._connection),
            folder=None,
            say=_silent,
            results=_NoFiles(self._connection, _NOWHERE),
            bar=self._bar,
        )
        day.begin(MODE, clock.now())
        for each in market.closes_before:
            day.record.note_closes_before(each, clock.now())
        drive(day, clock, self._watch(market))

    def _watch(self, market: DayMarket) -> Watch | None:
        if market.columns is None or self._every_look:
            return None
        return Watch(market.columns, market.session, self._settings)

    def _result(self, market: DayMarket) -> DayResult:
        looks, priced, qualified, best = self._connection.execute(
            "SELECT count(*), count(entry_credit), coalesce(sum(should_trade), 0),"
            " max(expected_profit) FROM decisions"
        ).fetchone()
        notes = self._connection.execute("SELECT skip_reason, notes FROM daily_summary").fetchone()
        rows = self._connection.execute(
            "SELECT t.*, (SELECT json_extract(data, '$.valuation.split') FROM decisions d"
            " WHERE d.should_trade AND d.at <= t.entry_time ORDER BY d.id DESC LIMIT 1) AS split"
            " FROM trades t ORDER BY t.entry_time, t.trade_id"
        )
        return DayResult(
            day=market.session.day,
            name=market.name,
            kind=market.kind,
            caution=market.caution,
            looks=looks,
            priced=priced,
            qualified=qualified,
            best=best,
            note="; ".join(filter(None, notes)) if notes else "",
            trades=tuple(map(_trade, rows)),
        )


@cache
def _spare_the_collector() -> None:
    """Have what is loaded by now looked through no more; once, for it keeps garbage as well."""
    gc.freeze()
    gc.set_threshold(_GARBAGE)


def drive(day: TradingDay, clock: Clock, watch: Watch | None = None) -> None:
    """Tick a day at each moment that it asks for, until it asks for none."""
    now = clock.now()
    wake = day.tick(now)
    while wake is not None:
        if watch:
            wake = watch.wake(day, wake)
        clock.sleep((wake - now).total_seconds())
        now = clock.now()
        wake = day.tick(now)


class _Draft(Store):
    """A record that is over with its day: nothing in it has to survive, and it is taken back."""

    def commit(self) -> None:
        """Leave the transaction open."""


class _NoFiles(ResultsLogger):
    """Counts like the real one and writes no files."""

    def generate_daily_report(self, session: date) -> DailyReport:
        return DailyReport(str(session), "", (_NOWHERE, _NOWHERE))

    def export_to_csv(self, start: date, end: date) -> list[Path]:
        del start, end
        return []


def _silent(at: datetime, text: str) -> None:
    """Say nothing: nobody watches."""


def _trade(row: Mapping[str, Any]) -> TradeResult:
    spreads = row["spreads"]
    exit_time = row["exit_time"]
    split = json.loads(row["split"] or "{}")
    return TradeResult(
        trade_id=row["trade_id"],
        day=date.fromisoformat(row["date"]),
        entry=datetime.fromisoformat(row["entry_time"]).astimezone(NEW_YORK),
        exit=datetime.fromisoformat(exit_time).astimezone(NEW_YORK) if exit_time else None,
        reason=row["exit_reason"] or "",
        spreads=spreads,
        spy_strike=row["spy_strike"],
        spx_strike=row["spx_strike"],
        spy_price=row["spy_price"],
        spx_price=row["spx_price"],
        strike_gap=row["strike_gap"],
        credit=row["entry_credit"],
        quoted_credit=round(spreads * row["quoted_credit"], 2),
        expected=round(spreads * row["expected_profit"], 2),
        edge=round(spreads * split["edge"], 2) if split else None,
        pnl=row["final_pnl"],
        fees=row["fees"],
        note=row["note"],
        parts=credit_parts(split, spreads),
    )


def credit_parts(split: Mapping[str, float], spreads: int) -> dict[str, float]:
    """Return where a credit came from, in dollars for so many spreads; empty if it was not told."""
    names = ("strike_gap", "ratio", "after_hours", "vol_gap", "bid_ask", "fees_in")
    return {
        name.replace("_", " "): round(spreads * split[name], 2) for name in names if name in split
    }
