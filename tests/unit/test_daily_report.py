import re
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from src.daily_report import DailyReport
from src.database import open_database
from src.models import EntryDecision, ExitReason
from src.ports import MendInput
from src.report_layout import WIDTH, Alarm, Block, Heading, Paragraph, Table, as_markdown, as_text
from src.results_logger import ResultsLogger
from src.settings import Settings
from src.strategy_engine import Capacity, should_enter_trade
from src.words import EXIT_WORDS, money
from tests.fakes.builders import a_session, a_setup
from tests.fakes.ledger import DAY, Ledger, a_decision, a_position, moment, without_setup


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    ledger = Ledger()
    yield ledger
    ledger.connection.close()


@pytest.fixture
def logger(ledger: Ledger, tmp_path: Path) -> ResultsLogger:
    return ResultsLogger(ledger.connection, tmp_path)


def a_traded_day(ledger: Ledger, logger: ResultsLogger, mode: str = "paper") -> None:
    ledger.decide(a_decision())
    ledger.open_reference_spread()
    logger.log_trade(a_position(), a_decision(), mode)


def an_assigned_day(ledger: Ledger, logger: ResultsLogger) -> DailyReport:
    a_traded_day(ledger, logger)
    ledger.check(moment(9, 40), 12.5, text="SPY 600.50, no signal")
    ledger.check(moment(9, 45), None, text="SPXW has no bid")
    ledger.settle("spy", -10, "-5640.00", shares=-1000, close=605.64)
    ledger.settle("spx", 1, "5000.00", close=6050.0)
    ledger.alert("Opened", "1 spread, credit $637.85", delivered=moment(9, 36))
    ledger.alert("Assigned", "1,000 SPY shares short")
    logger.update_final_pnl(DAY, "paper", moment(16, 20))
    return logger.generate_daily_report(DAY)


def words(text: str) -> str:
    """The same text with every run of blanks as one, so that wrapping does not matter."""
    return " ".join(text.replace("!!", "").split())


def test_a_report_is_written_as_text_as_markdown_and_as_a_page(
    ledger: Ledger, logger: ResultsLogger, tmp_path: Path
) -> None:
    report = an_assigned_day(ledger, logger)
    assert report.paths == (
        tmp_path / "reports" / "2026-01-26.txt",
        tmp_path / "reports" / "2026-01-26.md",
        tmp_path / "reports" / "2026-01-26.html",
    )
    assert report.paths[0].read_text(encoding="utf-8") == report.text
    assert report.paths[1].read_text(encoding="utf-8") == report.markdown
    assert report.paths[2].read_text(encoding="utf-8") == report.html
    assert sorted((tmp_path / "reports").iterdir()) == sorted(report.paths)


def test_writing_a_report_twice_gives_the_same(ledger: Ledger, logger: ResultsLogger) -> None:
    assert an_assigned_day(ledger, logger) == logger.generate_daily_report(DAY)


def test_the_headline_tells_the_result_to_the_cent_and_that_it_is_simulated(
    ledger: Ledger, logger: ResultsLogger
) -> None:
    text = an_assigned_day(ledger, logger).text
    assert text.startswith("Daily report, Monday 26 January 2026\n")
    assert "1 trade, result -$2.15, ended because it was held to the end" in words(text)
    assert "settled. (paper account, SIMULATED fills" in words(text)


@pytest.mark.parametrize(
    ("mode", "label"),
    [
        ("demo", "SIMULATED market and fills"),
        ("replay", "recorded market, SIMULATED fills"),
        ("paper", "SIMULATED fills"),
        ("backtest", "SIMULATED (backtest)"),
        ("live", "live account, real money"),
    ],
)
def test_only_a_live_result_is_called_real(mode: str, label: str, tmp_path: Path) -> None:
    ledger = Ledger(mode=mode)
    report = ResultsLogger(ledger.connection, tmp_path).generate_daily_report(DAY)
    ledger.connection.close()
    assert label in report.text
    assert ("SIMULATED" in report.text) == (mode != "live")


def test_assigned_shares_are_bold_and_must_be_dealt_with_before_the_next_open(
    ledger: Ledger, logger: ResultsLogger
) -> None:
    report = an_assigned_day(ledger, logger)
    (bold,) = re.findall(r"\*\*(ASSIGNED: .*)\*\*", report.markdown)
    assert "short 1,000 SPY shares" in bold
    assert "before the next open" in bold
    assert "!!  ASSIGNED" in report.text


