"""The embedded exchange trades against quotes that were shown, and refuses what it must."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from src.models import Answer, OptionContract, OrderOutcome, Quote, Side
from src.ports import OrderState
from tests.fakes.builders import DAY, HALF_DAY, at, spxw_call, spy_call
from tests.fakes.exchange_floor import SPX, SPY, Floor

NEXT_DAY = date(2026, 3, 10)


@pytest.fixture
def floor() -> Floor:
    return Floor()


# Trading against quotes.


@pytest.mark.parametrize(("limit", "price"), [("23.30", None), ("23.40", "23.40"), ("25", "23.40")])
def test_a_purchase_fills_at_the_ask_once_its_limit_reaches_it(
    floor: Floor, limit: str, price: str | None
) -> None:
    floor.buy(SPX, 1, limit)
    assert floor.prices() == ([Decimal(price)] if price else [])


@pytest.mark.parametrize(("limit", "price"), [("2.99", None), ("2.98", "2.98"), ("2.50", "2.98")])
def test_a_sale_fills_at_the_bid_once_its_limit_reaches_it(
    floor: Floor, limit: str, price: str | None
) -> None:
    floor.sell(SPY, 10, limit)
    assert floor.prices() == ([Decimal(price)] if price else [])


def test_a_fill_pays_the_fee_of_its_contracts(floor: Floor) -> None:
    floor.open_spread()
    assert [each.fee for each in floor.broker.fills(DAY)] == [Decimal("0.65"), Decimal("1.50")]
    assert floor.broker.account().cash == Decimal("100637.85"), "the worked example"


def test_no_more_trades_against_a_quote_than_it_showed(floor: Floor) -> None:
    shown = Quote(floor.clock.now(), 2.98, 3.02, 4, 3)
    floor.market.freeze(SPY, shown)
    first, second = floor.sell(SPY, 3, "2.98"), floor.sell(SPY, 3, "2.98")
    floor.clock.sleep(1)
    assert floor.held() == {SPY: -4}
    assert (floor.state(first), floor.state(second)) == (OrderState.FILLED, OrderState.WORKING)
    floor.market.freeze(SPY, shown._replace(at=floor.clock.now()))
    assert floor.held() == {SPY: -6}, "a new quote shows new contracts"


def test_the_two_sides_of_a_quote_are_counted_apart(floor: Floor) -> None:
    floor.market.freeze(SPY, Quote(floor.clock.now(), 2.98, 3.02, 4, 3))
    floor.sell(SPY, 4, "2.98")
    floor.buy(SPY, 3, "3.02")
    assert floor.held() == {SPY: -1}


def test_a_quote_without_sizes_is_deep_enough(floor: Floor) -> None:
    floor.sell(SPY, 20, "2.98")
    assert floor.held() == {SPY: -20}


@pytest.mark.parametrize(
    "quote",
    [
        Quote(at("09:41"), 2.98, None),
        Quote(at("09:41"), None, 3.02),
        Quote(at("09:41"), None, None),
        Quote(at("09:41"), 0.0, 0.0),
        Quote(at("09:41"), 3.10, 3.02),
        Quote(at("09:40:54"), 2.98, 3.02),
        Quote(at("09:41"), 2.98, 3.02, 0, 0),
    ],
    ids=["no ask", "no bid", "empty", "zero", "crossed", "stale", "no size"],
)
def test_nothing_trades_against_a_quote_that_is_no_market(floor: Floor, quote: Quote) -> None:
    floor.market.freeze(SPY, quote)
    side = Side.BUY if quote.ask is None else Side.SELL
    outcome = floor.send(SPY, side, 1, "3.02" if side is Side.BUY else "2.98")
    assert outcome.answer is Answer.ACCEPTED, "it waits for a market"
    assert floor.state(outcome) is OrderState.WORKING


def test_nothing_trades_without_a_quote_or_while_the_source_is_down(floor: Floor) -> None:
    outcome = floor.sell(spy_call(700), 1, "0.01")
    assert floor.state(outcome) is OrderState.WORKING
    floor.market.down = True
    waiting = floor.sell(SPY, 10, "2.98")
    assert floor.state(waiting) is OrderState.WORKING
    floor.market.down = False
    assert floor.state(waiting) is OrderState.FILLED


def test_a_quote_may_be_as_old_as_the_rules_allow() -> None:
    floor = Floor(max_quote_age=300)
    floor.market.age = timedelta(seconds=300)
    floor.sell(SPY, 1, "2.98")
    assert floor.held() == {SPY: -1}


# Refusing.


def refusal(outcome: OrderOutcome) -> str:
    assert outcome.answer is Answer.REFUSED
    assert outcome.text
    return outcome.code


@pytest.mark.parametrize(
    ("contract", "limit", "taken"),
    [
        (SPX, "2.95", True),
        (SPX, "2.97", False),
        (SPX, "3.05", False),
        (SPX, "3.10", True),
        (SPY, "3.01", True),
        (SPY, "3.015", False),
        (SPY, "0", False),
        (SPY, "-1", False),
    ],
)
def test_a_limit_must_lie_on_the_grid(
    floor: Floor, contract: OptionContract, limit: str, *, taken: bool
) -> None:
    outcome = floor.buy(contract, 1, limit)
    assert (outcome.answer is Answer.ACCEPTED) == taken
    assert taken or refusal(outcome) == "tick"


@pytest.mark.parametrize("quantity", [0, -1])
def test_an_order_for_nothing_is_refused(floor: Floor, quantity: int) -> None:
    assert refusal(floor.buy(SPX, quantity, "23.40")) == "quantity"


def test_an_id_that_was_used_is_refused_even_after_its_order_is_over(floor: Floor) -> None:
    intent = floor.intent(SPX, Side.BUY, 1, "23.40")
    floor.broker.submit(intent)
    assert refusal(floor.broker.submit(intent)) == "duplicate"
    assert floor.held() == {SPX: 1}


@pytest.mark.parametrize(
    ("when", "contract", "open_"),
    [
        ("09:29:59", SPY, False),
        ("09:30", SPY, True),
        ("15:59:59", SPX, True),
        ("16:00", SPX, False),
        ("16:00", SPY, True),
        ("16:14:59", SPY, True),
        ("16:15", SPY, False),
    ],
)
def test_spxw_trades_until_the_close_and_spy_calls_a_quarter_of_an_hour_longer(
    when: str, contract: OptionContract, *, open_: bool
) -> None:
    outcome = Floor(when).buy(contract, 1, "1.00")
    assert (outcome.answer is Answer.ACCEPTED) == open_
    assert open_ or refusal(outcome) == "closed"


def test_on_a_half_day_the_hours_move_with_the_close() -> None:
    for when, contract, answer in (
        ("12:59", spxw_call(day=HALF_DAY), Answer.ACCEPTED),
        ("13:00", spxw_call(day=HALF_DAY), Answer.REFUSED),
        ("13:14", spy_call(day=HALF_DAY), Answer.ACCEPTED),
        ("13:15", spy_call(day=HALF_DAY), Answer.REFUSED),
    ):
        floor = Floor(when, day=HALF_DAY, close="13:00")
        assert floor.buy(contract, 1, "1.00").answer is answer


def test_only_what_expires_today_is_traded(floor: Floor) -> None:
    assert refusal(floor.buy(spxw_call(day=NEXT_DAY), 1, "23.40")) == "closed"


def test_a_purchase_needs_its_money() -> None:
    assert refusal(Floor(cash="2339.99").buy(SPX, 1, "23.40")) == "funds"
    assert Floor(cash="2340").buy(SPX, 1, "23.40").answer is Answer.ACCEPTED


def test_a_sale_of_ten_spy_calls_needs_the_margin_of_a_spread() -> None:
    """25,000 are held for ten calls, and the 2,980 that they bring count towards them."""
    assert refusal(Floor(cash="22019.99").sell(SPY, 10, "2.98")) == "margin"
    assert Floor(cash="22020").sell(SPY, 10, "2.98").answer is Answer.ACCEPTED


def test_margin_is_held_for_what_is_short_and_for_what_is_offered(floor: Floor) -> None:
    floor.sell(SPY, 10, "2.98")
    assert floor.broker.account().margin_used == Decimal(25_000)
    offered = floor.sell(SPY, 4, "9.00")
    assert floor.broker.account().margin_used == Decimal(35_000)
    floor.broker.cancel(offered.client_order_id)
    floor.buy(SPY, 10, "3.02")
    assert floor.broker.account().margin_used == 0


def test_margin_that_is_held_cannot_be_spent() -> None:
    floor = Floor(cash="25000")
    floor.sell(SPY, 10, "2.98")
    assert refusal(floor.buy(SPX, 2, "23.40")) == "funds"
    assert floor.buy(SPX, 1, "23.40").answer is Answer.ACCEPTED
    assert floor.buy(SPY, 10, "3.02").answer is Answer.ACCEPTED, "closing needs no free money"


def test_selling_what_is_held_needs_no_margin() -> None:
    floor = Floor(cash="5000")
    floor.buy(SPY, 10, "3.02")
    assert floor.sell(SPY, 10, "2.98").answer is Answer.ACCEPTED


def test_every_time_of_a_fill_is_that_of_the_clock(floor: Floor) -> None:
    floor.buy(SPX, 1, "23.00")
    floor.clock.sleep(7)
    floor.market.quote(SPX, 22.60, 23.00)
    (fill,) = floor.broker.fills(DAY)
    moment: datetime = fill.at
    assert moment == at("09:41:07")
