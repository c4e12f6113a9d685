"""The record of what was intended, sent and answered, and the positions that follow from it.

Amounts are integer cents in the database and `Decimal` dollars outside of it.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from src.database import Remembered, Store
from src.models import (
    Answer,
    Fill,
    Leg,
    OptionContract,
    OrderIntent,
    OrderOutcome,
    Purpose,
    SpreadPosition,
)
from src.order_records import (
    NOTHING,
    Fills,
    OrderRecord,
    OrderStatus,
    SettledLeg,
    SpreadPlan,
    add_up,
    by_spread,
    fold,
    from_cents,
    intent_of,
    plan_of,
    to_cents,
)
from src.ports import OrderReport
from src.settlement import ExpirationValue


class Journal:
    """The orders of one session. It has no clock: every time is given to it."""

    def __init__(self, store: Store, session: date) -> None:
        self._store = store
        self.session = session
        self._key = session.isoformat()
        # Asked for many times a tick, so each part is read again only once it was written to.
        self._plans = Remembered(store, self._read_plans)
        self._orders = Remembered(store, self._read_orders)
        self._every_order = Remembered(store, lambda: by_spread(self._orders.get().values()))
        self._live = Remembered(store, lambda: [e for e in self.orders() if not e.status.is_final])
        self._fills = Remembered(store, self._read_fills)
        self._settled = Remembered(store, self._read_settled)
        self._positions = Remembered(store, self._fold_positions)
        self._every_position = Remembered(store, lambda: list(self._positions.get().values()))
        self._open = Remembered(store, lambda: [e for e in self.positions() if e.is_open])
        self._held = Remembered(store, lambda: add_up(self.positions()))
        self._of_positions = self._positions, self._every_position, self._open, self._held

    def commit(self) -> None:
        """Make everything written so far survive the death of the process."""
        self._store.commit()

    def next_spread_no(self) -> int:
        """Return the number of the next spread of this session, from 1."""
        return max((each.spread_no for each in self._plans.get()), default=0) + 1

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
            (self._plans, *self._of_positions),
        )
        self._store.commit()

    def set_stage(self, spread_no: int, stage: str) -> None:
        """Record that a spread is entering, held, exiting or closed."""
        self._write(
            "UPDATE spreads SET stage = ? WHERE session = ? AND spread_no = ?",
            (stage, self._key, spread_no),
            self._of_positions,
        )
        moved = (e._replace(stage=stage) if e.spread_no == spread_no else e for e in self.plans())
        self._plans.become(list(moved))

    def plans(self) -> Sequence[SpreadPlan]:
        """Return every spread that this session set out to open, oldest first."""
        return self._plans.get()

    def plan(self, spread_no: int) -> SpreadPlan:
        """Return one spread's plan. Raises KeyError if there is none."""
        for plan in self._plans.get():
            if plan.spread_no == spread_no:
                return plan
        raise KeyError(spread_no)

    def orders(self, spread_no: int | None = None) -> Sequence[OrderRecord]:
        """Return the session's orders in the order of their creation, or those of one spread."""
        return self._every_order.get().get(spread_no, [])

    def order(self, client_order_id: str) -> OrderRecord:
        """Return one order. Raises KeyError for one that was never recorded."""
        return self._orders.get()[client_order_id]

    def live_orders(self) -> Sequence[OrderRecord]:
        """Return the session's orders of which more is expected, oldest first."""
        return self._live.get()

    def positions(self) -> Sequence[SpreadPosition]:
        """Return every spread of the session as its fills and settlements made it.

        The very same object is returned until something of a spread is written.
        """
        return self._every_position.get()

    def open_positions(self) -> Sequence[SpreadPosition]:
        """Return every spread of which a contract is still held."""
        return self._open.get()

    def position(self, plan: SpreadPlan) -> SpreadPosition:
        """Return what one spread's fills and settlements have made of it."""
        return self._positions.get()[plan.spread_no]

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
        self._note(OrderRecord(intent, OrderStatus.INTENT, 0, Decimal(0), ""))
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
        if known := self._orders.get().get(order):
            self._note(known._replace(status=status, note=note or known.note))

    def _note(self, record: OrderRecord) -> None:
        """Take note of an order as it has just been written, so that none is read again for it."""
        self._orders.get()[record.intent.client_order_id] = record
        self._every_order.forget()
        self._live.forget()

    def apply(self, report: OrderReport) -> list[Fill]:
        """Commit what the broker says of an order; return the fills that were new.

        The same report twice changes nothing, and a fill counts even if it arrives after the
        order was thought to be over.
        """
        known = self._fills.get().fees
        new = [
            fill for fill in report.fills if fill.fill_id not in known and self._write_fill(fill)
        ]
        before = self.order(report.client_order_id).status
        status = OrderStatus(report.state.value)
        keeps_cancelling = status is OrderStatus.WORKING and before is OrderStatus.CANCELLING
        # A report that comes late does not bring a filled order back to life.
        if not keeps_cancelling and before not in {OrderStatus.FILLED, status}:
            self._set_status(report.client_order_id, status, report.broker_order_id, report.text)
        self._store.commit()
        return new

    def held(self, contract: OptionContract) -> int:
        """Return the contracts held by all spreads together, short ones negative."""
        return self._held.get().get(contract, 0)

    def knows(self, client_order_id: str) -> bool:
        """Whether an order was ever recorded."""
        return client_order_id in self._orders.get()

    def has_fill(self, fill_id: str) -> bool:
        """Whether a fill was ever recorded."""
        return fill_id in self._fills.get().fees

    def has_fills(self, fills: Iterable[Fill]) -> bool:
        """Whether every one of these fills was recorded, with the fee that is told now."""
        fees = self._fills.get().fees
        for each in fills:
            if each.fill_id not in fees:
                return False
            if not each.fee_is_estimate and fees[each.fill_id] != each.fee:
                return False
        return True

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
        before = self._fills.get().fees.get(fill.fill_id)
        if before is None or fill.fee_is_estimate or before == fill.fee:
            return None
        self._write(
            "UPDATE fills SET fee_cents = ? WHERE fill_id = ?",
            (to_cents(fill.fee), fill.fill_id),
            (self._fills, self._orders, self._every_order, self._live, *self._of_positions),
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
            (self._plans, *self._of_positions),
        )
        self.record_intent(intent)
        self.record_status(intent.client_order_id, OrderStatus.FILLED, note)

    def _write_fill(self, fill: Fill) -> bool:
        cents = to_cents(fill.price), to_cents(fill.fee)
        known, fills = self._orders.get().get(fill.client_order_id), self._fills.get()
        is_new = self._write(
            "INSERT INTO fills VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (fill_id) DO NOTHING",
            (
                fill.fill_id,
                fill.client_order_id,
                fill.quantity,
                *cents,
                fill.at.isoformat(),
            ),
            self._of_positions,
        )
        if is_new and known:
            fills.add(fill.client_order_id, fill.fill_id, fill.quantity, cents)
            filled, paid, fees = fills.of_orders[fill.client_order_id]
            self._note(known._replace(filled=filled, paid=paid, fees=fees))
        return is_new == 1

    def _read_plans(self) -> list[SpreadPlan]:
        rows = self._store.read(
            "SELECT * FROM spreads WHERE session = ? ORDER BY spread_no", (self._key,)
        )
        return [plan_of(row) for row in rows]

    def _read_orders(self) -> dict[str, OrderRecord]:
        rows = self._store.read(
            "SELECT * FROM orders WHERE session = ? ORDER BY rowid", (self._key,)
        )
        return {row["client_order_id"]: self._order(row) for row in rows}

    def _read_fills(self) -> Fills:
        rows = self._store.read(
            "SELECT f.client_order_id, f.fill_id, f.quantity, f.price_cents, f.fee_cents"
            " FROM fills f JOIN orders o USING (client_order_id) WHERE o.session = ?",
            (self._key,),
        )
        fills = Fills({}, {})
        for order, fill_id, quantity, price, fee in rows:
            fills.add(order, fill_id, quantity, (price, fee))
        return fills

    def _read_settled(self) -> list[SettledLeg]:
        rows = self._store.read(
            "SELECT spread_no, leg, contracts, cash_cents FROM settlements WHERE session = ?",
            (self._key,),
        )
        return [SettledLeg(row[0], Leg(row[1]), row[2], from_cents(row[3])) for row in rows]

    def _fold_positions(self) -> dict[int, SpreadPosition]:
        orders, settled = self._orders.get().values(), self._settled.get()
        return {
            plan.spread_no: fold(
                plan,
                (each for each in orders if each.intent.spread_no == plan.spread_no),
                (each for each in settled if each.spread_no == plan.spread_no),
            )
            for plan in self._plans.get()
        }

    def _order(self, row: sqlite3.Row) -> OrderRecord:
        filled, paid, fees = self._fills.get().of_orders.get(row["client_order_id"], NOTHING)
        status = OrderStatus(row["state"])
        return OrderRecord(intent_of(row), status, filled, paid, row["note"], fees)

    def _write(
        self, sql: str, values: Sequence[object], stale: Iterable[Remembered[Any]] = ()
    ) -> int:
        for part in stale:
            part.forget()
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
                (self._settled, *self._of_positions),
            )
