"""A fake Alpaca on 127.0.0.1: trading and data server in one, for the unmodified alpaca-py.

Paths, parameters, paging and answers are those of Alpaca's published interface. Faults are
scripted by name with `fail`; without one every call is answered.
"""

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.fakes.alpaca_exchange import OVER, AlpacaExchange, Order, Reply, refused, utc
from tests.fakes.alpaca_past import AlpacaPast
from utils.option_symbols import parse_symbol

KEYS = ("PKFAKE0001", "secret")
CONFIGURATIONS = {
    "dtbp_check": "entry",
    "fractional_trading": True,
    "max_margin_multiplier": "4",
    "max_options_trading_level": 3,
    "no_shorting": False,
    "pdt_check": "entry",
    "ptp_no_exception_entry": False,
    "suspend_trade": False,
    "trade_confirm_email": "all",
}
HTML = "<html><head><title>502 Bad Gateway</title></head><body>cloudflare</body></html>"


@dataclass
class Fault:
    """What goes wrong with the next `times` calls of a method to a path.

    `kind`: "status" answers with `status` and `body`; "hang" never answers; "reset" drops the
    connection; "drip" sends the answer in drops; "edit" lets `edit` change the JSON; "made" lets
    it make one of the query alone. With `after` the call has taken effect before.
    """

    method: str
    path: str
    kind: str
    times: int = 1
    after: bool = False
    status: int = 504
    body: str = ""
    edit: Callable[[Any], Any] = lambda payload: payload


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, str]
    body: Any
    raw: bytes


class AlpacaServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, exchange: AlpacaExchange) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.exchange = exchange
        self.keys = KEYS
        self.wrong_keys: Reply = (401, {"message": "unauthorized."})
        self.has_opra = True
        self.past = AlpacaPast()
        self.page_size: int | None = None
        self.calendar: list[dict[str, str]] | None = None
        self.clock_is_off = timedelta(0)
        self.limit = 200
        self.remaining = 200
        self.counts = False
        self.requests: list[Request] = []
        self.faults: list[Fault] = []
        self.stopping = threading.Event()
        self.lock = threading.RLock()
        self.connections: set[socket.socket] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def fail(self, method: str, path: str, kind: str = "status", **fields: Any) -> Fault:  # noqa: ANN401
        fault = Fault(method, path, kind, **fields)
        self.faults.append(fault)
        return fault

    def fault_of(self, method: str, path: str) -> Fault | None:
        for fault in self.faults:
            if fault.times > 0 and fault.method == method and path.startswith(fault.path):
                fault.times -= 1
                return fault
        return None

    def sent(self, method: str, path: str) -> list[Request]:
        return [e for e in self.requests if e.method == method and e.path.startswith(path)]

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """Stay silent about connections that the client has dropped."""

    # Routes.

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> Reply:  # noqa: ANN401
        exchange, folders = self.exchange, path.strip("/").split("/")
        if (method, path) == ("POST", "/v2/orders"):
            return exchange.submit(body)
        if path.startswith("/v2/orders/"):
            order = folders[-1]
            return exchange.cancel(order) if method == "DELETE" else exchange.show(order)
        if path.startswith("/v1beta1/options/"):
            return self.option_data(folders[2:], query)
        if path.startswith("/v2/stocks/"):
            return self.stock_data(folders[2], query)
        fixed: dict[str, Callable[[dict[str, str]], Reply]] = {
            "/v2/orders": self.orders,
            "/v2/orders:by_client_order_id": self.by_client_id,
            "/v2/positions": lambda _: (200, exchange.list_positions()),
            "/v2/account": lambda _: (200, exchange.account()),
            "/v2/account/configurations": lambda _: (200, CONFIGURATIONS),
            "/v2/account/activities": self.activities,
            "/v2/clock": self.clock,
            "/v2/calendar": self.sessions,
            "/v2/options/contracts": self.contracts,
        }
        found = fixed.get(path)
        return found(query) if found and method == "GET" else (404, {"message": "not found."})

    def by_client_id(self, query: dict[str, str]) -> Reply:
        wanted = query.get("client_order_id")
        for order in self.exchange.orders.values():
            if order.client_order_id == wanted:
                return 200, order.to_json()
        return refused(404, 40410000, f"order not found for {wanted}")

    def clock(self, query: dict[str, str]) -> Reply:
        del query
        now = self.exchange.now().isoformat()
        said = (self.exchange.now() + self.clock_is_off).isoformat()
        return 200, {"timestamp": said, "is_open": True, "next_open": now, "next_close": now}

    def sessions(self, query: dict[str, str]) -> Reply:
        day = query.get("start", self.exchange.now().date().isoformat())[:10]
        usual = [{"date": day, "open": "09:30", "close": "16:00", "session_open": "0400"}]
        return 200, usual if self.calendar is None else self.calendar

    def orders(self, query: dict[str, str]) -> Reply:
        found: list[Order] = list(self.exchange.orders.values())
        status = query.get("status", "open")
        if status != "all":
            found = [each for each in found if (each.status in OVER) == (status == "closed")]
        if until := query.get("until"):
            found = [each for each in found if utc(each.at) < until]
        found.sort(key=lambda each: (each.at, each.number))
        if query.get("direction", "desc") == "desc":
            found.reverse()
        limit = min(int(query.get("limit", "50")), self.page_size or 500)
        return 200, [each.to_json() for each in found[:limit]]

    def activities(self, query: dict[str, str]) -> Reply:
        types = set(query.get("activity_types", "").split(",")) - {""}
        count = len(self.exchange.activities) - self.exchange.hidden_activities
        every = self.exchange.activities[: max(count, 0)]
        found = [each for each in every if not types or each["activity_type"] in types]
        found.sort(key=lambda each: str(each["id"]))
        if query.get("direction", "desc") == "desc":
            found.reverse()
        if token := query.get("page_token"):
            ids = [each["id"] for each in found]
            if token not in ids:
                return refused(422, 42210000, "invalid page_token")
            found = found[ids.index(token) + 1 :]
        size = min(int(query.get("page_size", "100")), self.page_size or 100)
        return 200, found[:size]

    def contracts(self, query: dict[str, str]) -> Reply:
        last = self.exchange.now().date() + timedelta(days=7)
        roots = {"SPY": "SPY", "SPXW": "SPX", "SPX": "SPX"}
        wanted = query.get("underlying_symbols", "").split(",")
        rows = [
            {
                "id": symbol,
                "symbol": symbol,
                "name": f"{contract} {contract.expiry}",
                "status": "active",
                "tradable": True,
                "style": "american" if contract.root == "SPY" else "european",
                "size": "100",
                "underlying_asset_id": "b28f4066-5c6d-479b-a2af-85dc1a8f16fb",
                "expiration_date": contract.expiry.isoformat(),
                "root_symbol": contract.root,
                "underlying_symbol": roots[contract.root],
                "type": "call" if contract.right == "C" else "put",
                "strike_price": str(contract.strike),
            }
            for symbol, contract in self.listed(query)
            if roots[contract.root] in wanted and contract.expiry <= last
        ]
        page, token = self.page(rows, query, 100)
        return 200, {"option_contracts": page, "next_page_token": token}

    def listed(self, query: dict[str, str]) -> Iterator[tuple[str, Any]]:
        for symbol in sorted(self.exchange.markets):
            contract = parse_symbol(symbol)
            kind = "call" if contract.right == "C" else "put"
            if (
                query.get("root_symbol", contract.root) == contract.root
                and query.get("expiration_date", str(contract.expiry)) == str(contract.expiry)
                and float(query.get("strike_price_gte", "0")) <= contract.strike
                and contract.strike <= float(query.get("strike_price_lte", "1e9"))
                and query.get("type", kind) == kind
            ):
                yield symbol, contract

    def page(self, rows: list[Any], query: dict[str, str], usual: int) -> tuple[list[Any], Any]:
        begin = int(query.get("page_token") or 0)
        size = min(int(query.get("limit") or usual), self.page_size or 10_000)
        return rows[begin : begin + size], str(begin + size) if begin + size < len(rows) else None

    def option_data(self, rest: list[str], query: dict[str, str]) -> Reply:
        if rest == ["bars"]:
            return self.past.bars("options", query)
        if query.get("feed") == "opra" and not self.has_opra:
            return 403, {"message": "OPRA agreement is not signed"}
        if rest == ["quotes", "latest"]:
            symbols = query.get("symbols", "").split(",")
            if len(symbols) > 100:
                return 400, {"message": "too many symbols"}
            known = [each for each in symbols if each in self.exchange.markets]
            return 200, {"quotes": {each: self.quote(each) for each in known}}
        if rest[0] != "snapshots":
            return 404, {"message": "endpoint not found."}
        roots = {"SPX": {"SPX", "SPXW"}, "SPY": {"SPY"}}
        if len(rest) == 2:
            symbols = [s for s, c in self.listed(query) if c.root in roots.get(rest[1], set())]
        else:
            symbols = [s for s in query["symbols"].split(",") if s in self.exchange.markets]
        page, token = self.page(symbols, query, 100)
        snapshots = {each: {"latestQuote": self.quote(each)} for each in page}
        return 200, {"snapshots": snapshots, "next_page_token": token}

    def quote(self, symbol: str) -> dict[str, Any]:
        market = self.exchange.markets[symbol]
        bid_size, ask_size = market.sizes or (50, 60)
        found = {"t": utc(market.at), "bx": "C", "bs": bid_size, "ax": "C", "as": ask_size}
        prices = {"bp": market.bid, "ap": market.ask, "c": "A"}
        return {**found, **{key: value for key, value in prices.items() if value is not None}}

    def stock_data(self, what: str, query: dict[str, str]) -> Reply:
        exchange = self.exchange
        if what == "quotes" and exchange.spy:
            bid, ask, at = exchange.spy
            row = {"t": utc(at), "bp": bid, "ap": ask, "bs": 3, "as": 2, "c": ["R"], "z": "B"}
            return 200, {"quotes": {"SPY": row}}
        if what == "trades" and exchange.spy_trade:
            price, at = exchange.spy_trade
            return 200, {"trades": {"SPY": {"t": utc(at), "p": price, "s": 100, "x": "V"}}}
        if what == "bars" and self.past.markets:
            return self.past.bars("stocks", query)
        if what == "bars":
            day = date.fromisoformat(query["start"][:10])
            row = {"t": f"{day}T04:00:00Z", "c": exchange.spy_close, "o": 1, "h": 1, "l": 1}
            bars = {"SPY": [row]} if exchange.spy_close else {}
            return 200, {"bars": bars, "next_page_token": None}
        return 200, {what: {}}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: AlpacaServer

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)

    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        super().finish()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401
        pass

    def do_GET(self) -> None:
        self.serve()

    def do_POST(self) -> None:
        self.serve()

    def do_DELETE(self) -> None:
        self.serve()

    def serve(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        target = urlsplit(self.path)
        query, body = dict(parse_qsl(target.query)), json.loads(raw) if raw else None
        server, method, path = self.server, self.command, target.path
        with server.lock:
            server.requests.append(Request(method, path, query, body, raw))
            fault = server.fault_of(method, path)
            if fault and not fault.after and fault.kind in {"hang", "reset", "status", "made"}:
                status, payload = fault.status, None
            else:
                status, payload = self.reply(method, path, query, body)
        if fault is None:
            self.send(status, payload)
        elif fault.kind == "hang":
            server.stopping.wait()
            self.close_connection = True
        elif fault.kind == "reset":
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.close_connection = True
        elif fault.kind == "drip":
            self.drip(json.dumps(payload).encode())
        elif fault.kind == "made":
            self.send(200, fault.edit(query))
        elif fault.kind == "edit":
            self.send(status, fault.edit(payload))
        else:
            self.send_bytes(fault.status, fault.body.encode(), "text/html")

    def reply(self, method: str, path: str, query: dict[str, str], body: Any) -> Reply:  # noqa: ANN401
        server = self.server
        names = ("APCA-API-KEY-ID", "APCA-API-SECRET-KEY")
        if tuple(self.headers.get(name) for name in names) != server.keys:
            return server.wrong_keys
        if server.counts:
            if server.remaining <= 0:
                return 429, {"code": 42910000, "message": "rate limit exceeded"}
            server.remaining -= 1
        return server.answer(method, path, query, body)

    def send(self, status: int, payload: Any) -> None:  # noqa: ANN401
        body = b"" if payload is None else json.dumps(payload).encode()
        self.send_bytes(status, body, "application/json")

    def send_bytes(self, status: int, body: bytes, kind: str) -> None:
        now = datetime.now(UTC)
        head = [
            f"HTTP/1.1 {status} X",
            f"Date: {format_datetime(now, usegmt=True)}",
            f"Content-Type: {kind}",
            f"Content-Length: {len(body)}",
            f"X-RateLimit-Limit: {self.server.limit}",
            f"X-RateLimit-Remaining: {self.server.remaining}",
            f"X-RateLimit-Reset: {int(now.timestamp()) + 60}",
        ]
        self.wfile.write("\r\n".join([*head, "", ""]).encode() + body)

    def drip(self, body: bytes) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        for drop in pairwise(range(len(head) + len(body) + 1)):
            if self.server.stopping.wait(0.02):
                break
            self.wfile.write((head + body)[slice(*drop)])
        self.close_connection = True


@contextmanager
def running(exchange: AlpacaExchange) -> Iterator[AlpacaServer]:
    """Serve on a free port of this machine until the block ends."""
    server = AlpacaServer(exchange)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stopping.set()
        server.shutdown()
        thread.join()
        for each in list(server.connections):
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # the client was faster
        server.server_close()
