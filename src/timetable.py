"""The hours of one session: which phase it is in, and when to look again."""

import math
from datetime import datetime, timedelta
from enum import StrEnum

from src.models import Session
from src.settings import Settings

LONGEST_BEAT_SECONDS = 60.0
"""How long what is under way may wait for its next look, however rare checks are."""


class Phase(StrEnum):
    """Where a moment lies in the day; the last two are reached by work, not by the clock."""

    BEFORE_OPEN = "before open"
    SETTLING_IN = "settling in"
    ENTRY_WINDOW = "entry window"
    HOLDING = "holding"
    CLOSING = "closing"
    AFTER_CLOSE = "after close"
    SETTLED = "settled"
    REPORTED = "reported"


TO_GET_OUT = timedelta(minutes=15)
"""How long before a broker's last moment a position is taken out."""


class Timetable:
    """The configured times of day, laid upon one session; all of them aware, New York.

    `flat_by` is when the broker stops taking orders, or acts itself, on what expires. Where that
    is before the close the closing checks begin early enough, and nothing is held through them.
    """

    def __init__(
        self, session: Session, settings: Settings, flat_by: datetime | None = None
    ) -> None:
        hours = settings.trading_hours
        self.session = session
        self.entry_start = session.at(hours.entry_start)
        self.entry_end = session.at(hours.entry_end)
        self.must_be_flat = flat_by is not None and flat_by < session.close
        self.exit_check = session.at(hours.exit_check)
        if flat_by is not None and self.must_be_flat:
            self.exit_check = min(self.exit_check, flat_by - TO_GET_OUT)
        self._entry_seconds = hours.entry_check_seconds
        self._monitor_seconds = hours.monitor_interval_seconds
        self._final_seconds = hours.final_interval_seconds
        # On a half day times that were moved may have changed places: then nothing is opened.
        in_order = self.entry_start < self.entry_end < self.exit_check
        self.may_enter = in_order and (settings.strategy.trade_half_days or not session.is_half_day)

    def phase(self, now: datetime) -> Phase:
        """Return the phase that the clock says; the entry window includes its last moment."""
        if now < self.session.open:
            return Phase.BEFORE_OPEN
        if now >= self.session.close:
            return Phase.AFTER_CLOSE
        if now >= self.exit_check:
            return Phase.CLOSING
        if now < self.entry_start:
            return Phase.SETTLING_IN
        return Phase.ENTRY_WINDOW if now <= self.entry_end else Phase.HOLDING

    def entry_is_due(self, now: datetime, last: datetime | None) -> bool:
        """Whether the market is to be judged again, the last time having been at `last`."""
        return _is_new_slot(self.entry_start, self._entry_seconds, now, last)

    def check_is_due(self, now: datetime, last: datetime | None) -> bool:
        """Whether open positions are to be looked at again."""
        if last is not None and last < self.exit_check <= now:
            return True
        return _is_new_slot(self.session.open, self._check_seconds(now), now, last)

    def next_entry(self, now: datetime) -> datetime | None:
        """Return when to judge the market again, None when the window ends before that."""
        if not self.may_enter or now >= self.entry_end:
            return None
        moment = max(self.entry_start, _next_slot(self.entry_start, self._entry_seconds, now))
        return moment if moment <= self.entry_end else None

    def next_check(self, now: datetime) -> datetime:
        """Return when to look at open positions again; the exit check is never stepped over."""
        moment = _next_slot(self.session.open, self._check_seconds(now), now)
        return min(moment, self.exit_check) if now < self.exit_check else moment

    def next_quick_check(self, now: datetime) -> datetime:
        """Return the next beat at which what is under way is tried again: in a minute at most."""
        return _next_slot(self.session.open, min(self._final_seconds, LONGEST_BEAT_SECONDS), now)

    def _check_seconds(self, now: datetime) -> float:
        return self._final_seconds if now >= self.exit_check else self._monitor_seconds


def _slot(origin: datetime, seconds: float, moment: datetime) -> int:
    return math.floor((moment - origin).total_seconds() / seconds)


def _next_slot(origin: datetime, seconds: float, now: datetime) -> datetime:
    return origin + timedelta(seconds=(_slot(origin, seconds, now) + 1) * seconds)


def _is_new_slot(origin: datetime, seconds: float, now: datetime, last: datetime | None) -> bool:
    # A last time that lies ahead was told by a clock that has been put back since.
    if last is None or last > now:
        return True
    return _slot(origin, seconds, now) > _slot(origin, seconds, last)
