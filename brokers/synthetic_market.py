"""A generated day as a source of quotes: one seed, one day, whatever is asked and when.

SPY and SPXW calls are worth the same at the same moneyness, but for small noise: on such a day
the trade of this program has nothing to earn. Where a seed brings a dislocation, or a caller asks
for one, it is put in on purpose and told in `labels`.
"""

import math
from array import array
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from brokers.synthetic_day import Course, Feed, generate_course, generate_feed, ratio_level
from src.models import (
    MULTIPLIER,
    NEW_YORK,
    SPY_PER_SPREAD,
    OptionContract,
    Quote,
    Session,
)
from src.ports import Clock, MendInput, OfficialCloses
from src.pricing import black_call, package_value

# Implied volatility over that at the money, at z deviations from it: 1 + a z + b z^2. Fitted to
# the prices of SPXW calls at 10:00 from 1% below to 1% above the money, 2016 to 2026.
_SKEW, _SMILE, _SMILE_ENDS = -0.11, 0.042, 4.0
_LISTED = 0.10
_STRIKE_STEPS = {"SPY": 1.0, "SPXW": 5.0}

# Bid to ask at the money in dollars (points), one drawn each minute, and its multiple by minutes
# since the open. Levels as published for 2025, the shape of the day is judgement.
_SPREADS = {"SPY": (0.01, 0.02), "SPXW": (0.20, 0.30, 0.40, 0.50)}
_STRESSED_SPY_SPREADS = (0.02, 0.03)
_STRESS_VOL = 0.0125
_WIDER = ((0, 3.0), (5, 1.5), (15, 1.2), (30, 1.0))
_WIDER_AT_THE_END, _END_MINUTES = 1.3, 10
_DEEP_WIDER, _WIDEST, _FAR_NARROWER, _NARROWEST = 0.8, 13.0, 0.5, 0.2
_SIZES = {"SPY": (20, 900), "SPXW": (3, 60)}

# Shares of minutes with a stale and a missing feed; failures of the data, not of the market.
_FEEDS = {"SPY": (0.015, 0.002), "SPXW": (0.015, 0.002), "SPY price": (0.001, 0.0)}

_DISLOCATED_SEEDS = 0.05
_DISLOCATION_CENTS = (45, 70)
_MOST_CENTS = 180
_DISLOCATION_MINUTES = (3, 8)
_DISLOCATION_BETWEEN = (6, 25)
# What the default settings ask for: an edge above 400 dollars a spread, of which what may happen to
# SPY after 16:00 is no part, up to a move of 40 basis points.
_WORTH_TRADING, _FEES, _AFTER_HOURS, _TO_SPARE = 400.0, 2.15, 0.0040, 10.0


@dataclass(frozen=True, slots=True)
class Dislocation:
    """SPY calls too dear by `cents` a share, in the seconds [start, stop) since the open."""

    start: int
    stop: int
    cents: int

    def label(self, session: Session) -> str:
        """Return what was injected, in words."""
        first, last = (
            f"{session.open + timedelta(seconds=each):%H:%M:%S}" for each in (self.start, self.stop)
        )
        dollars = self.cents * SPY_PER_SPREAD * MULTIPLIER // 100
        return (
            f"injected dislocation {first}-{last}: SPY calls +${self.cents / 100:.2f} a share, "
            f"about ${dollars} a spread"
        )


