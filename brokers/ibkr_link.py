"""The connection to Trader Workstation or IB Gateway: the only file that speaks ib_async.

The library lives on an event loop in a thread of its own; callers wait for its answers for as
long as their patience allows. Whatever could have been missed is asked anew after each
connection, so nothing here remembers orders or positions.
"""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from brokers.ibkr_login import Attempt, Login, hang_up
from brokers.ibkr_thread import LoopThread, quiet
from src.ports import MendInput, RetryLater, StopTrading

if TYPE_CHECKING:  # the other files of this broker know the library's types from here
    from ib_async import (
        IB,
        CommissionReport,
        Contract,
        ContractDetails,
        LimitOrder,
        Option,
        Ticker,
        Trade,
    )
    from ib_async import Fill as Execution
    from ib_async import OrderState as WhatIf

    # fmt: off
    __all__ = [
        "IB", "CommissionReport", "Contract", "ContractDetails", "Execution", "IbkrLink",
        "LimitOrder", "Option", "Patience", "SendFailed", "Ticker", "Trade", "TwsError", "WhatIf",
    ]
    # fmt: on

T = TypeVar("T")
Patience = Callable[[], float]
"""Returns for how many real seconds the next call may wait; RetryLater when time is used up."""
Listener = Callable[[int, int, str], None]
"""Takes the id of the request or order (-1: none), the code and the words of a message."""

_LOST, _LOST_TO_SERVER = 1100, 2110
_BACK_WITHOUT_DATA, _BACK = 1101, 1102
_FARM_BROKEN, _FARM_OK = 2103, 2104
_LINK_IS_UP = frozenset({_BACK_WITHOUT_DATA, _BACK, _FARM_OK, 2106, 2158})
_INVALID = 321
_CLIENT_ID_IN_USE = 326


class TwsError(RetryLater):
    """TWS answered a request with an error; `code` and `words` are its own."""

    def __init__(self, what: str, code: int, words: str) -> None:
        super().__init__(f"{what}: TWS answers {code}, {words}")
        self.code = code
        self.words = words


class SendFailed(Exception):
    """The library raised while it was sending; what was sent is not known."""


