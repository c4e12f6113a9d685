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
    """`limit` requests in any `window`, and `tries` of each, with longer and longer waits."""

    def __init__(
        self,
        clock: Clock,
        tell: Tell,
        *,
        limit: int = 0,
        window: timedelta = timedelta(minutes=10),
        tries: int = 7,
        first_wait: float = 2.0,
    ) -> None:
        self._clock = clock
        self._tell = tell
        self._limit = limit
        self._window = window
        self._tries = tries
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

    def patiently(self, ask: Callable[[], T], *, worth: Callable[[RetryLater], bool]) -> T:
        """Return the answer, asking again after a failure that is `worth` a wait.

        Raises the last failure when all tries are used up.
        """
        wait = self._first_wait
        for _ in range(self._tries - 1):
            try:
                return ask()
            except RetryLater as error:
                if not worth(error):
                    raise
                self._tell(f"{error}; asking again in {wait:g} s")
            self._clock.sleep(wait)
            wait *= 2
        return ask()