class SyntheticMarket:
    """A day made from a seed; implements QuoteSource.

    `dislocation` forces an injected mispricing or its absence; None leaves it to the seed, and
    one in twenty has one. `labels` tells what was injected. Raises MendInput for a negative seed.
    """

    def __init__(
        self, session: Session, seed: int, clock: Clock, *, dislocation: bool | None = None
    ) -> None:
        if seed < 0:
            raise MendInput(f"--seed: {seed} is negative; give a whole number from 0 on.")
        self.name = f"generated day, seed {seed}"
        # Every second has its own quotes, so what is older is stale and no matter of cadence.
        self.cadence_seconds: float | None = None
        self._session = session
        self._open = session.open
        self._midnight = datetime.combine(session.day + timedelta(days=1), time(), NEW_YORK)
        self._clock = clock
        of_course, of_book, of_feeds, of_luck = np.random.SeedSequence(seed).spawn(4)
        self._course = generate_course(session, of_course)
        self._ends = {"SPY": self._course.end, "SPXW": self._course.close}
        self._book = _Book(self._course, np.random.Generator(np.random.PCG64(of_book)))
        luck = np.random.Generator(np.random.PCG64(of_luck))
        chosen = bool(luck.random() < _DISLOCATED_SEEDS)
        wanted = chosen if dislocation is None else dislocation
        self._dislocation = self._dislocate(luck) if wanted else None
        self._feeds = self._generate_feeds(of_feeds)
        # A day has one market a second, and whoever watches an order asks for it several times.
        self._quote = lru_cache(maxsize=64)(self._make_quote)
        self._moment = lru_cache(maxsize=8)(self._make_moment)

    @property
    def labels(self) -> tuple[str, ...]:
        """What was injected, in words with New York times; empty on a fair day."""
        return (self._dislocation.label(self._session),) if self._dislocation else ()

    def prices(self) -> Mapping[str, Quote]:
        """Return SPY and SPX at this second; SPX stands still from the close on."""
        second = self._second()
        if second is None:
            return {}
        course = self._course
        spx = min(second, course.close)
        spy = min(second, course.end)
        spy = self._feeds["SPY price"].stale.get(spy, spy)
        return {
            "SPY": _price(self._moment(spy), course.spy[spy]),
            "SPX": _price(self._moment(spx), course.spx[spx]),
        }

    def quotes(self, contracts: Iterable[OptionContract]) -> Mapping[OptionContract, Quote]:
        """Return the markets of today's SPY and SPXW options at this second."""
        second = self._second()
        if second is None:
            return {}
        found, ask = {}, self._quote
        for contract in contracts:
            if (quote := ask(contract, second)) is not None:
                found[contract] = quote
        return found

    def official_closes(self, day: date) -> OfficialCloses | None:
        """Return the closes of the session, SPY's with the noise of its auction; None before.

        An earlier day closed at the level at which this one begins, at its own ratio.
        """
        course = self._course
        if day < self._session.day:
            level = course.spx[0]
            return OfficialCloses(
                round(level / ratio_level(day, level), 2), round(level, 2), "generated"
            )
        if day != self._session.day or self._clock.now() < self._session.close:
            return None
        spy, spx = course.spy[course.close], course.spx[course.close]
        return OfficialCloses(round(spy, 2), round(spx, 2), "generated")

    def _second(self) -> int | None:
        now = self._clock.now()
        if not self._open <= now < self._midnight:
            return None
        return int((now - self._open).total_seconds())

    def _make_moment(self, second: int) -> datetime:
        return self._session.open + timedelta(seconds=second)

    def _make_quote(self, contract: OptionContract, second: int) -> Quote | None:
        root = contract.root
        if root not in _STRIKE_STEPS or contract.expiry != self._session.day:
            return None
        stale, missing = self._feeds[root]
        if second >= self._ends[root] or second in missing:
            return None
        shown = stale.get(second, second) if stale else second
        extra = 0.0
        if self._dislocation and root == "SPY" and contract.right == "C":
            hit = self._dislocation.start <= shown < self._dislocation.stop
            extra = self._dislocation.cents / 100 if hit else 0.0
        return self._book.quote(contract, shown, self._moment(shown), extra)

    def _dislocate(self, rng: np.random.Generator) -> Dislocation:
        length = int(rng.integers(_DISLOCATION_MINUTES[0], _DISLOCATION_MINUTES[1] + 1))
        first, last = _DISLOCATION_BETWEEN
        start = int(rng.integers(first, last - length + 1))
        low, high = _DISLOCATION_CENTS
        drawn = int(rng.integers(low, high + 1))
        # Large enough to be worth trading at each of its minutes, as far as the limits allow.
        worst = min(self._fair_edge(60 * minute) for minute in range(start, start + length))
        needed = math.ceil(
            (_WORTH_TRADING + _TO_SPARE - worst) / (SPY_PER_SPREAD * MULTIPLIER / 100)
        )
        cents = min(max(drawn, needed), _MOST_CENTS)
        return Dislocation(60 * start, 60 * (start + length), cents)

    def _fair_edge(self, second: int) -> float:
        """Return dollars a spread without the dislocation: an edge once it is there.

        The net credit at matched strikes, less what strike gap and ratio are worth, what a move of
        SPY after the close is, and what getting out at once costs.
        """
        spy, spx = round(self._course.spy[second], 2), round(self._course.spx[second], 2)
        spy_strike = math.floor(spy + 0.5)
        spx_strike = 5 * math.floor(spx / spy * spy_strike / 5 + 0.5)
        sold, bought = (
            self._book.quote(
                OptionContract(root, self._session.day, float(strike)),
                second,
                self._session.open,
                0.0,
            )
            for root, strike in (("SPY", spy_strike), ("SPXW", spx_strike))
        )
        if sold is None or bought is None or sold.bid is None or bought.ask is None:
            return 0.0
        shares = SPY_PER_SPREAD * MULTIPLIER
        vol = self._course.spx_vol(second)
        fair = sum(package_value(spy, spx / spy, (spy_strike, spx_strike), vol))
        evening = black_call(spy, spy_strike, math.hypot(vol, _AFTER_HOURS))
        evening -= black_call(spy, spy_strike, vol)
        widths = shares * _width(sold) + MULTIPLIER * _width(bought)
        credit = shares * sold.bid - MULTIPLIER * bought.ask - _FEES
        return credit - fair - shares * evening - widths / 2 - _FEES

    def _generate_feeds(self, seed: np.random.SeedSequence) -> dict[str, Feed]:
        quiet = range(0)
        if self._dislocation:
            quiet = range(self._dislocation.start - 120, self._dislocation.stop + 60)
        return {
            name: generate_feed(
                np.random.Generator(np.random.PCG64(each)), self._course.end, *shares, quiet
            )
            for each, (name, shares) in zip(seed.spawn(len(_FEEDS)), _FEEDS.items(), strict=True)
        }


