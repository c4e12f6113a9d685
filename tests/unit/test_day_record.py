"""The record of a day: how far it came, what was seen, what a person wants and was told."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from src.control import Control, ControlTable
from src.database import Store, open_database
from src.day_record import ControlMode, DayRecord, SetBy
from src.messages import Message
from src.ports import Level, StopTrading
from tests.fakes.builders import DAY, at
from tests.fakes.ledger import a_decision, a_position, without_setup

NEXT_DAY = date(2026, 3, 10)


@pytest.fixture
def store() -> Store:
    return Store(open_database(None))


@pytest.fixture
def record(store: Store) -> DayRecord:
    return begun(store, DAY)


def begun(store: Store, day: date) -> DayRecord:
    record = DayRecord(store, day)
    record.begin_session("paper", "a test market", "key", at("09:30", day))
    return record


# How far the day came.


def test_a_session_that_was_never_begun_has_no_record(store: Store) -> None:
    record = DayRecord(store, DAY)
    assert record.session_record() is None
    assert not record.is_reported()


def test_a_session_is_begun_once_and_then_gone_on_with(record: DayRecord) -> None:
    record.mark("holding", at("11:00"))
    record.begin_session("live", "another", "other key", at("12:00"))
    known = record.session_record()
    assert known
    assert (known.mode, known.source, known.run_key) == ("paper", "a test market", "key")
    assert (known.phase, known.started_at) == ("holding", at("09:30"))


def test_a_day_goes_on_at_the_tick_that_was_due(record: DayRecord) -> None:
    record.mark("holding", at("11:00"), wake=at("11:05"))
    known = record.session_record()
    assert known
    assert known.resume_at == at("11:05")


def test_a_day_goes_on_at_the_tick_that_was_interrupted(record: DayRecord) -> None:
    record.mark("holding", at("10:55"), wake=at("11:00"))
    record.mark("holding", at("11:00:30"))
    known = record.session_record()
    assert known
    assert known.resume_at == at("11:00:30")


def test_a_session_that_is_played_anew_knows_nothing_of_its_last_looks(record: DayRecord) -> None:
    record.record_decision(a_decision())
    record.record_check(a_position(), at("11:00"), 600.0, Decimal(0), "", "hold")
    assert record.last_check_at() == at("11:00")
    record.forget_session()
    assert (record.last_decision_at(), record.last_check_at()) == (None, None)


def test_looks_that_a_rollback_took_back_were_never_taken(store: Store, record: DayRecord) -> None:
    record.record_check(a_position(), at("11:00"), 600.0, Decimal(0), "", "hold")
    record.commit()
    record.record_decision(a_decision())
    record.record_check(a_position(), at("11:05"), 600.0, Decimal(0), "", "hold")
    store.rollback()
    assert (record.last_decision_at(), record.last_check_at()) == (None, at("11:00"))


def test_a_day_is_over_when_it_was_reported(record: DayRecord) -> None:
    record.mark("settled", at("16:15"))
    assert not record.is_reported()
    record.mark("reported", at("16:16"))
    assert record.is_reported()


# What was seen.


def test_a_decision_is_read_back_with_all_its_criteria(record: DayRecord) -> None:
    decision = a_decision(at=at("09:41"), day=DAY)
    record.record_decision(decision)
    assert record.last_decision_to_trade() == decision
    assert record.last_decision_at() == at("09:41")


def test_the_newest_decision_in_favour_is_the_one_that_was_traded(record: DayRecord) -> None:
    for minute, wanted in (("09:41", True), ("09:42", True), ("09:43", False)):
        record.record_decision(a_decision(at=at(minute), should_trade=wanted, day=DAY))
    found = record.last_decision_to_trade()
    assert found
    assert found.timestamp == at("09:42")
    assert record.last_decision_at() == at("09:43")


def test_a_decision_keeps_its_figures_where_they_can_be_queried(
    store: Store, record: DayRecord
) -> None:
    record.record_decision(a_decision(at=at("09:41"), day=DAY))
    row = store.read("SELECT * FROM decisions").fetchone()
    assert (row["should_trade"], row["entry_credit"], row["expected_profit"]) == (1, 637.85, 637.85)
    assert row["strike_gap"] == pytest.approx(0.0)


def test_before_any_decision_nothing_was_judged(record: DayRecord) -> None:
    assert record.last_decision_at() is None
    assert record.last_decision_to_trade() is None
    assert record.why_no_trade() == "the market was not judged inside the entry window"


def test_a_day_without_a_priced_setup_says_so(record: DayRecord) -> None:
    for minute in ("09:41", "09:42"):
        no_setup = without_setup(a_decision(at=at(minute), should_trade=False, day=DAY))
        record.record_decision(no_setup)
    assert "in 2 looks there was never a setup" in record.why_no_trade()


def test_a_day_without_a_trade_names_the_best_that_was_seen(record: DayRecord) -> None:
    for minute, profit in (("09:41", 120.0), ("09:42", 310.5), ("09:43", -40.0)):
        decision = a_decision(at=at(minute), should_trade=False, profit=profit, day=DAY)
        record.record_decision(decision)
    assert record.why_no_trade() == "in 3 looks the best expected profit was +$310.50"


def test_a_day_that_was_decided_and_not_traded_says_what_came_of_it(record: DayRecord) -> None:
    record.record_decision(a_decision(at=at("09:41"), profit=450.0, day=DAY))
    record.event(at("09:41"), "risk", "Risk says no: the account lacks margin.")
    assert record.why_no_trade() == (
        "in 1 look the best expected profit was +$450.00; at 09:41 every rule was met. "
        "Risk says no: the account lacks margin"
    )


def test_a_check_keeps_the_result_and_the_signal(store: Store, record: DayRecord) -> None:
    position = a_position(day=DAY)
    record.record_check(position, at("10:00"), 600.5, Decimal("-12.34"), "MAX_LOSS", "a loss")
    record.record_check(position, at("10:05"), None, None, "", "not known")
    first, second = store.read("SELECT * FROM checks ORDER BY id").fetchall()
    assert (first["pnl"], first["spy_price"], first["signal"]) == (-12.34, 600.5, "MAX_LOSS")
    assert (second["pnl"], second["spy_price"], second["signal"]) == (None, None, "")
    assert record.last_check_at() == at("10:05")


def test_the_last_look_is_the_newest_also_after_the_clock_was_put_back(
    record: DayRecord,
) -> None:
    for minute in ("11:00", "10:30"):
        record.record_decision(a_decision(at=at(minute), day=DAY))
        record.record_check(a_position(day=DAY), at(minute), None, None, "", "not known")
    assert record.last_check_at() == at("10:30")
    assert record.last_decision_at() == at("10:30")


def test_before_any_check_nothing_was_looked_at(record: DayRecord) -> None:
    assert record.last_check_at() is None


def test_events_tell_the_story_in_its_order(store: Store, record: DayRecord) -> None:
    record.event(at("09:41"), "order", "first")
    record.event(at("09:41"), "fill", "second")
    told = store.read("SELECT kind, text FROM events ORDER BY id").fetchall()
    assert [tuple(each) for each in told] == [("order", "first"), ("fill", "second")]


# What a person wants.


def test_a_day_begins_without_restrictions(record: DayRecord) -> None:
    assert record.control_mode() is ControlMode.NORMAL


@pytest.mark.parametrize("before", ControlMode)
@pytest.mark.parametrize("wish", ControlMode)
def test_of_two_modes_the_stronger_rules(
    record: DayRecord, before: ControlMode, wish: ControlMode
) -> None:
    record.raise_control(before, "before", at("10:00"))
    record.raise_control(wish, "wish", at("10:01"))
    assert record.control_mode() is max(before, wish)


def test_a_wish_that_is_not_stronger_does_not_hide_why_a_mode_rules(
    store: Store, record: DayRecord
) -> None:
    record.raise_control(ControlMode.HALT, "the daily loss", at("10:00"))
    record.raise_control(ControlMode.CLOSE, "a person", at("10:01"))
    record.raise_control(ControlMode.HALT, "the same again", at("10:02"))
    row = store.read("SELECT reason, set_at FROM control").fetchone()
    assert tuple(row) == ("the daily loss", at("10:00").isoformat())


@pytest.mark.parametrize("mode", [ControlMode.REDUCE_ONLY, ControlMode.CLOSE])
def test_a_mode_that_is_no_halt_ends_with_its_session(
    store: Store, record: DayRecord, mode: ControlMode
) -> None:
    record.raise_control(mode, "a person", at("15:00"))
    tomorrow = begun(store, NEXT_DAY)
    assert tomorrow.control_mode() is ControlMode.NORMAL
    tomorrow.raise_control(ControlMode.REDUCE_ONLY, "a person", at("09:40", NEXT_DAY))
    assert tomorrow.control_mode() is ControlMode.REDUCE_ONLY


@pytest.mark.parametrize("set_by", [SetBy.PERSON, SetBy.BREAKER])
def test_a_halt_outlives_its_session_whoever_set_it(
    store: Store, record: DayRecord, set_by: SetBy
) -> None:
    record.raise_control(ControlMode.HALT, "a reason", at("15:00"), set_by)
    tomorrow = begun(store, NEXT_DAY)
    assert tomorrow.control_mode() is ControlMode.HALT
    tomorrow.raise_control(ControlMode.CLOSE, "a person", at("09:40", NEXT_DAY), set_by)
    assert begun(store, date(2026, 3, 11)).control_mode() is ControlMode.HALT


def test_what_a_person_set_is_lifted_at_once(record: DayRecord) -> None:
    record.raise_control(ControlMode.HALT, "a person", at("10:00"))
    record.control.lift()
    assert record.control_mode() is ControlMode.NORMAL


def test_what_the_breaker_set_is_lifted_only_on_a_later_session(
    store: Store, record: DayRecord
) -> None:
    record.raise_control(ControlMode.HALT, "a person", at("10:00"))
    record.raise_control(ControlMode.HALT, "loss $1,200", at("10:01"), SetBy.BREAKER)
    with pytest.raises(StopTrading, match=r"loss \$1,200.*only for a later session"):
        record.control.lift()
    assert record.control_mode() is ControlMode.HALT
    tomorrow = begun(store, NEXT_DAY)
    tomorrow.control.lift()
    assert tomorrow.control_mode() is ControlMode.NORMAL
    assert record.control_mode() is ControlMode.NORMAL


def test_a_wish_without_a_session_is_that_of_the_next_one_that_ticks(
    store: Store, tmp_path: Path
) -> None:
    ControlTable(store, None).raise_mode(ControlMode.CLOSE, "a person", at("08:00"), SetBy.PERSON)
    today, tomorrow = begun(store, DAY), begun(store, NEXT_DAY)
    assert today.control_mode() is ControlMode.CLOSE
    Control(today.control, tmp_path).heed(at("09:30"), today.event)
    assert today.control_mode() is ControlMode.CLOSE
    assert tomorrow.control_mode() is ControlMode.NORMAL


def test_a_wish_for_the_next_session_does_not_weaken_that_of_an_interrupted_one(
    store: Store, record: DayRecord
) -> None:
    record.raise_control(ControlMode.CLOSE, "a person", at("10:00"))
    coming = ControlTable(store, None)
    coming.raise_mode(ControlMode.REDUCE_ONLY, "a person", at("10:05"), SetBy.PERSON)
    assert coming.mode() is ControlMode.CLOSE
    assert record.control_mode() is ControlMode.CLOSE


def test_a_wish_for_the_next_session_forgets_that_of_a_session_that_is_over(
    store: Store, record: DayRecord
) -> None:
    record.raise_control(ControlMode.CLOSE, "a person", at("10:00"))
    record.mark("reported", at("16:16"))
    coming = ControlTable(store, None)
    coming.raise_mode(ControlMode.REDUCE_ONLY, "a person", at("17:00"), SetBy.PERSON)
    assert coming.mode() is ControlMode.REDUCE_ONLY


def test_a_session_that_is_played_anew_forgets_the_breaker_but_not_a_persons_halt(
    record: DayRecord,
) -> None:
    record.raise_control(ControlMode.HALT, "a loss", at("10:00"), SetBy.BREAKER)
    record.forget_session()
    assert record.control_mode() is ControlMode.NORMAL
    record.raise_control(ControlMode.HALT, "a person", at("10:00"))
    record.forget_session()
    assert record.control_mode() is ControlMode.HALT


def test_a_wish_to_close_stands_until_it_was_carried_out(record: DayRecord) -> None:
    assert not record.close_was_asked()
    record.ask_to_close(at("10:00"))
    record.ask_to_close(at("10:01"))
    assert record.close_was_asked()
    record.close_was_done(at("10:02"))
    assert not record.close_was_asked()
    record.ask_to_close(at("10:03"))
    assert record.close_was_asked(), "a new wish is a new wish"


def test_a_wish_to_close_is_that_of_its_session(store: Store, record: DayRecord) -> None:
    tomorrow = begun(store, NEXT_DAY)
    record.ask_to_close(at("10:00"))
    assert not tomorrow.close_was_asked()
    tomorrow.close_was_done(at("10:00", NEXT_DAY))
    assert record.close_was_asked()


# What a person was told.


def a_message(key: str = "key", text: str = "text") -> Message:
    return Message(Level.WARNING, "Title", text, "", "", key=key)


def test_the_same_message_is_put_up_once_in_a_session(store: Store, record: DayRecord) -> None:
    assert record.notify(at("10:00"), a_message())
    assert not record.notify(at("10:05"), a_message(text="again"))
    assert begun(store, NEXT_DAY).notify(at("10:00", NEXT_DAY), a_message())
    rows = store.read("SELECT session, text FROM notifications ORDER BY id").fetchall()
    assert [tuple(row) for row in rows] == [(str(DAY), "Text."), (str(NEXT_DAY), "Text.")]


def test_a_message_without_a_key_is_known_by_its_title(store: Store, record: DayRecord) -> None:
    assert record.notify(at("10:00"), a_message(""))
    assert not record.notify(at("10:05"), a_message(""))
    assert store.read("SELECT key FROM notifications").fetchone()["key"] == "Title"


def test_a_message_may_be_put_up_for_a_session_that_was_never_begun() -> None:
    store = Store(open_database(None))
    assert DayRecord(store, DAY).notify(at("10:00"), a_message())
    store.commit()


def test_a_message_that_was_rolled_back_was_not_put_up(store: Store, record: DayRecord) -> None:
    record.notify(at("10:00"), a_message())
    store.rollback()
    assert record.notify(at("10:01"), a_message())


# Forgetting.

TABLES = [
    "sessions",
    "control",
    "spreads",
    "orders",
    "fills",
    "settlements",
    "events",
    "decisions",
    "checks",
    "overrides",
    "notifications",
    "deliveries",
    "trades",
    "daily_summary",
]


def fill_every_table(store: Store, day: date) -> None:
    record = begun(store, day)
    record.record_decision(a_decision(at=at("09:41", day), day=day))
    record.record_check(a_position(day=day), at("10:00", day), None, None, "", "not known")
    record.event(at("10:00", day), "check", "text")
    record.notify(at("10:00", day), a_message())
    store.write(
        "INSERT INTO deliveries (notification, channel, next_try_at)"
        " SELECT id, 'email', at FROM notifications WHERE session = ?",
        (str(day),),
    )
    record.ask_to_close(at("10:00", day))
    record.raise_control(ControlMode.CLOSE, "a test", at("10:00", day))
    d = day.isoformat()
    order = f"{d}-1-spx-open-1"
    prices = (600, 6000, 600, 6000, 2.98, 3.02, 23.0, 23.4)
    for table, *values in (
        ("spreads", d, 1, 600, 6000, 1, "", 2570, 40215, "held"),
        ("orders", order, d, 1, "spx", "open", 1, "S", 6000, "buy", 1, 2340, "", "filled", "", ""),
        ("fills", f"{d}-f1", order, 1, 2340, 65, ""),
        ("settlements", d, 1, "spx", 1, 6050, 500_000, 0, "", ""),
        ("daily_summary", d, 1, 637.85, 1, "", "paper", ""),
        ("trades", f"{d}-1", d, *prices, *[None] * 4, "", None, 1, "paper", 10, 0, 1, 1, 2, 0, ""),
    ):
        # The names are those above.
        store.write(f"INSERT INTO {table} VALUES ({', '.join('?' * len(values))})", values)  # noqa: S608
    store.commit()


def rows(store: Store) -> Iterator[tuple[str, tuple[object, ...]]]:
    for table in TABLES:
        # The names are those above.
        for row in store.read(f"SELECT * FROM {table}"):  # noqa: S608
            yield table, tuple(row)


def test_every_table_is_known_here() -> None:
    found = open_database(None).execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
    assert {row["name"] for row in found} == set(TABLES)


def test_a_forgotten_session_leaves_no_trace_and_touches_no_other(store: Store) -> None:
    fill_every_table(store, NEXT_DAY)
    others = list(rows(store))
    assert {table for table, _ in others} == set(TABLES)
    # The one mode that is kept is the newest session's: it is looked at without it.
    store.write("DELETE FROM control")
    others = list(rows(store))
    fill_every_table(store, DAY)
    DayRecord(store, DAY).forget_session()
    assert list(rows(store)) == others
    assert DayRecord(store, DAY).session_record() is None


def test_forgetting_a_session_keeps_the_control_mode_of_another(store: Store) -> None:
    fill_every_table(store, DAY)
    fill_every_table(store, NEXT_DAY)
    DayRecord(store, DAY).forget_session()
    assert DayRecord(store, NEXT_DAY).control_mode() is ControlMode.CLOSE


def test_a_forgotten_session_can_be_begun_again(store: Store, record: DayRecord) -> None:
    record.mark("reported", at("16:16"))
    record.forget_session()
    again = begun(store, DAY).session_record()
    assert again
    assert again.phase == "before open"
