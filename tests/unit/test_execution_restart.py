"""What a process that was killed at any step has left is brought to the same end by the next."""

from decimal import Decimal
from pathlib import Path

import pytest

from src.legging import Status
from src.models import Leg, OrderIntent, Purpose, Side
from src.order_records import OrderStatus
from tests.fakes.builders import spxw_call, spy_call
from tests.fakes.trading_desk import CASH, Desk

SPX_BOUGHT = ("SPXW", Side.BUY, 1, Decimal("23.40"))


class Killed(BaseException):
    """The process is gone: nothing of it runs any more."""


def die() -> None:
    raise Killed


def entered(desk: Desk, spreads: int = 1) -> Desk:
    assert desk.enter(spreads).status is Status.FILLED
    return desk


def kill_at(desk: Desk, moment: int) -> None:
    """Let the process die before or after the n-th call to the broker, whichever comes first."""
    steps = iter(range(10_000))

    def step(_call: str, _order: str) -> None:
        if next(steps) == moment:
            raise Killed

    desk.broker.before = desk.broker.after = step


def finished(desk: Desk) -> None:
    for plan in desk.journal.plans():
        if plan.stage == "entering":
            desk.executor.continue_entry(plan)


@pytest.mark.parametrize("moment", range(10))
def test_an_entry_that_was_killed_at_any_step_ends_with_the_same_fills(
    tmp_path: Path, moment: int
) -> None:
    desk = Desk(tmp_path)
    desk.market.quote(spy_call(), 2.98, 3.02, sizes=(6, 6))
    kill_at(desk, moment)
    with pytest.raises(Killed):
        desk.enter()
    desk.crash()
    desk.clock.sleep(2)
    finished(desk)
    bought, *sold = desk.traded()
    assert bought == SPX_BOUGHT
    assert [each[:2] for each in sold] == [("SPY", Side.SELL)] * 2
    assert sum(each[2] for each in sold) == 10
    assert desk.position().entry_cash == Decimal("637.85")
    assert desk.position().cash == desk.exchange.account().cash - CASH


@pytest.mark.parametrize("moment", [0, 1, 2, 5, 31, 32, 60, 63, 64])
@pytest.mark.parametrize("back", [False, True])
def test_an_unwinding_that_was_killed_at_any_step_leaves_nothing_open_and_nothing_twice(
    tmp_path: Path, moment: int, *, back: bool
) -> None:
    """With `back` the clock of a replay starts again where the interrupted tick began."""
    desk = Desk(tmp_path)
    start = desk.clock.now()
    desk.market.quote(spy_call(), 2.98, 3.02, sizes=(0, 1))
    desk.market.quote(spxw_call(), 23.00, 23.40, sizes=(0, 1))
    kill_at(desk, moment)
    with pytest.raises(Killed):
        desk.enter()
    desk.crash(back_to=start if back else None)
    finished(desk)
    desk.clock.sleep(60)
    desk.market.quote(spy_call(), 2.98, 3.02)
    desk.market.quote(spxw_call(), 23.00, 23.40)
    if desk.position().is_open:
        desk.leave()
    assert desk.held() in ({}, {spxw_call(): 0})
    assert not desk.position().is_open


def test_what_was_begun_to_be_unwound_is_not_sold_in_spy_when_a_replays_clock_goes_back(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path)
    start = desk.clock.now()
    desk.market.quote(spy_call(), 2.98, 3.02, sizes=(0, 1))
    desk.after("submit", "spx-close", die)
    with pytest.raises(Killed):
        desk.enter()
    desk.crash(back_to=start)
    desk.market.quote(spy_call(), 2.98, 3.02)
    finished(desk)
    assert desk.held() == {}, "short calls without cover"


def test_an_exit_that_was_killed_is_not_done_twice(tmp_path: Path) -> None:
    for moment in range(12):
        desk = entered(Desk(tmp_path / str(moment)))
        start = desk.clock.now()
        desk.market.quote(spy_call(), 2.98, 3.02, sizes=(4, 4))
        kill_at(desk, moment)
        with pytest.raises(Killed):
            desk.leave()
        desk.crash(back_to=start)
        desk.executor.look_up_open_orders()
        for _ in range(3):
            if desk.position().is_open:
                desk.leave()
        assert desk.held() == {}
        assert desk.position().cash == desk.exchange.account().cash - CASH


def test_an_order_of_an_earlier_run_is_brought_up_to_date_by_look_up(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.after("submit", "", die)
    with pytest.raises(Killed):
        desk.enter()
    desk.crash()
    assert desk.orders(Leg.SPX)[0].status is OrderStatus.INTENT
    desk.executor.look_up_open_orders()
    assert desk.orders(Leg.SPX)[0].status is OrderStatus.FILLED
    assert desk.position().spx_long == 1


def test_every_id_is_handed_to_the_broker_at_most_once_over_all_runs(tmp_path: Path) -> None:
    for moment in range(12):
        desk = Desk(tmp_path / str(moment))
        kill_at(desk, moment)
        sent: list[OrderIntent] = []
        try:
            desk.enter()
        except Killed:
            sent += desk.broker.submitted
            desk.crash()
        finished(desk)
        sent += desk.broker.submitted
        every = [each.client_order_id for each in sent]
        assert len(every) == len(set(every))
        assert [each.purpose for each in sent].count(Purpose.CLOSE) == 0
