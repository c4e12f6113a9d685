"""The tape of a day as lines that can be drawn: prices, both legs, the credit over time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from src.models import MULTIPLIER, SPY_PER_SPREAD, OptionContract, Quote

MOST = 800
"""Points of one line that are drawn: more than a screen can show make a page slow."""


class Line(NamedTuple):
    """Values over New York time, None where there was none."""

    times: tuple[datetime, ...]
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class TapeLines:
    """What was seen of one day. `what` is the kind of the quotes and their source, in words.

    `prices` are by "SPY" and "SPX"; `bids` and `asks` of the two calls, SPY first, dollars or
    points a share. `credit` is dollars a spread for opening at prices that can be traded (SPY bid,
    SPXW ask), `cost` for closing (SPY ask, SPXW bid), both before fees.
    """

    what: str
    prices: Mapping[str, Line]
    calls: tuple[OptionContract, OptionContract] | None
    bids: tuple[Line, Line] | None
    asks: tuple[Line, Line] | None
    credit: Line | None
    cost: Line | None


def price_line(quotes: Sequence[Quote]) -> Line:
    """Return the last prices of one underlying."""
    return _line([(each.at, each.last) for each in quotes])


def bid_line(quotes: Sequence[Quote]) -> Line:
    """Return the bids of one contract."""
    return _line([(each.at, each.bid) for each in quotes])


def ask_line(quotes: Sequence[Quote]) -> Line:
    """Return the asks of one contract."""
    return _line([(each.at, each.ask) for each in quotes])


def credit_line(spy: Sequence[Quote], spx: Sequence[Quote]) -> Line:
    """Return what opening a spread would have brought, dollars before fees."""
    pairs = _both([(each.at, each.bid) for each in spy], [(each.at, each.ask) for each in spx])
    return _line([(at, _dollars(sold, bought)) for at, sold, bought in pairs])


def cost_line(spy: Sequence[Quote], spx: Sequence[Quote]) -> Line:
    """Return what closing a spread would have cost, dollars before fees."""
    pairs = _both([(each.at, each.ask) for each in spy], [(each.at, each.bid) for each in spx])
    return _line([(at, _dollars(bought, sold)) for at, bought, sold in pairs])


Points = Sequence[tuple[datetime, float | None]]


def _dollars(spy: float | None, spx: float | None) -> float | None:
    if spy is None or spx is None:
        return None
    return round(MULTIPLIER * (SPY_PER_SPREAD * spy - spx), 2)


def _both(first: Points, second: Points) -> Iterator[tuple[datetime, float | None, float | None]]:
    """Yield both values at every moment at which either was seen; None before both were."""
    moments = sorted({at for at, _ in (*first, *second)})
    latest: list[float | None] = [None, None]
    places = [0, 0]
    for now in moments:
        for side, points in enumerate((first, second)):
            while places[side] < len(points) and points[places[side]][0] <= now:
                latest[side] = points[places[side]][1]
                places[side] += 1
        yield now, latest[0], latest[1]


def _line(points: Points) -> Line:
    step = -(-len(points) // MOST) or 1
    # The newest point of each stretch: the end of the day must be there.
    kept = points[::-1][::step][::-1]
    return Line(tuple(at for at, _ in kept), tuple(value for _, value in kept))
