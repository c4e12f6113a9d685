"""The compiled engine of the sweep: many parameter sets on one table of days.

It does what `trading_day.TradingDay` does minute by minute, for days on which every order fills
at once and nothing fails. Where a day would take another course it says so (`Doubt`) and reckons
nothing. numba is imported with this module, so import it only to sweep.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

from src.day_table import UNKNOWN

F = TypeVar("F", bound=Callable[..., Any])
Numbers = NDArray[np.float64]
Whole = NDArray[np.int32]

# Doubts, in the order of `sweep.Doubt`.
_NEAR_LIMIT, _TOO_FEW, _NO_WAY_OUT, _SECOND, _JUMP, _NO_CLOSES, _FUNDS = 1, 2, 3, 4, 5, 6, 7
# Reasons, in the order of `sweep.REASONS`.
_DAILY_LOSS, _ASSIGNMENT, _MAX_LOSS, _PRE_EXPIRATION, _PIN, _EXPIRED = 0, 1, 2, 3, 4, 5


def compiled(function: F) -> F:
    """Return the function compiled; kept on disk, where there is a place that can be written."""
    made: Any
    try:
        made = numba.njit(nogil=True, error_model="numpy", cache=True)(function)
    except RuntimeError:  # numba found no such place: the next process compiles again
        made = numba.njit(nogil=True, error_model="numpy")(function)
    return cast("F", made)


@compiled
def _jumps(before: float, price: float, most: float) -> bool:
    # A comparison with what is not a number is false: an unknown price does not jump.
    return abs(price / before - 1.0) > most


@compiled
def play(  # noqa: PLR0913, PLR0917, PLR0912, PLR0915, C901 - one loop that the compiler sees whole
    # The days: by day and minute, by spreads, by held pair and minute.
    spy: Numbers,
    spx: Numbers,
    offer: Numbers,
    slack: Whole,
    spx_cost: Whole,
    room_in: Whole,
    pair: Whole,
    entry: Whole,
    value: Whole,
    room_out: Whole,
    strike: Numbers,
    settled: Whole,
    calm: NDArray[np.bool_],
    shared: NDArray[np.bool_],
    # The sets: whole numbers and others, and which of them are to be played.
    whole: NDArray[np.int64],
    others: Numbers,
    start: int,
    stop: int,
    # What becomes of them: by set and day, and of the first trades of each day.
    pnl: NDArray[np.int64],
    trades: NDArray[np.int16],
    doubt: NDArray[np.int8],
    detail: Whole,
) -> None:
    """Fill in the result of the sets from `start` to `stop` on every day."""
    days, minutes = spy.shape
    close = minutes - 1
    for d in range(days):
        smooth, carried = calm[d], shared[d]
        for p in range(start, stop):
            first, last, every = whole[p, 0], whole[p, 1], whole[p, 2]
            exit_check, step, final = whole[p, 3], whole[p, 4], whole[p, 5]
            closing_until, most_trades, most = whole[p, 6], whole[p, 7], whole[p, 8]
            cash, capital, share = whole[p, 9], whole[p, 10], whole[p, 11]
            loss, day_loss, least_cents = whole[p, 12], whole[p, 13], whole[p, 14]
            least, threshold, jump = others[p, 0], others[p, 1], others[p, 4]
            realised, traded, count, found = 0, 0, 0, 0
            last_check, last_judged = -1, -1
            seen_spy, seen_spx = np.nan, np.nan
            beat = every
            t = first
            while t <= last:
                # Judging the market, at a beat of the entry window or one minute after an exit.
                if not smooth:
                    if _jumps(seen_spy, spy[d, t], jump) or _jumps(seen_spx, spx[d, t], jump):
                        found = _JUMP
                        break
                    seen_spy = seen_spy if np.isnan(spy[d, t]) else spy[d, t]
                    seen_spx = seen_spx if np.isnan(spx[d, t]) else spx[d, t]
                last_judged = t
                if not offer[d, t] > least:
                    t += beat
                    beat = every
                    continue
                # How much, and whether the limits of the day allow it.
                free = cash + realised
                n = min(most, free // capital, free * share // (1_000_000 * loss))
                if n < 1 or realised <= -day_loss:
                    break
                need = n + traded if carried else n
                if least_cents >= slack[d, t]:
                    found = _NEAR_LIMIT
                    break
                if room_in[d, t] < need:
                    found = _TOO_FEW
                    break
                paid_in = entry[n - 1, d, t]
                if n * spx_cost[d, t] > free or n * capital > free + paid_in:
                    found = _FUNDS
                    break
                # Holding, from one look to the next.
                g = pair[d, t]
                ks = strike[g]
                level = ks + threshold
                band = max(others[p, 2], others[p, 3] / 100 * ks)
                bound = max(-loss * n, -day_loss - realised) - paid_in
                out = -1
                m = (t // step + 1) * step
                if last_check >= 0 and t // step > last_check // step:
                    last_check = t
                    if value[n - 1, g, t] < bound or spy[d, t] > level:
                        out = t
                if out < 0:
                    if smooth:
                        while m < exit_check:
                            if value[n - 1, g, m] < bound or spy[d, m] > level:
                                out = m
                                break
                            m += step
                    m = min(m, exit_check)
                    while out < 0 and m < close:
                        s = spy[d, m]
                        if not smooth:
                            if _jumps(seen_spy, s, jump) or _jumps(seen_spx, spx[d, m], jump):
                                found = _JUMP
                                break
                            seen_spy = seen_spy if np.isnan(s) else s
                            seen_spx = seen_spx if np.isnan(spx[d, m]) else spx[d, m]
                        last_check = m
                        is_closing = exit_check <= m <= closing_until
                        is_near = is_closing and (s > ks or ks - s <= band)
                        if is_near or s > level or value[n - 1, g, m] < bound:
                            out = m
                        elif m < exit_check:
                            m = min(m + step, exit_check)
                        else:
                            m = (m // final + 1) * final
                if found:
                    break
                if n < most:
                    # Not all that is allowed is held: the market is judged on, with two open.
                    last_judged = out if out >= 0 else close
                    for q in range(t + 1, min(last, last_judged) + 1):
                        if offer[d, q] > least or not smooth:
                            found = _SECOND
                            break
                    if found:
                        break
                # The end of it.
                if out < 0:
                    if settled[g] == UNKNOWN:
                        found = _NO_CLOSES
                        break
                    result, reason, out = paid_in + n * settled[g], _EXPIRED, close
                else:
                    left = value[n - 1, g, out]
                    if left == UNKNOWN or room_out[g, out] < need:
                        found = _NO_WAY_OUT
                        break
                    result = paid_in + left
                    if realised + result < -day_loss:
                        reason = _DAILY_LOSS
                    elif spy[d, out] > level:
                        reason = _ASSIGNMENT
                    elif result < -loss * n:
                        reason = _MAX_LOSS
                    elif spy[d, out] > ks:
                        reason = _PRE_EXPIRATION
                    else:
                        reason = _PIN
                if count < detail.shape[2]:
                    row = detail[p, d, count]
                    row[0], row[1], row[2], row[3], row[4] = t, out, reason, n, result
                count += 1
                traded += n
                realised += result
                if reason == _DAILY_LOSS or count >= most_trades:
                    break
                last_check = out
                # What was just traded is looked at once more after a minute.
                t = out + 1
                beat = every - (t - first) % every
                if (t - first) // every <= (last_judged - first) // every:
                    t += beat
                    beat = every
            doubt[p, d] = found
            trades[p, d] = 0 if found else count
            pnl[p, d] = 0 if found else realised
