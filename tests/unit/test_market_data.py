import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from src.market_data import Fault, MarketDataCollector, NoSetup, nearest_strike
from src.models import OptionContract, Quote, TradeSetup
from src.ports import RetryLater
from src.settings import Settings
from tests.fakes.builders import (
    HALF_DAY,
    ScriptedMarket,
    a_clock,
    a_session,
    a_setup,
    at,
    spxw_call,
    spy_call,
)
from utils.market_clock import VirtualClock

SPY, SPXW = spy_call(), spxw_call()
NAN, INF = math.nan, math.inf


@dataclass
class Market(ScriptedMarket):
    """The worked example, in which each answer has an age of its own; it keeps what was asked."""

    ages: dict[object, float] = field(default_factory=dict)
    quotes_down: bool = False
    asked: list[OptionContract] = field(default_factory=list)

    def prices(self) -> Mapping[str, Quote]:
        return {name: self._aged(name, quote) for name, quote in super().prices().items()}

    def quotes(self, contracts: Iterable[OptionContract]) -> Mapping[OptionContract, Quote]:
        wanted = list(contracts)
        self.asked += wanted
        if self.quotes_down:
            raise RetryLater("the chain does not answer")
        return {each: self._aged(each, quote) for each, quote in super().quotes(wanted).items()}

    def _aged(self, what: object, quote: Quote) -> Quote:
        old = timedelta(seconds=self.ages.get(what, 0.0))
        return Quote(quote.at - old, quote.bid, quote.ask, last=quote.last)


def a_market(clock: VirtualClock | None = None) -> Market:
    market = Market(clock or a_clock())
    market.quote(SPY, 2.98, 3.02)
    market.quote(SPXW, 23.00, 23.40)
    return market


def a_collector(market: ScriptedMarket, *changes: str) -> MarketDataCollector:
    session = a_session(day=market.clock.now().date())
    return MarketDataCollector(market, market.clock, session, Settings.defaults().changed(*changes))


def refused(market: Market, *changes: str) -> NoSetup:
    found = a_collector(market, *changes).get_trade_setup()
    assert isinstance(found, NoSetup)
    return found


# Strikes


@pytest.mark.parametrize(
    ("level", "step", "strike"),
    [
        (600.25, 1.0, 600.0),
        (600.49, 1.0, 600.0),
        (600.50, 1.0, 601.0),
        (601.50, 1.0, 602.0),
        (6002.49, 5.0, 6000.0),
        (6002.50, 5.0, 6005.0),
        (6007.50, 5.0, 6010.0),
        (6007.49, 5.0, 6005.0),
    ],
)
def test_a_level_half_way_between_two_strikes_belongs_to_the_higher_one(
    level: float, step: float, strike: float
) -> None:
    assert nearest_strike(level, step) == strike


@pytest.mark.parametrize(
    ("rule", "spy", "spx", "strikes"),
    [
        ("matched", 600.25, 6002.50, (600.0, 6000.0)),
        ("atm", 600.25, 6002.49, (600.0, 6000.0)),
        ("matched", 600.0, 6015.0, (600.0, 6015.0)),
        ("matched", 600.0, 6017.52, (600.0, 6020.0)),
        ("atm", 600.0, 6017.52, (600.0, 6020.0)),
        # SPY is 49 cents above its strike; only one rule takes that into account.
        ("matched", 600.49, 6019.91, (600.0, 6015.0)),
        ("atm", 600.49, 6019.91, (600.0, 6020.0)),
        ("matched", 600.50, 6020.00, (601.0, 6025.0)),
        ("atm", 600.50, 6020.00, (601.0, 6020.0)),
    ],
)
def test_the_strikes_follow_from_the_prices_by_the_rule(
    rule: str, spy: float, spx: float, strikes: tuple[float, float]
) -> None:
    collector = a_collector(a_market(), f"strategy.strike_rule={rule}")
    assert collector.get_atm_strikes(spy, spx) == strikes


