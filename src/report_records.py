"""What the database knows of a day, or of a range of days, for the reports. It only reads."""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from src.ports import MendInput
from src.timetable import Phase
from src.trade_statistics import Row, Statistics, finished_trades, summarise

_OVER = frozenset({Phase.AFTER_CLOSE, Phase.SETTLED, Phase.REPORTED})
"""Phases in which a day is reported, or may be: nothing more is traded."""

# Fills of one order at one price are one: some brokers tell of each contract by itself.
# A leg is closed by a run of orders, each in place of the one before, until one is filled whole.
_FILLS = """
WITH runs AS (
    SELECT client_order_id, session, spread_no, leg, side, attempt, limit_cents, note,
           coalesce(sum(coalesce(filled, 0) >= quantity) OVER (
               PARTITION BY session, spread_no, leg, side ORDER BY attempt
               ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS run
    FROM orders LEFT JOIN (
        SELECT client_order_id, sum(quantity) AS filled FROM fills GROUP BY client_order_id
    ) USING (client_order_id)
    WHERE purpose = 'close' AND session BETWEEN :start AND :end
), firsts AS (
    SELECT client_order_id, note, first_value(limit_cents) OVER (
               PARTITION BY session, spread_no, leg, side, run ORDER BY attempt) AS limit_cents
    FROM runs
)
SELECT min(f.at) AS at, f.client_order_id, o.session, o.spread_no, o.leg, o.purpose, o.side,
       sum(f.quantity) AS quantity, f.price_cents, sum(f.fee_cents) AS fee_cents,
       sum(CASE o.side WHEN 'buy' THEN -1 ELSE 1 END * f.quantity * 100 * f.price_cents
           - f.fee_cents) AS cash_cents,
       count(*) AS fills, firsts.limit_cents AS first_limit_cents
FROM orders o JOIN fills f USING (client_order_id)
LEFT JOIN firsts ON firsts.client_order_id = o.client_order_id
    AND firsts.note NOT IN ('closed by somebody else', 'found at the broker, not in the record')
WHERE o.session BETWEEN :start AND :end
GROUP BY f.client_order_id, f.price_cents
ORDER BY min(f.at), min(f.rowid)
"""

_DAYS = """
SELECT date, daily_summary.mode, trades_count, total_pnl, skip_reason, notes, phase
FROM daily_summary LEFT JOIN sessions ON session = date
WHERE date BETWEEN :start AND :end
UNION ALL
SELECT session, mode, 0, 0.0, '', '', phase FROM sessions
WHERE session BETWEEN :start AND :end AND session NOT IN (SELECT date FROM daily_summary)
ORDER BY date
"""

# An alert has its message besides, so it is not told twice.
_WARNINGS = """
SELECT at, kind, text FROM events WHERE session = ? AND (
    kind IN ('control', 'note') OR kind = 'alert' AND text NOT LIKE 'ALERT. %'
    OR kind = 'risk' AND text LIKE 'Risk says no%'
    OR kind = 'difference' AND text <> '') ORDER BY id
"""

_TROUBLED = """
SELECT session, max(kind = 'alert') AS warned, max(kind = 'difference') AS differed FROM events
WHERE session BETWEEN :start AND :end
    AND (kind = 'alert' OR kind = 'difference' AND text <> '') GROUP BY session ORDER BY session
"""


@dataclass(frozen=True, slots=True)
class DayFacts:
    """All that the database knows of one session, rows in the order in which they happened.

    `looks` are `EntryDecision.to_dict()` of every moment that was judged; `fills` are joined where
    they are of one order at one price. `history` has a row of `daily_summary` for each session of
    this mode up to this one, `statistics` covers the same. `is_newest` is whether no later session
    is recorded.
    """

    session: date
    mode: str
    source: str
    phase: str
    skip_reason: str
    notes: str
    looks: tuple[Mapping[str, Any], ...]
    trades: tuple[Row, ...]
    orders: tuple[Row, ...]
    fills: tuple[Row, ...]
    checks: tuple[Row, ...]
    settlements: tuple[Row, ...]
    warnings: tuple[Row, ...]
    notifications: tuple[Row, ...]
    history: tuple[Row, ...]
    statistics: Statistics
    is_newest: bool

    @property
    def is_complete(self) -> bool:
        """Whether the session has come to its end, as far as is recorded."""
        return self.phase in {"", *_OVER}


@dataclass(frozen=True, slots=True)
class PeriodFacts:
    """What is recorded of one mode in a range of days; `troubled` names days with warnings."""

    start: date
    end: date
    mode: str
    days: tuple[Row, ...]
    trades: tuple[Row, ...]
    fills: tuple[Row, ...]
    troubled: tuple[Row, ...]

    @property
    def unfinished(self) -> tuple[Row, ...]:
        """The days whose session has not come to its end."""
        return tuple(day for day in self.days if day["phase"] not in {None, *_OVER})


