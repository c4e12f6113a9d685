"""The sweep against the trading day itself, on generated days and settings of chance."""

import random

import pytest

from src.sweep import Doubt
from tests.fakes.builders import HALF_DAY, a_session
from tests.fakes.sweeps import both, generated_market, settings_of_chance
from tests.simulation.sweep_difference import compare

SEEDS = range(60)


@pytest.mark.parametrize("first", SEEDS[::10])
def test_the_sweep_makes_the_trades_of_the_trading_day_to_the_cent(first: int) -> None:
    pairs = [pair for seed in range(first, first + 10) for pair in compare(seed)]
    assert [pair for pair in pairs if not pair.agree] == []
    assert sum(pair.doubt is Doubt.NONE for pair in pairs) >= len(pairs) / 2
    assert any(pair.swept for pair in pairs)


def test_a_half_day_ends_three_hours_earlier_for_both() -> None:
    chance = random.Random(7)  # noqa: S311 - drawn to be found again
    session = a_session("13:00", HALF_DAY)
    trades = 0
    for seed in range(0, 24, 2):
        market = generated_market(seed, dislocated=True, session=session)
        pair = both(market, settings_of_chance(chance))
        assert pair.agree
        assert all(each.exit <= 210 for each in pair.swept)
        trades += len(pair.swept)
    assert trades
