from decimal import Decimal

import pytest

from src.credit_split import value_setup
from src.explain import credit_rows
from src.fees import FeeSchedule
from src.judgement import CreditSplit, Valuation
from src.models import TradeSetup
from src.outlook import outlook
from src.settings import Settings
from src.strategy_engine import calculate_entry_credit
from tests.fakes.builders import DAY, a_session, a_setup, at

SESSION = a_session()


def value(setup: TradeSetup, *changes: str) -> Valuation:
    settings = Settings.defaults().changed(*changes)
    assert setup.spy_call.bid is not None
    assert setup.spx_call.ask is not None
    return value_setup(
        setup,
        calculate_entry_credit(setup.spy_call.bid, setup.spx_call.ask),
        outlook(DAY, settings.strategy).ratio,
        session=SESSION,
        settings=settings.strategy,
        fees=FeeSchedule(),
    )


def split(setup: TradeSetup, *changes: str) -> CreditSplit:
    found = value(setup, *changes).split
    assert found
    return found


def exact(*dollars: float) -> Decimal:
    return sum((Decimal(str(each)) for each in dollars), Decimal(0))


FAIR = a_setup(spy_quote=(2.31, 2.33), spx_quote=(23.10, 23.30))
"""Both calls at one volatility, at strikes that match."""


def test_the_worked_example_is_all_volatility_gap() -> None:
    found = split(a_setup(), "strategy.after_hours_bp=0")
    assert found.credit == 637.85
    assert (found.strike_gap, found.ratio, found.after_hours) == (0.0, 0.0, 0.0)
    assert found.vol_gap == 680.0, "10 calls at 3.00 against one at 23.20"
    assert (found.bid_ask, found.fees_in) == (-40.0, -2.15)
    assert found.spread_out == pytest.approx(-24.93), "62% of the 40: it may expire instead"
    assert found.edge == pytest.approx(611.58)


def test_a_move_after_the_close_explains_a_part_of_it_and_that_part_is_no_edge() -> None:
    found = split(a_setup())
    assert found.after_hours == pytest.approx(199.81)
    assert found.vol_gap == pytest.approx(480.19)
    assert found.edge == pytest.approx(411.77)


def test_a_large_enough_move_explains_all_of_it() -> None:
    found = split(a_setup(), "strategy.after_hours_bp=100")
    assert found.after_hours == 680.0
    assert found.vol_gap == 0.0
    assert found.edge < 0


def test_fair_quotes_have_no_edge_but_their_costs() -> None:
    found = split(FAIR)
    assert found.fair_value == 0.0
    assert found.vol_gap + found.after_hours == pytest.approx(0.0, abs=0.01)
    assert found.edge == pytest.approx(-20.0 - 2.15 + found.spread_out + found.fees_out)


def test_a_credit_that_is_a_strike_gap_has_no_edge() -> None:
    # Eight points too high, and priced at the volatility of the worked example.
    gapped = a_setup(spx_strike=6008.0, spy_quote=(2.31, 2.33), spx_quote=(19.20, 19.40))
    found = split(gapped)
    assert found.credit == pytest.approx(367.85)
    assert found.strike_gap == pytest.approx(388.0, abs=8.0)
    assert found.edge < 0


def test_a_ratio_above_ten_costs_the_calls_that_are_missing() -> None:
    found = split(a_setup(spx=6018.1065, spx_strike=6015.6, spx_quote=(23.16, 23.36)))
    assert found.strike_gap == pytest.approx(0.0, abs=0.01)
    assert found.ratio == pytest.approx(-6.03, abs=0.02)


def test_spxw_dearer_than_spy_is_a_gap_below_nothing() -> None:
    found = split(a_setup(spy_quote=(2.09, 2.11), spx_quote=(23.10, 23.30)))
    assert found.after_hours == 0.0
    assert found.vol_gap == pytest.approx(-220.0)
    assert value(a_setup(spy_quote=(1.98, 2.00))).contradiction.startswith(
        "SPY's volatility is 12.9%, 15% below SPXW's 15.1%"
    )


def test_a_volatility_of_nothing_is_exceeded_by_no_percentage() -> None:
    told = value(a_setup(spx_quote=(2.4, 2.6))).contradiction
    assert told.startswith("SPY's volatility is 19.8%, above SPXW's 0.0% for the same hours")


def test_far_out_of_the_money_nothing_is_expected_to_be_paid_on_the_way_out() -> None:
    far = a_setup(spy=590.0, spx=5900.0, spy_quote=(0.60, 0.62), spx_quote=(5.0, 5.2))
    found = split(far)
    assert found.spread_out > -5.0
    assert found.fees_out > -0.5


@pytest.mark.parametrize(
    "setup",
    [
        a_setup(),
        FAIR,
        a_setup(spx=6013.37, spx_strike=6010.0, spy_quote=(2.97, 3.00)),
        a_setup(spy=601.93, spx=6034.11, spy_strike=602.0, spx_strike=6035.0),
    ],
)
def test_the_lines_add_up_to_the_credit_and_to_the_edge_to_the_cent(setup: TradeSetup) -> None:
    found = split(setup)
    parts = [dollars for _, dollars in credit_rows(found, setup.strike_gap, setup.ratio)]
    assert exact(*parts) == exact(found.credit)
    out = found.spread_out, found.fees_out
    away = -found.strike_gap, -found.ratio, -found.after_hours
    assert exact(found.credit, *away, *out) == exact(found.edge)
    assert exact(found.edge, found.not_earned) == exact(found.credit)


def test_a_valuation_comes_back_from_plain_types_as_it_went() -> None:
    for setup in (a_setup(), a_setup(spx_quote=(2.0, 2.4))):
        found = value(setup)
        assert Valuation.from_dict(found.to_dict()) == found


def test_one_price_is_a_higher_volatility_later_in_the_day() -> None:
    early, late = (value(a_setup(when=at(clock))).spx_vol for clock in ("09:41", "14:00"))
    assert early
    assert late
    assert late > 1.9 * early
