"""The course of a generated day, second by second: levels, volatilities, and when feeds fail.

All figures are of S&P 500 days of 2016 to 2026 unless a comment says otherwise. What a figure
leaves open is judgement: a generated day looks like a day, it proves nothing about markets.
"""

import math
from array import array
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from src.models import Session

Floats = NDArray[np.float64]

AFTER_HOURS = timedelta(minutes=15)
BASIS_POINT = 1e-4

# Variance a minute against that of an even day (minute of a 390-minute session, rate): thirteen
# half hours of SPY, with the sharper rise in the first and the last five minutes.
_VARIANCE_RATE = (
    *((0, 7.3), (1, 4.2), (5, 2.4), (30, 1.85), (45, 1.74), (75, 1.274), (105, 1.053)),
    *((135, 0.858), (165, 0.715), (195, 0.715), (225, 0.689), (255, 0.611), (285, 0.637)),
    *((315, 0.65), (345, 0.559), (360, 0.6), (375, 0.85), (385, 1.5), (390, 3.2)),
)
_FULL_DAY_MINUTES = 390.0

# SPX at the open, and the volatility of a whole session (not annualised), as it comes out and as
# the options of the morning imply it; days with dear options are the livelier ones.
_START_LEVELS = (6000.0, 7500.0)
_REALISED_MEDIAN, _REALISED_SPREAD = 0.0050, 0.45
_IMPLIED_MEDIAN, _IMPLIED_SPREAD = 0.00626, 0.62
_IMPLIED_LIMITS = (0.0025, 0.035)
_IMPLIED_TELLS = 0.75
# SPY options against SPXW: 0.3 points of annual volatility, and what may happen after 16:00.
_GAP_A_DAY = 0.003 / np.sqrt(252)
_AFTER_HOURS_IMPLIED = 5 * BASIS_POINT

# SPY against SPX: noise that can be traded, the closing auction, the quarter of an hour after it.
_BASIS_BP, _BASIS_HALF_LIFE = (0.5, 1.5), (10.0, 60.0)
_CLOSING_T, _CLOSING_BP = 6, 2.865  # robust sd 3.05 bp, 99% within 10.5 bp
_AFTER_T, _AFTER_BP, _AFTER_LIMIT_BP = 2.5, 6.2, 110.0  # median 4.9 bp, 90% within 14 bp
_AFTER_NOISE_BP = 0.1
_BLOCK = 256

# SPY's ex-dates and dollars a share. A quarter that is not here goes ex on its third Friday, with
# the amount of the last one before it: an assumption.
_DIVIDENDS = {
    date(2024, 12, 20): 1.965548,
    date(2025, 3, 21): 1.695528,
    date(2025, 6, 20): 1.761117,
    date(2025, 9, 19): 1.831114,
    date(2025, 12, 19): 1.993,
    date(2026, 3, 20): 1.797,
    date(2026, 6, 18): 1.904,
}
_QUARTERS = (3, 6, 9, 12)
# SPX/SPY on the eve of an ex-date, and what is lost of it each trading day.
_RATIO_BEFORE, _RATIO_DECAY = 10.0135, 0.55 * BASIS_POINT


@dataclass(frozen=True, slots=True)
class Course:
    """True values at every second since the open, to `end`; after `close` SPX stands still.

    `spx` and `spy` are dollars (points), `left` is the share of the session's variance to come.
    The implied volatilities are those of the whole session; `evening` is the variance after it.
    """

    close: int
    end: int
    spx: "array[float]"
    spy: "array[float]"
    left: "array[float]"
    spx_implied: float
    spy_implied: float
    evening: float
    ratio: float

    def spx_vol(self, second: int) -> float:
        """Return SPXW's at the money over the time left: sigma times the square root of time."""
        return self.spx_implied * math.sqrt(self.left[second])

    def spy_vol(self, second: int) -> float:
        """Return SPY's volatility likewise; its options live on for a while after the close."""
        if second <= self.close:
            return math.sqrt(self.spy_implied**2 * self.left[second] + self.evening)
        return math.sqrt(self.evening * (1.0 - (second - self.close) / (self.end - self.close)))


class Feed(NamedTuple):
    """One stream of data: seconds at which it shows an older one, and at which it shows nothing."""

    stale: Mapping[int, int]
    missing: Collection[int]


@lru_cache(maxsize=64)
def ex_dividend(day: date) -> tuple[date, float]:
    """Return the last ex-date of SPY up to a day, and its dollars a share."""
    candidates = [_ex_date(year, month) for year in (day.year - 1, day.year) for month in _QUARTERS]
    last = max(each for each in candidates if each <= day)
    known = [each for each in _DIVIDENDS if each <= last]
    return last, _DIVIDENDS[max(known) if known else min(_DIVIDENDS)]


def ratio_level(day: date, spx: float) -> float:
    """Return SPX over SPY as the dividend calendar has it on a day, at a level of SPX.

    On an ex-date SPY falls by the dividend and SPX does not; until the next one SPY saves up what
    it will pay. Trading days are weekdays here, holidays are not left out.
    """
    last, amount = ex_dividend(day)
    jump = _RATIO_BEFORE * amount / (spx / _RATIO_BEFORE)
    days = int(np.busday_count(last, day))
    return _RATIO_BEFORE * (1.0 - _RATIO_DECAY * days) + jump


