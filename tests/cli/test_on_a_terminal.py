"""What a person sees on a terminal of 80 x 24, and what a pipe gets."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from src.control import ControlMode, ControlTable, SetBy
from src.database import Store, open_database
from tests.cli.player import Player, wait_for
from tests.fakes.builders import at
from tests.fakes.records import a_record
from tests.fakes.tapes import a_tape
from tests.fakes.terminal import COLUMNS, ROWS, on_a_terminal, plain

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no such terminals")

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
SLOW = ("--speed", "300", "--set", "execution.leg_deadline_seconds=600")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def program(play: Player, data: Path, tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """Keep a replayed day at work that has just opened its position."""
    command = ("--replay", a_tape(tmp_path), "--data-dir", data)
    early = ("--set", "trading_hours.entry_start=09:31")
    with play.start(*command, *early, *SLOW) as running:
        yield running
        running.kill()


def command(play: Player, script: str, *args: object) -> list[str]:
    return [sys.executable, str(play.root / "scripts" / script), *map(str, args)]


def piped(play: Player, script: str, *args: object, **env: str) -> str:
    answer = subprocess.run(
        command(play, script, *args),
        cwd=play.home,
        env={"HOME": str(play.home), "PATH": "", **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return answer.stdout + answer.stderr


def test_a_day_has_colours_on_a_terminal_and_none_in_a_pipe(play: Player, tmp_path: Path) -> None:
    day = ("--replay", a_tape(tmp_path), "--data-dir", tmp_path / "data")
    code, shown = on_a_terminal(command(play, "main.py", *day), cwd=tmp_path)
    assert (code, bool(COLOUR.search(shown))) == (0, True)
    # A day that was played is played anew, to the same words.
    told = play(*day, env={"TERM": "xterm"}).stdout
    assert "\x1b" not in told
    assert plain(shown).split() == told.split()
    log = (tmp_path / "data" / "logs" / "trading.log").read_text(encoding="utf-8")
    assert "\x1b" not in log


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_who_wants_no_colours_gets_none(play: Player, tmp_path: Path, env: dict[str, str]) -> None:
    doctor = command(play, "doctor.py", "--data-dir", tmp_path)
    _, shown = on_a_terminal(doctor, cwd=tmp_path, env=env)
    assert "ok    Python" in shown
    assert not COLOUR.search(shown)


def test_the_doctor_breaks_its_rows_between_words(play: Player, tmp_path: Path) -> None:
    _, shown = on_a_terminal(command(play, "doctor.py", "--data-dir", tmp_path), cwd=tmp_path)
    lines = plain(shown).splitlines()
    assert all(len(line) <= COLUMNS or " " not in line.strip() for line in lines)
    assert [line for line in lines if line.startswith("      ")]
    assert all(re.match(r"(ok|warn|fail|skip) |      |\d+ ok,", line) for line in lines)


def test_the_status_of_a_day_at_work_fits_one_screen_and_says_what_is_open(
    play: Player, program: "subprocess.Popen[str]", data: Path
) -> None:
    wait_for(program, "Entry FILLED")
    code, shown = on_a_terminal(
        command(play, "control.py", "status", "--data-dir", data), cwd=play.home
    )
    lines = plain(shown).splitlines()
    assert code == 0
    assert len(lines) < ROWS
    assert max(map(len, lines)) <= COLUMNS
    told = " ".join(plain(shown).split())
    assert "Trades of 2026-03-09: 1, not finished (recorded market, SIMULATED fills" in told
    assert "POSITION OPEN: 2026-03-09-1: short 20 SPY 600 call" in told
    assert re.search(r"Looks at the market: \d+, the last at 09:\d\d:\d\d ET: trade", told)


def test_the_status_of_the_worst_day_still_fits_one_screen(
    play: Player, program: "subprocess.Popen[str]", data: Path
) -> None:
    wait_for(program, "Check 2026-03-09-1")
    wait_for(program, "Check 2026-03-09-1")  # by then the first one is committed
    program.kill()
    program.wait()
    store = Store(open_database(data / "trades.db"))
    why = f"the day's loss is $1,200.00 (limit $1,000.00) {'and more words ' * 10}"
    ControlTable(store, None).raise_mode(ControlMode.HALT, why, at("10:00"), SetBy.BREAKER)
    store.connection.close()
    code, shown = on_a_terminal(
        command(play, "control.py", "status", "--data-dir", data), cwd=play.home
    )
    lines = plain(shown).splitlines()
    assert code == 3
    assert len(lines) < ROWS
    assert "\x1b[1;31mDEAD\x1b[0m" in shown
    assert "\x1b[33mhalt\x1b[0m" in shown
    assert "NOTHING WATCHES IT" in plain(shown)
    assert re.search(r"Last check of 2026-03-09-1 at \d\d:\d\d:\d\d ET: P&L ", plain(shown))


def test_a_session_that_is_over_is_told_with_its_result(
    play: Player, data: Path, tmp_path: Path
) -> None:
    assert play("--replay", a_tape(tmp_path), "--data-dir", data).returncode == 0
    told = piped(play, "control.py", "status", "--data-dir", data)
    assert re.search(
        r"^Trades of 2026-03-09: 1 finished, result [+-]\$[\d,.]+ after fees", told, re.MULTILINE
    )
    assert "\x1b" not in told


@pytest.mark.parametrize(
    ("script", "args"),
    [
        ("backtest.py", ("--generated", "11:14", "--jobs", "1", "--no-html")),
        (
            "backtest.py",
            (
                *("sweep", "--generated", "11:13", "--jobs", "1"),
                *("--grid", "strategy.min_entry_credit=300,400"),
            ),
        ),
    ],
)
def test_long_work_shows_how_far_it_is_on_a_terminal_only(
    play: Player, tmp_path: Path, script: str, args: tuple[str, ...]
) -> None:
    out = ("--out", tmp_path / "out")
    _, shown = on_a_terminal(command(play, script, *args, *out), cwd=tmp_path)
    assert re.search(r"\[#*\.*\] \d+/\d+ ", shown)
    assert "Written: " in plain(shown)
    assert not re.search(r"\[#*\.*\] \d+/\d+ ", piped(play, script, *args, *out))


def test_an_export_shows_how_far_it_is_on_a_terminal_only(
    play: Player, data: Path, tmp_path: Path
) -> None:
    a_record(data)
    export = ("export.py", "2026-01-01", "2026-12-31", "--data-dir", data)
    _, shown = on_a_terminal(command(play, *export), cwd=tmp_path)
    assert "] 7/8 decisions, " in shown
    assert "7/8" not in piped(play, *export)
