"""What the trading day asks of the outside world, and how the outside world may fail it."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple, Protocol

from src.models import Fill, OptionContract, OrderIntent, OrderOutcome, Quote, Session


class MendInput(Exception):
    """Something that a person gave is wrong (config, tape, database): nothing was done. Exit 2."""


class StopTrading(Exception):
    """Going on could do harm (another instance, journal and broker differ, guard). Exit 3."""


class RetryLater(Exception):
    """A broker or a source cannot be reached now; the next tick may try again. Exit 4 if final."""


class OrderState(StrEnum):
    """Where an order stands at the broker."""

    WORKING = "working"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"

    @property
    def is_final(self) -> bool:
        """Whether nothing more can happen to the order."""
        return self is not OrderState.WORKING


class OrderReport(NamedTuple):
    """The broker's whole knowledge of one order: its state and all its fills so far.

    Of an order in an option that is open, `contract` and `unfilled` tell what it may still do:
    contracts, negative for a sale.
    """

    client_order_id: str
    broker_order_id: str
    state: OrderState
    fills: tuple[Fill, ...] = ()
    text: str = ""
    contract: OptionContract | None = None
    unfilled: int = 0

    @property
    def filled(self) -> int:
        """Contracts filled so far."""
        return sum(fill.quantity for fill in self.fills)


class Account(NamedTuple):
    """What the broker says of the account, in dollars. `margin_used` is held against positions."""

    account_id: str
    equity: Decimal
    cash: Decimal
    margin_used: Decimal

    @property
    def available(self) -> Decimal:
        """Dollars free for new margin."""
        return self.cash - self.margin_used


class Holding(NamedTuple):
    """A position as the broker reports it: an option, or shares where `contract` is None."""

    symbol: str
    quantity: int
    contract: OptionContract | None = None


class ActivityKind(StrEnum):
    """What a clearing house or a broker does to an account without an order."""

    ASSIGNED = "assigned"
    EXERCISED = "exercised"
    EXPIRED = "expired"
    CASH_SETTLED = "cash settled"
    SHARES = "shares moved"


class Activity(NamedTuple):
    """One such act, as the broker tells it, often a day later.

    `contract` is the option it is about, None for shares of SPY. `quantity` is what was added to
    the holding, negative what was taken away; `cash` is dollars, positive when received.
    """

    activity_id: str
    kind: ActivityKind
    day: date
    contract: OptionContract | None
    quantity: int
    cash: Decimal
    text: str = ""


class Verdict(StrEnum):
    """What a check has found."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"


class Check(NamedTuple):
    """One thing that was looked at before trading; `mend` says what to do where it is not ok."""

    name: str
    verdict: Verdict
    found: str
    mend: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.found}" + (f" {self.mend}" if self.mend else "")


class OfficialCloses(NamedTuple):
    """The closing prices that expiry is reckoned with; `source` says where they come from."""

    spy: float
    spx: float
    source: str


class Level(StrEnum):
    """How much a message matters. SMS takes only what is urgent, every other channel all."""

    ENTERED = "trade entered"
    EXITED = "trade exited"
    SUMMARY = "daily summary"
    WARNING = "warning"
    ERROR = "error"
    URGENT = "urgent"
    """Assignment or pin risk, a loss limit, trouble with a position open, record and broker
    differing."""


class Clock(Protocol):
    """The only source of time: the wall, or a clock that a replay moves."""

    def now(self) -> datetime:
        """Return the present moment in New York time."""

    def sleep(self, seconds: float) -> None:
        """Let that many seconds of this clock pass."""


class QuoteSource(Protocol):
    """Where prices come from. Every quote carries the time at which it was true."""

    @property
    def name(self) -> str:
        """Words for a person, e.g. "generated day, seed 7"."""

    @property
    def cadence_seconds(self) -> float | None:
        """How long a quote of this source stays its newest by design; None when it is a stream."""

    def prices(self) -> Mapping[str, Quote]:
        """Return the newest `last` of "SPY" and "SPX", as far as known. Raises RetryLater."""

    def quotes(self, contracts: Iterable[OptionContract]) -> Mapping[OptionContract, Quote]:
        """Return the newest quote of each contract that the source knows. Raises RetryLater."""

    def official_closes(self, day: date) -> OfficialCloses | None:
        """Return the 16:00 closes of a day, or None while they are not known."""


class Broker(Protocol):
    """Where orders go. A call that is not answered in time raises RetryLater, save `submit`."""

    name: str
    lookup_grace_seconds: float
    """How long after its submission an order that is not found may still turn up."""
    positions_lag_seconds: float
    """For how long `holdings` may still leave out what has been traded."""

    def submit(self, intent: OrderIntent) -> OrderOutcome:
        """Send one day limit order, once. Never raises for a doubt: that is Answer.UNKNOWN."""

    def cancel(self, client_order_id: str) -> None:
        """Ask for an order's cancellation; `order` tells what became of it."""

    def order(self, client_order_id: str) -> OrderReport | None:
        """Look an order up by our id; None if the broker has never heard of it."""

    def open_orders(self) -> list[OrderReport]:
        """Return every order that can still fill."""

    def fills(self, session: date) -> list[Fill]:
        """Return all fills of a session, ours and others'."""

    def holdings(self) -> list[Holding]:
        """Return all positions of the account, options and shares."""

    def account(self) -> Account:
        """Return equity, cash and margin."""

    def capabilities(self) -> tuple[Check, ...]:
        """Return what this account can do for the strategy; a FAIL means its orders are refused.

        Sends no order. Raises RetryLater.
        """

    def refusal(self, intent: OrderIntent) -> str:
        """Return why the broker would refuse an order for want of margin, empty if it would not.

        Nothing is sent. A broker that cannot tell answers with an empty text; one that could and
        did not raises RetryLater.
        """

    def activities(self, since: date) -> list[Activity]:
        """Return assignments, exercises, expiries and settlements booked since a day."""

    def must_be_flat_by(self, session: Session) -> datetime:
        """Return from when on this broker takes no orders, or acts itself, on what expires."""


class Notifier(Protocol):
    """Who sends what waits in the outbox, in their own time."""

    def wake(self) -> None:
        """Take note that a message was put up and committed. Returns at once, never raises."""
