"""The engine trades a day exactly as the program does, and each day as if it were the only one."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from brokers.backtest_market import BacktestMarket, FillModel
from brokers.replay_market import ReplayMarket, Tape
from brokers.simulated_client import SimulatedBroker
from scripts.embedded_exchange import embedded_exchange
from src.backtest import DayMarket, DayResult, Engine
from src.models import Session
from src.ports import Clock, QuoteSource
from src.settings import Settings
from tests.fakes.builders import DAY, a_session
from tests.fakes.exchange_floor import SPX, Floor
from tests.fakes.tapes import FAIR, a_tape
from utils.market_clock import VirtualClock

NEXT = date(2026, 3, 10)
CREDIT = "strategy.expected_profit=credit"


def an_engine(*changes: str, latency: float = 0.0, bar: str = "") -> Engine:
    settings = Settings.defaults().changed(*changes)

    def broker(source: QuoteSource, clock: Clock, session: Session) -> SimulatedBroker:
        return embedded_exchange(settings, source, clock, session, latency=latency)

    return Engine(settings, broker, VirtualClock, bar=bar)


def a_day(folder: Path, model: FillModel | None = None, **tape: object) -> DayMarket:
    day = tape.get("day", DAY)
    assert isinstance(day, date)
    found = Tape.load(a_tape(folder, **tape))  # type: ignore[arg-type] # a tape's own options
    session = a_session(day=day)

    def source(clock: Clock) -> QuoteSource:
        chosen = model or FillModel()
        return BacktestMarket(ReplayMarket(found, clock), clock, session, chosen, {})

    return DayMarket(session, found.path.name, found.kind, source)


def outcome(result: DayResult) -> list[tuple[int, float, str, float | None]]:
    return [(each.spreads, each.credit, each.reason, each.pnl) for each in result.trades]


# 20 calls sold at 2.98, 2 SPXW bought at 23.40; out at 15:45 at 3.02 and 23.00; 2.15 a spread.
WHOLE_DAY = [(2, 1275.70, "PRE_EXPIRATION", -168.60)]


def test_a_day_ends_in_the_trades_and_cents_of_the_program(tmp_path: Path) -> None:
    result = an_engine().trade(a_day(tmp_path))
    assert outcome(result) == WHOLE_DAY
    assert (result.looks, result.qualified, result.pnl) == (1, 1, -168.60)
    (trade,) = result.trades
    assert (trade.fees, trade.quoted_credit) == (8.60, 1275.70)
    assert f"{trade.entry:%H:%M} {trade.exit:%H:%M}" == "09:35 15:45"


def test_a_day_without_a_trade_says_what_it_would_have_been_worth(tmp_path: Path) -> None:
    result = an_engine().trade(a_day(tmp_path, spy_quote=FAIR))
    assert (result.trades, result.looks, result.priced, result.qualified) == ((), 26, 26, 0)
    assert result.best is not None
    assert "26 looks" in result.note


def test_each_day_begins_anew_whatever_the_one_before_ended_in(tmp_path: Path) -> None:
    # The daily loss limit halts the program until a person resumes it.
    engine = an_engine("strategy.max_daily_loss=100")
    first = a_day(tmp_path / "a")
    second = a_day(tmp_path / "b", day=NEXT)
    results = [engine.trade(each) for each in (first, second, first)]
    assert [each.trades[0].reason for each in results] == ["DAILY_LOSS"] * 3
    assert results[0] == results[2]


def test_with_a_bar_every_moment_is_judged_and_nothing_is_opened(tmp_path: Path) -> None:
    result = an_engine(bar="it is only looked").trade(a_day(tmp_path))
    assert (result.trades, result.looks, result.qualified) == ((), 26, 26)


def test_in_a_market_one_tick_worse_each_spread_earns_a_tick_less_in_and_out(
    tmp_path: Path,
) -> None:
    wide = an_engine("market_data.max_spy_spread=0.10", CREDIT)
    result = wide.trade(a_day(tmp_path, FillModel("worse")))
    # 20 calls a cent and 2 calls a dime worse, once in and once out.
    ticks = 20 * 1 + 2 * 10
    assert outcome(result) == [(2, 1275.70 - ticks, "PRE_EXPIRATION", -168.60 - 2 * ticks)]


def test_a_market_that_is_one_tick_too_wide_is_not_traded_in_at_all(tmp_path: Path) -> None:
    # 2.97 x 3.03 is wider than the 0.05 that may be.
    result = an_engine().trade(a_day(tmp_path, FillModel("worse")))
    assert (result.looks, result.priced, result.trades) == (26, 0, ())


@pytest.mark.parametrize(("size", "out"), [(100, "15:45:00"), (15, "15:46:31")])
def test_what_a_quote_does_not_offer_is_traded_against_the_next(
    tmp_path: Path, size: int, out: str
) -> None:
    result = an_engine().trade(a_day(tmp_path, FillModel("partial", assumed_size=size)))
    assert outcome(result) == WHOLE_DAY
    assert f"{result.trades[0].exit:%H:%M:%S}" == out


def test_an_entry_that_small_quotes_cannot_fill_is_cut_down(tmp_path: Path) -> None:
    result = an_engine().trade(a_day(tmp_path, FillModel("partial", assumed_size=9)))
    assert result.trades[0].credit < WHOLE_DAY[0][1]


def test_late_orders_fill_at_a_market_that_stands_still_like_the_others(tmp_path: Path) -> None:
    result = an_engine(latency=2.0).trade(a_day(tmp_path))
    assert outcome(result) == WHOLE_DAY


def test_an_order_does_not_meet_the_market_before_its_delay_is_over() -> None:
    floor = Floor()
    floor.rules = replace(floor.rules, latency=1.5)
    floor.restart()
    floor.buy(SPX, 1, "23.40")
    floor.clock.sleep(1)
    assert floor.prices() == []
    floor.clock.sleep(1)
    assert len(floor.prices()) == 1


@pytest.mark.real_data
def test_the_recorded_day_of_28_january_ends_as_it_does_in_a_replay(tapes: Path) -> None:
    found = Tape.load(tapes / "2026-01-28.csv.gz")
    session = a_session(day=found.date)
    day = DayMarket(session, "tape", found.kind, lambda clock: ReplayMarket(found, clock))
    assert outcome(an_engine("strategy.strike_rule=atm", CREDIT).trade(day)) == [
        (2, 1315.70, "EXPIRED", 1315.70)
    ]
