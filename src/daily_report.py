"""The report of one day, for a person who was asleep: what happened, why, and what is left to do.

Everything is told from what the database holds; what it does not know is called unknown.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from src.dividends import load_dividends
from src.explain import assignment_blocks, credit_blocks
from src.judgement import Valuation
from src.models import MULTIPLIER, ExitReason, Leg, Side, TradeSetup
from src.price_words import CONTRADICTION, risk_line, volatility_line
from src.report_layout import Alarm, Block, Heading, Paragraph, Table
from src.trade_statistics import Row, Statistics
from src.words import EXIT_WORDS, SIMULATED, cents, clock, count, label, money, plain

DOLLARS_PER_POINT = MULTIPLIER * 0.5
"""Apparent entry credit of one index point of strike gap, near the money, where no volatility was
recorded with a decision."""


@dataclass(frozen=True, slots=True)
class DayFacts:
    """All that the database knows of one session, rows in the order in which they happened.

    `decision` is `EntryDecision.to_dict()` of the moment that traded, or else of the best one,
    out of `moments` that were judged. `statistics` covers this mode only, up to this session.
    """

    session: date
    mode: str
    source: str
    skip_reason: str
    notes: str
    moments: int
    decision: Mapping[str, Any] | None
    trades: tuple[Row, ...]
    orders: tuple[Row, ...]
    fills: tuple[Row, ...]
    checks: tuple[Row, ...]
    settlements: tuple[Row, ...]
    notifications: tuple[Row, ...]
    statistics: Statistics


@dataclass(frozen=True, slots=True)
class DailyReport:
    """A report as it was written: plain text, the same as Markdown, and the two files."""

    text: str
    markdown: str
    paths: tuple[Path, Path]


def compose(day: DayFacts) -> list[Block]:
    """Return the report of a day as headings, paragraphs and tables."""
    return [
        *_headline(day),
        *_result(day),
        *_why_closed(day),
        *_decision(day),
        *_credit(day),
        *_exercise(day),
        *_orders(day),
        *_fills(day),
        *_checks(day),
        *_settlement(day),
        *_alerts(day),
        *_statistics(day),
    ]


def headline(day: DayFacts) -> str:
    """Return the day in one line: traded or not, and the result to the cent."""
    if not day.trades:
        return f"No trade: {day.skip_reason or 'no reason was recorded'}."
    trades = count(len(day.trades), "trade")
    if any(trade["final_pnl"] is None for trade in day.trades):
        return f"{trades}, result NOT FINAL: contracts are still held or not settled."
    return f"{trades}, result {money(_total(day))}."


def _headline(day: DayFacts) -> Iterable[Block]:
    yield Heading(f"Daily report, {day.session:%A} {day.session.day} {day.session:%B %Y}")
    yield Alarm(f"{headline(day)} ({label(day.mode)})")
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


def _result(day: DayFacts) -> Iterable[Block]:
    if not day.trades:
        return
    yield Heading("Result")
    for trade in day.trades:
        yield Paragraph(f"Trade {trade['trade_id']}, {_equation(trade)}")
    if len(day.trades) > 1 and all(trade["final_pnl"] is not None for trade in day.trades):
        yield Paragraph(f"All trades together: {money(_total(day))}.")


def _equation(trade: Row) -> str:
    spreads = count(trade["spreads"], "spread")
    fees = f"fees of {plain(trade['fees'])}"
    if trade["final_pnl"] is None:
        return (
            f"{spreads}: entry credit {plain(trade['entry_credit'])}, {fees} so far; "
            "the exit cost is unknown while contracts are held."
        )
    return (
        f"{spreads}: entry credit {plain(trade['entry_credit'])} - exit cost "
        f"{plain(trade['exit_cost'])} = result {money(trade['final_pnl'])}; "
        f"{fees} are included."
    )


def _why_closed(day: DayFacts) -> Iterable[Block]:
    if not day.trades:
        return
    yield Heading("Why it ended")
    for trade in day.trades:
        reason = trade["exit_reason"]
        if reason is None:
            yield Paragraph(f"Trade {trade['trade_id']}: no exit was recorded.")
            continue
        words = EXIT_WORDS.get(reason, "no further words were recorded")
        yield Paragraph(
            f"Trade {trade['trade_id']} at {clock(trade['exit_time'])}: {reason}, {words}."
        )
        seen = [
            check["text"]
            for check in day.checks
            if check["signal"] == reason
            and trade["trade_id"] == f"{day.session}-{check['spread_no']}"
        ]
        if seen and seen[-1]:
            yield Paragraph(f"The signal: {seen[-1]}")


def _decision(day: DayFacts) -> Iterable[Block]:
    yield Heading("The decision")
    if day.decision is None:
        yield Paragraph("No entry decision was recorded.")
        return
    decision, setup = day.decision, day.decision["setup"]
    verdict = "TRADE" if decision["should_trade"] else "NO TRADE; the best moment was this one"
    yield Paragraph(
        f"At {clock(decision['timestamp'])}: {verdict} "
        f"({count(day.moments, 'moment')} judged in all)."
    )
    if setup:
        yield Paragraph(_market(decision, setup))
    yield Table(
        ("rule", "passed", "seen", "limit"),
        [
            (each["name"], "yes" if each["passed"] else "NO", each["seen"], each["limit"])
            for each in decision["criteria"]
        ],
    )


def _market(decision: Mapping[str, Any], setup: Mapping[str, Any]) -> str:
    spy, spx = setup["spy_call"], setup["spx_call"]
    spy_name = f"SPY {setup['spy_strike']:g} call"
    spx_name = f"SPXW {setup['spx_strike']:g} call"
    verb = "Sell" if decision["should_trade"] else "Judged: sell"
    plan = (
        f"{verb} {count(decision['spy_quantity'], spy_name)}, "
        f"buy {count(decision['spx_quantity'], spx_name)}"
        if decision["position_size"]
        else f"{spy_name}s against {spx_name}s"
    )
    return (
        f"{plan}. SPY {plain(setup['spy_price'])}, SPX "
        f"{plain(setup['spx_price'])}, ratio {setup['ratio']:.4f}; SPY call "
        f"{plain(spy['bid'])} x {plain(spy['ask'])}, SPXW call "
        f"{plain(spx['bid'])} x {plain(spx['ask'])}."
    )


def _credit(day: DayFacts) -> Iterable[Block]:
    decision = day.decision
    if decision is None or decision["setup"] is None or decision["entry_credit"] is None:
        return
    if priced := _priced(decision):
        setup, valuation = priced
        yield from credit_blocks(setup, valuation)
        yield Paragraph(volatility_line(valuation))
        if valuation.contradiction:
            yield Alarm(f"{CONTRADICTION}: {valuation.contradiction}.")
        yield Paragraph(risk_line(valuation))
        return
    gap = decision["setup"]["strike_gap"]
    of_gap = DOLLARS_PER_POINT * gap
    yield Heading("Where the credit comes from (dollars a spread)")
    yield Table(
        ("part", "dollars"),
        [
            ("quoted credit, net of the entry fees", money(decision["entry_credit"])),
            (f"payment for a strike gap of {gap:+.2f} SPX points, about", money(of_gap)),
            ("the rest, called expected profit", money(decision["expected_profit"])),
        ],
        frozenset({"dollars"}),
    )
    yield Paragraph(
        f"A point of gap is worth about ${DOLLARS_PER_POINT:.0f} when entering and up to "
        f"${MULTIPLIER} when settled: "
        + (
            "the SPX strike lies too high, the short calls are not wholly hedged, and this part "
            "of the credit is payment for that risk, not profit."
            if gap > 0
            else "the SPX strike does not lie too high, so none of the credit is payment for a gap."
        )
    )


def _priced(decision: Mapping[str, Any]) -> tuple[TradeSetup, Valuation] | None:
    """Return a decision's setup and what it was worth, None where that was not recorded."""
    if not decision["setup"] or not decision.get("valuation"):
        return None
    return TradeSetup.from_dict(decision["setup"]), Valuation.from_dict(decision["valuation"])