def read_day(connection: sqlite3.Connection, session: date) -> DayFacts:
    """Return what is known of a session. Raises MendInput for one of which nothing is recorded."""
    day = str(session)
    known = {
        **next(iter(_rows(connection, "SELECT * FROM daily_summary WHERE date = ?", day)), {}),
        **next(iter(_rows(connection, "SELECT * FROM sessions WHERE session = ?", day)), {}),
    }
    if not known:
        raise MendInput(f"Nothing was recorded on {day}: {recorded_days(connection, session)}.")
    mode = known["mode"]

    def all_of(query: str, *values: str) -> tuple[Row, ...]:
        return _rows(connection, query, *(values or (day,)))

    return DayFacts(
        session=session,
        mode=mode,
        source=known.get("source", ""),
        phase=known.get("phase", ""),
        skip_reason=known.get("skip_reason", ""),
        notes=known.get("notes", ""),
        looks=tuple(
            json.loads(row["data"])
            for row in all_of("SELECT data FROM decisions WHERE session = ? ORDER BY id")
        ),
        trades=read_trades(connection, session, session),
        orders=all_of("SELECT * FROM orders WHERE session = ? ORDER BY rowid"),
        fills=_within(connection, _FILLS, session, session),
        checks=all_of("SELECT * FROM checks WHERE session = ? ORDER BY id"),
        settlements=all_of("SELECT * FROM settlements WHERE session = ? ORDER BY spread_no, leg"),
        warnings=all_of(_WARNINGS),
        notifications=all_of("SELECT * FROM notifications WHERE session = ? ORDER BY id"),
        history=all_of(
            "SELECT * FROM daily_summary WHERE mode = ? AND date <= ? ORDER BY date", mode, day
        ),
        statistics=summarise(
            finished_trades(
                all_of(
                    "SELECT * FROM trades WHERE mode = ? AND date <= ?"
                    " ORDER BY date, entry_time, trade_id",
                    mode,
                    day,
                )
            )
        ),
        is_newest=not all_of("SELECT 1 FROM sessions WHERE session > ? LIMIT 1"),
    )


def read_period(connection: sqlite3.Connection, start: date, end: date) -> list[PeriodFacts]:
    """Return what is recorded in a range of days, both included: each mode by itself, by name."""
    days = _within(connection, _DAYS, start, end)
    trades = read_trades(connection, start, end)
    fills = _within(connection, _FILLS, start, end)
    troubled = _within(connection, _TROUBLED, start, end)
    mode_of = {day["date"]: day["mode"] for day in days}

    def of(mode: str, rows: tuple[Row, ...], key: str) -> tuple[Row, ...]:
        return tuple(row for row in rows if mode_of.get(row[key]) == mode)

    return [
        PeriodFacts(
            start=start,
            end=end,
            mode=mode,
            days=of(mode, days, "date"),
            trades=of(mode, trades, "date"),
            fills=of(mode, fills, "session"),
            troubled=of(mode, troubled, "session"),
        )
        for mode in sorted(set(mode_of.values()))
    ]


def read_trades(connection: sqlite3.Connection, start: date, end: date) -> tuple[Row, ...]:
    """Return the trades of a range of days, both included, in the order in which they began."""
    return _within(
        connection,
        "SELECT * FROM trades WHERE date BETWEEN :start AND :end"
        " ORDER BY date, entry_time, trade_id",
        start,
        end,
    )


def recorded_days(connection: sqlite3.Connection, wanted: date) -> str:
    """Return in words which recorded days lie nearest to one of which nothing is recorded."""
    (near,) = _rows(
        connection,
        "WITH days AS (SELECT date FROM daily_summary UNION SELECT session FROM sessions)"
        " SELECT max(date) FILTER (WHERE date < ?1) AS before,"
        " min(date) FILTER (WHERE date > ?1) AS after,"
        " min(date) AS first, max(date) AS last FROM days",
        str(wanted),
    )
    if near["first"] is None:
        return "no day has been recorded yet, so let the program run first"
    nearest = " and ".join(filter(None, (near["before"], near["after"])))
    return (
        f"give a trading day from {near['first']} to {near['last']} (the nearest to it: {nearest})"
    )


def _within(connection: sqlite3.Connection, query: str, start: date, end: date) -> tuple[Row, ...]:
    values = {"start": str(start), "end": str(end)}
    return tuple(dict(row) for row in connection.execute(query, values))


def _rows(connection: sqlite3.Connection, query: str, *values: str) -> tuple[Row, ...]:
    return tuple(dict(row) for row in connection.execute(query, values))
