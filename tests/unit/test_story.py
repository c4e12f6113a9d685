from dataclasses import replace
from decimal import Decimal

import pytest

from src import story
from src.legging import LegResult, SpreadResult, Status
from src.market_data import Fault, NoSetup
from src.models import EntryDecision, ExitReason, ExitSignal, Leg, Severity, TradeSetup
from src.ports import OfficialCloses
from src.position_monitor import LiveValue
from src.settings import Settings
from src.settlement import settle
from src.strategy_engine import Capacity, should_enter_trade
from tests.fakes.builders import DAY, a_session, a_setup, at
from tests.fakes.ledger import a_position

POSITION = a_position(day=DAY)
FLAT = replace(POSITION, spy_short=0, spx_long=0)
NO_SPX = NoSetup(at("09:41"), ((Fault.PRICE, "no SPX price"),), 600.25, None)


def decide(market: TradeSetup | NoSetup, *, clock: str = "09:41") -> EntryDecision:
    return should_enter_trade(
        market,
        now=at(clock),
        session=a_session(),
        capacity=Capacity(0, Decimal(100_000), Decimal(100_000)),
        settings=Settings.defaults(),
    )


def ended(status: Status, text: str = "") -> SpreadResult:
    return SpreadResult(
        status,
        1,
        spx=LegResult(Leg.SPX, status, wanted=1, filled=0, text=text),
        spy=LegResult(Leg.SPY, status, wanted=10, filled=0),
    )


# Decisions


def test_a_decision_to_trade_tells_market_criteria_and_size() -> None:
    headline, calls, vols, risk, flag, *criteria, size = story.decision_lines(decide(a_setup()))
    assert headline == "Decision: TRADE. SPY 600.25, SPX 6002.50, strike gap +0.00 points."
    assert calls == "  Calls: SPY 600 at 2.98 x 3.02, SPXW 6000 at 23.00 x 23.40."
    assert vols == "  Implied volatility: SPY 19.8%, SPXW 15.1% a year, gap +4.7 points."
    assert risk.startswith("  Risk MEDIUM: an ordinary close (99 of 100 days) can cost $12.00, the")
    assert risk.endswith("; told only, it forbids no entry.")
    assert flag.startswith("  QUOTES THAT CANNOT BOTH BE TRUE: SPY's volatility is 19.8%")
    assert len(criteria) == 6
    assert all(line.startswith("  yes  ") for line in criteria)
    assert (
        "+$411.77 = credit +$637.85 less strike gap and ratio +$0.00, after hours +$199.81, "
        "getting out +$26.27  (limit: above $400.00)" in criteria[5]
    )
    assert (
        size == "  Size 2: sell 20 SPY calls, buy 2 SPXW; closed if it loses more than $1,000.00."
    )


def test_a_decision_against_trading_marks_the_criteria_that_fail_and_tells_no_size() -> None:
    lines = story.decision_lines(decide(a_setup(), clock="10:01"))
    assert lines[0].startswith("Decision: no trade. SPY 600.25")
    assert [line.split()[1:3] for line in lines if line.startswith("  NO ")] == [
        ["entry", "window"]
    ]
    assert not any("Size" in line for line in lines)


def test_a_decision_without_a_setup_says_so_and_why() -> None:
    lines = story.decision_lines(decide(NO_SPX))
    assert lines[0] == "Decision: no trade. There is no setup."
    assert len(lines) == 7
    assert any("no SPX price" in line for line in lines)


def test_a_decision_against_trading_in_short_tells_credit_gap_and_profit() -> None:
    short = story.decision_in_short(decide(a_setup(spx_strike=6005.0)))
    assert short == (
        "No trade: SPY 600 / SPXW 6005, credit +$637.85, gap +5.00 points, expected +$182.20; "
        "fails: expected profit."
    )


def test_a_decision_that_fails_by_size_alone_says_so_in_short() -> None:
    too_small = replace(decide(a_setup()), should_trade=False, position_size=0)
    assert "; fails: position size; QUOTES THAT" in story.decision_in_short(too_small)


def test_a_decision_without_a_setup_in_short_gives_each_reason_once() -> None:
    short = story.decision_in_short(decide(NO_SPX))
    assert short == "No trade, no setup: no SPX price."


def test_margin_is_told_both_ways_side_by_side() -> None:
    at_the_money = a_setup(spy=600.0, spx=6000.0)
    assert story.risk_allows(at_the_money, 1, Settings.defaults()) == (
        "Risk allows 1: $25,000 set aside. Under Reg T the calls count as uncovered: margin "
        "$92,980 (15 % rule) to $122,980 (20 % rule)."
    )


