"""How long a call to a broker may wait: each has a limit, and so has a tick as a whole."""

import time
from collections.abc import Callable
from datetime import datetime

from src.ports import RetryLater
from utils.scheduler import Tick


class Patience:
    """Real seconds that may be waited: `timeout` for one call, `budget` for all of a tick.

    However fast the day's clock runs, a network takes its real time.
    """

    def __init__(
        self, timeout: float, budget: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._timeout, self._budget = timeout, budget
        self._monotonic = monotonic
        self._began = monotonic()

    def __call__(self) -> float:
        """Return for how long the next call may wait. Raises RetryLater when nothing is left."""
        left = self._began + self._budget - self._monotonic()
        if left <= 0:
            raise RetryLater(f"this tick has used up the {self._budget:g} s that it may take")
        return min(self._timeout, left)

    def renew(self) -> None:
        """Begin anew with the whole budget: what was waited for before counts no more."""
        self._began = self._monotonic()

    def renewed(self, tick: Tick) -> Tick:
        """Return a tick that begins with its whole budget."""

        def fresh(now: datetime) -> datetime | None:
            self.renew()
            return tick(now)

        return fresh
