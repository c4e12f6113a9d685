"""What stands behind the fake Alpaca: an account, its orders, and a market that the test moves.

Rules and error texts are those that Alpaca publishes. It knows nothing of HTTP.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from src.fees import FeeSchedule
from src.models import OptionContract, Side
from src.ticks import is_on_grid
from utils.option_symbols import parse_symbol

NEW_YORK = ZoneInfo("America/New_York")
OVER = {"filled", "canceled", "expired", "rejected", "replaced"}
Reply = tuple[int, Any]
_OF_A_POSITION = (
    *("avg_entry_price", "market_value", "cost_basis", "unrealized_pl", "unrealized_plpc"),
    *("unrealized_intraday_pl", "unrealized_intraday_plpc", "current_price", "lastday_price"),
    "change_today",
)


def refused(status: int, code: int, message: str, **fields: str) -> Reply:
    return status, {"code": code, "message": message, **fields}


def utc(moment: datetime) -> str:
    """Return a time stamp with nanoseconds and Z, as Alpaca writes it."""
    return f"{moment.astimezone(ZoneInfo('UTC')):%Y-%m-%dT%H:%M:%S.%f}789Z"


@dataclass
class Market:
    """One option's market; the rooms are what is left of the sizes shown."""

    bid: float | None
    ask: float | None
    at: datetime
    sizes: tuple[int, int] | None = None
    rooms: list[int] = field(default_factory=list)

    def show_anew(self) -> None:
        self.rooms = list(self.sizes or (1_000_000, 1_000_000))


@dataclass
class Order:
    number: int
    client_order_id: str
    symbol: str
    side: str
    intent: str
    quantity: int
    limit: Decimal
    at: datetime
    status: str = "new"
    prints: list[tuple[int, Decimal, datetime]] = field(default_factory=list)
    changed_at: datetime | None = None
    replaces: str | None = None
    replaced_by: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def order_id(self) -> str:
        return str(UUID(int=self.number))

    @property
    def filled(self) -> int:
        return sum(quantity for quantity, _, _ in self.prints)

    def average(self) -> Decimal | None:
        paid = sum((n * price for n, price, _ in self.prints), Decimal(0))
        return paid / self.filled if self.filled else None

    def to_json(self) -> dict[str, Any]:
        average = self.average()
        changed = utc(self.changed_at or self.at)
        return {
            "id": self.order_id,
            "client_order_id": self.client_order_id,
            "created_at": utc(self.at),
            "updated_at": changed,
            "submitted_at": utc(self.at),
            "filled_at": changed if self.status == "filled" else None,
            "expired_at": None,
            "canceled_at": changed if self.status == "canceled" else None,
            "failed_at": None,
            "replaced_at": None,
            "replaced_by": self.replaced_by,
            "replaces": self.replaces,
            "asset_id": str(UUID(int=7_000_000 + self.number)),
            "symbol": self.symbol,
            "asset_class": "us_option",
            "notional": None,
            "qty": str(self.quantity),
            "filled_qty": str(self.filled),
            "filled_avg_price": None if average is None else f"{average:.6f}".rstrip("0"),
            "order_class": "",
            "order_type": "limit",
            "type": "limit",
            "side": self.side,
            "status": self.status,
            "position_intent": self.intent,
            "time_in_force": "day",
            "limit_price": str(self.limit),
            "stop_price": None,
            "extended_hours": False,
            "legs": None,
            "trail_percent": None,
            "trail_price": None,
            "hwm": None,
            **self.extra,
        }


