"""Early exercise, the neighbourhood of the strike, and what an assignment would mean.

A call is exercised early for a dividend alone, on the eve of the ex-date, where it is more than the
time value (Pool, Stoll and Whaley 2008). The clearing house assigns by night, so a call that dies
today can only be exercised at its end; whoever does so on the eve of an ex-date has the dividend.
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


NEVER_EARLY = (
    "The calls die today, and are assigned by night only: none is exercised before its end."
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
