"""What is wrong with data from elsewhere: found, mended where that is honest, and always labelled.

Nothing here makes a quote of what is none. A side that cannot be trusted becomes one that is not
known, and a quote that was only repeated keeps the time at which it was first true.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from brokers.tape_file import TapeRow
from brokers.tape_rows import UNDERLYINGS, published
from src.models import Quote, Session
from src.words import count

CARRIED_AFTER = timedelta(minutes=10)
"""A market that has not moved for longer is one that a vendor repeats."""
_CHEAP = 0.10
"""Dollars a share: an option at the floor of its grid may well stand still."""
_LOCKED_SHARE = 0.2
"""Real quotes are locked once in thousands of rows; the bars of one side alone very often."""
_FEWEST_ROWS = 10
_FEWEST_REPEATS = 3
"""Two equal rows far apart may be chance."""
_NAMED = 3
_INDEX_IS_PUBLISHED = timedelta(minutes=20)
"""For how long after the close the official value of the index may still arrive."""


@dataclass(frozen=True, slots=True)
class Cleaned:
    """The rows that may go on a tape, in time order, and what a reader must know of them."""

    rows: list[TapeRow]
    labels: tuple[str, ...]


def clean(
    rows: Iterable[TapeRow],
    session: Session,
    carried_after: timedelta = CARRIED_AFTER,
    *,
    knows_trades: bool = False,
    before: Iterable[TapeRow] = (),
) -> Cleaned:
    """Return what may stand on the session's tape.

    Left out are rows from before the open or long after the close, and of several rows of one
    symbol and moment all but the last. Prices of 0 and both sides of a crossed market become not
    known, and so do the quotes of a contract of which a fifth or more is locked: they are the bars
    of one side. A market that stood still for longer than `carried_after` keeps the time of its
    first row, so that it grows old in a replay as it did in the market; not so the last prices of
    options where each is known to be a trade (`knows_trades`). The rows of the tape that these
    join come `before` them, and to be earlier than one of those is no disorder.
    """
    rows = list(rows)
    found = Counter({"out of order": _disorder(rows)})
    by_symbol: dict[str, list[TapeRow]] = defaultdict(list)
    for row in (*before, *rows):
        if session.open <= row.seen <= session.close + _INDEX_IS_PUBLISHED:
            by_symbol[row.symbol].append(row)
        else:
            found["outside"] += 1
    suspects: list[str] = []
    carried: dict[str, timedelta] = {}
    kept: list[TapeRow] = []
    one_sided: dict[str, list[str]] = {"bid": [], "ask": []}
    for symbol, each in sorted(by_symbol.items(), key=lambda item: _rank(item[0])):
        series = [_sound(row, found) for row in _in_order(each, found)]
        if symbol not in UNDERLYINGS:
            if _is_of_one_side(series):
                suspects.append(symbol)
                series = [_without_sides(row) for row in series]
            _count_one_sided(symbol, series, one_sided, found)
        is_traded = knows_trades and symbol not in UNDERLYINGS and _has_no_sides(series)
        if not is_traded:
            longest, series = _carried(series, session, carried_after, found)
            if longest:
                carried[symbol] = longest
        kept += series
    kept.sort(key=lambda row: row.seen)
    labels = _labels(found, suspects, one_sided, carried)
    return Cleaned(kept, tuple(labels))


def _rank(symbol: str) -> tuple[bool, str]:
    return symbol not in UNDERLYINGS, symbol


def _disorder(rows: Iterable[TapeRow]) -> int:
    """Return how many rows are earlier than the one of their symbol that was told before them."""
    newest: dict[str, datetime] = {}
    earlier = 0
    for row in rows:
        earlier += row.symbol in newest and row.seen < newest[row.symbol]
        newest[row.symbol] = row.seen
    return earlier


def _in_order(rows: Sequence[TapeRow], found: Counter[str]) -> list[TapeRow]:
    """Return one symbol's rows by time, one a moment: the last that was told counts."""
    kept = []
    for _, same in groupby(sorted(rows, key=lambda row: row.seen), key=lambda row: row.seen):
        group = list(same)
        kept.append(group[-1])
        found["double"] += len(group) - 1
        found["contradictory"] += len({row.quote for row in group}) > 1
    return kept


