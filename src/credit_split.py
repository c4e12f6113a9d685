"""Where a credit comes from, line by line, and what of it is left as an edge.

One distribution for both legs makes the package worth what the gap between the strikes and the
ratio are worth. Beyond that the market pays where SPY's volatility is above SPXW's. Up to
`after_hours_bp` that is the price of a risk: SPXW ends at 16:00, while SPY may move until 17:30,
so total variances differ by the square of that move. On real quotes of 2026 the difference stands
for 4 to 39 basis points, nearly the same all day, and for most on evenings with large earnings.
"""

import math
from decimal import Decimal
from typing import NamedTuple

from src.assignment import PinBand, pin_band
from src.fees import FeeSchedule
from src.judgement import CreditSplit, Valuation
from src.models import MULTIPLIER, SPY_PER_SPREAD, Quote, Session, TradeSetup
from src.pricing import black_call, implied_total_vol, package_value, probability_above
from src.ratio import BASIS_POINT, ExpectedRatio
from src.settings_sections import Strategy
from src.stress import Package, risk_of
from src.variance_clock import annual, years_left

_SHARES = SPY_PER_SPREAD * MULTIPLIER


class _Vols(NamedTuple):
    """Total volatilities: SPY's, SPXW's, and SPY's as far as the hours after the close explain."""

    spy: float
    spx: float
    explained: float


class Sides(NamedTuple):
    """A market with both sides known, per share; a setup has no other."""

    bid: float
    ask: float

    @classmethod
    def of(cls, quote: Quote) -> "Sides":
        """Return the sides of a setup's quote."""
        return cls(quote.bid or 0.0, quote.ask or 0.0)

    @property
    def middle(self) -> float:
        """Half way between bid and ask."""
        return (self.bid + self.ask) / 2

    @property
    def half(self) -> float:
        """What it costs to trade at once, against the middle."""
        return (self.ask - self.bid) / 2

    def __str__(self) -> str:
        return f"{self.bid:.2f} x {self.ask:.2f}"


def value_setup(
    setup: TradeSetup,
    credit: float,
    expected: ExpectedRatio,
    *,
    session: Session,
    settings: Strategy,
    fees: FeeSchedule,
) -> Valuation:
    """Return what a setup is worth and can cost; `credit` is dollars a spread, net of fees.

    Without a volatility (a price below its intrinsic value) there is no split, and so no edge:
    what cannot be reckoned is not believed.
    """
    sold, bought = Sides.of(setup.spy_call), Sides.of(setup.spx_call)
    spy = implied_total_vol(setup.spy_price, setup.spy_contract.strike, sold.middle)
    spx = implied_total_vol(setup.spx_price, setup.spx_contract.strike, bought.middle)
    years = years_left(setup.timestamp, session)
    split, contradiction = None, ""
    band = pin_band(setup.spy_contract.strike, settings)
    if spy is None or spx is None:
        names = " and the ".join(name for name, vol in (("SPY", spy), ("SPXW", spx)) if vol is None)
        contradiction = f"no volatility makes the middle of the {names} call's market"
    else:
        vols = _Vols(spy, spx, _with_after_hours(spy, spx, settings.after_hours_bp))
        split = _split(setup, credit, vols, band, fees)
        contradiction = _contradiction(setup, vols, years, settings.max_vol_gap)
    stressed = Package.of(setup, credit).stressed()
    return Valuation(
        expected_ratio=expected.value,
        spy_total_vol=spy,
        spx_total_vol=spx,
        spy_vol=None if spy is None else annual(spy, years),
        spx_vol=None if spx is None else annual(spx, years),
        split=split,
        ordinary=stressed.ordinary,
        worst=stressed.worst,
        risk_level=risk_of(stressed, settings.max_position_loss),
        pin_low=band.low,
        pin_high=band.high,
        contradiction=contradiction,
    )


def _with_after_hours(spy: float, spx: float, after_hours_bp: float) -> float:
    """Return SPY's total volatility as far as a move after the close explains it."""
    if spy <= spx:
        return spx
    return min(spy, math.hypot(spx, after_hours_bp * BASIS_POINT))


def _split(
    setup: TradeSetup, credit: float, vols: _Vols, band: PinBand, fees: FeeSchedule
) -> CreditSplit:
    """Return the lines; what rounding them to cents leaves goes to the volatility gap."""
    spy, strike = setup.spy_price, setup.spy_contract.strike
    sold, bought = Sides.of(setup.spy_call), Sides.of(setup.spx_call)
    strikes = strike, setup.spx_contract.strike
    worth = package_value(spy, setup.ratio, strikes, vols.spx)
    gap, ratio = (round(each, 2) + 0.0 for each in worth)  # no minus zero
    after = black_call(spy, strike, vols.explained) - black_call(spy, strike, vols.spx)
    after = round(_SHARES * after, 2)
    fees_in = round(credit - (_SHARES * sold.bid - MULTIPLIER * bought.ask), 2)
    widths = _SHARES * sold.half + MULTIPLIER * bought.half
    bid_ask = -round(widths, 2)
    # A spread that ends well out of the money costs nothing on its way out: it expires.
    out = probability_above(spy, band.low, vols.spx)
    closing = fees.closing(Decimal(str(sold.ask)), Decimal(str(bought.bid)))
    spread_out, fees_out = -round(out * widths, 2), -round(out * float(closing), 2)
    return CreditSplit(
        credit=credit,
        strike_gap=gap,
        ratio=ratio,
        after_hours=after,
        vol_gap=round(credit - gap - ratio - after - bid_ask - fees_in, 2),
        bid_ask=bid_ask,
        fees_in=fees_in,
        spread_out=spread_out,
        fees_out=fees_out,
        edge=round(credit - gap - ratio - after + spread_out + fees_out, 2),
    )


def _contradiction(setup: TradeSetup, vols: _Vols, years: float, limit: float) -> str:
    """Return why the two quotes cannot both be true, empty where they can."""
    beyond = 100 * annual(vols.spy - vols.explained, years)
    if abs(beyond) <= limit:
        return ""
    above = vols.spy > vols.spx
    share = f"{abs(vols.spy / vols.spx - 1.0):.0%} " if vols.spx else ""
    evening = ", not even by a move after 16:00" if above else ""
    fair = black_call(setup.spy_price, setup.spy_contract.strike, vols.spx)
    return (
        f"SPY's volatility is {annual(vols.spy, years):.1%}, {share}"
        f"{'above' if above else 'below'} SPXW's {annual(vols.spx, years):.1%} for the same hours; "
        f"{abs(beyond):.1f} points are not explained{evening} (limit {limit:g}). At SPXW's the SPY "
        f"call is worth {fair:.2f}, and its market is {Sides.of(setup.spy_call)}"
    )