class _Side(NamedTuple):
    """Of one root: prices and volatilities by the second, spreads by the minute, sizes."""

    levels: "array[float]"
    vol: Callable[[int], float]
    strike_step: float
    spreads: list[float]
    sizes: list[int]
    on_grid: Callable[[float, float], tuple[float, float]]


class _Book:
    """Who would trade an option at which price: fair value, widened and put on the grid."""

    def __init__(self, course: Course, rng: np.random.Generator) -> None:
        wider = _wider(course.close // 60, course.end // 60)
        stressed = course.spx_implied > _STRESS_VOL
        widths = {**_SPREADS, "SPY": _STRESSED_SPY_SPREADS} if stressed else _SPREADS
        spreads = {
            root: (wider * np.array(each)[rng.integers(0, len(each), len(wider))]).tolist()
            for root, each in widths.items()
        }
        sizes = {
            root: rng.integers(low, high + 1, 1009).tolist() for root, (low, high) in _SIZES.items()
        }
        kinds = (
            ("SPY", course.spy, course.spy_vol, _on_cents),
            ("SPXW", course.spx, course.spx_vol, _on_nickels),
        )
        self._sides = {
            root: _Side(levels, vol, _STRIKE_STEPS[root], spreads[root], sizes[root], on_grid)
            for root, levels, vol, on_grid in kinds
        }

    def quote(
        self, contract: OptionContract, second: int, at: datetime, extra: float
    ) -> Quote | None:
        """Return a contract's market; None if that strike is not listed.

        `extra` is dollars a share on top of the fair value.
        """
        levels, vols, step, spreads, sizes, on_grid = self._sides[contract.root]
        strike = contract.strike
        if strike % step or abs(strike / levels[0] - 1) > _LISTED:
            return None
        level, vol = levels[second], vols(second)
        fair = black_call(level, strike, _total_vol(level, strike, vol)) + extra
        inside = (level - strike) / (level * max(vol, 0.001))
        if contract.right == "P":
            # Parity, at an interest of nothing for a day.
            fair, inside = fair - level + strike, -inside
        bid, ask = on_grid(fair, spreads[second // 60] * _widening(inside))
        place = second + 97 * int(strike)
        return Quote(at, bid, ask, sizes[place % len(sizes)], sizes[(place + 500) % len(sizes)])


def _price(at: datetime, last: float) -> Quote:
    return Quote(at, None, None, None, None, round(last, 2))


def _width(quote: Quote) -> float:
    return (quote.ask or 0.0) - (quote.bid or 0.0)


@lru_cache(maxsize=4)
def _wider(close: int, end: int) -> NDArray[np.float64]:
    """Return the multiple of the spreads at each minute to the end, past the close."""
    minutes = np.arange(end + 1)
    wider: NDArray[np.float64] = np.interp(minutes, *np.array(_WIDER).T)
    wider[minutes >= close - _END_MINUTES] = _WIDER_AT_THE_END
    return wider


def _total_vol(level: float, strike: float, at_the_money: float) -> float:
    if at_the_money <= 0.0:
        return 0.0
    z = math.log(strike / level) / at_the_money
    z = max(-_SMILE_ENDS, min(_SMILE_ENDS, z))
    return at_the_money * (1.0 + _SKEW * z + _SMILE * z * z)


def _widening(inside: float) -> float:
    """Return the spread's multiple, `inside` deviations in the money (negative: out of it)."""
    if inside > 0.0:
        return min(1.0 + _DEEP_WIDER * inside, _WIDEST)
    return max(math.exp(_FAR_NARROWER * inside), _NARROWEST)


def _on_cents(fair: float, spread: float) -> tuple[float, float]:
    bid = max(round(100 * (fair - spread / 2)), 0)
    return bid / 100, (bid + max(round(100 * spread), 1)) / 100


def _on_nickels(fair: float, spread: float) -> tuple[float, float]:
    """SPXW trades in 0.05 below 3.00 and in 0.10 from there: in twentieths, even ones from 60."""
    low = fair - spread / 2
    bid = 2 * round(10 * low) if low >= 3.0 else max(round(20 * low), 0)
    ask = bid + max(round(20 * spread), 1)
    if ask > 60:
        ask += ask % 2
    return bid / 20, ask / 20
