"""In every zone of the world every session is begun in time, and never too late."""

from datetime import UTC, date, datetime, timedelta, timezone
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.models import Session
from utils.keeper import EARLIEST
from utils.local_hours import BEAT_MINUTES, WAKE_BEFORE, LocalHours, local_hours
from utils.market_calendar import sessions

TODAY = date(2026, 11, 22)
MINUTE = timedelta(minutes=1)
DAYS = {"M": 1, "T": 2, "W": 3, "R": 4, "F": 5, "S": 6, "U": 7}


@cache
def zones() -> list[str]:
    """Return every zone of the world; of those whose clocks always agree, one."""
    noons = [datetime(2026, 11, 1, 13, tzinfo=UTC) + timedelta(days=n) for n in range(0, 3700, 2)]
    kept: dict[object, str] = {}
    for name in sorted(available_timezones() - {"localtime"}):
        zone = ZoneInfo(name)
        kept.setdefault(tuple(zone.utcoffset(each) for each in noons), name)
    return list(kept.values())


@cache
def hours_of(name: str) -> LocalHours:
    return local_hours(ZoneInfo(name), name, TODAY)


@pytest.fixture(scope="module")
def coming() -> list[Session]:
    return sessions(TODAY, date(2029, 12, 31))


def numbers(field: str) -> set[int]:
    """Read one field of a cron line: a number, a range, or a step over all minutes."""
    if field.startswith("*/"):
        return set(range(0, 60, int(field[2:])))
    first, _, last = field.partition("-")
    return set(range(int(first), int(last or first) + 1))


def all_slots(lines: tuple[str, ...]) -> set[tuple[int, int, int]]:
    """Return weekday, hour and minute of everything that cron lines start; Sunday is 7."""
    fields = [line.split() for line in lines]
    assert all(each[2:4] == ["*", "*"] for each in fields)
    return {
        (weekday or 7, hour, minute)
        for each in fields
        for weekday in numbers(each[4])
        for hour in numbers(each[1])
        for minute in numbers(each[0])
    }


def slot(moment: datetime, zone: ZoneInfo) -> tuple[int, int, int]:
    """Return what cron and launchd, which know only the local clock, see of a moment."""
    local = moment.astimezone(zone)
    return local.isoweekday(), local.hour, local.minute


def seasons(zone: ZoneInfo, found: list[Session]) -> list[Session]:
    """Return one session of each weekday for each pair of offsets that two clocks ever have."""
    kept: dict[object, Session] = {}
    for each in found:
        key = (each.open.utcoffset(), each.open.astimezone(zone).utcoffset(), each.day.weekday())
        kept.setdefault((*key, each.close.time()), each)
    return list(kept.values())


def test_cron_begins_every_session_in_time_and_again_until_its_end_in_every_zone(
    coming: list[Session],
) -> None:
    for name in zones():
        zone, lines = ZoneInfo(name), hours_of(name).cron_times()
        slots = all_slots(lines)
        for session in seasons(zone, coming):
            minutes = {
                n
                for n in range(-240, 520, 5)
                if slot(session.open + timedelta(minutes=n), zone) in slots
            }
            started = sorted(minutes)
            before = [n for n in started if n <= 0]
            # Somebody keeps the day from ten minutes before the open on, at the latest.
            assert before[-1] >= -BEAT_MINUTES, name
            # None is so early that it would not be taken for a start of this session.
            assert before[0] >= -EARLIEST / MINUTE, name
            # Whatever dies, the next start is ten minutes away, until settlement is over.
            gaps = [after - first for first, after in pairwise(started)]
            assert set(gaps) == {BEAT_MINUTES}, name
            assert started[-1] >= (session.open.replace(hour=18, minute=0) - session.open) / MINUTE


def test_launchd_begins_every_session_ten_minutes_before_the_open_in_every_zone(
    coming: list[Session],
) -> None:
    for name in zones():
        zone, hours = ZoneInfo(name), hours_of(name)
        starts = {(each.weekday, each.hour, each.minute) for each in hours.calendar_starts()}
        assert len(starts) == 5 * len(hours.starts)
        for session in seasons(zone, coming):
            assert slot(session.open - BEAT_MINUTES * MINUTE, zone) in starts, name


def test_a_mac_is_woken_within_three_hours_before_every_session_in_every_zone(
    coming: list[Session],
) -> None:
    for name in zones():
        zone = ZoneInfo(name)
        letters, _, clock = hours_of(name).wake().partition(" ")
        hour, minute, second = map(int, clock.split(":"))
        assert second == 0
        wakes = {(DAYS[letter], hour, minute) for letter in letters}
        for session in seasons(zone, coming):
            first = session.open - BEAT_MINUTES * MINUTE
            span = range(WAKE_BEFORE, 180, 5)
            assert any(slot(first - n * MINUTE, zone) in wakes for n in span), name


@given(st.integers(-12 * 60, 14 * 60), st.sampled_from([TODAY, date(2024, 3, 1)]))
def test_a_zone_that_never_changes_its_clocks_needs_two_starts(minutes: int, first: date) -> None:
    hours = local_hours(timezone(timedelta(minutes=minutes)), "fixed", first)
    assert len(hours.starts) == 2
    assert hours.starts[1] - hours.starts[0] == 60
    assert len(hours.cron_times()) in {1, 2}
