"""How the program says things: amounts, times, what a mode is worth, why a position ended."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from src.models import NEW_YORK, ExitReason

UNKNOWN = "not known"
LABELS = {
    "demo": "SIMULATED market and fills: no money was at stake",
    "replay": "recorded market, SIMULATED fills: no money was at stake",
    "embedded": "the broker's quotes, SIMULATED fills: no money was at stake",
    "paper": "paper account, SIMULATED fills: no money was at stake",
    "rehearsal": "REHEARSAL on a clock of its own: no money was at stake",
    "live": "live account, real money",
}
SIMULATED = frozenset({"demo", "replay"})
"""Modes in which nobody is told of anything."""
EXIT_WORDS: Mapping[str, str] = {
    ExitReason.ASSIGNMENT_RISK: "the short SPY calls stood deep in the money",
    ExitReason.PRE_EXPIRATION: "the close was near and the short calls could have been exercised",
    ExitReason.PIN_RISK: "SPY was so near the strike that exercise could not be foreseen",
    ExitReason.MAX_LOSS: "the loss of the position reached its limit",
    ExitReason.DAILY_LOSS: "the loss of the day reached its limit",
    ExitReason.MANUAL: "a person asked for it",
    ExitReason.UNWOUND: "the spread could not be completed, and what had filled was taken back",
    ExitReason.UNCOVERED: "a fill that came too late left contracts that had to go back",
    ExitReason.ELSEWHERE: "the exchange, or the user by hand, closed it",
    ExitReason.EXPIRED: "it was held to the end and settled",
}


def label(mode: str) -> str:
    """Return what a result of this mode is worth, in words: only live is ever called real."""
    return LABELS.get(mode, f"SIMULATED ({mode}): no money was at stake")


def ended(text: str) -> str:
    """Return a sentence with a full stop, so that another one can follow."""
    return text if text.endswith((".", "!", "?")) else f"{text}."


def count(number: int, noun: str) -> str:
    """Return a number of things, e.g. "1 trade" or "2 trades"."""
    return f"{number} {noun}" if number == 1 else f"{number:,} {noun}s"


def money(amount: float | Decimal | None) -> str:
    """Return dollars with their sign, as a result is told; `None` is unknown."""
    if amount is None:
        return "unknown"
    text = f"{amount:z,.2f}"
    return f"-${text[1:]}" if text.startswith("-") else f"+${text}"


def plain(amount: float | None) -> str:
    """Return dollars, points or a price as a bare number; `None` is unknown."""
    return "unknown" if amount is None else f"{amount:z,.2f}"


def cents(amount: int) -> str:
    """Return integer cents as a bare number of dollars."""
    return f"{Decimal(amount) / 100:z,.2f}"


def clock(moment: str | None) -> str:
    """Return the New York time of day of an ISO 8601 moment; `None` is unknown."""
    if moment is None:
        return "unknown"
    return f"{datetime.fromisoformat(moment).astimezone(NEW_YORK):%H:%M:%S}"
