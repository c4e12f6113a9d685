"""Orders and plans as they are recorded, and the positions that follow from them."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from src.models import (
    MULTIPLIER,
    Fill,
    Leg,
    OptionContract,
    OrderIntent,
    Purpose,
    Side,
    SpreadPosition,
)


class OrderStatus(StrEnum):
    """Where an order stands in our own record."""

    INTENT = "intent"
    UNKNOWN = "unknown"
    REFUSED = "refused"
    WORKING = "working"
    CANCELLING = "cancelling"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"

    @property
    def is_final(self) -> bool:
        """Whether nothing more is expected of the order."""
        return self not in _OPEN_STATUSES

    @property
    def is_in_doubt(self) -> bool:
        """Whether the broker may or may not have the order."""
        return self in {OrderStatus.INTENT, OrderStatus.UNKNOWN}


_OPEN_STATUSES = frozenset(
    {OrderStatus.INTENT, OrderStatus.UNKNOWN, OrderStatus.WORKING, OrderStatus.CANCELLING}
)


class OrderRecord(NamedTuple):
    """An order as we know it.

    `paid` is its fills' price times quantity, dollars per share; `fees` is dollars.
    """

    intent: OrderIntent
    status: OrderStatus
    filled: int
    paid: Decimal
    note: str
    fees: Decimal = Decimal(0)


class SpreadPlan(NamedTuple):
    """What an entry set out to do, kept so that a restart finishes the same plan.

    `spx_worst` is the most to pay per share for SPXW; `spy_floor` the dollars a spread that the
    SPY sale must bring besides what the SPXW call cost, so that the entry criteria still hold.
    """

    session: date
    spread_no: int
    spy_contract: OptionContract
    spx_contract: OptionContract
    wanted: int
    started_at: datetime
    spx_worst: Decimal
    spy_floor: Decimal
    stage: str


NOTHING = (0, Decimal(0), Decimal(0))
"""What of an order without fills is filled, paid, and charged."""


@dataclass(frozen=True, slots=True)
class Fills:
    """Each fill's fee by its id; of each order contracts, price times quantity, and fees."""

    fees: dict[str, Decimal]
    of_orders: dict[str, tuple[int, Decimal, Decimal]]

    def add(self, order: str, fill_id: str, quantity: int, cents: tuple[int, int]) -> None:
        """Count one more fill of an order; `cents` are its price per share and its fee."""
        filled, paid, fees = self.of_orders.get(order, NOTHING)
        price, fee = map(from_cents, cents)
        self.fees[fill_id] = fee
        self.of_orders[order] = filled + quantity, paid + quantity * price, fees + fee


class SettledLeg(NamedTuple):
    """What expiry did to one leg: the signed contracts that went, and the dollars that came."""

    spread_no: int
    leg: Leg
    contracts: int
    cash: Decimal


def fold(
    plan: SpreadPlan, orders: Iterable[OrderRecord], settled: Iterable[SettledLeg]
) -> SpreadPosition:
    """Return what one spread's own orders and settlements have made of it."""
    held = {Leg.SPY: 0, Leg.SPX: 0}
    cash = entry_cash = fees = Decimal(0)
    opened = 0
    for order in orders:
        if not order.filled:
            continue
        intent = order.intent
        amount = -intent.side.sign * MULTIPLIER * order.paid - order.fees
        held[intent.leg] += intent.side.sign * order.filled
        cash += amount
        fees += order.fees
        if intent.purpose is Purpose.OPEN:
            entry_cash += amount
            opened += order.filled if intent.leg is Leg.SPX else 0
    for each in settled:
        held[each.leg] -= each.contracts
        cash += each.cash
    return SpreadPosition(
        session=plan.session,
        spread_no=plan.spread_no,
        spy_contract=plan.spy_contract,
        spx_contract=plan.spx_contract,
        spy_short=-held[Leg.SPY],
        spx_long=held[Leg.SPX],
        cash=cash,
        entry_cash=entry_cash,
        fees=fees,
        opened_at=plan.started_at,
        spreads_opened=opened,
        stage=plan.stage,
    )


def together(fills: Iterable[Fill]) -> list[Fill]:
    """Return fills for a person to read: those of one order at one price as one.

    A broker may tell of each contract by itself. The id and the time are those of the first.
    """
    found: dict[tuple[str, OptionContract, Side, Decimal], Fill] = {}
    for each in fills:
        key = (each.client_order_id, each.contract, each.side, each.price)
        same = found.get(key)
        found[key] = (
            replace(same, quantity=same.quantity + each.quantity, fee=same.fee + each.fee)
            if same
            else each
        )
    return list(found.values())


def add_up(positions: Iterable[SpreadPosition]) -> dict[OptionContract, int]:
    """Return the contracts that all spreads hold together, short ones negative."""
    held: dict[OptionContract, int] = {}
    for each in positions:
        held[each.spy_contract] = held.get(each.spy_contract, 0) - each.spy_short
        held[each.spx_contract] = held.get(each.spx_contract, 0) + each.spx_long
    return held


def by_spread(orders: Iterable[OrderRecord]) -> dict[int | None, list[OrderRecord]]:
    """Return the orders of each spread, in their order, and all of them under None."""
    every = list(orders)
    found: dict[int | None, list[OrderRecord]] = {None: every}
    for each in every:
        found.setdefault(each.intent.spread_no, []).append(each)
    return found


def plan_of(row: sqlite3.Row) -> SpreadPlan:
    """Return the plan that a row of the table spreads holds."""
    session = date.fromisoformat(row["session"])
    return SpreadPlan(
        session=session,
        spread_no=row["spread_no"],
        spy_contract=OptionContract("SPY", session, row["spy_strike"]),
        spx_contract=OptionContract("SPXW", session, row["spx_strike"]),
        wanted=row["wanted"],
        started_at=datetime.fromisoformat(row["started_at"]),
        spx_worst=from_cents(row["spx_worst_cents"]),
        spy_floor=from_cents(row["spy_floor_cents"]),
        stage=row["stage"],
    )


def intent_of(row: sqlite3.Row) -> OrderIntent:
    """Return the order that a row of the table orders holds."""
    session = date.fromisoformat(row["session"])
    leg = Leg(row["leg"])
    root = "SPY" if leg is Leg.SPY else "SPXW"
    return OrderIntent(
        session=session,
        spread_no=row["spread_no"],
        leg=leg,
        purpose=Purpose(row["purpose"]),
        attempt=row["attempt"],
        contract=OptionContract(root, session, row["strike"]),
        side=Side(row["side"]),
        quantity=row["quantity"],
        limit=from_cents(row["limit_cents"]),
        created_at=datetime.fromisoformat(row["created_at"]),
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