def test_quotes_that_agree_raise_no_flag() -> None:
    lines = story.decision_lines(decide(a_setup(spy_quote=(2.31, 2.33))))
    assert not any("CANNOT BOTH BE TRUE" in line for line in lines)
    assert any("gap +0.0 points" in line for line in lines)


# Entries and exits


def test_a_filled_entry_tells_what_is_held_and_what_it_brought() -> None:
    assert story.entry_line(ended(Status.FILLED), POSITION) == (
        "Entry FILLED: short 10 SPY 600 call, long 1 SPXW 6000 call; "
        "cash +$637.85 after fees of $2.15."
    )


def test_a_rejected_entry_tells_the_words_of_the_broker() -> None:
    nothing = replace(FLAT, spreads_opened=0)
    line = story.entry_line(ended(Status.REJECTED, "403 not allowed"), nothing)
    assert line == "Entry REJECTED: 403 not allowed; nothing is held."


@pytest.mark.parametrize("status", [Status.PARTIAL, Status.PENDING])
def test_an_entry_that_is_not_whole_is_not_called_filled(status: Status) -> None:
    part = replace(POSITION, spy_short=4)
    line = story.entry_line(ended(status), part)
    assert line.startswith(f"Entry {status}: short 4 SPY 600 call, long 1 SPXW")


def test_an_unwound_entry_tells_what_it_cost() -> None:
    line = story.entry_line(ended(Status.UNWOUND), replace(FLAT, cash=Decimal("-41.30")))
    assert line.startswith("Entry UNWOUND")
    assert "-$41.30" in line


def test_an_entry_that_was_unwound_in_part_tells_what_is_left() -> None:
    line = story.entry_line(ended(Status.UNWOUND), replace(POSITION, spy_short=0))
    assert line.startswith("Entry UNWOUND: short 0 SPY 600 call, long 1 SPXW 6000 call")


def test_an_exit_that_is_done_tells_the_result() -> None:
    line = story.exit_line(ended(Status.FILLED), replace(FLAT, cash=Decimal("-84.30")))
    assert line == "Exit FILLED: the position is flat, result -$84.30."


def test_an_exit_under_way_tells_what_is_still_held() -> None:
    line = story.exit_line(ended(Status.PARTIAL), replace(POSITION, spy_short=3))
    assert line == (
        "Exit PARTIAL: still short 3 SPY 600 call, long 1 SPXW 6000 call; it is tried again."
    )


# Checks


def test_a_calm_check_tells_price_and_result_and_holds() -> None:
    line = story.check_line(POSITION, LiveValue(Decimal("-84.30"), 600.25), "hold")
    assert line == "Check 2026-03-09-1: SPY 600.25, P&L -$84.30; hold."


def test_a_check_with_signals_tells_all_of_them() -> None:
    signals = [
        ExitSignal(ExitReason.MAX_LOSS, Severity.HIGH, "loss $501.00"),
        ExitSignal(ExitReason.PIN_RISK, Severity.MEDIUM, "SPY 599.50 is near"),
    ]
    value = LiveValue(Decimal(-501), 599.5)
    line = story.check_line(POSITION, value, story.verdict(value, signals))
    assert "MAX_LOSS (HIGH): loss $501.00; PIN_RISK (MEDIUM): SPY 599.50 is near" in line


def test_a_check_that_knows_nothing_never_shows_a_number() -> None:
    value = LiveValue(None, None, "no SPY price")
    line = story.check_line(POSITION, value, story.verdict(value, []))
    assert line.startswith("Check 2026-03-09-1: SPY not known, P&L ")
    assert "(no SPY price)" in line
    assert "$" not in line


# Settlement


def test_a_settlement_in_the_money_names_the_shares_and_calls_for_action() -> None:
    closes = OfficialCloses(605.40, 6050.00, "a test")
    line = story.settlement_line(POSITION, closes, settle(POSITION, closes))
    for part in (
        "Settlement 2026-03-09-1: SPX closed at 6050.00, SPY at 605.40 (a test)",
        "SPXW pays +$5,000.00",
        "10 SPY calls are assigned, worth -$5,400.00",
        "short 1000 SPY shares",
        "ACT before the next open",
    ):
        assert part in line


def test_a_settlement_out_of_the_money_warns_that_a_holder_may_still_exercise() -> None:
    closes = OfficialCloses(599.95, 5999.50, "a test")
    line = story.settlement_line(POSITION, closes, settle(POSITION, closes))
    assert "SPXW pays +$0.00" in line
    assert line.endswith("(a holder may still exercise to 17:30).")
