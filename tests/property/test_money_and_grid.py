from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from src.fees import FeeSchedule, fee_schedule
from src.models import OptionContract, Side
from src.settings import Settings
from src.settlement import calculate_expiration_value
from src.ticks import is_on_grid, limit_for, tick_size
from tests.fakes.builders import spxw_call, spy_call

CONTRACTS = st.sampled_from([spy_call(), spxw_call()])
SIDES = st.sampled_from(Side)
ROOTS = st.sampled_from(["SPY", "SPXW"])
# From the least price of either grid on: below it there is no price to round a purchase down to.
EXACT_PRICES = st.decimals("0.05", "9999", places=4)
FLOAT_PRICES = st.floats(0.05, 9999.0)
ANY_RATE = st.decimals("0", "10", places=5)
SCHEDULES = st.one_of(
    st.builds(FeeSchedule, ANY_RATE, ANY_RATE),
    st.sampled_from(["alpaca", "ibkr"]).map(
        lambda name: fee_schedule(Settings.defaults().changed(f"fees.schedule={name}").fees)
    ),
)
COUNTS = st.integers(0, 1000)
SPY_CLOSES = st.decimals("500", "700", places=2)
SPX_CLOSES = st.decimals("5000", "7000", places=2)
SPY_STRIKES = st.integers(500, 700)
SPX_STRIKES = st.integers(1000, 1400).map(lambda steps: 5 * steps)
HAIR = Decimal("0.000001")
"""How far, in dollars, a price in floating point may lie off the decimal that it stands for."""


# Limits


@given(CONTRACTS, SIDES, st.one_of(EXACT_PRICES, st.floats(0.0, 9999.0)))
def test_every_limit_is_on_the_grid(
    contract: OptionContract, side: Side, price: Decimal | float
) -> None:
    limit = limit_for(contract, side, price)
    # A purchase below one tick is rounded down to nothing: no price at which to buy.
    assert is_on_grid(contract, limit) or (side is Side.BUY and limit == 0)


@given(CONTRACTS, SIDES, EXACT_PRICES)
def test_no_limit_is_worse_for_us_than_the_price_nor_further_off_than_a_tick(
    contract: OptionContract, side: Side, price: Decimal
) -> None:
    limit = limit_for(contract, side, price)
    gain = side.sign * (price - limit)
    assert 0 <= gain < tick_size(contract, price)


@given(CONTRACTS, SIDES, FLOAT_PRICES)
def test_no_limit_is_worse_than_a_price_in_floating_point_by_more_than_a_hair(
    contract: OptionContract, side: Side, price: float
) -> None:
    limit = limit_for(contract, side, price)
    assert side.sign * (Decimal(price) - limit) >= -HAIR


@given(CONTRACTS, SIDES, st.integers(1, 100_000))
def test_a_price_on_the_grid_stays_where_it_is(
    contract: OptionContract, side: Side, steps: int
) -> None:
    price = steps * tick_size(contract, Decimal(3))
    assert limit_for(contract, side, price) == price
    assert limit_for(contract, side, float(price)) == price


@given(CONTRACTS, EXACT_PRICES)
def test_we_never_bid_above_what_we_would_ask(contract: OptionContract, price: Decimal) -> None:
    assert limit_for(contract, Side.BUY, price) <= limit_for(contract, Side.SELL, price)


# Fees


@given(SCHEDULES, ROOTS, SIDES, EXACT_PRICES, st.lists(COUNTS, max_size=6))
def test_an_order_costs_the_same_however_it_is_filled(
    fees: FeeSchedule, root: str, side: Side, price: Decimal, parts: list[int]
) -> None:
    paid = [
        fees.fee(root, part, side=side, price=price, filled_before=sum(parts[:done]))
        for done, part in enumerate(parts)
    ]
    assert sum(paid) == fees.fee(root, sum(parts), side=side, price=price)


@given(SCHEDULES, ROOTS, SIDES, EXACT_PRICES, COUNTS, COUNTS)
def test_a_fee_is_whole_cents_and_never_a_gift(
    fees: FeeSchedule, root: str, side: Side, price: Decimal, contracts: int, before: int
) -> None:
    fee = fees.fee(root, contracts, side=side, price=price, filled_before=before)
    assert fee >= 0
    assert fee * 100 == int(fee * 100)


@given(SCHEDULES, ROOTS, SIDES, EXACT_PRICES, EXACT_PRICES, COUNTS)
def test_a_dearer_contract_never_costs_a_smaller_fee(
    fees: FeeSchedule, root: str, side: Side, one: Decimal, other: Decimal, contracts: int
) -> None:
    low, high = (
        fees.fee(root, contracts, side=side, price=price) for price in sorted((one, other))
    )
    assert low <= high


# Expiry


@given(SPY_CLOSES, SPX_CLOSES, SPY_STRIKES, SPX_STRIKES)
def test_expiry_pays_each_leg_what_it_is_in_the_money(
    spy: Decimal, spx: Decimal, spy_strike: int, spx_strike: int
) -> None:
    value = calculate_expiration_value(float(spy), float(spx), spy_strike, spx_strike)
    assert value.spx_cash == 100 * max(spx - spx_strike, Decimal(0))
    assert value.spy_value == -1000 * max(spy - spy_strike, Decimal(0))
    assert value.total == value.spx_cash + value.spy_value


@given(SPY_CLOSES, SPX_CLOSES, SPY_STRIKES, SPX_STRIKES, st.integers(0, 30), st.integers(0, 3))
def test_expiry_is_worth_the_same_settled_at_once_or_leg_by_leg(
    spy: Decimal, spx: Decimal, spy_strike: int, spx_strike: int, short: int, long: int
) -> None:
    def value(spy_short: int, spx_long: int) -> Decimal:
        return calculate_expiration_value(
            float(spy), float(spx), spy_strike, spx_strike, spy_short=spy_short, spx_long=spx_long
        ).total

    singly = short * value(1, 0) + long * value(0, 1)
    assert value(short, long) == value(short, 0) + value(0, long) == singly


@given(SPY_CLOSES, SPX_CLOSES, SPY_STRIKES, SPX_STRIKES, st.integers(0, 30))
def test_the_shares_left_by_expiry_bought_at_the_close_cost_what_the_value_says(
    spy: Decimal, spx: Decimal, spy_strike: int, spx_strike: int, short: int
) -> None:
    value = calculate_expiration_value(
        float(spy), float(spx), spy_strike, spx_strike, spy_short=short
    )
    assert value.shares == -100 * value.assigned
    assert value.assigned in {0, short}
    # Short shares were sold at the strike and are bought back at the close.
    assert value.spy_value == value.shares * (spy - spy_strike)


@given(SPX_STRIKES, st.integers(0, 100_00))
def test_with_matched_strikes_and_an_unchanged_ratio_nothing_is_won_or_lost_at_expiry(
    spx_strike: int, cents: int
) -> None:
    # At a ratio of 10 a move of SPY by some cents is one of SPX by ten times as many.
    spy_strike = spx_strike / 10
    spy = Decimal(spx_strike) / 10 + Decimal(cents) / 100
    value = calculate_expiration_value(float(spy), float(10 * spy), spy_strike, spx_strike)
    assert value.total == 0
