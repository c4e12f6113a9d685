"""What the day and the night leave in the account at the embedded exchange, and in its file."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from src.models import Quote
from src.ports import Holding, MendInput, OfficialCloses, OrderState
from tests.fakes.builders import DAY, a_session
from tests.fakes.exchange_floor import SPX, SPY, Floor

NEXT_DAY = date(2026, 3, 10)


@pytest.fixture
def floor() -> Floor:
    return Floor()


# The end of the day.


def test_a_working_order_expires_when_its_market_closes(floor: Floor) -> None:
    spx, spy = floor.buy(SPX, 1, "1.00"), floor.buy(SPY, 1, "1.00")
    floor.go_to("16:00")
    assert (floor.state(spx), floor.state(spy)) == (OrderState.EXPIRED, OrderState.WORKING)
    floor.go_to("16:15")
    assert floor.state(spy) is OrderState.EXPIRED
    assert floor.broker.open_orders() == []


def expired(spy: float, spx: float) -> Floor:
    """The worked example's spread, after the evening with these closes."""
    floor = Floor()
    floor.open_spread()
    floor.go_to("16:15")
    floor.market.closes = OfficialCloses(spy, spx, "a test")
    floor.market.spy = spy
    return floor


def test_out_of_the_money_all_expires_without_value() -> None:
    floor = expired(599.99, 5999.99)
    assert floor.broker.holdings() == []
    assert floor.broker.account().cash == Decimal("100637.85")


def test_spxw_in_the_money_pays_cash() -> None:
    floor = expired(599.99, 6012.34)
    assert floor.broker.holdings() == []
    assert floor.broker.account().cash == Decimal("100637.85") + Decimal("1234.00")


def test_short_spy_calls_in_the_money_by_a_cent_deliver_shares() -> None:
    floor = expired(600.01, 5999.00)
    assert floor.broker.holdings() == [Holding("SPY", -1000)]
    account = floor.broker.account()
    assert account.cash == Decimal("100637.85") + 600_000
    assert account.equity == Decimal("100637.85") - 10, "a cent on a thousand shares"


def test_the_account_at_the_closes_is_the_sum_of_both_legs() -> None:
    """Known answer: both in the money, SPY 6.6 bp rich, leaves 237.85 of the 637.85."""
    assert expired(605.40, 6050.00).broker.account().equity == Decimal("100237.85")


def test_long_spy_calls_in_the_money_receive_shares(floor: Floor) -> None:
    floor.buy(SPY, 1, "3.02")
    floor.go_to("16:15")
    floor.market.closes = OfficialCloses(605.0, 6050.0, "a test")
    assert floor.broker.holdings() == [Holding("SPY", 100)]


def test_nothing_is_settled_before_the_closes_are_known(floor: Floor) -> None:
    floor.open_spread()
    floor.go_to("16:20")
    assert floor.held() == {SPX: 1, SPY: -10}


def test_spxw_is_settled_at_the_close_and_spy_calls_when_their_market_ends(floor: Floor) -> None:
    floor.open_spread()
    floor.market.closes = OfficialCloses(605.0, 6050.0, "a test")
    floor.go_to("16:00")
    assert floor.held() == {SPY: -10}
    floor.go_to("16:15")
    assert floor.held() == {}


def test_equity_counts_every_option_at_the_middle_of_its_market(floor: Floor) -> None:
    floor.open_spread()
    # 100637.85 - 1000 x 3.00 + 100 x 23.20
    assert floor.broker.account().equity == Decimal("99957.85")


# Surviving.


@pytest.fixture
def kept(tmp_path: Path) -> Floor:
    return Floor(file=tmp_path / "data" / "exchange.json")


def test_orders_holdings_and_cash_survive_the_process(kept: Floor) -> None:
    kept.open_spread()
    working = kept.buy(SPY, 4, "1.00")
    cancelled = kept.buy(SPY, 4, "1.01")
    kept.broker.cancel(cancelled.client_order_id)
    before = kept.broker.account(), kept.broker.fills(DAY), kept.held()
    kept.restart()
    assert (kept.broker.account(), kept.broker.fills(DAY), kept.held()) == before
    assert [each.client_order_id for each in kept.broker.open_orders()] == [working.client_order_id]
    assert kept.state(cancelled) is OrderState.CANCELLED


def test_what_a_quote_has_given_is_not_given_again_after_a_restart(kept: Floor) -> None:
    kept.market.freeze(SPY, Quote(kept.clock.now(), 2.98, 3.02, 4, 4))
    kept.sell(SPY, 10, "2.98")
    kept.restart()
    assert kept.held() == {SPY: -4}


def test_what_was_assigned_survives_the_night(kept: Floor) -> None:
    kept.open_spread()
    kept.go_to("16:15")
    kept.market.closes = OfficialCloses(605.0, 6050.0, "a test")
    cash = kept.broker.account().cash
    kept.session = a_session(day=NEXT_DAY)
    kept.restart()
    assert kept.broker.holdings() == [Holding("SPY", -1000)]
    assert kept.broker.account().cash == cash


def test_orders_of_an_earlier_session_are_over(kept: Floor) -> None:
    kept.buy(SPX, 1, "1.00")
    kept.session = a_session(day=NEXT_DAY)
    kept.restart()
    assert kept.broker.open_orders() == []
    assert kept.broker.fills(DAY) == []


def test_what_expired_while_nobody_looked_is_settled_the_next_day(kept: Floor) -> None:
    kept.open_spread()
    kept.session = a_session(day=NEXT_DAY)
    kept.clock.sleep(24 * 3600)
    kept.market.closes = OfficialCloses(605.40, 6050.00, "a test")
    kept.market.spy = 605.40
    kept.restart()
    assert kept.broker.holdings() == [Holding("SPY", -1000)]
    assert kept.broker.account().equity == Decimal("100237.85")


def test_the_file_is_written_whole_or_not_at_all(kept: Floor) -> None:
    kept.open_spread()
    assert kept.file
    assert [each.name for each in kept.file.parent.iterdir()] == ["exchange.json"]
    assert json.loads(kept.file.read_text())["cash"] == "100637.85"


SOUND = {
    "cash": "100000",
    "session": DAY.isoformat(),
    "options": {},
    "shares": 0,
    "orders": [],
    "taken": {},
}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        "\ufeff",
        json.dumps(SOUND | {"cash": "much"}),
        json.dumps(SOUND | {"session": "today"}),
        json.dumps(SOUND | {"options": {"SPY": 1}}),
        json.dumps(SOUND | {"options": [1]}),
        json.dumps(SOUND | {"orders": [{}]}),
        json.dumps(SOUND | {"orders": ["X1"]}),
        json.dumps(SOUND | {"shares": "ten"}),
    ],
)
def test_an_account_that_cannot_be_read_is_named_and_not_replaced(kept: Floor, text: str) -> None:
    assert kept.file
    kept.file.parent.mkdir()
    kept.file.write_text(text, encoding="utf-8")
    with pytest.raises(MendInput) as caught:
        kept.restart()
    assert str(kept.file) in str(caught.value)
    assert "Move the file aside" in str(caught.value)
    assert kept.file.read_text(encoding="utf-8") == text


def test_a_sound_account_is_read(kept: Floor) -> None:
    assert kept.file
    kept.file.parent.mkdir()
    kept.file.write_text(json.dumps(SOUND | {"options": {SPX.symbol: 2}}))
    kept.restart()
    assert kept.held() == {SPX: 2}
