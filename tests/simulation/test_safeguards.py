"""The net has no holes: without any one safeguard the simulation soon finds a violation."""

import pytest

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


def test_at_least_twelve_safeguards_were_taken_away() -> None:
    assert len(SAFEGUARDS) >= 12
