"""The real program, killed with a position open, is started again by its keeper."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.player import PROJECT
from tests.fakes.builders import a_session, at
from tests.fakes.tapes import a_tape
from utils.heartbeat import FILE
from utils.keeper import Keeper, run_once
from utils.market_clock import VirtualClock

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")


def kill_when_a_position_is_open(folder: Path) -> None:
    """End the process that last gave a sign of life, as a power cut would."""
    for _ in range(3000):
        try:
            beat = json.loads((folder / FILE).read_text(encoding="utf-8"))
        except FileNotFoundError:
            beat = {"position": ""}
        if beat["position"]:
            os.kill(beat["pid"], signal.SIGKILL)
            return
        subprocess.run(["sleep", "0.01"], check=True)


def test_a_position_that_a_killed_program_left_is_closed_by_the_one_that_is_started_again(
    tmp_path: Path,
) -> None:
    data = tmp_path / "data"
    words = ["--replay", str(a_tape(tmp_path / "tapes")), "--data-dir", str(data)]
    # At 1,500 times the wall's speed a leg's own thirty seconds would be over in a moment.
    words += ["--set", "execution.leg_deadline_seconds=600"]
    slow = ["--speed", "1500"]  # so that the first one is met while its position is open
    command = [sys.executable, str(PROJECT / "scripts" / "main.py"), *words]
    ends: list[int] = []

    def run() -> int:
        ends.append(run_once(command if ends else [*command, *slow]))
        return ends[-1]

    said: list[str] = []
    killer = threading.Thread(target=kill_when_a_position_is_open, args=[data])
    killer.start()
    keeper = Keeper(
        a_session(),
        VirtualClock(at("09:20")),
        is_done=lambda: False,
        is_taken=lambda: False,
        run=run,
        say=said.append,
    )
    assert keeper.keep() == 0
    killer.join()
    assert ends == [137, 0]
    assert said[1].startswith("The run ended with 137; it is started again at 09:20:15 ET")
    with closing(sqlite3.connect(data / "trades.db")) as connection:
        trades = connection.execute("SELECT exit_reason, final_pnl FROM trades").fetchall()
        orders = connection.execute("SELECT count(*) FROM orders").fetchone()
    assert trades == [("PRE_EXPIRATION", -168.60)]
    assert orders == (4,)
