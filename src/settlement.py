"""What a position is worth when it expires: cash for SPXW, shares for SPY."""

from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from src.models import MULTIPLIER, SpreadPosition
from src.ports import OfficialCloses
from src.ticks import CENT


class ExpirationValue(NamedTuple):
    """Dollars at expiry, positive when received.

    `spx_cash` is paid by the clearing house. `spy_value` is what the short calls that are assigned
    cost when their shares are bought at the closing price; until they really are, the account is
    short `-shares` of SPY and the figure moves with the market.
    """

    spx_cash: Decimal
    spy_value: Decimal
    assigned: int
    shares: int

    @property
    def total(self) -> Decimal:
        """Both legs together."""
        return self.spx_cash + self.spy_value


def calculate_expiration_value(
    spy_close: float,
    spx_close: float,
    spy_strike: float,
    spx_strike: float,
    *,
    spy_short: int = 10,
    spx_long: int = 1,
) -> ExpirationValue:
    """Return what `spy_short` SPY calls and `spx_long` SPXW calls are worth at the closes.

    The two legs are settled on their own closing prices, never on one and a ratio. A SPY call is
    assigned when it is in the money by a cent or more at 16:00; its holder may also exercise one
    that is not, until 17:30, which only the next morning shows.
    """
    spx_points = max(_cents(spx_close) - Decimal(str(spx_strike)), Decimal(0))
    spy_dollars = max(_cents(spy_close) - Decimal(str(spy_strike)), Decimal(0))
    assigned = spy_short if spy_dollars >= CENT else 0
    return ExpirationValue(
        spx_cash=(MULTIPLIER * spx_long * spx_points).quantize(CENT),
        spy_value=(-MULTIPLIER * assigned * spy_dollars).quantize(CENT),
        assigned=assigned,
        shares=-MULTIPLIER * assigned,
    )


def settle(position: SpreadPosition, closes: OfficialCloses) -> ExpirationValue:
    """Return what is still held of a position when it expires at these closes."""
    return calculate_expiration_value(
        closes.spy,
        closes.spx,
        position.spy_contract.strike,
        position.spx_contract.strike,
        spy_short=position.spy_short,
        spx_long=position.spx_long,
    )


def _cents(price: float) -> Decimal:
    return Decimal(str(price)).quantize(CENT, rounding=ROUND_HALF_UP)
