import sqlite3
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest

from src.database import open_database
from src.models import ExitReason
from src.period_figures import PeriodFigures, as_json, edge, period_figures, without_numbers
from src.period_report import compose_period, edge_words
from src.report_html import as_html
from src.report_layout import Lead, Paragraph, as_markdown, as_text
from src.report_records import PeriodFacts, read_period
from src.results_logger import ResultsLogger
from tests.fakes.ledger import DAY, Ledger, a_decision, a_position, moment
from tests.fakes.long_record import result_cents, weekdays, write_long_record
from tests.fakes.pages import assert_mail_programs_show_it

JUNE = weekdays(date(2026, 6, 1), 22)


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    connection = open_database(None)
    yield connection
    connection.close()


def facts_of(connection: sqlite3.Connection, first: date, last: date) -> PeriodFacts:
    (facts,) = read_period(connection, first, last)
    return facts


def june(connection: sqlite3.Connection) -> PeriodFigures:
    write_long_record(connection, JUNE)
    return period_figures(facts_of(connection, JUNE[0], JUNE[-1]))


def text_of(connection: sqlite3.Connection, first: date, last: date) -> str:
    blocks = compose_period(first, last, read_period(connection, first, last))
    assert max(map(len, as_text(blocks).splitlines())) <= 80
    page = assert_mail_programs_show_it(as_html(blocks))
    text = " ".join(as_text(blocks).split())
    for block in blocks:
        if isinstance(block, Lead | Paragraph):
            assert block.text in text
            assert block.text in page.words
    return text


def test_a_range_is_counted_to_the_cent(connection: sqlite3.Connection) -> None:
    figures = june(connection)
    results = [result_cents(number) for number in range(0, 22, 2)]
    assert (figures.sessions, figures.traded, figures.trades) == (22, 11, 11)
    assert figures.statistics.total == Decimal(sum(results)) / 100
    assert figures.statistics.wins == sum(1 for cents in results if cents > 0)
    assert figures.fees == Decimal("4.30") * 11
    assert figures.best is not None
    assert figures.best.total == Decimal(max(results)) / 100
    assert figures.worst is not None
    assert figures.worst.total == Decimal(min(results)) / 100


def test_slippage_is_added_up_over_a_range(connection: sqlite3.Connection) -> None:
    figures = june(connection)
    # Ten SPY calls sold a cent below the bid, and bought back a cent above the first limit.
    assert figures.entry_slippage == Decimal("-10.00") * 11
    assert figures.exit_slippage == Decimal("-10.00") * 11
    assert figures.slippage == Decimal("-20.00") * 11
    assert figures.unpriced == 0


def test_the_days_outside_a_range_do_not_count(connection: sqlite3.Connection) -> None:
    write_long_record(connection, JUNE)
    figures = period_figures(facts_of(connection, JUNE[2], JUNE[2]))
    assert figures.sessions == 1
    assert figures.statistics.total == Decimal(result_cents(2)) / 100


def test_equal_reasons_are_one_whatever_their_numbers(connection: sqlite3.Connection) -> None:
    assert june(connection).reasons == {"in ... looks the best expected profit was ...": 11}
    assert without_numbers("ratio 10.0503 (+12.5 bp), limit $1,400.00") == (
        "ratio ... (...), limit ..."
    )


def test_two_modes_are_two_sections_and_are_never_added_together(
    connection: sqlite3.Connection,
) -> None:
    write_long_record(connection, JUNE[:4], "paper", every=1)
    write_long_record(connection, JUNE[4:5], "live", every=1)
    text = text_of(connection, JUNE[0], JUNE[-1])
    paper = sum(result_cents(number) for number in range(4)) / 100
    assert f"4 sessions, 4 of them traded: 4 trades, result -${-paper:,.2f}." in text
    assert "1 session, 1 of them traded: 1 trade, result -$287.63." in text
    assert "never added together: live, paper" in text
    assert "live account, real money" in text
    assert "paper account, SIMULATED fills" in text


def test_an_empty_range_says_so_and_where_something_is(connection: sqlite3.Connection) -> None:
    blocks = compose_period(DAY, DAY, read_period(connection, DAY, DAY), "look elsewhere")
    assert "No session was recorded in this range: look elsewhere." in as_text(blocks)
    assert "look elsewhere" in as_html(blocks)
    assert "look elsewhere" in as_markdown(blocks)


def test_a_range_without_a_trade_has_no_figures_of_trades(connection: sqlite3.Connection) -> None:
    write_long_record(connection, JUNE[1:2], every=2)
    connection.execute("DELETE FROM trades")
    connection.execute("UPDATE daily_summary SET trades_count = 0, skip_reason = 'a holiday mood'")
    text = text_of(connection, JUNE[0], JUNE[-1])
    assert "1 session, and no trade on any of them." in text
    assert "a holiday mood" in text
    assert "slippage" not in text


