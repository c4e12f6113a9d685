import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine

from tests.fakes.builders import at
from utils.market_clock import LateClock, RehearsalStamps, ScaledClock, VirtualClock, WallClock

PROJECT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "UTC", "America/Los_Angeles"])
def test_the_wall_clock_tells_new_york_time_in_whatever_zone_the_machine_is(zone: str) -> None:
    ask = "from utils.market_clock import WallClock; print(WallClock().now().isoformat())"
    answer = subprocess.run(
        [sys.executable, "-c", ask],
        cwd=PROJECT,
        env={**os.environ, "TZ": zone},
        capture_output=True,
        text=True,
        check=True,
    )
    told = datetime.fromisoformat(answer.stdout.strip())
    assert told.utcoffset() == WallClock().now().utcoffset()
    assert abs(told - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("utc", "new_york"),
    [
        ("2026-03-06 14:30", "2026-03-06T09:30:00-05:00"),
        ("2026-03-09 13:30", "2026-03-09T09:30:00-04:00"),
        ("2026-10-30 13:30", "2026-10-30T09:30:00-04:00"),
        ("2026-11-02 14:30", "2026-11-02T09:30:00-05:00"),
    ],
)
def test_the_wall_clock_knows_summer_time(utc: str, new_york: str) -> None:
    with time_machine.travel(datetime.fromisoformat(utc).replace(tzinfo=UTC), tick=False):
        assert WallClock().now().isoformat() == new_york


def test_the_wall_clock_does_not_wait_for_a_moment_that_has_passed() -> None:
    WallClock().sleep(-3600)  # time.sleep would refuse a negative number


def test_a_virtual_clock_moves_only_when_somebody_sleeps() -> None:
    clock = VirtualClock(at("09:30"))
    assert clock.now() == clock.now() == at("09:30")
    clock.sleep(300)
    assert clock.now() == at("09:35")
    clock.sleep(-60)
    assert clock.now() == at("09:35")


def test_a_virtual_clock_tells_new_york_time_whatever_zone_it_was_started_in() -> None:
    clock = VirtualClock(datetime(2026, 3, 9, 13, 30, tzinfo=UTC))
    assert clock.now().isoformat() == "2026-03-09T09:30:00-04:00"


def test_a_scaled_clock_runs_so_many_times_as_fast_as_the_wall() -> None:
    started = time.monotonic()
    clock = ScaledClock(at("09:30"), speed=3600)
    clock.sleep(36)
    told = (clock.now() - at("09:30")).total_seconds()
    assert 35.9 <= told <= (time.monotonic() - started) * 3600


def test_a_scaled_clock_does_not_wait_for_a_moment_that_has_passed() -> None:
    ScaledClock(at("09:30"), speed=1).sleep(-3600)


WALL = datetime(2026, 3, 7, 12, 0, tzinfo=UTC)


def stamps() -> RehearsalStamps:
    return RehearsalStamps(ScaledClock(at("09:34"), 1e-6), lambda: WALL)


def test_a_server_that_lives_by_the_rehearsal_is_taken_at_its_word() -> None:
    assert stamps()(at("09:33:58")) == at("09:33:58")


def test_what_a_server_of_the_wall_says_is_as_old_for_the_rehearsal_as_it_is() -> None:
    told = stamps()(WALL - timedelta(seconds=3))
    assert abs(told - at("09:33:57")) < timedelta(seconds=0.1)


def test_a_late_clock_is_behind_the_wall_by_what_its_quotes_are() -> None:
    late = timedelta(minutes=15)
    wall, clock = WallClock(), LateClock(late)
    assert late - timedelta(seconds=5) < wall.now() - clock.now() < late + timedelta(seconds=5)
    clock.sleep(0)
    assert wall.now() - clock.look() >= late
