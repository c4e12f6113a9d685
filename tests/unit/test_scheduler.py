from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest
import schedule

from tests.fakes.builders import a_clock, at
from utils.market_clock import VirtualClock
from utils.scheduler import run_day


class Day:
    """A day that asks to be woken at given moments, and keeps when it was."""

    def __init__(self, *wishes: datetime) -> None:
        self.wishes = iter(wishes)
        self.ticks: list[datetime] = []

    def tick(self, now: datetime) -> datetime | None:
        self.ticks.append(now)
        return next(self.wishes, None)


class Napper(VirtualClock):
    """A virtual clock that counts how long it was asked to sleep, and may oversleep once."""

    def __init__(self, start: datetime, oversleep: float = 0) -> None:
        super().__init__(start)
        self.naps: list[float] = []
        self._oversleep = oversleep

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        super().sleep(seconds + self._oversleep)
        self._oversleep = 0


def moments(*clocks: str) -> Iterable[datetime]:
    return [at(each) for each in clocks]


def test_a_day_is_ticked_now_and_then_at_every_moment_that_it_asks_for() -> None:
    day = Day(*moments("09:30", "09:35", "09:35:30", "15:45"))
    run_day(day.tick, a_clock("09:25"), longest_nap=None)
    assert day.ticks == moments("09:25", "09:30", "09:35", "09:35:30", "15:45")


def test_a_day_that_asks_for_nothing_more_is_over_at_once() -> None:
    day, clock = Day(), Napper(at("16:30"))
    run_day(day.tick, clock, longest_nap=None)
    assert day.ticks == [at("16:30")]
    assert clock.naps == []


def test_a_missed_moment_is_made_up_for_once_and_at_once() -> None:
    day = Day(at("09:35"), at("09:40"), at("13:05"))
    clock = Napper(at("09:30"), oversleep=3.5 * 3600)  # the lid was closed until 13:05
    run_day(day.tick, clock, longest_nap=None)
    assert day.ticks[:2] == [at("09:30"), at("13:05")]
    assert day.ticks[2:] == [at("13:05"), at("13:05")]
    assert len(clock.naps) == 1


def test_a_nap_is_never_longer_than_the_longest_so_that_a_jump_is_noticed() -> None:
    day, clock = Day(at("09:30:10")), Napper(at("09:30"))
    run_day(day.tick, clock, longest_nap=4)
    assert clock.naps == [4, 4, 2]
    assert day.ticks == moments("09:30", "09:30:10")


def test_a_clock_that_moves_only_by_sleeping_is_slept_straight_through() -> None:
    day, clock = Day(at("16:00")), Napper(at("09:30"))
    run_day(day.tick, clock, longest_nap=None)
    assert clock.naps == [6.5 * 3600]


def test_no_tick_comes_early() -> None:
    wish = at("09:30") + timedelta(seconds=2.5)
    day = Day(wish)
    run_day(day.tick, Napper(at("09:30")), longest_nap=1)
    assert day.ticks == [at("09:30"), wish]


def test_a_failure_of_a_tick_ends_the_loop_and_is_seen() -> None:
    def fail(_now: datetime) -> datetime | None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_day(fail, a_clock())


def test_every_tick_is_a_job_of_the_schedule_library() -> None:
    """The call of a tick comes out of `schedule`, at the library's own place for running a job."""
    callers: list[str] = []

    def tick(_now: datetime) -> datetime | None:
        import inspect  # noqa: PLC0415 - only this test looks at its callers

        callers.extend(frame.filename for frame in inspect.stack())
        return None

    run_day(tick, a_clock())
    assert schedule.__file__ in callers
    assert schedule.jobs == []  # the library's shared list is left alone
