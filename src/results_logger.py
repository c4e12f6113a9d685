"""What the ledger amounts to, kept and told: trades, daily summaries, statistics, reports, CSV.

Every figure of a trade is counted in integer cents from its fills and settlements.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from src.models import NEW_YORK, EntryDecision, ExitReason, SpreadPosition
from src.ticks import CENT

if TYPE_CHECKING:
    from src.coming_session import ComingSession
    from src.daily_report import DailyReport
    from src.trade_statistics import Row, Statistics

_LOG_TRADE = """
INSERT INTO trades (
    trade_id, date, spy_price, spx_price, spy_strike, spx_strike, spy_bid, spy_ask, spx_bid,
    spx_ask, entry_credit, entry_time, spreads, mode, ratio, strike_gap, quoted_credit,
    expected_profit, fees, note)
VALUES (
    :trade_id, :date, :spy_price, :spx_price, :spy_strike, :spx_strike, :spy_bid, :spy_ask,
    :spx_bid, :spx_ask, :entry_credit, :entry_time, :spreads, :mode, :ratio, :strike_gap,
    :quoted_credit, :expected_profit, :fees, :note)
ON CONFLICT (trade_id) DO UPDATE SET
    spy_price = excluded.spy_price, spx_price = excluded.spx_price,
    spy_strike = excluded.spy_strike, spx_strike = excluded.spx_strike,
    spy_bid = excluded.spy_bid, spy_ask = excluded.spy_ask,
    spx_bid = excluded.spx_bid, spx_ask = excluded.spx_ask,
    entry_credit = excluded.entry_credit, entry_time = excluded.entry_time,
    spreads = excluded.spreads, mode = excluded.mode, ratio = excluded.ratio,
    strike_gap = excluded.strike_gap, quoted_credit = excluded.quoted_credit,
    expected_profit = excluded.expected_profit, fees = excluded.fees, note = excluded.note
WHERE trades.final_pnl IS NULL
"""

_DECIDED = (
    "spy_price",
    "spx_price",
    "spy_bid",
    "spy_ask",
    "spx_bid",
    "spx_ask",
    "ratio",
    "strike_gap",
    "quoted_credit",
    "expected_profit",
)
"""What a trade knows from its decision."""

# Contracts are signed, long positive; a settlement takes away the position that it settles.
_LEDGER = """
WITH moves AS (
    SELECT o.session, o.spread_no, o.leg, o.purpose,
           CASE o.side WHEN 'buy' THEN 1 ELSE -1 END * f.quantity AS contracts,
           CASE o.side WHEN 'buy' THEN -1 ELSE 1 END * f.quantity * 100 * f.price_cents
               - f.fee_cents AS cash_cents,
           f.fee_cents, 0 AS shares
    FROM fills f JOIN orders o USING (client_order_id)
    UNION ALL
    SELECT session, spread_no, leg, 'settle', -contracts, cash_cents, 0, shares
    FROM settlements
)
SELECT sum(CASE purpose WHEN 'open' THEN cash_cents ELSE 0 END) AS entry_cents,
       sum(cash_cents) AS cash_cents,
       sum(fee_cents) AS fee_cents,
       sum(shares) AS shares,
       max(purpose = 'settle') AS settled,
       max(purpose = 'close') AS closed,
       sum(CASE leg WHEN 'spy' THEN contracts ELSE 0 END) AS spy_held,
       sum(CASE leg WHEN 'spx' THEN contracts ELSE 0 END) AS spx_held
FROM moves WHERE session = ? AND spread_no = ?
"""

_SUMMARISE_DAY = """
INSERT INTO daily_summary (date, trades_count, total_pnl, win_rate, notes, mode)
SELECT :date, count(*), coalesce(sum(round(final_pnl * 100)), 0) / 100.0, avg(final_pnl > 0),
       :notes, :mode
FROM trades WHERE date = :date
ON CONFLICT (date) DO UPDATE SET
    trades_count = excluded.trades_count, total_pnl = excluded.total_pnl,
    win_rate = excluded.win_rate, mode = excluded.mode,
    notes = CASE excluded.notes WHEN '' THEN notes ELSE excluded.notes END,
    skip_reason = CASE excluded.trades_count WHEN 0 THEN skip_reason ELSE '' END
