"""Lists that Alpaca gives page by page. None is followed for ever, and none is cut in silence."""

from collections.abc import Callable, Mapping
from datetime import date

from brokers.alpaca_link import AlpacaLink
from brokers.alpaca_orders import AlpacaOrder, read_orders
from brokers.alpaca_reply import Row, by_symbol, newest_first, rows, text
from src.ports import RetryLater

MOST_PAGES = 50
_ACTIVITIES = 100
_ORDERS = 500
_ORDER_PAGES = 10
_SNAPSHOTS = 1000
_CONTRACTS = 1000


def activities(
    link: AlpacaLink, types: str, is_older: Callable[[Row], bool], *, stamp: str, urgent: bool
) -> list[Row]:
    """Return the account's activities of some types, back to the first that `is_older`.

    `stamp` names the field that tells their time. They are asked for from new to old and told by
    the id of the last one. Raises RetryLater for an answer that is no list, and for a list
    without an end.
    """
    found: dict[str, Row] = {}
    token = ""
    for _ in range(MOST_PAGES):
        params: dict[str, str | int | float] = {
            "activity_types": types,
            "direction": "desc",
            "page_size": _ACTIVITIES,
        }
        if token:
            params["page_token"] = token
        page = rows(
            link.trading("/account/activities", params, what="the activities", urgent=urgent)
        )
        if page is None:
            raise RetryLater("Alpaca's answer to the activities cannot be read")
        new = {key: row for row in page if (key := text(row, "id") or str(row)) not in found}
        if not new and len(page) >= _ACTIVITIES:
            break
        found |= new
        is_over = page and newest_first(page, stamp) and is_older(page[-1])
        token = text(page[-1], "id") if page else ""
        if not new or not token or is_over:
            return list(found.values())
    raise RetryLater("Alpaca's list of activities has no end")


def orders(
    link: AlpacaLink, status: str, is_older: Callable[[AlpacaOrder], bool], *, what: str
) -> list[AlpacaOrder]:
    """Return the account's orders, open or all, newest first, back to the first `is_older`.

    The server gives at most 500 at a time and has no pages; the next are those before the last.
    """
    found: dict[str, AlpacaOrder] = {}
    until = ""
    for _ in range(_ORDER_PAGES):
        params: dict[str, str | int | float] = {
            "status": status,
            "limit": _ORDERS,
            "direction": "desc",
            "nested": "false",
        }
        if until:
            params["until"] = until
        page = rows(link.trading("/orders", params, what=what))
        if page is None:
            raise RetryLater(f"Alpaca's answer to {what} cannot be read")
        new = [each for each in read_orders(page) if each.order_id not in found]
        found |= {each.order_id: each for each in new}
        if len(page) < _ORDERS or is_older(new[-1] if new else next(iter(found.values()))):
            return list(found.values())
        until = text(page[-1], "submitted_at")
        if not new or not until:
            break
    raise RetryLater(f"Alpaca's list of {what} has no end")


def contracts(link: AlpacaLink, underlying: str, root: str, day: date) -> list[Row]:
    """Return the listed contracts of one root that expire on one day."""
    params: dict[str, str | int | float] = {
        "underlying_symbols": underlying,
        "root_symbol": root,
        "expiration_date": day.isoformat(),
        "limit": _CONTRACTS,
    }
    found: list[Row] = []
    for _ in range(MOST_PAGES):
        answer = link.trading("/options/contracts", params, what="the contracts")
        page = rows(answer.get("option_contracts") or []) if isinstance(answer, dict) else None
        if page is None or not isinstance(answer, dict):
            raise RetryLater("Alpaca's answer to the contracts cannot be read")
        found += [row for row in page if text(row, "symbol").startswith(root)]
        token = _next(answer, params)
        if not token:
            return found
        params["page_token"] = token
    raise RetryLater("Alpaca's list of contracts has no end")


def chain(
    link: AlpacaLink, underlying: str, filters: Mapping[str, str | int | float]
) -> dict[str, Row]:
    """Return the snapshots of an underlying's options by symbol; `filters` as the server's."""
    params: dict[str, str | int | float] = {**filters, "limit": _SNAPSHOTS}
    found: dict[str, Row] = {}
    for _ in range(MOST_PAGES):
        answer = link.options(
            f"/options/snapshots/{underlying}", params, what=f"the {underlying} option chain"
        )
        page = by_symbol(answer, "snapshots")
        if page is None or not isinstance(answer, dict):
            raise RetryLater(f"Alpaca's answer to the {underlying} chain cannot be read")
        found |= page
        token = _next(answer, params)
        if not token:
            return found
        params["page_token"] = token
    raise RetryLater(f"Alpaca's {underlying} chain has no end")


def _next(answer: Row, params: Mapping[str, object]) -> str:
    """Return the token of the next page. Raises RetryLater when it is the one just used."""
    token = text(answer, "next_page_token")
    if token and token == params.get("page_token"):
        raise RetryLater("Alpaca gives the same page again and again")
    return token