def test_a_trade_without_a_result_counts_nowhere_else(connection: sqlite3.Connection) -> None:
    write_long_record(connection, JUNE[:1])
    connection.execute("UPDATE trades SET final_pnl = NULL, exit_reason = NULL")
    connection.execute("UPDATE daily_summary SET total_pnl = 0")
    figures = period_figures(facts_of(connection, JUNE[0], JUNE[0]))
    assert (figures.open_trades, figures.statistics.trades, figures.best) == (1, 0, None)
    text = text_of(connection, JUNE[0], JUNE[0])
    assert "1 trade, result +$0.00; 1 trade NOT FINAL." in text
    assert "of them without a result yet 1" in text


def test_adopted_trades_have_no_expectation_and_no_quotes(connection: sqlite3.Connection) -> None:
    write_long_record(connection, JUNE[:1])
    connection.execute("UPDATE trades SET expected_profit = NULL, spy_bid = NULL, spx_ask = NULL")
    figures = period_figures(facts_of(connection, JUNE[0], JUNE[0]))
    assert figures.edge is None
    assert figures.entry_slippage is None
    assert figures.unpriced == 2
    text = text_of(connection, JUNE[0], JUNE[0])
    assert "slippage at entries, against the decision not recorded" in text


def test_days_with_warnings_and_with_differences_are_named() -> None:
    ledger = Ledger()
    logger = ResultsLogger(ledger.connection, None)  # type: ignore[arg-type]  # writes no file
    logger.log_skip(DAY, "paper", "nothing")
    ledger.event("alert", "ALERT. Record and broker differ: 10 calls")
    ledger.event("difference", "10 calls")
    ledger.event("difference", "")
    ledger.begin(date(2026, 1, 27), phase="holding")
    ledger.event("difference", "")
    facts = facts_of(ledger.connection, DAY, date(2026, 1, 27))
    figures = period_figures(facts)
    assert figures.warned == figures.differed == (str(DAY),)
    assert figures.unfinished == ("2026-01-27",)
    text = text_of(ledger.connection, DAY, date(2026, 1, 27))
    assert "NOT COMPLETE: 1 day (2026-01-27)." in text
    assert "Record and broker differed on 1 day (2026-01-26)." in text
    ledger.connection.close()


def test_assigned_shares_are_told_of_a_range() -> None:
    ledger = Ledger()
    logger = ResultsLogger(ledger.connection, None)  # type: ignore[arg-type]  # writes no file
    ledger.open_reference_spread()
    logger.log_trade(a_position(), a_decision(), "paper")
    ledger.settle("spy", -10, "-5640.00", shares=-1000, close=605.64)
    ledger.settle("spx", 1, "5000.00", close=6050.0)
    logger.update_final_pnl(DAY, "paper", moment(16, 20))
    text = text_of(ledger.connection, DAY, DAY)
    assert "SPY shares left by assignments -1,000" in text
    assert ExitReason.EXPIRED in text
    ledger.connection.close()


@pytest.mark.parametrize(
    ("gains", "told"),
    [
        ([10.0] * 29, "With fewer than 30 trades nothing follows from that."),
        ([10.0, -10.0] * 15, "within two standard errors: the expectation is not refuted."),
        ([100.0, 101.0] * 15, "beyond two standard errors: the expectation was off."),
    ],
)
def test_what_follows_from_expected_profit_depends_on_how_many_trades_there_are(
    gains: list[float], told: str
) -> None:
    known = edge([(400.0, 400.0 + gain) for gain in gains])
    assert known is not None
    assert known.n == len(gains)
    assert told in edge_words(known)


def test_one_trade_has_no_standard_error() -> None:
    known = edge([(400.0, 100.0)])
    assert known is not None
    assert known.error is None
    assert "Over 1 trade the decisions expected +$400.00" in edge_words(known)


@pytest.mark.parametrize(
    ("sessions", "by"), [(40, "Day by day"), (41, "By the month"), (1000, "By the year")]
)
def test_a_long_range_is_told_by_longer_spans(
    connection: sqlite3.Connection, sessions: int, by: str
) -> None:
    days = weekdays(date(2020, 1, 1), sessions)
    write_long_record(connection, days)
    assert by in text_of(connection, days[0], days[-1])


def test_the_figures_for_other_programs_are_the_figures_of_the_page(
    connection: sqlite3.Connection,
) -> None:
    write_long_record(connection, JUNE)
    facts = facts_of(connection, JUNE[0], JUNE[-1])
    told = as_json(facts, period_figures(facts))
    assert told["result"] == sum(day["result"] for day in told["days"]).__round__(2)
    assert told["sessions"] == len(told["days"]) == 22
    assert told["slippage"] == -220.0
    assert told["expected_against_result"]["n"] == 11
    assert told["worst_day"] == {"date": "2026-06-01", "result": -287.63}
    by_reason = told["by_exit_reason"].values()
    assert sum(part["trades"] for part in by_reason) == told["trades"]
