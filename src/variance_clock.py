"""A clock that runs as fast as the market moves: how much of a session's variance is still to come.

By it one volatility is comparable over the day. On an even clock the same option looks twice as
dear in the first half hour as at noon.
"""

from bisect import bisect_right
from datetime import datetime

from src.models import Session

SESSIONS_A_YEAR = 252
FULL_DAY_MINUTES = 390.0
# Minutes since the open of a full day, and the share of the session's variance after them: SPY in
# 5-minute bars, 206 days of May 2025 to March 2026. Half hours, and the steeper first and last.
_KNOTS = (
    *((0, 1.0), (5, 0.954), (15, 0.902), (30, 0.819), (60, 0.685), (90, 0.587), (120, 0.506)),
    *((150, 0.440), (180, 0.385), (210, 0.330), (240, 0.277), (270, 0.230), (300, 0.181)),
    *((330, 0.131), (360, 0.088), (375, 0.063), (390, 0.0)),
)
_MINUTES = tuple(float(minute) for minute, _ in _KNOTS)
_LEFT = tuple(share for _, share in _KNOTS)


def variance_left(moment: datetime, session: Session) -> float:
    """Return the share of the session's variance that is left, 1 up to the open, 0 from the close.

    A half day has the same shape, run through faster. What happens overnight is not in it.
    """
    length = (session.close - session.open).total_seconds() / 60
    minute = (moment - session.open).total_seconds() / 60 * FULL_DAY_MINUTES / length
    return share_left(minute)


def share_left(minute: float) -> float:
    """Return the same by minutes since the open of a full day of 390."""
    if minute <= 0.0:
        return 1.0
    if minute >= FULL_DAY_MINUTES:
        return 0.0
    place = bisect_right(_MINUTES, minute)
    first, last = _MINUTES[place - 1], _MINUTES[place]
    part = (minute - first) / (last - first)
    return _LEFT[place - 1] + part * (_LEFT[place] - _LEFT[place - 1])


def years_left(moment: datetime, session: Session) -> float:
    """Return the trading time to the close in years of 252 sessions; 0 from the close on."""
    return variance_left(moment, session) / SESSIONS_A_YEAR


def annual(total_vol: float, years: float) -> float:
    """Return the volatility a year (a fraction) that is `total_vol` over so many years."""
    return total_vol / years**0.5 if years > 0.0 else 0.0
