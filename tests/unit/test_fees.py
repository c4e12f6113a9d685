from decimal import Decimal

import pytest

from src.fees import FeeSchedule, fee_schedule
from src.models import Side
from src.settings import Settings
from src.strategy_engine import calculate_entry_credit

FLAT = FeeSchedule(Decimal("0.65"), Decimal("0.65"))
SPY_PRICE, SPX_PRICE = Decimal("2.98"), Decimal("23.40")


def schedule(*overrides: str) -> FeeSchedule:
    return fee_schedule(Settings.defaults().changed(*overrides).fees)


ALPACA, IBKR = schedule("fees.schedule=alpaca"), schedule("fees.schedule=ibkr")


def fee(fees: FeeSchedule, order: str, filled_before: int = 0) -> str:
    """The fee of an order such as "sell 10 SPY 2.98"."""
    side, contracts, root, price = order.split()
    paid = fees.fee(
        root,
        int(contracts),
        side=Side(side),
        price=Decimal(price),
        filled_before=filled_before,
    )
    return str(paid)


# The flat schedule


@pytest.mark.parametrize(
    ("fees", "opening"),
    [
        *((FeeSchedule(), "2.15"), (FLAT, "7.15"), (FeeSchedule(Decimal(0), Decimal(0)), "0.00")),
        *((schedule(), "2.15"), (ALPACA, "1.74"), (IBKR, "8.70")),
    ],
)
def test_a_spread_costs_the_fees_of_ten_spy_calls_sold_and_one_spxw_bought(
    fees: FeeSchedule, opening: str
) -> None:
    assert fees.opening(SPY_PRICE, SPX_PRICE) == Decimal(opening)


def test_the_settings_by_default_charge_what_the_known_credit_is_reckoned_with() -> None:
    assert schedule() == FeeSchedule()
    assert calculate_entry_credit(2.98, 23.40, schedule()) == 637.85


@pytest.mark.parametrize(("fees", "credit"), [(ALPACA, 638.26), (IBKR, 631.30)])
def test_the_credit_is_reckoned_with_the_schedule_that_is_set(
    fees: FeeSchedule, credit: float
) -> None:
    assert calculate_entry_credit(2.98, 23.40, fees) == credit


@pytest.mark.parametrize(
    ("order", "paid"),
    [
        ("sell 10 SPY 2.98", "1.50"),
        ("buy 1 SPY 0.01", "0.15"),
        ("buy 1 SPXW 23.40", "0.65"),
        ("sell 3 SPXW 0.05", "1.95"),
        ("buy 0 SPY 2.98", "0.00"),
    ],
)
def test_a_flat_fill_pays_for_each_contract_whatever_its_price(order: str, paid: str) -> None:
    assert fee(FeeSchedule(), order) == paid


@pytest.mark.parametrize(
    ("rate", "paid"), [("0.0049", "0.00"), ("0.005", "0.01"), ("0.015", "0.02")]
)
def test_half_a_cent_of_fee_is_rounded_up(rate: str, paid: str) -> None:
    assert fee(FeeSchedule(spy_per_contract=Decimal(rate)), "buy 1 SPY 2.98") == paid


# The brokers' sheets, in cents


@pytest.mark.parametrize(
    ("order", "paid"),
    [
        # OCC 0.25, ORF 0.2295, TAF 0.0329, SEC 20.60 of a million x 2,980 = 0.0614; each to a cent.
        ("sell 10 SPY 2.98", "0.59"),
        # Bought: neither TAF nor SEC.
        ("buy 10 SPY 2.98", "0.48"),
        ("buy 1 SPY 2.98", "0.06"),
        # 0.50 for Alpaca, 0.59 for Cboe, OCC and ORF 0.03 each.
        ("buy 1 SPXW 23.40", "1.15"),
        ("buy 1 SPXW 1.00", "1.15"),
        ("buy 1 SPXW 0.95", "1.06"),
        # Sold: TAF 0.01 more, and no SEC fee, however much it brings.
        ("sell 1 SPXW 23.40", "1.16"),
        ("sell 2 SPXW 800.00", "2.29"),
        ("sell 0 SPXW 23.40", "0.00"),
    ],
)
def test_alpaca_charges_its_sheet_with_each_line_rounded_up_to_a_cent(
    order: str, paid: str
) -> None:
    assert fee(ALPACA, order) == paid


@pytest.mark.parametrize(
    ("order", "paid"),
    [
        # 6.50, and OCC 0.25, ORF 0.2295, TAF 0.0329, SEC 0.0614: 7.0738.
        ("sell 10 SPY 2.98", "7.07"),
        # 6.50 + 0.25 + 0.2295 = 6.9795.
        ("buy 10 SPY 2.98", "6.98"),
        ("buy 10 SPY 0.10", "6.98"),
        ("buy 10 SPY 0.09", "5.48"),
        ("buy 10 SPY 0.05", "5.48"),
        ("buy 10 SPY 0.04", "2.98"),
        # The minimum of 1.00, and 0.58 + 0.025 + 0.02295.
        ("buy 1 SPXW 23.40", "1.63"),
        ("buy 1 SPXW 0.95", "1.54"),
        # 1.30 is above the minimum.
        ("buy 2 SPXW 23.40", "2.56"),
        ("buy 1 SPY 2.98", "1.05"),
    ],
)
def test_interactive_brokers_charges_by_the_premium_and_a_minimum_an_order(
    order: str, paid: str
) -> None:
    assert fee(IBKR, order) == paid


def test_the_minimum_of_an_order_is_paid_once_however_it_fills() -> None:
    parts = [fee(IBKR, "buy 1 SPXW 23.40", before) for before in range(3)]
    assert parts == ["1.63", "0.93", "1.27"]
    assert sum(map(Decimal, parts)) == Decimal(fee(IBKR, "buy 3 SPXW 23.40"))


def test_a_figure_that_has_changed_can_be_corrected_in_the_settings() -> None:
    corrected = schedule(
        "fees.schedule=alpaca",
        "fees.alpaca.spy_commission=0.65",
        "fees.regulatory.orf_per_contract=0.015",
        "fees.regulatory.sec_per_million_sold=0",
    )
    # 6.50 + 0.25 + 0.15 + 0.04.
    assert fee(corrected, "sell 10 SPY 2.98") == "6.94"
