"""A day is begun in time, once, and again for as long as a position could be left unwatched."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from src.models import Session
from tests.fakes.builders import a_session, at
from utils.keeper import Keeper, run_once
from utils.market_clock import VirtualClock

SESSION = a_session()


class Days:
    """A program that ends as it is told, each time after a while."""

    def __init__(self, start: str, ends: Sequence[int], lasts: timedelta = timedelta(0)) -> None:
        self.clock = VirtualClock(at(start))
        self.ends = [*ends]
        self.lasts = lasts
        self.begun: list[datetime] = []
        self.said: list[str] = []
        self.is_reported = False
        self.taken_until: datetime | None = None

    def run(self) -> int:
        self.begun.append(self.clock.now())
        self.clock.sleep(self.lasts.total_seconds())
        return self.ends.pop(0) if self.ends else 0

    def is_taken(self) -> bool:
        return self.taken_until is not None and self.clock.now() < self.taken_until

    def keep(self, session: Session = SESSION) -> int:
        return Keeper(
            session,
            self.clock,
            is_done=lambda: self.is_reported,
            is_taken=self.is_taken,
            run=self.run,
            say=self.said.append,
        ).keep()

    @property
    def times(self) -> list[str]:
        return [f"{each:%H:%M:%S}" for each in self.begun]


@pytest.mark.parametrize(
    ("start", "begun"),
    [
        ("06:30:00", ["09:15:00"]),
        ("09:14:59", ["09:15:00"]),
        ("09:20:00", ["09:20:00"]),
        ("11:40:00", ["11:40:00"]),
        ("18:14:00", ["18:14:00"]),
    ],
)
def test_an_early_start_waits_and_a_late_one_begins_at_once(start: str, begun: list[str]) -> None:
    day = Days(start, [0])
    assert day.keep() == 0
    assert (day.times, day.said) == (begun, ["The day's program is started."])


@pytest.mark.parametrize("start", ["00:05:00", "06:29:59", "18:15:00", "23:50:00"])
def test_a_start_far_from_the_session_has_nothing_to_run(start: str) -> None:
    day = Days(start, [0])
    before = day.clock.now()
    assert day.keep() == 0
    assert (day.begun, day.clock.now()) == ([], before)


def test_a_session_that_is_reported_is_not_begun_again() -> None:
    day = Days("16:40:00", [0])
    day.is_reported = True
    assert day.keep() == 0
    assert day.begun == []


@pytest.mark.parametrize("code", [1, 130, 137, 139])
def test_after_a_crash_it_is_begun_again_soon_and_then_ever_more_slowly(code: int) -> None:
    day = Days("09:20:00", [code] * 7)
    assert day.keep() == 0
    assert day.times == [
        *("09:20:00", "09:20:15", "09:20:45", "09:21:45", "09:23:45"),
        *("09:27:45", "09:32:45", "09:37:45"),
    ]
    assert day.said[1] == (
        f"The run ended with {code}; it is started again at 09:20:15 ET (until 18:15)."
    )


def test_a_run_that_lasted_was_no_crash_at_its_start() -> None:
    day = Days("09:20:00", [1, 1, 1], lasts=timedelta(minutes=11))
    assert day.keep() == 0
    assert day.times == ["09:20:00", "09:31:15", "09:42:30", "09:53:45"]


def test_a_network_that_is_not_there_yet_is_tried_again_soon_and_then_every_ten_minutes() -> None:
    day = Days("09:20:00", [4] * 6)
    assert day.keep() == 0
    assert day.times == [
        *("09:20:00", "09:21:00", "09:23:00", "09:27:00", "09:35:00", "09:45:00", "09:55:00"),
    ]


@pytest.mark.parametrize("code", [2, 3])
def test_what_a_person_must_mend_is_tried_every_ten_minutes(code: int) -> None:
    day = Days("09:20:00", [code, code])
    assert day.keep() == 0
    assert day.times == ["09:20:00", "09:30:00", "09:40:00"]


def test_what_is_never_mended_ends_with_the_day_and_its_own_code() -> None:
    day = Days("09:20:00", [3] * 100)
    assert day.keep() == 3
    assert day.times[-1] == "18:10:00"
    assert len(day.times) == 54
    assert len(day.said) == 54 + 53


def test_a_day_that_ended_with_a_difference_is_done() -> None:
    day = Days("16:10:00", [3, 0])
    original = day.run

    def run() -> int:
        day.is_reported = True
        return original()

    day.run = run  # type: ignore[method-assign] # the run that reports
    assert day.keep() == 3
    assert day.times == ["16:10:00"]


def test_while_somebody_else_runs_it_it_waits_and_takes_over() -> None:
    day = Days("09:20:00", [0])
    day.taken_until = at("13:07:31")
    assert day.keep() == 0
    assert day.times == ["13:07:40"]


def test_on_a_half_day_it_ends_earlier() -> None:
    day = Days("15:15:00", [0])
    assert day.keep(a_session("13:00")) == 0
    assert day.begun == []


# The child.


def test_a_command_tells_its_code_or_the_signal_that_ended_it() -> None:
    assert run_once([sys.executable, "-c", "raise SystemExit(4)"]) == 4
    kill = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    assert run_once([sys.executable, "-c", kill]) == 137


def until(true: Callable[[], bool]) -> None:
    for _ in range(2000):
        if true():
            return
        subprocess.run(["sleep", "0.01"], check=True)
    raise AssertionError("it did not come about")


def test_whoever_ends_the_keeper_ends_the_program_in_order(tmp_path: Path) -> None:
    begun, ended = tmp_path / "begun", tmp_path / "ended"
    child = tmp_path / "child.py"
    child.write_text(
        "import signal, pathlib, sys\n"
        "def end(*_):\n"
        f"    pathlib.Path({str(ended)!r}).touch()\n"
        "    sys.exit(130)\n"
        "signal.signal(signal.SIGTERM, end)\n"
        f"pathlib.Path({str(begun)!r}).touch()\n"
        "signal.pause()\n"
    )
    keeper = (
        "import sys; from utils.keeper import end_when_asked, run_once\n"
        "end_when_asked()\n"
        "try:\n"
        f"    run_once([sys.executable, {str(child)!r}])\n"
        "except KeyboardInterrupt:\n"
        "    sys.exit(130)\n"
    )
    with subprocess.Popen([sys.executable, "-c", keeper], cwd=Path.cwd()) as process:
        until(begun.exists)
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(timeout=20) == 130
    assert ended.exists()
