"""A workload of generated days in columns, traded by the program's own code, checked to the cent.

The workload has rules of its own; where the program's differ, they are replaced here, and nowhere
else: the strikes are those of 09:35 all day; at 15:45 SPY above the strike closes, and not later;
SPXW is quoted in nickels at any price. All else is the program: the day, its executor, journal,
settlement, fees, and the embedded exchange.
"""

import csv
import resource
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pyarrow import Array, parquet

from brokers.column_market import ColumnMarket
from scripts.embedded_exchange import embedded_exchange
from src import ticks
from src.backtest import DayMarket, Engine
from src.backtest_watch import Columns
from src.models import NEW_YORK, ExitReason, ExitSignal, OptionContract, Session
from src.ports import Broker, Clock, QuoteSource
from src.settings import Settings
from src.trading_day import TradingDay
from utils.market_clock import VirtualClock

ROWS = 391
SETTINGS = (
    "strategy.max_spreads=1",
    "strategy.expected_profit=credit",
    "strategy.strike_rule=atm",
    "strategy.min_ratio=1",
    "strategy.max_ratio=100",
    "strategy.ratio_gate_bp=10000",
    "strategy.ratio_gate_unsure_bp=10000",
    "strategy.vol_gap_blocks=never",
    "strategy.max_daily_loss=1000000",
    "strategy.pin_band_dollars=0",
    "strategy.pin_band_percent=0",
    "market_data.max_jump_percent=100",
    "trading_hours.monitor_interval_seconds=60",
)
_PRICES = ("spy", "spx", "spy_bid", "spy_ask", "spx_bid", "spx_ask")
_COLUMNS = ("spy_strike", "spx_strike", *_PRICES)
_A_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_DAYS_AT_ONCE = 50


class WorkloadDay(TradingDay):
    """A trading day by the workload's three rules."""

    def __init__(self, **parts: Any) -> None:  # noqa: ANN401 - whatever a day is made of
        super().__init__(**parts)
        market = parts["source"]
        assert isinstance(market, ColumnMarket)
        columns, check = market.columns, self.timetable.exit_check
        strikes = columns.spy_contract.strike, columns.spx_contract.strike
        found = self._monitor._price_signals

        def signals(spy: float, strike: float, now: datetime) -> list[ExitSignal]:
            late = {ExitReason.PRE_EXPIRATION, ExitReason.PIN_RISK} if now != check else ()
            pinned = ExitReason.PIN_RISK
            every = found(spy, strike, now)
            return [each for each in every if each.reason not in late and each.reason != pinned]

        self._collector.get_atm_strikes = lambda *_: strikes  # type: ignore[method-assign]
        self._monitor._price_signals = signals  # type: ignore[method-assign]


class Part(NamedTuple):
    """What one process did: days in all, cents of each, processor's seconds, memory in MB."""

    days: int
    cents: dict[int, int]
    processor: float
    memory: float


def engine(*, every_look: bool) -> Engine:
    """Return the program's engine under the workload's rules."""
    ticks._SPXW_FROM = ticks._SPXW_BELOW
    settings = Settings.defaults().changed(*SETTINGS)

    def broker(source: QuoteSource, clock: Clock, session: Session) -> Broker:
        return embedded_exchange(settings, source, clock, session)

    return Engine(settings, broker, VirtualClock, every_look=every_look, day=WorkloadDay)


def days(path: Path, part: int, parts: int) -> Iterator[tuple[int, DayMarket]]:
    """Yield every day that is this part's, a few of them in memory at a time."""
    file = parquet.ParquetFile(path)
    batches = file.iter_batches(batch_size=_DAYS_AT_ONCE * ROWS, columns=["ts", *_COLUMNS])
    for number, batch in islice(enumerate(batches), part, None, parts):
        table = {name: _numbers(batch.column(name)) for name in _COLUMNS}
        stamps = batch.column("ts")
        opens = stamps[::ROWS].cast("int64").to_pylist()
        second = _A_SECOND[stamps.type.unit]
        for n, stamp in enumerate(opens):
            day = _day(stamp // second, table, slice(n * ROWS, (n + 1) * ROWS))
            yield number * _DAYS_AT_ONCE + n, day


def _numbers(column: Array) -> NDArray[np.float64]:
    # Not its to_numpy(), which imports pandas.
    return np.asarray(np.from_dlpack(column), np.float64)


def _day(stamp: int, table: dict[str, NDArray[np.float64]], rows: slice) -> DayMarket:
    opens = datetime.fromtimestamp(stamp, NEW_YORK)
    session = Session(opens.date(), opens, opens + timedelta(minutes=ROWS - 1))
    columns = Columns(
        OptionContract("SPY", session.day, float(table["spy_strike"][rows.start])),
        OptionContract("SPXW", session.day, float(table["spx_strike"][rows.start])),
        *(table[name][rows] for name in _PRICES),
    )

    def source(clock: Clock) -> ColumnMarket:
        return ColumnMarket(columns, session, clock)

    return DayMarket(session, str(session.day), "generated", source, columns=columns)


def trade(path: Path, part: int, parts: int, *, times: int, every_look: bool) -> Part:
    """Trade one part of the workload in this process, so many times over."""
    begin = time.process_time()
    at_work = engine(every_look=every_look)
    cents: dict[int, int] = {}
    for _ in range(times):
        cents |= {n: round(100 * at_work.trade(day).pnl) for n, day in days(path, part, parts)}
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # The system counts in kilobytes, macOS in bytes.
    memory = used / 2**20 if sys.platform == "darwin" else used / 2**10
    return Part(times * len(cents), cents, time.process_time() - begin, memory)


def traded(path: Path, jobs: int, *, times: int, every_look: bool) -> list[Part]:
    """Trade the whole workload in so many processes, so many times over."""
    part = partial(trade, path, parts=jobs, times=times, every_look=every_look)
    if jobs == 1:
        return [part(0)]
    with ProcessPoolExecutor(jobs) as pool:
        return list(pool.map(part, range(jobs)))


def reference(path: Path) -> dict[int, int]:
    """Return the cents of each day as the workload's plain reference has them."""
    with path.open(encoding="utf-8", newline="") as file:
        return {int(row["day"]): int(row["pnl_cents"]) for row in csv.DictReader(file)}
