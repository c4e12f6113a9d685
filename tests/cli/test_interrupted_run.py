import signal
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from importlib.abc import MetaPathFinder
from pathlib import Path

import pytest

from scripts.main import main
from tests.cli.player import Player, refusal, table, wait_for
from tests.fakes.tapes import a_tape

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")

WHAT = "trade_id, spy_strike, spx_strike, spreads, entry_credit, exit_cost, exit_reason, final_pnl"
WHOLE_DAY = [
    ("2026-03-09-1", 600.0, 6000.0, 2, 1275.70, 1444.30, "PRE_EXPIRATION", -168.60),
]


@pytest.fixture
def tape(tmp_path: Path) -> Path:
    return a_tape(tmp_path / "tapes")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


# At 1,500 times the wall's speed a leg's own thirty seconds would be over in a moment.
UNHURRIED = ("--set", "execution.leg_deadline_seconds=600")


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_interrupted_says_what_is_open_and_the_next_one_ends_the_day_the_same(
    play: Player, tape: Path, data: Path, ending: signal.Signals
) -> None:
    program = play.start("--replay", tape, "--data-dir", data, "--speed", "1500", *UNHURRIED)
    with program:
        wait_for(program, "Check 2026-03-09-1")
        program.send_signal(ending)
        _, told = program.communicate(timeout=30)
    assert program.returncode == 130
    assert "A POSITION IS OPEN and stays recorded" in told
    assert "short 20 SPY 600 call, long 2 SPXW 6000 call" in told
    assert "Start again" in told
    assert "Traceback" not in told

    rest = play("--replay", tape, "--data-dir", data, *UNHURRIED)
    assert rest.returncode == 0, rest.stderr
    assert "Going on with this day, which was interrupted." in rest.stdout
    assert "Result of the day: -$168.60" in rest.stdout
    assert table(data, "trades", WHAT) == WHOLE_DAY
    assert len(table(data, "orders")) == 4


def test_a_run_that_is_interrupted_before_it_trades_says_that_nothing_is_open(
    play: Player, tape: Path, data: Path
) -> None:
    program = play.start("--replay", tape, "--data-dir", data, "--speed", "1")
    with program:
        wait_for(program, "Waiting for the open")
        program.send_signal(signal.SIGINT)
        _, told = program.communicate(timeout=30)
    assert program.returncode == 130
    assert "No position is open." in told
    assert "Traceback" not in told


class Impatience(MetaPathFinder):
    """Interrupts the program while it is still loading its parts."""

    def find_spec(self, name: str, *_: object) -> None:
        if name == "scripts.run_day":
            raise KeyboardInterrupt


def test_a_run_that_is_interrupted_while_it_loads_ends_quietly(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "scripts.run_day", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Impatience(), *sys.meta_path])
    assert main(["--data-dir", str(data)]) == 130
    assert capsys.readouterr() == ("", "")
    assert not data.exists()


def test_one_tick_at_a_time_steps_through_the_same_day(
    play: Player, tape: Path, data: Path
) -> None:
    # After the entry comes a second look at what the broker holds, which says nothing.
    due = "The next tick is due at 09:40:00 ET"
    steps = ["Waiting for the open", "settles until 09:35", "Entry FILLED", due, "09:40:00  Check"]
    for step in steps:
        answer = play("--replay", tape, "--data-dir", data, "--once")
        assert answer.returncode == 0, answer.stderr
        assert step in answer.stdout
        assert [each for each in steps if each in answer.stdout] == [step]
    assert play("--replay", tape, "--data-dir", data).returncode == 0
    assert table(data, "trades", WHAT) == WHOLE_DAY
    assert len(table(data, "checks")) == 74


def test_a_day_that_was_interrupted_is_not_gone_on_with_under_other_settings(
    play: Player, tape: Path, data: Path
) -> None:
    play("--replay", tape, "--data-dir", data, "--once")
    answer = play("--replay", tape, "--data-dir", data, "--set", "strategy.max_spreads=1")
    assert answer.returncode == 0, answer.stderr
    assert "Going on" not in answer.stdout
    assert table(data, "trades", "spreads, final_pnl") == [(1, -84.30)]


@pytest.fixture
def running(play: Player, tape: Path, data: Path) -> Iterator[Path]:
    """Keep a run at work in the data directory."""
    with play.start("--replay", tape, "--data-dir", data, "--speed", "1") as program:
        wait_for(program, "Waiting for the open")
        yield data
        program.terminate()
        program.communicate(timeout=30)


def test_a_second_start_is_refused_while_one_runs(
    play: Player, tape: Path, running: Path, tmp_path: Path
) -> None:
    told = refusal(play("--replay", tape, "--data-dir", running), 3)
    assert "another run of this program is using this data directory" in told
    assert "--data-dir" in told
    other = play("--replay", tape, "--data-dir", tmp_path / "other", "--once")
    assert other.returncode == 0, other.stderr


def test_a_day_of_a_real_account_is_never_replaced_by_a_simulated_one(
    play: Player, tape: Path, data: Path
) -> None:
    play("--replay", tape, "--data-dir", data, "--once")
    with closing(sqlite3.connect(data / "trades.db", isolation_level=None)) as connection:
        connection.execute("UPDATE sessions SET mode = 'paper'")
    told = refusal(play("--replay", tape, "--data-dir", data), 3)
    assert "recorded there as a paper day" in told
    assert table(data, "sessions", "mode") == [("paper",)]