def _exercise(day: DayFacts) -> Iterable[Block]:
    """Say what an assignment means where calls were held to the end, or may yet be."""
    held = [each for each in day.trades if each["exit_reason"] in {None, ExitReason.EXPIRED}]
    if day.decision is None or not held or not (priced := _priced(day.decision)):
        return
    spreads = max(trade["spreads"] for trade in held)
    yield from assignment_blocks(*priced, spreads, load_dividends())


def _orders(day: DayFacts) -> Iterable[Block]:
    yield Heading("Orders")
    if not day.orders:
        yield Paragraph("None was sent.")
        return
    yield Table(
        ("time", "order", "what", "limit", "state"),
        [
            (
                clock(order["created_at"]),
                _short_id(order["client_order_id"], day.session),
                f"{order['side']} {order['quantity']} {order['symbol']}",
                cents(order["limit_cents"]),
                f"{order['state']}: {order['note']}" if order["note"] else order["state"],
            )
            for order in day.orders
        ],
        frozenset({"limit"}),
    )


def _fills(day: DayFacts) -> Iterable[Block]:
    if not day.fills:
        return
    yield Heading("Fills")
    yield Table(
        ("time", "order", "contracts", "price", "fee", "cash"),
        [
            (
                clock(fill["at"]),
                _short_id(fill["client_order_id"], day.session),
                f"{Side(fill['side']).sign * fill['quantity']:+d}",
                cents(fill["price_cents"]),
                cents(fill["fee_cents"]),
                cents(fill["cash_cents"]),
            )
            for fill in day.fills
        ],
        frozenset({"contracts", "price", "fee", "cash"}),
    )
    yield Paragraph("Cash is dollars after the fee, positive when received.")


