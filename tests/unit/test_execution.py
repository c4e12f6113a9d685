"""How a spread is worked into the market: in what order, at which prices, for how long."""

import sqlite3
from datetime import timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest

from src.legging import Status
from src.models import Leg, Side
from src.order_records import OrderStatus, SpreadPlan
from src.settings import Settings
from tests.fakes.builders import a_setup, spxw_call, spy_call
from tests.fakes.scripted_broker import Submission
from tests.fakes.trading_desk import Desk

SPX_BOUGHT = ("SPXW", Side.BUY, 1, Decimal("23.40"))
SPY_SOLD = ("SPY", Side.SELL, 10, Decimal("2.98"))


@pytest.fixture
def desk() -> Desk:
    return Desk()


def entered(desk: Desk, spreads: int = 1) -> Desk:
    assert desk.enter(spreads).status is Status.FILLED
    return desk


def a_plan_of(desk: Desk) -> SpreadPlan:
    """The plan of an entry at the market of the desk, which comes to nothing here."""
    return desk.executor._make_plan(a_setup(when=desk.clock.now()), 1, 0.0)


def ids(desk: Desk) -> list[str]:
    return [each.client_order_id for each in desk.broker.submitted]


def test_a_spread_is_bought_in_spx_first_and_then_sold_in_spy(desk: Desk) -> None:
    result = desk.enter()
    assert result.status is Status.FILLED
    assert (result.spx.status, result.spy.status) == (Status.FILLED, Status.FILLED)
    assert desk.traded() == [SPX_BOUGHT, SPY_SOLD]
    assert desk.position().entry_cash == Decimal("637.85"), "the worked example, to the cent"
    assert desk.plan().stage == "held"


@pytest.mark.parametrize(
    ("schedule", "spreads", "fees"),
    [("alpaca", 1, "1.74"), ("ibkr", 1, "8.70"), ("alpaca", 2, "3.44"), ("ibkr", 2, "16.71")],
)
def test_an_entry_pays_the_fees_of_the_schedule_that_is_set(
    schedule: str, spreads: int, fees: str
) -> None:
    desk = Desk(settings=Settings.defaults().changed(f"fees.schedule={schedule}"))
    position = entered(desk, spreads).position()
    assert position.fees == Decimal(fees)
    assert position.entry_cash == 640 * spreads - position.fees


@pytest.mark.parametrize("schedule", ["flat", "alpaca", "ibkr"])
def test_the_least_that_an_entry_may_bring_is_left_after_the_fees_of_its_schedule(
    schedule: str,
) -> None:
    desk = Desk(settings=Settings.defaults().changed(f"fees.schedule={schedule}"))
    dearest = a_plan_of(desk).spx_worst
    desk.market.quote(spxw_call(), float(dearest) - 1, float(dearest))
    position = entered(desk).position()
    assert 400 < position.entry_cash < 420


def test_spy_is_not_offered_before_spx_is_bought(desk: Desk) -> None:
    desk.market.quote(spxw_call(), 23.00, 23.40, sizes=(1, 0))
    result = desk.enter()
    assert result.status is Status.UNWOUND
    assert {each.leg for each in desk.broker.submitted} == {Leg.SPX}


