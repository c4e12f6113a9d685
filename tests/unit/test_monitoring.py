from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from src.day_record import ControlMode
from src.fees import fee_schedule
from src.market_data import MarketDataCollector
from src.models import ExitReason, ExitSignal, Quote, Session, Severity, SpreadPosition
from src.position_monitor import DayState, LiveValue, PositionMonitor, should_exit
from src.settings import Settings
from src.timetable import Timetable
from tests.fakes.builders import (
    DAY,
    HALF_DAY,
    ScriptedMarket,
    a_clock,
    a_market,
    a_session,
    at,
    spxw_call,
    spy_call,
)
from tests.fakes.ledger import a_position

SPY, SPXW = spy_call(), spxw_call()
POSITION = a_position(day=DAY)
CALM = DayState(day_pnl=Decimal(0), mode=ControlMode.NORMAL, close_asked=False)
NOON, LATE = at("12:00"), at("15:45")


def a_monitor(
    *changes: str, market: ScriptedMarket | None = None, session: Session | None = None
) -> PositionMonitor:
    market = market or a_market(a_clock())
    session = session or a_session()
    settings = Settings.defaults().changed(*changes)
    collector = MarketDataCollector(market, market.clock, session, settings)
    return PositionMonitor(
        collector, Timetable(session, settings), settings, fee_schedule(settings.fees)
    )


def signals(
    *changes: str,
    position: SpreadPosition = POSITION,
    spy: float | None = 600.0,
    pnl: str | None = "100",
    day: DayState = CALM,
    now: datetime = NOON,
) -> list[ExitSignal]:
    value = LiveValue(None if pnl is None else Decimal(pnl), spy)
    return a_monitor(*changes).check_exit_conditions(position, value, day, now)


def reasons(found: list[ExitSignal]) -> list[ExitReason]:
    return [each.reason for each in found]


# Assignment


@pytest.mark.parametrize(
    ("spy_price", "leaves"),
    [(615.0, True), (610.01, True), (610.0, False), (605.0, False), (590.0, False)],
)
def test_the_calls_go_back_when_spy_is_more_than_ten_dollars_above_the_strike(
    spy_price: float, *, leaves: bool
) -> None:
    assert should_exit(spy_price=spy_price, strike=600) is leaves


def test_the_distance_at_which_the_calls_go_back_may_be_given() -> None:
    assert should_exit(605.01, 600, threshold=5.0)
    assert not should_exit(605.0, 600, threshold=5.0)


# Signals


@pytest.mark.parametrize(
    ("found", "reason", "severity", "text"),
    [
        (
            signals(spy=610.01),
            ExitReason.ASSIGNMENT_RISK,
            Severity.HIGH,
            "SPY 610.01 is above 610.00, $10 over the strike",
        ),
        (
            signals(spy=600.01, now=LATE),
            ExitReason.PRE_EXPIRATION,
            Severity.MEDIUM,
            "SPY 600.01 is in the money at 600 after 15:45",
        ),
        (
            signals(spy=599.0, now=LATE),
            ExitReason.PIN_RISK,
            Severity.MEDIUM,
            "SPY 599.00 is within $1.50 of the strike 600 after 15:45",
        ),
        (
            signals(pnl="-500.01"),
            ExitReason.MAX_LOSS,
            Severity.HIGH,
            "loss $500.01 at prices that can be traded (limit $500.00)",
        ),
        (
            signals(day=CALM._replace(day_pnl=Decimal("-1000.01"))),
            ExitReason.DAILY_LOSS,
            Severity.HIGH,
            "the day's loss is $1,000.01 (limit $1,000.00)",
        ),
        (
            signals(day=CALM._replace(close_asked=True)),
            ExitReason.MANUAL,
            Severity.HIGH,
            "a person asked for it",
        ),
        (
            signals(day=CALM._replace(mode=ControlMode.CLOSE)),
            ExitReason.MANUAL,
            Severity.HIGH,
            "a person asked for it",
        ),
    ],
    ids=["assignment", "in the money", "pin", "loss", "day", "person", "mode"],
)
def test_each_reason_to_leave_has_its_severity_and_its_number(
    found: list[ExitSignal], reason: ExitReason, severity: Severity, text: str
) -> None:
    assert found == [ExitSignal(reason, severity, text)]


@pytest.mark.parametrize(
    "found",
    [
        signals(),
        signals(spy=610.0),
        signals(spy=599.0, now=at("15:44:59")),
        signals(spy=600.01, now=at("15:44:59")),
        signals(spy=598.49, now=LATE),
        signals(pnl="-500.00"),
        signals(day=CALM._replace(day_pnl=Decimal("-1000.00"))),
        signals(day=CALM._replace(mode=ControlMode.REDUCE_ONLY)),
    ],
    ids=[
        "nothing",
        "exactly ten dollars",
        "near the strike before the end",
        "in the money before the end",
        "out of the band",
        "exactly the loss limit",
        "exactly the daily limit",
        "reduce-only",
    ],
)
def test_a_position_is_held_while_no_limit_is_passed(found: list[ExitSignal]) -> None:
    assert found == []


