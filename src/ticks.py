"""The price grids of the two contracts, in exact dollars."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from src.models import OptionContract, Side

CENT = Decimal("0.01")
_SPXW_BREAK = Decimal(3)
_SPXW_BELOW = Decimal("0.05")
_SPXW_FROM = Decimal("0.10")


def tick_size(contract: OptionContract, price: Decimal) -> Decimal:
    """Return the price step: SPXW 0.05 below 3.00 and 0.10 from there, SPY 0.01.

    Source: Cboe's specification of SPX options; SPY trades in the penny programme.
    """
    if contract.root == "SPY":
        return CENT
    return _SPXW_BELOW if price < _SPXW_BREAK else _SPXW_FROM


def is_on_grid(contract: OptionContract, price: Decimal) -> bool:
    """Whether an order at this price would be accepted by the exchange."""
    return price > 0 and price % tick_size(contract, price) == 0


def limit_for(contract: OptionContract, side: Side, price: float | Decimal) -> Decimal:
    """Return the price on the grid that is no worse for us than `price`.

    A purchase is rounded down, below one tick to nothing, and a sale up, at least to one tick: so
    a limit that guards a criterion still guards it. A float counts to a millionth of a dollar.
    """
    exact = price if isinstance(price, Decimal) else Decimal(str(round(price, 6)))
    tick = tick_size(contract, exact)
    rounding = ROUND_FLOOR if side is Side.BUY else ROUND_CEILING
    steps = (exact / tick).to_integral_value(rounding=rounding)
    rounded = (steps * tick).quantize(CENT)
    return rounded if side is Side.BUY else max(rounded, tick)
