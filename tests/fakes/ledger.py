"""Ledger rows in one line each, written with plain SQL so that no code under test is needed."""

import json
import sqlite3
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

from src.database import open_database
from src.judgement import Criterion
from src.models import (
    NEW_YORK,
    EntryDecision,
    OptionContract,
    Quote,
    SpreadPosition,
    TradeSetup,
)

DAY = date(2026, 1, 26)


def moment(hour: int, minute: int = 0, second: int = 0, day: date = DAY) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=NEW_YORK)


def a_decision(
    *,
    at: datetime | None = None,
    should_trade: bool = True,
    profit: float | None = 637.85,
    seen: str = "$637.85",
    spx_strike: float = 6000,
    day: date = DAY,
) -> EntryDecision:
    """The worked example: SPY 600 call 2.98 x 3.02, SPXW 6000 call 23.00 x 23.40."""
    at = at or moment(9, 35, day=day)
    setup = TradeSetup(
        timestamp=at,
        spy_price=600.25,
        spx_price=6002.50,
        spy_contract=OptionContract("SPY", day, 600),
        spx_contract=OptionContract("SPXW", day, spx_strike),
        spy_call=Quote(at, bid=2.98, ask=3.02),
        spx_call=Quote(at, bid=23.00, ask=23.40),
    )
    return EntryDecision(
        timestamp=at,
        should_trade=should_trade,
        criteria=(
            Criterion("entry window", passed=True, seen="09:35:00", limit="09:35 to 15:00"),
            Criterion("expected profit", passed=should_trade, seen=seen, limit="above $400"),
        ),
        entry_credit=637.85,
        expected_profit=profit,
        risk=1000.0,
        position_size=1,
        setup=setup,
    )


def without_setup(decision: EntryDecision) -> EntryDecision:
    return replace(decision, setup=None, entry_credit=None, expected_profit=None)


def a_position(
    *,
    spread_no: int = 1,
    day: date = DAY,
    entry_cash: str = "637.85",
    fees: str = "2.15",
    spreads: int = 1,
) -> SpreadPosition:
    return SpreadPosition(
        session=day,
        spread_no=spread_no,
        spy_contract=OptionContract("SPY", day, 600),
        spx_contract=OptionContract("SPXW", day, 6000),
        spy_short=10 * spreads,
        spx_long=spreads,
        cash=Decimal(entry_cash),
        entry_cash=Decimal(entry_cash),
        fees=Decimal(fees),
        opened_at=moment(9, 35, spread_no, day),
        spreads_opened=spreads,
    )


