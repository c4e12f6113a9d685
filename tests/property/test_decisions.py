import json
from datetime import datetime, timedelta
from decimal import Decimal

from hypothesis import find, given
from hypothesis import strategies as st

from src.market_data import Fault, MarketDataCollector, NoSetup
from src.models import EntryDecision, Quote, TradeSetup
from src.settings import Settings
from src.strategy_engine import Capacity, calculate_position_size, should_enter_trade
from tests.fakes.builders import a_clock, a_market, a_session, a_setup, at

PRICES = st.floats(200.0, 1500.0)
RATIOS = st.one_of(st.floats(10.0, 10.04), st.floats(9.9, 10.1))
CENTS = st.integers(1, 5000).map(lambda cents: cents / 100)
MONEY = st.one_of(st.just(Decimal(100_000)), st.decimals("-10000", "1000000", places=2))
COLLECTOR = MarketDataCollector(a_market(a_clock()), a_clock(), a_session(), Settings.defaults())
SETTINGS = st.sampled_from(
    [
        Settings.defaults(),
        Settings.defaults().changed("strategy.max_spreads=3", "strategy.min_entry_credit=0"),
        Settings.defaults().changed("strategy.max_position_size=0.01"),
    ]
)


@st.composite
def setups(draw: st.DrawFn) -> TradeSetup:
    """Markets of any quality, of which many are worth a trade."""
    spy, spx_ask = draw(PRICES), draw(CENTS)
    spy_bid = draw(st.one_of(st.just(round(spx_ask / 10 + 0.6, 2)), CENTS))
    spx = spy * draw(RATIOS)
    spy_strike, spx_strike = COLLECTOR.get_atm_strikes(spy, spx)
    return a_setup(
        spy=spy,
        spx=spx,
        spy_strike=spy_strike,
        spx_strike=spx_strike,
        spy_quote=(spy_bid, spy_bid + 0.02),
        spx_quote=(spx_ask, spx_ask),
    )


@st.composite
def empty_markets(draw: st.DrawFn) -> NoSetup:
    faults = draw(st.lists(st.sampled_from(Fault), min_size=1, max_size=3))
    price = st.one_of(st.none(), PRICES)
    return NoSetup(
        at("09:41"), tuple((each, f"a {each} fault") for each in faults), draw(price), draw(price)
    )


MARKETS = st.one_of(setups(), setups(), empty_markets())
CAPACITIES = st.builds(Capacity, st.one_of(st.just(0), st.integers(0, 4)), MONEY, MONEY)
MOMENTS = st.one_of(
    st.integers(0, 25 * 60).map(lambda second: at("09:35") + timedelta(seconds=second)),
    st.integers(0, 86_399).map(lambda second: at("00:00") + timedelta(seconds=second)),
)


def decide(
    market: TradeSetup | NoSetup, now: datetime, capacity: Capacity, settings: Settings
) -> EntryDecision:
    return should_enter_trade(
        market, now=now, session=a_session(), capacity=capacity, settings=settings
    )


@given(MARKETS, MOMENTS, CAPACITIES, SETTINGS)
def test_a_trade_has_every_criterion_passed_a_size_and_no_reason_against_it(
    market: TradeSetup | NoSetup, now: datetime, capacity: Capacity, settings: Settings
) -> None:
    decision = decide(market, now, capacity, settings)
    everything = all(each.passed for each in decision.criteria) and decision.position_size >= 1
    assert decision.should_trade is everything
    assert decision.should_trade is (decision.reasons == ())


@given(MARKETS, MOMENTS, CAPACITIES, SETTINGS)
def test_a_trade_is_in_its_window_priced_profitable_and_within_all_that_there_is(
    market: TradeSetup | NoSetup, now: datetime, capacity: Capacity, settings: Settings
) -> None:
    decision = decide(market, now, capacity, settings)
    if not decision.should_trade:
        return
    rules = settings.strategy
    assert isinstance(market, TradeSetup)
    assert at("09:35") <= now <= at("10:00")
    assert rules.min_ratio <= market.ratio <= rules.max_ratio
    assert decision.expected_profit is not None
    assert decision.expected_profit > rules.min_entry_credit
    assert capacity.open_spreads + decision.position_size <= rules.max_spreads
    capital = decision.position_size * Decimal(str(rules.capital_per_spread))
    assert capital <= capacity.capital
    at_risk = Decimal(str(rules.max_position_size)) * capacity.account_value
    assert Decimal(str(decision.risk)) <= at_risk
    assert decision.spy_quantity == 10 * decision.spx_quantity


