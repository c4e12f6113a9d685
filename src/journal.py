"""The record of what was intended, sent and answered, and the positions that follow from it.

Amounts are integer cents in the database and `Decimal` dollars outside of it.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from src.database import Store
from src.models import (
    Answer,
    Fill,
    Leg,
    OptionContract,
    OrderIntent,
    OrderOutcome,
    Purpose,
    Side,
    SpreadPosition,
)
from src.order_records import OrderRecord, OrderStatus, SettledLeg, SpreadPlan, fold
from src.ports import OrderReport, OrderState
from src.settlement import ExpirationValue


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """All that is recorded of a session's orders, as it was when it was last read."""

    rollbacks: int
    plans: list[SpreadPlan]
    orders: list[OrderRecord]
    positions: dict[int, SpreadPosition]
    fees: dict[str, Decimal]
    """The fee of each fill that is recorded, by its id."""
    ids: frozenset[str]


class Journal:
    """The orders of one session. It has no clock: every time is given to it."""

    def __init__(self, store: Store, session: date) -> None:
        self._store = store
        self.session = session
        self._key = session.isoformat()
        self._snapshot: _Snapshot | None = None

    def commit(self) -> None:
        """Make everything written so far survive the death of the process."""
        self._store.commit()

    def next_spread_no(self) -> int:
        """Return the number of the next spread of this session, from 1."""
        return max((each.spread_no for each in self._now().plans), default=0) + 1

    def record_plan(self, plan: SpreadPlan) -> None:
        """Commit what an entry is going to do, before its first order."""
        self._write(
            "INSERT INTO spreads VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                self._key,
                plan.spread_no,
                plan.spy_contract.strike,
                plan.spx_contract.strike,
                plan.wanted,
                plan.started_at.isoformat(),
                to_cents(plan.spx_worst),
                to_cents(plan.spy_floor),
                plan.stage,
            ),
        )
        self._store.commit()

    def set_stage(self, spread_no: int, stage: str) -> None:
        """Record that a spread is entering, held, exiting or closed."""
        self._write(
            "UPDATE spreads SET stage = ? WHERE session = ? AND spread_no = ?",
            (stage, self._key, spread_no),
        )

    def plans(self) -> list[SpreadPlan]:
        """Return every spread that this session set out to open, oldest first."""
        return self._now().plans

    def plan(self, spread_no: int) -> SpreadPlan:
        """Return one spread's plan. Raises KeyError if there is none."""
        for plan in self._now().plans:
            if plan.spread_no == spread_no:
                return plan
        raise KeyError(spread_no)

    def orders(self, spread_no: int | None = None) -> list[OrderRecord]:
        """Return the session's orders in the order of their creation, or those of one spread."""
        every = self._now().orders
        if spread_no is None:
            return every
        return [each for each in every if each.intent.spread_no == spread_no]

    def positions(self) -> list[SpreadPosition]:
        """Return every spread of the session as its fills and settlements made it."""
        return list(self._now().positions.values())

    def position(self, plan: SpreadPlan) -> SpreadPosition:
        """Return what one spread's fills and settlements have made of it."""
        return self._now().positions[plan.spread_no]

    def record_intent(self, intent: OrderIntent) -> None:
        """Commit an order before it is sent, so that no crash can forget it."""
        self._write(
            "INSERT INTO orders (client_order_id, session, spread_no, leg, purpose, attempt,"
            " symbol, strike, side, quantity, limit_cents, created_at, state)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                intent.client_order_id,
                self._key,
                intent.spread_no,
                intent.leg.value,
                intent.purpose.value,
                intent.attempt,
                intent.contract.symbol,
                intent.contract.strike,
                intent.side.value,
                intent.quantity,
                to_cents(intent.limit),
                intent.created_at.isoformat(),
                OrderStatus.INTENT.value,
            ),
        )
        self._store.commit()

    def record_outcome(self, outcome: OrderOutcome) -> None:
        """Commit the answer to a submission."""
        status = {
            Answer.ACCEPTED: OrderStatus.WORKING,
            Answer.REFUSED: OrderStatus.REFUSED,
            Answer.UNKNOWN: OrderStatus.UNKNOWN,
        }[outcome.answer]
        note = " ".join(part for part in (outcome.code, outcome.text) if part)
        self._set_status(outcome.client_order_id, status, outcome.broker_order_id, note)
        self._store.commit()

    def record_status(self, client_order_id: str, status: OrderStatus, note: str = "") -> None:
        """Commit a change of state that is our own doing."""
        self._set_status(client_order_id, status, "", note)
        self._store.commit()

    def _set_status(self, order: str, status: OrderStatus, broker_order_id: str, note: str) -> None:
        self._write(
            "UPDATE orders SET state = ?, note = CASE WHEN ? = '' THEN note ELSE ? END,"
            " broker_order_id = CASE WHEN ? = '' THEN broker_order_id ELSE ? END"
            " WHERE client_order_id = ?",
            (status.value, note, note, broker_order_id, broker_order_id, order),
        )

    def apply(self, report: OrderReport) -> list[Fill]:
        """Commit what the broker says of an order; return the fills that were new.

        The same report twice changes nothing, and a fill counts even if it arrives after the
        order was thought to be over.
        """
        known = self._now().fees
        new = [
            fill for fill in report.fills if fill.fill_id not in known and self._write_fill(fill)
        ]
        row = self._store.read(
            "SELECT state FROM orders WHERE client_order_id = ?", (report.client_order_id,)
        ).fetchone()
        status = OrderStatus(report.state.value)
        keeps_cancelling = (
            report.state is OrderState.WORKING and row["state"] == OrderStatus.CANCELLING.value
        )
        # A report that comes late does not bring a filled order back to life.
        is_filled = row["state"] == OrderStatus.FILLED.value
        if not keeps_cancelling and not is_filled and row["state"] != status.value:
            self._set_status(report.client_order_id, status, report.broker_order_id, report.text)
        self._store.commit()
        return new

    def held(self, contract: OptionContract) -> int:
        """Return the contracts held by all spreads together, short ones negative."""
        return sum(
            (-each.spy_short if each.spy_contract == contract else 0)
            + (each.spx_long if each.spx_contract == contract else 0)
            for each in self.positions()
        )

    def knows(self, client_order_id: str) -> bool:
        """Whether an order was ever recorded."""
        return client_order_id in self._now().ids

    def has_fill(self, fill_id: str) -> bool:
        """Whether a fill was ever recorded."""
        return fill_id in self._now().fees

    def next_attempt(self, spread_no: int, leg: Leg, purpose: Purpose) -> int:
        """Return the number of the next order for one purpose of one leg, from 1."""
        every = (each.intent for each in self.orders(spread_no))
        same = (each.attempt for each in every if each.leg is leg and each.purpose is purpose)
        return max(same, default=0) + 1

    def record_fill(self, fill: Fill) -> bool:
        """Commit a fill of a known order, whatever its state; return whether it was new."""
        if self.has_fill(fill.fill_id) or not self._write_fill(fill):
            return False
        self._store.commit()
        return True

    def correct_fee(self, fill: Fill) -> Decimal | None:
        """Commit the fee that the broker tells of a recorded fill; return the one it replaces.

        Returns None, and writes nothing, when there is nothing to correct: the fill is not
        recorded, its fee is the same, or is only an estimate of ours. A broker may tell what it
        has charged seconds after the fill.
        """
        before = self._now().fees.get(fill.fill_id)
        if before is None or fill.fee_is_estimate or before == fill.fee:
            return None
        self._write(
            "UPDATE fills SET fee_cents = ? WHERE fill_id = ?", (to_cents(fill.fee), fill.fill_id)
        )
        self._store.commit()
        return before

    def adopt(
        self,
        intent: OrderIntent,
        contracts: tuple[OptionContract, OptionContract],
        note: str,
    ) -> None:
        """Commit an order that the broker knows of and this record does not.

        `contracts` are the SPY and the SPXW call of its spread. It is over: only its fills count.
        """
        self._write(
            "INSERT INTO spreads VALUES (?, ?, ?, ?, ?, ?, 0, 0, 'held') ON CONFLICT DO NOTHING",
            (
                self._key,
                intent.spread_no,
                contracts[0].strike,
                contracts[1].strike,
                max(intent.quantity // (10 if intent.leg is Leg.SPY else 1), 1),
                intent.created_at.isoformat(),
            ),
        )
        self.record_intent(intent)
        self.record_status(intent.client_order_id, OrderStatus.FILLED, note)

    def _write_fill(self, fill: Fill) -> bool:
        changed = self._write(
            "INSERT INTO fills VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (fill_id) DO NOTHING",
            (
                fill.fill_id,
                fill.client_order_id,
                fill.quantity,
                to_cents(fill.price),
                to_cents(fill.fee),
                fill.at.isoformat(),
            ),
        )
        return changed == 1

    def _now(self) -> _Snapshot:
        """Return the record as it is; it is read anew only when something was written."""
        if self._snapshot is None or self._snapshot.rollbacks != self._store.rollbacks:
            self._snapshot = self._read()
        return self._snapshot

    def _read(self) -> _Snapshot:
        plans = [
            self._plan(row)
            for row in self._store.read(
                "SELECT * FROM spreads WHERE session = ? ORDER BY spread_no", (self._key,)
            )
        ]
        orders = [
            self._order(row)
            for row in self._store.read(
                "SELECT o.*, coalesce(sum(f.quantity), 0) AS filled,"
                " coalesce(sum(f.quantity * f.price_cents), 0) AS paid,"
                " coalesce(sum(f.fee_cents), 0) AS fees"
                " FROM orders o LEFT JOIN fills f USING (client_order_id)"
                " WHERE o.session = ? GROUP BY o.client_order_id ORDER BY o.rowid",
                (self._key,),
            )
        ]
        settled = [
            SettledLeg(row[0], Leg(row[1]), row[2], from_cents(row[3]))
            for row in self._store.read(
                "SELECT spread_no, leg, contracts, cash_cents FROM settlements WHERE session = ?",
                (self._key,),
            )
        ]
        positions = {
            plan.spread_no: fold(
                plan,
                (each for each in orders if each.intent.spread_no == plan.spread_no),
                (each for each in settled if each.spread_no == plan.spread_no),
            )
            for plan in plans
        }
        rows = self._store.read(
            "SELECT f.fill_id, f.fee_cents FROM fills f JOIN orders o USING (client_order_id)"
            " WHERE o.session = ?",
            (self._key,),
        )
        fees = {row[0]: from_cents(row[1]) for row in rows}
        ids = frozenset(each.intent.client_order_id for each in orders)
        return _Snapshot(self._store.rollbacks, plans, orders, positions, fees, ids)

    def _plan(self, row: sqlite3.Row) -> SpreadPlan:
        return SpreadPlan(
            session=self.session,
            spread_no=row["spread_no"],
            spy_contract=OptionContract("SPY", self.session, row["spy_strike"]),
            spx_contract=OptionContract("SPXW", self.session, row["spx_strike"]),
            wanted=row["wanted"],
            started_at=datetime.fromisoformat(row["started_at"]),
            spx_worst=from_cents(row["spx_worst_cents"]),
            spy_floor=from_cents(row["spy_floor_cents"]),
            stage=row["stage"],
        )

    def _order(self, row: sqlite3.Row) -> OrderRecord:
        leg = Leg(row["leg"])
        intent = OrderIntent(
            session=self.session,
            spread_no=row["spread_no"],
            leg=leg,
            purpose=Purpose(row["purpose"]),
            attempt=row["attempt"],
            contract=OptionContract(
                "SPY" if leg is Leg.SPY else "SPXW", self.session, row["strike"]
            ),
            side=Side(row["side"]),
            quantity=row["quantity"],
            limit=from_cents(row["limit_cents"]),
            created_at=datetime.fromisoformat(row["created_at"]),
        )
        return OrderRecord(
            intent,
            OrderStatus(row["state"]),
            row["filled"],
            from_cents(row["paid"]),
            row["note"],
            from_cents(row["fees"]),
        )

    def _write(self, sql: str, values: Sequence[object]) -> int:
        self._snapshot = None
        return self._store.write(sql, values)

    def record_settlement(
        self,
        position: SpreadPosition,
        value: ExpirationValue,
        closes: tuple[float | None, float | None],
        note: str,
        at: datetime,
    ) -> None:
        """Record what expiry did to a position; a leg that is settled already stays as it is.

        `closes` are the SPY and SPX closing prices that were used, None where none was known.
        """
        legs: Iterable[tuple[Leg, int, float | None, Decimal, int]] = (
            (Leg.SPY, -position.spy_short, closes[0], value.spy_value, value.shares),
            (Leg.SPX, position.spx_long, closes[1], value.spx_cash, 0),
        )
        for leg, contracts, close, cash, shares in legs:
            if contracts == 0:
                continue
            self._write(
                "INSERT INTO settlements VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (
                    self._key,
                    position.spread_no,
                    leg.value,
                    contracts,
                    close,
                    to_cents(cash),
                    shares,
                    note,
                    at.isoformat(),
                ),
            )


def to_cents(amount: Decimal) -> int:
    """Return exact dollars as integer cents. Raises ValueError for a fraction of a cent."""
    cents = amount * 100
    if cents != cents.to_integral_value():
        raise ValueError(f"{amount} is not a whole number of cents")
    return int(cents)


def from_cents(cents: int) -> Decimal:
    """Return integer cents as exact dollars."""
    return Decimal(cents).scaleb(-2)