class IbkrLink:
    """One client of one TWS. `port` 0 is the Gateway's for the mode; `account` "" the only one.

    Connects at the first call and again after every drop. `account_id` is known from then on.
    `data_generation` changes whenever streams of quotes are lost, `generation` whenever orders
    may have changed unseen.
    """

    def __init__(
        self,
        host: str,
        port: int,
        client_id: int,
        account: str,
        *,
        paper: bool,
        patience: Patience,
    ) -> None:
        self._login = Login(host, port or (4002 if paper else 4001), client_id, account, paper)
        self.client_id = client_id
        self.paper = paper
        self.place = self._login.place
        self.account_id = ""
        self.server_version = 0
        self.generation = 0
        self.data_generation = 0
        self.broken_farms: set[str] = set()
        self.listeners: list[Listener] = []
        self._patience = patience
        self._ib: IB | None = None
        self._cut = ""
        self._trouble: asyncio.Future[tuple[int, str]] | None = None
        self._lock = threading.RLock()
        self._thread = LoopThread("ibkr")

    def ready(self) -> None:
        """Connect unless connected. Raises RetryLater, MendInput or StopTrading, in words."""
        with self._lock:
            if self._ib is None or not self._ib.isConnected():
                self._connect()
            if self._cut:
                raise RetryLater(
                    f"TWS at {self.place} has lost its link to Interactive Brokers ({self._cut}); "
                    "nothing is sent until it says that it is back"
                )

    def ask(self, what: str, work: Callable[["IB"], Awaitable[T]], *, drops: bool = False) -> T:
        """Return what `work` makes of the library, awaited on the library's own loop.

        Raises RetryLater when there is no connection or no answer in time, TwsError when the
        answer is an error. Only for what may be asked twice: over a connection that turns out to
        be broken it is. With `drops`, a time-out also ends the connection: the library knows
        these requests by their kind only, and would take an answer that comes late for the
        answer to the next one.
        """
        with self._lock:
            try:
                return self._ask(what, work, drops=drops)
            except ConnectionError:
                self._drop()  # it may have been gone for long, unnoticed: asked once more
            try:
                return self._ask(what, work, drops=drops)
            except ConnectionError as error:
                raise RetryLater(f"the connection to TWS at {self.place} broke: {what}") from error

    def _ask(self, what: str, work: Callable[["IB"], Awaitable[T]], *, drops: bool) -> T:
        self.ready()
        ib, seconds = self._the_ib(), self._patience()
        try:
            return self._thread.run(lambda: self._answer(what, ib, work, seconds), seconds)
        except TimeoutError:
            if drops:
                self._drop()
            raise RetryLater(
                f"TWS at {self.place} did not answer within {seconds:.3g} s: {what}"
            ) from None

    def send(self, start: Callable[["IB", "Future[T]"], None]) -> T:
        """Let `start` send something, and return what is set as its answer while patience lasts.

        For what must happen at most once, and fast: `start` runs in the library's thread, and
        whatever hears the answer there wakes the caller itself. Raises RetryLater, MendInput or
        StopTrading while nothing was begun; TimeoutError when the answer did not come, and
        SendFailed when `start` raised, which may have been after it had sent.
        """
        with self._lock:
            self.ready()
            ib, seconds = self._the_ib(), self._patience()
            answer: Future[T] = Future()

            def begin() -> None:
                if not answer.set_running_or_notify_cancel():
                    return  # given up before it was begun
                try:
                    start(ib, answer)
                except Exception as error:  # noqa: BLE001 - it may have written before it failed
                    answer.set_exception(SendFailed(repr(error)))

            self._thread.call(begin)
            try:
                return answer.result(seconds)
            except TimeoutError:
                answer.cancel()
                raise

    @property
    def is_up(self) -> bool:
        """Whether TWS is connected, and connected to its servers, as far as it has said."""
        return self._ib is not None and self._ib.isConnected() and not self._cut

    def close(self) -> None:
        """Disconnect and end the thread. Calling it twice does nothing."""
        with self._lock:
            self._drop()
            self._thread.close()

    # What the library is made to build.

    @staticmethod
    def option(symbol: str, expiry: str, strike: float, right: str, trading_class: str) -> "Option":
        """Return an option of a hundred, routed by SMART, that is not yet looked up."""
        from ib_async import Option  # noqa: PLC0415 - costs half a second of a start

        return Option(
            symbol, expiry, strike, right, "SMART", "100", "USD", tradingClass=trading_class
        )

    @staticmethod
    def index_and_stock() -> "tuple[Contract, Contract]":
        """Return the SPX index and the SPY stock, not yet looked up."""
        from ib_async import Index, Stock  # noqa: PLC0415 - as above

        return Index("SPX", "CBOE", "USD"), Stock("SPY", "SMART", "USD", primaryExchange="ARCA")

    @staticmethod
    async def account_summary(ib: "IB", tags: str) -> "list[tuple[str, str, str, str]]":
        """Return account, tag, value and currency of the accounts' values, asked once.

        The library's own call leaves a subscription open for ever, of which TWS allows two.
        """
        client: Any = ib.client
        number = client.getReqId()
        answer = ib.wrapper.startReq(number)  # type: ignore[no-untyped-call] # the library's
        ib.wrapper.acctSummary.clear()
        client.reqAccountSummary(number, "All", tags)
        try:
            await answer
        finally:
            if ib.isConnected():
                client.cancelAccountSummary(number)
        return [(e.account, e.tag, e.value, e.currency) for e in ib.wrapper.acctSummary.values()]

    @staticmethod
    def number_orders_above(ib: "IB", number: int) -> None:
        """Give the next order a higher number than this."""
        ib.client.updateReqId(number + 1)  # type: ignore[no-untyped-call] # the library's

    @staticmethod
    def limit_order(**fields: object) -> "LimitOrder":
        """Return an order. Only keywords: the library's own positions are a trap."""
        from ib_async import LimitOrder  # noqa: PLC0415 - as above

        return LimitOrder(**fields)  # type: ignore[arg-type] # the library checks no more than we

    # Asking.

    async def _answer(
        self, what: str, ib: "IB", work: Callable[["IB"], Awaitable[T]], seconds: float
    ) -> T:
        """Await an answer. To error 321 the library itself never reacts, so it is heard here."""
        from ib_async.wrapper import RequestError  # noqa: PLC0415 - as above

        async def begin() -> T:
            return await work(ib)

        task = asyncio.ensure_future(begin())
        self._trouble = asyncio.get_running_loop().create_future()
        try:
            either: set[asyncio.Future[Any]] = {task, self._trouble}
            await asyncio.wait(either, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            if self._trouble.done():
                raise TwsError(what, *self._trouble.result())
            raise TimeoutError
        except RequestError as error:
            raise TwsError(what, error.code, error.message) from error
        finally:
            task.cancel()
            self._trouble = None

    # Connecting.

    def _the_ib(self) -> "IB":
        if self._ib is None:
            raise RetryLater(f"not connected to TWS at {self.place}")
        return self._ib

    def _connect(self) -> None:
        self._login.check_port()
        seconds = self._patience()
        self._drop()
        try:
            ib = self._thread.run(lambda: self._open(seconds), seconds)
        except TimeoutError:
            raise RetryLater(f"TWS at {self.place} could not be connected in time") from None
        try:
            self.account_id = self._login.choose_account(ib.managedAccounts())
        except (MendInput, StopTrading):
            self._end(ib)
            raise
        self._ib = ib
        self.server_version = ib.client.serverVersion()
        self._cut = ""
        self.broken_farms.clear()
        self.generation += 1
        self.data_generation += 1
        logging.getLogger(__name__).info(
            "connected to TWS at %s, server version %s", self.place, self.server_version
        )

    async def _open(self, seconds: float) -> "IB":
        from ib_async import IB  # noqa: PLC0415 - as above

        quiet("ib_async")  # it logs each order, with the account
        ib = IB()
        ib.RequestTimeout, ib.RaiseRequestErrors = seconds, True
        ib.TimezoneTWS = "America/New_York"
        ended: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        in_use: list[str] = []

        def on_error(request: int, code: int, words: str, contract: object) -> None:
            del contract
            if code == _CLIENT_ID_IN_USE:
                in_use.append(words)
            self._hear(request, code, words)

        def on_end(words: str) -> None:
            del words
            if not ended.done():
                ended.set_result(True)

        ib.errorEvent += on_error
        ib.client.conn.disconnected += on_end
        opening = asyncio.ensure_future(self._log_in(ib))
        either: set[asyncio.Future[Any]] = {opening, ended}
        await asyncio.wait(either, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if opening.done() and not opening.cancelled() and opening.exception() is None:
            ib.client.conn.disconnected -= on_end
            ib.reqMarketDataType(1)
            return ib
        attempt = Attempt(
            error=opening.exception() if opening.done() and not opening.cancelled() else None,
            is_in_use=bool(in_use),
            was_connected=self.generation > 0,
            hung_up=ended.done(),
            has_socket=ib.client.conn.transport is not None,
            has_greeted=ib.client.connState == ib.client.CONNECTED,
            is_logged_in=ib.client.isReady(),
        )
        opening.cancel()
        await asyncio.gather(opening, return_exceptions=True)
        await hang_up(ib)
        raise attempt.failure(self._login)

    async def _log_in(self, ib: "IB") -> None:
        """Log in; the first time a TWS must also answer what the library asks of it at once.

        Later it need not: all is asked anew when it matters, and a single question that is never
        answered must not keep the quotes of a position away.
        """
        from ib_async.ib import StartupFetch  # noqa: PLC0415 - as above

        login = self._login
        place = (login.host, login.port, login.client_id)
        # No deadline of the library's: each of its steps would begin to count anew.
        if self.generation:
            ib.wrapper.clientId = login.client_id
            await ib.client.connectAsync(*place, timeout=None)  # type: ignore[no-untyped-call]
            return
        await ib.connectAsync(
            *place,
            timeout=None,
            account=login.account,
            raiseSyncErrors=True,
            fetchFields=StartupFetch.ORDERS_OPEN,
        )

    def _drop(self) -> None:
        ib, self._ib = self._ib, None
        if ib is not None and self._thread.is_running:
            self._end(ib)

    def _end(self, ib: "IB") -> None:
        with suppress(TimeoutError):  # a thread that is stuck cannot hold the day up
            self._thread.run(lambda: hang_up(ib), 1.0)

    # What TWS says unasked.

    def _hear(self, request: int, code: int, words: str) -> None:
        if code in {_LOST, _LOST_TO_SERVER}:
            self._cut = str(code)
        elif code in _LINK_IS_UP and self._cut:
            self._cut = ""
            self.generation += 1
        if code == _BACK_WITHOUT_DATA:
            self.data_generation += 1
        farm = words.rpartition(":")[2]
        if code == _FARM_BROKEN:
            self.broken_farms.add(farm)
        elif code == _FARM_OK:
            self.broken_farms.discard(farm)
        if code == _INVALID and request > 0 and self._trouble and not self._trouble.done():
            self._trouble.set_result((code, words))
        for listener in self.listeners:
            listener(request, code, words)


def load_library() -> None:
    """Import ib_async, which takes a while the first time."""
    import ib_async  # noqa: F401, PLC0415 - costs half a second of a start
