"""What a daily report tells besides the record itself: slippage, the nearest miss, what comes."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from functools import partial
from pathlib import Path

import pytest

from src.coming_session import ComingSession, coming_session
from src.judgement import Criterion
from src.models import EntryDecision, ExitReason, Session
from src.price_words import NOT_BELIEVED
from src.report_decision import nearest_miss
from src.report_files import WrittenReport
from src.results_logger import ResultsLogger
from src.settings import Settings
from tests.fakes.ledger import DAY, Ledger, a_decision, a_position, moment, without_setup
from tests.fakes.long_record import weekdays, write_long_record
from tests.fakes.pages import Page, assert_mail_programs_show_it


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    ledger = Ledger()
    yield ledger
    ledger.connection.close()


@pytest.fixture
def logger(ledger: Ledger, tmp_path: Path) -> ResultsLogger:
    return ResultsLogger(ledger.connection, tmp_path)


def words(report: WrittenReport) -> str:
    return " ".join(report.text.replace("!!", "").split())


def open_a_spread(ledger: Ledger, logger: ResultsLogger, spread_no: int = 1) -> None:
    ledger.open_reference_spread(spread_no)
    logger.log_trade(a_position(spread_no=spread_no), a_decision(), "paper")


def close_it(
    ledger: Ledger, logger: ResultsLogger, at: datetime, spread_no: int = 1, pieces: int = 1
) -> None:
    """Bought back in two tries, the first at 1.02, and sold a nickel below the first limit."""
    close = partial(ledger.order, purpose="close", spread_no=spread_no, at=at)
    close("spy", "buy", 10, "1.02", filled=4, pieces=pieces)
    close("spy", "buy", 6, "1.05")
    close("spx", "sell", 1, "8.75", limit="8.80")
    logger.log_exit(DAY, spread_no, ExitReason.PRE_EXPIRATION, at)
    logger.update_final_pnl(DAY, "paper", at)


# Slippage.


def test_an_entry_is_set_against_the_quotes_of_its_decision(
    ledger: Ledger, logger: ResultsLogger
) -> None:
    ledger.decide(a_decision())
    ledger.order("spx", "buy", 1, "23.45")
    ledger.order("spy", "sell", 10, "2.97")
    logger.log_trade(a_position(), a_decision(), "paper")
    report = logger.generate_daily_report(DAY)
    assert "| +1 | 23.45 | 0.00 | -2,345.00 | 23.40 | -$5.00 |" in report.markdown
    assert "| -10 | 2.97 | 0.00 | 2,970.00 | 2.98 | -$10.00 |" in report.markdown
    assert "Slippage: entry -$15.00, together -$15.00, in dollars" in words(report)


def test_a_fill_that_was_better_than_its_quote_is_no_cost(
    ledger: Ledger, logger: ResultsLogger
) -> None:
    ledger.order("spx", "buy", 1, "23.30")
    logger.log_trade(a_position(), a_decision(), "paper")
    assert "Slippage: entry +$10.00" in words(logger.generate_daily_report(DAY))


def test_what_was_sold_again_at_the_entry_is_no_measure_of_the_exit(
    ledger: Ledger, logger: ResultsLogger
) -> None:
    ledger.order("spx", "buy", 2, "23.40")
    ledger.order("spy", "sell", 10, "2.98")
    ledger.order("spx", "sell", 1, "23.00", purpose="close", at=moment(9, 36))
    logger.log_trade(a_position(), a_decision(), "paper")
    later = moment(15, 45)
    ledger.order("spy", "buy", 10, "1.02", purpose="close", at=later)
    ledger.order("spx", "sell", 1, "8.75", limit="8.80", purpose="close", at=later)
    logger.log_exit(DAY, 1, ExitReason.PRE_EXPIRATION, later)
    logger.update_final_pnl(DAY, "paper", later)
    assert "exit -$5.00" in words(logger.generate_daily_report(DAY))


def test_an_exit_is_set_against_the_first_limit_of_its_leg_and_the_report_says_so(
    ledger: Ledger, logger: ResultsLogger
) -> None:
    open_a_spread(ledger, logger)
    close_it(ledger, logger, moment(15, 45, 5))
    report = logger.generate_daily_report(DAY)
    assert "| +4 | 1.02 | 0.00 | -408.00 | 1.02 | +$0.00 |" in report.markdown
    assert "| +6 | 1.05 | 0.00 | -630.00 | 1.02 | -$18.00 |" in report.markdown
    assert "| -1 | 8.75 | 0.00 | 875.00 | 8.80 | -$5.00 |" in report.markdown
    assert "Slippage: entry +$0.00, exit -$23.00, together -$23.00" in words(report)
    assert "No quotes are recorded at an exit" in words(report)


def test_what_was_lost_between_the_signal_and_the_exit_is_told(
    ledger: Ledger, logger: ResultsLogger
) -> None:
    open_a_spread(ledger, logger)
    ledger.check(moment(15, 45), 500.0, signal="PRE_EXPIRATION", text="SPY is in the money")
    ledger.check(moment(15, 46), 400.0, signal="PRE_EXPIRATION", text="SPY is in the money")
    close_it(ledger, logger, moment(15, 47))
    assert (
        "the check at 15:45:00 that had it closed showed +$500.00, the result is +$474.85: "
        "-$25.15 from the one to the other."
    ) in words(logger.generate_daily_report(DAY))


def test_fills_of_one_order_at_one_price_are_one_line(
    ledger: Ledger, logger: ResultsLogger
) -> None:
    open_a_spread(ledger, logger)
    close_it(ledger, logger, moment(15, 45), pieces=4)
    report = logger.generate_daily_report(DAY)
    assert report.markdown.count("1-spy-close-3 | +4 |") == 1
    assert "The broker told of 8 fills; those of one order at one price are one line." in words(
        report
    )


def test_an_adopted_trade_has_nothing_to_be_compared_with_and_the_report_says_so(
    ledger: Ledger, logger: ResultsLogger
) -> None:
    ledger.open_reference_spread()
    logger.log_adopted(a_position(), "paper")
    report = logger.generate_daily_report(DAY)
    assert "| 23.40 | 0.65 | -2,340.65 | ? | ? |" in report.markdown
    assert "Slippage: entry not recorded, together not recorded" in words(report)
    assert "2 lines not recorded, marked ?" in words(report)


# A day without a trade.


def missed(*, seen: str, limit: str, name: str = "expected profit", profit: float = 80.0) -> str:
    rule = Criterion(name, passed=False, seen=seen, limit=limit)
    kept = Criterion("market open", passed=True, seen="09:36:00", limit="09:30 to 16:00")
    decision = a_decision(at=moment(9, 36), should_trade=False, profit=profit)
    return nearest_miss(replace(decision, criteria=(kept, rule)).to_dict())


@pytest.mark.parametrize(
    ("seen", "limit", "name", "told"),
    [
        (
            *("+$80.00 = credit", "above $1,400.00", "expected profit"),
            "expected profit by $1,320.00 (+$80.00; needed: above $1,400.00)",
        ),
        (
            *("10.0500 (+12.5 bp)", "9.95 to 10.05, and within 10 bp of 10.0375", "ratio"),
            "ratio by 2.5 bp (seen: 10.0500 (+12.5 bp); needed:",
        ),
        (
            *("10.0610 (-2.5 bp)", "9.95 to 10.05, and within 10 bp of 10.0600", "ratio"),
            "ratio (10.0610 (-2.5 bp); needed: 9.95 to 10.05",
        ),
        (
            *("SPY is too wide: 0.09", "SPY at most 0.05", "spreads"),
            "spreads (SPY is too wide: 0.09; needed: SPY at most 0.05)",
        ),
        ("not known", "above $400.00", "ratio", "ratio could not be judged"),
        (
            *(f"+$80.00; {NOT_BELIEVED}", "above $40.00", "expected profit"),
            f"expected profit, +$80.00 {NOT_BELIEVED}",
        ),
    ],
)
def test_the_nearest_miss_tells_by_how_much_it_missed(
    seen: str, limit: str, name: str, told: str
) -> None:
    text = missed(seen=seen, limit=limit, name=name)
    assert text.startswith("The nearest miss was at 09:36:00: 1 of 2 rules held. What failed: ")
    assert told in text


def test_where_every_rule_held_it_was_the_account_that_was_too_small() -> None:
    decision = replace(a_decision(), should_trade=False, position_size=0)
    assert "not one spread fitted into the account" in nearest_miss(decision.to_dict())


def with_failures(decision: EntryDecision, many: int) -> EntryDecision:
    failed = tuple(Criterion(f"rule {n}", passed=False, seen="1", limit="2") for n in range(many))
    return replace(decision, criteria=failed)


def test_the_moment_that_failed_the_fewest_rules_is_nearer_than_one_that_promised_more(
    ledger: Ledger, logger: ResultsLogger
) -> None:
    promising = a_decision(at=moment(9, 36), should_trade=False, profit=900.0)
    ledger.decide(with_failures(promising, 2))
    ledger.decide(without_setup(a_decision(at=moment(9, 37), should_trade=False)))
    near = a_decision(at=moment(9, 38), should_trade=False, profit=10.0)
    ledger.decide(with_failures(near, 1))
    ledger.decide(with_failures(replace(near, timestamp=moment(9, 39), expected_profit=5.0), 1))
    logger.log_skip(DAY, "paper", "nothing was good enough")
    report = logger.generate_daily_report(DAY)
    assert "The nearest miss was at 09:38:00" in words(report)
    assert "Highest +$900.00 (09:36), lowest +$5.00 (09:39), last +$5.00 (09:39); 1 value not" in (
        words(report)
    )


def test_a_decision_to_trade_of_which_nothing_came_is_no_near_miss(
    ledger: Ledger, logger: ResultsLogger
) -> None:
    ledger.decide(a_decision())
    ledger.event("risk", "Risk says no: the day's loss is known to be too large.")
    text = words(logger.generate_daily_report(DAY))
    assert "At 09:35:00 the decision was to trade, and no trade came of it" in text
    assert "Risk says no: the day's loss" in text


# Results and charts.


def test_the_pnl_over_the_day_runs_from_entry_to_exit(
    ledger: Ledger, logger: ResultsLogger
) -> None:
    open_a_spread(ledger, logger)
    for minute, pnl in ((40, -50.0), (45, 700.0), (50, None)):
        ledger.check(moment(9, minute), pnl, text="hold")
    close_it(ledger, logger, moment(9, 55))
    report = logger.generate_daily_report(DAY)
    told = "Highest +$700.00 (09:45), lowest -$50.00 (09:40), last +$474.85 (09:55); 2 values not"
    assert told in words(report)
    assert "marked: entry at 09:35, exit at 09:55" in words(report)
    assert told in Page(report.html).words


def test_the_pnl_of_several_spreads_is_their_sum_and_stays_the_result_of_what_is_closed(
    ledger: Ledger, logger: ResultsLogger
) -> None:
    for number in (1, 2):
        open_a_spread(ledger, logger, number)
        ledger.check(moment(10), 100.0 * number, text="hold", spread_no=number)
    close_it(ledger, logger, moment(11))
    ledger.check(moment(12), -1000.0, text="hold", spread_no=2)
    text = words(logger.generate_daily_report(DAY))
    # 474.85 is sure, and the second spread stands at -1000.
    assert "Highest +$674.85 (11:00), lowest -$525.15 (12:00), last -$525.15 (12:00)" in text
    assert "entry of 1 at 09:35, entry of 2 at 09:35, exit of 1 at 11:00" in text


def test_the_month_to_date_leaves_out_other_months_and_other_modes(
    ledger: Ledger, logger: ResultsLogger
) -> None:
    write_long_record(ledger.connection, [date(2026, 1, 5), date(2026, 1, 6)])
    write_long_record(ledger.connection, [date(2026, 1, 7)], "live")
    write_long_record(ledger.connection, [date(2025, 12, 31)])
    open_a_spread(ledger, logger)
    close_it(ledger, logger, moment(15, 45))
    # 474.85 of this day, and -287.63 of the fifth.
    assert ("January to date (mode paper only): +$187.22, 2 trades on 2 of 3 sessions.") in words(
        logger.generate_daily_report(DAY)
    )


def test_the_results_of_the_last_sessions_are_added_up_from_nothing(
    ledger: Ledger, logger: ResultsLogger
) -> None:
    write_long_record(ledger.connection, weekdays(date(2025, 10, 1), 60), every=1)
    logger.log_skip(DAY, "paper", "nothing")
    text = words(logger.generate_daily_report(DAY))
    assert "Results added up, dollars: the last 30 sessions (mode paper)" in text
    levels = ledger.connection.execute(
        "SELECT round(sum(total_pnl), 2) FROM (SELECT total_pnl FROM daily_summary"
        " WHERE mode = 'paper' ORDER BY date DESC LIMIT 30)"
    ).fetchone()[0]
    assert f"last +${levels:,.2f} (2026-01-26)" in text


def test_a_day_that_is_not_over_says_so(ledger: Ledger, logger: ResultsLogger) -> None:
    day = date(2026, 1, 27)
    ledger.begin(day, phase="holding")
    text = words(logger.generate_daily_report(day))
    assert "The day is NOT COMPLETE: no trade so far." in text
    assert "The record ends in the phase 'holding'" in text
    ledger.open_reference_spread()
    logger.log_trade(a_position(day=day), a_decision(day=day), "paper")
    text = words(logger.generate_daily_report(day))
    assert "NOT COMPLETE: 1 trade so far, 1 still open, the closed ones at +$0.00." in text


def test_of_many_checks_those_that_tell_something_are_listed(
    ledger: Ledger, logger: ResultsLogger
) -> None:
    open_a_spread(ledger, logger)
    for minute in range(40, 400, 5):
        ledger.check(moment(9 + minute // 60, minute % 60), float(minute), text="hold")
    ledger.check(moment(15, 40), None, text="hold (no current quote)")
    report = logger.generate_daily_report(DAY)
    # Seven hours begin, 09:40 is the lowest too, 15:35 the highest, and one is not known.
    assert "9 of 73 checks" in words(report)
    assert report.markdown.count(" | hold |") == 8
    assert "| unknown | none | hold (no current quote) |" in report.markdown


def test_a_day_of_five_spreads_is_told_in_a_page_that_no_mail_program_cuts_off(
    ledger: Ledger, logger: ResultsLogger
) -> None:
    ledger.decide(a_decision())
    for number in range(1, 6):
        open_a_spread(ledger, logger, number)
        for minute in range(40, 400, 5):
            at = moment(9 + minute // 60, minute % 60)
            ledger.check(at, minute - 100.0 * number, text="hold", spread_no=number)
        ledger.settle("spy", -10, "-5640.00", shares=-1000, close=605.64, spread_no=number)
        ledger.settle("spx", 1, "5000.00", close=6050.0, spread_no=number)
        ledger.alert(f"Assigned {number}", "1,000 SPY shares short. ACT before the next open.")
    logger.update_final_pnl(DAY, "paper", moment(16, 20))
    report = logger.generate_daily_report(DAY)
    assert "5 trades, result -$10.75, each ended because it was held to the end" in words(report)
    assert "short 5,000 SPY shares" in words(report)
    # Gmail shows the first 102 kB of a message.
    assert len(report.html.encode()) < 102_000
    assert max(map(len, report.text.splitlines())) <= 80


def test_the_page_says_what_the_text_says(ledger: Ledger, logger: ResultsLogger) -> None:
    ledger.decide(a_decision())
    open_a_spread(ledger, logger)
    ledger.check(moment(10), 12.5, text="hold <b>")
    ledger.alert("Opened", "1 spread & <credit> $637.85")
    ledger.event("alert", "The account cannot be read: <nobody> answers.")
    close_it(ledger, logger, moment(15, 45))
    report = logger.generate_daily_report(DAY)
    page = assert_mail_programs_show_it(report.html)
    plain = words(report)
    for told in (
        "1 trade, result +$474.85",
        "entry credit 637.85 - exit cost 163.00 = result +$474.85",
        "January to date (mode paper only): +$474.85",
        "Slippage: entry +$0.00, exit -$23.00",
    ):
        assert told in plain
        assert told in page.words
    for told in ("1 spread & <credit> $637.85", "<nobody> answers.", "hold <b>"):
        assert told in page.words


# Warnings.


def test_an_alert_that_has_its_message_is_not_told_twice(
    ledger: Ledger, logger: ResultsLogger
) -> None:
    ledger.alert("Order refused", "margin")
    ledger.event("alert", "ALERT. Order refused: margin")
    ledger.event("control", "The mode is now halt.")
    ledger.event("difference", "the broker holds 10 more")
    ledger.event("difference", "")
    ledger.event("fill", "Fill found at the broker.")
    markdown = logger.generate_daily_report(DAY).markdown
    assert markdown.count("margin") == 1
    assert "| 10:00:00 | control | The mode is now halt. |" in markdown
    assert markdown.count("| difference |") == 1
    assert "Fill found" not in markdown


# What comes.

NEXT = date(2026, 1, 27)


def tells(ledger: Ledger, folder: Path, day: date = NEXT, *, close: int = 16) -> str:
    session = Session(day, moment(9, 30, day=day), moment(close, day=day))

    def coming(after: date) -> ComingSession:
        assert after == DAY
        return coming_session(session, Settings.defaults())

    return words(ResultsLogger(ledger.connection, folder, coming).generate_daily_report(DAY))


def test_the_next_session_is_told_with_its_hours_and_what_the_program_will_do(
    ledger: Ledger, tmp_path: Path
) -> None:
    text = tells(ledger, tmp_path)
    assert "The next session -" in text
    assert "Tuesday 27 January 2026: 09:30 to 16:00 ET." in text
    assert "The program will look for an entry from 09:35 to 10:00 ET, if it is started" in text
    assert "dividend" not in text


def test_after_a_simulated_day_nothing_is_promised_for_the_next_session(tmp_path: Path) -> None:
    ledger = Ledger(mode="demo")
    text = tells(ledger, tmp_path)
    assert "Tuesday 27 January 2026: 09:30 to 16:00 ET. This day is simulated" in text
    assert "will look for an entry" not in text
    ledger.connection.close()


def test_on_a_half_day_the_program_opens_nothing_by_its_default(
    ledger: Ledger, tmp_path: Path
) -> None:
    text = tells(ledger, tmp_path, close=13)
    assert "27 January 2026, a half day: 09:30 to 13:00 ET." in text
    assert "will open nothing: strategy.trade_half_days is off." in text


def test_a_halt_is_told_with_the_next_session(ledger: Ledger, tmp_path: Path) -> None:
    ledger.control(3, "holidays", DAY)
    text = tells(ledger, tmp_path)
    assert "The program will open nothing: the mode is halt (set by a person" in text
    assert "holidays), until somebody lifts it." in text


def test_a_halt_file_is_told_with_the_next_session(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "HALT").touch()
    assert "the mode is halt (set by a file" in tells(ledger, tmp_path)


def test_a_wish_for_the_next_session_alone_is_told_as_such(ledger: Ledger, tmp_path: Path) -> None:
    ledger.control(1, "a trip")
    text = tells(ledger, tmp_path)
    assert "The program will open nothing: the mode is reduce-only (set by a person" in text
    assert "lifts it" not in text


def test_a_mode_that_ends_with_its_session_says_nothing_of_the_next(
    ledger: Ledger, tmp_path: Path
) -> None:
    ledger.control(2, "enough for today", DAY)
    assert "will look for an entry" in tells(ledger, tmp_path)


def test_a_day_that_is_long_past_says_nothing_of_the_session_after_it(
    ledger: Ledger, tmp_path: Path
) -> None:
    ledger.begin(date(2026, 1, 28))
    assert "The next session" not in tells(ledger, tmp_path)


@pytest.mark.parametrize(
    ("session", "told"),
    [
        (date(2026, 3, 13), "SPY's next ex-dividend date is Friday 2026-03-20"),
        (date(2026, 3, 20), "SPY is quoted without its dividend"),
    ],
)
def test_an_ex_dividend_date_that_is_near_is_told(session: date, told: str, tmp_path: Path) -> None:
    ledger = Ledger()
    assert told in tells(ledger, tmp_path, session)
    ledger.connection.close()
