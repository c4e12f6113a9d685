"""A stateful TWS on a real socket, for the unmodified client library.

It listens on 127.0.0.1 at a free port in a thread of its own. Its book outlives connections. A
test moves the market, scripts faults, and reads what was received.
"""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Self, TypeVar

from src.models import OptionContract
from tests.fakes import tws_wire as wire
from tests.fakes.tws_book import SPX_ID, SPY_ID, Book, Shown
from tests.fakes.tws_faults import Faults, Feed
from tests.fakes.tws_history import TwsHistory
from tests.fakes.tws_orders import OrderDesk
from tests.fakes.tws_wire import Fields, Unframer, WireContract

T = TypeVar("T")
_ENDS = {5: 53, 6: 54, 7: 55, 9: 52, 16: 53, 61: 62, 62: 64, 76: 74, 78: 76, 99: 102}
_TICKS = {"bid": 1, "ask": 2, "last": 4, "close": 9}
_DELAYED_TICKS = {"bid": 66, "ask": 67, "last": 68, "close": 75}
_DATA_ERRORS = {
    Feed.NONE: (354, "Requested market data is not subscribed."),
    Feed.DELAYED_OFF: (10168, "Requested market data is not subscribed. Delayed data is off."),
    Feed.COMPETING: (10197, "No market data during competing live session"),
}


@dataclass(eq=False)
class Client:
    """One connection."""

    writer: asyncio.StreamWriter
    chunk: Callable[[], int]
    client_id: int = -1
    wants_positions: bool = False
    wants_account: bool = False
    streams: dict[str, int] = field(default_factory=dict)
    """Request id to contract id of what is streamed."""

    def send(self, fields: Fields) -> None:
        data, size = wire.frame(fields), self.chunk()
        for start in range(0, len(data), size or len(data)):
            self.writer.write(data[start : start + (size or len(data))])

    def drop(self) -> None:
        self.writer.close()


