"""The clocks: the wall's, and one that a replay moves as fast as it likes."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from src.models import NEW_YORK


class WallClock:
    """New York time, whatever zone the machine is in."""

    def __init__(self) -> None:
        self._woke = self.now()

    def look(self) -> datetime:
        """Return the whole second at which the last sleep ended."""
        return self._woke.replace(microsecond=0)

    def now(self) -> datetime:
        """Return the present moment in New York."""
        return datetime.now(NEW_YORK)

    def sleep(self, seconds: float) -> None:
        """Wait so many real seconds; none for a moment that has passed."""
        time.sleep(max(0.0, seconds))
        self._woke = self.now()


class LateClock(WallClock):
    """New York time of a while ago, for a day on quotes that are all late by as much."""

    def __init__(self, late: timedelta) -> None:
        self._late = late
        super().__init__()

    def now(self) -> datetime:
        """Return the moment whose quotes are told at present."""
        return super().now() - self._late


class VirtualClock:
    """A clock that begins at `start` and moves only when somebody sleeps on it."""

    def __init__(self, start: datetime) -> None:
        self._now = start.astimezone(NEW_YORK)

    def now(self) -> datetime:
        """Return the present moment of the replayed day."""
        return self._now

    def look(self) -> datetime:
        """Return the moment at which the last sleep ended: the present one."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Move on by so many seconds, in no time."""
        if seconds > 0:
            self._now += timedelta(seconds=seconds)


class ScaledClock:
    """A clock that begins at `start` and runs `speed` times as fast as the wall's."""

    def __init__(self, start: datetime, speed: float) -> None:
        self._start = start.astimezone(NEW_YORK)
        self._speed = speed
        self._origin = time.monotonic()
        self._woke = self._start

    def look(self) -> datetime:
        """Return the whole second at which the last sleep ended."""
        return self._woke.replace(microsecond=0)

    def now(self) -> datetime:
        """Return the present moment of the replayed day."""
        elapsed = (time.monotonic() - self._origin) * self._speed
        return self._start + timedelta(seconds=elapsed)

    def sleep(self, seconds: float) -> None:
        """Wait until so many seconds of this clock have passed."""
        time.sleep(max(0.0, seconds) / self._speed)
        self._woke = self.now()


class RehearsalStamps:
    """Translates the times of a server into those of a rehearsal.

    A test server may live by the rehearsal's clock, or by the wall's like a real one. A time that
    lies nearer to the wall's is as old for the rehearsal as it is for the wall.
    """

    def __init__(
        self, clock: ScaledClock, wall: Callable[[], datetime] = lambda: datetime.now(NEW_YORK)
    ) -> None:
        self._clock, self._wall = clock, wall

    def __call__(self, at: datetime) -> datetime:
        """Return the moment of the rehearsal at which something was true."""
        now, wall = self._clock.now(), self._wall()
        told = at if abs(at - now) <= abs(at - wall) else now - (wall - at)
        # What has been told is no thing of the future, though a server's clock may run ahead.
        return min(told, now)
