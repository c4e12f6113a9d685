"""What becomes of an entry of which SPY is only partly sold at its deadline."""

from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from src.legging import Status
from src.settings import Settings
from tests.fakes.builders import spxw_call, spy_call
from tests.fakes.days import PlayedDay


def partly_sold(tmp_path: Path, rule: str, bid: float) -> PlayedDay:
    """Play an entry in which the first four calls find a buyer and the others only `bid`."""
    settings = Settings.defaults().changed(
        f"execution.on_deadline={rule}", "strategy.max_spreads=1"
    )
    day = PlayedDay(tmp_path, settings=settings)
    day.market.quote(spy_call(), 2.98, 3.02, sizes=(4, 4))

    def change(moment: datetime, text: str) -> None:
        day.remember(moment, text)
        if "Sold 4 SPY" in text:
            day.market.quote(spy_call(), bid, bid + 0.04)

    day.say = change
    day.restart()
    day.run(until="09:37")
    return day


def held(day: PlayedDay) -> dict[str, int]:
    return {each.symbol: each.quantity for each in day.broker.holdings()}


def test_reduce_keeps_what_is_covered(tmp_path: Path) -> None:
    day = partly_sold(tmp_path, "reduce", 2.00)
    assert held(day) == {spy_call().symbol: -4, spxw_call().symbol: 1}
    assert day.telling(f"Entry {Status.PARTIAL}")


def test_complete_sells_the_rest_at_any_bid(tmp_path: Path) -> None:
    day = partly_sold(tmp_path, "complete", 2.00)
    assert held(day) == {spy_call().symbol: -10, spxw_call().symbol: 1}
    assert day.telling(f"Entry {Status.FILLED}")
    # 4 at 2.98 and 6 at 2.00, one SPXW at 23.40, fees of 2.15.
    assert day.one("SELECT entry_credit FROM trades") == pytest.approx(49.85)


def test_unwind_takes_everything_back(tmp_path: Path) -> None:
    day = partly_sold(tmp_path, "unwind", 2.00)
    assert held(day) == {}
    assert day.one("SELECT exit_reason FROM trades") == "UNWOUND"
    cash = day.broker.account().cash - Decimal(100_000)
    assert day.one("SELECT final_pnl FROM trades") == float(cash)


def test_an_entry_that_a_crash_left_an_hour_ago_is_not_completed_any_more(tmp_path: Path) -> None:
    settings = Settings.defaults().changed(
        "execution.on_deadline=complete", "strategy.max_spreads=1"
    )
    day = PlayedDay(tmp_path, settings=settings)
    day.market.quote(spy_call(), 2.98, 3.02, sizes=(4, 4))

    def die(moment: datetime, text: str) -> None:
        day.remember(moment, text)
        if "Sold 4 SPY" in text:
            raise KeyboardInterrupt

    day.say = die
    day.restart()
    with pytest.raises(KeyboardInterrupt):
        day.run()
    day.say = day.remember
    day.market.quote(spy_call(), 2.00, 2.04)
    day.restart("10:40")
    day.run(until="10:42")
    assert held(day) == {spy_call().symbol: -4, spxw_call().symbol: 1}
    assert day.telling(f"Entry {Status.PARTIAL}")