def test_trades_are_among_what_is_tried() -> None:
    def traded(case: tuple[TradeSetup, datetime, Capacity, Settings]) -> bool:
        return decide(*case).should_trade

    # Raises NoSuchExample when there are none, and then the properties of trades prove nothing.
    find(st.tuples(setups(), MOMENTS, CAPACITIES, SETTINGS), traded)


@given(MARKETS, MOMENTS, CAPACITIES, SETTINGS)
def test_all_six_criteria_are_always_reported_in_the_same_order(
    market: TradeSetup | NoSetup, now: datetime, capacity: Capacity, settings: Settings
) -> None:
    decision = decide(market, now, capacity, settings)
    assert [each.name for each in decision.criteria] == [
        "market open",
        "entry window",
        "0DTE contracts",
        "ratio",
        "spreads",
        "expected profit",
    ]
    assert all(each.seen and each.limit for each in decision.criteria)


@given(empty_markets(), MOMENTS, CAPACITIES)
def test_without_a_setup_there_is_never_a_trade(
    market: NoSetup, now: datetime, capacity: Capacity
) -> None:
    decision = decide(market, now, capacity, Settings.defaults())
    assert not decision.should_trade
    assert decision.entry_credit is None


@given(MARKETS, MOMENTS, CAPACITIES, SETTINGS)
def test_every_decision_comes_back_from_json_as_it_went(
    market: TradeSetup | NoSetup, now: datetime, capacity: Capacity, settings: Settings
) -> None:
    decision = decide(market, now, capacity, settings)
    assert EntryDecision.from_dict(json.loads(json.dumps(decision.to_dict()))) == decision


@given(CAPACITIES, SETTINGS, st.decimals("0", "100000", places=2))
def test_more_capital_or_a_larger_account_never_makes_the_size_smaller(
    capacity: Capacity, settings: Settings, more: Decimal
) -> None:
    size = calculate_position_size(capacity, settings)
    richer = capacity._replace(capital=capacity.capital + more)
    larger = capacity._replace(account_value=capacity.account_value + more)
    assert calculate_position_size(richer, settings) >= size
    assert calculate_position_size(larger, settings) >= size


@given(PRICES, RATIOS)
def test_matched_strikes_leave_a_gap_of_half_a_step_at_most(spy: float, ratio: float) -> None:
    spy_strike, spx_strike = COLLECTOR.get_atm_strikes(spy, spy * ratio)
    setup = a_setup(spy=spy, spx=spy * ratio, spy_strike=spy_strike, spx_strike=spx_strike)
    assert abs(setup.strike_gap) <= 2.5 + 1e-9
    assert abs(spy_strike - spy) <= 0.5
    assert (spy_strike % 1, spx_strike % 5) == (0, 0)


@given(
    bid=st.floats(-1, 100, allow_subnormal=False),
    ask=st.floats(-1, 100, allow_subnormal=False),
    age=st.floats(-20, 20),
)
def test_every_setup_has_two_sided_fresh_and_narrow_quotes(
    bid: float, ask: float, age: float
) -> None:
    clock = a_clock()
    market = a_market(clock)
    call = COLLECTOR.contracts(600.0, 6000.0)[1]
    seen = Quote(clock.now() - timedelta(seconds=age), bid, ask)
    market.freeze(call, seen)
    found = MarketDataCollector(market, clock, a_session(), Settings.defaults()).get_trade_setup()
    if isinstance(found, TradeSetup):
        assert 0 < bid <= ask
        assert ask - bid <= 1.005
        assert abs(age) <= 2.0
    else:
        assert found.reason
