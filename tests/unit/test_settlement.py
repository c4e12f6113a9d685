from dataclasses import replace
from decimal import Decimal

import pytest

from src.ports import OfficialCloses
from src.settlement import calculate_expiration_value, settle
from tests.fakes.ledger import a_position

CREDIT = Decimal("637.85")


@pytest.mark.parametrize(
    ("spx_close", "spy_close", "result"),
    [
        pytest.param(5990.00, 599.00, "637.85", id="both out of the money"),
        pytest.param(6050.00, 605.00, "637.85", id="both in the money at a ratio of 10"),
        pytest.param(6050.00, 605.40, "237.85", id="SPY closes 6.6 bp rich"),
        pytest.param(6050.00, 605.64, "-2.15", id="SPY closes 10.5 bp rich"),
        pytest.param(6050.00, 610.63, "-4992.15", id="SPY closes 93 bp rich"),
    ],
)
def test_credit_and_value_at_the_closes_are_the_result_of_the_trade(
    spx_close: float, spy_close: float, result: str
) -> None:
    value = calculate_expiration_value(spy_close, spx_close, 600, 6000)
    assert CREDIT + value.total == Decimal(result)


@pytest.mark.parametrize(
    ("cover", "result"),
    [pytest.param("605.95", "-5312.15", id="+1%"), pytest.param("611.95", "-11312.15", id="+2%")],
)
def test_an_exercise_after_hours_is_not_in_the_value_at_the_closes(cover: str, result: str) -> None:
    # SPY closes at 599.95. That holders exercise all the same, and what the shares then cost, is
    # not known at the closes: the value speaks of them alone, and the rest is the morning's.
    value = calculate_expiration_value(599.95, 5999.50, 600, 6000)
    assert (value.total, value.assigned, value.shares) == (Decimal(0), 0, 0)
    exercised_against_us = 1000 * (600 - Decimal(cover))
    assert CREDIT + value.total + exercised_against_us == Decimal(result)


@pytest.mark.parametrize(
    ("assigned", "at_the_close", "after_the_gap"),
    [
        pytest.param(10, "587.85", "-5412.15", id="all ten assigned"),
        pytest.param(4, "617.85", "-1782.15", id="four of ten assigned"),
    ],
)
def test_shares_left_by_an_assignment_move_on_after_the_close(
    assigned: int, at_the_close: str, after_the_gap: str
) -> None:
    # SPY 600.05 is exercised by itself. The value ends with the close; the gap to 606.05 over
    # night falls upon the shares that it names. How many were really assigned, the function is
    # told: it takes all that it is given to be.
    value = calculate_expiration_value(600.05, 5999.80, 600, 6000, spy_short=assigned)
    assert (value.assigned, value.shares) == (assigned, -100 * assigned)
    assert CREDIT + value.total == Decimal(at_the_close)
    gap = value.shares * (Decimal("606.05") - Decimal("600.05"))
    assert CREDIT + value.total + gap == Decimal(after_the_gap)


@pytest.mark.parametrize(
    ("spy_close", "assigned", "value"),
    [
        (599.99, 0, "0"),
        (600.00, 0, "0"),
        (600.004, 0, "0"),
        (600.005, 10, "-10.00"),
        (600.01, 10, "-10.00"),
    ],
)
def test_a_short_call_is_assigned_from_one_cent_in_the_money(
    spy_close: float, assigned: int, value: str
) -> None:
    found = calculate_expiration_value(spy_close, 5000.0, 600, 6000)
    assert (found.assigned, found.spy_value) == (assigned, Decimal(value))


@pytest.mark.parametrize(
    ("spx_close", "cash"),
    [(5999.99, "0"), (6000.00, "0"), (6000.01, "1.00"), (6050.00, "5000.00")],
)
def test_spxw_pays_a_hundred_dollars_for_each_point_in_the_money(
    spx_close: float, cash: str
) -> None:
    value = calculate_expiration_value(500.0, spx_close, 600, 6000)
    assert (value.spx_cash, value.spy_value) == (Decimal(cash), Decimal(0))


def test_each_leg_is_settled_on_its_own_close() -> None:
    value = calculate_expiration_value(610.63, 5990.0, 600, 6000)
    assert (value.spx_cash, value.spy_value) == (Decimal(0), Decimal("-10630.00"))


CLOSES = OfficialCloses(spy=605.40, spx=6050.00, source="a test")


def test_a_position_is_settled_on_its_own_strikes_and_counts() -> None:
    two = settle(a_position(spreads=2), CLOSES)
    assert (two.spx_cash, two.spy_value) == (Decimal("10000.00"), Decimal("-10800.00"))
    assert (two.assigned, two.shares, two.total) == (20, -2000, Decimal("-800.00"))


@pytest.mark.parametrize(
    ("spy_short", "spx_long", "total"), [(0, 1, "5000.00"), (3, 1, "3380.00"), (0, 0, "0.00")]
)
def test_only_what_is_still_held_is_settled(spy_short: int, spx_long: int, total: str) -> None:
    position = replace(a_position(), spy_short=spy_short, spx_long=spx_long)
    assert settle(position, CLOSES).total == Decimal(total)
