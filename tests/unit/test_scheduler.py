from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta

import pytest
import schedule

from src.models import NEW_YORK
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


# A clock that is put back or forth, and what cannot wait.


class Script(VirtualClock):
    """A virtual clock on which something happens after so many naps."""

    def __init__(self, start: datetime, **after: Callable[["Script"], None]) -> None:
        super().__init__(start)
        self.naps: list[float] = []
        self._after = after

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        super().sleep(seconds)
        happen = self._after.get(f"nap_{len(self.naps)}")
        if happen:
            happen(self)

    def put(self, moment: datetime) -> None:
        self._now = moment


def test_a_clock_that_is_put_back_is_noticed_and_the_day_reckons_anew() -> None:
    ticks: list[datetime] = []

    def tick(now: datetime) -> datetime | None:
        ticks.append(now)
        return now + timedelta(minutes=5) if len(ticks) < 3 else None

    clock = Script(at("11:00"), nap_2=lambda clock: clock.put(at("10:00")))
    run_day(tick, clock, longest_nap=60)
    assert ticks == moments("11:00", "10:00", "10:05")


def test_a_clock_that_is_put_back_while_a_tick_works_is_noticed() -> None:
    ticks: list[datetime] = []
    clock = Script(at("11:00"))

    def tick(now: datetime) -> datetime | None:
        ticks.append(now)
        if len(ticks) == 1:
            clock.put(at("10:30"))
        return now + timedelta(minutes=5) if len(ticks) < 3 else None

    run_day(tick, clock, longest_nap=60)
    assert ticks == moments("11:00", "10:30", "10:35")


def test_a_clock_that_is_put_forth_makes_one_tick_at_once() -> None:
    day = Day(at("09:35"), at("12:05"))
    clock = Script(at("09:30"), nap_1=lambda clock: clock.put(at("12:00")))
    run_day(day.tick, clock, longest_nap=60)
    assert day.ticks == moments("09:30", "12:00", "12:05")
    assert sum(clock.naps) == 60 + 5 * 60


def test_a_tick_that_overruns_the_next_one_is_followed_by_one_at_once() -> None:
    ticks: list[datetime] = []
    clock = Script(at("09:35"))

    def tick(now: datetime) -> datetime | None:
        ticks.append(now)
        clock.put(now + timedelta(minutes=3))  # three slots of a minute go by
        return now + timedelta(minutes=1) if len(ticks) < 2 else None

    run_day(tick, clock)
    assert ticks == moments("09:35", "09:38")
    assert clock.naps == []


def test_what_cannot_wait_is_ticked_after_the_nap_in_which_it_came() -> None:
    wanted: list[bool] = []
    day = Day(at("09:40"), at("09:40"))

    def tick(now: datetime) -> datetime | None:
        wanted.clear()
        return day.tick(now)

    clock = Script(at("09:30"), nap_7=lambda _: wanted.append(True))
    run_day(tick, clock, longest_nap=1, attention=lambda: bool(wanted))
    assert day.ticks == moments("09:30", "09:30:07", "09:40")


def test_a_clock_that_moves_only_by_sleeping_does_not_jump_over_what_cannot_wait() -> None:
    asked = iter([False, True, False])
    day = Day(at("09:40"), at("09:40"))
    run_day(day.tick, a_clock("09:30"), longest_nap=None, attention=lambda: next(asked, False))
    assert day.ticks == moments("09:30", "09:30", "09:40")


class Wall(Script):
    """A clock that runs in universal time and shows New York's, as the wall's does."""

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        later = self._now.astimezone(UTC) + timedelta(seconds=seconds)
        self._now = later.astimezone(NEW_YORK)


@pytest.mark.parametrize(
    ("weekend", "hours"),
    [(date(2026, 3, 6), 62.5), (date(2026, 3, 13), 63.5), (date(2026, 10, 30), 64.5)],
)
def test_the_open_is_met_in_the_weeks_in_which_the_clocks_change(
    weekend: date, hours: float
) -> None:
    monday = weekend + timedelta(days=3)
    day, clock = Day(at("09:30", monday)), Wall(at("18:00", weekend))
    run_day(day.tick, clock, longest_nap=600)
    assert day.ticks[-1] == at("09:30", monday)
    elapsed = day.ticks[-1].astimezone(UTC) - day.ticks[0].astimezone(UTC)
    assert elapsed == timedelta(hours=hours)
