"""When a trading day must be started, by the clock of the machine's own zone.

cron and launchd know that clock only. Where it changes on other days than New York's, or never,
9:20 in New York is two or three different times of the day here, and east of it perhaps the next
day; all of them are reckoned for the coming years.
"""

import difflib
import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cache
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from src.models import NEW_YORK
from src.ports import MendInput

FIRST = time(9, 20)
"""New York: when the program is started at the latest, ten minutes before the open."""
LONGEST = 530
"""Minutes from the first start to the last, at 18:10: settlement may be waited for until 18:15."""
YEARS = 10
BEAT_MINUTES = 10
LOCALTIME = Path("/etc/localtime")
WAKE_BEFORE = 5
"""Minutes between the moment at which a Mac wakes and the first start."""
_DAY = 24 * 60
_IN_ZONEINFO = re.compile(r"/zoneinfo(?:\.default)?/(?:posix/|right/)?(.+)$")
_PMSET = "MTWRFSU"


class CalendarStart(NamedTuple):
    """A start in the week of the machine's clock; weekday 1 is Monday, 7 is Sunday."""

    weekday: int
    hour: int
    minute: int


class LocalHours(NamedTuple):
    """The hours of a trading day on the clock of one zone.

    All are minutes after midnight of New York's date, above 1440 on the next day. `starts` are all
    values that 9:20 in New York takes in the coming years, `end` is that of the last start.
    """

    zone: str
    starts: tuple[int, ...]
    end: int

    def cron_times(self) -> tuple[str, ...]:
        """Return the first five fields of cron lines: every ten minutes from start to end."""
        hours = range(self.starts[0] // 60, self.end // 60 + 1)
        shifts = sorted({each // 24 for each in hours})
        return tuple(
            f"*/{BEAT_MINUTES} {_span([each % 24 for each in hours if each // 24 == shift])} * * "
            f"{_span([_weekday(number, shift) % 7 for number in range(1, 6)])}"
            for shift in shifts
        )

    def calendar_starts(self) -> tuple[CalendarStart, ...]:
        """Return each local time of 9:20 in New York on each of its five working days."""
        return tuple(
            CalendarStart(_weekday(number, start // _DAY), start % _DAY // 60, start % 60)
            for start in self.starts
            for number in range(1, 6)
        )

    def in_words(self) -> str:
        """Return what 9:20 in New York is on the zone's clock."""
        times = [f"{start % _DAY // 60:02}:{start % 60:02}" for start in self.starts]
        days = {start // _DAY for start in self.starts}
        when = " on the next day" if days == {1} else ""
        return " or ".join(times) + (", before or after midnight" if len(days) > 1 else when)

    def wake(self) -> str:
        """Return days and time for `pmset repeat wakeorpoweron`, before the earliest start."""
        moment = self.starts[0] - WAKE_BEFORE
        days = "".join(_PMSET[_weekday(n, moment // _DAY) - 1] for n in range(1, 6))
        return f"{days} {moment % _DAY // 60:02}:{moment % 60:02}:00"


def local_hours(zone: tzinfo, name: str, first: date, years: int = YEARS) -> LocalHours:
    """Return the hours of a zone for every working day of the coming years, holidays included."""
    starts = sorted({_minutes(*each, zone) for each in _working_days(first, years)})
    return LocalHours(name, tuple(starts), starts[-1] + LONGEST)


def machine_zone(localtime: Path = LOCALTIME) -> tuple[str, tzinfo]:
    """Return the zone by which cron and launchd live, and its name; UTC where nothing is set.

    The variable TZ is not asked: it is a matter of one terminal.
    """
    if not localtime.exists():
        return "UTC", ZoneInfo("UTC")
    found = _IN_ZONEINFO.search(str(localtime.resolve()))
    if found and found[1] in available_timezones():
        return found[1], ZoneInfo(found[1])
    with localtime.open("rb") as rules:
        return "this machine's zone", ZoneInfo.from_file(rules)


def named_zone(name: str) -> tuple[str, tzinfo]:
    """Return a zone by its name. Raises MendInput for one that is not known."""
    known = available_timezones()
    if name in known:
        return name, ZoneInfo(name)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f" The nearest is {near[0]}." if near else ""
    raise MendInput(f"--zone {name}: no zone has this name; one is Europe/Berlin.{hint}")


@cache
def _working_days(first: date, years: int) -> tuple[tuple[datetime, datetime], ...]:
    """Return midnight without a zone, and FIRST in Greenwich, of every Monday to Friday."""
    days = (first + timedelta(days=n) for n in range(366 * years))
    return tuple(
        (datetime.combine(day, time()), datetime.combine(day, FIRST, NEW_YORK).astimezone(UTC))
        for day in days
        if day.isoweekday() < 6
    )


def _minutes(midnight: datetime, moment: datetime, zone: tzinfo) -> int:
    local = moment.astimezone(zone).replace(tzinfo=None)
    return int((local - midnight) / timedelta(minutes=1))


def _weekday(number: int, shift: int) -> int:
    return (number + shift - 1) % 7 + 1


def _span(numbers: list[int]) -> str:
    return str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]}-{numbers[-1]}"