"""


class ResultsLogger:
    """Keeps `trades` and `daily_summary`, and tells a person what is in them.

    `folder` is the data folder: reports go to its `reports/`, CSV files to its `exports/`. All
    dollars are rounded to cents, positive when received; times are New York time. `coming` tells
    the session after a day, for the report; without it that is left out. `csv_dialect` is one of
    `src.exports.DIALECTS`.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        folder: Path,
        coming: "Callable[[date], ComingSession] | None" = None,
        csv_dialect: str = "standard",
    ) -> None:
        self._connection = connection
        self._folder = folder
        self._coming = coming
        self._csv_dialect = csv_dialect

    def log_trade(
        self, position: SpreadPosition, decision: EntryDecision, mode: str, note: str = ""
    ) -> None:
        """Record a position that was opened, or opened further; a finished trade stays as it is.

        `decision` is the one that opened it; ValueError when it names no priced setup.
        """
        setup = decision.setup
        if setup is None or decision.entry_credit is None or decision.expected_profit is None:
            raise ValueError(f"Trade {position.trade_id} comes from a decision without a setup.")
        values = {
            "trade_id": position.trade_id,
            "date": str(position.session),
            "spy_price": setup.spy_price,
            "spx_price": setup.spx_price,
            "spy_strike": position.spy_contract.strike,
            "spx_strike": position.spx_contract.strike,
            "spy_bid": setup.spy_call.bid,
            "spy_ask": setup.spy_call.ask,
            "spx_bid": setup.spx_call.bid,
            "spx_ask": setup.spx_call.ask,
            "entry_credit": float(position.entry_cash.quantize(CENT)),
            "entry_time": _iso(position.opened_at),
            "spreads": position.spreads_opened,
            "mode": mode,
            "ratio": setup.ratio,
            "strike_gap": setup.strike_gap,
            "quoted_credit": decision.entry_credit,
            "expected_profit": decision.expected_profit,
            "fees": float(position.fees.quantize(CENT)),
            "note": note,
        }
        with self._transaction():
            self._connection.execute(_LOG_TRADE, values)
            self._summarise_day(position.session, mode)

    def log_adopted(self, position: SpreadPosition, mode: str) -> None:
        """Record a position that was found at the broker and whose decision is lost."""
        values = {
            "trade_id": position.trade_id,
            "date": str(position.session),
            "spy_strike": position.spy_contract.strike,
            "spx_strike": position.spx_contract.strike,
            "entry_credit": float(position.entry_cash.quantize(CENT)),
            "entry_time": _iso(position.opened_at),
            "spreads": position.spreads_opened,
            "mode": mode,
            "fees": float(position.fees.quantize(CENT)),
            "note": "adopted: found at the broker, its decision is not in the record",
        }
        with self._transaction():
            self._connection.execute(_LOG_TRADE, dict.fromkeys(_DECIDED) | values)
            self._summarise_day(position.session, mode)

    def has_trade(self, trade_id: str) -> bool:
        """Whether a trade is recorded under this id."""
        found = self._connection.execute("SELECT 1 FROM trades WHERE trade_id = ?", (trade_id,))
        return found.fetchone() is not None

    def log_skip(self, session: date, mode: str, reason: str) -> None:
        """Record why a day has no trade so far: the last reason given counts, a trade clears it."""
        with self._transaction():
            self._summarise_day(session, mode)
            self._connection.execute(
                "UPDATE daily_summary SET skip_reason = ? WHERE date = ? AND trades_count = 0",
                (reason, str(session)),
            )

    def log_exit(self, session: date, spread_no: int, reason: ExitReason, at: datetime) -> None:
        """Record why and when a trade was closed, and count it afresh from the ledger.

        Of two exits of one trade the later call counts. LookupError when there is no such trade.
        """
        trade_id = f"{session}-{spread_no}"
        with self._transaction():
            found = self._connection.execute(
                "UPDATE trades SET exit_reason = ?, exit_time = ? WHERE trade_id = ? "
                "RETURNING mode",
                (reason, _iso(at), trade_id),
            ).fetchall()
            if not found:
                raise LookupError(f"There is no trade {trade_id} that could have been closed.")
            self._count_trade(session, trade_id, at)
            self._summarise_day(session, found[0]["mode"])

    def exit_reason(self, session: date, spread_no: int) -> ExitReason:
        """Return why a trade is being closed. LookupError when it has no exit yet."""
        for row in self._rows(
            "SELECT exit_reason FROM trades WHERE trade_id = ?", f"{session}-{spread_no}"
        ):
            if row["exit_reason"] is not None:
                return ExitReason(row["exit_reason"])
        raise LookupError(f"Trade {session}-{spread_no} has no exit yet.")

    def update_final_pnl(self, session: date, mode: str, at: datetime, notes: str = "") -> None:
        """Count every trade of a session from the ledger, and the day from its trades.

        A trade whose contracts are not all gone has no final P&L. One that ended by settlement
        and has no exit yet is EXPIRED at `at`. Twice gives the same; empty `notes` keep the old.
        """
        with self._transaction():
            for trade in self._rows("SELECT trade_id FROM trades WHERE date = ?", str(session)):
                self._count_trade(session, trade["trade_id"], at)
            self._summarise_day(session, mode, notes)

    def statistics(
        self, start: date | None = None, end: date | None = None, mode: str | None = None
    ) -> "Statistics":
        """Return the figures of the finished trades of a range of days, both ends included.

        With `mode` only trades of that mode count. Raises MendInput for a range that ends first.
        """
        from src.exports import check_range  # noqa: PLC0415 - an evening's work, no start's
        from src.trade_statistics import finished_trades, summarise  # noqa: PLC0415 - likewise

        check_range(start, end)
        trades = finished_trades(self._trades(start or date.min, end or date.max))
        return summarise([trade for trade in trades if mode in (None, trade.mode)])

    def generate_daily_report(self, session: date) -> "DailyReport":
        """Write a day's report to `reports/<date>.txt`, `.md` and `.html`, and return it.

        Raises MendInput for a day of which nothing was recorded, and when a file cannot be written.
        """
        from src.control import Control, ControlTable  # noqa: PLC0415 - as above
        from src.daily_report import compose  # noqa: PLC0415 - likewise
        from src.database import Store  # noqa: PLC0415 - likewise
        from src.report_files import write_report  # noqa: PLC0415 - likewise
        from src.report_records import read_day  # noqa: PLC0415 - likewise

        facts = read_day(self._connection, session)
        rule = Control(ControlTable(Store(self._connection), None), self._folder).rule()
        # What rules now says nothing of the session after one that is long past.
        coming = self._coming(session) if self._coming and facts.is_newest else None
        blocks = compose(facts, coming, rule)
        return write_report(self._folder / "reports", str(session), blocks)

    def export_to_csv(self, start: date, end: date) -> list[Path]:
        """Write the CSV files of a range of days, both ends included, and return their paths.

        Each file is replaced whole or not at all. Raises MendInput for a range that ends first, and
        `src.exports.NotAllWritten` when some file cannot be written, after all others were.
        """
        from src.export_sheets import sheets  # noqa: PLC0415 - as above
        from src.exports import check_range, write_exports  # noqa: PLC0415 - likewise

        check_range(start, end)
        found = sheets(self._connection, start, end)
        return write_exports(self._folder / "exports", start, end, found, self._csv_dialect)

    def export_daily_csv(self, day: date) -> list[Path]:
        """Write the CSV files of one day, as `export_to_csv` does."""
        return self.export_to_csv(day, day)

    def _count_trade(self, session: date, trade_id: str, at: datetime) -> None:
        spread_no = int(trade_id.rpartition("-")[2])
        (ledger,) = self._rows(_LEDGER, str(session), spread_no)
        if ledger["cash_cents"] is None:
            return
        gone = ledger["spy_held"] == 0 and ledger["spx_held"] == 0
        entry, final = ledger["entry_cents"], ledger["cash_cents"]
        self._connection.execute(
            "UPDATE trades SET entry_credit = ?, exit_cost = ?, final_pnl = ?, fees = ?, "
            "assigned_shares = ? WHERE trade_id = ?",
            (
                entry / 100,
                (entry - final) / 100 if gone else None,
                final / 100 if gone else None,
                ledger["fee_cents"] / 100,
                ledger["shares"],
                trade_id,
            ),
        )
        if gone and ledger["settled"]:
            # An exit of which nothing was filled is no exit: what ended the trade is its expiry.
            self._connection.execute(
                "UPDATE trades SET note = CASE WHEN exit_reason IS NULL THEN note "
                "ELSE 'not carried out: ' || exit_reason END, exit_reason = ?, exit_time = ? "
                "WHERE trade_id = ? AND exit_reason IS NOT ? AND (exit_reason IS NULL OR NOT ?)",
                (ExitReason.EXPIRED, _iso(at), trade_id, ExitReason.EXPIRED, ledger["closed"]),
            )

    def _summarise_day(self, session: date, mode: str, notes: str = "") -> None:
        values = {"date": str(session), "mode": mode, "notes": notes}
        self._connection.execute(_SUMMARISE_DAY, values)

    def _trades(self, start: date, end: date) -> "tuple[Row, ...]":
        return self._rows(
            "SELECT * FROM trades WHERE date BETWEEN ? AND ? ORDER BY date, entry_time, trade_id",
            str(start),
            str(end),
        )

    def _rows(self, query: str, *values: str | int) -> tuple[dict[str, Any], ...]:
        return tuple(dict(row) for row in self._connection.execute(query, values))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Hold what belongs together; inside a caller's transaction, be part of that one."""
        if self._connection.in_transaction:
            yield
            return
        self._connection.execute("BEGIN IMMEDIATE")
        with self._connection:
            yield


def _iso(moment: datetime) -> str:
    return moment.astimezone(NEW_YORK).isoformat()
