from datetime import date

import pytest

from src.dividends import Dividend, load_dividends
from src.ratio import Closes, ExpectedRatio, expected_ratio, weekdays_between

TABLE = load_dividends()
EVE, EX_DATE = date(2026, 6, 17), date(2026, 6, 18)
AT_THE_EVE = Closes(EVE, 740.80, 7418.53)
"""A ratio of 10.0142, as it was on that day."""


def expected(day: date, *closes: Closes) -> ExpectedRatio:
    return expected_ratio(day, closes, TABLE, band_bp=10.0, wide_band_bp=40.0)


def test_the_ratio_of_tomorrow_is_that_of_today_but_for_half_a_basis_point() -> None:
    found = expected(date(2026, 3, 10), Closes(date(2026, 3, 9), 680.0, 6811.56))
    assert found.value == pytest.approx(10.017 * (1 - 0.48e-4))
    assert found.band_bp == 10.0
    assert "the close up to 2026-03-09" in found.basis


def test_on_the_ex_date_the_ratio_jumps_by_the_dividend() -> None:
    found = expected(EX_DATE, AT_THE_EVE)
    # It was 10.0444 on that day's close.
    assert found.value == pytest.approx(10.0444, abs=0.006)
    assert found.value > 10.0142 + 0.02


def test_a_dividend_before_the_closes_or_after_the_day_changes_nothing() -> None:
    before = expected(date(2026, 6, 22), Closes(date(2026, 6, 19), 746.0, 7490.0))
    assert before.value == pytest.approx(7490.0 / 746.0, abs=0.001)
    assert expected(EVE, Closes(date(2026, 6, 16), 740.0, 7410.0)).value < 10.0142


def test_one_closing_auction_that_was_off_does_not_move_the_median_of_five() -> None:
    days = [date(2025, 4, day) for day in (3, 4, 7, 8)]
    sound = [Closes(day, 550.0, 550.0 * 10.05) for day in days]
    off = Closes(date(2025, 4, 9), 550.0, 550.0 * 10.05 * (1 - 93e-4))
    found = expected(date(2025, 4, 10), *sound, off)
    assert abs(found.distance_bp(10.05)) < 5.0


def test_only_the_last_five_closes_count_and_never_later_ones() -> None:
    old = [Closes(date(2026, 2, day), 600.0, 6300.0) for day in (2, 3, 4, 5, 6)]
    new = [Closes(date(2026, 3, day), 600.0, 6010.0) for day in (2, 3, 4, 5, 6)]
    future = [Closes(date(2026, 3, day), 600.0, 6300.0) for day in range(9, 20)]
    found = expected(date(2026, 3, 9), *old, *new, *future)
    assert abs(found.distance_bp(6010.0 / 600.0)) < 5.0


@pytest.mark.parametrize(
    ("day", "ratio"),
    [
        (date(2026, 6, 18), 10.0444),
        (date(2026, 6, 17), 10.0142),
        (date(2025, 12, 19), 10.0420),
        (date(2026, 7, 30), 10.0320),
    ],
)
def test_without_closes_the_days_since_the_ex_date_tell_it_within_the_wide_band(
    day: date, ratio: float
) -> None:
    found = expected(day)
    assert found.band_bp == 40.0
    assert abs(found.distance_bp(ratio)) < 11.0
    assert "weekdays since the ex-date" in found.basis
    assert "no closes of the last two weeks are known" in found.basis


def test_closes_of_more_than_two_weeks_ago_tell_nothing_of_today() -> None:
    day = date(2026, 3, 20)
    fresh, old = Closes(date(2026, 3, 6), 680.0, 6811.56), Closes(date(2026, 3, 5), 680.0, 6811.56)
    assert expected(day, fresh).band_bp == 10.0
    assert expected(day, old) == expected(day)
    assert expected(day, old, fresh) == expected(day, fresh)


def test_without_closes_or_dividends_it_is_the_mean_and_says_so() -> None:
    for table in ((), (Dividend(date(2025, 12, 19), 1.993),)):
        found = expected_ratio(date(2026, 9, 1), (), table, band_bp=10.0, wide_band_bp=40.0)
        assert (found.value, found.band_bp) == (10.028, 40.0)
        assert "no ex-date of this quarter" in found.basis


@pytest.mark.parametrize(
    ("first", "last", "days"),
    [
        (date(2026, 3, 9), date(2026, 3, 9), 0),
        (date(2026, 3, 6), date(2026, 3, 9), 1),
        (date(2026, 3, 6), date(2026, 3, 8), 0),
        (date(2026, 3, 2), date(2026, 3, 16), 10),
    ],
)
def test_weekends_are_no_trading_days(first: date, last: date, days: int) -> None:
    assert weekdays_between(first, last) == days
