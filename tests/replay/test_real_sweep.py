"""The sweep against the trading day itself, on every recorded session."""

import random
from datetime import datetime, time
from pathlib import Path

import pytest

from brokers.replay_market import ReplayMarket, Tape
from src.backtest import DayMarket
from src.models import NEW_YORK, Session
from src.ports import Clock
from src.settings import Settings
from src.sweep import Doubt
from tests.conftest import REAL_DATA
from tests.fakes.sweeps import Pair, both, settings_of_chance

pytestmark = pytest.mark.real_data
PATHS = sorted((REAL_DATA / "tapes").glob("*.csv.gz"))
SNAPSHOTS = (
    *("trading_hours.entry_start=09:31", "trading_hours.entry_end=14:40"),
    *("trading_hours.monitor_interval_seconds=60", "market_data.max_quote_age_seconds=59"),
    *("market_data.max_leg_skew_seconds=60", "strategy.min_entry_credit=0"),
    *("strategy.expected_profit=credit", "strategy.ratio_gate_unsure_bp=100"),
)
"""Settings by which the few snapshots of a tape can be traded on."""


def market_of(path: Path) -> DayMarket:
    tape = Tape.load(path)
    open_, close = (datetime.combine(tape.date, each, NEW_YORK) for each in (time(9, 30), time(16)))

    def source(clock: Clock) -> ReplayMarket:
        return ReplayMarket(tape, clock)

    return DayMarket(Session(tape.date, open_, close), path.name, tape.kind, source)


def settings_for(path: Path) -> list[Settings]:
    chance = random.Random(path.name)  # noqa: S311 - drawn to be found again
    found = [settings_of_chance(chance) for _ in range(4)]
    for rule in ("atm", "matched"):
        found += [
            Settings.defaults().changed(f"strategy.strike_rule={rule}"),
            Settings.defaults().changed(f"strategy.strike_rule={rule}", *SNAPSHOTS),
        ]
    return found


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name[:10])
def test_the_sweep_makes_the_trades_of_the_trading_day_to_the_cent(path: Path) -> None:
    market = market_of(path)
    pairs: list[Pair] = [both(market, settings) for settings in settings_for(path)]
    assert [pair for pair in pairs if not pair.agree] == []
    assert any(pair.doubt is Doubt.NONE for pair in pairs)


@pytest.mark.parametrize("day", ["2026-01-26", "2026-01-28", "2026-07-22", "2026-08-03"])
def test_the_comparison_is_of_days_that_trade(tapes: Path, day: str) -> None:
    market = market_of(tapes / f"{day}.csv.gz")
    found = both(market, Settings.defaults().changed("strategy.strike_rule=atm", *SNAPSHOTS))
    assert found.agree
    assert found.exact
