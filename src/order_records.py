"""Orders and plans as they are recorded, and the positions that follow from them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from src.models import MULTIPLIER, Leg, OptionContract, OrderIntent, Purpose, SpreadPosition


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


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """An order as we know it.

    `paid` is its fills' price times quantity, dollars per share; `fees` is dollars.
    """

    intent: OrderIntent
    status: OrderStatus
    filled: int
    paid: Decimal
    note: str
    fees: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class SpreadPlan:
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


@dataclass(frozen=True, slots=True)
class Fills:
    """Every fill's id; of each order the contracts, price times quantity per share, and fees."""

    ids: frozenset[str]
    of_orders: Mapping[str, tuple[int, Decimal, Decimal]]


@dataclass(frozen=True, slots=True)
class SettledLeg:
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


def add_up(positions: Iterable[SpreadPosition]) -> dict[OptionContract, int]:
    """Return the contracts that all spreads hold together, short ones negative."""
    held: dict[OptionContract, int] = {}
    for each in positions:
        held[each.spy_contract] = held.get(each.spy_contract, 0) - each.spy_short
        held[each.spx_contract] = held.get(each.spx_contract, 0) + each.spx_long
    return held
