"""What calls are worth, and which volatility a price implies. One moment; arrays have their own.

Everything is undiscounted and per share. `total_vol` is sigma times the square root of the time
left, so no calendar is needed: `variance_clock` turns it into an annual figure. A same-day American
call without an ex-dividend date before its expiry is worth as much as a European one.
"""

import math

from src.models import MULTIPLIER, SPY_PER_SPREAD

_SQRT_2 = math.sqrt(2.0)
_SQRT_2_PI = math.sqrt(2.0 * math.pi)
_MOST_STEPS = 100
LEAST_VALUE = 1e-300
"""Of the price of strike and forward together: what is worth less has no digits to reckon with."""


def black_call(forward: float, strike: float, total_vol: float) -> float:
    """Return the price of a European call (Black 1976); at zero volatility its intrinsic value."""
    if total_vol <= 0.0:
        return max(forward - strike, 0.0)
    d1 = math.log(forward / strike) / total_vol + 0.5 * total_vol
    d2 = d1 - total_vol
    # The normal distribution up to x is half of erfc(-x / sqrt(2)).
    return 0.5 * (forward * math.erfc(-d1 / _SQRT_2) - strike * math.erfc(-d2 / _SQRT_2))


def probability_above(forward: float, level: float, total_vol: float) -> float:
    """Return the chance that the price ends above a level, under the same distribution."""
    if total_vol <= 0.0 or level <= 0.0:
        return float(forward > level)
    d2 = math.log(forward / level) / total_vol - 0.5 * total_vol
    return 0.5 * math.erfc(-d2 / _SQRT_2)


def implied_total_vol(forward: float, strike: float, price: float) -> float | None:
    """Return the total volatility that makes a call cost `price`, None if none does.

    None is a price below the intrinsic value, or not below the forward. A call in the money is
    looked at as the put of its strike, which is worth the same less the intrinsic value
    (put-call parity): there the digits are. Newton's method on the logarithm of the price, which
    is concave in the volatility, kept between bounds that close in on the root.
    """
    if not (forward > 0.0 and strike > 0.0):
        return None
    time_value = price - max(forward - strike, 0.0)
    if not 0.0 <= time_value < min(forward, strike):
        return None
    # In units of sqrt(forward x strike) there is one call out of the money, at x <= 0.
    scale = math.sqrt(forward * strike)
    x = -abs(math.log(forward / strike))
    target = time_value / scale
    if target < LEAST_VALUE:
        return 0.0
    up, down = math.exp(x / 2.0), math.exp(-x / 2.0)
    low, high = 0.0, math.inf
    vol = _first_guess(x, target)
    for _ in range(_MOST_STEPS):
        d1 = x / vol + vol / 2.0
        d2 = d1 - vol
        found = 0.5 * (up * math.erfc(-d1 / _SQRT_2) - down * math.erfc(-d2 / _SQRT_2))
        if found < target:
            low = vol
        else:
            high = vol
        slope = up * math.exp(-0.5 * d1 * d1) / _SQRT_2_PI
        if found > 0.0 and slope > 0.0:
            step = math.log(target / found) * found / slope
            if abs(step) <= 1e-14 * vol:
                return vol + step
            new = vol + step
        else:
            new = 2.0 * vol  # too far out to have a price at all
        if not low < new < high:
            new = 0.5 * (low + high) if high < math.inf else 2.0 * vol
        if abs(new - vol) <= 1e-15 * vol:
            return new
        vol = new
    return vol


def _first_guess(x: float, target: float) -> float:
    """Return a volatility near the root: Corrado and Miller (1996), else where the price bends."""
    # With the spot and strike that stand for x at a scale of one.
    spot, strike = math.exp(x / 2.0), math.exp(-x / 2.0)
    half = target - (spot - strike) / 2.0
    square = half * half - (spot - strike) ** 2 / math.pi
    if square >= 0.0:
        return _SQRT_2_PI / (spot + strike) * (half + math.sqrt(square))
    return math.sqrt(-2.0 * x)


def package_value(
    spy: float, ratio: float, strikes: tuple[float, float], total_vol: float
) -> tuple[float, float]:
    """Return what one distribution for both legs makes a spread worth: strike gap, and ratio.

    Dollars, positive when received, for ten SPY calls sold and one SPXW call bought at fair
    prices. `strikes` are SPY's and SPX's, `ratio` is SPX over SPY. Together V = 1000 C(Ky) -
    100 ratio C(Kx / ratio), where C is a call on SPY: no arbitrage makes the SPX call `ratio` of
    them at Kx / ratio. The strike gap is 100 ratio (C(Ky) - C(Kx / ratio)), about 50 dollars a
    point near the money; the rest is -(ratio - 10) x 100 C(Ky).
    """
    spy_strike, spx_strike = strikes
    sold = black_call(spy, spy_strike, total_vol)
    bought = black_call(spy, spx_strike / ratio, total_vol)
    gap = MULTIPLIER * ratio * (sold - bought)
    return gap, -(ratio - SPY_PER_SPREAD) * MULTIPLIER * sold