def test_a_day_without_assignment_warns_of_late_exercise_only(
    ledger: Ledger, logger: ResultsLogger
) -> None:
    a_traded_day(ledger, logger)
    ledger.settle("spy", -10, "0", close=599.95)
    ledger.settle("spx", 1, "0", close=5999.5)
    logger.update_final_pnl(DAY, "paper", moment(16, 20))
    text = logger.generate_daily_report(DAY).text
    assert "ASSIGNED" not in text
    assert "can still be exercised until 17:30" in words(text)


def test_the_equation_of_credit_cost_and_result_is_shown_with_its_fees(
    ledger: Ledger, logger: ResultsLogger
) -> None:
    text = words(an_assigned_day(ledger, logger).text)
    assert "entry credit 637.85 - exit cost 640.00 = result -$2.15; fees of 2.15" in text


def test_the_decision_is_shown_with_every_rule_its_number_and_its_limit(
    ledger: Ledger, logger: ResultsLogger
) -> None:
    report = an_assigned_day(ledger, logger)
    assert "| entry window | yes | 09:35:00 | 09:35 to 15:00 |" in report.markdown
    assert "| expected profit | yes | $637.85 | above $400 |" in report.markdown
    assert "Sell 10 SPY 600 calls, buy 1 SPXW 6000 call." in words(report.text)
    assert "SPY call 2.98 x 3.02, SPXW call 23.00 x 23.40" in words(report.text)


def test_the_moment_that_traded_is_shown_even_if_another_promised_more(
    ledger: Ledger, logger: ResultsLogger
) -> None:
    ledger.decide(a_decision(at=moment(9, 36), should_trade=False, profit=900.0, seen="$900"))
    a_traded_day(ledger, logger)
    text = words(logger.generate_daily_report(DAY).text)
    assert "At 09:35:00: TRADE (2 moments judged in all)." in text
    assert "$900" not in text


def test_without_a_trade_the_nearest_miss_and_the_reason_are_shown(
    ledger: Ledger, logger: ResultsLogger
) -> None:
    ledger.decide(without_setup(a_decision(at=moment(9, 34), should_trade=False, seen="?")))
    ledger.decide(a_decision(at=moment(9, 36), should_trade=False, profit=80.0, seen="$80"))
    ledger.decide(a_decision(at=moment(9, 37), should_trade=False, profit=12.0, seen="$12"))
    logger.log_skip(DAY, "paper", "expected profit: $12 (limit $400)")
    report = logger.generate_daily_report(DAY)
    assert "No trade: expected profit: $12 (limit $400)" in words(report.text)
    assert "At 09:36:00: NO TRADE; the nearest miss was this one" in words(report.text)
    assert "| expected profit | NO | $80 | above $400 |" in report.markdown
    assert "Nothing was traded, so the day has no result." in report.text


def test_the_part_of_the_credit_that_pays_for_a_strike_gap_is_named(
    ledger: Ledger, logger: ResultsLogger
) -> None:
    ledger.decide(a_decision(spx_strike=6005, profit=387.85))
    report = logger.generate_daily_report(DAY)
    assert "| quoted credit, net of the entry fees | +$637.85 |" in report.markdown
    # SPX 6005 less 10.0 x 600 is 5 points too high.
    assert "| payment for a strike gap of +5.00 SPX points, about | +$250.00 |" in report.markdown
    assert "| the rest, called expected profit | +$387.85 |" in report.markdown
    assert "not wholly hedged" in words(report.text)


def a_priced_decision(*, at: datetime | None = None) -> EntryDecision:
    """The worked example as it is judged today, on a day whose ratio is expected at 10."""
    when = at or moment(9, 41)
    day = when.date()
    settings = Settings.defaults().changed("strategy.ratio_gate_unsure_bp=100")
    return should_enter_trade(
        a_setup(when=when),
        now=when,
        session=a_session(day=day),
        capacity=Capacity(0, Decimal(100_000), Decimal(100_000)),
        settings=settings,
    )


def test_where_the_credit_comes_from_is_told_line_by_line(
    ledger: Ledger, logger: ResultsLogger
) -> None:
    ledger.decide(a_priced_decision())
    markdown = logger.generate_daily_report(DAY).markdown
    for row in (
        "| pay for what SPY may do between 16:00 and 17:30 | +$199.81 |",
        "| the rest of the gap between the volatilities | +$480.19 |",
        "| paid to trade at bid and ask instead of between them | -$40.00 |",
        "| fees of opening | -$2.15 |",
        "| CREDIT, as quoted and net of fees | +$637.85 |",
        "| EDGE, the expected profit | +$411.77 |",
    ):
        assert row in markdown
    assert "**QUOTES THAT CANNOT BOTH BE TRUE: SPY's volatility is 19.8%" in markdown
    assert "Risk MEDIUM" in markdown


