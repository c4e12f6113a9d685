"""What cron and launchd start: it begins the day in time, once, and keeps it going."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from scripts.run_start_day import run
from scripts.start_day import main, parse
from src.database import Store, open_database
from src.day_record import DayRecord
from src.timetable import Phase
from tests.cli.player import install
from tests.fakes.builders import DAY, at
from tests.fakes.dictionary import files
from tests.fakes.machine_tools import Tools
from utils.instance_lock import only_instance
from utils.market_clock import VirtualClock

STAND_IN = """\
import json, os, pathlib, signal, sys, time
notes = pathlib.Path({notes!r})
with (notes / "begun").open("a") as begun:
    begun.write(json.dumps(sys.argv[1:]) + "\\n")
signal.signal(signal.SIGTERM, lambda *_: ((notes / "asked to end").touch(), sys.exit(130)))
while (notes / "stay").exists():
    time.sleep(0.02)
codes = notes / "codes"
ends = codes.read_text().split() if codes.exists() else []
codes.write_text(" ".join(ends[1:]))
sys.exit(int(ends[0]) if ends else 0)
"""
"""A program in place of main.py, which does as it is told."""

AT_A_MOMENT = """\
import sys, datetime
import time_machine
sys.path.insert(0, {root!r})
from pathlib import Path
with time_machine.travel(datetime.datetime.fromisoformat({moment!r}), tick=True):
    from scripts.run_start_day import run
    from scripts.start_day import parse
    sys.exit(run(parse(sys.argv[1:]), Path({root!r})))
