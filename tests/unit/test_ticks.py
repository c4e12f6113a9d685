from decimal import Decimal

import pytest

from src.models import OptionContract, Side
from src.ticks import is_on_grid, limit_for, tick_size
from tests.fakes.builders import spxw_call, spy_call

SPY, SPXW = spy_call(), spxw_call()


@pytest.mark.parametrize(
    ("contract", "price", "tick"),
    [
        (SPY, "0.01", "0.01"),
        (SPY, "3.00", "0.01"),
        (SPY, "55.55", "0.01"),
        (SPXW, "0.05", "0.05"),
        (SPXW, "2.95", "0.05"),
        (SPXW, "2.99", "0.05"),
        (SPXW, "3.00", "0.10"),
        (SPXW, "23.40", "0.10"),
    ],
)
def test_spy_moves_in_cents_and_spxw_in_nickels_below_three_and_dimes_from_there(
    contract: OptionContract, price: str, tick: str
) -> None:
    assert tick_size(contract, Decimal(price)) == Decimal(tick)


@pytest.mark.parametrize(
    ("contract", "price", "accepted"),
    [
        (SPY, "2.98", True),
        (SPY, "2.985", False),
        (SPY, "0", False),
        (SPY, "-0.01", False),
        (SPXW, "2.95", True),
        (SPXW, "2.97", False),
        (SPXW, "3.00", True),
        (SPXW, "3.05", False),
        (SPXW, "3.10", True),
        (SPXW, "0.00", False),
    ],
)
def test_the_exchange_accepts_only_positive_prices_on_the_grid(
    contract: OptionContract, price: str, *, accepted: bool
) -> None:
    assert is_on_grid(contract, Decimal(price)) is accepted


@pytest.mark.parametrize(
    ("contract", "side", "price", "limit"),
    [
        (SPY, Side.BUY, 2.98, "2.98"),
        (SPY, Side.SELL, 2.98, "2.98"),
        (SPY, Side.BUY, 2.989, "2.98"),
        (SPY, Side.SELL, 2.981, "2.99"),
        (SPXW, Side.BUY, 23.40, "23.40"),
        (SPXW, Side.BUY, 23.49, "23.40"),
        (SPXW, Side.SELL, 23.41, "23.50"),
        (SPXW, Side.BUY, 3.09, "3.00"),
        (SPXW, Side.SELL, 2.96, "3.00"),
        (SPXW, Side.BUY, 2.99, "2.95"),
        (SPXW, Side.SELL, 2.91, "2.95"),
        # 0.1 + 0.2 is a hair above 0.3 in floating point, and still 0.30.
        (SPY, Side.SELL, 0.1 + 0.2, "0.30"),
        (SPXW, Side.SELL, 0.1 + 0.2, "0.30"),
    ],
)
def test_a_purchase_is_rounded_down_and_a_sale_up(
    contract: OptionContract, side: Side, price: float, limit: str
) -> None:
    assert limit_for(contract, side, price) == Decimal(limit)


def test_an_exact_price_is_taken_as_it_is() -> None:
    assert limit_for(SPXW, Side.SELL, Decimal("23.4000001")) == Decimal("23.50")
    assert limit_for(SPXW, Side.BUY, Decimal("23.40")) == Decimal("23.40")


@pytest.mark.parametrize(("contract", "tick"), [(SPY, "0.01"), (SPXW, "0.05")])
def test_below_one_tick_nothing_is_bid_and_one_tick_is_asked(
    contract: OptionContract, tick: str
) -> None:
    below = Decimal(tick) / 2
    assert limit_for(contract, Side.BUY, below) == 0
    assert limit_for(contract, Side.SELL, below) == Decimal(tick)
