"""What became of an order at Interactive Brokers, reckoned from what TWS says when asked afresh.

The library's own statuses lie: "Cancelled" may be a living order, "ValidationError" a refused
one. Truth is the executions, the open orders and the completed orders, all asked anew and put
together by `orderRef` and `permId`. An order is over only

- when its executions add up to its size, or
- when it is among the completed orders, and the executions are as many as these tell, or
- when it is not among the open orders and TWS itself has said, not the library, that it ended.

Everything else, every doubt included, is an order that still works.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

from brokers.ibkr_contracts import option_of
from src.fees import FeeSchedule
from src.models import NEW_YORK, Fill, Side
from src.ports import OrderReport, OrderState
from src.ticks import CENT

if TYPE_CHECKING:
    from brokers.ibkr_link import IB, CommissionReport, Execution, Trade

ENDED = {
    "Cancelled": OrderState.CANCELLED,
    "ApiCancelled": OrderState.CANCELLED,
    "Inactive": OrderState.REJECTED,
}
_BY_CODE = {201: OrderState.REJECTED, 202: OrderState.CANCELLED}
_UNSET = 1e300
_LATE = 0.25
"""Real seconds that a commission report may come after its execution."""


@dataclass
class Sent:
    """An order that this process has sent."""

    quantity: int
    trade: "Trade | None" = None

    @property
    def ended(self) -> tuple[OrderState, int, str] | None:
        """How TWS said that it ended, what was filled, and its words; None if it did not say."""
        if self.trade is None:
            return None
        filled = round(self.trade.orderStatus.filled)
        for entry in reversed(self.trade.log):
            if entry.errorCode in _BY_CODE:
                return _BY_CODE[entry.errorCode], filled, entry.message
            if not entry.errorCode and entry.status in ENDED:
                return ENDED[entry.status], filled, entry.status
        return None


@dataclass
class Sheet:
    """One fresh answer to: what is open, what is completed, what was executed."""

    open: "list[Trade]"
    completed: "list[Trade]" = field(default_factory=list)
    executions: "list[Execution]" = field(default_factory=list)

    def references(self) -> set[str]:
        """Return every order reference in it."""
        orders = {each.order.orderRef for each in [*self.open, *self.completed]}
        return (orders | {each.execution.orderRef for each in self.executions}) - {""}


async def read_sheet(ib: "IB") -> Sheet:
    """Ask for everything, in an order in which nothing falls between two answers.

    An order that ends after the first answer is in the second; what it filled is in the third.
    The library counts whatever is said of an order while it asks among the open ones, its end
    too: that is a doubt more, and never an order less.
    """
    is_open = await ib.reqAllOpenOrdersAsync()
    completed = await ib.reqCompletedOrdersAsync(apiOnly=False)
    return Sheet(is_open, completed, await read_executions(ib))


async def read_executions(ib: "IB") -> "list[Execution]":
    """Return today's executions, each in its last revision and with its commission if told."""
    found = await ib.reqExecutionsAsync()
    newest: dict[str, Execution] = {}
    for each in sorted(found, key=lambda each: each.execution.execId):
        newest[fill_id(each.execution.execId)] = each
    for _ in range(10):
        told = {each.execution.execId: each.commissionReport for each in ib.fills()}
        late = [e for e in newest.values() if not _has_commission(e, told)]
        if not any(_is_new(ib, each) for each in late):
            break
        await asyncio.sleep(_LATE / 10)
    return [
        each._replace(commissionReport=told.get(each.execution.execId, each.commissionReport))
        for each in newest.values()
    ]


def _has_commission(execution: "Execution", told: "dict[str, CommissionReport]") -> bool:
    report = told.get(execution.execution.execId, execution.commissionReport)
    return bool(report.execId)


def _is_new(ib: "IB", execution: "Execution") -> bool:
    """Whether a commission report may still be on its way: only soon after an execution."""
    age = ib.wrapper.lastTime - execution.time
    return abs(age.total_seconds()) < 2


def fill_id(exec_id: str) -> str:
    """Return what stays the same when an execution is corrected.

    A correction repeats the execution under an id that differs after the last period: .02
    replaces .01 (execDetails in the API's documentation). An id of fewer parts than the four of
    TWS may count executions there, and is left as it is.
    """
    stem, _, revision = exec_id.rpartition(".")
    is_revised = stem.count(".") >= 2 and len(revision) == 2 and revision.isdigit()
    return stem if is_revised else exec_id


