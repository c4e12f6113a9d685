"""A record of many traded days in a file, written with plain SQL so that it takes a moment."""

import json
import random
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

from src.database import open_database
from tests.fakes.ledger import a_decision, moment

TEN_YEARS = 2_520
_TRADE = """
INSERT INTO trades (
    trade_id, date, spy_strike, spx_strike, entry_credit, exit_cost, exit_reason, final_pnl,
    entry_time, exit_time, spreads, mode, quoted_credit, expected_profit, fees)
VALUES (?, ?, 600, 6000, 637.85, ?, ?, ?, ?, ?, 1, ?, 637.85, ?, 4.30)
"""
_REASONS = ("EXPIRED", "PRE_EXPIRATION", "PIN_RISK", "MAX_LOSS", "ASSIGNMENT_RISK")


def weekdays(last: date, days: int) -> list[date]:
    """Return the weekdays up to one, oldest first."""
    found: list[date] = []
    while len(found) < days:
        if last.weekday() < 5:
            found.append(last)
        last -= timedelta(days=1)
    return found[::-1]


def many_days(
    folder: Path,
    *,
    days: int = TEN_YEARS,
    last: date = date(2026, 11, 20),
    mode: str = "paper",
    checks: int = 5,
    average: float = 40.0,
) -> Path:
    """Write a trade a day, with its decision, orders, fills and checks; return the database.

    Results are dollars by chance around `average`, the same every time.
    """
    path = folder / "trades.db"
    chance = random.Random(1)  # noqa: S311 - results of a test
    with closing(open_database(path, durable=False)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        for day in weekdays(last, days):
            pnl = round(chance.gauss(average, 380), 2)
            for statement, values in _rows(day, mode, pnl, chance, checks):
                connection.execute(statement, values)
        connection.execute("COMMIT")
    return path


def _rows(
    day: date, mode: str, pnl: float, chance: random.Random, checks: int
) -> Iterator[tuple[str, tuple[object, ...]]]:
    key, entry = day.isoformat(), moment(9, 40, day=day).isoformat()
    leave = moment(15, 45, day=day).isoformat()
    reason = "MAX_LOSS" if pnl < -500 else chance.choice(_REASONS[:3])
    yield (
        "INSERT INTO sessions VALUES (?, ?, 'a test market', 'key', 'reported', ?, ?, NULL)",
        (key, mode, entry, leave),
    )
    yield (
        "INSERT INTO spreads VALUES (?, 1, 600, 6000, 1, ?, 2340, 0, 'closed')",
        (key, entry),
    )
    decision = a_decision(at=moment(9, 40, day=day), day=day)
    yield (
        "INSERT INTO decisions VALUES (NULL, ?, ?, 1, 637.85, 637.85, 0.0, ?)",
        (key, entry, json.dumps(decision.to_dict())),
    )
    # What is paid to get out makes the result: 637.85 came in.
    paid = round(63785 - 100 * pnl)
    for leg, side, quantity, cents, purpose, at in (
        ("spx", "buy", 1, 2340, "open", entry),
        ("spy", "sell", 10, 298, "open", entry),
        ("spy", "buy", 10, 250, "close", leave),
        ("spx", "sell", 1, (250_000 - paid - 215) // 100, "close", leave),
    ):
        order = f"{key}-1-{leg}-{purpose}-1"
        symbol = f"{'SPY' if leg == 'spy' else 'SPXW'}{day:%y%m%d}C00600000"
        yield (
            "INSERT INTO orders VALUES (?, ?, 1, ?, ?, 1, ?, 600, ?, ?, ?, ?, 'filled', '', '')",
            (order, key, leg, purpose, symbol, side, quantity, max(cents, 1), at),
        )
        yield (
            "INSERT INTO fills VALUES (?, ?, ?, ?, ?, ?)",
            (order, order, quantity, max(cents, 1), 65 if leg == "spx" else 150, at),
        )
    for n in range(checks):
        at = moment(10 + n * 6 // checks, 5 * n % 60, day=day).isoformat()
        yield (
            "INSERT INTO checks VALUES (NULL, ?, 1, ?, ?, ?, '', 'hold')",
            (key, at, 600 + n / 10, pnl * n / checks),
        )
    yield (
        _TRADE,
        (
            *(f"{key}-1", key, round(637.85 - pnl, 2), reason, pnl, entry, leave, mode),
            round(400 + abs(chance.gauss(0, 120)), 2),
        ),
    )
    yield (
        "INSERT INTO daily_summary VALUES (?, 1, ?, ?, '', ?, '')",
        (key, pnl, float(pnl > 0), mode),
    )