def test_the_most_urgent_signal_comes_first_and_none_is_left_out() -> None:
    day = DayState(Decimal(-2000), ControlMode.CLOSE, close_asked=True)
    found = signals(spy=611.0, pnl="-900", day=day, now=LATE)
    assert [each.severity for each in found] == [Severity.HIGH] * 4 + [Severity.MEDIUM]
    assert reasons(found) == [
        ExitReason.DAILY_LOSS,
        ExitReason.MANUAL,
        ExitReason.ASSIGNMENT_RISK,
        ExitReason.MAX_LOSS,
        ExitReason.PRE_EXPIRATION,
    ]


def test_a_loss_comes_before_the_nearness_of_the_end() -> None:
    assert reasons(signals(spy=599.5, pnl="-501", now=LATE)) == [
        ExitReason.MAX_LOSS,
        ExitReason.PIN_RISK,
    ]


@pytest.mark.parametrize(("pnl", "found"), [("-1000.00", []), ("-1000.01", [ExitReason.MAX_LOSS])])
def test_the_loss_limit_grows_with_the_spreads_that_were_opened(
    pnl: str, found: list[ExitReason]
) -> None:
    assert reasons(signals(position=a_position(day=DAY, spreads=2), pnl=pnl)) == found


@pytest.mark.parametrize("day_pnl", [Decimal(0), None])
def test_a_result_that_is_not_known_never_closes_a_position(day_pnl: Decimal | None) -> None:
    assert signals(pnl=None, day=CALM._replace(day_pnl=day_pnl)) == []


@pytest.mark.parametrize("now", [NOON, LATE])
def test_a_price_that_is_not_known_raises_no_signal_that_would_need_it(now: datetime) -> None:
    assert signals(spy=None, now=now) == []
    assert reasons(signals(spy=None, pnl="-501", now=now)) == [ExitReason.MAX_LOSS]


def test_without_short_calls_there_is_nothing_to_be_assigned() -> None:
    hedged = replace(POSITION, spy_short=0)
    assert signals(position=hedged, spy=615.0, now=LATE) == []


# The band in which the end is too near


@pytest.mark.parametrize(
    ("changes", "spy", "inside"),
    [
        # 1.50 dollars, and 0.25% of 600, which is the same.
        ((), 600.0, True),
        ((), 598.5, True),
        ((), 598.49, False),
        (("strategy.pin_band_dollars=2",), 598.0, True),
        (("strategy.pin_band_dollars=2",), 597.99, False),
        (("strategy.pin_band_percent=0.5",), 597.0, True),
        (("strategy.pin_band_percent=0.5",), 596.99, False),
        (("strategy.pin_band_dollars=0",), 598.5, True),
        (("strategy.pin_band_percent=0",), 598.5, True),
        (("strategy.pin_band_dollars=0", "strategy.pin_band_percent=0"), 600.0, True),
        (("strategy.pin_band_dollars=0", "strategy.pin_band_percent=0"), 599.99, False),
    ],
)
def test_the_wider_of_dollars_and_percent_is_the_pin_band(
    changes: tuple[str, ...], spy: float, *, inside: bool
) -> None:
    expected = [ExitReason.PIN_RISK] if inside else []
    assert reasons(signals(*changes, spy=spy, now=LATE)) == expected


@pytest.mark.parametrize(("clock", "leaves"), [("12:44:59", False), ("12:45", True)])
def test_on_a_half_day_the_end_is_near_from_a_quarter_to_one(clock: str, *, leaves: bool) -> None:
    monitor = a_monitor(session=a_session("13:00", HALF_DAY))
    value = LiveValue(Decimal(0), 600.5)
    found = monitor.check_exit_conditions(
        a_position(day=HALF_DAY), value, CALM, at(clock, HALF_DAY)
    )
    assert reasons(found) == ([ExitReason.PRE_EXPIRATION] if leaves else [])


def test_the_limits_come_from_the_settings() -> None:
    assert reasons(signals("strategy.exit_threshold=5", spy=605.01)) == [ExitReason.ASSIGNMENT_RISK]
    assert reasons(signals("strategy.max_position_loss=50", pnl="-50.01")) == [ExitReason.MAX_LOSS]
    day = CALM._replace(day_pnl=Decimal("-50.01"))
    assert reasons(signals("strategy.max_daily_loss=50", day=day)) == [ExitReason.DAILY_LOSS]


# What a position is worth


def test_a_position_is_worth_what_closing_it_at_executable_prices_brings() -> None:
    # 637.85 received; SPY back at the ask of 3.02, SPXW sold at the bid of 23.00, 2.15 of fees.
    value = a_monitor().value(POSITION)
    assert value == LiveValue(Decimal("637.85") - 3020 + 2300 - Decimal("2.15"), 600.25)