def test_what_an_assignment_would_mean_is_told_of_a_day_with_a_trade(
    ledger: Ledger, logger: ResultsLogger
) -> None:
    decision = a_priced_decision()
    ledger.decide(decision)
    assert "If the calls are exercised" not in logger.generate_daily_report(DAY).text
    ledger.open_reference_spread()
    logger.log_trade(a_position(), decision, "paper")
    told = words(logger.generate_daily_report(DAY).text)
    for part in (
        "none is exercised before its end",
        "short 1,000 SPY shares, sold at 600: $600,000 of stock",
        "With SPY between 598.50 and 601.50 at the close",
    ):
        assert part in told


@pytest.mark.parametrize(
    ("reason", "is_told"), [(ExitReason.PRE_EXPIRATION, False), (ExitReason.EXPIRED, True)]
)
def test_what_an_assignment_would_mean_is_not_told_of_calls_that_were_bought_back(
    ledger: Ledger, logger: ResultsLogger, reason: ExitReason, *, is_told: bool
) -> None:
    decision = a_priced_decision()
    ledger.decide(decision)
    ledger.open_reference_spread()
    logger.log_trade(a_position(), decision, "paper")
    logger.log_exit(DAY, 1, reason, moment(15, 45))
    told = "If the calls are exercised" in logger.generate_daily_report(DAY).text
    assert told is is_told


def test_a_moment_without_a_setup_has_no_credit_to_explain(
    ledger: Ledger, logger: ResultsLogger
) -> None:
    ledger.decide(without_setup(a_decision(should_trade=False)))
    assert "Where the credit comes from" not in logger.generate_daily_report(DAY).text


def test_orders_and_fills_are_listed_with_refusals_in_the_brokers_words(
    ledger: Ledger, logger: ResultsLogger
) -> None:
    ledger.order("spy", "sell", 10, "3.00", filled=0, note="403 margin | too small")
    a_traded_day(ledger, logger)
    markdown = logger.generate_daily_report(DAY).markdown
    assert (
        "| 09:35:10 | 1-spy-open-1 | sell 10 SPY260126C00600000 | 3.00 "
        "| refused: 403 margin \\| too small |"
    ) in markdown
    assert "| 09:35:10 | 1-spx-open-2 | +1 | 23.40 | 0.65 | -2,340.65 |" in markdown
    assert "| 09:35:10 | 1-spy-open-3 | -10 | 2.98 | 1.50 | 2,978.50 |" in markdown


def test_every_check_is_listed_and_a_result_that_was_not_known_is_unknown(
    ledger: Ledger, logger: ResultsLogger
) -> None:
    markdown = an_assigned_day(ledger, logger).markdown
    assert "| 09:40:00 | 1 | 600.50 | +$12.50 | none | SPY 600.50, no signal |" in markdown
    assert "| 09:45:00 | 1 | 600.50 | unknown | none | SPXW has no bid |" in markdown


def test_why_a_position_was_closed_is_told_with_the_signals_own_numbers(
    ledger: Ledger, logger: ResultsLogger
) -> None:
    a_traded_day(ledger, logger)
    ledger.check(moment(11), -1010.0, signal="MAX_LOSS", text="loss $1,010.00 (limit $1,000.00)")
    ledger.check(moment(12), -1.0, signal="MAX_LOSS", text="another spread", spread_no=2)
    ledger.order("spy", "buy", 10, "5.00", purpose="close")
    ledger.order("spx", "sell", 1, "33.00", purpose="close")
    logger.log_exit(DAY, 1, ExitReason.MAX_LOSS, moment(11, 0, 30))
    text = words(logger.generate_daily_report(DAY).text)
    assert "at 11:00:30: MAX_LOSS, the loss of the position reached its limit." in text
    assert "The signal: loss $1,010.00 (limit $1,000.00)" in text
    assert "The signal: another spread" not in text


def test_every_exit_reason_has_words() -> None:
    assert set(EXIT_WORDS) == set(ExitReason)


