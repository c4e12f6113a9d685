"""Whole days with faults: they are drawn, played, and repeat themselves."""

import os
import subprocess
import sys
from pathlib import Path

from tests.simulation.faults import KINDS
from tests.simulation.runner import simulate
from tests.simulation.sessions import draw_day

PROJECT = Path(__file__).resolve().parents[2]


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
