"""What a source of history is asked, and which options of a day are worth asking for."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Protocol

from brokers.tape_file import TapeRow
from brokers.tape_rows import UNDERLYINGS
from src.models import OptionContract, Quote, Right, Session
from src.ports import OfficialCloses
from src.ticks import tick_size
from utils.option_symbols import parse_symbol

MINUTE = timedelta(minutes=1)
USUAL_RATIO = 10.03
"""SPX over SPY where SPX is not known yet; only to choose strikes by."""
DERIVED = (
    "DERIVED QUOTES: the ask is the last trade and the bid one tick below; real ones are wider"
)


@dataclass(frozen=True, slots=True)
class About:
    """What a day's tape tells: `bars` hold last prices, `prints` and `averages` derived quotes."""

    kind: str
    note: str
    labels: tuple[str, ...] = ()
    cadence: timedelta | None = MINUTE
    closes: OfficialCloses | None = None


class History(Protocol):
    """A source of past days. Every method may raise RetryLater, or MendInput for good."""

    @property
    def name(self) -> str:
        """Words for the tape's `source`."""

    @property
    def first_day(self) -> date | None:
        """The first day that it can tell anything of, None where there is none known."""

    def prices(self, session: Session) -> list[TapeRow]:
        """Return the rows of SPY and SPX, as far as it knows them."""

    def batches(
        self, session: Session, prices: Sequence[TapeRow]
    ) -> list[tuple[OptionContract, ...]]:
        """Return the contracts to ask for, in the portions in which they are asked for."""

    def options(self, session: Session, batch: Sequence[OptionContract]) -> list[TapeRow]:
        """Return the rows of some contracts."""

    def complete(self, session: Session, rows: Sequence[TapeRow]) -> tuple[list[TapeRow], About]:
        """Return rows that only follow from all the others, and what the tape is."""


def bar_row(symbol: str, end: datetime, last: float) -> TapeRow:
    """Return the row of a bar: its close, known when it ends."""
    return TapeRow(symbol, Quote(end, last=last), end)


def levels(rows: Iterable[TapeRow], symbol: str) -> list[float]:
    """Return all last prices of a symbol."""
    return [row.quote.last for row in rows if row.symbol == symbol and row.quote.last]


def contracts_near(
    day: date, prices: Sequence[TapeRow], strikes: int, *, puts: bool
) -> list[OptionContract]:
    """Return same-day SPY and SPXW calls around all that the day touched, SPY first.

    From the day's low to its high, and `strikes` more on either side: every dollar for SPY, every
    five points for SPXW, and there `puts` too. Without SPX prices they follow from SPY's. Empty
    without prices.
    """
    spy = levels(prices, "SPY")
    spx = levels(prices, "SPX") or [USUAL_RATIO * each for each in spy]
    spy = spy or [each / USUAL_RATIO for each in spx]
    if not spy:
        return []
    rights: tuple[Right, ...] = ("C", "P") if puts else ("C",)
    calls = [OptionContract("SPY", day, strike) for strike in _grid(spy, 1, strikes)]
    index = [
        OptionContract("SPXW", day, strike, right)
        for right in rights
        for strike in _grid(spx, 5, strikes)
    ]
    return calls + index


def _grid(prices: Sequence[float], step: int, more: int) -> Iterator[float]:
    first = math.floor(min(prices) / step) - more
    last = math.ceil(max(prices) / step) + more
    return (float(n * step) for n in range(max(first, 1), last + 1))


def portions(contracts: Sequence[OptionContract], size: int) -> list[tuple[OptionContract, ...]]:
    """Cut a list into pieces of at most `size`."""
    return [tuple(contracts[n : n + size]) for n in range(0, len(contracts), size)]


def derived(rows: Iterable[TapeRow]) -> list[TapeRow]:
    """Give every option that only has a last price a market around it: ask = last, bid a tick less.

    Only for who asked for it: legs of two trades are not simultaneous, and no real market is as
    narrow.
    """
    return [_with_a_market(row) for row in rows]


def _with_a_market(row: TapeRow) -> TapeRow:
    quote = row.quote
    if row.symbol in UNDERLYINGS or quote.last is None or (quote.bid, quote.ask) != (None, None):
        return row
    tick = float(tick_size(parse_symbol(row.symbol), Decimal(str(quote.last))))
    bid = max(round(quote.last - tick, 2), 0.0)
    return row._replace(quote=quote._replace(bid=bid, ask=quote.last))
