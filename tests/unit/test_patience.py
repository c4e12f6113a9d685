"""How long the calls of one tick may wait, in real seconds."""

from datetime import datetime

import pytest

from src.ports import RetryLater
from tests.fakes.builders import at
from utils.patience import Patience


class RealTime:
    seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_a_call_may_wait_for_its_time_out_as_long_as_the_tick_has_time() -> None:
    assert Patience(10, 60, RealTime())() == 10


def test_the_last_call_of_a_tick_may_wait_only_for_what_is_left() -> None:
    time = RealTime()
    patience = Patience(10, 60, time)
    time.seconds += 53
    assert patience() == pytest.approx(7)


def test_a_tick_that_has_used_up_its_time_asks_nobody_any_more() -> None:
    time = RealTime()
    patience = Patience(10, 60, time)
    time.seconds += 60
    with pytest.raises(RetryLater, match="used up the 60 s"):
        patience()


def test_the_next_tick_has_its_whole_time_again() -> None:
    time = RealTime()
    patience = Patience(10, 60, time)
    waited: list[float] = []

    def tick(now: datetime) -> datetime:
        waited.append(patience())
        time.seconds += 100
        return now

    again = patience.renewed(tick)
    again(at("09:35"))
    again(at("09:40"))
    assert waited == [10, 10]


def test_a_new_try_has_the_whole_time_however_long_the_ones_before_have_taken() -> None:
    time = RealTime()
    patience = Patience(10, 60, time)
    time.seconds += 3600
    patience.renew()
    assert patience() == 10
