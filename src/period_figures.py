"""What a range of days of one mode amounts to, in numbers."""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from statistics import fmean, stdev
from typing import Any, NamedTuple

from src.models import Purpose
from src.report_records import PeriodFacts
from src.slippage import dollars, slips, total_cents
from src.trade_statistics import Row, Statistics, finished_trades, summarise

FEW = 30
"""Below so many trades nothing follows from what was predicted and what came of it."""
_NUMBER = re.compile(r"[-+]?\$?\d[\d,]*(\.\d+)?( bp| points| %|%)?")


class Edge(NamedTuple):
    """Expected profit against result, dollars a trade: the means over `n` finished trades.

    `error` is the standard error of the mean difference, None for a single trade.
    """

    n: int
    predicted: float
    realised: float
    error: float | None

    @property
    def difference(self) -> float:
        """Result less expected profit, dollars a trade."""
        return self.realised - self.predicted


class DayTotal(NamedTuple):
    """A day and its dollars."""

    day: str
    total: Decimal


@dataclass(frozen=True, slots=True)
class PeriodFigures:
    """The figures of one mode in a range of days; money is dollars, slippage negative as a cost.

    `open_trades` have no result yet and count nowhere else. `slippage` is None where none of the
    fills can be compared, `unpriced` says how many lines of fills cannot. `reasons` says why there
    was no trade, and on how many days, numbers left out of the words. `best` and `worst` are days
    all of whose trades have a result; they and `edge` are None without any.
    """

    mode: str
    sessions: int
    traded: int
    trades: int
    open_trades: int
    statistics: Statistics
    fees: Decimal
    slippage: Decimal | None
    entry_slippage: Decimal | None
    exit_slippage: Decimal | None
    unpriced: int
    assigned_shares: int
    edge: Edge | None
    best: DayTotal | None
    worst: DayTotal | None
    reasons: dict[str, int]
    warned: tuple[str, ...]
    differed: tuple[str, ...]
    unfinished: tuple[str, ...]


def period_figures(facts: PeriodFacts) -> PeriodFigures:
    """Return the figures of a range of days."""
    known = slips(facts.fills, {trade["trade_id"]: trade for trade in facts.trades})
    totals = list(_day_totals(facts.trades))
    idle = [day for day in facts.days if not day["trades_count"] and day["skip_reason"]]
    reasons = Counter(without_numbers(day["skip_reason"]) for day in idle)
    return PeriodFigures(
        mode=facts.mode,
        sessions=len(facts.days),
        traded=sum(1 for day in facts.days if day["trades_count"]),
        trades=len(facts.trades),
        open_trades=sum(1 for trade in facts.trades if trade["final_pnl"] is None),
        statistics=summarise(finished_trades(facts.trades)),
        fees=sum((_cents(trade["fees"] or 0.0) for trade in facts.trades), Decimal("0.00")),
        slippage=dollars(total_cents(known)),
        entry_slippage=dollars(total_cents(known, Purpose.OPEN)),
        exit_slippage=dollars(total_cents(known, Purpose.CLOSE)),
        unpriced=sum(1 for each in known if each.cents is None),
        assigned_shares=sum(trade["assigned_shares"] for trade in facts.trades),
        edge=edge(list(_pairs(facts.trades))),
        best=max(totals, key=lambda each: each.total, default=None),
        worst=min(totals, key=lambda each: each.total, default=None),
        reasons=dict(reasons.most_common()),
        warned=tuple(row["session"] for row in facts.troubled if row["warned"]),
        differed=tuple(row["session"] for row in facts.troubled if row["differed"]),
        unfinished=tuple(row["date"] for row in facts.unfinished),
    )


def edge(pairs: Sequence[tuple[float, float]]) -> Edge | None:
    """Compare predicted with realised dollars of trades; None without any."""
    if not pairs:
        return None
    gaps = [realised - predicted for predicted, realised in pairs]
    error = stdev(gaps) / math.sqrt(len(gaps)) if len(gaps) > 1 else None
    return Edge(len(pairs), fmean(p for p, _ in pairs), fmean(r for _, r in pairs), error)


def without_numbers(reason: str) -> str:
    """Return a reason with its numbers left out, so that equal reasons of several days are one."""
    return _NUMBER.sub("...", reason)


def as_json(facts: PeriodFacts, figures: PeriodFigures) -> dict[str, Any]:
    """Return the figures in plain types, money as numbers of dollars rounded to cents."""
    known, known_edge = figures.statistics, figures.edge
    return {
        "mode": figures.mode,
        "from": str(facts.start),
        "to": str(facts.end),
        "sessions": figures.sessions,
        "sessions_traded": figures.traded,
        "sessions_not_complete": list(figures.unfinished),
        "why_not_traded": figures.reasons,
        "trades": figures.trades,
        "trades_without_result": figures.open_trades,
        "result": _number(known.total),
        "win_rate": known.win_rate,
        "average": _number(known.average),
        "max_drawdown": _number(known.max_drawdown),
        "profit_factor": known.profit_factor,
        "best_day": _day_json(figures.best),
        "worst_day": _day_json(figures.worst),
        "by_exit_reason": {
            reason or "unknown": {"trades": part.trades, "result": _number(part.total)}
            for reason, part in known.by_reason.items()
        },
        "fees": _number(figures.fees),
        "slippage": _number(figures.slippage),
        "slippage_entry": _number(figures.entry_slippage),
        "slippage_exit": _number(figures.exit_slippage),
        "fills_without_quote": figures.unpriced,
        "assigned_shares": figures.assigned_shares,
        "expected_against_result": known_edge
        and {
            "n": known_edge.n,
            "expected": round(known_edge.predicted, 2),
            "result": round(known_edge.realised, 2),
            "standard_error": known_edge.error and round(known_edge.error, 2),
        },
        "days_with_warnings": list(figures.warned),
        "days_record_and_broker_differed": list(figures.differed),
        "days": [
            {
                "date": day["date"],
                "trades": day["trades_count"],
                "result": round(day["total_pnl"], 2),
                "why_not_traded": day["skip_reason"],
            }
            for day in facts.days
        ],
    }


def _day_totals(trades: Sequence[Row]) -> Iterator[DayTotal]:
    """Yield what each day brought whose trades all have a result."""
    for day, group in groupby(trades, lambda trade: str(trade["date"])):
        results = [trade["final_pnl"] for trade in group]
        if None not in results:
            yield DayTotal(day, sum(map(_cents, results), Decimal("0.00")))


def _pairs(trades: Sequence[Row]) -> Iterator[tuple[float, float]]:
    """Yield what was expected of a trade and what came of it, where both are recorded."""
    for trade in trades:
        if trade["final_pnl"] is not None and trade["expected_profit"] is not None:
            yield trade["spreads"] * trade["expected_profit"], trade["final_pnl"]


def _cents(amount: float) -> Decimal:
    return Decimal(round(100 * amount)) / 100


def _number(amount: Decimal | None) -> float | None:
    return None if amount is None else float(amount)


def _day_json(found: DayTotal | None) -> dict[str, Any] | None:
    return found and {"date": found.day, "result": float(found.total)}
