"""Orders and prints as Alpaca tells them, and the fills that follow from both.

One contract is one fill. The k-th contract that an order has filled is the fill `<order id>:<k>`,
whoever tells of it first: the order, which says only how many and at which average price, or the
FILL activities, which give each print but may come later. So the same contract has the same id in
every answer and in every process, and can never be counted twice; a partial fill that was seen as
4 and then 10, and one that is seen as 10 by the process after a crash, are the same ten fills.

The price is that of the print. For contracts that no print speaks of yet it is what the order's
average leaves for them, spread over them in whole cents. What this process has once told of a
contract it tells again; after a restart only the price of such a contract can differ by a print's
share of the average, never the count.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import NamedTuple

from brokers.alpaca_reply import Row, moment, number, option, text, whole
from src.models import OptionContract, Side
from src.ports import OrderState
from src.ticks import CENT

_STATES = {
    "filled": OrderState.FILLED,
    "canceled": OrderState.CANCELLED,
    "cancelled": OrderState.CANCELLED,
    "rejected": OrderState.REJECTED,
    "expired": OrderState.EXPIRED,
    # A day order that is done for its day does not come back: its contract expires today.
    "done_for_day": OrderState.EXPIRED,
}


@dataclass(frozen=True, slots=True)
class AlpacaOrder:
    """One order as the server describes it. Of shares, or of several legs, no `contract`."""

    order_id: str
    client_order_id: str
    contract: OptionContract | None
    side: Side | None
    quantity: int
    filled: int
    average: Decimal | None
    status: str
    submitted_at: datetime | None
    changed_at: datetime | None
    replaces: str
    replaced_by: str

    @property
    def unfilled(self) -> int:
        """Contracts that it may still trade, negative for a sale."""
        return (self.quantity - self.filled) * (self.side.sign if self.side else 0)

    def state(self, told: int) -> OrderState:
        """Return the state, once `told` contracts of the order have been told as fills.

        A final word does not count before all contracts that it speaks of are told. A word that
        is not known is taken for an order that can still fill: that is the dangerous one.
        """
        if told >= self.quantity > 0:
            return OrderState.FILLED
        found = _STATES.get(self.status, OrderState.WORKING)
        missing = told < self.filled or found is OrderState.FILLED
        return OrderState.WORKING if missing else found


def read_order(row: Row) -> AlpacaOrder | None:
    """Return an order, or None for an answer that is none."""
    order_id = text(row, "id")
    if not order_id:
        return None
    stamps = (moment(row.get(name)) for name in ("filled_at", "updated_at", "submitted_at"))
    submitted = moment(row.get("submitted_at")) or moment(row.get("created_at"))
    return AlpacaOrder(
        order_id=order_id,
        client_order_id=text(row, "client_order_id"),
        contract=option(row.get("symbol")),
        side=_side(row),
        quantity=whole(row.get("qty")),
        filled=whole(row.get("filled_qty")),
        average=number(row.get("filled_avg_price")),
        status=text(row, "status").lower(),
        submitted_at=submitted,
        changed_at=next((each for each in stamps if each), submitted),
        replaces=text(row, "replaces"),
        replaced_by=text(row, "replaced_by"),
    )


def read_orders(rows: Iterable[Row]) -> list[AlpacaOrder]:
    """Return all orders of a list, the legs of one with several in its place."""
    found: dict[str, AlpacaOrder] = {}
    for row in rows:
        legs = row.get("legs")
        for each in (row, *(legs if isinstance(legs, list) else ())):
            order = read_order(each) if isinstance(each, dict) else None
            if order:
                found[order.order_id] = order
    return list(found.values())


@dataclass(frozen=True, slots=True)
class Print:
    """One execution, by its FILL activity. `cumulative` counts the order's contracts, if told."""

    print_id: str
    order_id: str
    contract: OptionContract
    side: Side
    quantity: int
    price: Decimal
    at: datetime
    cumulative: int | None


