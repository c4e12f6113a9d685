"""The sign of life: when it is given, what it says, and what a reader makes of it."""

import json
import threading
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from scripts.run_control import Process, judge
from src.ports import MendInput
from tests.fakes.builders import at
from tests.fakes.days import PlayedDay
from utils.heartbeat import FILE, Beat, Heartbeat, Life, read_beat
from utils.scheduler import run_day

WALL = at("20:00")
STANDING = {
    "session": "2026-03-09",
    "mode": "paper",
    "phase": "holding",
    "position": "",
    "differences": "",
    "control": "normal",
}


class Watched:
    """A day that does what a test tells it to, and looks at its own heartbeat meanwhile."""

    def __init__(self, folder: Path, *wishes: datetime) -> None:
        self.folder = folder
        self.wishes = iter(wishes)
        self.seen: list[Beat | None] = []
        self.fails = False

    def tick(self, _now: datetime) -> datetime | None:
        self.seen.append(read_beat(self.folder))
        if self.fails:
            raise ZeroDivisionError
        return next(self.wishes, None)

    def standing(self, _now: datetime) -> dict[str, str]:
        return STANDING


def a_heart(day: Watched, speed: float | None = 1.0) -> Heartbeat:
    return Heartbeat(day.folder, day, at("11:00"), speed=speed, wall=lambda: WALL)


def beat_of(folder: Path) -> Beat:
    beat = read_beat(folder)
    assert beat
    return beat


# When it is given.


def test_a_beat_is_given_before_and_after_every_tick(tmp_path: Path) -> None:
    day = Watched(tmp_path, at("11:05"))
    a_heart(day).tick(at("11:00"))
    (during,), after = day.seen, beat_of(tmp_path)
    assert during
    assert (during.life, after.life) == (Life.TICKING, Life.WAITING)
    assert (after.now, after.next_tick) == (at("11:00").isoformat(), at("11:05").isoformat())
    assert (after.session, after.phase, after.wall) == ("2026-03-09", "holding", WALL.isoformat())


@pytest.mark.parametrize(("speed", "late"), [(1.0, "20:08"), (60.0, "20:03:05"), (None, "20:03")])
def test_a_tick_is_late_three_minutes_after_it_was_due_by_the_walls_clock(
    tmp_path: Path, speed: float | None, late: str
) -> None:
    a_heart(Watched(tmp_path, at("11:05")), speed).tick(at("11:00"))
    beat = beat_of(tmp_path)
    assert beat.late_after == at(late).isoformat()
    assert not beat.is_late(at(late))
    assert beat.is_late(at(late) + timedelta(seconds=1))


def test_a_day_that_is_over_is_marked_as_ended_and_never_late(tmp_path: Path) -> None:
    heart = a_heart(Watched(tmp_path))
    with heart.watched():
        heart.tick(at("16:00"))
    beat = beat_of(tmp_path)
    assert (beat.life, beat.late_after) == (Life.ENDED, None)
    assert not beat.is_late(WALL + timedelta(days=300))


def test_a_single_tick_leaves_a_beat_that_waits_for_the_next_start(tmp_path: Path) -> None:
    heart = a_heart(Watched(tmp_path, at("11:05")))
    with heart.watched():
        heart.tick(at("11:00"))
    beat = beat_of(tmp_path)
    assert (beat.life, beat.late_after) == (Life.BETWEEN, at("20:08").isoformat())


def test_a_run_that_fails_or_is_interrupted_says_so(tmp_path: Path) -> None:
    day = Watched(tmp_path)
    day.fails = True
    heart = a_heart(day)
    with pytest.raises(ZeroDivisionError), heart.watched():
        heart.tick(at("11:00"))
    assert beat_of(tmp_path).life is Life.STOPPED


def test_a_beat_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    day = Watched(tmp_path, at("11:05"))
    (tmp_path / FILE).mkdir()
    (tmp_path / FILE / "in the way").touch()
    day.tick = lambda _now: at("11:05")  # type: ignore[method-assign] # it cannot read it either
    assert a_heart(day).tick(at("11:00")) == at("11:05")


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    day = Watched(tmp_path)
    heart = a_heart(day)
    heart.tick(at("11:00"))
    done = threading.Event()
    found: list[str] = []

    def read() -> None:
        while not done.is_set():
            found.append(json.loads((tmp_path / FILE).read_text())["session"])

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(300):
        heart.tick(at("11:00"))
    done.set()
    reader.join()
    assert set(found) == {"2026-03-09"}
    assert [each.name for each in tmp_path.iterdir()] == [FILE]


# What it says of a real day.


def test_a_real_day_tells_what_is_open_and_what_it_may_do(tmp_path: Path) -> None:
    played = PlayedDay(tmp_path)
    played.run(until="10:00")
    heart = Heartbeat(tmp_path, played.day, played.clock.now(), speed=None)
    heart.tick(played.clock.now())
    beat = beat_of(tmp_path)
    assert "short 20 SPY 600 call, long 2 SPXW 6000 call" in beat.position
    assert (beat.mode, beat.control, beat.differences) == ("demo", "normal", "")
    (tmp_path / "HALT").touch()
    with heart.watched():
        run_day(heart.tick, played.clock, longest_nap=None, attention=played.day.attention)
    beat = beat_of(tmp_path)
    assert (beat.life, beat.control, beat.position) == (Life.ENDED, "halt", "")


# What a reader makes of it.


def a_beat(life: Life, late: str = "20:05") -> Beat:
    return Beat(
        pid=7,
        life=life,
        wall=WALL.isoformat(),
        late_after=at(late).isoformat(),
        now=at("11:00").isoformat(),
        next_tick=None,
        **STANDING,
    )


@pytest.mark.parametrize(
    ("life", "wall", "is_held", "process"),
    [
        (Life.TICKING, "20:01", True, Process.RUNNING),
        (Life.WAITING, "20:01", True, Process.WAITING),
        (Life.TICKING, "20:06", True, Process.STUCK),
        (Life.WAITING, "20:06", True, Process.STUCK),
        (Life.ENDED, "20:06", True, Process.RUNNING),  # the next one has just begun
        (Life.TICKING, "20:01", False, Process.DEAD),  # however fresh, and whoever has the number
        (Life.WAITING, "20:01", False, Process.DEAD),
        (Life.STOPPED, "20:01", False, Process.STOPPED),
        (Life.ENDED, "20:01", False, Process.NONE),
        (Life.BETWEEN, "20:01", False, Process.BETWEEN),
        (Life.BETWEEN, "20:06", False, Process.DEAD),  # nobody calls the next tick any more
    ],
)
def test_the_lock_tells_whether_it_lives_and_the_beat_whether_it_goes_on(
    life: Life, wall: str, *, is_held: bool, process: Process
) -> None:
    assert judge(a_beat(life), at(wall), is_held=is_held) is process


@pytest.mark.parametrize(("is_held", "process"), [(True, Process.RUNNING), (False, Process.NONE)])
def test_without_any_beat_the_lock_alone_tells(*, is_held: bool, process: Process) -> None:
    assert judge(None, WALL, is_held=is_held) is process


def test_where_nothing_ever_ran_there_is_no_beat(tmp_path: Path) -> None:
    assert read_beat(tmp_path) is None


@pytest.mark.parametrize("content", ["", '{"pid": 1', "[]", '{"pid": 1}', "\x00"])
def test_a_file_that_is_no_beat_is_refused_in_words(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content)
    with pytest.raises(MendInput, match="no sign of life"):
        read_beat(tmp_path)
