"""How a day ends on which the record and the broker did not agree."""

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from src.models import Fill, Side
from src.ports import Holding, RetryLater
from tests.fakes.builders import DAY, spxw_call, spy_call
from tests.fakes.days import PlayedDay, levels

WORDS = f"{spy_call().symbol}: recorded -20, at the broker -16"
AFTER_THE_EXIT = f"{spy_call().symbol}: recorded -4, at the broker +0"
"""What is left of it once the sixteen calls that are still there were bought back."""
AT_THE_END = "still differ at the end"


@pytest.fixture
def day(tmp_path: Path) -> PlayedDay:
    return PlayedDay(tmp_path)


def assign(day: PlayedDay, contracts: int) -> None:
    day.broker._state.options[spy_call()] += contracts
    day.broker._save()


def test_a_day_that_agrees_to_the_end_leaves_no_doubt(day: PlayedDay) -> None:
    day.run()
    assert day.day.record.difference() == ""
    assert not day.telling(AT_THE_END)


def test_a_difference_that_lasts_to_the_end_is_kept_told_and_in_the_report(day: PlayedDay) -> None:
    day.run(until="10:06")
    assign(day, 4)
    day.run()
    assert day.day.record.difference() == AFTER_THE_EXIT
    (alert,) = day.telling(AT_THE_END)
    assert "ALERT" in alert
    report = (day.folder / "reports" / f"{DAY}.txt").read_text()
    assert AFTER_THE_EXIT in " ".join(report.split())
    assert day.one("SELECT phase FROM sessions") == "reported"


def test_the_summary_carries_the_report_as_a_page_and_as_text(tmp_path: Path) -> None:
    day = PlayedDay(tmp_path, mode="paper").run()
    (row,) = day.store.read("SELECT * FROM notifications WHERE level = 'daily summary'").fetchall()
    assert row["text"].startswith(f"{DAY}: ")
    for column, suffix in (("html", "html"), ("plain", "txt")):
        assert row[column] == (tmp_path / "reports" / f"{DAY}.{suffix}").read_text(encoding="utf-8")


def test_a_simulated_day_keeps_its_page_out_of_the_database(day: PlayedDay) -> None:
    day.run()
    assert day.column("SELECT html || plain FROM notifications WHERE key = 'result'") == [""]


def test_a_later_start_of_a_reported_day_still_knows_of_the_difference(day: PlayedDay) -> None:
    day.run(until="10:06")
    assign(day, 4)
    day.run()
    day.restart("17:00")
    assert day.tick() is None
    assert day.day.record.difference() == AFTER_THE_EXIT


def test_a_difference_that_is_mended_before_the_end_leaves_no_doubt(day: PlayedDay) -> None:
    day.run(until="10:06")
    assign(day, 4)
    day.run(until="11:06")
    assert day.day.record.difference() == WORDS
    assign(day, -4)
    day.run()
    assert day.day.record.difference() == ""


def test_a_difference_that_one_look_alone_has_seen_may_be_positions_that_lag(
    day: PlayedDay,
) -> None:
    day.run(until="10:06")
    assign(day, 4)
    day.tick()
    assert day.telling(WORDS)
    assert day.day.record.difference() == ""


def test_a_difference_is_kept_though_each_look_is_another_process(day: PlayedDay) -> None:
    day.run(until="10:06")
    assign(day, 4)
    for moment in ("10:10", "10:15"):
        day.restart(moment)
        day.tick()
    assert day.day.record.difference() == WORDS


def test_a_difference_that_fills_after_the_close_explain_is_no_longer_one(day: PlayedDay) -> None:
    day.happen["15:40"] = levels(598.0, 5980.0)
    day.run(until="15:50")
    sold = Fill(
        "by-the-exchange",
        "",
        spxw_call(),
        Side.SELL,
        2,
        Decimal("1.00"),
        Decimal(0),
        day.clock.now(),
    )
    day.broker._state.options[spxw_call()] = 0
    day.broker._state.options[spy_call()] = 0
    bought = Fill(
        "by-the-exchange-too",
        "",
        spy_call(),
        Side.BUY,
        20,
        Decimal("0.10"),
        Decimal(0),
        day.clock.now(),
    )
    day.run(until="15:55")
    assert "recorded -20, at the broker +0" in day.day.record.difference()
    told = day.broker.fills
    day.broker.fills = lambda session: [*told(session), sold, bought]  # type: ignore[method-assign]
    day.clock.sleep((day.at("16:00") - day.clock.now()).total_seconds())
    day.run()
    assert day.day.record.difference() == ""


class Unreachable:
    """Takes a broker's answers away, for a while or for good."""

    def __init__(self, day: PlayedDay, until: str) -> None:
        self._day, self._until = day, day.at(until)
        self._fills = day.broker.fills
        day.broker.fills = self.fills  # type: ignore[method-assign]

    def fills(self, session: date) -> list[Fill]:
        if self._day.clock.now() < self._until:
            raise RetryLater("no answer")
        return self._fills(session)


def test_the_end_of_a_day_waits_until_the_broker_can_be_asked(day: PlayedDay) -> None:
    day.run(until="15:50")
    Unreachable(day, "16:30")
    day.run()
    assert day.day.record.difference() == ""
    assert day.clock.now() >= day.at("16:30")
    assert day.telling("Waiting until the broker can be asked")


def test_a_broker_that_cannot_be_asked_for_hours_leaves_the_day_in_doubt(day: PlayedDay) -> None:
    day.run(until="15:50")
    Unreachable(day, "23:00")
    day.run()
    assert "the broker cannot be asked" in day.day.record.difference()
    assert day.clock.now() < day.at("16:15") + timedelta(hours=2, minutes=2)
    assert day.one("SELECT phase FROM sessions") == "reported"


def test_shares_that_an_assignment_left_are_a_difference_at_the_end(day: PlayedDay) -> None:
    day.run(until="10:06")
    day.broker._state.shares = -400
    assert Holding("SPY", -400) in day.broker.holdings()
    day.run()
    assert "-400 SPY shares" in day.day.record.difference()
