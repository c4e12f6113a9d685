"""The words of the program as types: immutable, without a clock, a network or a database.

Money exchanged is `Decimal` dollars, what is looked at `float` dollars a share. Times are aware,
in New York. Cash is positive when received, a position when long.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

from src.judgement import Criterion, Valuation

NEW_YORK = ZoneInfo("America/New_York")
Right = Literal["C", "P"]
SPY_PER_SPREAD, MULTIPLIER = 10, 100
"""SPY calls sold against one SPXW call; shares, or dollars a point, behind either contract."""


@dataclass(frozen=True, slots=True)
class Session:
    """A trading day of the exchange, with its real opening and closing time."""

    day: date
    open: datetime
    close: datetime

    @property
    def is_half_day(self) -> bool:
        """Whether the exchange closes before 16:00."""
        return self.close.time() < time(16)

    @property
    def spy_options_close(self) -> datetime:
        """When SPY options stop trading: a quarter of an hour after the close."""
        return self.close + timedelta(minutes=15)

    def at(self, time_of_day: time) -> datetime:
        """Return the moment of this session that a configured time of day stands for.

        One that lies after the close, or in its last quarter of an hour, keeps the distance that
        it has to the close of a full day: 15:45 on a day that ends at 13:00 is 12:45.
        """
        moment = datetime.combine(self.day, time_of_day, tzinfo=NEW_YORK)
        if moment > self.close - timedelta(minutes=15):
            return moment - (datetime.combine(self.day, time(16), NEW_YORK) - self.close)
        return moment


@dataclass(frozen=True, slots=True)
class OptionContract:
    """One listed option. `root` is SPY or SPXW; `strike` is dollars or index points.

    `symbol` follows from the rest: the compact OSI symbol, e.g. SPXW260126C06935000.
    """

    root: str
    expiry: date
    strike: float
    right: Right = "C"
    symbol: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        day = self.expiry.isoformat()[2:].replace("-", "")
        symbol = f"{self.root}{day}{self.right}{round(self.strike * 1000):08d}"
        object.__setattr__(self, "symbol", symbol)

    def __hash__(self) -> int:
        return hash(self.symbol)  # the key of nearly every mapping: a text hashes but once

    def __str__(self) -> str:
        return f"{self.root} {self.strike:g} {'call' if self.right == 'C' else 'put'}"


class Quote(NamedTuple):
    """A market at the moment `at` at which it was true, not at which it arrived.

    Prices are dollars (points) per share, sizes contracts; `None` is what is not known. Of an
    underlying only `last` is known, which may be off by `uncertainty` where it is reckoned.
    """

    at: datetime
    bid: float | None = None
    ask: float | None = None
    bid_size: int | None = None
    ask_size: int | None = None
    last: float | None = None
    uncertainty: float = 0.0

    @property
    def is_empty(self) -> bool:
        """Whether the source says that at this moment there was no market at all."""
        return self.bid is None and self.ask is None and self.last is None


class Leg(StrEnum):
    """The two sides of a spread."""

    SPY = "spy"
    SPX = "spx"


class Side(StrEnum):
    """What an order does."""

    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        """Plus one for a purchase, minus one for a sale."""
        return 1 if self is Side.BUY else -1


class Purpose(StrEnum):
    """Whether an order builds a position up or takes it down."""

    OPEN = "open"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class TradeSetup:
    """A moment in which both legs can be priced, per share; SPX give or take `spx_uncertainty`."""

    timestamp: datetime
    spy_price: float
    spx_price: float
    spy_contract: OptionContract
    spx_contract: OptionContract
    spy_call: Quote
    spx_call: Quote
    spx_uncertainty: float = 0.0

    @property
    def ratio(self) -> float:
        """SPX over SPY, about 10.03; it is measured, never assumed to be 10."""
        return self.spx_price / self.spy_price

    @property
    def strike_gap(self) -> float:
        """SPX strike less ratio times SPY strike, in points; above 0 the hedge lies too high."""
        return self.spx_contract.strike - self.ratio * self.spy_contract.strike

    def to_dict(self) -> dict[str, object]:
        """Return the setup in plain types, for the database and for tools."""
        return {
            "timestamp": self.timestamp.isoformat(),
            "spy_price": self.spy_price,
            "spx_price": self.spx_price,
            "spx_uncertainty": self.spx_uncertainty,
            "spy_strike": self.spy_contract.strike,
            "spx_strike": self.spx_contract.strike,
            "spy_call": {"bid": self.spy_call.bid, "ask": self.spy_call.ask},
            "spx_call": {"bid": self.spx_call.bid, "ask": self.spx_call.ask},
            "ratio": self.ratio,
            "strike_gap": self.strike_gap,
            "spy_symbol": self.spy_contract.symbol,
            "spx_symbol": self.spx_contract.symbol,
            "spy_quote_time": self.spy_call.at.isoformat(),
            "spx_quote_time": self.spx_call.at.isoformat(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "TradeSetup":
        """Return the setup that `to_dict` described; sizes and last prices are not kept."""
        timestamp = datetime.fromisoformat(data["timestamp"]).astimezone(NEW_YORK)

        def quote(leg: str) -> Quote:
            at = datetime.fromisoformat(data[f"{leg}_quote_time"]).astimezone(NEW_YORK)
            return Quote(at, data[f"{leg}_call"]["bid"], data[f"{leg}_call"]["ask"])

        return cls(
            timestamp=timestamp,
            spy_price=data["spy_price"],
            spx_price=data["spx_price"],
            spy_contract=OptionContract("SPY", timestamp.date(), data["spy_strike"]),
            spx_contract=OptionContract("SPXW", timestamp.date(), data["spx_strike"]),
            spy_call=quote("spy"),
            spx_call=quote("spx"),
            spx_uncertainty=data.get("spx_uncertainty", 0.0),
        )


@dataclass(frozen=True, slots=True)
class EntryDecision:
    """To trade or not, and why.

    `entry_credit` and `expected_profit` are dollars a spread after entry fees, `None` without a
    setup. `risk` is the loss in dollars at which the position is closed, `valuation` says where
    the credit comes from and what the spread can cost; None without a setup.
    """

    timestamp: datetime
    should_trade: bool
    criteria: tuple[Criterion, ...]
    entry_credit: float | None
    expected_profit: float | None
    risk: float
    position_size: int
    setup: TradeSetup | None
    valuation: Valuation | None = None

    @property
    def spy_quantity(self) -> int:
        """SPY calls to sell."""
        return SPY_PER_SPREAD * self.position_size

    @property
    def spx_quantity(self) -> int:
        """SPXW calls to buy."""
        return self.position_size

    @property
    def risk_level(self) -> str:
        """LOW, MEDIUM or HIGH, see `src.stress.Risk`; "unknown" without a setup."""
        return self.valuation.risk_level if self.valuation else "unknown"

    @property
    def reasons(self) -> tuple[str, ...]:
        """The rules that said no, each with its number and limit; empty when trading."""
        failed = (str(each) for each in self.criteria if not each.passed)
        size = "position size: 0 spreads fit (limit at least 1)"
        return (*failed, size) if self.position_size < 1 else tuple(failed)

    def to_dict(self) -> dict[str, object]:
        """Return the decision in plain types, for the database and for tools."""
        return {
            "timestamp": self.timestamp.isoformat(),
            "should_trade": self.should_trade,
            "entry_credit": self.entry_credit,
            "expected_profit": self.expected_profit,
            "risk": self.risk,
            "risk_level": self.risk_level,
            "position_size": self.position_size,
            "spy_quantity": self.spy_quantity,
            "spx_quantity": self.spx_quantity,
            "reasons": list(self.reasons),
            "criteria": [each._asdict() for each in self.criteria],
            "setup": self.setup.to_dict() if self.setup else None,
            "valuation": self.valuation.to_dict() if self.valuation else None,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "EntryDecision":
        """Return the decision that `to_dict` described."""
        return cls(
            timestamp=datetime.fromisoformat(data["timestamp"]).astimezone(NEW_YORK),
            should_trade=data["should_trade"],
            criteria=tuple(Criterion(**each) for each in data["criteria"]),
            entry_credit=data["entry_credit"],
            expected_profit=data["expected_profit"],
            risk=data["risk"],
            position_size=data["position_size"],
            setup=TradeSetup.from_dict(data["setup"]) if data["setup"] else None,
            valuation=Valuation.from_dict(known) if (known := data.get("valuation")) else None,
        )


@dataclass(frozen=True, slots=True)
class OrderIntent:
    """An order that we are about to send; it is in the database before it leaves.

    `client_order_id` is `<session>-<spread no>-<leg>-<purpose>-<attempt>` and never used twice.
    `limit` is dollars per share on the contract's tick grid.
    """

    session: date
    spread_no: int
    leg: Leg
    purpose: Purpose
    attempt: int
    contract: OptionContract
    side: Side
    quantity: int
    limit: Decimal
    created_at: datetime
    client_order_id: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        order = f"{self.session}-{self.spread_no}-{self.leg}-{self.purpose}-{self.attempt}"
        object.__setattr__(self, "client_order_id", order)

    def __str__(self) -> str:
        return f"{self.side} {self.quantity} {self.contract} at {self.limit:.2f}"


class Answer(StrEnum):
    """What is known of a submission once the call has ended."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class OrderOutcome:
    """The answer to one submission; `code` and `text` are the broker's own words."""

    client_order_id: str
    answer: Answer
    broker_order_id: str = ""
    code: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Fill:
    """Contracts that changed hands, at dollars per share; the same `fill_id` is the same fill.

    `fee` is dollars for all, positive when paid, or an estimate until the broker has told it.
    """

    fill_id: str
    client_order_id: str
    contract: OptionContract
    side: Side
    quantity: int
    price: Decimal
    fee: Decimal
    at: datetime
    fee_is_estimate: bool = False

    @property
    def cash(self) -> Decimal:
        """Dollars that the fill brought, less its fee."""
        return -self.side.sign * self.quantity * MULTIPLIER * self.price - self.fee


