"""What the fills cost against the quotes that were acted upon, as far as those are recorded.

An entry is compared with the quotes of its decision: the ask where it bought, the bid where it
sold. Of an exit no quote is recorded. Its first order for a leg was sent at the ask (bought) or the
bid (sold) of its moment, on the grid of prices, so that order's limit stands for the quote.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from src.models import MULTIPLIER, Leg, Purpose, Side
from src.trade_statistics import Row


class Slip(NamedTuple):
    """Fills of one order at one price against what they are compared with.

    `price` and `reference` are cents a share, `cents` is all of them together, negative where the
    fill was worse; the last two are None where nothing to compare with is recorded.
    """

    order: str
    purpose: Purpose
    quantity: int
    price: int
    reference: int | None
    cents: int | None


def slips(fills: Iterable[Row], trades: Mapping[str, Row]) -> list[Slip]:
    """Return the slippage of fills, each compared as its purpose demands.

    `fills` are rows of `src.report_records.FILLS`, `trades` those of the table by `trade_id`.
    """
    return [_slip(fill, trades.get(f"{fill['session']}-{fill['spread_no']}")) for fill in fills]


def total_cents(known: Iterable[Slip], purpose: Purpose | None = None) -> int | None:
    """Return the slippage of all fills together, None where none of them can be compared."""
    found = [each.cents for each in known if purpose in {None, each.purpose}]
    compared = [cents for cents in found if cents is not None]
    return sum(compared) if compared else None


def dollars(cents: int | None) -> Decimal | None:
    """Return integer cents as dollars."""
    return None if cents is None else Decimal(cents) / 100


def _slip(fill: Row, trade: Row | None) -> Slip:
    purpose, side = Purpose(fill["purpose"]), Side(fill["side"])
    quantity, price = fill["quantity"], fill["price_cents"]
    if purpose is Purpose.CLOSE:
        reference = fill["first_limit_cents"]
    else:
        quoted = trade[_quote(Leg(fill["leg"]), side)] if trade else None
        reference = None if quoted is None else round(100 * quoted)
    cents = None if reference is None else side.sign * MULTIPLIER * quantity * (reference - price)
    order = fill["client_order_id"]
    return Slip(order, purpose, side.sign * quantity, price, reference, cents)


def _quote(leg: Leg, side: Side) -> str:
    """Return the column of `trades` with the price at which a leg could be traded at once."""
    return f"{leg.value}_{'ask' if side is Side.BUY else 'bid'}"