def test_every_order_is_in_the_database_before_it_is_sent(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    seen: list[tuple[str, str]] = []

    def look(call: str, order: str) -> None:
        if call == "submit":
            # A second connection sees only what is committed.
            with sqlite3.connect(tmp_path / "trades.db") as other:
                row = other.execute(
                    "SELECT client_order_id, state FROM orders WHERE client_order_id = ?", (order,)
                ).fetchone()
            other.close()
            seen.append(row)

    desk.broker.before = look
    entered(desk)
    desk.leave()
    assert seen == [
        ("2026-03-09-1-spx-open-1", "intent"),
        ("2026-03-09-1-spy-open-1", "intent"),
        ("2026-03-09-1-spy-close-1", "intent"),
        ("2026-03-09-1-spx-close-1", "intent"),
    ]


def test_order_ids_name_session_spread_leg_purpose_and_attempt(desk: Desk) -> None:
    entered(desk)
    desk.leave()
    desk.broker.submissions.append(Submission.LOST)
    entered(desk)
    assert ids(desk) == [
        "2026-03-09-1-spx-open-1",
        "2026-03-09-1-spy-open-1",
        "2026-03-09-1-spy-close-1",
        "2026-03-09-1-spx-close-1",
        "2026-03-09-2-spx-open-1",
        "2026-03-09-2-spx-open-2",
        "2026-03-09-2-spy-open-1",
    ]


def test_partial_fills_add_up_to_the_whole(desk: Desk) -> None:
    desk.market.quote(spy_call(), 2.98, 3.02, sizes=(4, 4))
    assert desk.enter().status is Status.FILLED
    assert [each[2] for each in desk.traded()] == [1, 4, 4, 2]
    assert len(desk.broker.submitted) == 2, "a partial fill needs no new order"


def test_spy_is_sold_only_against_what_was_bought_of_spx(desk: Desk) -> None:
    desk.market.quote(spxw_call(), 23.00, 23.40, sizes=(1, 1))
    desk.clock.on_sleep = lambda: desk.market.quote(spxw_call(), 26.00, 26.40)
    result = desk.enter(spreads=2)
    assert result.status is Status.PARTIAL
    assert (result.spx.status, result.spx.filled) == (Status.PARTIAL, 1)
    assert (result.spy.status, result.spy.wanted, result.spy.filled) == (Status.FILLED, 10, 10)
    assert desk.held() == {spxw_call(): 1, spy_call(): -10}


def test_an_unfilled_order_is_replaced_at_the_new_price_after_reprice_seconds(desk: Desk) -> None:
    desk.market.quote(spxw_call(), 23.00, 23.40, sizes=(1, 0))
    start = desk.clock.now()

    def move() -> None:
        if desk.clock.now() == start + timedelta(seconds=1):
            desk.market.quote(spxw_call(), 23.30, 23.70, sizes=(1, 1))

    desk.clock.on_sleep = move
    assert desk.enter().status is Status.FILLED
    first, second = desk.orders(Leg.SPX)
    assert (first.status, first.intent.limit) == (OrderStatus.CANCELLED, Decimal("23.40"))
    assert (second.status, second.intent.limit) == (OrderStatus.FILLED, Decimal("23.70"))
    waited = second.intent.created_at - start
    assert timedelta(seconds=5) <= waited <= timedelta(seconds=6)


def test_an_order_whose_price_still_stands_is_left_where_it_is(desk: Desk) -> None:
    desk.market.quote(spxw_call(), 23.00, 23.40, sizes=(1, 0))
    desk.enter()
    assert len(desk.orders(Leg.SPX)) == 1, "it keeps its place in the queue"


def test_spx_is_bought_up_to_the_last_price_at_which_the_profit_is_above_the_minimum() -> None:
    """By hand: 10 x 100 x 2.98 - 100 x P - 2.15 > 400 wants P < 25.7785, on the grid 25.70."""
    for ask, status in ((25.70, Status.FILLED), (25.80, Status.UNWOUND)):
        desk = Desk()
        desk.market.quote(spxw_call(), ask - 0.4, ask)
        result = desk.enter()
        assert (desk.plan().spx_worst, result.spx.status) == (Decimal("25.70"), status)


def test_what_of_the_credit_is_no_profit_lowers_the_price_for_spx() -> None:
    """Of the credit 99.96 dollars pay for something else: P < 24.7789, on the grid 24.70."""
    desk = Desk()
    desk.executor.place_spread_order(a_setup(when=desk.clock.now()), 1, 99.96)
    assert desk.plan().spx_worst == Decimal("24.70")
    assert desk.plan().spy_floor == Decimal("502.11"), "400 + 99.96 + 2.15"


def test_a_profit_of_exactly_the_minimum_is_not_above_it() -> None:
    """At 25.70 the profit is 2980 - 2570 - 2.15 = 407.85: wanted at 407.84, not at 407.85."""
    worst = {}
    for minimum in ("407.84", "407.85"):
        desk = Desk(settings=Settings.defaults().changed(f"strategy.min_entry_credit={minimum}"))
        desk.enter()
        worst[minimum] = desk.plan().spx_worst
    assert worst == {"407.84": Decimal("25.70"), "407.85": Decimal("25.60")}


def test_spy_is_sold_down_to_the_last_price_at_which_the_profit_is_above_the_minimum() -> None:
    """By hand: 1000 x P - 2340 - 2.15 > 400 wants P > 2.74215, so at 2.75 and not at 2.74."""
    for bid, status in ((2.75, Status.FILLED), (2.74, Status.UNWOUND)):
        desk = Desk()
        desk.after("submit", "spx-open", partial(desk.market.quote, spy_call(), bid, bid + 0.04))
        assert desk.enter().spy.status is status
        assert desk.orders(Leg.SPY)[0].intent.limit == Decimal("2.75")


def test_spy_is_not_sold_at_a_profit_of_exactly_the_minimum() -> None:
    """At 2.74 the profit is 2740 - 2340 - 2.15 = 397.85: wanted at 397.84, not at 397.85."""
    worst = {}
    for minimum in ("397.84", "397.85"):
        desk = Desk(settings=Settings.defaults().changed(f"strategy.min_entry_credit={minimum}"))
        desk.after("submit", "spx-open", partial(desk.market.quote, spy_call(), 2.50, 2.54))
        desk.enter()
        worst[minimum] = desk.orders(Leg.SPY)[0].intent.limit
    assert worst == {"397.84": Decimal("2.74"), "397.85": Decimal("2.75")}


def test_spx_bought_below_its_worst_price_leaves_that_room_to_spy(desk: Desk) -> None:
    """Bought at 22.40 instead of 23.40, SPY may go for 100 / 1000 less: 2.65."""
    desk.market.quote(spxw_call(), 22.00, 22.40)
    desk.after("submit", "spx-open", lambda: desk.market.quote(spy_call(), 2.50, 2.54))
    desk.enter()
    assert desk.orders(Leg.SPY)[0].intent.limit == Decimal("2.65")


def test_a_leg_that_does_not_fill_is_given_up_at_its_deadline(desk: Desk) -> None:
    desk.market.quote(spxw_call(), 23.00, 23.40, sizes=(1, 0))
    start = desk.clock.now()
    result = desk.enter()
    assert result.status is result.spx.status is Status.UNWOUND
    assert timedelta(seconds=30) <= desk.clock.now() - start <= timedelta(seconds=32)
    assert desk.exchange.open_orders() == []


def test_no_order_is_sent_on_quotes_that_cannot_be_traded_on(desk: Desk) -> None:
    desk.market.age = timedelta(seconds=6)
    assert desk.enter().status is Status.UNWOUND
    assert desk.broker.submitted == []


def test_no_order_is_sent_while_the_source_is_down(desk: Desk) -> None:
    desk.market.down = True
    assert desk.enter().status is Status.UNWOUND
    assert desk.broker.submitted == []


def test_a_refused_purchase_ends_the_entry_and_says_the_brokers_words(desk: Desk) -> None:
    desk.broker.submissions.append(Submission.REFUSED)
    result = desk.enter()
    assert result.status is result.spx.status is Status.REJECTED
    assert result.spx.text == "403 not today"
    assert len(desk.broker.submitted) == 1, "what was refused is not tried again"
    assert any("refused (not today)" in text for _, _, text in desk.told)


def test_spx_is_sold_again_when_spy_cannot_be_sold(desk: Desk) -> None:
    desk.market.quote(spy_call(), 2.98, 3.02, sizes=(0, 1))
    result = desk.enter()
    assert (result.status, result.spy.status) == (Status.UNWOUND, Status.UNWOUND)
    assert desk.traded() == [SPX_BOUGHT, ("SPXW", Side.SELL, 1, Decimal("23.00"))]
    assert not desk.position().is_open
    assert desk.position().cash == Decimal("-41.30"), "40 for the spread, 1.30 for fees"


def test_spx_is_sold_again_when_spy_is_refused(desk: Desk) -> None:
    desk.broker.submissions.extend([Submission.FINE, Submission.REFUSED])
    result = desk.enter()
    assert (result.status, result.spy.status) == (Status.UNWOUND, Status.REJECTED)
    assert desk.held() == {}


def test_of_a_partial_sale_of_spy_only_the_excess_spx_is_sold_again(desk: Desk) -> None:
    desk.market.quote(spy_call(), 2.98, 3.02, sizes=(7, 1))
    no_bidders = partial(desk.market.quote, spy_call(), 2.98, 3.02, sizes=(0, 1))
    desk.after("submit", "spy-open", no_bidders)
    result = desk.enter(spreads=2)
    assert (result.status, result.spy.status) == (Status.PARTIAL, Status.PARTIAL)
    assert desk.held() == {spxw_call(): 1, spy_call(): -7}, "one SPXW covers up to ten"
