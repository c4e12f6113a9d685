from decimal import Decimal

import pytest

from src.fees import FeeSchedule

FLAT = FeeSchedule(Decimal("0.65"), Decimal("0.65"))


@pytest.mark.parametrize(
    ("fees", "per_spread"),
    [(FeeSchedule(), "2.15"), (FLAT, "7.15"), (FeeSchedule(Decimal(0), Decimal(0)), "0.00")],
)
def test_a_spread_costs_the_fees_of_ten_spy_contracts_and_one_spxw(
    fees: FeeSchedule, per_spread: str
) -> None:
    assert fees.per_spread == Decimal(per_spread)


@pytest.mark.parametrize(
    ("root", "contracts", "fee"),
    [
        ("SPY", 10, "1.50"),
        ("SPY", 1, "0.15"),
        ("SPXW", 1, "0.65"),
        ("SPXW", 3, "1.95"),
        ("SPY", 0, "0.00"),
    ],
)
def test_a_fill_pays_for_each_contract(root: str, contracts: int, fee: str) -> None:
    assert FeeSchedule().fee(root, contracts) == Decimal(fee)


@pytest.mark.parametrize(
    ("rate", "fee"), [("0.0049", "0.00"), ("0.005", "0.01"), ("0.015", "0.02")]
)
def test_half_a_cent_of_fee_is_rounded_up(rate: str, fee: str) -> None:
    assert FeeSchedule(spy_per_contract=Decimal(rate)).fee("SPY", 1) == Decimal(fee)
