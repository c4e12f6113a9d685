"""A record of many sessions, written in one go: what a program has that ran for months or years."""

import sqlite3
from collections.abc import Sequence
from datetime import date, timedelta

FIRST = date(2016, 1, 4)
REASONS = ("PRE_EXPIRATION", "EXPIRED", "MAX_LOSS", "PRE_EXPIRATION")


def weekdays(first: date, many: int) -> list[date]:
    every = (first + timedelta(days=n) for n in range(2 * many + 7))
    return [day for day in every if day.weekday() < 5][:many]


def result_cents(number: int) -> int:
    """Return a result that is not round and now and then a loss: always the same for a number."""
    return (number * 7919 + 1237) % 90_001 - 30_000


def write_long_record(
    connection: sqlite3.Connection,
    days: Sequence[date],
    mode: str = "paper",
    *,
    every: int = 2,
    fills_an_order: int = 1,
) -> None:
    """Write sessions of which each `every`th has a trade of one spread, and the rest has none.

    The entry is sold a cent below its quote, and the exit bought a cent above its first limit.
    """
    connection.execute("BEGIN")
    with connection:
        for number, day in enumerate(days):
            traded = number % every == 0
            connection.execute(
                "INSERT INTO sessions VALUES (?, ?, 'a record', 'key', 'reported', ?, ?, NULL)",
                (str(day), mode, f"{day}T09:30:00-05:00", f"{day}T16:20:00-05:00"),
            )
            result = result_cents(number) / 100 if traded else 0.0
            reason = f"in 26 looks the best expected profit was -${number % 90}.54"
            connection.execute(
                "INSERT INTO daily_summary VALUES (?, ?, ?, ?, '', ?, ?)",
                (str(day), int(traded), result, int(result > 0), mode, "" if traded else reason),
            )
            if traded:
                _trade(connection, day, number, mode, fills_an_order)


def _trade(
    connection: sqlite3.Connection, day: date, number: int, mode: str, fills_an_order: int
) -> None:
    trade_id, cents = f"{day}-1", result_cents(number)
    reason = REASONS[number // 2 % len(REASONS)]
    entry = 63_785 - 1_000
    connection.execute(
        "INSERT INTO trades (trade_id, date, spy_price, spx_price, spy_strike, spx_strike, spy_bid,"
        " spy_ask, spx_bid, spx_ask, entry_credit, exit_cost, exit_reason, final_pnl, entry_time,"
        " exit_time, spreads, mode, ratio, strike_gap, quoted_credit, expected_profit, fees)"
        " VALUES (?, ?, 600.25, 6002.5, 600, 6000, 2.98, 3.02, 23.0, 23.4, ?, ?, ?, ?, ?, ?, 1, ?,"
        " 10.0, 0.0, 637.85, 410.0, 4.3)",
        (
            *(trade_id, str(day), entry / 100, (entry - cents) / 100, reason, cents / 100),
            *(f"{day}T09:35:00-05:00", f"{day}T15:45:00-05:00", mode),
        ),
    )
    orders = (
        *(("spx", "open", "buy", 1, 2340, 2340), ("spy", "open", "sell", 10, 298, 297)),
        *(("spy", "close", "buy", 10, 100, 101), ("spx", "close", "sell", 1, 880, 880)),
    )
    for leg, purpose, side, quantity, limit, price in orders:
        order = f"{trade_id}-{leg}-{purpose}-1"
        at = f"{day}T{'09:35:00' if purpose == 'open' else '15:45:00'}-05:00"
        connection.execute(
            "INSERT INTO orders VALUES (?, ?, 1, ?, ?, 1, 'SYMBOL', 600, ?, ?, ?, ?, 'filled', '',"
            " '')",
            (order, str(day), leg, purpose, side, quantity, limit, at),
        )
        pieces = min(fills_an_order, quantity)
        for piece in range(pieces):
            share = quantity // pieces + (1 if piece < quantity % pieces else 0)
            connection.execute(
                "INSERT INTO fills VALUES (?, ?, ?, ?, 15, ?)",
                (f"{order}-{piece}", order, share, price, at),
            )
