"""Settings as whole minutes and cents."""

import pytest

from src.ports import MendInput
from src.settings import Settings
from src.sweep_rules import judged_minutes, looked_minutes, rules_of
from tests.fakes.builders import HALF_DAY, a_session

HALF = "strategy.trade_half_days=true"


def test_the_default_settings_are_minutes_since_the_open_and_cents() -> None:
    rules = rules_of(Settings.defaults(), a_session())
    assert (rules.first, rules.last, rules.every) == (5, 30, 1)
    assert (rules.exit_check, rules.step, rules.final) == (375, 5, 1)
    assert (rules.least_cents, rules.loss, rules.day_loss) == (40_000, 50_000, 100_000)
    assert (rules.cash, rules.capital, rules.share) == (10_000_000, 2_500_000, 100_000)


def test_on_a_half_day_the_exit_check_moves_and_nothing_is_opened_unless_wished() -> None:
    session = a_session("13:00", HALF_DAY)
    assert rules_of(Settings.defaults(), session).last == -1
    rules = rules_of(Settings.defaults().changed(HALF), session)
    assert (rules.last, rules.exit_check) == (30, 195)


@pytest.mark.parametrize(
    "text",
    [
        "trading_hours.entry_check_seconds=90",
        "trading_hours.monitor_interval_seconds=30",
        "trading_hours.final_interval_seconds=30",
        "strategy.max_position_loss=500.005",
        "strategy.max_position_size=0.12345678",
    ],
)
def test_what_a_table_of_minutes_cannot_hold_is_refused(text: str) -> None:
    with pytest.raises(MendInput, match=f"{text.partition('=')[0]} is .* in a sweep"):
        rules_of(Settings.defaults().changed(text), a_session())


def test_rows_are_only_needed_where_a_set_looks() -> None:
    rules = rules_of(Settings.defaults(), a_session())
    assert list(judged_minutes([rules], 390).nonzero()[0]) == list(range(5, 31))
    looked = set(looked_minutes([rules], 390).nonzero()[0].tolist())
    assert looked == {*range(0, 375, 5), *range(5, 31), *range(375, 390)}
    none = rules._replace(last=-1)
    assert not judged_minutes([none], 390).any()
