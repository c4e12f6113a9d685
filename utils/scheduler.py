"""Wakes the day when it asks to be woken: the `schedule` library, told the program's own time."""

from collections.abc import Callable
from datetime import datetime

import schedule

from src.ports import Clock

Tick = Callable[[datetime], datetime | None]
"""Brings the day up to a moment; returns when to be called next, or None when the day is over."""
Attention = Callable[[], bool]
"""Whether something wants a tick before its time. It is asked often, so it must be cheap."""

LONGEST_NAP_SECONDS = 1.0
"""A real clock is looked at this often, so that a machine that was asleep notices at once."""


class _Beat(schedule.Job):
    """A job that is due by our clock, at the moment that whoever runs the day gave it.

    The library's own knows only the machine's clock, and reckons from an interval.
    """

    def __init__(self, scheduler: schedule.Scheduler, clock: Clock) -> None:
        super().__init__(1, scheduler)
        self._clock = clock

    @property
    def should_run(self) -> bool:
        """Whether its moment has come, however long ago."""
        return self.next_run is not None and self.next_run <= self._clock.now()

    def run(self) -> object:
        """Run once; when it runs again is not its own affair."""
        return self.job_func() if self.job_func else None


def run_day(
    tick: Tick,
    clock: Clock,
    *,
    longest_nap: float | None = LONGEST_NAP_SECONDS,
    attention: Attention = lambda: False,
) -> None:
    """Tick now, and then at each moment that the last tick asked for, until one asks for none.

    A moment that was missed because the machine slept is made up for once, at once; what may
    still be done then is decided by the clock, not by the trigger. When the clock is put back, or
    `attention` is wanted, the tick comes at once and says anew when the next is due. `longest_nap`
    is in seconds of the clock; None sleeps straight through, for a clock that moves only by
    sleeping. Attention is asked for before each nap.
    """
    scheduler = schedule.Scheduler()
    start = clock.now()
    seen = start.timestamp()
    wake: datetime | None = start

    def job() -> type[schedule.CancelJob] | None:
        nonlocal wake
        wake = tick(clock.now())
        return schedule.CancelJob if wake is None else None

    beat = _Beat(scheduler, clock).minute.do(job)
    while scheduler.jobs and wake is not None:
        now = clock.now()
        # A clock that was put back would make a moment of its old time wait for ever. Timestamps
        # tell that from the hour that New York lives through twice in autumn.
        before, seen = seen, now.timestamp()
        at_once = seen < before or attention()
        wait = (wake - now).total_seconds()
        if wait > 0 and not at_once:
            clock.sleep(wait if longest_nap is None else min(wait, longest_nap))
        beat.next_run = now if at_once else wake
        scheduler.run_pending()
