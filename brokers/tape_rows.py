"""The rows of a tape: text becomes series of quotes, and every fault is named with its line."""

import math
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path

from src.models import NEW_YORK, OptionContract, Quote
from src.ports import MendInput
from utils.option_symbols import parse_symbol

COLUMNS = ("timestamp", "symbol", "bid", "ask", "bid_size", "ask_size", "last")
SEEN = "seen"
"""An eighth column that a tape may have: when a row became known, if not at its `timestamp`."""
UNDERLYINGS = ("SPY", "SPX")

_ROOTS = ("SPY", "SPXW", "SPX")
_FAULTS_SHOWN = 5
_NUMBER = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_WHOLE = re.compile(r"[0-9]+")

Row = tuple[datetime, float | None, float | None, int | None, int | None, float | None]
"""The fields of a Quote in its order; it becomes one only when somebody asks for it."""


class Series:
    """The rows of one symbol, and when each of them became known."""

    __slots__ = ("rows", "seen")

    def __init__(self) -> None:
        self.seen: list[datetime] = []
        self.rows: list[Row] = []

    def newest(self, now: datetime) -> Quote | None:
        """Return the last row that was known at `now`; None if there was no market then."""
        index = bisect_right(self.seen, now)
        if index == 0:
            return None
        quote = Quote(*self.rows[index - 1])
        return None if quote.is_empty else quote


def published(symbol: str, price: float | None) -> float | None:
    """Return a price as its market publishes it: SPX has two places, the rest is float noise."""
    return round(price, 2) if symbol == "SPX" and price is not None else price


class _Moments(dict[str, datetime]):
    """Timestamps by their text: a tape repeats each of them for all its symbols."""

    def __missing__(self, text: str) -> datetime:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError as error:
            raise ValueError(f"{text!r} is no time in ISO 8601") from error
        if moment.tzinfo is None:
            raise ValueError(f"{text!r} has no offset from UTC (such as -05:00)")
        self[text] = moment = moment.astimezone(NEW_YORK)
        return moment


class _Prices(dict[str, float | None]):
    """Prices by their text; an empty one is not known."""

    def __missing__(self, text: str) -> float | None:
        value = self[text] = price_of(text) if text else None
        return value


class _Sizes(dict[str, int | None]):
    """Sizes by their text; an empty one is not known."""

    def __missing__(self, text: str) -> int | None:
        if text and not _WHOLE.fullmatch(text):
            raise ValueError(f"{text!r} is no whole number of contracts, 0 or more")
        value = self[text] = int(text) if text else None
        return value


def price_of(text: str) -> float:
    """Return a price that is written down. Raises ValueError, with what is wrong."""
    if text.startswith("-") and _NUMBER.fullmatch(text[1:]):
        raise ValueError(f"{text} is negative")
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"{text!r} is no number")
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{text} is no finite number")
    return value


class RowReader:
    """Turns rows of text into series, and collects what is wrong with them."""

    def __init__(self, day: date, width: int, unit: str = "line") -> None:
        self.series: dict[str, Series] = {}
        self.contracts: dict[str, OptionContract] = {}
        self.faults: list[str] = []
        self._day = day
        self._width = width
        self._unit = unit
        self._moments = _Moments()
        self._prices = _Prices()
        self._sizes = _Sizes()
        self._latest = datetime.combine(day, time(), tzinfo=NEW_YORK)
        self._end = self._latest + timedelta(days=1)

    def take(self, line: int, fields: list[str]) -> None:
        """Add one row, or what is wrong with it."""
        if len(fields) != self._width:
            self.faults.append(
                f"{self._unit} {line}: {len(fields)} fields, where {self._width} are needed"
            )
            return
        prices, sizes = self._prices, self._sizes
        try:
            stamp, symbol, bid, ask, bid_size, ask_size, last, *rest = fields
            at = self._moments[stamp]
            seen = self._moments[rest[0]] if rest and rest[0] else at
            series = self._known(symbol)
            row = (at, prices[bid], prices[ask], sizes[bid_size], sizes[ask_size], prices[last])
        except ValueError:
            self.faults += (f"{self._unit} {line}: {fault}" for fault in self._faults_of(fields))
            return
        if not self._latest <= seen < self._end:
            self.faults.append(f"{self._unit} {line}: {self._misplaced(seen)}")
            return
        if symbol == "SPX":
            row = (*row[:5], published(symbol, row[5]))
        self._latest = seen
        series.seen.append(seen)
        series.rows.append(row)

    def complain(self, path: Path) -> None:
        """Raise MendInput if anything was wrong, with the first faults."""
        if not self.faults and not self.series:
            raise MendInput(f"{path}: the tape holds no rows; record or download it again.")
        if self.faults:
            shown = "; ".join(self.faults[:_FAULTS_SHOWN])
            more = len(self.faults) - _FAULTS_SHOWN
            rest = f"; ...and {more} more" if more > 0 else ""
            raise MendInput(f"{path}: {shown}{rest}. Mend or remove these {self._unit}s.")

    def _new_series(self, symbol: str) -> Series:
        if symbol not in UNDERLYINGS:
            self.contracts[symbol] = _contract(symbol)
        self.series[symbol] = Series()
        return self.series[symbol]

    def _misplaced(self, seen: datetime) -> str:
        if seen.date() != self._day:
            return f"{seen.isoformat()} is not on {self._day}, the date in the file's name"
        return (
            f"{seen.isoformat()} comes after a row of {self._latest.isoformat()}, "
            "but rows must be in time order"
        )

    def _faults_of(self, fields: list[str]) -> Iterator[str]:
        """Read a row that cannot be read once more, each field by itself."""
        prices, sizes = self._prices.__getitem__, self._sizes.__getitem__
        moments = self._moments.__getitem__
        readers: tuple[Callable[[str], object], ...] = (
            *(moments, self._known, prices, prices, sizes, sizes, prices),
            lambda text: text and moments(text),
        )
        for column, read, text in zip((*COLUMNS, SEEN), readers, fields, strict=False):
            try:
                read(text)
            except ValueError as error:
                yield f"{column} {error}"

    def _known(self, symbol: str) -> Series:
        return self.series.get(symbol) or self._new_series(symbol)


def _contract(symbol: str) -> OptionContract:
    try:
        contract = parse_symbol(symbol)
    except ValueError as error:
        raise ValueError(f"is unknown: neither SPY nor SPX, and {error}") from error
    if contract.root not in _ROOTS:
        import difflib  # noqa: PLC0415 - only for tapes that are not sound

        nearest = difflib.get_close_matches(contract.root, _ROOTS, n=1, cutoff=0.0)[0]
        raise ValueError(
            f"{symbol} is unknown: a tape holds options of {', '.join(_ROOTS)}, "
            f"not of {contract.root} (nearest: {nearest})"
        )
    return contract
