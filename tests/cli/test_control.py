"""What a person types while the program runs, or does not, and what becomes of it."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest

from scripts.control import main
from src.control import ControlMode, ControlTable, SetBy
from src.database import Store, open_database
from src.day_record import DayRecord
from tests.cli.player import Player, files, table, wait_for
from tests.fakes.builders import DAY, at
from tests.fakes.tapes import a_tape

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")

HELD = "2026-03-09-1: short 20 SPY 600 call, long 2 SPXW 6000 call"
SLOW = ("--speed", "300", "--set", "execution.leg_deadline_seconds=600")
"""Five minutes of the day a second, and no haste for a leg on a busy machine."""


@dataclass
class Answer:
    code: int
    said: str
    complained: str


Control = Callable[..., Answer]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def tape(tmp_path: Path) -> Path:
    return a_tape(tmp_path / "tapes")


@pytest.fixture
def control(data: Path, capsys: pytest.CaptureFixture[str]) -> Control:
    def command(*args: str) -> Answer:
        code = main([*args, "--data-dir", str(data)])
        return Answer(code, *capsys.readouterr())

    return command


@pytest.fixture
def program(play: Player, tape: Path, data: Path) -> Iterator["subprocess.Popen[str]"]:
    """Keep a replayed day at work that has just opened its position."""
    command = ("--replay", tape, "--data-dir", data, "--set", "trading_hours.entry_start=09:31")
    with play.start(*command, *SLOW) as running:
        yield running
        running.kill()


def recorded(data: Path) -> Store:
    return Store(open_database(data / "trades.db"))


def mode_now(data: Path) -> str:
    mode: str = json.loads((data / "heartbeat.json").read_text())["control"]
    return mode


# While nothing runs.


def test_where_nothing_ever_ran_all_is_well_and_nothing_is_left_behind(
    control: Control, data: Path
) -> None:
    answer = control("status")
    assert answer.code == 0
    assert f"Nothing runs in {data}." in answer.said
    assert "Mode: normal." in answer.said
    assert "No position is open." in answer.said
    assert files(data) == set()


@pytest.mark.parametrize("command", ["reduce-only", "close", "halt"])
def test_a_wish_is_kept_for_the_next_session_when_nothing_runs(
    control: Control, play: Player, tape: Path, data: Path, command: str
) -> None:
    answer = control(command)
    assert answer.code == 0
    assert f"Mode {command} is set" in answer.said
    assert "Nothing runs now; the wish is kept" in answer.said
    assert "No position is open." in answer.said
    assert f"Mode: {command} (set by a person" in control("status").said
    day = play("--replay", tape, "--data-dir", data)
    assert day.returncode == 0, day.stderr
    assert f"The mode is now {command} (set by a person" in day.stdout
    assert f"trading mode is {command}" in day.stdout
    assert table(data, "orders") == []


def test_a_wish_ends_with_its_session_and_a_halt_does_not(
    control: Control, play: Player, tape: Path, data: Path
) -> None:
    for command, still in (("close", "normal."), ("halt", "halt (set by a person")):
        control(command)
        play("--replay", tape, "--data-dir", data)
        assert f"Mode: {still}" in control("status").said
    assert table(data, "orders") == []
    answer = control("resume")
    assert (answer.code, "Mode normal" in answer.said) == (0, True)
    play("--replay", tape, "--data-dir", data)
    assert len(table(data, "orders")) == 4


def test_a_weaker_wish_says_that_the_stronger_one_stays(control: Control) -> None:
    control("halt")
    answer = control("reduce-only")
    assert answer.code == 0
    assert "The mode stays halt, which is stronger than reduce-only; resume lifts it." in (
        answer.said
    )


def test_resume_is_refused_while_the_halt_file_is_there(control: Control, data: Path) -> None:
    control("halt")
    (data / "HALT").touch()
    answer = control("resume")
    assert answer.code == 3
    assert f"the file {data / 'HALT'} is there and means halt. Delete it" in answer.complained
    (data / "HALT").unlink()
    assert "Mode: halt" in control("status").said, "nothing was changed"
    assert control("resume").code == 0


def breaker(data: Path, mode: str, phase: str) -> None:
    store = recorded(data)
    record = DayRecord(store, DAY)
    record.begin_session(mode, "a test", "key", at("09:30"))
    record.raise_control(ControlMode.HALT, "loss $1,200", at("11:00"), SetBy.BREAKER)
    record.mark(phase, at("11:00"))
    store.commit()
    store.connection.close()


def test_the_breaker_is_not_lifted_in_its_own_session_but_on_a_later_one(
    control: Control, data: Path
) -> None:
    breaker(data, "replay", "holding")
    answer = control("resume")
    assert answer.code == 3
    assert "the daily loss limit ended the session 2026-03-09 (loss $1,200)" in answer.complained
    assert "can be lifted only for a later session" in answer.complained
    assert "set by the daily loss limit at 2026-03-09 11:00:00 ET: loss $1,200" in (
        control("status").said
    )
    breaker(data, "replay", "reported")
    assert control("resume").code == 0
    assert "Mode: normal." in control("status").said


@pytest.mark.parametrize("phase", ["holding", "reported"])
def test_a_real_session_is_another_one_only_on_another_day(
    control: Control, data: Path, phase: str
) -> None:
    breaker(data, "paper", phase)
    assert control("resume").code == 0, "that day is long over"


def test_a_data_directory_that_is_not_there_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = tmp_path / "dta"
    assert main(["halt", "--data-dir", str(wrong)]) == 2
    assert f"--data-dir {wrong}: there is no such directory" in capsys.readouterr().err
    assert not wrong.exists()


def test_a_broken_sign_of_life_is_named_with_its_mend(control: Control, data: Path) -> None:
    (data / "heartbeat.json").write_text('{"pid": 1')
    answer = control("status")
    assert answer.code == 2
    assert str(data / "heartbeat.json") in answer.complained
    assert "Delete the file" in answer.complained


@pytest.mark.parametrize("wrong", [["stop"], [], ["halt", "--json"], ["status", "--dta", "x"]])
def test_a_slip_of_the_finger_is_bad_usage(
    wrong: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(wrong)
    assert ended.value.code == 2
    assert "usage: control.py" in capsys.readouterr().err


def test_the_commands_are_a_program_of_their_own(play: Player, data: Path) -> None:
    command = [sys.executable, str(play.root / "scripts" / "control.py"), "status"]
    answer = subprocess.run(
        [*command, "--data-dir", str(data)], cwd=play.home, capture_output=True, text=True,
        timeout=30, check=False,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    assert "Nothing runs" in answer.stdout


# While the program runs.


def test_a_running_program_is_seen_with_its_position(
    control: Control, program: "subprocess.Popen[str]"
) -> None:
    wait_for(program, "Entry FILLED")
    answer = control("status")
    assert answer.code == 0
    assert f"Running: process {program.pid}" in answer.said
    assert "replay session 2026-03-09, entry window" in answer.said
    assert f"POSITION OPEN: {HELD}." in answer.said
    seen = json.loads(control("status", "--json").said)
    assert seen["ok"] is True
    assert (seen["pid"], seen["position"]) == (program.pid, HELD)


def test_close_reaches_a_running_program_within_a_second_and_closes_at_once(
    control: Control, program: "subprocess.Popen[str]", data: Path
) -> None:
    wait_for(program, "Entry FILLED")
    answer = control("close")
    asked = datetime.now().astimezone()
    assert answer.code == 0
    assert "The running program obeys within a second." in answer.said
    assert HELD in answer.said
    story = wait_for(program, "Exit FILLED")
    assert (datetime.now().astimezone() - asked).total_seconds() < 3
    assert "The mode is now close (set by a person" in story
    assert "MANUAL" in story
    assert table(data, "trades", "exit_reason") == [("MANUAL",)]


def test_a_halt_file_reaches_a_running_program_and_is_over_when_it_is_gone(
    control: Control, program: "subprocess.Popen[str]", data: Path
) -> None:
    wait_for(program, "Entry FILLED")
    (data / "HALT").touch()
    story = wait_for(program, "Exit FILLED")
    assert f"The mode is now halt (set by a file: {data / 'HALT'} is there)" in story
    assert "Mode: halt (set by a file" in control("status").said
    (data / "HALT").unlink()
    wait_for(program, "The mode is now normal")
    assert "Mode: normal." in control("status").said


def test_reduce_only_opens_nothing_and_keeps_what_is_open(
    control: Control, program: "subprocess.Popen[str]", data: Path
) -> None:
    wait_for(program, "Entry FILLED")
    control("reduce-only")
    wait_for(program, "The mode is now reduce-only")
    wait_for(program, "hold.")
    assert mode_now(data) == "reduce-only"
    assert HELD in control("status").said


def test_a_killed_program_with_an_open_position_is_called_dead_and_the_next_start_obeys(
    control: Control, program: "subprocess.Popen[str]", play: Player, tape: Path, data: Path
) -> None:
    wait_for(program, "Entry FILLED")
    program.send_signal(signal.SIGKILL)
    program.communicate(timeout=10)
    answer = control("status")
    assert answer.code == 3
    assert f"DEAD: process {program.pid} ended without a word" in answer.said
    assert f"POSITION OPEN: {HELD}. NOTHING WATCHES IT: start the program again" in answer.said
    assert json.loads(control("status", "--json").said)["process"] == "dead"
    assert "The program is dead; the wish is kept" in control("close").said
    early = ("--set", "trading_hours.entry_start=09:31", *SLOW[2:])
    rest = play("--replay", tape, "--data-dir", data, *early)
    assert rest.returncode == 0, rest.stderr
    assert "Going on with this day" in rest.stdout
    assert table(data, "trades", "exit_reason") == [("MANUAL",)]


def stop_between_ticks(program: "subprocess.Popen[str]", beat: Path) -> None:
    """Freeze a program while it holds no lock of the database."""
    while True:
        program.send_signal(signal.SIGSTOP)
        if json.loads(beat.read_text())["life"] == "waiting":
            return
        program.send_signal(signal.SIGCONT)


def test_a_program_that_holds_the_database_can_be_looked_at_and_halted_by_a_file(
    control: Control, data: Path
) -> None:
    control("reduce-only")
    store = recorded(data)
    store.write("DELETE FROM control")
    assert "Mode: reduce-only" in control("status").said
    answer = control("halt")
    assert answer.code == 2
    assert "the database is locked by another program" in answer.complained
    assert "an empty file named HALT in the data directory halts" in answer.complained
    store.rollback()


def test_a_program_that_does_not_go_on_is_called_stuck(
    control: Control, program: "subprocess.Popen[str]", data: Path
) -> None:
    wait_for(program, "Entry FILLED")
    beat = data / "heartbeat.json"
    stop_between_ticks(program, beat)
    told = json.loads(beat.read_text()) | {"late_after": "2026-03-09T10:00:00-04:00"}
    beat.write_text(json.dumps(told))
    answer = control("status")
    assert answer.code == 3
    assert f"STUCK: process {program.pid} lives but does not go on" in answer.said
    assert f"NOTHING WATCHES IT: end process {program.pid}" in answer.said
    assert "THE PROGRAM IS STUCK and may not hear it." in control("halt").said


def test_a_program_that_was_interrupted_is_called_stopped(
    control: Control, program: "subprocess.Popen[str]"
) -> None:
    wait_for(program, "Entry FILLED")
    program.send_signal(signal.SIGINT)
    program.communicate(timeout=10)
    answer = control("status")
    assert answer.code == 3
    assert f"Stopped: process {program.pid} was interrupted or failed" in answer.said
    assert "NOTHING WATCHES IT" in answer.said


def test_a_difference_to_the_broker_is_named(
    control: Control, play: Player, tape: Path, data: Path
) -> None:
    play("--replay", tape, "--data-dir", data, "--once")
    beat = data / "heartbeat.json"
    told = json.loads(beat.read_text()) | {"differences": "SPY260309C00600000: recorded +0"}
    beat.write_text(json.dumps(told))
    answer = control("status")
    assert answer.code == 3
    assert "RECORD AND BROKER DIFFER: SPY260309C00600000: recorded +0." in answer.said


def test_between_two_single_ticks_nobody_is_called_dead(
    control: Control, play: Player, tape: Path, data: Path
) -> None:
    play("--replay", tape, "--data-dir", data, "--once")
    answer = control("status")
    assert answer.code == 0
    assert "Between ticks: the program was started with --once" in answer.said
    assert "next tick 09:30:00 ET" in answer.said


def test_a_wish_for_any_session_can_be_lifted_before_it_was_heard(
    control: Control, data: Path
) -> None:
    control("reduce-only")
    control("resume")
    assert ControlTable(recorded(data), DAY).mode() is ControlMode.NORMAL
