"""The level of SPX by put-call parity, where the index itself is not to be had or not believed."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from statistics import median
from typing import NamedTuple

from src.models import OptionContract, Quote

FEWEST_PAIRS = 3
_MOST_PAIRS = 5
TOGETHER = timedelta(seconds=1)
"""How far quotes may lie apart that are taken for one moment's."""


class Pair(NamedTuple):
    """A call and a put of one strike with both sides known; levels are index points."""

    strike: float
    difference: float
    half_spread: float
    at: datetime

    @property
    def level(self) -> float:
        """What the pair says of the underlying."""
        return self.strike + self.difference


def implied_level(
    quotes: Mapping[OptionContract, Quote], together: timedelta = TOGETHER
) -> Quote | None:
    """Return the underlying's level by same-day European calls and puts, None without three pairs.

    S = K + C - P, with the middles of the markets, at the strikes where C and P are nearest to
    each other; the median of up to five. (Put-call parity: C - P = S e^-qT - K e^-rT; Hull,
    Options, Futures and Other Derivatives, chapter on properties of stock options.) With hours to
    expiry r T is about 0.00003: left out, it shifts the level by two tenths of a point in the
    morning, and by nothing at the close. `uncertainty` is the median over the pairs of half of
    what both markets are wide together. The time is the oldest of those used; a pair that is older
    than the newest by more than `together` saw another market, and is left out.
    """
    pairs = _pairs(quotes)
    newest = max((each.at for each in pairs), default=None)
    of_now = [each for each in pairs if newest and newest - each.at <= together]
    used = sorted(of_now, key=lambda each: abs(each.difference))[:_MOST_PAIRS]
    if len(used) < FEWEST_PAIRS:
        return None
    return Quote(
        at=min(each.at for each in used),
        last=median(each.level for each in used),
        uncertainty=median(each.half_spread for each in used),
    )


def _pairs(quotes: Mapping[OptionContract, Quote]) -> list[Pair]:
    by_strike: dict[float, dict[str, Quote]] = defaultdict(dict)
    for contract, quote in quotes.items():
        by_strike[contract.strike][contract.right] = quote
    found = (
        _pair(strike, both["C"], both["P"]) for strike, both in by_strike.items() if len(both) == 2
    )
    return [each for each in found if each]


def _pair(strike: float, call: Quote, put: Quote) -> Pair | None:
    if call.bid is None or call.ask is None or put.bid is None or put.ask is None:
        return None
    if call.bid > call.ask or put.bid > put.ask:
        return None
    return Pair(
        strike,
        (call.bid + call.ask - put.bid - put.ask) / 2,
        (call.ask - call.bid + put.ask - put.bid) / 2,
        min(call.at, put.at),
    )
