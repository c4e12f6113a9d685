from datetime import date, time
from pathlib import Path

import pytest

from utils.market_calendar import MarketCalendar, sessions

OPEN = time(9, 30)
CALENDAR = MarketCalendar()
# The calendar's library uses a word of pandas that will go away one day.
pytestmark = pytest.mark.filterwarnings("ignore:Series.dt.weekday is deprecated")


@pytest.mark.parametrize(
    "day",
    [
        "2026-01-01",  # New Year
        "2026-01-19",  # Martin Luther King
        "2026-04-03",  # Good Friday
        "2026-05-25",  # Memorial Day
        "2026-06-19",  # Juneteenth
        "2026-07-03",  # Independence Day, which is a Saturday
        "2026-11-26",  # Thanksgiving
        "2026-12-25",  # Christmas
        "2025-01-09",  # the mourning of President Carter
    ],
)
def test_the_exchange_is_closed_on_a_holiday(day: str) -> None:
    assert CALENDAR.session_on(date.fromisoformat(day)) is None


@pytest.mark.parametrize("day", ["2026-03-07", "2026-03-08"])
def test_the_exchange_is_closed_on_a_weekend(day: str) -> None:
    assert CALENDAR.session_on(date.fromisoformat(day)) is None


@pytest.mark.parametrize("day", ["2026-11-27", "2026-12-24", "2025-07-03"])
def test_a_half_day_closes_at_one(day: str) -> None:
    session = CALENDAR.session_on(date.fromisoformat(day))
    assert session is not None
    assert session.is_half_day
    assert (session.open.time(), session.close.time()) == (OPEN, time(13))
    assert session.spy_options_close.time() == time(13, 15)


@pytest.mark.parametrize(
    ("day", "offset"),
    [("2026-03-06", -5), ("2026-03-09", -4), ("2026-10-30", -4), ("2026-11-02", -5)],
)
def test_a_session_opens_at_half_past_nine_in_new_york_around_both_changes_of_time(
    day: str, offset: int
) -> None:
    session = CALENDAR.session_on(date.fromisoformat(day))
    assert session is not None
    assert (session.open.time(), session.close.time()) == (OPEN, time(16))
    assert session.open.isoformat().endswith(f"-0{-offset}:00")
    assert not session.is_half_day


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ("2026-11-25", "2026-11-27"),  # over Thanksgiving
        ("2026-11-27", "2026-11-30"),  # over a weekend
        ("2026-12-31", "2027-01-04"),  # over New Year and a weekend
        ("2026-03-09", "2026-03-10"),  # the day itself is not the next one
    ],
)
def test_the_next_session_is_the_first_one_after_a_day(after: str, expected: str) -> None:
    assert CALENDAR.next_session(date.fromisoformat(after)).day == date.fromisoformat(expected)


def test_sessions_include_both_ends_and_come_in_order() -> None:
    week = [each.day.day for each in sessions(date(2026, 11, 23), date(2026, 11, 30))]
    assert week == [23, 24, 25, 27, 30]


def test_a_stretch_without_a_session_has_none() -> None:
    assert sessions(date(2026, 3, 7), date(2026, 3, 8)) == []


def test_a_year_is_kept_in_a_file_and_read_back_the_same(tmp_path: Path) -> None:
    half_day = MarketCalendar(tmp_path).session_on(date(2026, 11, 27))
    (kept,) = (tmp_path / "calendar").iterdir()
    kept.write_text(kept.read_text().replace('"2026-11-25"', '"2026-11-26"'))
    # The second calendar asks the file, as the day that was forged into it shows.
    again = MarketCalendar(tmp_path)
    assert again.session_on(date(2026, 11, 27)) == half_day
    assert again.session_on(date(2026, 11, 25)) is None


@pytest.mark.parametrize("content", ["", "[[", '{"a": 1}', '[["2026-13-01", "09:30", "16:00"]]'])
def test_a_kept_year_that_is_not_sound_is_made_anew(tmp_path: Path, content: str) -> None:
    MarketCalendar(tmp_path).session_on(date(2026, 3, 9))
    (kept,) = (tmp_path / "calendar").iterdir()
    kept.write_text(content)
    assert MarketCalendar(tmp_path).session_on(date(2026, 3, 9)) is not None
    assert len(kept.read_text()) > 5_000


def test_a_folder_that_cannot_be_written_costs_only_time(tmp_path: Path) -> None:
    (tmp_path / "calendar").write_text("a file where the folder should be")
    assert MarketCalendar(tmp_path).session_on(date(2026, 3, 9)) is not None
