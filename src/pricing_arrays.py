"""Call prices and implied volatilities of many moments at once, for sweeps and studies.

The same formulas as in `pricing`, to nearly the last digit. A trading day never imports this
module: numpy takes longer to load than a day takes to decide.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from src.pricing import LEAST_VALUE

Floats = NDArray[np.float64]

_SQRT_2 = np.sqrt(2.0)
_SQRT_2_PI = np.sqrt(2.0 * np.pi)
_MOST_STEPS = 100

# W. J. Cody, Rational Chebyshev approximations for the error function, Math. Comp. 23 (1969) 631:
# for |x| up to 0.46875, from there to 4, and beyond.
_A = (
    *(3.16112374387056560e00, 1.13864154151050156e02, 3.77485237685302021e02),
    *(3.20937758913846947e03, 1.85777706184603153e-1),
)
_B = (
    *(2.36012909523441209e01, 2.44024637934444173e02, 1.28261652607737228e03),
    2.84423683343917062e03,
)
_C = (
    *(5.64188496988670089e-1, 8.88314979438837594e0, 6.61191906371416295e01),
    *(2.98635138197400131e02, 8.81952221241769090e02, 1.71204761263407058e03),
    *(2.05107837782607147e03, 1.23033935479799725e03, 2.15311535474403846e-8),
)
_D = (
    *(1.57449261107098347e01, 1.17693950891312499e02, 5.37181101862009858e02),
    *(1.62138957456669019e03, 3.29079923573345963e03, 4.36261909014324716e03),
    *(3.43936767414372164e03, 1.23033935480374942e03),
)
_P = (
    *(3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1),
    *(1.60837851487422766e-2, 6.58749161529837803e-4, 1.63153871373020978e-2),
)
_Q = (
    *(2.56852019228982242e00, 1.87295284992346725e00, 5.27905102951428412e-1),
    *(6.05183413124413191e-2, 2.33520497626869185e-3),
)
_SMALL, _LARGE = 0.46875, 4.0


def erfc(x: ArrayLike) -> Floats:
    """Return the complementary error function, to about 1e-15 of its value."""
    values = np.asarray(x, dtype=np.float64)
    size = np.abs(values)
    small, large = size <= _SMALL, size > _LARGE
    middle = ~(small | large)
    found = np.empty_like(size)
    found[small] = 1.0 - size[small] * _rational(size[small] ** 2, _A, _B)
    found[middle] = _tail(size[middle]) * _rational(size[middle], _C, _D)
    far = size[large]
    inverse = 1.0 / far**2
    series = inverse * _rational(inverse, _P, _Q)
    found[large] = _tail(far) * (1.0 / np.sqrt(np.pi) - series) / far
    found[np.isnan(values)] = np.nan
    return np.asarray(np.where(values < 0.0, 2.0 - found, found))


def normal(x: ArrayLike) -> Floats:
    """Return the normal distribution up to x."""
    return np.asarray(0.5 * erfc(-np.asarray(x, dtype=np.float64) / _SQRT_2))


def _rational(x: Floats, top: tuple[float, ...], bottom: tuple[float, ...]) -> Floats:
    """Return Cody's quotient of polynomials; the last coefficient of `top` is the leading one."""
    above, below = top[-1] * x, x.copy()
    for first, second in zip(top[:-2], bottom[:-1], strict=True):
        above, below = (above + first) * x, (below + second) * x
    return np.asarray((above + top[-2]) / (below + bottom[-1]))


def _tail(size: Floats) -> Floats:
    """Return exp(-x^2) without the rounding of x^2."""
    coarse = np.trunc(size * 16.0) / 16.0
    return np.asarray(np.exp(-coarse * coarse) * np.exp(-(size - coarse) * (size + coarse)))


def black_calls(forward: ArrayLike, strike: ArrayLike, total_vol: ArrayLike) -> Floats:
    """Return undiscounted prices of European calls per share (Black 1976); shapes broadcast.

    At a total volatility of zero or less the price is the intrinsic value.
    """
    f, k, vol = _together(forward, strike, total_vol)
    sound = vol > 0.0
    safe = np.where(sound, vol, 1.0)
    d1 = np.log(f / k) / safe + 0.5 * safe
    price = 0.5 * (f * erfc(-d1 / _SQRT_2) - k * erfc(-(d1 - safe) / _SQRT_2))
    return np.asarray(np.where(sound, price, np.maximum(f - k, 0.0)))


def implied_total_vols(forward: ArrayLike, strike: ArrayLike, price: ArrayLike) -> Floats:
    """Return the total volatilities that make calls cost `price`; shapes broadcast.

    Not a number where no volatility does: below the intrinsic value, or not below the forward.
    The side out of the money is looked at, and Newton's method on the logarithm of its price is
    kept between bounds that close in on the root, as in `pricing.implied_total_vol`.
    """
    f, k, asked = _together(forward, strike, price)
    time_value = asked - np.maximum(f - k, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        possible = (f > 0.0) & (k > 0.0) & (time_value >= 0.0) & (time_value < np.minimum(f, k))
        target = time_value / np.sqrt(f * k)
    answer = np.where(possible & (target < LEAST_VALUE), 0.0, np.nan)
    wanted = possible & (target >= LEAST_VALUE)
    if wanted.any():
        answer[wanted] = _solve(-np.abs(np.log(f[wanted] / k[wanted])), target[wanted])
    return answer


def _solve(x: Floats, target: Floats) -> Floats:
    up, down = np.exp(x / 2.0), np.exp(-x / 2.0)
    vol = _first_guesses(x, target, up, down)
    low, high = np.zeros_like(vol), np.full_like(vol, np.inf)
    todo = np.arange(vol.size)
    for _ in range(_MOST_STEPS):
        v, t = vol[todo], target[todo]
        d1 = x[todo] / v + v / 2.0
        found = 0.5 * (up[todo] * erfc(-d1 / _SQRT_2) - down[todo] * erfc(-(d1 - v) / _SQRT_2))
        below = found < t
        low[todo] = np.where(below, v, low[todo])
        high[todo] = np.where(below, high[todo], v)
        slope = up[todo] * np.exp(-0.5 * d1 * d1) / _SQRT_2_PI
        usable = (found > 0.0) & (slope > 0.0)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            step = np.where(usable, np.log(t / found) * found / slope, v)
            new = v + step
            between = 0.5 * (low[todo] + high[todo])
        fallback = np.where(np.isfinite(high[todo]), between, 2.0 * v)
        inside = (low[todo] < new) & (new < high[todo])
        done = usable & (np.abs(step) <= 1e-14 * v)
        new = np.where(done | inside, np.where(done, v + step, new), fallback)
        done |= np.abs(new - v) <= 1e-15 * v
        vol[todo] = new
        todo = todo[~done]
        if not todo.size:
            break
    return vol


def _first_guesses(x: Floats, target: Floats, spot: Floats, strike: Floats) -> Floats:
    """Return volatilities near the roots (Corrado and Miller 1996, else where the price bends)."""
    half = target - (spot - strike) / 2.0
    square = half * half - (spot - strike) ** 2 / np.pi
    near = _SQRT_2_PI / (spot + strike) * (half + np.sqrt(np.maximum(square, 0.0)))
    return np.asarray(np.where(square >= 0.0, near, np.sqrt(-2.0 * x)))


def _together(*values: ArrayLike) -> tuple[Floats, ...]:
    arrays = np.broadcast_arrays(*(np.asarray(each, dtype=np.float64) for each in values))
    return tuple(arrays)