@dataclass(frozen=True, slots=True)
class SpreadPosition:
    """A spread as the fills made it: contracts held now and cash so far.

    `spy_short` and `spx_long` are counts, not negative. `cash` is dollars received less paid and
    less `fees`, over all fills of the spread, entry and exit; `entry_cash` over the openings only.
    `stage` is entering, held, exiting or closed.
    """

    session: date
    spread_no: int
    spy_contract: OptionContract
    spx_contract: OptionContract
    spy_short: int
    spx_long: int
    cash: Decimal
    entry_cash: Decimal
    fees: Decimal
    opened_at: datetime
    spreads_opened: int
    stage: str = "held"

    @property
    def trade_id(self) -> str:
        """The key of the trade in the database: `<session>-<spread no>`."""
        return f"{self.session}-{self.spread_no}"

    @property
    def is_open(self) -> bool:
        """Whether any contract is still held."""
        return self.spy_short > 0 or self.spx_long > 0

    @property
    def uncovered(self) -> int:
        """Short SPY calls beyond what the long SPXW calls cover; never positive by our doing."""
        return self.spy_short - SPY_PER_SPREAD * self.spx_long


class ExitReason(StrEnum):
    """Why a position was closed, or left to expire."""

    ASSIGNMENT_RISK = "ASSIGNMENT_RISK"
    PRE_EXPIRATION = "PRE_EXPIRATION"
    PIN_RISK = "PIN_RISK"
    MAX_LOSS = "MAX_LOSS"
    DAILY_LOSS = "DAILY_LOSS"
    MANUAL = "MANUAL"
    UNWOUND = "UNWOUND"
    UNCOVERED = "UNCOVERED"
    ELSEWHERE = "ELSEWHERE"
    EXPIRED = "EXPIRED"


class Severity(StrEnum):
    """How urgent an exit signal is; all are acted upon, the most urgent one gives its name."""

    HIGH = "HIGH"
    MEDIUM = "MEDIUM"


@dataclass(frozen=True, slots=True)
class ExitSignal:
    """A reason to close a position now, with the number and the limit that raised it."""

    reason: ExitReason
    severity: Severity
    text: str
