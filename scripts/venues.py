"""Connects a day to the broker and the quotes that its settings name."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from src.fees import FeeSchedule
from src.models import Session
from src.ports import Broker, Check, Clock, QuoteSource
from src.settings import Settings

Patience = Callable[[], float]
"""Returns for how many real seconds the next call may wait. Raises RetryLater."""
Stamp = Callable[[datetime], datetime]
"""Translates the time of a server into that of the day."""


@dataclass(frozen=True, slots=True)
class Venue:
    """Where a day trades: its quotes, its broker, and what may be said of both.

    `broker` is None where the orders stay on the embedded exchange. `account` is the broker's own
    answer, empty where there is none. `diagnose` sends no order.
    """

    what: str
    source: QuoteSource
    broker: Broker | None
    account: str
    is_real_time: bool
    labels: tuple[str, ...]
    diagnose: Callable[[], tuple[Check, ...]]
    close: Callable[[], None]
