"""The real process, killed without a warning fifty times, and started again each time."""

import json
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pytest

from tests.cli.player import Player, install, table
from tests.fakes.tapes import a_tape

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")

KILLS = 50
SEED = 20260309
PREAMBLE = 3
"""Lines that every run says before it goes on with the day."""
FURTHEST = 4
"""At most so many lines of the day are told between a start and its kill."""
LATEST_SECONDS = 0.005
"""A kill comes at most this long after the line that it waited for, so anywhere."""

LEDGER = {
    "trades": "*",
    "orders": "client_order_id, symbol, side, quantity, limit_cents, state",
    "fills": "fill_id, client_order_id, quantity, price_cents, fee_cents",
    "settlements": "session, spread_no, leg, contracts, cash_cents, shares",
    "daily_summary": "*",
}


@dataclass(frozen=True)
class Outcome:
    """What a day leaves behind that must not depend on how often its program died."""

    ledger: dict[str, list[tuple[object, ...]]]
    cash: str
    holdings: dict[str, int]


def outcome(data: Path) -> Outcome:
    (account,) = (data / "exchange").glob("*.json")
    state = json.loads(account.read_text())
    ledger = {name: table(data, name, columns) for name, columns in LEDGER.items()}
    return Outcome(ledger, state["cash"], state["options"])


def integrity(data: Path) -> str:
    with closing(sqlite3.connect(data / "trades.db")) as connection:
        found: str = connection.execute("PRAGMA integrity_check").fetchone()[0]
        return found


@dataclass(frozen=True)
class Death:
    """How a run ended: at which line of its story, or by itself with an exit code."""

    line: str
    code: int


def live_and_die(program: "subprocess.Popen[str]", lines: int, delay: float) -> Death:
    """Let a run tell so many lines and live a moment longer; then kill it, unless it has ended."""
    told = ""
    with program:
        assert program.stdout is not None
        for _, line in zip(range(lines), program.stdout, strict=False):
            told = line.strip()
        try:
            program.wait(timeout=delay)
        except subprocess.TimeoutExpired:
            program.send_signal(signal.SIGKILL)
        _, complained = program.communicate(timeout=30)
    assert program.returncode in {0, -signal.SIGKILL}, complained
    return Death(told, program.returncode)


def lives(play: Player, tape: Path, data: Path) -> Iterator[Death]:
    """Start the day again and again, each time until it is killed, for as long as somebody asks."""
    chance = random.Random(SEED)  # noqa: S311 - moments, not secrets
    while True:
        lines, delay = chance.randint(1, PREAMBLE + FURTHEST), chance.uniform(0, LATEST_SECONDS)
        yield live_and_die(play.start("--replay", tape, "--data-dir", data), lines, delay)


@pytest.fixture(scope="module")
def play(tmp_path_factory: pytest.TempPathFactory) -> Player:
    root = install(tmp_path_factory.mktemp("optionsarbitrage"))
    return Player(root, tmp_path_factory.mktemp("home"))


def test_a_day_that_was_killed_fifty_times_ends_with_the_same_trades_and_cents(
    play: Player, tmp_path: Path
) -> None:
    tape = a_tape(tmp_path / "tapes")
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    assert play("--replay", tape, "--data-dir", undisturbed).returncode == 0
    expected = outcome(undisturbed)
    assert len(expected.ledger["fills"]) == 4, "a trade and its exit"

    deaths: list[Death] = []
    for death in islice(lives(play, tape, killed), KILLS):
        deaths.append(death)
        assert death.code != 0, f"the day was over before its last kill: {deaths}"
        assert not (killed / "trades.db").exists() or integrity(killed) == "ok", deaths

    last = play("--replay", tape, "--data-dir", killed)
    assert last.returncode == 0, last.stderr
    assert "Going on with this day, which was interrupted." in last.stdout
    assert outcome(killed) == expected, f"seed {SEED}: {deaths}"
    assert integrity(killed) == "ok"
    moments = {death.line[:8] for death in deaths}
    assert len(moments) > KILLS / 4, "the kills are spread over the day"
