"""What a control mode and a HALT file do to a day, also in the middle of its work."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from src.control import HALT_FILE, Control, ControlMode, ControlTable, SetBy
from src.database import Store, open_database
from src.fees import FeeSchedule
from src.legging import Status
from src.market_data import MarketDataCollector
from src.models import Side
from src.order_executor import OrderExecutor
from tests.fakes.builders import DAY, at, spxw_call, spy_call
from tests.fakes.days import PlayedDay
from tests.fakes.trading_desk import Desk

CLOSING = [ControlMode.CLOSE, ControlMode.HALT]


@pytest.fixture
def day(tmp_path: Path) -> PlayedDay:
    return PlayedDay(tmp_path)


def wish(day: PlayedDay, mode: ControlMode) -> None:
    day.day.record.raise_control(mode, "a test", day.clock.now())


# Opening.


@pytest.mark.parametrize("mode", list(ControlMode)[1:])
def test_no_mode_above_normal_opens_anything(day: PlayedDay, mode: ControlMode) -> None:
    wish(day, mode)
    day.run()
    assert day.column("SELECT * FROM orders") == []
    assert day.telling(f"trading mode is {mode.label}")


def test_a_halt_file_opens_nothing_while_it_is_there(day: PlayedDay) -> None:
    file = day.folder / HALT_FILE
    file.touch()
    day.happen["09:40"] = lambda _: file.unlink()
    day.run()
    assert str(day.one("SELECT min(created_at) FROM orders"))[11:16] == "09:40"
    assert day.telling("09:40:00 The mode is now normal.")


# Closing.


@pytest.mark.parametrize("mode", CLOSING)
def test_a_wish_to_close_is_carried_out_at_the_very_next_tick(
    day: PlayedDay, mode: ControlMode
) -> None:
    day.run(until="10:00")
    day.clock.sleep(97)
    assert not day.day.attention()
    wish(day, mode)
    assert day.day.attention()
    day.tick()
    assert not day.day.attention(), "what was heeded does not ask again"
    assert day.one("SELECT exit_reason FROM trades") == "MANUAL"
    assert str(day.one("SELECT exit_time FROM trades"))[11:19] == "10:01:37"


def test_a_halt_file_closes_at_once_and_only_what_is_ours(day: PlayedDay) -> None:
    day.run(until="10:00")
    foreign = spy_call(590.0)
    day.broker._state.options[foreign] = -3
    (day.folder / HALT_FILE).touch()
    day.run(until="10:30")
    assert day.one("SELECT exit_reason FROM trades") == "MANUAL"
    assert {each.contract: each.quantity for each in day.broker.holdings()} == {foreign: -3}


def test_reduce_only_keeps_what_is_open(day: PlayedDay) -> None:
    day.run(until="10:00")
    wish(day, ControlMode.REDUCE_ONLY)
    day.run(until="15:30")
    assert day.one("SELECT exit_reason FROM trades") is None


def test_short_calls_are_still_bought_back_between_the_close_and_the_end_of_spy(
    day: PlayedDay,
) -> None:
    day.happen["15:44"] = lambda market: setattr(market, "spy", 590.0)
    day.run(until="16:05")
    assert day.day.position_in_words() != "No position is open."
    wish(day, ControlMode.CLOSE)
    day.tick()
    assert day.one("SELECT exit_reason FROM trades") == "MANUAL"
    assert not [each for each in day.day.journal.positions() if each.spy_short]


def test_a_halt_outlives_the_process_and_is_told_again(day: PlayedDay) -> None:
    day.run(until="10:00")
    wish(day, ControlMode.HALT)
    day.restart("10:03")
    day.tick()
    assert day.telling("10:03:00 The mode is now halt (set by a person")
    assert day.one("SELECT exit_reason FROM trades") == "MANUAL"


# In the middle of an entry.


def a_desk(may_open: Callable[[], bool]) -> Desk:
    desk = Desk()
    desk.executor = OrderExecutor(
        broker=desk.broker,
        collector=MarketDataCollector(desk.source, desk.clock, desk.session, desk.settings),
        journal=desk.journal,
        clock=desk.clock,
        settings=desk.settings,
        fees=FeeSchedule(),
        alert=lambda at, told: desk.alerts.append((at, told.title, told.text)),
        tell=lambda at, kind, text: desk.told.append((at, kind, text)),
        may_open=may_open,
    )
    return desk


def test_an_entry_that_waits_for_spxw_ends_within_one_look(tmp_path: Path) -> None:
    control = Control(ControlTable(Store(open_database(None)), DAY), tmp_path)
    desk = a_desk(control.may_open)
    desk.market.quote(spxw_call(), 23.0, 23.4, sizes=(1, 0))
    naps = 0

    def halt_at_the_third() -> None:
        nonlocal naps
        naps += 1
        if naps == 3:
            (tmp_path / HALT_FILE).touch()

    desk.clock.on_sleep = halt_at_the_third
    result = desk.enter()
    assert (result.status, desk.traded()) == (Status.UNWOUND, [])
    assert desk.working("SPXW", Side.BUY) == 0
    assert desk.clock.now() <= at("09:41:05")


def test_an_entry_that_waits_for_spy_sells_its_cover_again(tmp_path: Path) -> None:
    control = Control(ControlTable(Store(open_database(None)), DAY), tmp_path)
    desk = a_desk(control.may_open)
    desk.market.quote(spy_call(), 2.98, 3.02, sizes=(0, 5))
    desk.after("order", "-spy-open-", (tmp_path / HALT_FILE).touch)
    result = desk.enter()
    assert result.status is Status.UNWOUND
    assert [(root, side.value, n) for root, side, n, _ in desk.traded()] == [
        ("SPXW", "buy", 1),
        ("SPXW", "sell", 1),
    ]
    assert desk.clock.now() <= at("09:41:05")


def test_a_halt_does_not_stop_an_exit() -> None:
    halted: list[bool] = []
    desk = a_desk(lambda: not halted)
    desk.enter()
    halted.append(True)
    assert desk.leave().status is Status.FILLED
    assert set(desk.held().values()) <= {0}


# What rules.


def a_control(folder: Path) -> tuple[Control, ControlTable]:
    table = ControlTable(Store(open_database(None)), DAY)
    return Control(table, folder), table


@pytest.mark.parametrize("mode", list(ControlMode)[1:])
def test_only_normal_may_open(tmp_path: Path, mode: ControlMode) -> None:
    control, table = a_control(tmp_path)
    assert control.may_open()
    table.raise_mode(mode, "a test", at("10:00"), SetBy.PERSON)
    assert not control.may_open()


def test_a_database_that_fails_may_not_open(tmp_path: Path) -> None:
    connection = open_database(None)
    control = Control(ControlTable(Store(connection), DAY), tmp_path)
    connection.close()
    assert not control.may_open()
    with pytest.raises(sqlite3.Error):
        control.mode()


def test_a_file_that_cannot_be_looked_for_opens_nothing_and_sells_nothing(tmp_path: Path) -> None:
    control, _ = a_control(tmp_path / ("x" * 300))  # a name too long for any file system
    assert control.mode() is ControlMode.REDUCE_ONLY
    rule = control.rule()
    assert rule
    assert "cannot be looked for" in rule.reason


def test_a_halt_file_may_be_a_link_that_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / HALT_FILE).symlink_to("nowhere")
    assert a_control(tmp_path)[0].mode() is ControlMode.HALT


def test_a_halt_file_may_be_a_folder(tmp_path: Path) -> None:
    (tmp_path / HALT_FILE).mkdir()
    assert a_control(tmp_path)[0].mode() is ControlMode.HALT


def test_the_stronger_of_file_and_record_gives_its_reason(tmp_path: Path) -> None:
    control, table = a_control(tmp_path)
    table.raise_mode(ControlMode.CLOSE, "a person's reason", at("10:00"), SetBy.PERSON)
    assert "a person's reason" in str(control.rule())
    (tmp_path / HALT_FILE).touch()
    assert str(control.rule()) == f"halt (set by a file: {tmp_path / HALT_FILE} is there)"


def test_a_row_of_overrides_wants_attention_once(tmp_path: Path) -> None:
    control, table = a_control(tmp_path)
    control.heed(at("10:00"), lambda *_: None)
    assert not control.attention()
    table.ask_to_close(at("10:01"))
    assert control.attention()
    control.heed(at("10:01"), lambda *_: None)
    assert not control.attention()


def test_a_wish_by_another_process_is_seen(tmp_path: Path) -> None:
    ours, theirs = (Store(open_database(tmp_path / "trades.db")) for _ in range(2))
    control = Control(ControlTable(ours, DAY), tmp_path)
    control.heed(at("10:00"), lambda *_: None)
    ControlTable(theirs, None).raise_mode(ControlMode.HALT, "a test", at("10:00"), SetBy.PERSON)
    assert control.attention()
    assert control.mode() is ControlMode.HALT