class AlpacaExchange:
    """One paper account. `now` is its clock; every change happens when the test lets it.

    `allows_naked` switches the coverage rule off, which Alpaca never does; `fills_at_once` False
    leaves an order new until the next `advance`.
    """

    def __init__(self, now: Callable[[], datetime], cash: str = "1000000") -> None:
        self.now = now
        self.cash = Decimal(cash)
        self.fees = FeeSchedule()
        self.allows_naked = False
        self.has_cut_offs = True
        self.level = 3
        self.markets: dict[str, Market] = {}
        self.orders: dict[str, Order] = {}
        self.client_ids: set[str] = set()
        self.positions: dict[str, int] = {}
        self.shares = 0
        self.activities: list[dict[str, Any]] = []
        self.hidden_activities = 0
        self.frozen_positions: list[dict[str, Any]] | None = None
        self.spy: tuple[float, float, datetime] | None = None
        self.spy_trade: tuple[float, datetime] | None = None
        self.spy_close: float | None = None
        self.account_number = "PA3FAKE00001"
        self.status = "ACTIVE"
        self._numbers = 0

    # The market.

    def quote(
        self,
        contract: OptionContract,
        bid: float | None,
        ask: float | None,
        *,
        sizes: tuple[int, int] | None = None,
        at: datetime | None = None,
    ) -> None:
        market = Market(bid, ask, at or self.now(), sizes)
        market.show_anew()
        self.markets[contract.symbol] = market
        self.match()

    def quote_spy(self, bid: float, ask: float) -> None:
        self.spy = (bid, ask, self.now())
        self.spy_trade = ((bid + ask) / 2, self.now())

    def advance(self) -> None:
        """Let the exchange act: cancellations take effect, sizes are shown anew, orders meet."""
        for order in self.orders.values():
            if order.status == "pending_cancel":
                order.status, order.changed_at = "canceled", self.now()
        for market in self.markets.values():
            market.show_anew()
            market.at = self.now()
        self.match()

    def match(self) -> None:
        for order in self.orders.values():
            if order.status in {"new", "partially_filled", "pending_cancel"}:
                self._meet(order)

    def _meet(self, order: Order) -> None:
        market = self.markets.get(order.symbol)
        if market is None:
            return
        buying = order.side == "buy"
        price = market.ask if buying else market.bid
        if not price:
            return
        exact = Decimal(str(price)).quantize(Decimal("0.01"))
        if exact > order.limit if buying else exact < order.limit:
            return
        index = 1 if buying else 0
        quantity = min(order.quantity - order.filled, market.rooms[index])
        if quantity > 0:
            market.rooms[index] -= quantity
            self.fill(order, quantity, exact)

    def fill(self, order: Order, quantity: int, price: Decimal) -> None:
        """Fill so many contracts of an order, whatever its state; one that is over stays over."""
        order.prints.append((quantity, price, self.now()))
        order.changed_at = self.now()
        if order.filled == order.quantity:
            order.status = "filled"
        elif order.status == "new":
            order.status = "partially_filled"
        sign = 1 if order.side == "buy" else -1
        self.positions[order.symbol] = self.positions.get(order.symbol, 0) + sign * quantity
        root = parse_symbol(order.symbol).root
        fee = self.fees.fee(
            root,
            quantity,
            side=Side(order.side),
            price=price,
            filled_before=order.filled - quantity,
        )
        self.cash -= sign * quantity * 100 * price + fee
        self._numbers += 1
        self.activities.append(
            {
                "id": self._activity_id(),
                "activity_type": "FILL",
                "transaction_time": utc(self.now()),
                "type": "fill" if order.status == "filled" else "partial_fill",
                "price": str(price),
                "qty": str(quantity),
                "side": "sell_short" if order.intent == "sell_to_open" else order.side,
                "symbol": order.symbol,
                "leaves_qty": str(order.quantity - order.filled),
                "order_id": order.order_id,
                "cum_qty": str(order.filled),
                "order_status": order.status,
            }
        )

    def book(self, kind: str, day: date, **fields: str) -> None:
        """Add an activity without an order; it is created the day after."""
        self._numbers += 1
        created = datetime.combine(day + timedelta(days=1), time(6), tzinfo=NEW_YORK)
        self.activities.append(
            {
                "id": self._activity_id(),
                "activity_type": kind,
                "date": day.isoformat(),
                "created_at": utc(created),
                "net_amount": "0",
                "status": "executed",
                **fields,
            }
        )

    def _activity_id(self) -> str:
        return f"{self.now():%Y%m%d%H%M%S}{self._numbers:03d}::{UUID(int=self._numbers)}"

    # What a client asks.

    def submit(self, body: dict[str, Any]) -> Reply:
        client = str(body.get("client_order_id") or f"auto-{self._numbers}")
        if client in self.client_ids:
            return refused(422, 40010001, "client_order_id must be unique")
        try:
            contract = parse_symbol(str(body.get("symbol")))
        except ValueError:
            return refused(422, 42210000, "invalid contract")
        if no := self._refusal(contract, body):
            return no
        self._numbers += 1
        order = Order(
            number=self._numbers,
            client_order_id=client,
            symbol=contract.symbol,
            side=str(body["side"]),
            intent=str(body.get("position_intent") or self._inferred(contract, body)),
            quantity=int(float(body["qty"])),
            limit=Decimal(str(body["limit_price"])),
            at=self.now(),
        )
        self.orders[order.order_id] = order
        self.client_ids.add(client)
        answer = {**order.to_json(), "status": "pending_new"}
        self._meet(order)
        return 200, answer

    def _inferred(self, contract: OptionContract, body: dict[str, Any]) -> str:
        held = self.positions.get(contract.symbol, 0)
        if body["side"] == "buy":
            return "buy_to_close" if held < 0 else "buy_to_open"
        return "sell_to_close" if held > 0 else "sell_to_open"

    def _refusal(self, contract: OptionContract, body: dict[str, Any]) -> Reply | None:
        quantity, limit = float(body.get("qty") or 0), Decimal(str(body.get("limit_price", "0")))
        wrong = 42210000
        rules = (
            (
                body.get("type") != "limit" or body.get("time_in_force") != "day",
                "invalid order type for options trading",
            ),
            (
                quantity < 1 or quantity != int(quantity),
                "qty must be integer for options trading",
            ),
            (contract.symbol not in self.markets, f'contract "{contract.symbol}" not found'),
            (not is_on_grid(contract, limit), f"invalid limit_price {limit}"),
            (
                self._is_past_the_gate(contract),
                f'contract "{contract.symbol}" expires soon, unable to open new positions',
            ),
        )
        if text := next((words for broken, words in rules if broken), ""):
            return refused(422, wrong, text)
        inferred = self._inferred(contract, body)
        intent = body.get("position_intent") or inferred
        if not intent.startswith(str(body["side"])) or (
            intent.endswith("to_close") and intent != inferred
        ):
            text = f"position intent mismatch, inferred: {inferred}, specified: {intent}"
            return refused(422, wrong, text)
        return self._no_funds(contract, intent, int(quantity), limit)

    def _is_past_the_gate(self, contract: OptionContract) -> bool:
        now = self.now()
        gate = time(15, 30) if contract.root == "SPY" else time(15, 15)
        return self.has_cut_offs and contract.expiry == now.date() and now.time() >= gate

    def _no_funds(
        self, contract: OptionContract, intent: str, quantity: int, limit: Decimal
    ) -> Reply | None:
        free, code = self.buying_power(), 40310000
        held = self.positions.get(contract.symbol, 0)
        if self.level < 2:
            return refused(403, code, "account not eligible for level2 options trading")
        if intent == "sell_to_close" and quantity > held:
            text = (
                f"insufficient qty available for order (requested: {quantity}, available: {held})"
            )
            return refused(403, code, text)
        if intent == "sell_to_open" and not self.allows_naked:
            if contract.root == "SPY" and self.shares >= 100 * quantity:
                return None
            text = "account not eligible to trade uncovered option contracts"
            return refused(403, code, text)
        needed = quantity * 100 * limit if intent == "buy_to_open" else Decimal(0)
        if intent == "sell_to_open":
            needed = self._margin(quantity, contract.strike) - quantity * 100 * limit
        if needed > free:
            text = f"insufficient options buying power (required: {needed}, available: {free})"
            return refused(403, code, text, options_buying_power=str(free), cost_basis=str(needed))
        return None

    def _margin(self, contracts: int, strike: float) -> Decimal:
        return Decimal(contracts) * 20 * Decimal(str(strike))

    def margin(self) -> Decimal:
        return sum(
            (
                self._margin(-held, parse_symbol(symbol).strike)
                for symbol, held in self.positions.items()
                if held < 0
            ),
            Decimal(0),
        )

    def buying_power(self) -> Decimal:
        working = sum(
            (
                100 * (each.quantity - each.filled) * each.limit
                for each in self.orders.values()
                if each.intent == "buy_to_open" and each.status not in OVER
            ),
            Decimal(0),
        )
        return self.cash - self.margin() - working

    def show(self, order_id: str) -> Reply:
        order = self.orders.get(order_id)
        if order is None:
            return refused(404, 40410000, f"order not found for {order_id}")
        return 200, order.to_json()

    def cancel(self, order_id: str) -> Reply:
        order = self.orders.get(order_id)
        if order is None:
            return refused(404, 40410000, f"order not found for {order_id}")
        if order.status in OVER:
            return refused(422, 42210000, f'order is already in "{order.status}" state')
        order.status = "pending_cancel"
        return 204, None

    def replace(self, order_id: str, limit: str) -> Order:
        """Let somebody replace an order, as the dashboard does: under an id of its own."""
        old = self.orders[order_id]
        self._numbers += 1
        new = Order(
            self._numbers,
            f"dashboard-{self._numbers}",
            old.symbol,
            old.side,
            old.intent,
            old.quantity - old.filled,
            Decimal(limit),
            self.now(),
            replaces=old.order_id,
        )
        old.status, old.replaced_by = "replaced", new.order_id
        self.orders[new.order_id] = new
        self.match()
        return new

    def account(self) -> dict[str, Any]:
        return {
            "id": str(UUID(int=1)),
            "account_number": self.account_number,
            "status": self.status,
            "currency": "USD",
            "cash": str(self.cash),
            "equity": str(self.cash),
            "buying_power": str(2 * self.cash),
            "options_buying_power": str(self.buying_power()),
            "initial_margin": str(self.margin()),
            "maintenance_margin": str(self.margin()),
            "options_approved_level": self.level,
            "options_trading_level": self.level,
            "trading_blocked": False,
            "account_blocked": False,
            "trade_suspended_by_user": False,
        }

    def list_positions(self) -> list[dict[str, Any]]:
        if self.frozen_positions is not None:
            return self.frozen_positions
        held = [(symbol, n, "us_option") for symbol, n in self.positions.items() if n]
        if self.shares:
            held.append(("SPY", self.shares, "us_equity"))
        return [
            {
                "asset_id": str(UUID(int=9_000_000 + index)),
                "symbol": symbol,
                "exchange": "",
                "asset_class": kind,
                "qty": str(quantity),
                "qty_available": str(quantity),
                "side": "long" if quantity > 0 else "short",
                "asset_marginable": False,
                **dict.fromkeys(_OF_A_POSITION, "1"),
            }
            for index, (symbol, quantity, kind) in enumerate(held)
        ]
