"""Sending one order, and what TWS says to it: taken, not taken, or nothing to rely on."""

import asyncio
from concurrent.futures import Future
from typing import TYPE_CHECKING, NamedTuple

from brokers.ibkr_orders import ENDED, Sent

if TYPE_CHECKING:
    from brokers.ibkr_link import IB, Contract, Execution, LimitOrder, Trade

_LIVE = frozenset({"PreSubmitted", "Submitted", "Filled"})
_REFUSALS = frozenset(
    # Answers that say that an order was not taken; what is in neither list is looked into.
    {110, 200, 201, 203, 320, 321, 383, 387, 388, 434, 451, 460, 10043, 10058, 10311}
)
_STILL_LIVES = frozenset(
    # Said of orders that live, or of the connection; the library calls some of them cancelled.
    {105, 165, 329, 399, 404, 492, 1100, 1101, 1102, 10167, 10349}
)
_NOTICES = range(2100, 2200)
_QUIET_ACKNOWLEDGEMENT = 0.25
"""Real seconds after which a number given by TWS counts as taken, if no status follows."""


class Word(NamedTuple):
    """What TWS said of a new order: `taken` True or False, None when that is not known."""

    taken: bool | None
    number: int = 0
    code: str = ""
    text: str = ""


class Hearing:
    """Sends one order and listens to what is said of it until something of it decides.

    Everything happens in the library's thread; `answer` is waited for in the caller's.
    """

    def __init__(self, contract: "Contract", order: "LimitOrder", sent: Sent) -> None:
        self._contract = contract
        self._order = order
        self._sent = sent
        self._ib: IB | None = None
        self._answer: Future[Word] = Future()

    def begin(self, ib: "IB", answer: "Future[Word]") -> None:
        """Send the order, once."""
        self._ib, self._answer = ib, answer
        if not ib.isConnected():
            words = "the connection had broken before"
            answer.set_result(self.word("not-sent", words, taken=False))
            return
        ib.errorEvent += self._on_error
        ib.openOrderEvent += self._on_open
        ib.disconnectedEvent += self._on_end
        self._sent.trade = ib.placeOrder(self._contract, self._order)
        self._sent.trade.statusEvent += self._on_status
        self._sent.trade.fillEvent += self._on_fill

    def word(self, code: str, text: str, *, taken: bool | None = None) -> Word:
        """Return a word on this order, with the number that TWS has given it, if any."""
        return Word(taken, self._order.permId, code, text)

    def _say(self, word: Word) -> None:
        if self._ib is None or self._answer.done():
            return
        self._ib.errorEvent -= self._on_error
        self._ib.openOrderEvent -= self._on_open
        self._ib.disconnectedEvent -= self._on_end
        self._answer.set_result(word)

    def _on_error(self, request: int, code: int, words: str, about: object) -> None:
        del about
        if request == self._order.orderId and code not in _STILL_LIVES and code not in _NOTICES:
            taken = False if code in _REFUSALS else None
            self._say(self.word(str(code), words, taken=taken))

    def _on_open(self, trade: "Trade") -> None:
        if trade.order is self._order and self._order.permId:
            loop = asyncio.get_running_loop()
            loop.call_later(
                _QUIET_ACKNOWLEDGEMENT, lambda: self._say(self.word("", "", taken=True))
            )

    def _on_fill(self, trade: "Trade", fill: "Execution") -> None:
        """Hear an execution, which may come before any status, or instead of one."""
        del trade
        self._order.permId = self._order.permId or fill.execution.permId
        self._say(self.word("", "", taken=True))

    def _on_end(self) -> None:
        self._say(self.word("lost", "the connection broke before TWS had answered"))

    def _on_status(self, trade: "Trade") -> None:
        """Hear a status, unless it is the library's own conclusion from an error."""
        last = trade.log[-1] if trade.log else None
        status = trade.orderStatus.status
        if last is None or last.errorCode:
            return
        if status in _LIVE:
            self._order.permId = self._order.permId or trade.orderStatus.permId
            self._say(self.word("", "", taken=True))
        elif status in ENDED:
            self._say(self.word(status, "ended as soon as it was sent"))
