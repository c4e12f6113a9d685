"""The edge of many setups at once: that of `credit_split`, but for a cent of rounding.

Like `pricing_arrays` it is not for the trading day, but for sweeps over many days and settings.
"""

from typing import NamedTuple

import numpy as np

from src.models import MULTIPLIER, SPY_PER_SPREAD
from src.pricing_arrays import Floats, black_calls, implied_total_vols, normal
from src.ratio import BASIS_POINT

_SHARES = SPY_PER_SPREAD * MULTIPLIER


class Setups(NamedTuple):
    """Setups as arrays of one shape: prices per share, strikes, both markets, fees in dollars.

    `fees_in` and `fees_out` are positive, those of opening and of closing one spread through the
    market.
    """

    spy: Floats
    spx: Floats
    spy_strike: Floats
    spx_strike: Floats
    spy_bid: Floats
    spy_ask: Floats
    spx_bid: Floats
    spx_ask: Floats
    fees_in: Floats
    fees_out: Floats

    @property
    def credit(self) -> Floats:
        """Dollars a spread, net of the fees of opening."""
        gross = _SHARES * self.spy_bid - MULTIPLIER * self.spx_ask
        return np.asarray(np.round(gross - self.fees_in, 2))


def edges(
    setups: Setups, after_hours_bp: float, pin_band_dollars: float, pin_band_percent: float
) -> Floats:
    """Return the edges in dollars a spread, not a number where a price has no volatility."""
    s = setups
    ratio = s.spx / s.spy
    sold, bought = (s.spy_bid + s.spy_ask) / 2, (s.spx_bid + s.spx_ask) / 2
    spy_vol = implied_total_vols(s.spy, s.spy_strike, sold)
    spx_vol = implied_total_vols(s.spx, s.spx_strike, bought)
    evening = np.hypot(spx_vol, after_hours_bp * BASIS_POINT)
    explained = np.where(spy_vol <= spx_vol, spx_vol, np.minimum(spy_vol, evening))
    known = np.isfinite(spy_vol) & np.isfinite(spx_vol)
    spx_vol, explained = np.where(known, spx_vol, 0.0), np.where(known, explained, 0.0)

    at_strike = black_calls(s.spy, s.spy_strike, spx_vol)
    matched = black_calls(s.spy, s.spx_strike / ratio, spx_vol)
    gap = _cents(MULTIPLIER * ratio * (at_strike - matched))
    missing = _cents(-(ratio - SPY_PER_SPREAD) * MULTIPLIER * at_strike)
    after = _cents(_SHARES * (black_calls(s.spy, s.spy_strike, explained) - at_strike))

    band = np.maximum(pin_band_dollars, pin_band_percent / 100 * s.spy_strike)
    out = _chance_above(s.spy, s.spy_strike - band, spx_vol)
    widths = _SHARES * (s.spy_ask - s.spy_bid) / 2 + MULTIPLIER * (s.spx_ask - s.spx_bid) / 2
    away = gap + missing + after + _cents(out * widths) + _cents(out * s.fees_out)
    return np.asarray(np.where(known, _cents(s.credit - away), np.nan))


def _chance_above(forward: Floats, level: Floats, total_vol: Floats) -> Floats:
    moves = total_vol > 0.0
    safe = np.where(moves, total_vol, 1.0)
    chance = normal(np.log(forward / level) / safe - 0.5 * safe)
    return np.asarray(np.where(moves, chance, (forward > level).astype(np.float64)))


def _cents(dollars: Floats) -> Floats:
    return np.asarray(np.round(dollars, 2))