"""


STARTED = "The day's program is started."


class Project:
    """A copy of the program in which main.py is the stand-in, and what became of it."""

    def __init__(self, root: Path) -> None:
        self.root, self.data, self.notes = root, root / "data", root / "notes"
        self.notes.mkdir()
        (root / "scripts" / "main.py").write_text(STAND_IN.format(notes=str(self.notes)))

    def keep(self, start: str, *args: object) -> int:
        clock = VirtualClock(at(start))
        return run(parse([*map(str, args)]), self.root, clock)

    def start(self, moment: str, env: dict[str, str] | None = None) -> "subprocess.Popen[str]":
        """Start it as a process of its own that takes this for the present moment."""
        code = AT_A_MOMENT.format(root=str(self.root), moment=at(moment).isoformat())
        return subprocess.Popen(
            [sys.executable, "-c", code],
            env={"PATH": os.environ["PATH"]} | (env or {}),
            cwd=self.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def begun(self) -> list[list[str]]:
        file = self.notes / "begun"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def note(self, name: str, text: str = "") -> None:
        (self.notes / name).write_text(text)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    handler = signal.getsignal(signal.SIGTERM)
    yield Project(install(tmp_path / "ours"))
    signal.signal(signal.SIGTERM, handler)


def until(true: Callable[[], object]) -> None:
    for _ in range(1000):
        if true():
            return
        subprocess.run(["sleep", "0.02"], check=True)
    raise AssertionError("it did not come about")


def test_it_begins_the_program_once_with_what_it_was_given(
    project: Project, capfd: pytest.CaptureFixture[str]
) -> None:
    data = project.root / "elsewhere"
    given = ["--live", "--data-dir", str(data), "--set", "strategy.max_spreads=1"]
    assert project.keep("09:20", *given) == 0
    assert project.begun == [given]
    assert (data / ".start.lock").exists()
    assert ".start.lock" in files()
    assert tuple(capfd.readouterr()) == (f"{DAY} 09:20:00  {STARTED}\n", "")


def test_on_paper_it_never_plays_a_generated_day_in_place_of_a_real_one(project: Project) -> None:
    assert project.keep("09:20") == 0
    assert project.begun == [[]]  # without --paper missing keys are an error


def test_a_program_that_crashed_is_begun_again_and_it_is_said(
    project: Project, capfd: pytest.CaptureFixture[str]
) -> None:
    project.note("codes", "1 3 0")
    assert project.keep("09:20") == 0
    assert len(project.begun) == 3
    assert capfd.readouterr().out.splitlines() == [
        f"{DAY} 09:20:00  {STARTED}",
        f"{DAY} 09:20:00  The run ended with 1; it is started again at 09:20:15 ET (until 18:15).",
        f"{DAY} 09:20:15  {STARTED}",
        f"{DAY} 09:20:15  The run ended with 3; it is started again at 09:30:15 ET (until 18:15).",
        f"{DAY} 09:30:15  {STARTED}",
    ]


def test_on_a_day_without_a_session_it_ends_without_a_word(
    project: Project, capfd: pytest.CaptureFixture[str]
) -> None:
    saturday = VirtualClock(at("10:00") + timedelta(days=5))
    assert run(parse([]), project.root, saturday) == 0
    assert (project.begun, tuple(capfd.readouterr())) == ([], ("", ""))


def test_when_the_day_is_reported_it_ends_without_a_word(
    project: Project, capfd: pytest.CaptureFixture[str]
) -> None:
    with closing(open_database(project.data / "trades.db")) as connection:
        record = DayRecord(Store(connection), DAY)
        record.begin_session("paper", "test", "key", at("09:15"))
        record.mark(Phase.REPORTED, at("16:20"))
        record.commit()
    assert project.keep("16:30") == 0
    assert (project.begun, tuple(capfd.readouterr())) == ([], ("", ""))


def test_a_config_that_cannot_be_read_is_told_of(
    project: Project, capfd: pytest.CaptureFixture[str]
) -> None:
    assert project.keep("09:20", "--set", "strategy.max_spread=1") == 2
    assert "strategy.max_spreads" in capfd.readouterr().err
    assert project.begun == []


def test_beside_a_run_that_a_person_started_nothing_is_begun(project: Project) -> None:
    with only_instance(project.data):
        assert project.keep("17:30") == 0
    assert project.begun == []


def test_two_at_once_begin_the_program_once_and_the_second_is_silent(project: Project) -> None:
    project.note("stay")
    with project.start("09:20:00") as first:
        until(lambda: project.begun)
        with project.start("09:30:00") as second:
            told = second.communicate(timeout=30)
            assert (second.returncode, told) == (0, ("", ""))
        (project.notes / "stay").unlink()
        out, err = first.communicate(timeout=30)
        assert (first.returncode, out.count(STARTED), err) == (0, 1, "")
    assert project.begun == [[]]


def test_the_next_start_takes_over_from_one_that_was_killed(project: Project) -> None:
    project.note("stay")
    with project.start("09:20:00") as first:
        until(lambda: project.begun)
        first.kill()
        # The program that it had begun goes on, and here holds nothing: only the keeper is new.
        (project.notes / "stay").unlink()
        first.communicate(timeout=30)
    assert project.keep("09:30") == 0
    assert len(project.begun) == 2


def test_asked_to_end_it_ends_the_program_first(project: Project) -> None:
    project.note("stay")
    with project.start("09:20:00") as process:
        until(lambda: project.begun)
        process.terminate()
        process.communicate(timeout=30)
        assert process.returncode == 130
    assert (project.notes / "asked to end").exists()


def test_a_mac_is_kept_awake_for_as_long_as_the_day_runs(project: Project, tmp_path: Path) -> None:
    tools = Tools(tmp_path / "bin", "caffeinate")
    project.note("stay")
    path = f"{tools.folder}:{os.environ['PATH']}"
    with project.start("09:20:00", {"PATH": path}) as process:
        until(lambda: project.begun and tools.calls("caffeinate"))
        assert tools.calls("caffeinate") == [f"-is -w {process.pid}"]
        (project.notes / "stay").unlink()
        process.communicate(timeout=30)  # ends only when caffeinate has let go of its output
        assert process.returncode == 0


def test_the_real_program_without_keys_tells_what_is_missing_at_each_try(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    root = install(tmp_path / "ours")
    handler = signal.getsignal(signal.SIGTERM)
    code = run(parse([]), root, VirtualClock(at("18:00")))
    signal.signal(signal.SIGTERM, handler)
    assert code == 2
    assert capfd.readouterr().err.count("broker.api_key and broker.api_secret are missing") == 2


def test_help_tells_the_hours_and_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    assert "python scripts/start_day.py --set" in capsys.readouterr().out
