"""Whole days with faults: a fixed corpus of seeds holds every invariant, and repeats itself."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.faults import KINDS
from tests.simulation.runner import simulate, simulate_days
from tests.simulation.sessions import draw_day, draw_days

PROJECT = Path(__file__).resolve().parents[2]
CORPUS = range(200)
WEEKS = range(10)


@pytest.mark.parametrize("first", range(0, len(CORPUS), 20))
def test_every_invariant_holds_on_every_day_of_the_corpus(first: int) -> None:
    broken = [
        f"{outcome.plan}: {outcome.violation}"
        for outcome in (simulate(draw_day(seed)) for seed in CORPUS[first : first + 20])
        if outcome.violation
    ]

    assert not broken


def test_every_invariant_holds_on_days_that_follow_each_other() -> None:
    weeks = [simulate_days(draw_days(seed, 4)) for seed in WEEKS]

    assert not [str(each.violation) for week in weeks for each in week if each.violation]


def test_most_days_of_the_corpus_trade() -> None:
    outcomes = [simulate(draw_day(seed, ())) for seed in range(20)]

    assert sum(each.trades > 0 for each in outcomes) >= 15


def test_every_kind_of_fault_is_drawn_in_a_thousand_days() -> None:
    drawn = {fault.kind for seed in range(1000) for fault in draw_day(seed).faults}

    assert drawn == set(KINDS)


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
