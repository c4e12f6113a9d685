"""The real process, killed without a warning thirty times, and started again each time."""

import gzip
import json
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.player import Player, install
from tests.fakes.tapes import a_tape, write_tape

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")

KILLS = 30
SEED = 20260309
PREAMBLE = 3
"""At least so many lines are told before a run goes on with the day."""
QUIET = ("09:40", "15:40")
"""Between these times the day only looks at its position: a run may live through more of it."""
FURTHEST = {"quiet": 8, "busy": 2}
"""At most so many lines of the day are told between a start and its kill."""
LATEST_SECONDS = {"quiet": 0.006, "busy": 0.002}
"""A kill comes at most this long after the line that it waited for, so anywhere."""

LEDGER = {
    "trades": "SELECT * FROM trades",
    # An order whose answer died with the process may have a successor: what was traded counts.
    "fills": "SELECT symbol, side, price_cents, sum(fills.quantity), sum(fee_cents) FROM fills"
    " JOIN orders USING (client_order_id) GROUP BY symbol, side, price_cents ORDER BY symbol, side",
    "open orders": "SELECT * FROM orders WHERE state IN ('intent', 'unknown', 'working')",
    "stages": "SELECT spread_no, wanted, stage FROM spreads",
    "settlements": "SELECT spread_no, leg, contracts, cash_cents, shares FROM settlements",
    "daily_summary": "SELECT * FROM daily_summary",
}


@dataclass(frozen=True)
class Outcome:
    """What a day leaves behind that must not depend on how often its program died."""

    ledger: dict[str, list[tuple[object, ...]]]
    cash: str
    holdings: dict[str, int]
    soundness: str


def outcome(data: Path) -> Outcome:
    (account,) = (data / "exchange").glob("*.json")
    state = json.loads(account.read_text())
    with closing(sqlite3.connect(data / "trades.db")) as connection:
        ledger = {name: connection.execute(query).fetchall() for name, query in LEDGER.items()}
        soundness: str = connection.execute("PRAGMA integrity_check").fetchone()[0]
    return Outcome(ledger, state["cash"], state["options"], soundness)


@dataclass(frozen=True)
class Life:
    """One run: the last line that it told, and whether it was killed or came to its end."""

    told: str
    was_killed: bool


def live(program: "subprocess.Popen[str]", lines: int, delay: float) -> Life:
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
    return Life(told, program.returncode != 0)


def lives(play: Player, tape: Path, data: Path) -> Iterator[Life]:
    """Start the day again and again, and kill it each time at a moment that the seed chooses."""
    chance = random.Random(SEED)  # noqa: S311 - moments, not secrets
    pace = "busy"
    while True:
        lines = chance.randint(1, PREAMBLE + FURTHEST[pace])
        delay = chance.uniform(0, LATEST_SECONDS[pace])
        life = live(play.start("--replay", tape, "--data-dir", data), lines, delay)
        if life.told[:2].isdigit():
            pace = "quiet" if QUIET[0] <= life.told[:5] < QUIET[1] else "busy"
        yield life


def a_thin_market(folder: Path) -> Path:
    """Return a tape on which no leg is filled at once, so that the program dies while it works."""
    tape = a_tape(folder)
    lines = gzip.decompress(tape.read_bytes()).decode().splitlines()[1:]
    return write_tape(tape, *(thinned(line) for line in lines))


def thinned(row: str) -> str:
    """Return a row of a tape whose calls are quoted for a few contracts a minute."""
    for root, sizes in (("SPY260309C", ",12,5,"), ("SPXW260309C", ",1,2,")):
        if f",{root}" in row:
            return row.removesuffix(",,,") + sizes
    return row


@pytest.fixture(scope="module")
def play(tmp_path_factory: pytest.TempPathFactory) -> Player:
    root = install(tmp_path_factory.mktemp("optionsarbitrage"))
    return Player(root, tmp_path_factory.mktemp("home"))


def test_a_day_that_was_killed_thirty_times_ends_with_the_same_trades_and_cents(
    play: Player, tmp_path: Path
) -> None:
    tape = a_thin_market(tmp_path / "tapes")
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    assert play("--replay", tape, "--data-dir", undisturbed).returncode == 0
    expected = outcome(undisturbed)
    assert len(expected.ledger["fills"]) == 4, "a trade and its exit"
    assert (expected.soundness, set(expected.holdings.values())) == ("ok", {0})

    past: list[Life] = []
    for life in lives(play, tape, killed):
        past.append(life)
        if not life.was_killed:
            assert outcome(killed) == expected, f"seed {SEED}: {past}"
        if sum(each.was_killed for each in past) == KILLS:
            break

    last = play("--replay", tape, "--data-dir", killed)
    assert last.returncode == 0, last.stderr
    assert outcome(killed) == expected, f"seed {SEED}: {past}"
    assert len({each.told[:5] for each in past}) > KILLS / 5, "the kills are spread over the day"