def generate_course(session: Session, seed: np.random.SeedSequence) -> Course:
    """Return the day that a seed stands for; on a half day nothing follows the close."""
    of_day, of_path, of_basis, of_evening = (
        np.random.Generator(np.random.PCG64(each)) for each in seed.spawn(4)
    )
    close = int((session.close - session.open).total_seconds())
    after = 0 if session.is_half_day else int(AFTER_HOURS.total_seconds())
    start = of_day.uniform(*_START_LEVELS)
    ratio = ratio_level(session.day, start)
    mood, surprise, gap = of_day.standard_normal(3)
    least, most = _IMPLIED_LIMITS
    implied = min(max(_IMPLIED_MEDIAN * float(np.exp(_IMPLIED_SPREAD * mood)), least), most)
    pull = _IMPLIED_TELLS * mood + np.sqrt(1 - _IMPLIED_TELLS**2) * surprise
    realised = _REALISED_MEDIAN * np.exp(_REALISED_SPREAD * pull)

    steps = realised * _deviations(close) * of_path.standard_normal(close)
    spx = start * np.exp(np.concatenate(([0.0], steps.cumsum())))
    spy = spx / ratio * (1.0 + _basis(of_basis, close + 1))
    spy[-1] = spx[-1] / ratio * (1 + of_basis.standard_t(_CLOSING_T) * _CLOSING_BP * BASIS_POINT)
    spy = np.concatenate((spy, spy[-1] * np.exp(_after_hours(of_evening, after))))

    spy_implied = implied + _GAP_A_DAY * min(max(float(gap), -2.5), 2.5)
    return Course(
        close=close,
        end=close + after,
        spx=_plain(spx),
        spy=_plain(spy),
        left=_plain_left(close),
        spx_implied=implied,
        spy_implied=float(spy_implied),
        evening=_AFTER_HOURS_IMPLIED**2 if after else 0.0,
        ratio=ratio,
    )


def generate_feed(
    rng: np.random.Generator, end: int, stale: float, missing: float, quiet: range
) -> Feed:
    """Return a feed that fails at some whole minutes, and never within `quiet` seconds.

    `stale` and `missing` are the shares of minutes at which it stands still, mostly for 1 to 5
    seconds and rarely for more than 30, or shows nothing, for 2 to 20 seconds.
    """
    minutes = np.arange(60, end, 60)
    frozen: set[int] = set()
    gone: set[int] = set()
    for minute in minutes[rng.random(len(minutes)) < stale].tolist():
        seconds = int(rng.integers(31, 91) if rng.random() < 0.06 else rng.integers(1, 6))
        first = minute - int(rng.integers(0, seconds))
        frozen.update(range(max(first, 1), first + seconds))
    for minute in minutes[rng.random(len(minutes)) < missing].tolist():
        seconds = int(rng.integers(2, 21))
        first = minute - int(rng.integers(0, seconds))
        gone.update(range(first, first + seconds))
    # A frozen feed shows the last second before; so what is shown never goes back.
    shows: dict[int, int] = {}
    for second in sorted(each for each in frozen if each not in quiet):
        shows[second] = shows.get(second - 1, second - 1)
    return Feed(shows, frozenset(each for each in gone if each not in quiet))


@lru_cache(maxsize=4)
def variance_left(seconds: int) -> Floats:
    """Return the share of a session's variance that is left at each second, from 1 down to 0."""
    middles = (np.arange(seconds) + 0.5) * (_FULL_DAY_MINUTES / seconds)
    minutes, rates = zip(*_VARIANCE_RATE, strict=True)
    used = np.cumsum(np.interp(middles, minutes, rates))
    return np.concatenate(([1.0], 1.0 - used / used[-1]))


@lru_cache(maxsize=4)
def _plain_left(seconds: int) -> "array[float]":
    return _plain(variance_left(seconds))


@lru_cache(maxsize=4)
def _deviations(seconds: int) -> Floats:
    """Return the share of each second in the deviation of a session."""
    return np.asarray(np.sqrt(-np.diff(variance_left(seconds))))


def _basis(rng: np.random.Generator, count: int) -> Floats:
    """Return SPY's deviation from SPX over the ratio: an AR(1) process of the second."""
    deviation = rng.uniform(*_BASIS_BP) * BASIS_POINT
    keep = float(0.5 ** (1.0 / rng.uniform(*_BASIS_HALF_LIFE)))
    shocks = rng.standard_normal(-(-count // _BLOCK) * _BLOCK) * deviation
    shocks[1:] *= np.sqrt(1.0 - keep**2)
    # x[i] = keep x[i-1] + shock[i], summed up block by block, because a loop takes too long.
    fading = keep ** np.arange(1, _BLOCK + 1)
    within = (shocks.reshape(-1, _BLOCK) / fading).cumsum(axis=1) * fading
    faded = float(fading[-1])
    ends = accumulate(within[:, -1].tolist(), lambda end, own: end * faded + own)
    before = np.array([0.0, *ends])[:-1]
    return np.asarray((within + before[:, None] * fading).ravel()[:count])


def _after_hours(rng: np.random.Generator, seconds: int) -> Floats:
    """Return SPY's log return since the close, at each second after it."""
    total = rng.standard_t(_AFTER_T) * _AFTER_BP
    noise = np.cumsum(rng.standard_normal(seconds)) * _AFTER_NOISE_BP
    share = _shares(seconds)
    bridge = noise - share * noise[-1] if seconds else noise
    limited = min(max(total, -_AFTER_LIMIT_BP), _AFTER_LIMIT_BP)
    return np.asarray((limited * share + bridge) * BASIS_POINT)


def _plain(values: Floats) -> "array[float]":
    """Return the values where they can be read one by one, at once and as Python's floats."""
    return array("d", values.tobytes())


def _shares(seconds: int) -> Floats:
    return np.arange(1, seconds + 1) / max(seconds, 1)


def _ex_date(year: int, month: int) -> date:
    for known in _DIVIDENDS:
        if (known.year, known.month) == (year, month):
            return known
    first = date(year, month, 1)
    return first + timedelta(days=(4 - first.weekday()) % 7 + 14)