@pytest.mark.parametrize(("ratio", "strike", "gap"), [(10.025, 6015, 0.00), (10.0292, 6020, 2.48)])
def test_the_matched_strike_leaves_a_gap_of_half_a_step_at_most(
    ratio: float, strike: float, gap: float
) -> None:
    strikes = a_collector(a_market()).get_atm_strikes(600.0, 600.0 * ratio)
    assert strikes == (600.0, strike)
    setup = a_setup(spy=600.0, spx=600.0 * ratio, spx_strike=strike)
    assert setup.strike_gap == pytest.approx(gap, abs=1e-9)


# A setup


def test_a_sound_market_becomes_a_setup() -> None:
    assert a_collector(a_market()).get_trade_setup() == a_setup()


@pytest.mark.parametrize("rule", ["atm", "matched"])
def test_only_calls_of_today_and_never_the_root_that_settles_in_the_morning_are_asked_for(
    rule: str,
) -> None:
    market = a_market(VirtualClock(at("09:41", HALF_DAY)))
    market.spx = 6002.49
    a_collector(market, f"strategy.strike_rule={rule}").get_trade_setup()
    assert market.asked == [spy_call(600, HALF_DAY), spxw_call(6000, HALF_DAY)]
    assert [each.root for each in market.asked] == ["SPY", "SPXW"]
    assert {each.right for each in market.asked} == {"C"}


def test_a_quote_of_another_root_expiry_or_strike_does_not_stand_in() -> None:
    market = a_market()
    del market.options[SPXW]
    market.quote(OptionContract("SPX", SPXW.expiry, 6000.0), 23.00, 23.40)
    market.quote(OptionContract("SPXW", SPXW.expiry + timedelta(1), 6000.0), 23.00, 23.40)
    market.quote(spxw_call(6005.0), 23.00, 23.40)
    assert refused(market).reason == "no quote for SPXW 6000 call (SPXW260309C06000000)"


# Option quotes that cannot be traded on


def spy_quote(bid: float | None, ask: float | None) -> Callable[[Market], None]:
    return lambda market: market.quote(SPY, bid, ask)


def spxw_quote(bid: float | None, ask: float | None) -> Callable[[Market], None]:
    return lambda market: market.quote(SPXW, bid, ask)


def without(contract: OptionContract) -> Callable[[Market], None]:
    return lambda market: market.options.__delitem__(contract)


def aged(**seconds: float) -> Callable[[Market], None]:
    names: dict[str, object] = {"spy_call": SPY, "spxw_call": SPXW, "spy": "SPY", "spx": "SPX"}
    return lambda market: market.ages.update({names[k]: age for k, age in seconds.items()})


QUOTE_FAULTS = [
    ("missing", without(SPY), Fault.CONTRACT, "no quote for SPY 600 call (SPY260309C00600000)"),
    ("missing", without(SPXW), Fault.CONTRACT, "no quote for SPXW 6000 call (SPXW260309C06000000)"),
    ("empty", spy_quote(None, None), Fault.CONTRACT, "no quote for SPY 600 call"),
    ("no bid", spy_quote(None, 3.02), Fault.QUOTE, "the SPY 600 call quote has no bid"),
    ("no ask", spy_quote(2.98, None), Fault.QUOTE, "the SPY 600 call quote has no ask"),
    ("no bid", spxw_quote(None, 23.40), Fault.QUOTE, "the SPXW 6000 call quote has no bid"),
    ("no ask", spxw_quote(23.00, None), Fault.QUOTE, "the SPXW 6000 call quote has no ask"),
    ("zero", spy_quote(0.0, 0.02), Fault.QUOTE, "SPY 600 call quote has a zero side: 0.00 x 0.02"),
    ("zero", spxw_quote(0.0, 0.05), Fault.QUOTE, "SPXW 6000 call quote has a zero side"),
    ("negative", spy_quote(-0.01, 0.02), Fault.QUOTE, "has a zero side: -0.01 x 0.02"),
    ("crossed", spy_quote(3.02, 2.98), Fault.QUOTE, "SPY 600 call quote is crossed: 3.02 x 2.98"),
    ("crossed", spxw_quote(23.4, 23.0), Fault.QUOTE, "SPXW 6000 call quote is crossed"),
    ("wide", spy_quote(2.98, 3.04), Fault.WIDTH, "too wide: 2.98 x 3.04 (at most 0.05)"),
    ("wide", spxw_quote(22.4, 23.5), Fault.WIDTH, "too wide: 22.40 x 23.50 (at most 1.00)"),
    ("NaN", spy_quote(NAN, 3.02), Fault.QUOTE, "the SPY 600 call quote is not a number"),
    ("NaN", spxw_quote(23.00, NAN), Fault.QUOTE, "the SPXW 6000 call quote is not a number"),
    ("infinite", spy_quote(2.98, INF), Fault.QUOTE, "the SPY 600 call quote is not a number"),
    ("old", aged(spy_call=5.5, spxw_call=5), Fault.AGE, "SPY 600 call quote is 5.5 s old"),
    ("old", aged(spxw_call=5.5, spy_call=5), Fault.AGE, "SPXW 6000 call quote is 5.5 s old"),
    ("future", aged(spy_call=-3, spxw_call=-2), Fault.AGE, "is stamped 3 s in the future"),
    ("apart", aged(spxw_call=3), Fault.AGE, "the SPY and SPXW quotes are 3 s apart in time"),
    ("prices", aged(spx=3), Fault.AGE, "the SPY and SPX prices are 3 s apart in time (at most 2"),
    ("prices", aged(spy=-1, spx=2), Fault.AGE, "the SPY and SPX prices are 3 s apart in time"),
]


