"""What calls are worth, and how much of a credit is only payment for a gap between the strikes."""

import math

from src.models import MULTIPLIER, TradeSetup

NEAR_THE_MONEY_DELTA = 0.5
_SQRT_2 = math.sqrt(2.0)


def black_call(forward: float, strike: float, total_vol: float) -> float:
    """Return the undiscounted price of a European call, per share (Black 1976).

    `total_vol` is sigma times the square root of the time left, so no calendar is needed. At zero
    the price is the intrinsic value. A same-day American call without an ex-dividend date before
    its expiry is worth the same.
    """
    if total_vol <= 0.0:
        return max(forward - strike, 0.0)
    d1 = math.log(forward / strike) / total_vol + 0.5 * total_vol
    d2 = d1 - total_vol
    # The normal distribution up to x is half of erfc(-x / sqrt(2)).
    return 0.5 * (forward * math.erfc(-d1 / _SQRT_2) - strike * math.erfc(-d2 / _SQRT_2))


def strike_gap_value(setup: TradeSetup) -> float:
    """Return what the strike gap alone is worth in dollars a spread, at entry.

    100 x delta x m, with m in SPX points: the SPXW call that lies m points too high is cheaper by
    delta times m. Paid for by up to 100 x m dollars if both legs finish in the money.
    """
    return MULTIPLIER * NEAR_THE_MONEY_DELTA * setup.strike_gap


def expected_profit(credit: float, setup: TradeSetup) -> float:
    """Return the net credit (dollars a spread) less the value of the strike gap."""
    return credit - strike_gap_value(setup)