def test_a_position_that_is_still_held_has_no_result_yet(
    ledger: Ledger, logger: ResultsLogger
) -> None:
    a_traded_day(ledger, logger)
    logger.update_final_pnl(DAY, "paper", moment(16, 20))
    text = words(logger.generate_daily_report(DAY).text)
    assert "1 trade, result NOT FINAL: contracts are still held or not settled." in text
    assert "the exit cost is unknown while contracts are held" in text


def test_an_alert_that_reached_nobody_is_marked(ledger: Ledger, logger: ResultsLogger) -> None:
    markdown = an_assigned_day(ledger, logger).markdown
    assert "| 09:36:00 | Opened: 1 spread, credit $637.85 | 09:36:00 |" in markdown
    assert "| 09:36:00 | Assigned: 1,000 SPY shares short | not yet |" in markdown


def test_statistics_to_date_leave_out_later_days_and_other_modes(
    ledger: Ledger, logger: ResultsLogger
) -> None:
    an_assigned_day(ledger, logger)
    for day, mode in ((date(2026, 1, 23), "live"), (date(2026, 1, 27), "paper")):
        ledger.begin(day, mode)
        ledger.open_reference_spread()
        logger.log_trade(a_position(day=day), a_decision(day=day), mode)
        ledger.settle("spy", -10, "0")
        ledger.settle("spx", 1, "0")
        logger.update_final_pnl(day, mode, moment(16, 20, day=day))
    markdown = logger.generate_daily_report(DAY).markdown
    assert "Statistics to date (mode paper only)" in markdown
    assert "| finished trades | 1 |" in markdown
    assert "| total | -$2.15 |" in markdown
    assert "| deepest fall of the total | $2.15 |" in markdown


def test_no_line_of_the_text_is_wider_than_a_terminal(
    ledger: Ledger, logger: ResultsLogger
) -> None:
    ledger.order("spy", "sell", 10, "3.00", filled=0, note="margin is too small for this " * 5)
    ledger.alert("Order refused", "the broker answered with very many words " * 6)
    text = an_assigned_day(ledger, logger).text
    assert max(map(len, text.splitlines())) <= WIDTH == 80
    assert not re.search(r"[ \t]$", text, re.MULTILINE)


def test_a_day_of_which_nothing_is_known_is_refused_with_the_days_that_are(
    ledger: Ledger, logger: ResultsLogger
) -> None:
    an_assigned_day(ledger, logger)
    ledger.begin(date(2026, 2, 2))
    with pytest.raises(
        MendInput,
        match=r"from 2026-01-26 to 2026-02-02 \(the nearest to it: 2026-01-26 and 2026-02-02\)",
    ):
        logger.generate_daily_report(date(2026, 1, 28))


def test_before_the_first_day_there_is_nothing_to_report(tmp_path: Path) -> None:
    connection = open_database(None)
    with pytest.raises(MendInput, match="no day has been recorded yet"):
        ResultsLogger(connection, tmp_path).generate_daily_report(DAY)
    connection.close()


def test_a_report_that_cannot_be_written_names_its_file(
    logger: ResultsLogger, tmp_path: Path
) -> None:
    (tmp_path / "reports").write_text("mine", encoding="utf-8")
    with pytest.raises(MendInput, match=r"2026-01-26\.txt could not be written"):
        logger.generate_daily_report(DAY)


# The layout


def test_a_table_is_aligned_and_its_longest_column_wraps() -> None:
    table = Table(("n", "words"), [("1", "word " * 20), ("22", "-1.50")], frozenset({"n"}))
    lines = as_text([table]).splitlines()
    assert lines[0] == " n  words"
    assert lines[2] == " 1  " + ("word " * 15).strip()
    assert lines[3] == "    " + ("word " * 5).strip()
    assert lines[4] == "22  -1.50"


def test_markdown_shows_marks_of_other_peoples_text_as_they_are() -> None:
    blocks: list[Block] = [Heading("A"), Heading("B"), Paragraph("a *b* <i>c\nd"), Alarm("e | f")]
    assert as_markdown(blocks) == "# A\n\n## B\n\na \\*b\\* \\<i>c d\n\n**e \\| f**\n"


@pytest.mark.parametrize(
    ("amount", "told"),
    [
        (0.0, "+$0.00"),
        (-0.001, "+$0.00"),
        (-4992.15, "-$4,992.15"),
        (637.85, "+$637.85"),
        (None, "unknown"),
    ],
)
def test_a_result_is_told_with_its_sign(amount: float | None, told: str) -> None:
    assert money(amount) == told
