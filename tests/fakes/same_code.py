"""A day played by the trading day itself: what the sweep must agree with."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from brokers.simulated_client import SimulatedBroker
from scripts.simulated_days import LEAD, exchange_rules
from src.database import Store
from src.models import ExitReason, Session
from src.ports import Clock, QuoteSource
from src.settings import Settings
from src.sweep import Trade
from src.sweep_rules import MINUTE
from src.trading_day import TradingDay
from tests.simulation.machine import QuietResults, database, empty
from utils.market_clock import VirtualClock
from utils.scheduler import run_day

Source = Callable[[Clock], QuoteSource]


def play_day(source: Source, session: Session, settings: Settings) -> tuple[Trade, ...]:
    """Return the day's trades, on a new account of the embedded exchange."""
    clock = VirtualClock(session.open - LEAD)
    quotes = source(clock)
    store = Store(database())
    empty(store.connection)
    folder = Path("unused")
    day = TradingDay(
        session=session,
        mode="replay",
        settings=settings,
        source=quotes,
        broker=SimulatedBroker(quotes, clock, session, exchange_rules(settings, quotes)),
        clock=clock,
        store=store,
        folder=folder,
        say=_silent,
        results=QuietResults(store.connection, folder),
    )
    day.begin("sweep", clock.now())
    run_day(day.tick, clock, longest_nap=None)
    rows = store.connection.execute("SELECT * FROM trades ORDER BY entry_time, trade_id").fetchall()
    return tuple(
        Trade(
            entry=_minute(row["entry_time"], session),
            exit=min(_minute(row["exit_time"], session), _length(session)),
            reason=ExitReason(row["exit_reason"]),
            spreads=row["spreads"],
            pnl=round(100 * row["final_pnl"]),
        )
        for row in rows
    )


def _silent(at: datetime, text: str) -> None:
    del at, text


def _minute(moment: str, session: Session) -> int:
    since = datetime.fromisoformat(moment) - session.open
    assert since % timedelta(minutes=1) == timedelta(0), f"{moment} is no whole minute"
    return int(since.total_seconds()) // MINUTE


def _length(session: Session) -> int:
    return int((session.close - session.open).total_seconds()) // MINUTE
