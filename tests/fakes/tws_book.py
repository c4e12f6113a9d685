"""The account and the market behind the fake TWS: listings, quotes, orders, positions, money.

A purchase fills at the ask once its limit reaches it, a sale at the bid; no more contracts trade
against a quote than it showed, until sizes are shown anew.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from src.models import OptionContract
from tests.fakes.tws_wire import WireContract, WireExecution, WireOrder

SPX_ID, SPY_ID = 416904, 756733
COMMISSION = 0.65
MARGIN_PER_SHORT_CALL = 9000.0
GRIDS = {26: [(0.0, 0.01)], 109: [(0.0, 0.05), (3.0, 0.10)]}
"""Market rules by number: lowest price, step."""


@dataclass
class Shown:
    """What the market shows in one contract; `None` is a missing side."""

    bid: float | None = None
    ask: float | None = None
    bid_size: int = 500
    ask_size: int = 500
    last: float | None = None
    close: float | None = None


def option_listing(con_id: int, option: OptionContract) -> WireContract:
    """Return an option as TWS lists it; root SPX is the series settled in the morning."""
    spy = option.root == "SPY"
    mills = round(option.strike * 1000)
    local = f"{option.root:<6}{option.expiry:%y%m%d}{option.right}{mills:08d}"
    return WireContract(
        con_id=con_id,
        symbol="SPY" if spy else "SPX",
        sec_type="OPT",
        expiry=f"{option.expiry:%Y%m%d}",
        strike=option.strike,
        right=option.right,
        multiplier="100",
        local_symbol=local,
        trading_class=option.root,
        valid_exchanges="SMART,CBOE,IBUSOPT" if not spy else "SMART,AMEX,CBOE",
        market_rules="109,109,109" if not spy else "26,26,26",
        min_tick=0.01 if spy else 0.05,
        last_time="16:00:00" if option.root != "SPX" else "",
    )


@dataclass
class Book:
    """Everything that outlives a connection."""

    account: str = "DU1234567"
    cash: float = 1_000_000.0
    now: Callable[[], datetime] = field(kw_only=True)
    listings: dict[int, WireContract] = field(default_factory=dict)
    shown: dict[int, Shown] = field(default_factory=dict)
    taken: dict[tuple[int, str], int] = field(default_factory=dict)
    orders: list[WireOrder] = field(default_factory=list)
    executions: list[WireExecution] = field(default_factory=list)
    held: dict[int, int] = field(default_factory=dict)
    rules: dict[int, list[tuple[float, float]]] = field(default_factory=lambda: dict(GRIDS))

    mistaken: WireContract | None = None
    """What every question for a contract is answered with, if anything."""

    def __post_init__(self) -> None:
        spx = WireContract(SPX_ID, "SPX", "IND", exchange="CBOE", local_symbol="SPX")
        spy = WireContract(SPY_ID, "SPY", "STK", local_symbol="SPY", trading_class="SPY")
        spx.valid_exchanges, spx.market_rules = "CBOE", "0"
        spy.primary_exchange = "ARCA"
        self.listings = {SPX_ID: spx, SPY_ID: spy}

    # Listings.

    def list_option(self, option: OptionContract) -> WireContract:
        """List an option unless it is listed; returns it."""
        for each in self.listings.values():
            same = (each.trading_class, each.expiry, each.strike, each.right)
            if same == (option.root, f"{option.expiry:%Y%m%d}", option.strike, option.right):
                return each
        listing = option_listing(600_000_000 + len(self.listings), option)
        self.listings[listing.con_id] = listing
        return listing

    def matching(self, fields: list[str]) -> list[WireContract]:
        """Return what the twelve fields of a contract may mean."""
        if self.mistaken:
            return [self.mistaken]
        con_id, symbol, kind, expiry, strike, right, mult, exchange, primary = fields[:9]
        currency, local, tclass = fields[9:12]
        found = []
        for each in self.listings.values():
            if int(con_id or 0):
                if each.con_id == int(con_id):
                    found.append(each)
                continue
            told = (
                (symbol, each.symbol),
                (kind, each.sec_type),
                (expiry, each.expiry),
                (right[:1], each.right),
                (mult, each.multiplier),
                (primary, each.primary_exchange),
                (currency, each.currency),
                (local, each.local_symbol),
                (tclass, each.trading_class),
            )
            routes = each.valid_exchanges.split(",")
            if (
                all(not wanted or wanted == has for wanted, has in told)
                and (not float(strike or 0) or float(strike) == each.strike)
                and (not exchange or exchange in routes or exchange == each.exchange)
            ):
                found.append(each)
        return found

    # Trading.

    def session_date(self) -> date:
        return self.now().date()

    def net(self) -> dict[str, int]:
        """Return what is held by local symbol."""
        return {self.listings[i].local_symbol: n for i, n in self.held.items() if n}

    def margin(self, extra: WireOrder | None = None) -> float:
        """Return what is held against short SPY calls, working sales and one order more."""
        working = [each for each in self.orders if not each.is_done]
        sales = [*working, extra] if extra else working
        short: dict[int, int] = {}
        for con_id, held in self.held.items():
            short[con_id] = short.get(con_id, 0) + held
        for each in sales:
            if each.sign < 0:
                con_id = each.contract.con_id
                short[con_id] = short.get(con_id, 0) - each.remaining
        return sum(
            MARGIN_PER_SHORT_CALL * -held
            for con_id, held in short.items()
            if held < 0 and self.listings[con_id].sec_type == "OPT"
        )

    def shortfall(self, order: WireOrder) -> tuple[float, float] | None:
        """Return equity and the margin that an order would need, where it is not enough."""
        cost = 100 * order.quantity * order.limit if order.sign > 0 else 0.0
        needed = self.margin(order) + cost
        closing = order.sign > 0 and self.held.get(order.contract.con_id, 0) <= -order.quantity
        return None if closing or needed <= self.cash else (self.cash, needed)

    def off_the_rule(self, order: WireOrder) -> bool:
        """Whether a price is no multiple of its step."""
        rule = self.rules[int(order.contract.market_rules.split(",")[0])]
        step = [step for low, step in rule if order.limit >= low][-1]
        return Decimal(str(order.limit)) % Decimal(str(step)) != 0

    def trade(self, order: WireOrder) -> WireExecution | None:
        """Fill as much of an order as the market shows now."""
        shown = self.shown.get(order.contract.con_id)
        if order.is_done or order.held or shown is None:
            return None
        price = shown.ask if order.sign > 0 else shown.bid
        size = shown.ask_size if order.sign > 0 else shown.bid_size
        if price is None or (price > order.limit if order.sign > 0 else price < order.limit):
            return None
        key = (order.contract.con_id, order.action)
        room = min(order.remaining, size - self.taken.get(key, 0))
        if room < 1:
            return None
        self.taken[key] = self.taken.get(key, 0) + room
        return self.execute(order, room, price)

    def execute(self, order: WireOrder, shares: int, price: float) -> WireExecution:
        """Book a fill, whatever the market shows."""
        con_id = order.contract.con_id
        order.filled += shares
        order.paid += shares * price
        order.status = "Filled" if order.remaining == 0 else order.status
        self.held[con_id] = self.held.get(con_id, 0) + order.sign * shares
        commission = round(COMMISSION * shares, 2)
        self.cash = round(self.cash - order.sign * 100 * shares * price - commission, 2)
        execution = WireExecution(
            order=order,
            exec_id=f"0000e1a7.{len(self.executions) + 0x65A00000:08x}.01.01",
            time=f"{self.now():%Y%m%d %H:%M:%S} US/Eastern",
            shares=shares,
            price=price,
            cumulative=order.filled,
            commission=commission,
            net=self.held[con_id],
        )
        self.executions.append(execution)
        return execution

    def marks(self) -> float:
        """Return what all that is held is worth at the middle of its market, in dollars."""
        total = 0.0
        for con_id, held in self.held.items():
            shown = self.shown.get(con_id, Shown())
            middle = ((shown.bid or 0.0) + (shown.ask or 0.0)) / 2
            total += held * middle * (100 if self.listings[con_id].sec_type == "OPT" else 1)
        return total

    def account_values(self) -> list[tuple[str, str, str]]:
        """Return key, value and currency of the account's values."""
        margin = self.margin()
        dollars = {
            "NetLiquidation": self.cash + self.marks(),
            "EquityWithLoanValue": self.cash,
            "AvailableFunds": self.cash - margin,
            "ExcessLiquidity": self.cash - margin,
            "TotalCashValue": self.cash,
            "BuyingPower": 2 * (self.cash - margin),
            "InitMarginReq": margin,
            "MaintMarginReq": margin,
            "FullInitMarginReq": margin,
        }
        rows = [(key, f"{value:.2f}", "USD") for key, value in dollars.items()]
        return [("AccountType", "INDIVIDUAL", ""), *rows]