def _checks(day: DayFacts) -> Iterable[Block]:
    if not day.checks:
        return
    yield Heading("Checks of the position")
    yield Table(
        ("time", "spread", "SPY", "live P&L", "signal", "seen"),
        [
            (
                clock(check["at"]),
                str(check["spread_no"]),
                plain(check["spy_price"]),
                money(check["pnl"]),
                check["signal"] or "none",
                check["text"],
            )
            for check in day.checks
        ],
        frozenset({"spread", "SPY", "live P&L"}),
    )


def _settlement(day: DayFacts) -> Iterable[Block]:
    if not day.settlements:
        return
    yield Heading("Settlement")
    yield Table(
        ("spread", "leg", "contracts", "close", "cash", "SPY shares", "note"),
        [
            (
                str(row["spread_no"]),
                row["leg"],
                f"{row['contracts']:+d}",
                plain(row["close_price"]),
                cents(row["cash_cents"]),
                f"{row['shares']:+,d}" if row["shares"] else "0",
                row["note"],
            )
            for row in day.settlements
        ],
        frozenset({"spread", "contracts", "close", "cash", "SPY shares"}),
    )
    if any(row["leg"] == Leg.SPY and row["shares"] == 0 for row in day.settlements):
        yield Alarm(
            "Short SPY calls that expired out of the money can still be exercised until 17:30. "
            "Look for SPY shares in the account before the next open."
        )


def _alerts(day: DayFacts) -> Iterable[Block]:
    yield Heading("Messages")
    if not day.notifications:
        yield Paragraph("None.")
        return
    unsent = "simulated" if day.mode in SIMULATED else "NO"
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


def _total(day: DayFacts) -> Decimal:
    return sum((Decimal(str(trade["final_pnl"])) for trade in day.trades), Decimal(0))


def _short_id(client_order_id: str, session: date) -> str:
    return client_order_id.removeprefix(f"{session}-")
