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
    """A job whose next moment is told by the tick itself; nothing is reckoned from an interval."""

    def _schedule_next_run(self) -> None:
        """Leave the next moment to whoever runs the day."""


class _ClockScheduler(schedule.Scheduler):
    """A scheduler that lives by our clock; the library's own knows only the machine's."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def run_pending(self) -> None:
        """Run every job whose moment has come, once, however long ago it came."""
        now = self._clock.now()
        due = [job for job in self.jobs if job.next_run is not None and job.next_run <= now]
        for job in sorted(due):
            self._run_job(job)


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
    scheduler = _ClockScheduler(clock)
    start = clock.now()
    seen = start.timestamp()
    wake: datetime | None = start

    def job() -> type[schedule.CancelJob] | None:
        nonlocal wake
        wake = tick(clock.now())
        return schedule.CancelJob if wake is None else None

    beat = _Beat(1, scheduler).minute.do(job)
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
