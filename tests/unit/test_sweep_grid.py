"""Parameter grids as they are written on the command line."""

import pytest

from src.ports import MendInput
from src.settings import Settings
from src.sweep_grid import Grid, make_grid, parse_axis


def a_grid(*texts: str) -> Grid:
    return make_grid(Settings.defaults(), [parse_axis(text) for text in texts])


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("strategy.exit_threshold=5,10,15", ("5", "10", "15")),
        ("strategy.min_entry_credit=300:400:50", ("300", "350", "400")),
        ("strategy.pin_band_percent=0.1:0.3:0.1", ("0.1", "0.2", "0.3")),
        ("strategy.exit_threshold=1:2:1,2,7", ("1", "2", "7")),
        ("strategy.strike_rule=atm,matched", ("atm", "matched")),
        ("trading_hours.exit_check=15:30,15:45", ("15:30", "15:45")),
        ("trading_hours.exit_check=15:30:15:50:10", ("15:30", "15:40", "15:50")),
    ],
)
def test_values_are_listed_or_stepped_through(text: str, values: tuple[str, ...]) -> None:
    assert parse_axis(text).values == values


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("strategy.exit_threshold", "write KEY=A,B,C"),
        ("strategy.exit_treshold=5", "the nearest is strategy.exit_threshold"),
        ("execution.poll_seconds=1,2", "changes nothing that a sweep reckons"),
        ("market_data.source=broker", "changes nothing that a sweep reckons"),
        ("strategy.exit_threshold=5:1:1", "must lead from the first to the last value"),
        ("strategy.exit_threshold=1:5:0", "must lead from the first to the last value"),
        ("strategy.exit_threshold=1:b:1", "must be numbers"),
        ("strategy.exit_threshold=1:2", "neither a value nor FIRST:LAST:STEP"),
        ("trading_hours.exit_check=15:30:15:50", "neither a time"),
        ("trading_hours.exit_check=15:50:15:30:5", "must lead from the first to the last time"),
    ],
)
def test_what_cannot_be_swept_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(MendInput, match=words):
        parse_axis(text)


def test_every_combination_becomes_a_set_with_its_settings() -> None:
    grid = a_grid("strategy.exit_threshold=5,10", "trading_hours.entry_end=09:50,10:00")
    assert [dict(each.values) for each in grid.sets] == [
        {"strategy.exit_threshold": a, "trading_hours.entry_end": b}
        for a in ("5", "10")
        for b in ("09:50", "10:00")
    ]
    assert grid.sets[2].settings.strategy.exit_threshold == 10.0
    assert grid.left_out == 0


def test_a_grid_without_axes_is_the_settings_themselves() -> None:
    assert [each.settings for each in a_grid().sets] == [Settings.defaults()]


def test_combinations_that_the_settings_do_not_allow_are_left_out_and_counted() -> None:
    grid = a_grid("trading_hours.entry_start=09:35,10:30", "trading_hours.entry_end=10:00,11:00")
    assert (len(grid.sets), grid.left_out) == (3, 1)
    assert "later than trading_hours.entry_start" in grid.why_left_out


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (("strategy.exit_threshold=0,-1",), "No parameter set of the grid is allowed"),
        (("strategy.exit_threshold=1", "strategy.exit_threshold=2"), "given twice"),
        (
            ("strategy.exit_threshold=1:1000:1", "strategy.min_entry_credit=1:1000:1"),
            "a sweep takes 200,000",
        ),
    ],
)
def test_a_grid_that_cannot_be_played_is_refused(texts: tuple[str, ...], words: str) -> None:
    with pytest.raises(MendInput, match=words):
        a_grid(*texts)


def test_sets_share_a_table_unless_they_judge_the_market_differently() -> None:
    grid = a_grid("strategy.exit_threshold=5,10", "strategy.strike_rule=atm,matched")
    variants = grid.variants()
    assert [each.rows for each in variants] == [(0, 2), (1, 3)]
    assert [each.settings.strategy.strike_rule for each in variants] == ["atm", "matched"]
