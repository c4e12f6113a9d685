"""SPX over SPY: what it should be today, and how far from that prices are still believed.

SPY saves up the dividends of its shares until the ex-date, on which it drops and SPX does not; so
the ratio jumps by about ratio x dividend / SPY and then falls a little each day.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple

from src.dividends import Dividend, last_before

BASIS_POINT = 1e-4
DAILY_DRIFT = -0.48 * BASIS_POINT
"""Of the ratio, a trading day between two ex-dates: daily closes of 2021 to August 2026."""
AFTER_EX_DATE, A_DAY = 10.0425, -0.00045
"""The ratio on an ex-date, and its fall each trading day: a line through the closes of 2024 to
August 2026, from which 98 of 100 lie within 11 basis points."""
LONG_RUN = 10.028
"""The mean of 2021 to 2026, for a day of whose quarter nothing is known."""
_QUARTER = 70
_CLOSES_USED = 5
CLOSES_LAST = timedelta(days=14)
"""How long closes tell what the ratio is: ten weekdays, after which its drift is a guess."""
_NO_CLOSES = "no closes of the last two weeks are known"


class Closes(NamedTuple):
    """Official closing prices of an earlier session, dollars and points."""

    day: date
    spy: float
    spx: float


class ExpectedRatio(NamedTuple):
    """The ratio that is expected today, within how many basis points of it, and by what."""

    value: float
    band_bp: float
    basis: str

    def distance_bp(self, ratio: float) -> float:
        """Return how far a ratio lies above the expected one, in basis points."""
        return (ratio / self.value - 1.0) / BASIS_POINT


def expected_ratio(
    day: date,
    closes: Sequence[Closes],
    dividends: Sequence[Dividend],
    *,
    band_bp: float,
    wide_band_bp: float,
) -> ExpectedRatio:
    """Return what SPX over SPY should be on a day, before its first quote.

    By the closes of earlier sessions, each carried to the day by dividends and daily drift; of the
    last five the median, because a closing auction can be off (93 basis points on 9 April 2025).
    Closes of more than two weeks ago do not count. Without any, by the weekdays since the last
    ex-date, within the wide band: a holiday is worth half a basis point.
    """
    earlier = sorted(each for each in closes if day - CLOSES_LAST <= each.day < day)[-_CLOSES_USED:]
    if earlier:
        value = _median([_carried(each, day, dividends) for each in earlier])
        last = earlier[-1].day
        of = "the close" if len(earlier) == 1 else f"{len(earlier)} closes"
        return ExpectedRatio(value, band_bp, f"by {of} up to {last}, dividends and drift")
    paid = last_before(day, dividends)
    days = weekdays_between(paid.ex_date, day) if paid else _QUARTER + 1
    if paid is None or days > _QUARTER:
        basis = f"the mean of 2021 to 2026: no ex-date of this quarter is known, and {_NO_CLOSES}"
        return ExpectedRatio(LONG_RUN, wide_band_bp, basis)
    basis = f"by the {days} weekdays since the ex-date {paid.ex_date}: {_NO_CLOSES}"
    return ExpectedRatio(AFTER_EX_DATE + A_DAY * days, wide_band_bp, basis)


def _carried(closes: Closes, day: date, dividends: Sequence[Dividend]) -> float:
    ratio = closes.spx / closes.spy * (1.0 + DAILY_DRIFT * weekdays_between(closes.day, day))
    for each in dividends:
        if closes.day < each.ex_date <= day:
            ratio *= 1.0 + each.amount / closes.spy
    return ratio


def _median(values: list[float]) -> float:
    # The module that has this takes longer to load than a whole decision to make.
    ordered, middle = sorted(values), len(values) // 2
    return (ordered[middle] + ordered[~middle]) / 2


def weekdays_between(first: date, last: date) -> int:
    """Return how many weekdays lie after `first` up to and with `last`."""
    return _weekdays_up_to(last) - _weekdays_up_to(first)


def _weekdays_up_to(day: date) -> int:
    weeks, rest = divmod(day.toordinal(), 7)  # day 1 of the ordinals was a Monday
    return 5 * weeks + min(rest, 5)
