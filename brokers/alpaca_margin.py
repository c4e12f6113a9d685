"""How much buying power an order takes, reckoned on the safe side."""

from decimal import Decimal

from src.models import MULTIPLIER, SPY_PER_SPREAD, OptionContract, OrderIntent, Side
from src.ticks import CENT

_EQUITY = Decimal("0.20")
_BROAD_INDEX = Decimal("0.15")


def most_margin(contract: OptionContract, contracts: int, premium: Decimal) -> Decimal:
    """Return the most dollars that uncovered short options can need under Regulation T.

    The requirement is the premium and 20% of the underlying's value, 15% for a broad index, less
    what the option is out of the money (FINRA rule 4210(f)(2)(E)). Nothing is taken off here. A
    call is worth at least its intrinsic value, so the underlying is at most strike plus premium.
    """
    rate = _EQUITY if contract.root == "SPY" else _BROAD_INDEX
    highest = Decimal(str(contract.strike)) + premium
    return (contracts * MULTIPLIER * (rate * highest + premium)).quantize(CENT)


def margin_of_a_spread(spy: Decimal) -> Decimal:
    """Return the dollars that ten uncovered SPY calls at the money need, besides their premium."""
    return (SPY_PER_SPREAD * MULTIPLIER * _EQUITY * spy).quantize(CENT)


def why_too_little(intent: OrderIntent, held: int, free: Decimal) -> str:
    """Return why `free` dollars of options buying power are too few, empty if they are enough.

    `held` are the contracts held of the order's own, short ones negative; closing takes nothing.
    The premium of a sale comes in and is held with the margin.
    """
    if intent.side is Side.BUY:
        opening = intent.quantity - max(-held, 0)
        needed = max(opening, 0) * MULTIPLIER * intent.limit
        what = "premium"
    else:
        opening = max(intent.quantity - max(held, 0), 0)
        premium = opening * MULTIPLIER * intent.limit
        needed = most_margin(intent.contract, opening, intent.limit) - premium
        what = "margin, as if uncovered,"
    if needed <= free:
        return ""
    return f"{intent} may take {needed:.2f} dollars of {what} and {free:.2f} are free at Alpaca"