@pytest.mark.parametrize(("schedule", "fees"), [("alpaca", "1.64"), ("ibkr", "8.61")])
def test_closing_is_reckoned_with_the_fees_of_a_purchase_and_a_sale(
    schedule: str, fees: str
) -> None:
    # SPY bought back without TAF and SEC fee, SPXW sold with TAF.
    value = a_monitor(f"fees.schedule={schedule}").value(POSITION)
    assert value.pnl == Decimal("637.85") - 3020 + 2300 - Decimal(fees)


@pytest.mark.parametrize(
    ("spy_short", "spx_long", "pnl"),
    [
        (20, 2, "-806.45"),
        (0, 1, "2937.20"),
        (10, 0, "-2383.65"),
        (3, 1, "2030.75"),
        (0, 0, "637.85"),
    ],
)
def test_only_the_contracts_that_are_held_are_valued(
    spy_short: int, spx_long: int, pnl: str
) -> None:
    position = replace(POSITION, spy_short=spy_short, spx_long=spx_long)
    assert a_monitor().value(position).pnl == Decimal(pnl)


def test_a_bid_of_zero_is_a_value() -> None:
    market = a_market(a_clock())
    market.quote(SPXW, 0.0, 0.05)
    market.quote(SPY, 0.0, 0.01)
    assert a_monitor(market=market).value(POSITION).pnl == Decimal("625.70")


def test_a_wide_market_is_a_value() -> None:
    market = a_market(a_clock())
    market.quote(SPXW, 20.00, 26.00)
    assert a_monitor(market=market).value(POSITION).pnl == Decimal("-384.30")


@pytest.mark.parametrize(
    ("contract", "quote"),
    [
        (SPY, None),
        (SPXW, None),
        (SPY, Quote(at("09:41"), 2.98, None)),
        (SPXW, Quote(at("09:41"), None, 23.40)),
        (SPY, Quote(at("09:41"), 0.0, 0.0)),
        (SPXW, Quote(at("09:41"), 23.40, 23.00)),
        (SPXW, Quote(at("09:41"), float("nan"), 23.40)),
        (SPXW, Quote(at("09:40:54"), 23.00, 23.40)),
    ],
    ids=["no SPY", "no SPXW", "no ask", "no bid", "no market", "crossed", "NaN", "old"],
)
def test_a_position_with_an_unsound_quote_has_no_value_and_says_why(
    contract: object, quote: Quote | None
) -> None:
    market = a_market(a_clock())
    call = SPY if contract == SPY else SPXW
    if quote is None:
        del market.options[call]
    else:
        market.freeze(call, quote)
    value = a_monitor(market=market).value(POSITION)
    assert value == LiveValue(None, 600.25, f"no current quote for {call}")


def test_everything_that_is_missing_and_needed_is_named() -> None:
    market = a_market(a_clock())
    market.options.clear()
    market.spy = market.spx = None
    assert a_monitor(market=market).value(POSITION) == LiveValue(
        None,
        None,
        "no SPY price; no current quote for SPY 600 call; no current quote for SPXW 6000 call",
    )


def test_a_leg_that_is_no_longer_held_needs_no_quote() -> None:
    market = a_market(a_clock())
    del market.options[SPY]
    value = a_monitor(market=market).value(replace(POSITION, spy_short=0))
    assert value.pnl == Decimal("2937.20")


def test_the_price_of_spx_is_not_needed() -> None:
    market = a_market(a_clock())
    market.spx = None
    assert a_monitor(market=market).value(POSITION).pnl == Decimal("-84.30")


def test_a_source_that_is_down_leaves_the_value_unknown_in_its_own_words() -> None:
    market = a_market(a_clock())
    market.down = True
    value = a_monitor(market=market).value(POSITION)
    assert value == LiveValue(None, None, "scripted market: the source does not answer")


def test_a_stale_market_closes_nothing() -> None:
    market = a_market(a_clock())
    market.age = timedelta(minutes=10)
    monitor = a_monitor(market=market)
    value = monitor.value(POSITION)
    assert (value.pnl, value.spy_price) == (None, None)
    assert monitor.check_exit_conditions(POSITION, value, CALM, LATE) == []


def test_a_broker_that_soon_takes_no_orders_gets_the_position_closed_whatever_the_price() -> None:
    settings = Settings.defaults()
    market = a_market(a_clock())
    collector = MarketDataCollector(market, market.clock, a_session(), settings)
    timetable = Timetable(a_session(), settings, at("15:15"))
    monitor = PositionMonitor(collector, timetable, settings, fee_schedule(settings.fees))
    value = LiveValue(Decimal(500), 580.0)
    assert monitor.check_exit_conditions(POSITION, value, CALM, at("14:59")) == []
    (signal,) = monitor.check_exit_conditions(POSITION, value, CALM, at("15:00"))
    assert (signal.reason, signal.severity) == (ExitReason.PRE_EXPIRATION, Severity.HIGH)
    assert signal.text == "the broker takes no orders soon after 15:00"
