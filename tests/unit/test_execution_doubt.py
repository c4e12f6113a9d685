"""What is done while the broker does not say what became of an order."""

from datetime import timedelta
from decimal import Decimal

import pytest

from src.legging import Status
from src.models import Leg, Side
from src.order_records import OrderStatus
from src.ports import OrderState
from tests.fakes.builders import spxw_call, spy_call
from tests.fakes.scripted_broker import Cancel, Lookup, Submission
from tests.fakes.trading_desk import Desk

SPX_BOUGHT = ("SPXW", Side.BUY, 1, Decimal("23.40"))
SPY_SOLD = ("SPY", Side.SELL, 10, Decimal("2.98"))


@pytest.fixture
def desk() -> Desk:
    return Desk()


def entered(desk: Desk, spreads: int = 1) -> Desk:
    assert desk.enter(spreads).status is Status.FILLED
    return desk


def ids(desk: Desk) -> list[str]:
    return [each.client_order_id for each in desk.broker.submitted]


@pytest.mark.parametrize("lost", [Submission.ANSWER_LOST, Submission.LATE])
def test_an_order_without_an_answer_is_looked_up_and_not_sent_again(
    desk: Desk, lost: Submission
) -> None:
    desk.broker.lookup_grace_seconds = 10
    desk.broker.submissions.append(lost)
    assert desk.enter().status is Status.FILLED
    assert ids(desk) == ["2026-03-09-1-spx-open-1", "2026-03-09-1-spy-open-1"]
    assert desk.traded() == [SPX_BOUGHT, SPY_SOLD]


def test_an_order_without_an_answer_is_looked_up_until_the_broker_speaks_again(desk: Desk) -> None:
    desk.broker.submissions.append(Submission.ANSWER_LOST)
    desk.broker.lookups.extend([Lookup.FAILS] * 8)
    assert desk.enter().status is Status.FILLED
    assert len(ids(desk)) == 2


def test_an_order_that_never_arrived_is_given_up_after_the_grace_and_then_tried_anew(
    desk: Desk,
) -> None:
    desk.broker.lookup_grace_seconds = 10
    desk.broker.submissions.append(Submission.LOST)
    start = desk.clock.now()
    assert desk.enter().status is Status.FILLED
    first, second = desk.orders(Leg.SPX)
    assert (first.status, first.note) == (OrderStatus.CANCELLED, "never reached the broker")
    assert first.filled == 0
    assert second.intent.created_at - start >= timedelta(seconds=10)
    assert len(desk.traded()) == 2


def test_while_an_order_is_in_doubt_nothing_else_is_sent_and_the_entry_is_pending(
    desk: Desk,
) -> None:
    desk.broker.submissions.append(Submission.ANSWER_LOST)
    desk.broker.lookups.extend([Lookup.FAILS] * 100)
    result = desk.enter()
    assert result.status is result.spx.status is Status.PENDING
    assert len(desk.broker.submitted) == 1
    assert desk.plan().stage == "entering"
    desk.broker.lookups.clear()
    # The time for SPY is not over.
    assert desk.go_on().status is Status.FILLED
    assert desk.traded() == [SPX_BOUGHT, SPY_SOLD]


def test_an_entry_whose_time_is_over_when_the_broker_speaks_again_is_unwound(desk: Desk) -> None:
    desk.broker.submissions.append(Submission.ANSWER_LOST)
    desk.broker.lookups.extend([Lookup.FAILS] * 100)
    desk.enter()
    desk.broker.lookups.clear()
    desk.clock.sleep(600)
    assert desk.go_on().status is Status.UNWOUND
    assert desk.held() == {}


@pytest.mark.parametrize("fault", [Cancel.LOST, Cancel.FAILS, Cancel.ANSWER_LOST])
def test_a_cancel_that_is_not_confirmed_is_asked_for_again_before_anything_is_sent(
    desk: Desk, fault: Cancel
) -> None:
    desk.market.quote(spxw_call(), 23.00, 23.40, sizes=(1, 0))
    desk.broker.cancels.extend([fault, fault])

    def move() -> None:
        sizes = (1, 1) if "cancel" in [call for call, _ in desk.broker.calls] else (1, 0)
        desk.market.quote(spxw_call(), 23.30, 23.70, sizes=sizes)

    desk.clock.on_sleep = move
    assert desk.enter().status is Status.FILLED
    assert [each.filled for each in desk.orders(Leg.SPX)] == [0, 1]
    story = [call for call, order in desk.broker.calls if "spx-open" in order]
    asked = 1 if fault is Cancel.ANSWER_LOST else 3
    assert story.count("cancel") == asked
    last_cancel = len(story) - 1 - story[::-1].index("cancel")
    assert last_cancel < story.index("submit", 1)


def test_a_fill_that_overtakes_the_cancel_counts(desk: Desk) -> None:
    desk.market.quote(spxw_call(), 23.00, 23.40, sizes=(1, 0))

    def fill(call: str, _order: str) -> None:
        if call == "cancel":
            desk.market.quote(spxw_call(), 23.00, 23.40)

    desk.broker.before = fill
    result = desk.enter()
    assert (result.spx.status, result.spx.filled) == (Status.FILLED, 1)
    assert len(desk.orders(Leg.SPX)) == 1
    assert desk.held() == {spxw_call(): 1, spy_call(): -10}


def test_fills_that_are_told_twice_count_once(desk: Desk) -> None:
    desk.broker.lookups.extend([Lookup.TWICE] * 20)
    entered(desk)
    assert desk.position().entry_cash == Decimal("637.85")
    assert desk.position().spy_short == 10


def test_fills_that_are_told_late_are_waited_for(desk: Desk) -> None:
    desk.broker.lookups.extend([Lookup.STALE] * 4)
    assert desk.enter().status is Status.FILLED
    assert desk.traded() == [SPX_BOUGHT, SPY_SOLD]


def test_an_accepted_order_that_the_broker_has_forgotten_is_an_alert_and_not_sent_again(
    desk: Desk,
) -> None:
    desk.market.quote(spxw_call(), 23.00, 23.40, sizes=(1, 0))
    desk.clock.on_sleep = desk.exchange._state.orders.clear
    assert desk.enter().status is Status.PENDING
    assert len(ids(desk)) == 1
    titles = {title for _, title, _ in desk.alerts}
    assert titles == {f"Order {ids(desk)[0]} is unknown to the broker that accepted it"}


def test_a_fill_after_a_confirmed_cancel_leaves_nothing_to_be_sent_again(desk: Desk) -> None:
    desk.market.quote(spxw_call(), 23.00, 23.40, sizes=(1, 0))

    def move() -> None:
        desk.market.quote(spxw_call(), 23.10, 23.50)
        order = desk.exchange._state.orders["2026-03-09-1-spx-open-1"]
        if order.state is OrderState.CANCELLED:
            desk.exchange._fill(order, order.remaining, order.intent.limit, desk.clock.now())

    def thin() -> None:
        desk.market.quote(spxw_call(), 23.10, 23.50, sizes=(1, 0))

    desk.clock.on_sleep = thin
    desk.after("cancel", "spx-open", lambda: setattr(desk.clock, "on_sleep", move))
    assert desk.enter().status is Status.FILLED
    assert ids(desk) == ["2026-03-09-1-spx-open-1", "2026-03-09-1-spy-open-1"]
    assert desk.held() == {spxw_call(): 1, spy_call(): -10}