@pytest.mark.parametrize(
    ("spoil", "fault", "reason"),
    [
        pytest.param(*rest, id=f"{name}-{number}")
        for number, (name, *rest) in enumerate(QUOTE_FAULTS)
    ],
)
def test_one_unsound_answer_is_no_setup_and_its_only_reason(
    spoil: Callable[[Market], None], fault: Fault, reason: str
) -> None:
    market = a_market()
    spoil(market)
    found = refused(market)
    assert [kind for kind, _ in found.faults] == [fault]
    assert reason in found.reason
    # The prices are sound, so the ratio can still be judged.
    assert (found.spy_price, found.spx_price) == (600.25, 6002.50)
    assert found.timestamp == at("09:41")


@pytest.mark.parametrize(
    "spoil",
    [
        spy_quote(2.98, 3.03),
        # In floating point 1.05 less 1.00 is a hair above 0.05.
        spy_quote(1.00, 1.05),
        spxw_quote(22.40, 23.40),
        spy_quote(3.00, 3.00),
        aged(spy_call=5, spxw_call=5, spy=5, spx=5),
        aged(spy_call=-2, spxw_call=-2),
        aged(spy_call=2),
        aged(spx=2),
    ],
    ids=[
        "SPY width",
        "SPY width in floats",
        "SPXW width",
        "locked",
        "age",
        "future",
        "quotes apart",
        "prices apart",
    ],
)
def test_what_just_keeps_a_limit_is_a_setup(spoil: Callable[[Market], None]) -> None:
    market = a_market()
    spoil(market)
    assert isinstance(a_collector(market).get_trade_setup(), TradeSetup)


def test_every_reason_is_given_not_only_the_first() -> None:
    market = a_market()
    spy_quote(3.30, 3.20)(market)
    spxw_quote(20.00, 23.40)(market)
    aged(spxw_call=400)(market)
    found = refused(market)
    kinds = [kind for kind, _ in found.faults]
    assert kinds == [Fault.QUOTE, Fault.AGE, Fault.WIDTH, Fault.AGE]
    for part in ("crossed", "400 s old (at most 5 s)", "too wide", "apart in time"):
        assert part in found.reason


def test_a_quote_with_one_side_is_not_spared_the_question_of_its_age() -> None:
    market = a_market()
    spy_quote(None, 3.02)(market)
    aged(spy_call=6, spxw_call=5)(market)
    assert refused(market).reason == (
        "the SPY 600 call quote has no bid; the SPY 600 call quote is 6 s old (at most 5 s)"
    )


# Prices that cannot be traded on


