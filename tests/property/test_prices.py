import json
import math
from decimal import Decimal

import numpy as np
from hypothesis import assume, example, given
from hypothesis import strategies as st

from src.credit_split import value_setup
from src.explain import credit_rows
from src.fees import FeeSchedule
from src.judgement import Valuation
from src.models import TradeSetup
from src.outlook import outlook
from src.pricing import black_call, implied_total_vol, package_value
from src.pricing_arrays import black_calls, implied_total_vols
from src.settings import Settings
from src.strategy_engine import calculate_entry_credit
from src.stress import AFTER_HOURS, BASES_BP, Package
from tests.fakes.builders import DAY, a_session, a_setup

FORWARDS = st.floats(100.0, 10_000.0)
VOLS = st.floats(1e-3, 0.5)
DEVIATIONS = st.floats(-5.0, 5.0)
RATIOS = st.floats(9.9, 10.1)
SETTINGS = Settings.defaults()
SESSION = a_session()


@given(FORWARDS, DEVIATIONS, VOLS)
def test_the_volatility_that_a_price_implies_makes_that_price(
    forward: float, z: float, vol: float
) -> None:
    strike = forward * math.exp(z * vol)
    price = black_call(forward, strike, vol)
    # The digits of the time value are those that the price has left beside its intrinsic value.
    digits = (price - max(forward - strike, 0.0)) / (math.ulp(price) + math.ulp(forward) / 1e3)
    assume(digits > 1e6)
    found = implied_total_vol(forward, strike, price)
    assert found is not None
    assert math.isclose(found, vol, rel_tol=max(1e-9, 100 / digits))
    assert math.isclose(black_call(forward, strike, found), price, rel_tol=1e-12, abs_tol=1e-12)


@given(FORWARDS, DEVIATIONS, VOLS)
def test_one_moment_is_priced_like_many(forward: float, z: float, vol: float) -> None:
    strike = forward * math.exp(z * vol)
    price = black_call(forward, strike, vol)
    assert math.isclose(black_calls(forward, strike, vol), price, rel_tol=1e-11, abs_tol=1e-11)
    one, many = (
        implied_total_vol(forward, strike, price),
        implied_total_vols(forward, strike, price),
    )
    assert np.isnan(many) if one is None else math.isclose(one, many, rel_tol=1e-9, abs_tol=1e-12)


@given(FORWARDS, st.floats(-1.0, 20_000.0), FORWARDS)
@example(100.0, 5e-324, 100.0)
@example(100.0, 1e-299, 100.0)
def test_any_price_implies_a_volatility_or_none_and_never_an_error(
    forward: float, price: float, strike: float
) -> None:
    found = implied_total_vol(forward, strike, price)
    possible = max(forward - strike, 0.0) <= price
    assert found is None or (found >= 0.0 and possible)


@given(st.floats(200.0, 1500.0), RATIOS, VOLS)
def test_matched_strikes_at_a_ratio_of_ten_are_worth_nothing(
    spy: float, ratio: float, vol: float
) -> None:
    strike = float(round(spy))
    assert sum(package_value(spy, 10.0, (strike, 10 * strike), vol)) == 0.0
    gap, _ = package_value(spy, ratio, (strike, ratio * strike), vol)
    assert abs(gap) < 1e-6


CENTS = st.integers(1, 4000).map(lambda cents: cents / 100)
TICKS = st.integers(1, 9).map(lambda ticks: ticks / 10)


@st.composite
def markets(draw: st.DrawFn) -> TradeSetup:
    spy = draw(st.integers(20_000, 150_000)) / 100
    spx = round(spy * draw(RATIOS), 2)
    spx_bid = draw(st.integers(1, 600)) / 10
    spy_bid = draw(st.one_of(CENTS, st.just(max(round(spx_bid / 10, 2), 0.01))))
    return a_setup(
        spy=spy,
        spx=spx,
        spy_strike=float(round(spy) + draw(st.integers(-1, 1))),
        spx_strike=5.0 * round(spx / 5) + draw(st.sampled_from((-5.0, 0.0, 5.0))),
        spy_quote=(spy_bid, round(spy_bid + draw(st.integers(0, 5)) / 100, 2)),
        spx_quote=(spx_bid, round(spx_bid + draw(TICKS), 2)),
    )


def value(setup: TradeSetup) -> Valuation:
    assert setup.spy_call.bid is not None
    assert setup.spx_call.ask is not None
    return value_setup(
        setup,
        calculate_entry_credit(setup.spy_call.bid, setup.spx_call.ask),
        outlook(DAY, SETTINGS.strategy).ratio,
        session=SESSION,
        settings=SETTINGS.strategy,
        fees=FeeSchedule(),
    )


@given(markets())
def test_where_a_credit_comes_from_adds_up_to_the_cent(setup: TradeSetup) -> None:
    split = value(setup).split
    if split is None:
        return
    parts = credit_rows(split, setup.strike_gap, setup.ratio)
    assert sum(Decimal(str(dollars)) for _, dollars in parts) == Decimal(str(split.credit))
    assert all(round(each, 2) == each for each in split)
    # What the last line takes up is rounding, and the gap between the volatilities itself.
    gap = 1000 * (
        (setup.spy_call.bid or 0.0) / 2
        + (setup.spy_call.ask or 0.0) / 2
        - black_call(setup.spy_price, setup.spy_contract.strike, value(setup).spx_total_vol or 0.0)
    )
    assert math.isclose(split.vol_gap + split.after_hours, gap, abs_tol=0.03)


@given(markets())
def test_an_edge_is_never_more_than_the_gap_between_the_volatilities_pays(
    setup: TradeSetup,
) -> None:
    split = value(setup).split
    assert split is None or split.edge <= split.vol_gap + 0.02
    assert split is None or split.after_hours >= 0.0


@given(markets())
def test_a_valuation_survives_json(setup: TradeSetup) -> None:
    found = value(setup)
    assert Valuation.from_dict(json.loads(json.dumps(found.to_dict()))) == found


@given(markets(), st.floats(-0.03, 0.03), st.sampled_from(BASES_BP), st.integers(0, 10))
def test_no_end_within_the_stresses_is_worse_than_the_worst(
    setup: TradeSetup, move: float, basis: float, assigned: int
) -> None:
    package = Package.of(setup, 100.0)
    worst = package.stressed()
    end = package.after_hours(move, basis, AFTER_HOURS, assigned)
    assert worst.worst <= end + 0.01
    if abs(basis) <= 10.5:
        assert worst.ordinary <= package.at_close(move, basis) + 0.01


@given(markets(), st.floats(1.0, 50.0))
def test_more_credit_makes_every_end_better_by_as_much(setup: TradeSetup, more: float) -> None:
    package = Package.of(setup, 100.0)
    richer = package._replace(credit=100.0 + more)
    assert math.isclose(richer.stressed().worst, package.stressed().worst + more, abs_tol=0.011)