def _sound(row: TapeRow, found: Counter[str]) -> TapeRow:
    quote, symbol = row.quote, row.symbol
    last = published(symbol, quote.last) or None
    found["zero"] += quote.last == 0
    bid, ask = quote.bid, quote.ask
    if ask == 0:
        # A market without sellers; a bid of 0 beside it is no market at all.
        found["zero"] += 1
        bid, ask = bid or None, None
    if bid is not None and ask is not None and bid > ask:
        found["crossed"] += 1
        bid = ask = None
    if (bid, ask, last) == (quote.bid, quote.ask, quote.last):
        return row
    return row._replace(quote=quote._replace(bid=bid, ask=ask, last=last))


def _is_of_one_side(series: Sequence[TapeRow]) -> bool:
    both = [row.quote for row in series if row.quote.bid and row.quote.ask]
    locked = sum(quote.bid == quote.ask for quote in both)
    return len(both) >= _FEWEST_ROWS and locked >= _LOCKED_SHARE * len(both)


def _has_no_sides(series: Sequence[TapeRow]) -> bool:
    return all(row.quote.bid is None and row.quote.ask is None for row in series)


def _without_sides(row: TapeRow) -> TapeRow:
    bare = row.quote._replace(bid=None, ask=None, bid_size=None, ask_size=None)
    return row._replace(quote=bare)


def _count_one_sided(
    symbol: str, series: Sequence[TapeRow], one_sided: dict[str, list[str]], found: Counter[str]
) -> None:
    bids = sum(row.quote.bid is not None for row in series)
    asks = sum(row.quote.ask is not None for row in series)
    if bids and not asks:
        one_sided["bid"].append(symbol)
    elif asks and not bids:
        one_sided["ask"].append(symbol)
    found["one-sided"] += sum((row.quote.bid is None) != (row.quote.ask is None) for row in series)


def _carried(
    series: list[TapeRow], session: Session, limit: timedelta, found: Counter[str]
) -> tuple[timedelta | None, list[TapeRow]]:
    """Return the longest stand-still beyond the limit, and the rows with their true times."""
    longest: timedelta | None = None
    told: list[TapeRow] = []
    for _, same in groupby(series, key=lambda row: row.quote[1:]):
        run = list(same)
        stood = min(run[-1].seen, session.close) - run[0].seen
        if len(run) < _FEWEST_REPEATS or stood <= limit or _may_stand_still(run[0].quote):
            told += run
            continue
        longest = max(stood, longest or stood)
        found["carried"] += len(run) - 1
        first = run[0].quote.at
        told += (row._replace(quote=row.quote._replace(at=min(first, row.quote.at))) for row in run)
    return longest, told


def _may_stand_still(quote: Quote) -> bool:
    price = quote.ask if quote.ask is not None else quote.last
    return quote.is_empty or (price is not None and price <= _CHEAP)


def _labels(
    found: Counter[str],
    suspects: Sequence[str],
    one_sided: dict[str, list[str]],
    carried: dict[str, timedelta],
) -> Iterator[str]:
    counted = (
        ("outside", "outside the session's hours left out"),
        ("out of order", "out of time order, sorted"),
        ("double", "of a moment that another row tells as well, left out; the last one counts"),
        ("zero", "with a price of 0, which is taken as not known"),
        ("crossed", "crossed (bid above ask), whose quotes are taken as not known"),
        ("one-sided", "one-sided: the other side is not known"),
    )
    for key, words in counted:
        if found[key]:
            yield f"{count(found[key], 'row')} {words}"
    if found["contradictory"]:
        yield f"{count(found['contradictory'], 'moment')} told twice with different values"
    for side, symbols in one_sided.items():
        if symbols:
            yield f"only {side}s are known of {_named(symbols)}"
    if suspects:
        yield (
            f"bid equals ask in a fifth or more of the rows of {_named(suspects)}: bars of one "
            "side, not quotes; their bid and ask are left out"
        )
    if carried:
        longest = max(carried.values())
        yield (
            f"carried forward: {count(found['carried'], 'row')} of {_named(list(carried))} repeat "
            f"a market for up to {longest // timedelta(minutes=1)} minutes; they keep the time of "
            "the first"
        )


def _named(symbols: Sequence[str]) -> str:
    shown = ", ".join(symbols[:_NAMED])
    return shown if len(symbols) <= _NAMED else f"{shown} and {len(symbols) - _NAMED} more"
