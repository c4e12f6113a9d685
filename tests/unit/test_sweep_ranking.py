"""Ranking parameter sets, and the price of having tried many."""

import math

import numpy as np
import pytest

from src.settings import Settings
from src.sweep import Doubt, Outcome
from src.sweep_grid import make_grid, parse_axis
from src.sweep_ranking import Tries, csv_text, deflated_sharpe, doubts, ranking

DAYS = 40


def an_outcome(*cents: list[int], doubt: tuple[tuple[int, int], ...] = ()) -> Outcome:
    """Return sets by their cents of each day; a day that is not zero had one trade."""
    pnl = np.array(cents, np.int64)
    outcome = Outcome(
        pnl, (pnl != 0).astype(np.int16), np.zeros_like(pnl, np.int8), np.zeros((*pnl.shape, 0, 5))
    )
    for row, day in doubt:
        outcome.doubt[row, day] = Doubt.NO_WAY_OUT
        outcome.pnl[row, day] = outcome.trades[row, day] = 0
    return outcome


def up_and_down(up: int, down: int, days: int = DAYS) -> list[int]:
    return [up if day % 2 else -down for day in range(days)]


@pytest.mark.parametrize(("tried", "expected"), [(46, 0.9505), (88, 0.9101), (100, 0.9004)])
def test_the_deflated_sharpe_ratio_is_that_of_its_authors(tried: int, expected: float) -> None:
    # Five years of days, an annual ratio of 2.5, skewness -3, kurtosis 10, annual variance 1/2.
    by_day = 2.5 / math.sqrt(250)
    found = deflated_sharpe(by_day, Tries(tried, 0.5 / 250), 1250, skew=-3, kurtosis=10)
    assert found == pytest.approx(expected, abs=1e-4)


def test_one_try_is_not_deflated() -> None:
    assert deflated_sharpe(0.0, Tries(1, 0.0), 100) == pytest.approx(0.5)


def test_more_tries_leave_less_of_the_same_ratio() -> None:
    chances = [deflated_sharpe(0.2, Tries(each, 0.01), 250) for each in (1, 2, 10, 1000)]
    assert chances == sorted(chances, reverse=True)


def test_the_highest_total_comes_first() -> None:
    rows = ranking(an_outcome(up_and_down(100, 50), up_and_down(300, 100), up_and_down(50, 60)))
    assert [row.place for row in rows] == [1, 0, 2]
    assert [row.total for row in rows] == [40.0, 10.0, -2.0]
    assert rows[0].trades == DAYS
    assert rows[0].per_trade == 1.0
    assert rows[0].wins == DAYS // 2
    assert rows[0].worst_day == -1.0


def test_a_drawdown_is_the_deepest_fall_of_the_sum() -> None:
    (row,) = ranking(an_outcome([500, -300, -400, 900, -100]))
    assert row.drawdown == 7.0
    (row,) = ranking(an_outcome([-200, 100]))
    assert row.drawdown == 2.0


def test_below_thirty_trades_there_is_no_ratio() -> None:
    rows = ranking(an_outcome(up_and_down(300, 100), up_and_down(900, 100, 29) + [0] * 11))
    assert [(row.place, row.sharpe is None, row.deflated is None) for row in rows] == [
        (1, True, True),
        (0, False, True),
    ]


def test_one_ratio_of_many_tells_nothing_of_luck() -> None:
    (alone,) = ranking(an_outcome(up_and_down(300, 100)))
    assert alone.deflated is not None
    both = ranking(an_outcome(up_and_down(300, 100), up_and_down(100, 300)))
    assert all(row.deflated is not None for row in both)


def test_days_that_were_not_followed_count_nowhere_and_are_told() -> None:
    outcome = an_outcome([100, -5000, 100], doubt=((0, 1),))
    (row,) = ranking(outcome)
    assert (row.days, row.doubtful, row.total, row.worst_day) == (2, 1, 2.0, 0.0)
    assert doubts(outcome) == {Doubt.NO_WAY_OUT: 1}


def test_a_set_of_which_no_day_was_followed_has_made_nothing() -> None:
    (row,) = ranking(an_outcome([100], doubt=((0, 0),)))
    assert (row.days, row.total, row.trades, row.sharpe) == (0, 0.0, 0, None)


def test_the_table_names_each_set_and_leaves_empty_what_is_not_known() -> None:
    axes = [parse_axis("strategy.exit_threshold=5,10")]
    grid = make_grid(Settings.defaults(), axes)
    text = csv_text(grid, ranking(an_outcome([100, -50], [0, 0])))
    head, *lines = text.splitlines()
    assert head.startswith("rank,strategy.exit_threshold,trades,days,days_not_followed,total_pnl")
    assert lines == [
        "1,5,2,2,0,0.50,0.25,1,-0.50,0.50,,",
        "2,10,0,2,0,0.00,,0,0.00,0.00,,",
    ]
