"""Keeps a trading day running: begins it in time, and again as long as it can matter."""

import signal
import subprocess
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from types import FrameType

from src.models import Session
from src.ports import Clock
from utils.console import BAD_INPUT, DONE, REFUSED, UNREACHABLE

EARLIEST = timedelta(hours=3)
"""How long before the open a start is taken for one of this session."""
LEAD = timedelta(minutes=15)
"""How long before the open the program itself is started."""
AFTERWARDS = timedelta(hours=2)
"""How long after the last option trade settlement is waited for."""
CRASHED = timedelta(seconds=15), timedelta(minutes=5)
"""The first pause and the longest; each is twice the one before."""
PAUSES = {
    BAD_INPUT: (timedelta(minutes=10), timedelta(minutes=10)),
    REFUSED: (timedelta(minutes=10), timedelta(minutes=10)),
    UNREACHABLE: (timedelta(minutes=1), timedelta(minutes=10)),
}
"""What a person must mend is tried less often: each try may be a log-in at a broker. A network may
only not be there yet, as when a Mac wakes."""
LASTED = timedelta(minutes=10)
"""A run that lasted so long did not fail at its start: the next pause is the first again."""
LOOK = timedelta(seconds=10)
"""How often somebody else's run is looked at, until it is over."""
NAP_SECONDS = 20.0
"""A machine that was asleep notices at most so much later."""


class Keeper:
    """Runs the program until the session is done.

    `is_done` tells whether the session is reported, `is_taken` whether somebody else runs the
    program in its data directory; `run` runs it once and returns its exit code.
    """

    def __init__(
        self,
        session: Session,
        clock: Clock,
        *,
        is_done: Callable[[], bool],
        is_taken: Callable[[], bool],
        run: Callable[[], int],
        say: Callable[[str], None],
    ) -> None:
        self._clock, self._say = clock, say
        self._is_done, self._is_taken, self._run = is_done, is_taken, run
        self._begin = session.open - LEAD
        self._end = session.spy_options_close + AFTERWARDS
        self._earliest = session.open - EARLIEST

    def keep(self) -> int:
        """Return the exit code of the last run, 0 when there was nothing to run."""
        if self._clock.now() < self._earliest:
            return DONE
        self._sleep_until(self._begin)
        code, failures = DONE, 0
        while self._clock.now() < self._end and not self._is_done():
            if self._is_taken():
                self._sleep_until(self._clock.now() + LOOK)
                continue
            began = self._clock.now()
            self._say("The day's program is started.")  # it tells times of day, and no date
            code = self._run()
            if code == DONE or self._is_done():
                break
            failures = 0 if self._clock.now() - began > LASTED else failures
            first, longest = PAUSES.get(code, CRASHED)
            again = self._clock.now() + min(first * 2 ** min(failures, 6), longest)
            failures += 1
            self._tell(code, again)
            self._sleep_until(again)
        return code

    def _tell(self, code: int, again: datetime) -> None:
        if again < self._end:
            self._say(
                f"The run ended with {code}; it is started again at {again:%H:%M:%S} ET "
                f"(until {self._end:%H:%M})."
            )

    def _sleep_until(self, moment: datetime) -> None:
        while (left := (moment - self._clock.now()).total_seconds()) > 0:
            self._clock.sleep(min(left, NAP_SECONDS))


def run_once(command: Sequence[str]) -> int:
    """Run a command to its end and return its exit code, 128 and the signal where one ended it.

    Whoever ends this process ends the command, and in order: it is asked to, and waited for.
    """
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True) as child:  # noqa: S603 - our own
        try:
            code = child.wait()
        except KeyboardInterrupt:
            child.terminate()
            child.wait()
            raise
    return code if code >= 0 else 128 - code


def end_when_asked() -> None:
    """Treat a request to end (launchd, a shutdown) like Ctrl-C."""
    signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
