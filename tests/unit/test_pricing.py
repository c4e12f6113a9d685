import math

import pytest

from src.pricing import black_call, implied_total_vol, package_value, probability_above

# Total volatilities that make one 0DTE call cost 23.20 (SPX 6002.50) and 3.00 (SPY 600.25).
SPX_VOL = 0.009158732
SPY_VOL = 0.012001268
ROUND_VOL = 0.00969233
"""Makes the call at 6000 on a forward of 6000 cost 23.20."""
KNOWN = [
    (6002.50, 6000.0, SPX_VOL, 23.20),
    (600.25, 600.0, SPY_VOL, 3.00),
    (6000.0, 6000.0, ROUND_VOL, 23.20),
]


@pytest.mark.parametrize(("forward", "strike", "total_vol", "price"), KNOWN)
def test_a_call_costs_what_its_total_volatility_says(
    forward: float, strike: float, total_vol: float, price: float
) -> None:
    assert black_call(forward, strike, total_vol) == pytest.approx(price, abs=2e-5)


@pytest.mark.parametrize(("forward", "strike", "total_vol", "price"), KNOWN)
def test_a_price_implies_the_total_volatility_that_makes_it(
    forward: float, strike: float, total_vol: float, price: float
) -> None:
    assert implied_total_vol(forward, strike, price) == pytest.approx(total_vol, abs=5e-9)


def test_the_worked_example_needs_a_spy_volatility_31_percent_above_that_of_spx() -> None:
    spx = implied_total_vol(6002.50, 6000.0, 23.20)
    spy = implied_total_vol(600.25, 600.0, 3.00)
    assert spx
    assert spy
    assert spy / spx == pytest.approx(1.3104, abs=1e-4)
    assert black_call(600.25, 600.0, spx) == pytest.approx(2.32)


@pytest.mark.parametrize("total_vol", [0.0, -0.01])
@pytest.mark.parametrize(("forward", "worth"), [(610.0, 10.0), (600.0, 0.0), (590.0, 0.0)])
def test_a_call_without_volatility_is_worth_what_it_is_in_the_money(
    forward: float, worth: float, total_vol: float
) -> None:
    assert black_call(forward, 600.0, total_vol) == worth


@pytest.mark.parametrize(
    ("forward", "strike", "price"),
    [
        pytest.param(610.0, 600.0, 9.99, id="below the intrinsic value"),
        pytest.param(600.0, 600.0, 600.0, id="as dear as the forward"),
        pytest.param(600.0, 600.0, -0.01, id="negative"),
        pytest.param(600.0, 600.0, math.nan, id="not a number"),
        pytest.param(0.0, 600.0, 1.0, id="without a forward"),
    ],
)
def test_no_volatility_makes_a_price_that_cannot_be(
    forward: float, strike: float, price: float
) -> None:
    assert implied_total_vol(forward, strike, price) is None


@pytest.mark.parametrize(("forward", "price"), [(610.0, 10.0), (590.0, 0.0)])
def test_a_price_without_time_value_implies_no_volatility_at_all(
    forward: float, price: float
) -> None:
    assert implied_total_vol(forward, 600.0, price) == 0.0


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
    parts = package_value(spy, ratio, (600.0, spx_strike), vol)
    assert sum(parts) == pytest.approx(value, abs=0.01)


def test_matched_strikes_leave_the_ratio_alone_to_be_paid_for() -> None:
    gap, ratio = package_value(600.0, 10.026, (600.0, 6015.6), ROUND_VOL)
    assert gap == pytest.approx(0.0, abs=1e-9)
    assert ratio == pytest.approx(-0.026 * 100 * 2.32, abs=0.01)


@pytest.mark.parametrize("points", [-2.0, 2.0])
def test_a_point_of_strike_gap_is_worth_about_fifty_dollars(points: float) -> None:
    gap, _ = package_value(600.0, 10.02, (600.0, 6012.0 + points), ROUND_VOL)
    assert gap == pytest.approx(50 * points, abs=10.0)


def test_a_price_ends_above_what_it_is_now_in_about_half_of_all_cases() -> None:
    assert probability_above(600.0, 600.0, 0.01) == pytest.approx(0.5, abs=0.005)
    assert probability_above(600.0, 606.0, 0.01) == pytest.approx(0.158, abs=0.005)
    assert probability_above(600.0, 594.0, 0.01) == pytest.approx(0.841, abs=0.005)
    assert probability_above(600.0, 0.0, 0.01) == 1.0


@pytest.mark.parametrize(("level", "chance"), [(599.99, 1.0), (600.0, 0.0)])
def test_a_price_that_stands_still_ends_where_it_is(level: float, chance: float) -> None:
    assert probability_above(600.0, level, 0.0) == chance