class FakeTws:
    """The server. Use it as a context manager; `port` is where it listens."""

    def __init__(
        self,
        now: Callable[[], datetime] | None = None,
        *,
        version: int = 178,
        accounts: str = "DU1234567",
        cash: float = 1_000_000.0,
    ) -> None:
        self.now = now or (lambda: datetime.now(UTC))
        self.version = version
        self.accounts = accounts
        self.book = Book(account=accounts.partition(",")[0], cash=cash, now=self.now)
        self.faults = Faults()
        self.received: list[list[str]] = []
        self.next_id = 1
        self.clients: list[Client] = []
        self.port = 0
        self.desk = OrderDesk(self)
        self.history = TwsHistory(self)
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(5)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    # What a test may do, from its own thread.

    def do(self, action: Callable[[], T]) -> T:
        """Do something in the server's thread, between two messages."""

        async def act() -> T:
            return action()

        return asyncio.run_coroutine_threadsafe(act(), self._loop).result(5)

    def quote(
        self,
        contract: OptionContract,
        bid: float | None,
        ask: float | None,
        sizes: tuple[int, int] = (500, 500),
    ) -> None:
        """Show a market in an option from now on; `None` is a missing side."""

        def show() -> None:
            listing = self.book.list_option(contract)
            self._show(listing.con_id, Shown(bid, ask, *sizes))

        self.do(show)

    def level(self, symbol: str, last: float) -> None:
        """Show the last price of SPX or SPY from now on."""
        con_id = SPX_ID if symbol == "SPX" else SPY_ID
        self.do(lambda: self._show(con_id, Shown(last=last, close=last)))

    def refresh(self) -> None:
        """Show all sizes anew, so that what works can trade on."""
        self.do(self._refresh)

    def say(self, code: int, text: str = "") -> None:
        """Send a notice that belongs to no request to every client, e.g. 1100."""
        self.do(lambda: self.broadcast(wire.error(-1, code, text)))

    def drop(self) -> None:
        """Cut every connection."""
        self.do(self._drop_all)

    def restart(self, next_id: int = 1) -> None:
        """Cut every connection and hand out order ids from `next_id` again."""
        self.drop()
        self.next_id = next_id

    # The socket.

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self._server:
            self._server.close()
        self._drop_all()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _drop_all(self) -> None:
        for client in self.clients:
            client.drop()
        self.clients.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        client = Client(writer, lambda: self.faults.chunk)
        unframer = Unframer()
        try:
            while not self.faults.hang_up and (data := await reader.read(65536)):
                for fields in unframer.feed(data):
                    self._receive(client, fields)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            if client in self.clients:
                self.clients.remove(client)
            writer.close()

    def broadcast(self, fields: Fields) -> None:
        """Send a message to every client."""
        for client in self.clients:
            client.send(fields)

    def _receive(self, client: Client, fields: list[str]) -> None:
        self.received.append(fields)
        if fields[0].startswith("v"):
            client.send([self.version, f"{self.now():%Y%m%d %H:%M:%S} US/Eastern"])
            return
        number = int(fields[0])
        if number in self.faults.muted:
            return
        handlers: dict[int, Callable[[Client, list[str]], None]] = {
            1: self._stream,
            2: self._end_stream,
            3: self.desk.place,
            4: self.desk.cancel,
            5: self.desk.open_orders,
            6: self._account_updates,
            7: self.desk.executions,
            9: self._details,
            16: self.desk.open_orders,
            20: self.history.bars,
            49: self._time,
            61: self._positions,
            62: self._summary,
            71: self._start,
            76: self._account_multi,
            91: self._rule,
            99: self.desk.completed,
        }
        if number in handlers:
            handlers[number](client, fields)

    def end(self, client: Client, number: int, *fields: object) -> None:
        """Send the end marker of a request, unless that is left out."""
        if number not in self.faults.endless:
            client.send([_ENDS[number], *fields])

    def _start(self, client: Client, fields: list[str]) -> None:
        client.client_id = int(fields[2])
        if any(each.client_id == client.client_id for each in self.clients):
            text = "Unable to connect as the client id is already in use."
            client.send(wire.error(-1, 326, text))
            client.drop()
            return
        self.clients.append(client)
        if self.faults.logged_out:
            return
        client.send([15, 1, self.accounts])
        client.send([9, 1, self.next_id])
        for code, farm in ((2104, "Market data"), (2106, "HMDS data"), (2158, "Sec-def data")):
            client.send(wire.error(-1, code, f"{farm} farm connection is OK:usfarm"))

    # Listings and account.

    def _details(self, client: Client, fields: list[str]) -> None:
        request, found = fields[2], self.book.matching(fields[3:15])
        if fields[5] == "BAG":
            client.send(wire.error(request, 321, "Error validating request: BAG"))
            return
        if not found:
            text = "No security definition has been found for the request"
            client.send(wire.error(request, 200, text))
            return
        for each in found:
            client.send(each.details(request))
        self.end(client, 9, 1, request)

    def _rule(self, client: Client, fields: list[str]) -> None:
        rule = self.book.rules.get(int(fields[1]))
        if rule:
            client.send([93, fields[1], len(rule), *(n for pair in rule for n in pair)])

    def _time(self, client: Client, fields: list[str]) -> None:
        del fields
        client.send([49, 1, round(self.now().timestamp() + self.faults.clock_skew)])

    def _positions(self, client: Client, fields: list[str]) -> None:
        del fields
        client.wants_positions = True
        for con_id, held in self.book.held.items():
            if held:
                listing = self.book.listings[con_id]
                client.send(wire.position_message(self.book.account, listing, held))
        self.end(client, 61, 1)

    def _account_updates(self, client: Client, fields: list[str]) -> None:
        client.wants_account = fields[2] == "1"
        for key, value, currency in self.book.account_values():
            client.send([6, 2, key, value, currency, self.book.account])
        self.end(client, 6, 1, self.book.account)

    def _account_multi(self, client: Client, fields: list[str]) -> None:
        for key, value, currency in self.book.account_values():
            client.send([73, 1, fields[2], fields[3], fields[4], key, value, currency])
        self.end(client, 76, 1, fields[2])

    def _summary(self, client: Client, fields: list[str]) -> None:
        wanted = fields[4].split(",")
        for key, value, currency in self.book.account_values():
            if key in wanted:
                client.send([63, 1, fields[2], self.book.account, key, value, currency])
        self.end(client, 62, 1, fields[2])

    # Market data.

    def _stream(self, client: Client, fields: list[str]) -> None:
        request, found = fields[2], self.book.matching(fields[3:15])
        if len(found) != 1:
            client.send(wire.error(request, 200, "No security definition has been found"))
            return
        feed = self.faults.feed
        if feed in _DATA_ERRORS:
            client.send(wire.error(request, *_DATA_ERRORS[feed]))
            return
        client.streams[request] = found[0].con_id
        if feed is Feed.DEAD:
            return
        if feed is Feed.DELAYED:
            client.send(wire.error(request, 10167, "Displaying delayed market data."))
        kind = {Feed.DELAYED: 3, Feed.FROZEN: 2}.get(feed, 1)
        client.send([58, 1, request, kind])
        client.send([81, request, found[0].min_tick, "9c0001", 3])
        self._tick(client, request, found[0])

    def _end_stream(self, client: Client, fields: list[str]) -> None:
        client.streams.pop(fields[2], None)

    def _tick(self, client: Client, request: str, listing: WireContract) -> None:
        shown = self.book.shown.get(listing.con_id)
        if shown is None:
            return
        types = _DELAYED_TICKS if self.faults.feed is Feed.DELAYED else _TICKS
        if listing.sec_type == "OPT":
            for name, price, size in (
                ("bid", shown.bid, shown.bid_size),
                ("ask", shown.ask, shown.ask_size),
            ):
                row = (-1.0, 0) if price is None else (price, size)
                client.send([1, 6, request, types[name], *row, 0])
        for name, price in (("last", shown.last), ("close", shown.close)):
            if price is not None:
                client.send([1, 6, request, types[name], price, 0, 0])

    def _show(self, con_id: int, shown: Shown) -> None:
        self.book.shown[con_id] = shown
        self.book.taken = {key: n for key, n in self.book.taken.items() if key[0] != con_id}
        if self.faults.feed is not Feed.DEAD:
            for client in self.clients:
                for request, streamed in client.streams.items():
                    if streamed == con_id:
                        self._tick(client, request, self.book.listings[con_id])
        self.desk.match()

    def _refresh(self) -> None:
        self.book.taken.clear()
        self.desk.match()
