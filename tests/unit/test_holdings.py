"""How many contracts may be closed when the record and the broker do not tell the same."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from src.models import Leg, OptionContract, Purpose, Side
from src.ports import Holding, OrderState, RetryLater
from tests.fakes.builders import spxw_call, spy_call
from tests.fakes.trading_desk import Desk


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    desk.enter()
    return desk


def positions_are_not_told(desk: Desk) -> None:
    def fail(call: str, about: str) -> None:
        del about
        if call == "holdings":
            raise RetryLater("no answer in 10 s")

    desk.broker.before = fail


def bought_back(desk: Desk) -> int:
    return sum(
        each.quantity
        for each in desk.broker.submitted
        if each.contract == spy_call() and each.side is Side.BUY
    )


@pytest.mark.parametrize(
    ("besides", "closed"),
    [
        ({}, 10),
        ({spy_call(): 3}, 7),
        ({spy_call(): 10}, 0),
        ({spy_call(): -4}, 10),
        ({spxw_call(): 1}, 10),
        (None, 0),
    ],
    ids=[
        "as recorded",
        "three were assigned",
        "all were assigned",
        "four more are the user's",
        "of the other leg",
        "a difference that cannot be looked at",
    ],
)
def test_while_positions_are_not_told_what_was_missing_before_is_not_bought_back(
    desk: Desk, besides: dict[OptionContract, int] | None, closed: int
) -> None:
    desk.executor.expect_besides(besides)
    positions_are_not_told(desk)
    desk.leave()
    assert bought_back(desk) == closed


def test_calls_assigned_before_a_partial_exit_are_not_bought_back_when_positions_fail(
    desk: Desk,
) -> None:
    desk.exchange._state.options[spy_call()] += 3
    desk.executor.expect_besides({spy_call(): 3})
    desk.leave()
    assert desk.position().spy_short == 3, "the record has no fill for those that were assigned"
    positions_are_not_told(desk)
    desk.leave()
    assert bought_back(desk) == 7
    assert ("SPY", Side.BUY, 7, Decimal("3.02")) in desk.traded()


# Positions that leave out, for a while, what was just traded.


LAG = 8.0


def positions_lag(desk: Desk) -> None:
    """Let the broker tell, for some seconds from now on, what is held at this moment."""
    held, end = desk.exchange.holdings(), desk.clock.now() + timedelta(seconds=LAG)

    def holdings() -> list[Holding]:
        return held if desk.clock.now() < end else desk.exchange.holdings()

    desk.broker.holdings = holdings  # type: ignore[method-assign] # one answer lags, no other
    desk.broker.positions_lag_seconds = LAG


@pytest.mark.parametrize("assigned", [3, 5, 9])
def test_a_purchase_that_the_positions_leave_out_yet_is_not_made_twice(
    desk: Desk, assigned: int
) -> None:
    desk.exchange._state.options[spy_call()] += assigned
    positions_lag(desk)
    desk.leave()
    assert spy_call() not in desk.held()
    desk.leave()
    assert bought_back(desk) == 10 - assigned


def test_a_purchase_that_the_positions_leave_out_yet_is_not_made_twice_by_the_next_process(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path)
    desk.enter()
    desk.exchange._state.options[spy_call()] += 5
    desk.leave()
    desk.crash()
    desk.exchange._state.options[spy_call()] = -5
    positions_lag(desk)
    desk.exchange._state.options[spy_call()] = 0
    desk.leave()
    assert bought_back(desk) == 0


def test_what_one_spread_bought_back_is_not_there_for_the_other_when_positions_lag() -> None:
    desk = Desk()
    desk.enter()
    desk.enter()
    desk.exchange._state.options[spy_call()] += 9
    positions_lag(desk)
    desk.leave(1)
    desk.leave(2)
    assert spy_call() not in desk.held()
    assert [each.filled for each in desk.orders(Leg.SPY, Purpose.CLOSE)] == [10, 1]


def test_the_second_of_two_sales_waits_as_long_as_positions_may_lag_and_no_longer(
    desk: Desk,
) -> None:
    desk.enter()
    desk.broker.positions_lag_seconds = LAG
    start = desk.clock.now()
    desk.leave(1)
    assert desk.clock.now() == start
    desk.leave(2)
    assert (desk.clock.now() - start).total_seconds() == 2 * LAG, "once for each leg"
    assert desk.held() == {}


def test_a_fill_told_after_the_cancel_is_waited_for_when_the_user_sold_at_our_strike_meanwhile(
    desk: Desk,
) -> None:
    desk.broker.lookup_grace_seconds = 10.0
    desk.market.quote(spy_call(), 2.98, 3.02, sizes=(1, 0))
    told_at = None

    def is_filled_all_the_same() -> None:
        nonlocal told_at
        told_at = desk.clock.now() + timedelta(seconds=5)
        desk.exchange._state.options[spy_call()] = -7  # ours are bought, and these are the user's

    def pass_on() -> None:
        desk.market.quote(spy_call(), 2.99, 3.03, sizes=(9, 90 if told_at else 0))
        first = desk.orders(Leg.SPY, Purpose.CLOSE)[0].intent
        order = desk.exchange._state.orders[first.client_order_id]
        if told_at and desk.clock.now() >= told_at and not order.fills:
            desk.exchange._fill(order, 10, first.limit, told_at)
            order.state = OrderState.CANCELLED
            desk.exchange._state.options[spy_call()] = -7

    desk.after("cancel", "spy-close", is_filled_all_the_same)
    desk.clock.on_sleep = pass_on
    desk.leave()
    assert desk.position().spy_short == 0
    assert bought_back(desk) == 10
    assert desk.held()[spy_call()] == -7
