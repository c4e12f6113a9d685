"""The net has no holes: without any one safeguard the simulation soon finds a violation."""

from dataclasses import replace

import pytest

from tests.simulation.faults import Anchor, Fault
from tests.simulation.runner import simulate
from tests.simulation.safeguards import SAFEGUARDS, Safeguard, day_for, without


def _id(safeguard: Safeguard) -> str:
    return safeguard.name


@pytest.mark.parametrize("safeguard", SAFEGUARDS, ids=_id)
def test_a_day_without_this_safeguard_is_found_out(safeguard: Safeguard) -> None:
    found = None
    for seed in range(safeguard.within):
        found = simulate(day_for(safeguard, seed), without(safeguard)).violation
        if found:
            break

    assert found is not None
    assert found.name in safeguard.letters


@pytest.mark.parametrize("safeguard", SAFEGUARDS, ids=_id)
def test_the_same_day_with_this_safeguard_is_sound(safeguard: Safeguard) -> None:
    for seed in range(min(safeguard.within, 5)):
        assert simulate(day_for(safeguard, seed)).violation is None


@pytest.mark.parametrize("behind", [20, 40, 300, -5])
def test_a_wrong_clock_excuses_no_quotes_but_those_that_it_makes_look_fresh(behind: int) -> None:
    guard = next(each for each in SAFEGUARDS if each.name.startswith("old quotes"))
    clock = Fault("clock steps", Anchor.ENTRY, 45.0, 1000.0, -behind)
    plans = [day_for(guard, seed) for seed in range(guard.within)]
    days = [replace(plan, faults=(*plan.faults, clock)) for plan in plans]

    found = {each.name for day in days if (each := simulate(day, without(guard)).violation)}

    assert "d" in found


def test_at_least_twelve_safeguards_were_taken_away() -> None:
    assert len(SAFEGUARDS) >= 12
