"""Waiting for servers that count: no faster than they allow, and patient when they say no."""

from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from src.ports import Clock, RetryLater

T = TypeVar("T")
Tell = Callable[[str], None]
"""Hears why something is being waited for."""


class Pace:
    """`limit` requests in any `window`, and longer and longer waits between tries of one."""

    def __init__(
        self,
        clock: Clock,
        tell: Tell,
        *,
        limit: int = 0,
        window: timedelta = timedelta(minutes=10),
        first_wait: float = 2.0,
    ) -> None:
        self._clock = clock
        self._tell = tell
        self._limit = limit
        self._window = window
        self._first_wait = first_wait
        self._spent: deque[datetime] = deque()

    def spend(self, cost: int = 1) -> None:
        """Wait until so many requests more are within the limit, and count them."""
        if not self._limit:
            return
        while True:
            now = self._clock.now()
            while self._spent and now - self._spent[0] >= self._window:
                self._spent.popleft()
            if len(self._spent) + cost <= self._limit:
                break
            # The one that must leave the window before there is room.
            blocking = self._spent[len(self._spent) + cost - self._limit - 1]
            seconds = (blocking + self._window - now).total_seconds()
            self._tell(f"waiting {seconds:.0f} s for the limit of {self._limit} requests")
            self._clock.sleep(max(seconds, 0.001))
        self._spent.extend([now] * cost)

    def patiently(self, ask: Callable[[], T], *, tries: Callable[[RetryLater], int]) -> T:
        """Return the answer, asking as often as a failure is worth it: `tries` of it in all.

        Raises the last failure.
        """
        wait, asked = self._first_wait, 0
        while True:
            asked += 1
            try:
                return ask()
            except RetryLater as error:
                if asked >= tries(error):
                    raise
                self._tell(f"{error}; asking again in {wait:g} s")
            self._clock.sleep(wait)
            wait *= 2
