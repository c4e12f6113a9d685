"""The sheets of an export: what each holds of the record, under names that stay as they are."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal

from src.exports import Cell, Sheet
from src.ticks import CENT
from src.trade_statistics import FinishedTrade, Row, Statistics, finished_trades, summarise

TIMES = {"entry_time": "entry_time_et", "exit_time": "exit_time_et"}
ALL_REASONS = "ALL"
NAMES = (
    *("trades", "daily_summary", "cumulative_pnl", "win_rate", "statistics"),
    *("fills", "settlements", "decisions"),
)
"""The sheets in the order in which they are written."""

TABLES = {
    "trades": (
        "trade_id date mode entry_time exit_time spreads spy_price spx_price spy_strike spx_strike "
        "spy_bid spy_ask spx_bid spx_ask entry_credit exit_cost final_pnl fees exit_reason "
        "assigned_shares ratio strike_gap quoted_credit expected_profit note"
    ),
    "daily_summary": "date mode trades_count total_pnl win_rate skip_reason notes",
}

# A later column is put at the end: a spreadsheet that was built upon these refers to places.
FILLS = (
    "trade_id date mode time_et purpose leg contract strike side quantity limit price fee cash "
    "order_id fill_id"
)
SETTLEMENTS = "trade_id date mode time_et leg contracts close_price cash shares note"
DECISIONS = (
    "date mode time_et decision failed spreads spy_price spx_price ratio spy_strike spx_strike "
    "strike_gap spy_bid spy_ask spx_bid spx_ask spy_quote_time_et spx_quote_time_et entry_credit "
    "expected_profit risk_level ordinary_close worst_close credit_strike_gap credit_ratio "
    "credit_after_hours credit_vol_gap credit_bid_ask credit_fees_in spread_out fees_out"
)

_SPLIT = (
    *("strike_gap", "ratio", "after_hours", "vol_gap", "bid_ask", "fees_in"),
    *("spread_out", "fees_out"),
)

_TRADES_SQL = """
SELECT * FROM trades WHERE date BETWEEN ? AND ? ORDER BY date, entry_time, trade_id
"""
_DAYS_SQL = "SELECT * FROM daily_summary WHERE date BETWEEN ? AND ? ORDER BY date"
_FILLS_SQL = """
SELECT f.*, o.*, s.mode FROM fills f JOIN orders o USING (client_order_id)
JOIN sessions s USING (session)
WHERE o.session BETWEEN ? AND ? ORDER BY o.session, f.at, f.rowid
"""
_SETTLEMENTS_SQL = """
SELECT t.*, s.mode FROM settlements t JOIN sessions s USING (session)
WHERE t.session BETWEEN ? AND ? ORDER BY t.session, t.spread_no, t.leg
"""
_DECISIONS_SQL = """
SELECT d.session, d.data, s.mode FROM decisions d JOIN sessions s USING (session)
WHERE d.session BETWEEN ? AND ? ORDER BY d.session, d.id
"""


def sheets(connection: sqlite3.Connection, start: date, end: date) -> Iterator[Sheet]:
    """Yield the sheets of a range of days, both ends included, one after the other.

    Running totals start at 0 with the range and are kept apart for each mode, so that simulated
    dollars are never added to real ones.
    """

    def rows(query: str) -> Iterator[Row]:
        return map(dict, connection.execute(query, (str(start), str(end))))

    trades, days = tuple(rows(_TRADES_SQL)), tuple(rows(_DAYS_SQL))
    finished = finished_trades(trades)
    yield _table("trades", trades)
    yield _table("daily_summary", days)
    yield _cumulative_pnl(days)
    yield _win_rate(finished)
    yield _statistics(finished)
    yield Sheet("fills", tuple(FILLS.split()), [_fill(row) for row in rows(_FILLS_SQL)])
    yield Sheet(
        "settlements",
        tuple(SETTLEMENTS.split()),
        [_settlement(row) for row in rows(_SETTLEMENTS_SQL)],
    )
    yield Sheet(
        "decisions",
        tuple(DECISIONS.split()),
        [
            _decision(row["session"], row["mode"], json.loads(row["data"]))
            for row in rows(_DECISIONS_SQL)
        ],
    )


def _fill(of: Row) -> Sequence[Cell]:
    sign = -1 if of["side"] == "buy" else 1
    cash = sign * of["quantity"] * 100 * of["price_cents"] - of["fee_cents"]
    return (
        f"{of['session']}-{of['spread_no']}",
        of["session"],
        of["mode"],
        _moment(of["at"]),
        of["purpose"],
        of["leg"],
        of["symbol"],
        of["strike"],
        of["side"],
        of["quantity"],
        *(_dollars(of["limit_cents"]), _dollars(of["price_cents"]), _dollars(of["fee_cents"])),
        _dollars(cash),
        of["client_order_id"],
        of["fill_id"],
    )


def _settlement(of: Row) -> Sequence[Cell]:
    return (
        f"{of['session']}-{of['spread_no']}",
        of["session"],
        of["mode"],
        _moment(of["at"]),
        of["leg"],
        of["contracts"],
        of["close_price"],
        _dollars(of["cash_cents"]),
        of["shares"],
        of["note"],
    )


def _decision(session: str, mode: str, of: Row) -> Sequence[Cell]:
    setup, valuation = of["setup"] or {}, of.get("valuation") or {}
    spy, spx = setup.get("spy_call") or {}, setup.get("spx_call") or {}
    failed = (each["name"] for each in of["criteria"] if not each["passed"])
    return (
        session,
        mode,
        _moment(of["timestamp"]),
        "trade" if of["should_trade"] else "no trade",
        "; ".join(failed),
        of["position_size"],
        *map(setup.get, ("spy_price", "spx_price", "ratio", "spy_strike", "spx_strike")),
        setup.get("strike_gap"),
        *(spy.get("bid"), spy.get("ask"), spx.get("bid"), spx.get("ask")),
        *(_moment(setup.get("spy_quote_time")), _moment(setup.get("spx_quote_time"))),
        *(of["entry_credit"], of["expected_profit"]),
        *(valuation.get("risk_level"), valuation.get("ordinary"), valuation.get("worst")),
        *map((valuation.get("split") or {}).get, _SPLIT),
    )


def _dollars(cents: int) -> Decimal:
    return Decimal(cents) / 100


def _table(name: str, rows: Iterable[Row]) -> Sheet:
    columns = TABLES[name].split()
    return Sheet(
        name,
        tuple(TIMES.get(column, column) for column in columns),
        [
            [_moment(row[column]) if column in TIMES else row[column] for column in columns]
            for row in rows
        ],
    )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _cumulative_pnl(days: Iterable[Row]) -> Sheet:
    levels: dict[str, Decimal] = {}
    rows: list[Sequence[Cell]] = []
    for day in days:
        mode, pnl = day["mode"], Decimal(str(day["total_pnl"])).quantize(CENT)
        levels[mode] = levels.get(mode, Decimal(0)) + pnl
        rows.append((day["date"], mode, pnl, levels[mode]))
    return Sheet("cumulative_pnl", ("date", "mode", "total_pnl", "cumulative_pnl"), rows)


def _win_rate(trades: Iterable[FinishedTrade]) -> Sheet:
    results: dict[str, list[bool]] = {}
    rows: list[Sequence[Cell]] = []
    for trade in trades:
        won = results.setdefault(trade.mode, [])
        won.append(trade.pnl > 0)
        rate = sum(won) / len(won)
        rows.append(
            (trade.trade_id, str(trade.day), trade.mode, trade.pnl, len(won), sum(won), rate)
        )
    columns = ("trade_id", "date", "mode", "final_pnl", "trades", "wins", "win_rate")
    return Sheet("win_rate", columns, rows)


def _statistics(trades: Sequence[FinishedTrade]) -> Sheet:
    columns = (
        "mode exit_reason trades wins win_rate total_pnl average best worst profit_factor "
        "max_drawdown"
    )
    rows: list[Sequence[Cell]] = []
    for mode in sorted({trade.mode for trade in trades}):
        of_mode = [trade for trade in trades if trade.mode == mode]
        whole = summarise(of_mode)
        rows.append((mode, ALL_REASONS, *_figures(whole), whole.max_drawdown))
        for reason in whole.by_reason:
            part = summarise([trade for trade in of_mode if trade.exit_reason == reason])
            # A drawdown is a path through all trades; a part of them has none of its own.
            rows.append((mode, reason, *_figures(part), None))
    return Sheet("statistics", tuple(columns.split()), rows)


def _figures(of: Statistics) -> tuple[Cell, ...]:
    return (
        of.trades,
        of.wins,
        of.win_rate,
        of.total,
        of.average,
        of.best,
        of.worst,
        of.profit_factor,
    )
