"""Rows of files from elsewhere: which column means what, and what a value of it says."""

import difflib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from brokers.tape_file import TapeRow
from brokers.tape_rows import price_of
from src.models import NEW_YORK, OptionContract, Quote, Right
from src.ports import MendInput
from utils.option_symbols import parse_symbol

TIMES = ("timestamp", "seen")
PRICES = ("bid", "ask", "last")
SIZES = ("bid_size", "ask_size")
CONTRACT = ("root", "expiry", "strike", "right")
"""Four columns that name an option together, for files without an option symbol."""
MEANINGS = (*TIMES[:1], "symbol", *PRICES[:2], *SIZES, *PRICES[2:], *TIMES[1:], "volume", *CONTRACT)
KINDS = ("quotes", "bars", "prints")
_UNKNOWN = frozenset({"", "nan", "null", "none", "na", "n/a"})
_BAR_PARTS = frozenset({"open", "high", "low", "close", "o", "h", "l", "c"})
_INDEX = frozenset({"SPX", "^SPX", "^GSPC", "$SPX", "I:SPX", ".SPX"})
_TICKER = re.compile(r"(I:|[\^$.])?[A-Z]{1,6}([./][A-Z]{1,2})?")
_EPOCHS = ((1e17, 1_000_000_000), (1e14, 1_000_000), (1e11, 1_000), (0.0, 1))
"""From which size on a number counts nanoseconds, microseconds, milliseconds, seconds."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """How to read a file: the file's column by its meaning, and what the file leaves unsaid.

    `symbol` is that of all rows, where no column tells it. `zone` is that of times without an
    offset. `bar` is how long a bar is whose rows are stamped at its beginning.
    """

    columns: Mapping[str, str]
    kind: str
    symbol: str = ""
    zone: ZoneInfo | None = None
    bar: timedelta = timedelta(0)


def column_map(text: str) -> dict[str, str]:
    """Read `timestamp=time,symbol=ticker`. Raises MendInput."""
    found: dict[str, str] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        meaning, equals, column = (each.strip() for each in part.partition("="))
        if not equals or not column:
            raise MendInput(
                f"--map: {part!r} is not of the form meaning=column, such as timestamp=time."
            )
        if meaning not in MEANINGS:
            near = difflib.get_close_matches(meaning, MEANINGS, n=1, cutoff=0.0)[0]
            raise MendInput(
                f"--map: {meaning!r} is no column of a tape (nearest: {near}); "
                f"there are {', '.join(MEANINGS)}."
            )
        if meaning in found:
            raise MendInput(f"--map: {meaning} is given twice, as {found[meaning]} and {column}.")
        found[meaning] = column
    return found


def choose_columns(path: Path, header: Sequence[str], foreign: Foreign) -> dict[str, int]:
    """Return where each meaning stands in the file. Raises MendInput for what does not fit."""
    for meaning, column in foreign.columns.items():
        if column not in header:
            near = difflib.get_close_matches(column, header, n=1, cutoff=0.0)
            raise MendInput(
                f"{path}: --map names the column {column!r} for {meaning}, which is not there "
                f"(nearest: {near[0] if near else 'none'}); the file has {', '.join(header)}."
            )
    mapped = {name: header.index(column) for name, column in foreign.columns.items()}
    same = {name: header.index(name) for name in MEANINGS if name in header and name not in mapped}
    found = {**same, **mapped}
    missing = _missing(found, foreign)
    if missing:
        raise MendInput(
            f"{path}: no column tells {missing}; name it with --map, such as "
            f"--map {missing.split()[0]}=COLUMN. The file has {', '.join(header)}."
        )
    _refuse_bars_as_quotes(path, header, found, foreign)
    return found


def _missing(found: Mapping[str, int], foreign: Foreign) -> str:
    if "timestamp" not in found:
        return "timestamp"
    if not foreign.symbol and "symbol" not in found and not set(CONTRACT) <= found.keys():
        return "symbol (nor root, expiry, strike and right together; or give --symbol)"
    if foreign.kind == "quotes":
        of_an_underlying = foreign.symbol and "last" in found
        return "" if {"bid", "ask"} <= found.keys() or of_an_underlying else "bid and ask"
    return "" if "last" in found else "last"


def _refuse_bars_as_quotes(
    path: Path, header: Sequence[str], found: Mapping[str, int], foreign: Foreign
) -> None:
    sides = {side: header[found[side]] for side in ("bid", "ask") if side in found}
    if foreign.kind != "quotes":
        if sides:
            raise MendInput(
                f"{path}: --kind {foreign.kind} has last prices only, but bid and ask are there as "
                f"{' and '.join(sides.values())}; say --kind quotes if they are real quotes of one "
                "moment, or rename the columns."
            )
        return
    for side, column in sides.items():
        if column.lower() in _BAR_PARTS:
            raise MendInput(
                f"{path}: the {column} of a bar is no {side} of one moment, and such quotes would "
                "be spreads that never were; import it as bars (--kind bars --map last=close)."
            )


class ForeignReader:
    """Reads rows by a map of columns, and collects what is wrong with them."""

    def __init__(self, columns: Mapping[str, int], width: int, foreign: Foreign) -> None:
        self.faults: list[str] = []
        self.others: dict[str, int] = {}
        """Rows left out, by the reason."""
        self._columns = columns
        self._width = width
        self._foreign = foreign
        self._symbols: dict[str, OptionContract | str | None] = {}
        self._times: dict[str, datetime] = {}

    @property
    def knows_trades(self) -> bool:
        """Whether bars without a trade can be told from others."""
        return "volume" in self._columns

    def take(self, place: str, fields: Sequence[str]) -> TapeRow | None:
        """Return a row, or None for one that is left out or wrong."""
        if len(fields) != self._width:
            self.faults.append(f"{place}: {len(fields)} fields, where {self._width} are needed")
            return None
        try:
            return self._read(fields)
        except ValueError as error:
            self.faults.append(f"{place}: {error}")
            return None

    def _read(self, fields: Sequence[str]) -> TapeRow | None:
        named = self._symbol(fields)
        if named is None:
            self._leave_out("of other symbols than SPY, SPX and their options")
            return None
        at = self._time(self._text(fields, "timestamp")) + self._foreign.bar
        if isinstance(named, OptionContract) and named.expiry != at.date():
            self._leave_out("of options that do not expire that day")
            return None
        prices = [_price(self._text(fields, name)) for name in PRICES]
        sizes = [_size(self._text(fields, name)) for name in SIZES]
        is_option = isinstance(named, OptionContract)
        if is_option and _price(self._text(fields, "volume")) == 0:
            self._leave_out("of bars without a trade (carried forward)")
            return None
        if not is_option and prices[2] is None and None not in prices[:2]:
            # Of an underlying a tape knows one price: the middle of its market.
            prices[2] = ((prices[0] or 0) + (prices[1] or 0)) / 2
        if not is_option:
            prices[:2], sizes = [None, None], [None, None]
        quote = Quote(at, prices[0], prices[1], sizes[0], sizes[1], prices[2])
        seen = self._text(fields, "seen")
        known = self._time(seen) if seen else at
        if known < at:
            raise ValueError(f"seen {seen} lies before the time at which it was true")
        symbol = named.symbol if isinstance(named, OptionContract) else named
        return TapeRow(symbol, quote, known)

    def _leave_out(self, why: str) -> None:
        self.others[why] = self.others.get(why, 0) + 1

    def _text(self, fields: Sequence[str], name: str) -> str:
        index = self._columns.get(name)
        text = fields[index].strip() if index is not None else ""
        return "" if text.lower() in _UNKNOWN else text

    def _symbol(self, fields: Sequence[str]) -> OptionContract | str | None:
        text = self._foreign.symbol or self._text(fields, "symbol")
        if not text:
            text = "|".join(self._text(fields, name) for name in CONTRACT)
        if text not in self._symbols:
            self._symbols[text] = _named(text)
        return self._symbols[text]

    def _time(self, text: str) -> datetime:
        if text not in self._times:
            self._times[text] = _moment(text, self._foreign.zone)
        return self._times[text]


def _named(text: str) -> OptionContract | str | None:
    """Return an option, SPY or SPX; None for what a tape does not hold. Raises ValueError."""
    if text.count("|") == len(CONTRACT) - 1:
        return _of_a_tape(_contract(*text.split("|")))
    name = text.upper()
    if name in _INDEX:
        return "SPX"
    if name == "SPY":
        return "SPY"
    try:
        return _of_a_tape(parse_symbol(name.removeprefix("O:")))
    except ValueError:
        if _TICKER.fullmatch(name):
            return None
        raise


def _of_a_tape(contract: OptionContract) -> OptionContract | None:
    return contract if contract.root in {"SPY", "SPXW"} else None


def _contract(root: str, expiry: str, strike: str, right: str) -> OptionContract:
    letter = right[:1].upper()
    if letter not in {"C", "P"}:
        raise ValueError(f"right {right!r} is neither call nor put")
    day = datetime.fromisoformat(expiry).date()
    side: Right = "C" if letter == "C" else "P"
    price = price_of(strike)
    if price <= 0:
        raise ValueError(f"strike {strike!r} is not above 0")
    return OptionContract(root.upper(), day, price, side)


def _moment(text: str, zone: ZoneInfo | None) -> datetime:
    if not text:
        raise ValueError("the time is missing")
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if number > 1e9:
        unit = next(unit for least, unit in _EPOCHS if number >= least)
        return datetime.fromtimestamp(number / unit, UTC).astimezone(NEW_YORK)
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no time in ISO 8601, nor seconds since 1970") from error
    if found.tzinfo is None:
        if zone is None:
            raise ValueError(
                f"{text!r} has no offset from UTC; say --zone America/New_York, or where it is true"
            )
        found = found.replace(tzinfo=zone)
    return found.astimezone(NEW_YORK)


def _price(text: str) -> float | None:
    return price_of(text) if text else None


def _size(text: str) -> int | None:
    if not text:
        return None
    value = price_of(text)
    if value != int(value):
        raise ValueError(f"{text!r} is no whole number of contracts")
    return int(value)
