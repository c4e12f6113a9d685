"""The next step about one leg follows from its orders, the price and the time alone."""

from datetime import timedelta
from decimal import Decimal

import pytest

from src.legging import LegTask, Move, Status, Step, next_step, summarise
from src.models import Leg, OrderIntent, Purpose, Side
from src.order_records import OrderRecord, OrderStatus
from tests.fakes.builders import DAY, at, spxw_call, spy_call

NOW = at("09:41:10")
LIMIT = Decimal("2.98")
REPRICE = 5.0
IN_DOUBT = [OrderStatus.INTENT, OrderStatus.UNKNOWN]
SAID_NO = [OrderStatus.REFUSED, OrderStatus.REJECTED]


def a_task(*, wanted: int = 10, left: float = 20, first_attempt: int = 1) -> LegTask:
    """Sell so many SPY calls within so many seconds from now."""
    return LegTask(
        leg=Leg.SPY,
        purpose=Purpose.OPEN,
        side=Side.SELL,
        wanted=wanted,
        deadline=NOW + timedelta(seconds=left),
        first_attempt=first_attempt,
    )


def an_order(
    status: OrderStatus = OrderStatus.WORKING,
    *,
    filled: int = 0,
    age: float = 1,
    attempt: int = 1,
    limit: Decimal = LIMIT,
    leg: Leg = Leg.SPY,
    purpose: Purpose = Purpose.OPEN,
    price: str = "2.98",
    note: str = "",
) -> OrderRecord:
    intent = OrderIntent(
        session=DAY,
        spread_no=1,
        leg=leg,
        purpose=purpose,
        attempt=attempt,
        contract=spy_call() if leg is Leg.SPY else spxw_call(),
        side=Side.SELL,
        quantity=10,
        limit=limit,
        created_at=NOW - timedelta(seconds=age),
    )
    return OrderRecord(intent, status, filled, filled * Decimal(price), note)


def step(
    *orders: OrderRecord, limit: Decimal | None = LIMIT, left: float = 20, wanted: int = 10
) -> Step:
    return next_step(a_task(wanted=wanted, left=left), orders, lambda: limit, NOW, REPRICE).step


def test_the_first_order_is_sent_when_there_is_a_price() -> None:
    assert step() is Step.SEND


def test_without_a_wanted_price_nothing_is_sent() -> None:
    assert step(limit=None) is Step.WAIT


def test_nothing_is_sent_once_the_deadline_has_come() -> None:
    assert step(left=0) is Step.DONE


def test_a_leg_of_nothing_is_done() -> None:
    assert step(wanted=0) is Step.DONE


@pytest.mark.parametrize("status", IN_DOUBT)
@pytest.mark.parametrize("left", [20, -20])
def test_an_order_in_doubt_is_looked_up_whatever_the_time(status: OrderStatus, left: float) -> None:
    assert step(an_order(status, age=100), left=left) is Step.LOOK_UP


def test_a_young_order_is_left_alone_even_if_the_market_moved() -> None:
    assert step(an_order(age=4.9), limit=Decimal("2.95")) is Step.WAIT


def test_an_old_order_is_taken_back_only_if_the_market_moved() -> None:
    assert step(an_order(age=5), limit=Decimal("2.95")) is Step.CANCEL
    assert step(an_order(age=25), limit=LIMIT) is Step.WAIT


def test_an_old_order_is_taken_back_when_its_price_is_no_longer_wanted() -> None:
    assert step(an_order(age=5), limit=None) is Step.CANCEL


def test_a_working_order_is_taken_back_at_the_deadline() -> None:
    assert step(an_order(), left=0) is Step.CANCEL


def test_a_cancel_is_asked_for_until_it_is_confirmed() -> None:
    assert step(an_order(OrderStatus.CANCELLING)) is Step.CANCEL


def test_what_is_left_is_sent_again_after_a_cancel() -> None:
    assert step(an_order(OrderStatus.CANCELLED, filled=4)) is Step.SEND


@pytest.mark.parametrize("status", SAID_NO)
def test_what_the_broker_said_no_to_is_not_sent_again(status: OrderStatus) -> None:
    assert step(an_order(status)) is Step.DONE


def test_a_leg_is_done_when_its_orders_together_filled_it() -> None:
    first = an_order(OrderStatus.CANCELLED, filled=4)
    second = an_order(OrderStatus.FILLED, filled=6, attempt=2)
    assert step(first, second) is Step.DONE


def test_the_order_that_still_lives_is_the_one_spoken_of() -> None:
    live = an_order(attempt=2, age=9)
    orders = [an_order(OrderStatus.CANCELLED), live]
    chosen = next_step(a_task(), orders, lambda: Decimal("2.90"), NOW, REPRICE)
    assert chosen == Move(Step.CANCEL, live)


def test_a_task_knows_its_orders_by_leg_purpose_and_attempt() -> None:
    earlier, mine, later = (an_order(attempt=n) for n in (1, 2, 3))
    others = [an_order(attempt=2, leg=Leg.SPX), an_order(attempt=2, purpose=Purpose.CLOSE)]
    assert a_task(first_attempt=2).mine([earlier, *others, mine, later]) == [mine, later]


@pytest.mark.parametrize("status", [*IN_DOUBT, OrderStatus.WORKING, OrderStatus.CANCELLING])
def test_a_leg_is_pending_while_any_order_of_it_may_still_fill(status: OrderStatus) -> None:
    orders = [an_order(status), an_order(OrderStatus.CANCELLED, filled=10)]
    assert summarise(a_task(), orders).status is Status.PENDING


@pytest.mark.parametrize(
    ("orders", "status", "filled"),
    [
        ([an_order(OrderStatus.FILLED, filled=10)], Status.FILLED, 10),
        ([an_order(OrderStatus.CANCELLED, filled=4)], Status.PARTIAL, 4),
        ([an_order(OrderStatus.EXPIRED, filled=4)], Status.PARTIAL, 4),
        ([an_order(OrderStatus.CANCELLED)], Status.UNWOUND, 0),
        ([an_order(OrderStatus.REFUSED)], Status.REJECTED, 0),
        ([an_order(OrderStatus.REJECTED)], Status.REJECTED, 0),
        ([an_order(OrderStatus.CANCELLED, filled=4), an_order(OrderStatus.REFUSED)], "PARTIAL", 4),
        ([], Status.UNWOUND, 0),
    ],
)
def test_how_a_leg_ended(orders: list[OrderRecord], status: str, filled: int) -> None:
    result = summarise(a_task(), orders)
    assert (result.status, result.filled, result.wanted) == (status, filled, 10)


def test_the_average_price_weighs_each_fill_by_its_contracts() -> None:
    """4 at 2.98 and 6 at 2.93: (11.92 + 17.58) / 10 = 2.95."""
    first = an_order(OrderStatus.CANCELLED, filled=4)
    second = an_order(OrderStatus.FILLED, filled=6, price="2.93")
    assert summarise(a_task(), [first, second]).average_price == Decimal("2.95")


def test_nothing_filled_has_no_average_price() -> None:
    assert summarise(a_task(), [an_order(OrderStatus.CANCELLED)]).average_price is None


def test_the_words_are_those_of_the_last_order() -> None:
    orders = [an_order(note="first"), an_order(OrderStatus.REFUSED, note="last")]
    assert summarise(a_task(), orders).text == "last"
