"""Reads Alpaca's answers: plain JSON, in which a number may be a text and a field may be missing.

Nothing here raises for a strange value: what cannot be read is None, and the caller decides.
"""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from src.models import NEW_YORK, OptionContract
from utils.option_symbols import parse_symbol

Row = Mapping[str, Any]
_LONGEST_TEXT = 300


def number(value: object) -> Decimal | None:
    """Return a JSON number, or one in a text, exactly; None for all else, NaN included."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    try:
        found = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def whole(value: object) -> int:
    """Return a count of contracts, its sign kept; 0 for what is none."""
    found = number(value)
    return int(found) if found is not None else 0


def level(value: object) -> float | None:
    """Return a price as it is looked at, None for what is no number."""
    found = number(value)
    return float(found) if found is not None else None


def moment(value: object) -> datetime | None:
    """Return an RFC 3339 time stamp in New York time; nanoseconds are cut to microseconds."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value.strip().upper())
    except ValueError:
        return None
    return found.astimezone(NEW_YORK) if found.tzinfo else None


def day_of(value: object) -> date | None:
    """Return the day of a date, or of a time stamp as it is written."""
    try:
        return date.fromisoformat(value[:10]) if isinstance(value, str) else None
    except ValueError:
        return None


def option(symbol: object) -> OptionContract | None:
    """Return the option that a symbol names; None for shares and for what nobody can read."""
    try:
        return parse_symbol(symbol) if isinstance(symbol, str) else None
    except ValueError:
        return None


def text(row: Row, name: str) -> str:
    """Return a field as a text; empty when it is missing or null."""
    value = row.get(name)
    return "" if value is None else str(value)


def rows(value: object) -> list[Row] | None:
    """Return a list of objects; None for anything else, an empty answer included."""
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        return None
    return value


def by_symbol(value: object, name: str) -> dict[str, Row] | None:
    """Return the objects that a data answer holds under `name`; None for any other answer."""
    inner = value.get(name) if isinstance(value, dict) else None
    if inner is None and isinstance(value, dict) and name in value:
        return {}
    if not isinstance(inner, dict):
        return None
    return {symbol: row for symbol, row in inner.items() if isinstance(row, dict)}


def error_words(body: str) -> tuple[str, str]:
    """Return code and message of an error's body, which may be JSON, HTML, or nothing."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, dict):
        words = text(found, "message") or text(found, "error") or body
        return text(found, "code"), _plain(words)
    return "", _plain(body)


def is_json_object(body: str) -> bool:
    """Whether an error's body is one that the API itself wrote."""
    try:
        return isinstance(json.loads(body), dict)
    except (ValueError, RecursionError):
        return False


def newest_first(found: Iterable[Row], name: str) -> bool:
    """Whether rows run from new to old by a time stamp; True when that cannot be seen."""
    stamps = [each for row in found if (each := moment(row.get(name)))]
    return len(stamps) < 2 or stamps[0] >= stamps[-1]


def _plain(words: str) -> str:
    title = re.search(r"<title>(.*?)</title>", words, re.IGNORECASE | re.DOTALL)
    bare = re.sub(r"<[^>]*>", " ", title[1] if title else words)
    return " ".join(bare.split())[:_LONGEST_TEXT]
