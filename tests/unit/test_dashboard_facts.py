"""What the dashboard says of a session is what the exit rules go by; nothing is written."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from src.control import ControlMode, ControlTable
from src.dashboard_facts import (
    Distance,
    day_blocks,
    day_now,
    session_rows,
    span,
    strikes,
    unsettled_differences,
)
from src.database import Store, open_database, snapshot
from src.models import ExitReason
from src.ports import MendInput
from src.position_monitor import DayState, LiveValue
from src.report_layout import Heading
from src.settings import Settings
from src.timetable import Timetable
from tests.fakes.builders import DAY, a_session, at
from tests.fakes.days import PlayedDay, levels
from tests.fakes.ledger import Ledger, a_decision

RULES = Settings.defaults().strategy
HOURS = Timetable(a_session(), Settings.defaults())


@pytest.fixture
def held(tmp_path: Path) -> PlayedDay:
    """A day with two spreads at 600 and 6000, seen last at 11:00 with SPY at 602."""
    return PlayedDay(tmp_path, happen={"10:30": levels(602.0, 6020.0)}).run(until="11:01")


def distances(day: PlayedDay, clock: str = "11:00") -> dict[str, Distance]:
    found = day_now(day.store, DAY, RULES, HOURS, at(clock))
    (position,) = found.held
    return {each.rule: each for each in position.distances}


# How far the exits are.


def test_each_exit_rule_that_a_price_or_the_time_can_reach_is_there(held: PlayedDay) -> None:
    assert set(distances(held)) == {
        ExitReason.ASSIGNMENT_RISK,
        ExitReason.MAX_LOSS,
        ExitReason.DAILY_LOSS,
        ExitReason.PIN_RISK,
        ExitReason.PRE_EXPIRATION,
    }


def test_distances_are_dollars_to_the_level_at_which_the_monitor_closes(held: PlayedDay) -> None:
    found = distances(held)
    assert found["ASSIGNMENT_RISK"][1:4] == ("SPY 602.00", "with SPY above 610.00", "$8.00 left")
    assert found["ASSIGNMENT_RISK"].used == pytest.approx(0.2)
    loss = day_now(held.store, DAY, RULES, HOURS, at("11:00")).held[0].look
    assert loss
    assert loss.pnl is not None
    # Two spreads may lose twice 500, the day 1,000.
    assert found["MAX_LOSS"].left == f"${1000 + loss.pnl:,.2f} left"
    assert found["DAILY_LOSS"].left == found["MAX_LOSS"].left


@pytest.mark.parametrize(
    ("spy", "rule"),
    [(610.01, ExitReason.ASSIGNMENT_RISK), (598.51, ExitReason.PIN_RISK)],
)
def test_a_distance_is_reached_where_the_monitor_gives_its_signal(
    held: PlayedDay, spy: float, rule: ExitReason
) -> None:
    now = at("15:50")
    (position,) = held.day.journal.open_positions()
    state = DayState(Decimal(0), ControlMode.NORMAL, close_asked=False)
    signals = held.day._monitor.check_exit_conditions(
        position, LiveValue(Decimal(0), spy), state, now
    )
    assert rule in {each.reason for each in signals}
    held.day.record.record_check(position, now, spy, Decimal(0), "", "hold")
    assert distances(held, "15:50")[rule].left == "reached"


def test_what_is_asked_from_the_exit_check_on_raises_no_alarm_before(held: PlayedDay) -> None:
    early = distances(held, "11:00")
    assert early["PIN_RISK"].left == "would close"
    assert not early["PIN_RISK"].is_asked
    assert early["PRE_EXPIRATION"].left == "4 h 45 min left"
    late = distances(held, "15:45")
    assert late["PIN_RISK"].left == late["PRE_EXPIRATION"].left == "reached"
    assert late["PIN_RISK"].is_asked


def test_a_broker_that_ends_the_day_early_moves_the_exit_check(held: PlayedDay) -> None:
    early = Timetable(a_session(), Settings.defaults(), at("15:15"))
    found = day_now(held.store, DAY, RULES, early, at("14:00")).held[0].distances
    (time,) = (each for each in found if each.rule is ExitReason.PRE_EXPIRATION)
    assert (time.limit, time.left, time.is_asked) == ("from 15:00", "1 h 00 min left", True)


def test_what_was_not_known_at_the_newest_look_is_called_so(held: PlayedDay) -> None:
    (position,) = held.day.journal.open_positions()
    held.day.record.record_check(position, at("11:05"), None, None, "", "no quotes")
    found = distances(held, "11:05")
    assert found["ASSIGNMENT_RISK"].left == found["MAX_LOSS"].left == "not known"
    assert found["MAX_LOSS"].used is None
    assert day_now(held.store, DAY, RULES, HOURS, at("11:05")).pnl is None


def test_on_a_day_without_a_session_only_dollars_and_prices_count(held: PlayedDay) -> None:
    found = day_now(held.store, DAY, RULES, None, at("11:00")).held[0].distances
    assert [each.rule for each in found] == ["ASSIGNMENT_RISK", "MAX_LOSS", "DAILY_LOSS"]


# The day.


def test_the_day_is_worth_what_is_closed_and_what_is_open(held: PlayedDay) -> None:
    now = day_now(held.store, DAY, RULES, HOURS, at("11:00"))
    assert now.held[0].look
    assert now.pnl == Decimal(str(now.held[0].look.pnl))
    assert now.entered == (at("09:35"),)
    assert now.left == ()
    assert now.looks[-1].at == at("11:00")
    held.run()
    over = day_now(held.store, DAY, RULES, HOURS, at("16:30"))
    assert over.held == ()
    assert len(over.left) == 1
    assert over.pnl == Decimal(str(held.one("SELECT final_pnl FROM trades")))


def test_sessions_are_told_newest_first(held: PlayedDay) -> None:
    (row,) = session_rows(held.store)
    assert (row.day, row.mode, row.phase) == (DAY, "demo", "holding")


def test_the_strikes_are_those_traded_or_else_those_of_the_best_moment() -> None:
    ledger = Ledger()
    store = Store(ledger.connection)
    assert strikes(store, ledger.day) is None
    ledger.decide(a_decision(should_trade=False, profit=10.0, spx_strike=5995))
    ledger.decide(a_decision(should_trade=False, profit=90.0, spx_strike=6005))
    assert strikes(store, ledger.day) == (600.0, 6005.0)


def test_only_differences_that_were_not_settled_are_told() -> None:
    ledger = Ledger()
    for text in ("two SPY calls", "", "one SPXW call"):
        ledger._sql(
            "INSERT INTO events (session, at, kind, text) VALUES (?, '', 'difference', ?)",
            str(ledger.day),
            text,
        )
    store = Store(ledger.connection)
    assert unsettled_differences(store) == [(ledger.day, "one SPXW call")]
    ledger._sql(
        "INSERT INTO events (session, at, kind, text) VALUES (?, '', 'difference', '')",
        str(ledger.day),
    )
    assert unsettled_differences(store) == []


def test_the_report_of_a_day_under_way_is_told_without_the_history(held: PlayedDay) -> None:
    before = held.store.connection.total_changes
    titles = [each.text for each in day_blocks(held.store, DAY) if isinstance(each, Heading)]
    assert any("decision" in each for each in titles)
    assert not any(each.startswith("Statistics") for each in titles)
    assert held.store.connection.total_changes == before


@pytest.mark.parametrize(
    ("minutes", "told"), [(0, "0 min"), (59, "59 min"), (60, "1 h 00 min"), (125, "2 h 05 min")]
)
def test_a_span_is_told_in_hours_and_minutes(minutes: int, told: str) -> None:
    assert span(timedelta(minutes=minutes)) == told


# A look at the record.


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "trades.db"
    open_database(path, durable=False).close()
    return path


def halt(path: Path) -> None:
    with closing(open_database(path)) as connection:
        connection.execute("INSERT INTO control VALUES ('person', 3, '', 'test', '2026-01-26')")


def test_all_that_is_read_at_one_look_belongs_together(database: Path) -> None:
    with snapshot(database) as store:
        assert ControlTable(store, None).mode() is ControlMode.NORMAL
        halt(database)
        assert ControlTable(store, None).mode() is ControlMode.NORMAL
    with snapshot(database) as store:
        assert ControlTable(store, None).mode() is ControlMode.HALT


def test_a_look_writes_nothing(database: Path) -> None:
    with (
        pytest.raises(MendInput, match="read-only"),
        snapshot(database) as store,
    ):
        store.connection.execute("DELETE FROM control")


def test_a_look_lets_go_of_the_writers_log(database: Path) -> None:
    with closing(open_database(database)) as writer:
        with snapshot(database) as store:
            store.read("SELECT count(*) FROM control").fetchone()
        writer.execute("INSERT INTO control VALUES ('person', 3, '', 'test', '2026-01-26')")
        busy, _, _ = writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    assert busy == 0


def test_a_reader_that_never_lets_go_does_not_stop_a_day(tmp_path: Path) -> None:
    day = PlayedDay(tmp_path).run(until="09:34")
    with closing(sqlite3.connect(tmp_path / "trades.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM sessions").fetchone()
        day.run()
        assert day.one("SELECT phase FROM sessions") == "reported"
        with snapshot(tmp_path / "trades.db") as store:
            assert session_rows(store)[0].phase == "reported"
    busy, _, _ = day.store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    assert busy == 0


def test_a_lock_that_is_not_let_go_of_is_told_of_soon(database: Path) -> None:
    with closing(sqlite3.connect(database)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("CREATE TABLE held (open)")
        with pytest.raises(MendInput, match="locked by another program"), snapshot(database, 10):
            pass


def test_a_page_that_is_broken_inside_is_told_of_in_words(database: Path) -> None:
    content = bytearray(database.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    database.write_bytes(bytes(content))
    with (
        pytest.raises(MendInput, match="not a sound SQLite database"),
        snapshot(database) as store,
    ):
        session_rows(store)
