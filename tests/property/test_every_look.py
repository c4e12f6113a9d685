"""A backtest that leaves out the looks that find nothing comes to the same trades and cents."""

from datetime import timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from brokers.column_market import ColumnMarket
from scripts.embedded_exchange import embedded_exchange
from src.backtest import DayMarket, DayResult, Engine
from src.backtest_watch import Columns
from src.models import Session
from src.ports import Broker, Clock, QuoteSource
from src.settings import Settings
from tests.fakes.builders import DAY, HALF_DAY, a_session, spxw_call, spy_call
from utils.market_clock import VirtualClock

CHANGES = st.fixed_dictionaries(
    {
        "strategy.expected_profit": st.sampled_from(["credit", "credit", "edge"]),
        "strategy.max_spreads": st.sampled_from([1, 2, 3]),
        "strategy.min_entry_credit": st.sampled_from([0, 100, 250, 400]),
        "strategy.max_position_loss": st.sampled_from([50, 200, 500]),
        "strategy.max_daily_loss": st.sampled_from([60, 300, 1000]),
        "strategy.exit_threshold": st.sampled_from([0.25, 1, 10]),
        "strategy.pin_band_dollars": st.sampled_from([0, 0.5, 1.5]),
        "strategy.pin_band_percent": st.sampled_from([0, 0.25]),
        "strategy.max_position_size": st.sampled_from([0.1, 1]),
        "strategy.trade_half_days": st.just("true"),
        "market_data.max_jump_percent": st.sampled_from([0.05, 0.2, 2]),
        "trading_hours.entry_start": st.sampled_from(["09:35", "09:41"]),
        "trading_hours.entry_end": st.sampled_from(["10:00", "14:30"]),
        "trading_hours.exit_check": st.sampled_from(["15:30", "15:45"]),
        "trading_hours.entry_check_seconds": st.sampled_from([60, 180, 45]),
        "trading_hours.monitor_interval_seconds": st.sampled_from([60, 300, 420]),
        "trading_hours.final_interval_seconds": st.sampled_from([60, 120]),
        "fees.schedule": st.sampled_from(["flat", "ibkr"]),
        "execution.on_deadline": st.sampled_from(["reduce", "unwind", "complete"]),
    }
)


def cents(prices: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.round(prices, 2), np.float64)


def columns(seed: int, session: Session, wild: float) -> Columns:
    """Return a day near the strikes 600 and 6015 whose credit wanders around what is wanted."""
    rng = np.random.default_rng(seed)
    rows = (session.close - session.open) // timedelta(minutes=1) + 1
    spy = cents(600 + wild * rng.normal(0, 1, rows).cumsum() / 8)
    spx = cents(10.03 * spy + rng.normal(0, 0.3, rows))
    left = np.sqrt(np.linspace(1, 0.02, rows))
    # The price of the SPXW call jumps about, so that some minutes pay and others do not.
    spy_mid = np.maximum(spy - 600, 0) + 2.4 * left
    spx_mid = np.maximum(10 * spy_mid + rng.normal(-2, 1.5, rows), 0.3)
    nickel = 0.05 if rng.random() < 0.2 else 0.10
    spy_bid, spx_bid = cents(spy_mid), cents(np.round(spx_mid / nickel) * nickel)
    return Columns(
        spy_call(600.0, session.day),
        spxw_call(6015.0, session.day),
        spy,
        spx,
        spy_bid,
        cents(spy_bid + 0.01 * rng.integers(1, 4, rows)),
        spx_bid,
        cents(spx_bid + nickel * rng.integers(1, 3, rows)),
    )


def traded(known: Columns, session: Session, rules: Settings, *, every_look: bool) -> DayResult:
    def broker(source: QuoteSource, clock: Clock, session: Session) -> Broker:
        return embedded_exchange(rules, source, clock, session)

    engine = Engine(rules, broker, VirtualClock, every_look=every_look)
    day = DayMarket(
        session, "columns", "test", lambda c: ColumnMarket(known, session, c), columns=known
    )
    return engine.trade(day)


def both(seed: int, changes: dict[str, object], wild: float, *, half: bool) -> list[DayResult]:
    session = a_session("13:00", HALF_DAY) if half else a_session(day=DAY)
    rules = Settings.defaults().changed(
        "strategy.strike_rule=matched",
        "strategy.min_ratio=9",
        "strategy.max_ratio=11",
        "strategy.ratio_gate_bp=10000",
        "strategy.ratio_gate_unsure_bp=10000",
        *(f"{key}={value}" for key, value in changes.items()),
    )
    known = columns(seed, session, wild)
    return [traded(known, session, rules, every_look=each) for each in (True, False)]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    changes=CHANGES,
    wild=st.sampled_from([0.2, 1.0, 3.0]),
    half=st.booleans(),
)
def test_looks_that_find_nothing_may_be_left_out(
    *, seed: int, changes: dict[str, object], wild: float, half: bool
) -> None:
    every, some = both(seed, changes, wild, half=half)
    assert some.trades == every.trades
    assert some.qualified == every.qualified
    assert some.looks <= every.looks


def test_days_like_these_trade_in_many_ways_and_most_looks_are_left_out() -> None:
    """What is compared above is worth comparing."""
    plain = {
        "strategy.expected_profit": "credit",
        "strategy.min_entry_credit": 250,
        "strategy.max_daily_loss": 100000,
    }
    found = [both(seed, plain, 1.0, half=False) for seed in range(12)]
    reasons = {trade.reason for every, _ in found for trade in every.trades}
    assert len(reasons) >= 3, reasons
    assert sum(some.looks for _, some in found) < sum(every.looks for every, _ in found) / 2