@pytest.mark.parametrize(
    ("name", "level", "age", "fault", "reason"),
    [
        ("SPY", None, 0, Fault.PRICE, "no SPY price"),
        ("SPX", None, 0, Fault.PRICE, "no SPX price"),
        ("SPY", 0.0, 0, Fault.PRICE, "the SPY price is 0.0"),
        ("SPX", -1.0, 0, Fault.PRICE, "the SPX price is -1.0"),
        ("SPY", NAN, 0, Fault.PRICE, "the SPY price is nan"),
        ("SPX", INF, 0, Fault.PRICE, "the SPX price is inf"),
        ("SPY", 600.25, 6, Fault.AGE, "the SPY price is 6 s old (at most 5 s)"),
        ("SPX", 6002.50, -6, Fault.AGE, "the SPX price is stamped 6 s in the future"),
    ],
)
def test_a_price_that_is_not_sound_is_no_setup_and_the_other_one_is_kept(
    name: str, level: float | None, age: float, fault: Fault, reason: str
) -> None:
    market = a_market()
    setattr(market, name.lower(), level)
    market.ages[name] = age
    found = refused(market)
    assert found.faults == ((fault, reason),)
    kept = (None, 6002.50) if name == "SPY" else (600.25, None)
    assert (found.spy_price, found.spx_price) == kept
    assert market.asked == []


def test_sound_prices_are_returned_with_what_is_wrong_with_the_others() -> None:
    market = a_market()
    market.spx = None
    prices, faults = a_collector(market).get_current_prices()
    assert prices == {"SPY": 600.25}
    assert faults == ((Fault.PRICE, "no SPX price"),)


# The source


def test_a_source_that_is_down_is_no_setup_in_its_own_words() -> None:
    market = a_market()
    market.down = True
    found = refused(market)
    assert found.faults == ((Fault.SOURCE, "scripted market: the source does not answer"),)


def test_a_source_that_fails_between_prices_and_quotes_is_no_setup() -> None:
    market = a_market()
    market.quotes_down = True
    assert refused(market).reason == "scripted market: the chain does not answer"


def test_asking_for_prices_or_quotes_alone_says_that_the_source_is_down() -> None:
    market = a_market()
    market.down = True
    collector = a_collector(market)
    with pytest.raises(RetryLater):
        collector.get_current_prices()
    with pytest.raises(RetryLater):
        collector.get_options_quotes((SPY, SPXW))


@pytest.mark.parametrize(
    ("cadence", "age", "accepted"),
    [
        (None, 5, True),
        (None, 6, False),
        (300.0, 300, True),
        (300.0, 301, False),
        # A cadence makes no quote older than the settings allow anyway.
        (1.0, 5, True),
        (1.0, 6, False),
    ],
)
def test_a_source_of_slow_cadence_may_have_quotes_as_old_as_its_cadence(
    cadence: float | None, age: float, *, accepted: bool
) -> None:
    market = a_market()
    market.cadence_seconds = cadence
    market.age = timedelta(seconds=age)
    assert isinstance(a_collector(market).get_trade_setup(), TradeSetup) is accepted


@pytest.mark.parametrize(("lag", "accepted"), [(5, True), (6, False)])
def test_calls_on_a_slow_recording_are_not_priced_by_an_underlying_of_another_moment(
    lag: float, *, accepted: bool
) -> None:
    market = a_market()
    market.cadence_seconds = 300.0
    aged(spy_call=60 + lag, spxw_call=60 + lag, spy=60, spx=60)(market)
    found = a_collector(market).get_trade_setup()
    assert isinstance(found, TradeSetup) is accepted
    if isinstance(found, NoSetup):
        assert found.reason == (
            "the SPY price and its call's quote are 6 s apart in time (at most 5 s); "
            "the SPX price and its call's quote are 6 s apart in time (at most 5 s)"
        )


@pytest.mark.parametrize(
    ("change", "spoil"),
    [
        ("market_data.max_quote_age_seconds=60", aged(spy_call=60, spxw_call=60)),
        ("market_data.max_leg_skew_seconds=4", aged(spxw_call=4)),
        ("market_data.max_spy_spread=0.5", spy_quote(2.50, 3.00)),
        ("market_data.max_spx_spread=3", spxw_quote(20.40, 23.40)),
    ],
)
def test_each_limit_comes_from_the_settings(change: str, spoil: Callable[[Market], None]) -> None:
    market = a_market()
    spoil(market)
    assert isinstance(a_collector(market).get_trade_setup(), NoSetup)
    assert isinstance(a_collector(market, change).get_trade_setup(), TradeSetup)


