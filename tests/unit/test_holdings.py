"""How many contracts may be closed when the record and the broker do not tell the same."""

from decimal import Decimal

import pytest

from src.models import OptionContract, Side
from src.ports import RetryLater
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
