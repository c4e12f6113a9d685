"""A day in columns is a market of two calls that changes once a minute."""

import numpy as np
import pytest

from brokers.column_market import ColumnMarket
from src.backtest_watch import Columns
from src.ports import OfficialCloses
from tests.fakes.builders import DAY, a_session, at, spxw_call, spy_call
from utils.market_clock import VirtualClock

ROWS = 391
RISING = np.round(600 + 0.01 * np.arange(ROWS), 2)
COLUMNS = Columns(
    spy_call(),
    spxw_call(),
    RISING,
    10 * RISING,
    RISING - 598,
    RISING - 597.96,
    RISING - 580,
    RISING - 579.6,
)


def a_market(clock: str) -> tuple[ColumnMarket, VirtualClock]:
    moved = VirtualClock(at(clock))
    return ColumnMarket(COLUMNS, a_session(), moved), moved


@pytest.mark.parametrize(
    ("clock", "spy", "stamp"),
    [
        ("09:30", 600.00, "09:30"),
        ("09:30:59", 600.00, "09:30"),
        ("09:31", 600.01, "09:31"),
        ("15:59:59", 603.89, "15:59"),
        ("16:10", 603.90, "16:00"),
    ],
)
def test_a_row_counts_until_the_next_one_and_the_last_from_the_close_on(
    clock: str, spy: float, stamp: str
) -> None:
    market, _ = a_market(clock)
    price = market.prices()["SPY"]
    assert (price.last, price.at) == (spy, at(stamp))


def test_it_follows_the_clock_wherever_that_goes() -> None:
    market, clock = a_market("09:35")
    first = market.prices()["SPX"].last
    clock.sleep(60)
    assert market.prices()["SPX"].last != first


def test_only_the_two_calls_are_quoted() -> None:
    market, _ = a_market("09:30")
    quotes = market.quotes([spy_call(), spxw_call(), spy_call(601.0), spxw_call(6005.0)])
    assert set(quotes) == {spy_call(), spxw_call()}
    assert (quotes[spy_call()].bid, quotes[spy_call()].ask) == pytest.approx((2.0, 2.04))
    assert quotes[spxw_call()].bid == pytest.approx(20.0)


def test_the_last_row_is_the_official_close_once_the_day_has_closed() -> None:
    market, clock = a_market("15:59:59")
    assert market.official_closes(DAY) is None
    clock.sleep(1)
    assert market.official_closes(DAY) == OfficialCloses(603.90, 6039.0, "the last row")
    assert market.official_closes(DAY.replace(day=8)) is None
