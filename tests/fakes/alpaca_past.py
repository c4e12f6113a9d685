"""The historical bars of the fake Alpaca: /v2/stocks/bars and /v1beta1/options/bars.

Parameters, order, paging and refusals are those of the published interface: at most 100 option
symbols, at most 10,000 bars a page, sorted by symbol and then by time, `end` included.
"""

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from src.models import NEW_YORK
from tests.fakes.past_market import PastMarket
from utils.option_symbols import parse_symbol

Reply = tuple[int, Any]
Bar = dict[str, Any]


@dataclass
class AlpacaPast:
    """Past sessions, and how long a page may be at most."""

    markets: list[PastMarket] = field(default_factory=list)
    page_size: int = 10_000
    unknown: set[str] = field(default_factory=set)
    """Symbols that were never listed."""
    _last: tuple[object, list[tuple[str, Bar]]] = field(default_factory=lambda: ((), []))
    """The newest question and its whole answer, of which the next page may be asked."""

    def bars(self, kind: str, query: dict[str, str]) -> Reply:
        """Answer one request."""
        symbols = sorted(query.get("symbols", "").split(","))
        if kind == "options" and len(symbols) > 100:
            return 400, {"message": "symbols: too many, at most 100"}
        if query.get("timeframe") not in {"1Min", "1Day"}:
            return 400, {"message": "invalid timeframe"}
        limit = int(query.get("limit", "1000"))
        if not 1 <= limit <= 10_000:
            return 400, {"message": "invalid limit: must be between 1 and 10000"}
        found = self._found(tuple(symbols), query)
        token = query.get("page_token")
        first = int(base64.b64decode(token)) if token else 0
        last = first + min(limit, self.page_size)
        page: dict[str, list[Bar]] = {}
        for symbol, bar in found[first:last]:
            page.setdefault(symbol, []).append(bar)
        more = base64.b64encode(str(last).encode()).decode() if last < len(found) else None
        return 200, {"bars": page, "next_page_token": more}

    def _found(self, symbols: tuple[str, ...], query: dict[str, str]) -> list[tuple[str, Bar]]:
        key = (symbols, query["start"], query["end"], query["timeframe"])
        if self._last[0] != key:
            begin, end = _moment(query["start"]), _moment(query["end"])
            daily = query["timeframe"] == "1Day"
            found = [
                (symbol, bar)
                for symbol in symbols
                for at, bar in sorted(self._of(symbol, daily=daily), key=lambda each: each[0])
                if begin <= at <= end
            ]
            self._last = key, found
        return self._last[1]

    def _of(self, symbol: str, *, daily: bool) -> Iterator[tuple[datetime, Bar]]:
        for market in self.markets:
            if symbol in self.unknown:
                continue
            if daily:
                at = market.session.open.replace(hour=0, minute=0)
                yield at, _bar(at, market.closes("SPY")[-1][1], 50_000_000)
            elif symbol == "SPY":
                for at, close in market.closes("SPY"):
                    yield at, _bar(at, close, 120_000)
            else:
                contract = parse_symbol(symbol)
                if contract.expiry == market.session.day:
                    for at, close, volume in market.trades(contract):
                        yield at, _bar(at, close, volume)


def _bar(at: datetime, close: float, volume: int) -> Bar:
    stamp = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "t": stamp,
        "o": close,
        "h": close,
        "l": close,
        "c": close,
        "v": volume,
        "n": 3,
        "vw": close,
    }


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=NEW_YORK)
