"""A broker that fails in the ways that real ones do, call by call, over one that never fails."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum

from src.models import Answer, Fill, OrderIntent, OrderOutcome, Session
from src.ports import (
    Account,
    Activity,
    Broker,
    Check,
    Holding,
    OrderReport,
    OrderState,
    RetryLater,
)


class Submission(Enum):
    """What becomes of one submission."""

    FINE = "fine"
    REFUSED = "refused"
    ANSWER_LOST = "it arrives, and the answer is lost"
    LOST = "it never arrives, and there is no answer"
    LATE = "it arrives after the first look-up, and there is no answer"


class Lookup(Enum):
    """What becomes of one look-up of an order."""

    FINE = "fine"
    FAILS = "the broker does not answer"
    STALE = "the answer is from before any fill"
    TWICE = "every fill is told twice"


class Cancel(Enum):
    """What becomes of one cancellation."""

    FINE = "fine"
    FAILS = "the broker does not answer, and has not cancelled"
    ANSWER_LOST = "the broker cancels, and does not answer"
    LOST = "the broker says yes, and does nothing"


def quiet(call: str, about: str) -> None:
    """See nothing."""


@dataclass
class ScriptedBroker:
    """Takes its next behaviour from each queue; an empty queue means that all is fine.

    `before` and `after` see every call by its name and the order's id, before the inner broker
    does anything and once the answer is known. `submitted` holds every intent that was handed in.
    """

    inner: Broker
    name: str = "scripted broker"
    lookup_grace_seconds: float = 0.0
    positions_lag_seconds: float = 0.0
    submissions: deque[Submission] = field(default_factory=deque)
    lookups: deque[Lookup] = field(default_factory=deque)
    cancels: deque[Cancel] = field(default_factory=deque)
    submitted: list[OrderIntent] = field(default_factory=list)
    refusals: deque[str] = field(default_factory=deque)
    booked: list[Activity] = field(default_factory=list)
    flat_by: datetime | None = None
    calls: list[tuple[str, str]] = field(default_factory=list)
    before: Callable[[str, str], None] = quiet
    after: Callable[[str, str], None] = quiet
    _on_the_way: dict[str, OrderIntent] = field(default_factory=dict)

    def submit(self, intent: OrderIntent) -> OrderOutcome:
        order = intent.client_order_id
        self._begin("submit", order)
        self.submitted.append(intent)
        outcome = self._submit(intent)
        self.after("submit", order)
        return outcome

    def _submit(self, intent: OrderIntent) -> OrderOutcome:
        order = intent.client_order_id
        unknown = OrderOutcome(order, Answer.UNKNOWN, text="timed out")
        match self.submissions.popleft() if self.submissions else Submission.FINE:
            case Submission.REFUSED:
                return OrderOutcome(order, Answer.REFUSED, code="403", text="not today")
            case Submission.ANSWER_LOST:
                self.inner.submit(intent)
                return unknown
            case Submission.LOST:
                return unknown
            case Submission.LATE:
                self._on_the_way[order] = intent
                return unknown
            case Submission.FINE:
                return self.inner.submit(intent)

    def cancel(self, client_order_id: str) -> None:
        self._begin("cancel", client_order_id)
        how = self.cancels.popleft() if self.cancels else Cancel.FINE
        if how in {Cancel.FINE, Cancel.ANSWER_LOST}:
            self.inner.cancel(client_order_id)
        if how in {Cancel.FAILS, Cancel.ANSWER_LOST}:
            raise RetryLater("the cancel was not answered")
        self.after("cancel", client_order_id)

    def order(self, client_order_id: str) -> OrderReport | None:
        self._begin("order", client_order_id)
        how = self.lookups.popleft() if self.lookups else Lookup.FINE
        report = self.inner.order(client_order_id)
        if late := self._on_the_way.pop(client_order_id, None):
            self.inner.submit(late)
        if how is Lookup.FAILS:
            raise RetryLater("the look-up was not answered")
        self.after("order", client_order_id)
        if report and how is Lookup.STALE:
            return report._replace(state=OrderState.WORKING, fills=())
        return report._replace(fills=report.fills * 2) if report and how is Lookup.TWICE else report

    def open_orders(self) -> list[OrderReport]:
        self._begin("open_orders", "")
        return self.inner.open_orders()

    def fills(self, session: date) -> list[Fill]:
        self._begin("fills", "")
        return self.inner.fills(session)

    def holdings(self) -> list[Holding]:
        self._begin("holdings", "")
        return self.inner.holdings()

    def account(self) -> Account:
        self._begin("account", "")
        return self.inner.account()

    def capabilities(self) -> tuple[Check, ...]:
        return self.inner.capabilities()

    def refusal(self, intent: OrderIntent) -> str:
        self._begin("refusal", intent.client_order_id)
        return self.refusals.popleft() if self.refusals else self.inner.refusal(intent)

    def activities(self, since: date) -> list[Activity]:
        return [each for each in self.booked if each.day >= since]

    def must_be_flat_by(self, session: Session) -> datetime:
        return self.flat_by or self.inner.must_be_flat_by(session)

    def _begin(self, call: str, about: str) -> None:
        self.calls.append((call, about))
        self.before(call, about)
