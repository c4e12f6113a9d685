"""What a series of finished trades amounts to, counted exactly."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from src.ticks import CENT

Row = Mapping[str, Any]
"""One row of the database, by column name."""


@dataclass(frozen=True, slots=True)
class FinishedTrade:
    """A trade that holds nothing any more. `pnl` is dollars after fees, positive when won."""

    trade_id: str
    day: date
    mode: str
    pnl: Decimal
    exit_reason: str


@dataclass(frozen=True, slots=True)
class ReasonTotal:
    """The trades that ended for one reason: how many, and their dollars together."""

    trades: int
    total: Decimal


@dataclass(frozen=True, slots=True)
class Statistics:
    """Figures of a series of finished trades; money is dollars after fees.

    A trade is won when it brought more than nothing. `win_rate` is 0 to 1; it, `average` (to the
    cent), `best` and `worst` are `None` without a trade. `max_drawdown` is the deepest fall of the
    cumulative P&L, which starts at 0, from its highest point so far; it is positive, 0 where the
    curve never fell. `profit_factor` is dollars won over dollars lost, and `None` where nothing
    was lost, since no number says how good that is.
    """

    trades: int = 0
    wins: int = 0
    win_rate: float | None = None
    total: Decimal = Decimal("0.00")
    average: Decimal | None = None
    best: Decimal | None = None
    worst: Decimal | None = None
    max_drawdown: Decimal = Decimal("0.00")
    profit_factor: float | None = None
    by_reason: Mapping[str, ReasonTotal] = field(default_factory=dict)


def summarise(trades: Sequence[FinishedTrade]) -> Statistics:
    """Return the statistics of trades that are given in the order in which they were made."""
    if not trades:
        return Statistics()
    results = [trade.pnl for trade in trades]
    won = [pnl for pnl in results if pnl > 0]
    lost = -_total(pnl for pnl in results if pnl < 0)
    return Statistics(
        trades=len(results),
        wins=len(won),
        win_rate=len(won) / len(results),
        total=_total(results),
        average=(_total(results) / len(results)).quantize(CENT),
        best=max(results),
        worst=min(results),
        max_drawdown=_max_drawdown(results),
        profit_factor=float(_total(won) / lost) if lost else None,
        by_reason=_by_reason(trades),
    )


def finished_trades(rows: Iterable[Row]) -> list[FinishedTrade]:
    """Return the finished ones among rows of the table `trades`, in their order."""
    return [
        FinishedTrade(
            trade_id=row["trade_id"],
            day=date.fromisoformat(row["date"]),
            mode=row["mode"],
            pnl=Decimal(str(row["final_pnl"])).quantize(CENT),
            exit_reason=row["exit_reason"] or "",
        )
        for row in rows
        if row["final_pnl"] is not None
    ]


def _total(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, Decimal("0.00"))


def _max_drawdown(results: Sequence[Decimal]) -> Decimal:
    level = peak = deepest = Decimal("0.00")
    for pnl in results:
        level += pnl
        peak = max(peak, level)
        deepest = max(deepest, peak - level)
    return deepest


def _by_reason(trades: Sequence[FinishedTrade]) -> dict[str, ReasonTotal]:
    found: dict[str, list[Decimal]] = {}
    for trade in trades:
        found.setdefault(trade.exit_reason, []).append(trade.pnl)
    return {
        reason: ReasonTotal(len(results), _total(results))
        for reason, results in sorted(found.items())
    }
