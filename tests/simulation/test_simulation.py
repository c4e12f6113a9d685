"""Whole days with faults: a fixed corpus of seeds holds every invariant, and repeats itself."""

import os
import subprocess
import sys
from dataclasses import replace
from functools import cache
from io import StringIO
from pathlib import Path

import pytest

from scripts.simulate import main
from tests.simulation.faults import KINDS, Anchor, Fault, parse_kinds
from tests.simulation.runner import Outcome, simulate, simulate_days
from tests.simulation.safeguards import SAFEGUARDS, day_for, without
from tests.simulation.sessions import DayPlan, draw_day, draw_days
from tests.simulation.shrink import shrink

PROJECT = Path(__file__).resolve().parents[2]
CORPUS = range(200)
WEEKS = range(10)
ONCE_BROKEN = (
    *(243, 261, 266, 298, 372, 397, 487, 561, 786, 1784, 2339, 2454, 2474, 2584, 3599, 4041, 4238),
    *(4583, 4791, 5498, 6946, 8015, 8622, 21176, 31621, 32074, 36623, 37927, 44014, 47204, 49110),
    *(
        49113,
        50599,
        60872,
        62167,
        73789,
        80034,
        103042,
        109051,
        111387,
        213482,
        216087,
        234911,
        252681,
        319381,
        330369,
        342222,
        406831,
        624727,
        505806,
        514579,
        522517,
        781418,
    ),
)
"""Seeds that once broke an invariant; a new kind of fault makes other days of them."""


@cache
def _outcome(seed: int) -> Outcome:
    return simulate(draw_day(seed))


@pytest.mark.parametrize("first", range(0, len(CORPUS), 20))
def test_every_invariant_holds_on_every_day_of_the_corpus(first: int) -> None:
    outcomes = [_outcome(seed) for seed in CORPUS[first : first + 20]]

    assert not [f"{each.plan}: {each.violation}" for each in outcomes if each.violation]


@pytest.mark.parametrize("seed", ONCE_BROKEN)
def test_a_day_that_once_broke_an_invariant_holds_them_all(seed: int) -> None:
    assert _outcome(seed).violation is None


_NEAR_THE_EXIT = parse_kinds(
    "positions lag,assigned early,short calls liquidated,crash after a commit,broker away,"
    "operator: close,partial fills,fill after cancel"
)


@pytest.mark.parametrize("seed", [500739, 505208])
def test_what_the_exchange_took_after_the_positions_that_it_told_could_not_be_known(
    seed: int,
) -> None:
    assert simulate(draw_day(seed, _NEAR_THE_EXIT)).violation is None


def test_every_kind_of_fault_makes_itself_felt_in_the_corpus() -> None:
    struck = frozenset[str]().union(*(_outcome(seed).struck for seed in CORPUS))

    assert struck == set(KINDS)


def test_every_invariant_holds_on_days_that_follow_each_other() -> None:
    weeks = [simulate_days(draw_days(seed, 4)) for seed in WEEKS]

    assert not [str(each.violation) for week in weeks for each in week if each.violation]


def test_most_days_of_the_corpus_trade() -> None:
    outcomes = [simulate(draw_day(seed, ())) for seed in range(20)]

    assert sum(each.trades > 0 for each in outcomes) >= 15


def _told_in_a_process(seed: int, hash_seed: str) -> str:
    return subprocess.run(
        [sys.executable, "scripts/simulate.py", "--seed", str(seed), "--trace"],
        cwd=PROJECT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=False,
    ).stdout


def test_the_same_seed_gives_the_same_story_and_the_same_record_in_any_process() -> None:
    assert _told_in_a_process(3, "1") == _told_in_a_process(3, "2")


def test_a_failing_day_is_shrunk_to_the_faults_that_it_takes() -> None:
    guard = next(each for each in SAFEGUARDS if each.name.startswith("a mode outlives"))
    noise = (Fault("partial fills", Anchor.ENTRY, 5.0, 9.0, 2), Fault("crash", Anchor.CLOSE, 9.0))
    plan = replace(day_for(guard, 1), faults=(noise[0], *guard.faults, noise[1]))

    def play(each: DayPlan) -> Outcome:
        return simulate(each, without(guard))

    smallest = shrink(play(plan), play)

    assert smallest.plan.faults == guard.faults
    assert smallest.last_events


def test_a_day_without_faults_needs_one_start() -> None:
    outcomes = [simulate(draw_day(seed, ())) for seed in range(20)]

    assert {each.starts for each in outcomes} == {1}


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("stream", [StringIO, Terminal])
def test_a_simulation_tells_on_a_terminal_how_far_it_is(
    stream: type[StringIO], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = stream()
    monkeypatch.setattr(sys, "stderr", shown)
    assert main(["--seeds", "0:2", "--faults", "none"]) == 0
    assert ("1/2 0 violations" in shown.getvalue()) == shown.isatty()
    assert shown.getvalue().endswith("\r\x1b[K") == shown.isatty()
    assert capsys.readouterr().out.startswith("2 days, ")
