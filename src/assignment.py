"""Early exercise, the neighbourhood of the strike, and what an assignment would mean.

A call without a dividend to come is never exercised early: that throws its time value away. With
one it is, on the eve of the ex-date, where the dividend is more than the time value (Pool, Stoll
and Whaley 2008). The clearing house assigns by night, so a call that dies today can only be
exercised at its end; whoever exercises on the eve of an ex-date has the dividend as well.
"""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from src.dividends import Dividend, first_after
from src.models import MULTIPLIER, SPY_PER_SPREAD, TradeSetup
from src.ratio import weekdays_between
from src.settings_sections import Strategy


class PinBand(NamedTuple):
    """SPY prices, dollars a share, at which nobody can foresee what will be exercised."""

    low: float
    high: float


def pin_band(strike: float, rules: Strategy) -> PinBand:
    """Return the band around a strike: the wider of the two that the settings name."""
    width = max(rules.pin_band_dollars, rules.pin_band_percent / 100 * strike)
    return PinBand(strike - width, strike + width)


def early_exercise(
    price: float, strike: float, middle: float, today: date, expiry: date, table: Sequence[Dividend]
) -> str:
    """Return why a short SPY call may be exercised early, empty where it will not be.

    Only a dividend whose ex-date lies after `today` and not after `expiry` can do that, and only
    where it is more than what is given up: the put of the same strike, which for a call in the
    money is its time value. `middle` is that of the call's market; all are dollars a share.
    """
    coming = first_after(today, table)
    if coming is None or coming.ex_date > expiry:
        return ""
    given_up = middle - (price - strike)
    if coming.amount <= given_up:
        return ""
    return (
        f"SPY goes ex-dividend on {coming.ex_date}, before the call dies: the dividend of "
        f"${coming.amount:.2f} a share is more than the call's time value of ${given_up:.2f}, "
        "so it may be exercised the night before."
    )


def dividend_owed(today: date, table: Sequence[Dividend]) -> Dividend | None:
    """Return the dividend that shares sold by an assignment tonight would owe, if there is one.

    The ex-date is the next weekday; before a holiday the doctor's row, which knows the calendar,
    is the one that counts.
    """
    coming = first_after(today, table)
    return coming if coming and weekdays_between(today, coming.ex_date) == 1 else None


def what_assignment_means(setup: TradeSetup, spreads: int, table: Sequence[Dividend]) -> str:
    """Return an assignment of all short calls in shares and dollars, in sentences."""
    shares = MULTIPLIER * SPY_PER_SPREAD * spreads
    strike = setup.spy_contract.strike
    text = (
        f"All {SPY_PER_SPREAD * spreads} SPY calls assigned would leave the account short "
        f"{shares:,} SPY shares, sold at {strike:g}: ${shares * strike:,.0f} of stock. Each dollar "
        f"by which SPY rises before they are bought back costs ${shares:,}."
    )
    owed = dividend_owed(setup.timestamp.date(), table)
    if owed is None:
        return text
    about = "" if owed.is_known else "about "
    return (
        f"{text} SPY goes ex-dividend on {owed.ex_date}: whoever is short of the shares then owes "
        f"{about}${shares * owed.amount:,.0f} besides."
    )