# Quotes that an exit may be priced from


@pytest.mark.parametrize(
    ("bid", "ask", "age", "tradable"),
    [
        (2.98, 3.02, 0, True),
        (1.00, 9.00, 0, True),
        (0.0, 0.05, 0, True),
        (3.00, 3.00, 5, True),
        (0.0, 0.0, 0, False),
        (3.02, 2.98, 0, False),
        (-0.01, 0.05, 0, False),
        (None, 3.02, 0, False),
        (2.98, None, 0, False),
        (NAN, 3.02, 0, False),
        (2.98, NAN, 0, False),
        (2.98, 3.02, 6, False),
        (2.98, 3.02, -6, False),
    ],
)
def test_an_exit_needs_two_sides_that_are_fresh_but_not_narrow(
    bid: float | None, ask: float | None, age: float, *, tradable: bool
) -> None:
    market = a_market()
    quote = Quote(at("09:41") - timedelta(seconds=age), bid, ask)
    found = a_collector(market).tradable(SPY, {SPY: quote})
    assert found == (quote if tradable else None)


def test_a_contract_without_a_quote_is_not_tradable() -> None:
    assert a_collector(a_market()).tradable(SPY, {}) is None


@pytest.mark.parametrize("rule", ["atm", "matched"])
def test_both_strike_rules_choose_600_and_6000_in_the_worked_example(rule: str) -> None:
    collector = a_collector(a_market(), f"strategy.strike_rule={rule}")
    assert collector.get_atm_strikes(600.25, 6002.50) == (600.0, 6000.0)


# The first minutes of the index.

EARLY = "09:33"


def with_options_around(level: float, market: Market) -> Market:
    """Quote calls and puts near the money that agree on a level of SPX, half a point wide."""
    for strike in range(5970, 6040, 5):
        value = max(level - strike, 0.0) + 8.0
        for contract, fair in (
            (OptionContract("SPXW", SPXW.expiry, float(strike), "C"), value),
            (OptionContract("SPXW", SPXW.expiry, float(strike), "P"), value - (level - strike)),
        ):
            market.quote(contract, round(fair - 0.25, 2), round(fair + 0.25, 2))
    market.quote(SPY, 2.98, 3.02)
    return market


def test_in_its_first_minutes_spx_is_taken_from_its_options() -> None:
    market = with_options_around(6004.0, a_market(a_clock(EARLY)))
    setup = a_collector(market).get_trade_setup()
    assert isinstance(setup, TradeSetup)
    assert (setup.spx_price, setup.spx_uncertainty) == (6004.0, 0.5)


def test_from_then_on_the_index_is_believed_and_no_puts_are_asked_for() -> None:
    market = with_options_around(6004.0, a_market(a_clock("09:35")))
    setup = a_collector(market).get_trade_setup()
    assert isinstance(setup, TradeSetup)
    assert (setup.spx_price, setup.spx_uncertainty) == (6002.5, 0.0)
    assert {each.right for each in market.asked} == {"C"}


def test_how_long_the_index_is_not_believed_is_a_setting() -> None:
    change = "market_data.spx_index_trusted_after_minutes=15"
    market = with_options_around(6004.0, a_market(a_clock("09:44:59")))
    setup = a_collector(market, change).get_trade_setup()
    assert isinstance(setup, TradeSetup)
    assert setup.spx_price == 6004.0


def test_without_options_that_tell_it_spx_is_not_known_however_wide_the_gate_is() -> None:
    setup = a_collector(a_market(a_clock(EARLY)), "strategy.ratio_gate_bp=150").get_trade_setup()
    assert isinstance(setup, NoSetup)
    assert [fault for fault, _ in setup.faults] == [Fault.INDEX]
    assert (setup.spy_price, setup.spx_price) == (600.25, None)
    assert "SPX is not known before 09:35" in setup.reason


def test_old_options_do_not_tell() -> None:
    market = with_options_around(6004.0, a_market(a_clock(EARLY)))
    market.ages = {each: 30.0 for each in market.options if each not in {SPY, SPXW}}
    assert isinstance(a_collector(market).get_trade_setup(), NoSetup)
