"""The trades and the days of a backtest as sheets for a spreadsheet."""

from collections.abc import Sequence
from datetime import datetime

from src.backtest import DayResult
from src.backtest_figures import Point
from src.exports import Cell, Sheet

_TRADES = (
    "trade_id date simulated quotes entry_time_et exit_time_et exit_reason spreads spy_price "
    "spx_price spy_strike spx_strike strike_gap entry_credit quoted_credit expected_profit "
    "edge edge_evening_kept final_pnl fees note"
)
_DAYS = (
    "date simulated source quotes looks priced qualified best_expected_profit trades pnl equity "
    "drawdown note caution"
)
_SIMULATED = "SIMULATED"


def trades_sheet(days: Sequence[DayResult]) -> Sheet:
    """Return one row a trade; dollars for all its spreads, with the parts of its credit."""
    parts = list(dict.fromkeys(name for day in days for t in day.trades for name in t.parts))
    rows: list[Sequence[Cell]] = [
        (
            t.trade_id,
            str(t.day),
            _SIMULATED,
            day.kind,
            _local(t.entry),
            _local(t.exit),
            t.reason,
            t.spreads,
            t.spy_price,
            t.spx_price,
            t.spy_strike,
            t.spx_strike,
            t.strike_gap,
            t.credit,
            t.quoted_credit,
            t.expected,
            t.edge,
            t.kept,
            t.pnl,
            t.fees,
            t.note,
            *(t.parts.get(name) for name in parts),
        )
        for day in days
        for t in day.trades
    ]
    columns = (*_TRADES.split(), *(f"credit_{name.replace(' ', '_')}" for name in parts))
    return Sheet("backtest_trades", columns, rows)


def days_sheet(days: Sequence[DayResult], points: Sequence[Point]) -> Sheet:
    """Return one row a day, with the account after it."""
    rows: list[Sequence[Cell]] = [
        (
            str(day.day),
            _SIMULATED,
            day.name,
            day.kind,
            day.looks,
            day.priced,
            day.qualified,
            day.best,
            len(day.trades),
            point.pnl,
            point.equity,
            point.drawdown,
            day.note,
            day.caution,
        )
        for day, point in zip(days, points, strict=True)
    ]
    return Sheet("backtest_days", tuple(_DAYS.split()), rows)


def _local(moment: datetime | None) -> str | None:
    return f"{moment:%Y-%m-%dT%H:%M:%S}" if moment else None
