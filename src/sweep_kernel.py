"""The compiled engine of the sweep: many parameter sets on one table of days.

It does what `trading_day.TradingDay` does minute by minute, for days on which every order fills
at once and nothing fails. Where a day would take another course it says so (a doubt) and reckons
nothing. numba is imported with this module, so import it only to sweep.

In the code d is a day and p a parameter set, t and m are minutes, n is a number of spreads and g a
held pair. A rule is a record with the fields of `Rules`. Money is cents.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

from src.day_table import UNKNOWN
from src.sweep import Outcome, Stack
from src.sweep_rules import Packed, Rules

F = TypeVar("F", bound=Callable[..., Any])
Numbers = NDArray[np.float64]
Whole = NDArray[np.int32]

# Doubts, in the order of `sweep.Doubt`.
_NEAR_LIMIT, _TOO_FEW, _NO_WAY_OUT, _SECOND, _JUMP, _NO_CLOSES, _FUNDS = 1, 2, 3, 4, 5, 6, 7
# Reasons, in the order of `sweep.REASONS`.
_DAILY_LOSS, _ASSIGNMENT, _MAX_LOSS, _PRE_EXPIRATION, _PIN, _EXPIRED = 0, 1, 2, 3, 4, 5
_HELD, _JUMPED = -1, -2
_MILLION = 1_000_000
_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}


def compiled(function: F) -> F:
    """Return the function compiled; kept on disk, where there is a place that can be written."""
    made: Any
    try:
        made = numba.njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:  # numba found no such place: the next process compiles again
        made = numba.njit(**_OPTIONS)(function)
    return cast("F", made)


def part(function: F) -> F:
    """Return a function that becomes a part of the compiled one which calls it."""
    made: Any = numba.njit(forceinline=True, **_OPTIONS)(function)
    return cast("F", made)


@part
def _jumps(spy: float, spx: float, most: float, seen: Numbers) -> bool:
    """Return whether a price is too far from that of the last look; remember this look.

    `seen` holds the SPY and the SPX price, NaN before there was one.
    """
    # Comparisons with NaN are false: what is not known does not jump.
    if abs(spy / seen[0] - 1.0) > most or abs(spx / seen[1] - 1.0) > most:
        return True
    if not np.isnan(spy):
        seen[0] = spy
    if not np.isnan(spx):
        seen[1] = spx
    return False


@part
def _size(rule: Rules, free: int) -> int:
    """Return how many spreads so many cents carry, as `calculate_position_size` reckons it."""
    by_loss = free * rule.share // (_MILLION * rule.loss)
    return min(rule.most_spreads, free // rule.capital, by_loss)


@part
def _exit(  # noqa: PLR0913, PLR0917 - the compiler wants them one by one
    spy: Numbers,
    spx: Numbers,
    value: Whole,
    d: int,
    n: int,
    g: int,
    m: int,
    rule: Rules,
    strike: float,
    bound: int,
    smooth: bool,  # noqa: FBT001
    seen: Numbers,
) -> int:
    """Return the minute, from `m` on, in which a position is closed, else `_HELD` or `_JUMPED`.

    It is closed when closing would bring less than `bound`, or because of SPY.
    """
    close, step, final, exit_check = spy.shape[1] - 1, rule.step, rule.final, rule.exit_check
    level, closing_until = strike + rule.threshold, rule.closing_until
    while m < exit_check:
        if not smooth and _jumps(spy[d, m], spx[d, m], rule.jump, seen):
            return _JUMPED
        if value[n - 1, g, m] < bound or spy[d, m] > level:
            return m
        m += step
    m = exit_check
    band = max(rule.pin_dollars, rule.pin_percent / 100 * strike)
    while m < close:
        if not smooth and _jumps(spy[d, m], spx[d, m], rule.jump, seen):
            return _JUMPED
        price = spy[d, m]
        is_near = m <= closing_until and (price > strike or strike - price <= band)
        if is_near or price > level or value[n - 1, g, m] < bound:
            return m
        m = (m // final + 1) * final
    return _HELD


@part
def _reason(rule: Rules, spy: float, strike: float, n: int, result: int, realised: int) -> int:
    """Return the most urgent signal, as `PositionMonitor.check_exit_conditions` orders them."""
    if realised + result < -rule.day_loss:
        return _DAILY_LOSS
    if spy > strike + rule.threshold:
        return _ASSIGNMENT
    if result < -rule.loss * n:
        return _MAX_LOSS
    return _PRE_EXPIRATION if spy > strike else _PIN


@compiled
def play(  # noqa: C901, PLR0912, PLR0915 - one loop that the compiler sees whole
    stack: Stack, sets: Packed, start: int, stop: int, outcome: Outcome
) -> None:
    """Play the sets from `start` to `stop` on every day, and fill in their outcome."""
    spy, spx, offer, slack, spx_cost, room_in, pair, entry = stack[:8]
    value, room_out, strikes, settled, calm, shared = stack[8:]
    pnl, trades, doubt, detail = outcome
    days, minutes = spy.shape
    close, seen = minutes - 1, np.empty(2)
    for d in range(days):
        smooth = calm[d]
        for p in range(start, stop):
            rule = sets[p]
            first, last, every, least = rule.first, rule.last, rule.every, rule.least
            realised, traded, count, last_check, found = 0, 0, 0, -1, 0
            seen[:] = np.nan
            t, beat = first, every
            if t < 0:  # the window is open before the market is, which is judged as it opens
                t, beat = 0, every - -first % every
            while t <= last and count < rule.most_trades:
                # Judging the market.
                if not smooth and _jumps(spy[d, t], spx[d, t], rule.jump, seen):
                    found = _JUMP
                    break
                if not offer[d, t] > least:
                    t += beat
                    beat = every
                    continue
                # Opening, where the limits of the day allow it.
                free = rule.cash + realised
                n = _size(rule, free)
                if n < 1 or realised <= -rule.day_loss:
                    break
                need = n + traded if shared[d] else n
                g, paid_in = pair[d, t], entry[n - 1, d, t]
                if rule.least_cents >= slack[d, t]:
                    found = _NEAR_LIMIT
                elif room_in[d, t] < need:
                    found = _TOO_FEW
                elif n * spx_cost[d, t] > free or n * rule.capital > free + paid_in:
                    found = _FUNDS
                if found:
                    break
                # Holding. The limits of the position and of the day are one: what closing must
                # bring at least.
                strike = strikes[g]
                bound = max(-rule.loss * n, -rule.day_loss - realised) - paid_in
                step = rule.step
                is_due = last_check >= 0 and t // step > last_check // step
                if is_due and (value[n - 1, g, t] < bound or spy[d, t] > strike + rule.threshold):
                    out = t
                else:
                    m = (t // step + 1) * step
                    out = _exit(spy, spx, value, d, n, g, m, rule, strike, bound, smooth, seen)
                if out == _JUMPED:
                    found = _JUMP
                    break
                judged, end = t, close if out == _HELD else out
                if n < rule.most_spreads:
                    # Not all that is allowed is held, so the market is judged on.
                    judged = end
                    for q in range(t + 1, min(last, end) + 1):
                        if offer[d, q] > least or not smooth:
                            found = _SECOND
                # Closing, or expiring.
                reason, result = _EXPIRED, np.int64(paid_in)
                if out == _HELD:
                    result += n * settled[g]
                    if settled[g] == UNKNOWN:
                        found = found or _NO_CLOSES
                else:
                    result += value[n - 1, g, out]
                    reason = _reason(rule, spy[d, out], strike, n, result, realised)
                    if room_out[g, out] < need:
                        found = found or _NO_WAY_OUT
                if found:
                    break
                if count < detail.shape[2]:
                    row = detail[p, d, count]
                    row[0], row[1], row[2], row[3], row[4] = t, end, reason, n, result
                count += 1
                traded += n
                realised += result
                last_check = end
                # What was just traded is looked at once more after a minute, off the beat.
                t = end + 1
                beat = every - (t - first) % every
                if (t - first) // every <= (judged - first) // every:
                    t += beat
                    beat = every
            doubt[p, d] = found
            if not found:
                pnl[p, d] = realised
                trades[p, d] = count