class Ledger:
    """A database in memory with one session begun, and what may be written into it."""

    def __init__(self, day: date = DAY, mode: str = "paper") -> None:
        self.connection: sqlite3.Connection = open_database(None)
        self.begin(day, mode)

    def begin(self, day: date, mode: str = "paper", phase: str = "settled") -> None:
        self.day = day
        self._sql(
            "INSERT INTO sessions VALUES (?, ?, 'a test market', 'key', ?, ?, ?, NULL)",
            str(day),
            mode,
            phase,
            moment(9, 30, day=day).isoformat(),
            moment(9, 30, day=day).isoformat(),
        )

    def order(
        self,
        leg: str,
        side: str,
        quantity: int,
        price: str,
        *,
        fee: str = "0",
        purpose: str = "open",
        spread_no: int = 1,
        filled: int | None = None,
        note: str = "",
        at: datetime | None = None,
        limit: str = "",
        pieces: int = 1,
    ) -> None:
        """One order and its fill, in so many pieces; `filled` 0 is an order that was refused."""
        at = at or moment(9, 35, 10, self.day)
        attempt = self._count("orders") + 1
        order_id = f"{self.day}-{spread_no}-{leg}-{purpose}-{attempt}"
        filled = quantity if filled is None else filled
        cents = int(Decimal(price) * 100)
        limit_cents = int(Decimal(limit) * 100) if limit else max(cents, 1)
        symbol = f"{'SPY' if leg == 'spy' else 'SPXW'}{self.day:%y%m%d}C00600000"
        self._sql(
            "INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, 600, ?, ?, ?, ?, ?, '', ?)",
            *(order_id, str(self.day), spread_no, leg, purpose, attempt, symbol, side),
            *(quantity, limit_cents, at.isoformat(), "filled" if filled else "refused", note),
        )
        for _ in range(pieces if filled else 0):
            self._sql(
                "INSERT INTO fills VALUES (?, ?, ?, ?, ?, ?)",
                *(f"f{self._count('fills') + 1}", order_id, filled // pieces, cents),
                *(int(Decimal(fee) * 100) // pieces, at.isoformat()),
            )

    def open_reference_spread(self, spread_no: int = 1) -> None:
        """Buy 1 SPXW at 23.40 and sell 10 SPY at 2.98 for fees of 2.15: 637.85 dollars."""
        self.order("spx", "buy", 1, "23.40", fee="0.65", spread_no=spread_no)
        self.order("spy", "sell", 10, "2.98", fee="1.50", spread_no=spread_no)

    def settle(
        self,
        leg: str,
        contracts: int,
        cash: str,
        *,
        shares: int = 0,
        close: float = 0.0,
        spread_no: int = 1,
    ) -> None:
        self._sql(
            "INSERT INTO settlements VALUES (?, ?, ?, ?, ?, ?, ?, 'official close', ?)",
            *(str(self.day), spread_no, leg, contracts, close, int(Decimal(cash) * 100), shares),
            moment(16, 20, day=self.day).isoformat(),
        )

    def decide(self, decision: EntryDecision) -> None:
        gap = decision.setup.strike_gap if decision.setup else None
        self._sql(
            "INSERT INTO decisions VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)",
            *(str(self.day), decision.timestamp.isoformat(), int(decision.should_trade)),
            *(decision.entry_credit, decision.expected_profit, gap),
            json.dumps(decision.to_dict()),
        )

    def check(
        self,
        at: datetime,
        pnl: float | None,
        *,
        signal: str = "",
        text: str = "",
        spread_no: int = 1,
    ) -> None:
        self._sql(
            "INSERT INTO checks VALUES (NULL, ?, ?, ?, 600.5, ?, ?, ?)",
            *(str(self.day), spread_no, at.isoformat(), pnl, signal, text),
        )

    def alert(self, title: str, text: str, *, delivered: datetime | None = None) -> None:
        self._sql(
            "INSERT INTO notifications VALUES (NULL, ?, ?, ?, ?, ?, ?, 'warning', '', '')",
            *(str(self.day), moment(9, 36, day=self.day).isoformat(), title, title, text),
            delivered.isoformat() if delivered else None,
        )

    def event(self, kind: str, text: str, *, at: datetime | None = None) -> None:
        self._sql(
            "INSERT INTO events (session, at, kind, text) VALUES (?, ?, ?, ?)",
            *(str(self.day), (at or moment(10, day=self.day)).isoformat(), kind, text),
        )

    def control(self, mode: int, reason: str, session: date | None = None) -> None:
        """A person's wish: 1 reduce-only, 2 close, 3 halt; without a session it is for the next."""
        self._sql(
            "INSERT INTO control VALUES ('person', ?, ?, ?, ?)",
            *(mode, str(session or ""), reason, moment(12, day=self.day).isoformat()),
        )

    def trade(self, spread_no: int = 1, day: date | None = None) -> sqlite3.Row:
        trade_id = f"{day or self.day}-{spread_no}"
        row: sqlite3.Row = self._sql("SELECT * FROM trades WHERE trade_id = ?", trade_id).fetchone()
        return row

    def summary(self, day: date | None = None) -> sqlite3.Row:
        row: sqlite3.Row = self._sql(
            "SELECT * FROM daily_summary WHERE date = ?", str(day or self.day)
        ).fetchone()
        return row

    def cash_cents(self) -> int:
        """All money that ever moved: fills less fees, and settlements."""
        bought = self._sql(
            "SELECT o.side, f.quantity, f.price_cents, f.fee_cents "
            "FROM fills f JOIN orders o USING (client_order_id)"
        ).fetchall()
        total: int = 0
        for side, quantity, price, fee in bought:
            total += (100 if side == "sell" else -100) * quantity * price - fee
        settled = self._sql("SELECT cash_cents FROM settlements").fetchall()
        return total + sum(int(row["cash_cents"]) for row in settled)

    def _count(self, table: str) -> int:
        # The name is one of this builder's own tables.
        return int(self._sql(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608

    def _sql(self, statement: str, *values: object) -> sqlite3.Cursor:
        return self.connection.execute(statement, values)
