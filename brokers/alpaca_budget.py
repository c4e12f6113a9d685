"""How many calls a server still takes this minute, by what it says itself."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

from brokers.alpaca_reply import whole
from src.ports import Clock, RetryLater

_USUAL = 200
"""Calls a minute that Alpaca takes of one account."""
_WINDOW = 60.0
"""Seconds in which the server counts, where it does not say when it begins anew."""


class Budget:
    """The calls that are left by the X-RateLimit headers; `kept` of them only for what is urgent.

    It counts on the day's clock. In a rehearsal that clock is fast, so a call may go out too
    early; the server's answer then says again how many are left.
    """

    def __init__(self, clock: Clock | None, kept: int) -> None:
        self._clock = clock
        self._kept = self._reserve = kept
        self._left: int | None = None
        self._until: datetime | None = None

    @classmethod
    def none(cls) -> "Budget":
        """Return a budget that is never used up."""
        return cls(None, 0)

    def check(self, *, urgent: bool) -> None:
        """Raise RetryLater when a call would be throttled, or take what exits need."""
        if self._clock is None or self._left is None or self._until is None:
            return
        now = self._clock.now()
        if now >= self._until:
            self._left = self._until = None
        elif self._left <= (0 if urgent else self._reserve):
            seconds = (self._until - now).total_seconds()
            raise RetryLater(
                f"Alpaca takes {self._left} more calls for {seconds:.0f} s; they are kept"
                if self._left
                else f"Alpaca takes no more calls for {seconds:.0f} s"
            )

    def heard(self, headers: Mapping[str, str]) -> None:
        """Take note of what an answer's headers say."""
        left = headers.get("X-RateLimit-Remaining")
        if self._clock is None or left is None or not left.strip().isdigit():
            return
        self._left = whole(left)
        # A server that takes fewer calls than usual has fewer kept of them as well.
        limit = min(whole(headers.get("X-RateLimit-Limit")) or _USUAL, _USUAL)
        self._reserve = self._kept * limit // _USUAL
        if self._left <= self._reserve:
            self._until = self._clock.now() + timedelta(seconds=_seconds_left(headers))

    def is_used_up(self) -> None:
        """Take note that a call was throttled."""
        if self._clock is not None:
            self._left = 0
            now = self._clock.now()
            if self._until is None or self._until <= now:
                self._until = now + timedelta(seconds=_WINDOW)


def _seconds_left(headers: Mapping[str, str]) -> float:
    """Return for how long the server goes on counting, by its own clock: 1 to 60 seconds."""
    ends = whole(headers.get("X-RateLimit-Reset"))
    try:
        said = parsedate_to_datetime(headers.get("Date", "")).timestamp()
    except (TypeError, ValueError):
        return _WINDOW
    return min(max(ends - said, 1.0), _WINDOW) if ends else _WINDOW
