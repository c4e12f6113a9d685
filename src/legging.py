"""How one leg of a spread is worked: pure rules from what is recorded to the next step.

A leg is worked with one order at a time. An order that is not filled in `reprice` seconds is
taken back and a new one sent at the market's new price, until everything is filled, the deadline
has passed, or the price has left the range in which the leg is wanted.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from enum import Enum, StrEnum
from typing import NamedTuple

from src.models import Leg, Purpose, Side
from src.order_records import OrderRecord, OrderStatus
from src.ticks import CENT

_SAID_NO = frozenset({OrderStatus.REFUSED, OrderStatus.REJECTED, OrderStatus.EXPIRED})
"""Answers after which asking the same again is of no use."""


class Status(StrEnum):
    """How an order of two legs, or one leg of it, ended."""

    FILLED = "FILLED"
    PARTIAL = "PARTIAL"
    PENDING = "PENDING"
    REJECTED = "REJECTED"
    UNWOUND = "UNWOUND"


class LegResult(NamedTuple):
    """One leg after the executor let go of it. `average_price` is dollars per share."""

    leg: Leg
    status: Status
    wanted: int
    filled: int
    average_price: Decimal | None = None
    text: str = ""


class SpreadResult(NamedTuple):
    """A two-legged order after the executor let go of it. Spread 0 was never begun."""

    status: Status
    spread_no: int
    spx: LegResult
    spy: LegResult
    text: str = ""


class LegTask(NamedTuple):
    """What one leg is to achieve: so many contracts, on one side, by a deadline.

    Orders before `first_attempt` belong to earlier tasks of the same kind. Attempts are counted
    and not timed: a replayed day that is gone on with lives through a moment twice.
    """

    leg: Leg
    purpose: Purpose
    side: Side
    wanted: int
    deadline: datetime
    first_attempt: int = 1

    def mine(self, orders: Sequence[OrderRecord]) -> list[OrderRecord]:
        """Return the orders that belong to this task, oldest first."""
        return [
            each
            for each in orders
            if each.intent.leg is self.leg
            and each.intent.purpose is self.purpose
            and each.intent.attempt >= self.first_attempt
        ]


class Step(Enum):
    """What to do next about a leg."""

    SEND = "send"
    CANCEL = "cancel"
    LOOK_UP = "look up"
    WAIT = "wait"
    DONE = "done"


class Move(NamedTuple):
    """A step, the order that it concerns, and the limit of the one that it sends."""

    step: Step
    order: OrderRecord | None = None
    limit: Decimal | None = None


def next_step(
    task: LegTask,
    orders: Sequence[OrderRecord],
    price: Callable[[], Decimal | None],
    now: datetime,
    reprice_seconds: float,
) -> Move:
    """Return what to do next, judged by the task's own orders.

    `price` returns the limit at which an order would be sent now, None when there is none that is
    wanted; it is asked only where it decides. At most one order of a leg is ever alive.
    """
    filled = sum(each.filled for each in orders)
    live = next((each for each in orders if not each.status.is_final), None)
    if live is not None:
        if live.status.is_in_doubt:
            return Move(Step.LOOK_UP, live)
        age = (now - live.intent.created_at).total_seconds()
        expired = now >= task.deadline
        # A cancel is asked for again until the broker confirms it: the first may have been lost.
        asked = live.status is OrderStatus.CANCELLING
        if asked or expired or (age >= reprice_seconds and price() != live.intent.limit):
            return Move(Step.CANCEL, live)
        return Move(Step.WAIT, live)
    if filled >= task.wanted or now >= task.deadline:
        return Move(Step.DONE)
    if orders and orders[-1].status in _SAID_NO:
        return Move(Step.DONE, orders[-1])
    limit = price()
    return Move(Step.WAIT) if limit is None else Move(Step.SEND, limit=limit)


def summarise(task: LegTask, orders: Sequence[OrderRecord]) -> LegResult:
    """Return how a leg stands, from its orders."""
    filled = sum(each.filled for each in orders)
    paid = sum((each.paid for each in orders), Decimal(0))
    last = orders[-1] if orders else None
    if any(not each.status.is_final for each in orders):
        status = Status.PENDING
    elif filled >= task.wanted:
        status = Status.FILLED
    elif filled:
        status = Status.PARTIAL
    elif last and last.status in _SAID_NO:
        status = Status.REJECTED
    else:
        status = Status.UNWOUND
    return LegResult(
        leg=task.leg,
        status=status,
        wanted=task.wanted,
        filled=filled,
        average_price=(paid / filled).quantize(CENT / 100) if filled else None,
        text=last.note if last else "",
    )
