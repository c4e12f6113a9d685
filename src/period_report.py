"""The report of a range of days: each mode by itself, since simulated dollars are no real ones."""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from itertools import groupby

from src.period_figures import FEW, DayTotal, Edge, PeriodFigures, period_figures
from src.report_layout import Alarm, Block, Heading, Lead, Paragraph, Table
from src.report_records import PeriodFacts
from src.report_series import cumulative_chart
from src.trade_statistics import Row
from src.words import count, label, money

DAY_BY_DAY = 40
"""So many sessions are listed by the day, more of them by the month, and yet more by the year."""
_MONTH, _YEAR = len("2026-06"), len("2026")
_DAYS_NAMED = 10


def compose_period(
    start: date, end: date, modes: Sequence[PeriodFacts], otherwise: str = ""
) -> list[Block]:
    """Return the report of a range of days, both included, as headings, tables and charts.

    `otherwise` says, where nothing is recorded in it, where something is.
    """
    blocks: list[Block] = [Heading(f"Report from {start} to {end}")]
    if not modes:
        more = f": {otherwise}" if otherwise else ""
        return [*blocks, Lead(f"No session was recorded in this range{more}.")]
    if len(modes) > 1:
        names = ", ".join(facts.mode for facts in modes)
        blocks.append(
            Paragraph(f"{len(modes)} modes are told of, and never added together: {names}.")
        )
    for facts in modes:
        blocks += _of_mode(facts)
    return blocks


def _of_mode(facts: PeriodFacts) -> Iterable[Block]:
    figures = period_figures(facts)
    yield Heading(f"Mode {facts.mode}")
    yield Lead(_headline(figures), label(facts.mode))
    yield from _alarms(figures)
    title = f"Results added up, dollars (mode {facts.mode})"
    if chart := cumulative_chart(facts.days, title):
        yield chart
    yield from _figures(figures)
    yield from _by_reason(figures)
    if figures.edge:
        yield Heading(f"Expected profit against result (mode {facts.mode})")
        yield Paragraph(edge_words(figures.edge))
    yield from _not_traded(figures)
    yield from _days(facts)


def _headline(figures: PeriodFigures) -> str:
    sessions = count(figures.sessions, "session")
    if not figures.trades:
        return f"{sessions}, and no trade on any of them."
    finished = figures.statistics
    held = f"; {count(figures.open_trades, 'trade')} NOT FINAL" if figures.open_trades else ""
    return (
        f"{sessions}, {figures.traded:,} of them traded: {count(figures.trades, 'trade')}, "
        f"result {money(finished.total)}{held}."
    )


def _alarms(figures: PeriodFigures) -> Iterable[Block]:
    if figures.unfinished:
        yield Alarm(f"NOT COMPLETE: {_named(figures.unfinished)}. What follows is so far.")
    if figures.differed:
        yield Alarm(f"Record and broker differed on {_named(figures.differed)}.")
    if figures.warned:
        yield Paragraph(f"Alerts were raised on {_named(figures.warned)}.")


def _named(days: Sequence[str]) -> str:
    more = f" and {len(days) - _DAYS_NAMED} more" if len(days) > _DAYS_NAMED else ""
    return f"{count(len(days), 'day')} ({', '.join(days[:_DAYS_NAMED])}{more})"


def _figures(figures: PeriodFigures) -> Iterable[Block]:
    known = figures.statistics
    factor = known.profit_factor
    rows = [
        ("sessions", f"{figures.sessions:,}"),
        ("sessions with a trade", f"{figures.traded:,}"),
        ("trades", f"{figures.trades:,}"),
    ]
    if figures.open_trades:
        rows.append(("of them without a result yet", str(figures.open_trades)))
    if known.trades:
        rows += [
            ("won", f"{known.wins:,} of {known.trades:,} ({known.win_rate:.1%})"),
            ("result after fees", money(known.total)),
            ("average a trade", money(known.average)),
            ("best trade", money(known.best)),
            ("worst trade", money(known.worst)),
            ("best day", _day(figures.best)),
            ("worst day", _day(figures.worst)),
            ("deepest fall of the total", money(known.max_drawdown).lstrip("+")),
            ("won over lost dollars", "no loss" if factor is None else f"{factor:.2f}"),
        ]
    if figures.trades:
        rows += [("fees, included above", money(figures.fees).lstrip("+")), *_slippage(figures)]
    if figures.assigned_shares:
        rows.append(("SPY shares left by assignments", f"{figures.assigned_shares:+,d}"))
    yield Table(("figure", "value"), rows, frozenset({"value"}))


