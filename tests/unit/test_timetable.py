from datetime import date, datetime, time, timedelta

import pytest

from src.models import Session
from src.settings import Settings
from src.timetable import Phase, Timetable
from tests.fakes.builders import HALF_DAY, a_session, at

FULL = a_session()
HALF = a_session("13:00", HALF_DAY)


def a_timetable(*changes: str, session: Session = FULL) -> Timetable:
    return Timetable(session, Settings.defaults().changed(*changes))


def half(clock: str) -> datetime:
    return at(clock, HALF_DAY)


# A session and its times of day


@pytest.mark.parametrize(
    ("session", "wanted", "found"),
    [
        (FULL, time(9, 35), at("09:35")),
        (FULL, time(15, 45), at("15:45")),
        (FULL, time(15, 59), at("15:59")),
        (HALF, time(9, 35), half("09:35")),
        (HALF, time(12, 44), half("12:44")),
        (HALF, time(12, 45), half("12:45")),
        (HALF, time(12, 46), half("09:46")),
        (HALF, time(14, 0), half("11:00")),
        (HALF, time(15, 45), half("12:45")),
        (HALF, time(15, 59), half("12:59")),
        (HALF, time(16, 15), half("13:15")),
    ],
)
def test_a_time_after_the_close_or_in_its_last_quarter_of_an_hour_moves_with_the_close(
    session: Session, wanted: time, found: datetime
) -> None:
    assert session.at(wanted) == found


@pytest.mark.parametrize(("session", "is_half"), [(FULL, False), (HALF, True)])
def test_a_day_that_closes_before_four_is_a_half_day(session: Session, *, is_half: bool) -> None:
    assert session.is_half_day is is_half


def test_spy_options_trade_a_quarter_of_an_hour_longer() -> None:
    assert FULL.spy_options_close == at("16:15")
    assert HALF.spy_options_close == half("13:15")


def test_the_times_of_a_half_day_are_laid_upon_it() -> None:
    table = a_timetable(session=HALF)
    assert (table.entry_start, table.entry_end) == (half("09:35"), half("10:00"))
    assert table.exit_check == half("12:45")


# Phases


@pytest.mark.parametrize(
    ("clock", "phase"),
    [
        ("00:00", Phase.BEFORE_OPEN),
        ("09:29:59", Phase.BEFORE_OPEN),
        ("09:30", Phase.SETTLING_IN),
        ("09:34:59", Phase.SETTLING_IN),
        ("09:35", Phase.ENTRY_WINDOW),
        ("10:00", Phase.ENTRY_WINDOW),
        ("10:00:00.000001", Phase.HOLDING),
        ("15:44:59", Phase.HOLDING),
        ("15:45", Phase.CLOSING),
        ("15:59:59", Phase.CLOSING),
        ("16:00", Phase.AFTER_CLOSE),
        ("20:00", Phase.AFTER_CLOSE),
    ],
)
def test_each_moment_of_a_full_day_has_its_phase(clock: str, phase: Phase) -> None:
    assert a_timetable().phase(at(clock)) is phase


@pytest.mark.parametrize(
    ("clock", "phase"),
    [
        ("12:44:59", Phase.HOLDING),
        ("12:45", Phase.CLOSING),
        ("12:59:59", Phase.CLOSING),
        ("13:00", Phase.AFTER_CLOSE),
    ],
)
def test_the_end_of_a_half_day_comes_earlier(clock: str, phase: Phase) -> None:
    assert a_timetable(session=HALF).phase(half(clock)) is phase


# Looks for an entry


@pytest.mark.parametrize(
    ("now", "last", "due"),
    [
        ("09:35", None, True),
        ("09:35", "09:35", False),
        ("09:35:59", "09:35", False),
        ("09:36", "09:35", True),
        ("09:36", "09:35:59", True),
        ("09:36:30", "09:36:10", False),
        ("09:50", "09:36", True),
        ("09:36", "09:41", True),  # the clock was put back: the last look lies ahead
        ("09:36:10", "09:36:50", True),
    ],
)
def test_the_market_is_judged_once_in_each_slot(now: str, last: str | None, *, due: bool) -> None:
    assert a_timetable().entry_is_due(at(now), at(last) if last else None) is due


def test_slots_that_were_missed_are_made_up_once() -> None:
    table, late = a_timetable(), at("09:50:10")
    assert table.entry_is_due(late, at("09:36"))
    assert not table.entry_is_due(late, late)
    assert table.next_entry(late) == at("09:51")


@pytest.mark.parametrize(
    ("now", "following"),
    [
        ("09:00", "09:35"),
        ("09:34:30", "09:35"),
        ("09:35", "09:36"),
        ("09:35:30", "09:36"),
        ("09:59:59", "10:00"),
        ("10:00", None),
        ("12:00", None),
    ],
)
def test_the_next_look_is_at_the_next_slot_inside_the_window(
    now: str, following: str | None
) -> None:
    assert a_timetable().next_entry(at(now)) == (at(following) if following else None)


