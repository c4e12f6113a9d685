"""What Alpaca books without an order: assignment, exercise, expiry, settlement in cash."""

from decimal import Decimal

from brokers.alpaca_reply import Row, day_of, number, option, text, whole
from src.models import MULTIPLIER
from src.ports import Activity, ActivityKind

_KINDS = {
    "OPASN": ActivityKind.ASSIGNED,
    "OPEXC": ActivityKind.EXERCISED,
    "OPEXP": ActivityKind.EXPIRED,
    "OPCSH": ActivityKind.CASH_SETTLED,
    "OPTRD": ActivityKind.SHARES,
}
ACTIVITY_TYPES = ",".join(_KINDS)


def read_activity(row: Row) -> Activity | None:
    """Return an activity; None for another kind, for one that was taken back, for no day.

    `qty` is what was added to the holding: for an assignment the short contracts that are gone,
    for the movement of shares that goes with it their number. Cash is `net_amount`; where that is
    missing, shares moved at a price cost that price.
    """
    kind = _KINDS.get(text(row, "activity_type").upper())
    day = day_of(row.get("date")) or day_of(row.get("created_at"))
    if kind is None or day is None or text(row, "status").lower() == "canceled":
        return None
    contract = option(row.get("symbol"))
    quantity = whole(row.get("qty"))
    return Activity(
        activity_id=text(row, "id"),
        kind=kind,
        day=day,
        contract=contract,
        quantity=quantity,
        cash=_cash(row, kind, quantity),
        text=text(row, "description"),
    )


def _cash(row: Row, kind: ActivityKind, quantity: int) -> Decimal:
    told = number(row.get("net_amount"))
    if told is not None:
        return told
    price = number(row.get("price")) or number(row.get("per_share_amount"))
    if kind is ActivityKind.SHARES and price is not None:
        return -quantity * price
    if kind is ActivityKind.CASH_SETTLED and price is not None:
        return -quantity * price * MULTIPLIER
    return Decimal(0)
