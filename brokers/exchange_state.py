"""What the embedded exchange remembers, and the file that keeps it through a restart."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from src.models import Fill, Leg, OptionContract, OrderIntent, Purpose, Side
from src.ports import MendInput, OrderReport, OrderState
from utils.option_symbols import parse_symbol

_UNREADABLE = (OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError)
"""What a file raises that was cut off, or whose values are of the wrong kind."""


@dataclass(slots=True)
class ExchangeOrder:
    """An order on the exchange's book, with everything that it has traded."""

    intent: OrderIntent
    broker_order_id: str
    state: OrderState = OrderState.WORKING
    fills: list[Fill] = field(default_factory=list)
    text: str = ""

    @property
    def remaining(self) -> int:
        """Contracts not yet filled."""
        return self.intent.quantity - sum(fill.quantity for fill in self.fills)

    def report(self) -> OrderReport:
        """Return the order as a client sees it."""
        return OrderReport(
            client_order_id=self.intent.client_order_id,
            broker_order_id=self.broker_order_id,
            state=self.state,
            fills=tuple(self.fills),
            text=self.text,
            contract=self.intent.contract,
            unfilled=self.intent.side.sign * self.remaining,
        )


@dataclass(slots=True)
class ExchangeState:
    """Cash in dollars, options and shares by symbol, and the day's orders.

    `taken` counts the contracts already traded against one quote: symbol, side and its time.
    """

    cash: Decimal
    session: date
    options: dict[OptionContract, int] = field(default_factory=dict)
    shares: int = 0
    orders: dict[str, ExchangeOrder] = field(default_factory=dict)
    taken: dict[str, int] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        """Write the state to a file, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{path.name}.tmp")
        temporary.write_text(json.dumps(self._to_json(), indent=1), encoding="utf-8")
        os.replace(temporary, path)  # noqa: PTH105 - the atomic call, by its name

    @classmethod
    def load(cls, path: Path, session: date) -> "ExchangeState":
        """Read a state; orders of an earlier session are over and left out. Raises MendInput."""
        try:
            state = cls._from_json(json.loads(path.read_text(encoding="utf-8")))
        except _UNREADABLE as error:
            raise MendInput(
                f"{path}: the embedded exchange's account cannot be read ({error!r}). "
                "Move the file aside to begin with a fresh account."
            ) from error
        if state.session != session:
            state.session, state.orders, state.taken = session, {}, {}
        return state

    def _to_json(self) -> dict[str, object]:
        return {
            "cash": str(self.cash),
            "session": self.session.isoformat(),
            "options": {each.symbol: quantity for each, quantity in self.options.items()},
            "shares": self.shares,
            "orders": [_order_to_json(order) for order in self.orders.values()],
            "taken": self.taken,
        }

    @classmethod
    def _from_json(cls, data: Mapping[str, Any]) -> "ExchangeState":
        orders = [_order_from_json(each) for each in data["orders"]]
        return cls(
            cash=Decimal(data["cash"]),
            session=date.fromisoformat(data["session"]),
            options={parse_symbol(symbol): int(n) for symbol, n in data["options"].items()},
            shares=int(data["shares"]),
            orders={order.intent.client_order_id: order for order in orders},
            taken=dict(data["taken"]),
        )


def _order_to_json(order: ExchangeOrder) -> dict[str, object]:
    intent = order.intent
    return {
        "session": intent.session.isoformat(),
        "spread_no": intent.spread_no,
        "leg": intent.leg,
        "purpose": intent.purpose,
        "attempt": intent.attempt,
        "symbol": intent.contract.symbol,
        "side": intent.side,
        "quantity": intent.quantity,
        "limit": str(intent.limit),
        "created_at": intent.created_at.isoformat(),
        "broker_order_id": order.broker_order_id,
        "state": order.state,
        "text": order.text,
        "fills": [
            [each.fill_id, each.quantity, str(each.price), str(each.fee), each.at.isoformat()]
            for each in order.fills
        ],
    }


def _order_from_json(data: Mapping[str, Any]) -> ExchangeOrder:
    intent = OrderIntent(
        session=date.fromisoformat(data["session"]),
        spread_no=data["spread_no"],
        leg=Leg(data["leg"]),
        purpose=Purpose(data["purpose"]),
        attempt=data["attempt"],
        contract=parse_symbol(data["symbol"]),
        side=Side(data["side"]),
        quantity=data["quantity"],
        limit=Decimal(data["limit"]),
        created_at=datetime.fromisoformat(data["created_at"]),
    )
    fills = [
        Fill(
            fill_id=fill_id,
            client_order_id=intent.client_order_id,
            contract=intent.contract,
            side=intent.side,
            quantity=quantity,
            price=Decimal(price),
            fee=Decimal(fee),
            at=datetime.fromisoformat(at),
        )
        for fill_id, quantity, price, fee, at in data["fills"]
    ]
    state = OrderState(data["state"])
    return ExchangeOrder(intent, data["broker_order_id"], state, fills, data["text"])