@dataclass(frozen=True)
class Bookkeeper:
    """Turns what TWS tells into our words."""

    fees: FeeSchedule
    stamp: Callable[[datetime], datetime]

    def fills(self, executions: "list[Execution]") -> list[Fill]:
        """Return the executions in options; the fee is the schedule's until TWS has told it."""
        found = []
        for each in executions:
            option, what = option_of(each.contract), each.execution
            if option is None:
                continue
            quantity, report = round(what.shares), each.commissionReport
            side = Side.BUY if what.side.upper().startswith("B") else Side.SELL
            price = Decimal(str(what.price)).quantize(CENT)
            is_told = bool(report.execId) and abs(report.commission) < _UNSET
            fee = (
                Decimal(str(report.commission)).quantize(CENT, rounding=ROUND_HALF_UP)
                if is_told
                else self.fees.fee(
                    option.root,
                    quantity,
                    side=side,
                    price=price,
                    filled_before=max(round(what.cumQty) - quantity, 0),
                )
            )
            found.append(
                Fill(
                    fill_id=fill_id(what.execId),
                    client_order_id=what.orderRef,
                    contract=option,
                    side=side,
                    quantity=quantity,
                    price=price,
                    fee=fee,
                    at=self.stamp(what.time.astimezone(NEW_YORK)),
                    fee_is_estimate=not is_told,
                )
            )
        return sorted(found, key=lambda fill: (fill.at, fill.fill_id))

    def report(self, reference: str, sheet: Sheet, sent: Sent | None) -> OrderReport | None:
        """Return what became of an order, None when nothing of it is known anywhere."""
        number = sent.trade.order.permId if sent and sent.trade else 0

        def is_ours(trade: "Trade") -> bool:
            order = trade.order
            unnamed = not order.orderRef and number and order.permId == number
            return order.orderRef == reference or bool(unnamed)

        working = next(filter(is_ours, sheet.open), None)
        over = next(filter(is_ours, sheet.completed), None)
        numbers = {each.order.permId for each in (working, over) if each} | {number}
        mine = [
            each._replace(execution=replace(each.execution, orderRef=reference))
            for each in sheet.executions
            if each.execution.orderRef == reference
            or (not each.execution.orderRef and each.execution.permId in numbers - {0})
        ]
        if not (working or over or mine or number):
            return None
        numbers |= {each.execution.permId for each in mine}
        fills = tuple(self.fills(mine))
        filled = sum(fill.quantity for fill in fills)
        state, text = _state(working, over, sent, filled)
        return OrderReport(reference, str(max(numbers)), state, fills, text)


def _state(
    working: "Trade | None", over: "Trade | None", sent: Sent | None, filled: int
) -> tuple[OrderState, str]:
    size = max([_size(working), _size(over), sent.quantity if sent else 0])
    if size and filled >= size:
        return OrderState.FILLED, ""
    if over is not None:
        return _end_of(over, filled)
    if working is not None:
        return OrderState.WORKING, working.orderStatus.status
    if sent is not None and (ended := sent.ended):
        state, told, words = ended
        if told <= filled:
            return state, words
    return OrderState.WORKING, "neither open nor completed at TWS; taken as still working"


def _end_of(over: "Trade", filled: int) -> tuple[OrderState, str]:
    status, told = over.orderStatus.status, over.order.filledQuantity
    executed = 0 if told is None or float(told) > _UNSET else round(float(told))
    if status == "Filled":
        if filled and filled >= executed:
            return OrderState.FILLED, ""
        return OrderState.WORKING, "filled, but its executions are not told yet"
    if executed > filled:
        return OrderState.WORKING, f"ended with {executed} filled, of which {filled} are told yet"
    if status in ENDED:
        return ENDED[status], _words(over)
    return OrderState.WORKING, f"completed with the status {status}"


def _words(over: "Trade") -> str:
    entry = over.log[-1].message if over.log else ""
    return entry or over.orderStatus.status


def unfilled(trade: "Trade") -> int:
    """Return the contracts that an open order may still trade, negative for a sale."""
    left = _size(trade) - round(trade.orderStatus.filled)
    return left if trade.order.action == "BUY" else -left


def _size(trade: "Trade | None") -> int:
    return round(float(trade.order.totalQuantity)) if trade else 0