def read_print(row: Row) -> Print | None:
    """Return a print of an option, or None for shares and for what cannot be read."""
    contract, side = option(row.get("symbol")), _side(row)
    price, at = number(row.get("price")), moment(row.get("transaction_time"))
    quantity = abs(whole(row.get("qty")))
    order_id = text(row, "order_id")
    if contract is None or side is None or price is None or at is None:
        return None
    if not quantity or not order_id:
        return None
    return Print(
        text(row, "id"),
        order_id,
        contract,
        side,
        quantity,
        price,
        at,
        abs(whole(row.get("cum_qty"))) or None,
    )


def without_order(prints: Sequence[Print]) -> list[tuple[AlpacaOrder, list[Print]]]:
    """Return stand-ins for an order that is not shown, or has several legs: one a contract."""
    parts: dict[OptionContract, list[Print]] = {}
    for each in prints:
        part = f"{each.order_id}/{each.contract.symbol}"
        parts.setdefault(each.contract, []).append(replace(each, order_id=part))
    return [
        (
            AlpacaOrder(
                order_id=part[0].order_id,
                client_order_id="",
                contract=contract,
                side=part[0].side,
                quantity=0,
                filled=0,
                average=None,
                status="",
                submitted_at=None,
                changed_at=None,
                replaces="",
                replaced_by="",
            ),
            part,
        )
        for contract, part in parts.items()
    ]


class Unit(NamedTuple):
    """One contract of an order: the dollars a share that it traded at, and when."""

    price: Decimal
    at: datetime


def units(
    order: AlpacaOrder | None, prints: Sequence[Print], told: Mapping[int, Unit]
) -> dict[int, Unit]:
    """Return the contracts of one order that have filled, by their number from 1.

    `told` are those that were returned before; they stay as they are. A contract of which only
    the number is known, not the price, is left out until its price is.
    """
    found = _printed(prints, order.filled if order else None) | dict(told)
    if order is None or order.average is None or order.changed_at is None:
        return dict(sorted(found.items()))
    missing = [k for k in range(1, order.filled + 1) if k not in found]
    known = sum((found[k].price for k in found if k <= order.filled), Decimal(0))
    rest = order.average * order.filled - known
    if missing and rest > 0:
        for k, cents in zip(missing, in_cents(rest / len(missing), len(missing)), strict=True):
            found[k] = Unit(cents, order.changed_at)
    return dict(sorted(found.items()))


def _printed(prints: Sequence[Print], filled: int | None) -> dict[int, Unit]:
    """Return the contracts that the prints speak of, numbered by the prints' own running count.

    That count is not believed where it is missing, or goes beyond what can have filled: then the
    prints are numbered one after the other.
    """
    unique = {each.print_id: each for each in prints}.values()
    most = max(filled or 0, sum(each.quantity for each in unique))
    counted = all(
        each.cumulative and (filled is None or each.cumulative <= most) for each in unique
    )
    inorder = sorted(
        unique, key=lambda each: (each.cumulative or 0 if counted else 0, each.at, each.print_id)
    )
    found: dict[int, Unit] = {}
    ended = 0
    for each in inorder:
        ended = each.cumulative if counted and each.cumulative else ended + each.quantity
        first = ended - each.quantity + 1
        for k, cents in enumerate(in_cents(each.price, each.quantity), first):
            if k > 0:
                found.setdefault(k, Unit(cents, each.at))
    return found


def in_cents(price: Decimal, contracts: int) -> list[Decimal]:
    """Return a price for each of some contracts, in whole cents, that together come to `price`.

    The sum is off by at most half a cent a share, however many contracts there are.
    """
    totals = [(price * k).quantize(CENT, rounding=ROUND_HALF_UP) for k in range(contracts + 1)]
    return [later - before for before, later in pairwise(totals)]


def _side(row: Row) -> Side | None:
    """Return the side: a short sale of shares or options may be called sell_short."""
    word = text(row, "side").lower()
    if word.startswith("buy"):
        return Side.BUY
    return Side.SELL if word.startswith("sell") else None
