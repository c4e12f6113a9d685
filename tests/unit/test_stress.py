import pytest

from src.stress import AFTER_HOURS, BASES_BP, MOVES, ORDINARY_BP, Package, Risk, Stressed, risk_of
from tests.fakes.builders import a_setup

WORKED = Package.of(a_setup(), 637.85)
"""The worked example: strikes 600 and 6000, a ratio of 10."""


@pytest.mark.parametrize(
    ("spx", "cover", "assigned", "result"),
    [
        pytest.param(5990.0, 599.00, 0, 637.85, id="both out of the money"),
        pytest.param(6050.0, 605.00, 10, 637.85, id="both in the money at a ratio of 10"),
        pytest.param(6050.0, 605.40, 10, 237.85, id="SPY 6.6 bp rich, a day in twenty"),
        pytest.param(6050.0, 605.64, 10, -2.15, id="SPY 10.5 bp rich, a day in a hundred"),
        pytest.param(6050.0, 610.63, 10, -4992.15, id="9 April 2025"),
        pytest.param(5999.5, 605.95, 10, -5312.15, id="out of the money, SPY +1% after hours"),
        pytest.param(5999.5, 611.95, 10, -11312.15, id="the same with +2%"),
        pytest.param(5999.8, 606.05, 10, -5412.15, id="exercised at 600.05, a gap of 1% overnight"),
        pytest.param(5999.8, 606.05, 4, -1782.15, id="the same with four of ten assigned"),
    ],
)
def test_the_end_of_a_position_is_worth_what_was_reckoned_by_hand(
    spx: float, cover: float, assigned: int, result: float
) -> None:
    assert WORKED.profit(spx, cover, assigned) == pytest.approx(result)


def test_spy_closes_dear_where_the_ratio_falls() -> None:
    assert WORKED.spy_close(6050.0, 0.0) == pytest.approx(605.0)
    assert WORKED.spy_close(6050.0, -10.5) == pytest.approx(605.64, abs=0.005)
    assert WORKED.spy_close(6050.0, -93.0) == pytest.approx(610.63, abs=0.06)


def test_at_the_close_all_calls_in_the_money_are_covered_at_the_close() -> None:
    up = 6050.0 / 6002.50 - 1.0
    assert WORKED.at_close(up, 0.0) == pytest.approx(637.85)
    assert WORKED.at_close(up, -10.5) == pytest.approx(637.85 - 635.9, abs=0.1)
    assert WORKED.at_close(-0.01, -10.5) == pytest.approx(637.85), "out of the money"


def test_until_half_past_five_spy_may_come_into_the_money_alone() -> None:
    pin = 5999.5 / 6002.50 - 1.0
    assert WORKED.after_hours(pin, 0.0, 0.01) == pytest.approx(637.85 - 5949.5)
    assert WORKED.after_hours(pin, 0.0, 0.01, 4) == pytest.approx(637.85 - 4 * 594.95)
    assert WORKED.after_hours(pin, 0.0, 0.01, 0) == pytest.approx(637.85)
    assert WORKED.after_hours(pin, 0.0, -0.01) == pytest.approx(637.85)


@pytest.mark.parametrize("spx_strike", [5990.0, 6000.0, 6010.0])
def test_the_tables_that_are_shown_hold_the_worst_case(spx_strike: float) -> None:
    package = Package.of(a_setup(spx_strike=spx_strike), 637.85)
    shown = [*MOVES, spx_strike / 6002.50 - 1.0]
    ordinary = min(package.at_close(move, -ORDINARY_BP) for move in shown)
    evening = min(package.after_hours(move, min(BASES_BP), AFTER_HOURS) for move in shown)
    assert package.stressed() == pytest.approx((ordinary, evening), abs=0.01)


@pytest.mark.parametrize("spx_strike", [5990.0, 6000.0, 6010.0])
def test_no_cell_of_the_tables_is_worse_than_the_worst_case(spx_strike: float) -> None:
    package = Package.of(a_setup(spx_strike=spx_strike), 637.85)
    stressed = package.stressed()
    moves = [*MOVES, *(each / 10_000 for each in range(-300, 301))]
    ordinary = min(package.at_close(m, b) for m in moves for b in (-10.5, 0.0, 10.5))
    every = min(
        result
        for move in moves
        for basis in BASES_BP
        for result in (
            package.at_close(move, basis),
            *(package.after_hours(move, basis, 0.0106, n) for n in (0, 4, 10)),
        )
    )
    assert stressed.ordinary == pytest.approx(ordinary, abs=3.0)
    assert stressed.ordinary <= ordinary + 0.01
    assert stressed.worst == pytest.approx(every, abs=60.0)
    assert stressed.worst <= every + 0.01


@pytest.mark.parametrize(
    ("ordinary", "worst", "risk"),
    [
        (-12.0, -500.0, Risk.LOW),
        (-12.0, -500.01, Risk.MEDIUM),
        (-500.0, -9000.0, Risk.MEDIUM),
        (-500.01, -9000.0, Risk.HIGH),
    ],
)
def test_the_level_of_risk_follows_from_the_stressed_loss_against_the_limit(
    ordinary: float, worst: float, risk: Risk
) -> None:
    assert risk_of(Stressed(ordinary, worst), 500.0) is risk


def test_a_strike_gap_that_can_cost_more_than_the_limit_is_a_high_risk() -> None:
    gapped = Package.of(a_setup(spx_strike=6010.0, spx_quote=(18.0, 18.4)), 500.0).stressed()
    assert risk_of(gapped, 500.0) is Risk.HIGH
    assert risk_of(WORKED.stressed(), 500.0) is Risk.MEDIUM
