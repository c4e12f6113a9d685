import math

import pytest

from src.models import TradeSetup
from src.pricing import black_call, expected_profit, strike_gap_value
from tests.fakes.builders import a_setup

# Total volatilities that make one 0DTE call cost 23.20 (SPX 6002.50) and 3.00 (SPY 600.25).
SPX_VOL = 0.009158732
SPY_VOL = 0.012001268
ROUND_VOL = 0.00969233
"""Makes the call at 6000 on a forward of 6000 cost 23.20."""


@pytest.mark.parametrize(
    ("forward", "strike", "total_vol", "price"),
    [
        (6002.50, 6000.0, SPX_VOL, 23.20),
        (600.25, 600.0, SPY_VOL, 3.00),
        (6000.0, 6000.0, ROUND_VOL, 23.20),
    ],
)
def test_a_call_costs_what_its_total_volatility_says(
    forward: float, strike: float, total_vol: float, price: float
) -> None:
    assert black_call(forward, strike, total_vol) == pytest.approx(price, abs=2e-5)


def test_the_worked_example_needs_a_spy_volatility_31_percent_above_that_of_spx() -> None:
    spx = black_call(6002.50, 6000.0, SPX_VOL)
    spy_at_the_same_vol = black_call(600.25, 600.0, SPX_VOL)
    assert spy_at_the_same_vol == pytest.approx(spx / 10)
    ratio = SPY_VOL / SPX_VOL
    assert ratio == pytest.approx(1.3104, abs=1e-4)


@pytest.mark.parametrize("total_vol", [0.0, -0.01])
@pytest.mark.parametrize(("forward", "worth"), [(610.0, 10.0), (600.0, 0.0), (590.0, 0.0)])
def test_a_call_without_volatility_is_worth_what_it_is_in_the_money(
    forward: float, worth: float, total_vol: float
) -> None:
    assert black_call(forward, 600.0, total_vol) == worth


def package_value(spy: float, ratio: float, strikes: tuple[float, float], vol: float) -> float:
    """What ten SPY calls sold and one SPX call bought fairly bring, in dollars a spread."""
    spy_strike, spx_strike = strikes
    spy_call = black_call(spy, spy_strike, vol)
    return 1000 * spy_call - 100 * ratio * black_call(spy, spx_strike / ratio, vol)


@pytest.mark.parametrize(
    ("spy", "ratio", "spx_strike", "vol", "value"),
    [
        (600.25, 10.0, 6000.0, SPX_VOL, 0.00),
        (600.25, 10.01, 6000.0, SPX_VOL, -325.12),
        (600.25, 10.02, 6000.0, SPX_VOL, -676.01),
        (600.25, 10.026, 6000.0, SPX_VOL, -898.67),
        (600.25, 10.03, 6000.0, SPX_VOL, -1052.05),
        (600.0, 10.026, 6015.6, ROUND_VOL, -6.03),
        (600.0, 10.03, 6016.0, ROUND_VOL, -107.94),
        (600.0, 10.02, 6014.0, ROUND_VOL, 93.60),
    ],
)
def test_the_fair_credit_of_a_package_follows_from_the_ratio_and_the_strikes(
    spy: float, ratio: float, spx_strike: float, vol: float, value: float
) -> None:
    assert package_value(spy, ratio, (600.0, spx_strike), vol) == pytest.approx(value, abs=0.01)


def gapped(points: float) -> TradeSetup:
    """A setup at a ratio of 10 whose SPX strike lies so many points too high."""
    return a_setup(spy=600.0, spx=6000.0, spx_strike=6000.0 + points)


@pytest.mark.parametrize(
    ("points", "value"), [(0.0, 0.0), (2.0, 100.0), (-2.0, -100.0), (10.0, 500.0)]
)
def test_each_point_of_strike_gap_is_worth_fifty_dollars_of_credit(
    points: float, value: float
) -> None:
    assert strike_gap_value(gapped(points)) == pytest.approx(value)


@pytest.mark.parametrize(("ratio", "points"), [(10.03, -2.0), (10.02, 2.0)])
def test_fifty_dollars_a_point_is_near_the_fair_value_of_a_small_gap(
    ratio: float, points: float
) -> None:
    setup = a_setup(spy=600.0, spx=600.0 * ratio, spx_strike=600.0 * ratio + points)
    fair = package_value(600.0, ratio, (600.0, 600.0 * ratio + points), ROUND_VOL)
    assert strike_gap_value(setup) == pytest.approx(fair, abs=10.0)


@pytest.mark.parametrize("points", [-2.5, 0.0, 2.48, 10.0])
def test_the_expected_profit_is_the_credit_less_fifty_dollars_for_each_point(
    points: float,
) -> None:
    assert expected_profit(637.85, gapped(points)) == pytest.approx(637.85 - 50 * points)


def test_a_credit_that_only_pays_for_the_gap_is_no_profit() -> None:
    assert math.isclose(expected_profit(500.0, gapped(10.0)), 0.0, abs_tol=1e-9)