def _slippage(figures: PeriodFigures) -> Iterable[tuple[str, str]]:
    """Return what the fills cost against the quotes: see the daily report for what they are."""
    for words, amount in (
        ("slippage at entries, against the decision", figures.entry_slippage),
        ("slippage at exits, against the first limit", figures.exit_slippage),
    ):
        yield words, "not recorded" if amount is None else money(amount)
    if figures.unpriced:
        yield "lines of fills without a quote", str(figures.unpriced)


def _day(found: DayTotal | None) -> str:
    return f"{money(found.total)} ({found.day})" if found else "none"


def _by_reason(figures: PeriodFigures) -> Iterable[Block]:
    if not figures.statistics.by_reason:
        return
    yield Heading(f"By why they ended (mode {figures.mode})")
    yield Table(
        ("exit reason", "trades", "result"),
        [
            (reason or "unknown", str(part.trades), money(part.total))
            for reason, part in figures.statistics.by_reason.items()
        ],
        frozenset({"trades", "result"}),
    )


def edge_words(known: Edge) -> str:
    """Return what was expected of trades against what came of them, and what follows from it."""
    text = (
        f"Over {count(known.n, 'trade')} the decisions expected {money(known.predicted)} a trade "
        f"and the results were {money(known.realised)}: {money(known.difference)} a trade"
    )
    if known.n < FEW or known.error is None:
        return f"{text}. With fewer than {FEW} trades nothing follows from that."
    within = abs(known.difference) <= 2 * known.error
    verdict = "within" if within else "beyond"
    return (
        f"{text}, give or take {known.error:,.2f} (standard error). That is {verdict} two standard "
        f"errors: the expectation {'is not refuted' if within else 'was off'}."
    )


def _not_traded(figures: PeriodFigures) -> Iterable[Block]:
    if not figures.reasons:
        return
    yield Heading(f"Why there was no trade (mode {figures.mode})")
    yield Table(
        ("reason, its numbers left out", "days"),
        [(reason, str(days)) for reason, days in figures.reasons.items()],
        frozenset({"days"}),
    )


def _days(facts: PeriodFacts) -> Iterable[Block]:
    if len(facts.days) <= DAY_BY_DAY:
        yield Heading(f"Day by day (mode {facts.mode})")
        ended = {key: list(rows) for key, rows in groupby(facts.trades, lambda row: row["date"])}
        yield Table(
            ("day", "trades", "result", "why it ended, or did not begin"),
            [
                (
                    day["date"],
                    str(day["trades_count"]),
                    money(day["total_pnl"]) if day["trades_count"] else "-",
                    _why(day, ended.get(day["date"], [])),
                )
                for day in facts.days
            ],
            frozenset({"trades", "result"}),
        )
        return
    by_month = _spans(facts.days, _MONTH)
    name, rows = (
        ("month", by_month) if len(by_month) <= DAY_BY_DAY else ("year", _spans(facts.days, _YEAR))
    )
    yield Heading(f"By the {name} (mode {facts.mode})")
    columns = (name, "sessions", "trades", "result")
    yield Table(columns, rows, frozenset(columns[1:]))


def _why(day: Row, trades: Sequence[Row]) -> str:
    if not trades:
        return str(day["skip_reason"]) or "not recorded"
    return ", ".join(
        "NOT FINAL" if trade["final_pnl"] is None else trade["exit_reason"] or "unknown"
        for trade in trades
    )


def _spans(days: Sequence[Row], letters: int) -> list[tuple[str, ...]]:
    """Return the days added up by the first letters of their dates."""
    rows: list[tuple[str, ...]] = []
    for span, group in groupby(days, lambda day: str(day["date"])[:letters]):
        of_span = list(group)
        cents = sum(round(100 * day["total_pnl"]) for day in of_span)
        trades = sum(day["trades_count"] for day in of_span)
        rows.append((span, str(len(of_span)), str(trades), money(Decimal(cents) / 100)))
    return rows
