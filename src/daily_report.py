"""The report of one day, for a person who was asleep: what happened, why, and what is left to do.

Everything is told from what the database holds; what it does not know is called unknown.
"""

from collections.abc import Iterable
from decimal import Decimal

from src.coming_session import ComingSession, dividend_near, hours, plan
from src.control import ControlRule
from src.dividends import load_dividends
from src.report_decision import (
    credit_source_blocks,
    decision_blocks,
    exercise_blocks,
    why_no_trade_blocks,
)
from src.report_files import WrittenReport
from src.report_layout import Alarm, Block, Heading, Lead, Paragraph, Table
from src.report_records import DayFacts
from src.report_series import SESSIONS, cumulative_chart, day_chart, month_of
from src.report_trades import (
    checks_blocks,
    fills_blocks,
    orders_blocks,
    result_blocks,
    settlement_blocks,
    total,
    why_closed_blocks,
)
from src.words import EXIT_WORDS, SIMULATED, clock, count, label, money

DailyReport = WrittenReport
"""What `ResultsLogger.generate_daily_report` returns."""


def compose(
    day: DayFacts, coming: ComingSession | None = None, rule: ControlRule | None = None
) -> list[Block]:
    """Return the report of a day as headings, paragraphs, tables and charts.

    `coming` is the next session, None where that is not known; `rule` is the mode that forbids
    opening anything then, None where nothing does.
    """
    return [
        *_headline(day),
        *_results(day),
        *why_closed_blocks(day),
        *why_no_trade_blocks(day),
        *decision_blocks(day),
        *credit_source_blocks(day),
        *exercise_blocks(day),
        *orders_blocks(day),
        *fills_blocks(day),
        *checks_blocks(day),
        *settlement_blocks(day),
        *_warnings(day),
        *_messages(day),
        *_statistics(day),
        *_tomorrow(day, coming, rule),
    ]


def headline(day: DayFacts) -> str:
    """Return the day in one sentence: traded or not, the result to the cent, and why."""
    if not day.is_complete:
        return f"The day is NOT COMPLETE: {_so_far(day)}"
    return _in_short(day)


def _in_short(day: DayFacts) -> str:
    if not day.trades:
        return f"No trade: {day.skip_reason or 'no reason was recorded'}."
    trades = count(len(day.trades), "trade")
    if any(trade["final_pnl"] is None for trade in day.trades):
        return f"{trades}, result NOT FINAL: contracts are still held or not settled."
    words = {EXIT_WORDS.get(trade["exit_reason"] or "", "") for trade in day.trades}
    why = words.pop() if len(words) == 1 else ""
    each = "each " if len(day.trades) > 1 else ""
    because = f", {each}ended because {why}" if why else ""
    return f"{trades}, result {money(total(day))}{because}."


def _so_far(day: DayFacts) -> str:
    if not day.trades:
        return "no trade so far."
    known = [trade["final_pnl"] for trade in day.trades if trade["final_pnl"] is not None]
    opened = len(day.trades) - len(known)
    closed = Decimal(str(round(sum(known), 2)))
    return (
        f"{count(len(day.trades), 'trade')} so far, {opened} still open, "
        f"the closed ones at {money(closed)}."
    )


def _headline(day: DayFacts) -> Iterable[Block]:
    yield Heading(f"Daily report, {day.session:%A} {day.session.day} {day.session:%B %Y}")
    yield Lead(headline(day), label(day.mode))
    if not day.is_complete:
        yield Alarm(
            f"The record ends in the phase '{day.phase}': the program is still at work, or was "
            "interrupted. Start it again to bring the day to its end."
        )
    shares = sum(trade["assigned_shares"] for trade in day.trades)
    if shares:
        yield Alarm(
            f"ASSIGNED: the account is {'short' if shares < 0 else 'long'} {abs(shares):,} SPY "
            "shares. Deal with this stock position before the next open. The result above values "
            "the shares at the close; what they really trade for comes on top."
        )
    yield Paragraph(f"Quotes: {day.source or 'unknown'}. All times are New York time.")
    if day.notes:
        yield Paragraph(f"Notes: {day.notes}")


def _results(day: DayFacts) -> Iterable[Block]:
    yield Heading("Result")
    yield from result_blocks(day)
    if not day.trades:
        yield Paragraph("Nothing was traded, so the day has no result.")
    yield Paragraph(_month_to_date(day))
    if chart := day_chart(day):
        yield chart
    last = day.history[-SESSIONS:]
    title = f"Results added up, dollars: the last {count(len(last), 'session')} (mode {day.mode})"
    if chart := cumulative_chart(last, title):
        yield chart


def _month_to_date(day: DayFacts) -> str:
    rows = month_of(day.session, day.history)
    trades = sum(row["trades_count"] for row in rows)
    traded = sum(1 for row in rows if row["trades_count"])
    cents = sum(round(100 * row["total_pnl"]) for row in rows)
    open_ones = sum(1 for trade in day.trades if trade["final_pnl"] is None)
    without = (
        f", without {count(open_ones, 'trade')} of today that is not final" if open_ones else ""
    )
    return (
        f"{day.session:%B} to date (mode {day.mode} only): {money(Decimal(cents) / 100)}, "
        f"{count(trades, 'trade')} on {traded} of {count(len(rows), 'session')}{without}."
    )


def _warnings(day: DayFacts) -> Iterable[Block]:
    if not day.warnings:
        return
    yield Heading("Warnings")
    yield Table(
        ("time", "kind", "what"),
        [(clock(each["at"]), each["kind"], each["text"]) for each in day.warnings],
    )


def _messages(day: DayFacts) -> Iterable[Block]:
    yield Heading("Messages")
    if not day.notifications:
        yield Paragraph("None.")
        return
    unsent = "simulated" if day.mode in SIMULATED else "not yet"
    yield Table(
        ("time", "message", "delivered"),
        [
            (
                clock(each["at"]),
                f"{each['title']}: {each['text']}",
                clock(each["delivered_at"]) if each["delivered_at"] else unsent,
            )
            for each in day.notifications
        ],
    )


def _statistics(day: DayFacts) -> Iterable[Block]:
    yield Heading(f"Statistics to date (mode {day.mode} only)")
    figures = day.statistics
    if not figures.trades:
        yield Paragraph("No finished trade yet.")
        return
    factor = figures.profit_factor
    yield Table(
        ("figure", "value"),
        [
            ("finished trades", str(figures.trades)),
            ("win rate", f"{figures.win_rate:.1%}"),
            ("total", money(figures.total)),
            ("average", money(figures.average)),
            ("best", money(figures.best)),
            ("worst", money(figures.worst)),
            ("deepest fall of the total", money(figures.max_drawdown).lstrip("+")),
            ("won over lost dollars", "no loss yet" if factor is None else f"{factor:.2f}"),
            *(
                (f"ended by {reason or 'unknown'}: {part.trades}", money(part.total))
                for reason, part in figures.by_reason.items()
            ),
        ],
        frozenset({"value"}),
    )


def _tomorrow(
    day: DayFacts, coming: ComingSession | None, rule: ControlRule | None
) -> Iterable[Block]:
    if coming is None:
        return
    yield Heading("The next session")
    simulated = "This day is simulated: another one is played whenever somebody asks for it."
    yield Paragraph(f"{hours(coming)} {simulated if day.mode in SIMULATED else plan(coming, rule)}")
    if dividend := dividend_near(day.session, coming, load_dividends()):
        yield Paragraph(dividend)