def test_a_slot_that_would_lie_outside_the_window_is_not_looked_at() -> None:
    table = a_timetable("trading_hours.entry_check_seconds=600")
    assert table.next_entry(at("09:50")) == at("09:55")
    assert table.next_entry(at("09:55")) is None


@pytest.mark.parametrize(
    ("changes", "session", "may"),
    [
        ((), FULL, True),
        ((), HALF, False),
        (("strategy.trade_half_days=true",), HALF, True),
    ],
)
def test_on_a_half_day_there_is_a_next_look_only_if_half_days_are_traded(
    changes: tuple[str, ...], session: Session, *, may: bool
) -> None:
    table = a_timetable(*changes, session=session)
    assert table.may_enter is may
    assert table.next_entry(session.open) == (table.entry_start if may else None)


# Looks at a position


@pytest.mark.parametrize(
    ("now", "last", "due"),
    [
        ("10:00", None, True),
        ("10:04:59", "10:00", False),
        ("10:05", "10:00", True),
        ("10:05", "10:04:59", True),
        ("11:00", "10:00", True),
        ("15:45", "15:44:59", True),
        ("15:45:59", "15:45", False),
        ("15:46", "15:45", True),
    ],
)
def test_a_position_is_looked_at_every_five_minutes_and_every_minute_at_the_end(
    now: str, last: str | None, *, due: bool
) -> None:
    assert a_timetable().check_is_due(at(now), at(last) if last else None) is due


def test_checks_that_were_missed_are_made_up_once() -> None:
    table, late = a_timetable(), at("11:02")
    assert table.check_is_due(late, at("10:00"))
    assert not table.check_is_due(late, late)
    assert table.next_check(late) == at("11:05")


@pytest.mark.parametrize(
    ("now", "following"),
    [
        ("09:40", "09:45"),
        ("09:41:17", "09:45"),
        ("15:44", "15:45"),
        ("15:45", "15:46"),
        ("15:45:30", "15:46"),
    ],
)
def test_the_next_check_is_at_the_next_slot(now: str, following: str) -> None:
    assert a_timetable().next_check(at(now)) == at(following)


@pytest.mark.parametrize("interval", [60, 299, 300, 1800, 3600])
@pytest.mark.parametrize("now", ["09:41", "12:00", "15:30", "15:44:59"])
def test_the_next_check_never_steps_over_the_exit_check(interval: int, now: str) -> None:
    table = a_timetable(f"trading_hours.monitor_interval_seconds={interval}")
    assert at(now) < table.next_check(at(now)) <= at("15:45")


def test_the_exit_check_of_a_half_day_is_not_stepped_over_either() -> None:
    table = a_timetable("trading_hours.monitor_interval_seconds=3600", session=HALF)
    assert table.next_check(half("12:35")) == half("12:45")


@pytest.mark.parametrize(
    ("now", "following"), [("12:00", "12:01"), ("15:50:01", "15:51"), ("16:00", "16:01")]
)
def test_what_is_under_way_is_looked_at_every_minute(now: str, following: str) -> None:
    assert a_timetable().next_quick_check(at(now)) == at(following)


def test_what_is_under_way_is_looked_at_every_minute_however_rare_the_checks_are() -> None:
    table = a_timetable("trading_hours.final_interval_seconds=300")
    assert table.next_quick_check(at("12:00")) == at("12:01")


@pytest.mark.parametrize(("check", "before"), [("15:52", "15:50"), ("15:58", "15:55")])
def test_the_exit_check_is_made_when_its_moment_has_come(check: str, before: str) -> None:
    table = a_timetable(
        f"trading_hours.exit_check={check}", "trading_hours.final_interval_seconds=300"
    )
    assert table.next_check(at(before)) == at(check)
    assert table.check_is_due(at(check), at(before))


def test_nothing_is_opened_on_a_half_day_whose_times_have_changed_places() -> None:
    table = a_timetable(
        "trading_hours.entry_end=12:00",
        "trading_hours.exit_check=12:50",
        "strategy.trade_half_days=true",
        session=HALF,
    )
    assert not table.may_enter


@pytest.mark.parametrize(
    ("friday", "monday", "offsets"),
    [
        (date(2026, 3, 6), date(2026, 3, 9), (-5, -4)),
        (date(2026, 10, 30), date(2026, 11, 2), (-4, -5)),
    ],
)
def test_the_times_of_day_are_new_yorks_before_and_after_the_clocks_change(
    friday: date, monday: date, offsets: tuple[int, int]
) -> None:
    for day, offset in zip((friday, monday), offsets, strict=True):
        table = a_timetable(session=a_session(day=day))
        for moment, clock in (
            (table.entry_start, "09:35"),
            (table.exit_check, "15:45"),
            (table.next_check(at("11:02", day)), "11:05"),
        ):
            assert f"{moment:%H:%M}" == clock
            assert moment.utcoffset() == timedelta(hours=offset)
        assert table.phase(at("09:35", day)) is Phase.ENTRY_WINDOW
