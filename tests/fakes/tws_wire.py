"""The text protocol of TWS, server versions 176 to 178: frames, and the layout of each message.

A body is a list of fields, each ended by NUL; the first is the message's number. Numbers travel
as decimal text, truth as 1 and 0, and an empty field is the default.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

UNSET_DOUBLE = "1.7976931348623157E308"
UNSET_INT = "2147483647"

Fields = list[object]


def frame(fields: Fields) -> bytes:
    """Return one message as it goes over the socket."""
    body = "".join(f"{_text(each)}\0" for each in fields).encode()
    return struct.pack(">I", len(body)) + body


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float):
        return f"{value:.10f}".rstrip("0").rstrip(".")
    return "" if value is None else str(value)


class Unframer:
    """Collects bytes, however they are cut, and gives the messages that are whole."""

    def __init__(self) -> None:
        self._data = b""
        self._greeted = False

    def feed(self, data: bytes) -> Iterator[list[str]]:
        """Yield the fields of every message that has become whole."""
        self._data += data
        if not self._greeted:
            if len(self._data) < 4:
                return
            if self._data[:4] != b"API\0":
                raise ValueError(f"no API greeting: {self._data[:20]!r}")
            self._data, self._greeted = self._data[4:], True
        while len(self._data) >= 4:
            end = 4 + struct.unpack(">I", self._data[:4])[0]
            if len(self._data) < end:
                return
            body, self._data = self._data[4:end].decode(), self._data[end:]
            yield body.split("\0")[:-1] if "\0" in body else [body]


@dataclass
class WireContract:
    """A contract as TWS lists it."""

    con_id: int
    symbol: str
    sec_type: str
    expiry: str = ""
    strike: float = 0.0
    right: str = ""
    multiplier: str = ""
    exchange: str = "SMART"
    currency: str = "USD"
    local_symbol: str = ""
    trading_class: str = ""
    primary_exchange: str = ""
    valid_exchanges: str = "SMART,CBOE,IBUSOPT"
    market_rules: str = "26,26,26"
    min_tick: float = 0.01
    real_expiry: str = ""
    last_time: str = ""

    def head(self) -> Fields:
        """Return the eleven fields with which other messages begin."""
        return [
            *(self.con_id, self.symbol, self.sec_type, self.expiry, self.strike, self.right),
            *(self.multiplier, self.exchange, self.currency, self.local_symbol),
            self.trading_class,
        ]

    def details(self, request: str) -> Fields:
        """Return message 10."""
        last = f"{self.expiry}-{self.last_time}-US/Eastern" if self.last_time else self.expiry
        return [
            *(10, request, self.symbol, self.sec_type, last, self.strike, self.right),
            *(self.exchange, self.currency, self.local_symbol, self.trading_class),
            *(self.trading_class, self.con_id, self.min_tick, self.multiplier, "LMT,MKT"),
            *(self.valid_exchanges, 1, 0, self.symbol, self.primary_exchange, "", "", "", ""),
            *("US/Eastern", "", "", "", "", 0, 1, "", "", self.market_rules),
            *(self.real_expiry or self.expiry, "", 1, 1, 1),
        ]


@dataclass
class WireOrder:
    """An order as the server keeps it."""

    client_id: int
    order_id: int
    contract: WireContract
    action: str = "BUY"
    quantity: int = 0
    order_type: str = "LMT"
    limit: float = 0.0
    tif: str = "DAY"
    account: str = ""
    open_close: str = ""
    ref: str = ""
    what_if: bool = False
    perm_id: int = 0
    status: str = "Submitted"
    filled: int = 0
    paid: float = 0.0
    note: str = ""
    held: bool = False

    @property
    def remaining(self) -> int:
        return self.quantity - self.filled

    @property
    def is_done(self) -> bool:
        return self.status in {"Filled", "Cancelled", "ApiCancelled", "Inactive"}

    @property
    def sign(self) -> int:
        return 1 if self.action == "BUY" else -1

    def head(self) -> Fields:
        """Return the common head of messages 5 and 101."""
        return [
            *self.contract.head(),
            *(self.action, self.quantity, self.order_type, self.limit, UNSET_DOUBLE, self.tif),
            *("", self.account, self.open_close, 0, self.ref),
        ]

    def status_message(self) -> Fields:
        """Return message 3."""
        average = self.paid / self.filled if self.filled else 0.0
        return [
            *(3, self.order_id, self.status, self.filled, self.remaining, average, self.perm_id),
            *(0, average, self.client_id, "", 0),
        ]


def read_order(
    fields: list[str], client_id: int, contract: WireContract, version: int
) -> WireOrder:
    """Return what message 3 from the client asks for: a plain order of one leg."""
    return WireOrder(
        client_id=client_id,
        order_id=int(fields[1]),
        contract=contract,
        action=fields[16],
        quantity=int(float(fields[17] or 0)),
        order_type=fields[18],
        limit=float(fields[19] or 0),
        tif=fields[21],
        account=fields[23],
        open_close=fields[24],
        ref=fields[26],
        # No faProfile from version 177 on.
        what_if=fields[84 if version >= 177 else 85] == "1",
    )


def open_order(order: WireOrder, version: int, margins: tuple[float, ...] = ()) -> Fields:
    """Return message 5; `margins` are the nine numbers of a what-if answer."""
    numbers = list(margins) if margins else [UNSET_DOUBLE] * 9
    return [
        *(5, order.order_id, *order.head(), order.client_id, order.perm_id),
        *(0, 0, 0, "", "", "", "", ""),
        *([""] if version < 177 else []),
        *("", "", "", UNSET_DOUBLE, "", 0, "", -1, 0, UNSET_DOUBLE, UNSET_DOUBLE, UNSET_DOUBLE),
        *(UNSET_DOUBLE, UNSET_DOUBLE, 0, 0, 0, 0, UNSET_INT, 0, 0, 0, UNSET_DOUBLE, 0, 0),
        *(UNSET_DOUBLE, 0, "", UNSET_DOUBLE),
        *(0, 0, UNSET_DOUBLE, UNSET_DOUBLE, UNSET_DOUBLE, UNSET_INT, ""),
        *(0, 0, 0, UNSET_INT, UNSET_INT, UNSET_DOUBLE, ""),
        *(0, "", "IB", 0, 0, ""),
        *(0, order.what_if, order.status, *numbers),
        *(1.0 if margins else UNSET_DOUBLE, UNSET_DOUBLE, UNSET_DOUBLE, "USD", order.note),
        *(0, 0, 0),
        *("None", UNSET_DOUBLE, UNSET_DOUBLE, UNSET_DOUBLE, UNSET_DOUBLE, UNSET_DOUBLE),
        *(UNSET_DOUBLE, 0, "", "", "", UNSET_DOUBLE, 0, 0, 0, 0, UNSET_INT, UNSET_INT, 0),
        *(UNSET_INT, UNSET_INT, UNSET_DOUBLE, UNSET_DOUBLE, UNSET_DOUBLE),
    ]


def completed_order(order: WireOrder, version: int, time: str) -> Fields:
    """Return message 101."""
    ended = f"Filled Size: {order.filled}" if order.status == "Filled" else "Cancelled by Trader"
    return [
        *(101, *order.head(), order.perm_id, 0, 0, 0, "", "", "", ""),
        *([""] if version < 177 else []),
        *("", "", "", UNSET_DOUBLE, "", 0, "", -1, UNSET_DOUBLE, UNSET_DOUBLE, UNSET_DOUBLE),
        *(UNSET_DOUBLE, UNSET_DOUBLE, 0, 0, 0, UNSET_INT, 0, 0, UNSET_DOUBLE, 0, ""),
        UNSET_DOUBLE,
        *(0, 0, UNSET_DOUBLE, UNSET_DOUBLE, ""),
        *(0, 0, 0, UNSET_INT, UNSET_INT, UNSET_DOUBLE, ""),
        *("", "IB", 0, 0, ""),
        *(0, order.status, 0, 0, 0),
        *(UNSET_DOUBLE, UNSET_DOUBLE, UNSET_DOUBLE, 0, 0, "", order.filled, 0, 0, 0, 0, 0, 0),
        *(time, order.note or ended),
        *(UNSET_INT, UNSET_INT, UNSET_DOUBLE, UNSET_DOUBLE, UNSET_DOUBLE),
    ]


@dataclass
class WireExecution:
    """One execution; `exec_id` ends in its revision, .01 for the first."""

    order: WireOrder
    exec_id: str
    time: str
    shares: int
    price: float
    cumulative: int
    commission: float
    net: int

    def message(self, request: int | str, version: int) -> Fields:
        """Return message 11."""
        o = self.order
        return [
            *(11, request, o.order_id, *o.contract.head(), self.exec_id, self.time, o.account),
            *("CBOE", "BOT" if o.sign > 0 else "SLD", self.shares, self.price, o.perm_id),
            *(o.client_id, 0, self.cumulative, self.price, o.ref, "", "", "", 1),
            *([0] if version >= 178 else []),
        ]

    def commission_message(self) -> Fields:
        """Return message 59."""
        return [59, 1, self.exec_id, self.commission, "USD", UNSET_DOUBLE, UNSET_DOUBLE, ""]


def position_message(account: str, contract: WireContract, held: int) -> Fields:
    """Return message 61."""
    return [61, 3, account, *contract.head(), held, 0.0]


def error(about: int | str, code: int, text: str) -> Fields:
    """Return message 4."""
    return [4, 2, about, code, text, ""]
