"""The database is opened at its newest schema or refused in words, and never lost."""

import importlib.util
import os
import shutil
import sqlite3
from pathlib import Path
from types import ModuleType

import pytest

from src import database
from src.courier import Courier, Outbox
from src.database import MIGRATIONS, Remembered, Store, open_database, schema_version
from src.ports import MendInput
from tests.fakes.builders import DAY
from tests.fakes.letters import EMAIL, NOW, Postman

ROW = "INSERT INTO control VALUES ('person', 3, '2026-03-09', 'test', '2026-03-09T10:00:00-04:00')"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "trades.db"


def refusal(path: Path) -> str:
    with pytest.raises(MendInput) as caught:
        open_database(path)
    return str(caught.value)


def version(path: Path) -> int:
    other = sqlite3.connect(path)
    found: int = other.execute("PRAGMA user_version").fetchone()[0]
    other.close()
    return found


def a_later_program(folder: Path, *migrations: str) -> ModuleType:
    """Return the module as it will be once these migrations have followed those of today."""
    home = folder / "later"
    shutil.copytree(database.MIGRATIONS, home / "migrations")
    source = Path(shutil.copy(str(database.__file__), home))
    for number, script in enumerate(migrations, start=schema_version() + 1):
        (home / "migrations" / f"{number:04}_later.sql").write_text(script, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("later_database", source)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def with_a_row(path: Path) -> None:
    connection = open_database(path)
    connection.execute(ROW)
    connection.close()


# Fresh.


def test_a_fresh_database_is_made_with_its_folder_at_the_newest_schema(path: Path) -> None:
    open_database(path).close()
    assert version(path) == schema_version() >= 1
    assert list(path.parent.glob("*.bak")) == [], "there was nothing to keep"


def test_the_columns_that_were_promised_are_there() -> None:
    connection = open_database(None)
    promised = {
        "trades": "trade_id date spy_price spx_price spy_strike spx_strike spy_bid spy_ask"
        " spx_bid spx_ask entry_credit exit_cost exit_reason final_pnl entry_time exit_time",
        "daily_summary": "date trades_count total_pnl win_rate notes",
    }
    for table, columns in promised.items():
        # The name is one of the two above.
        found = connection.execute(f"SELECT name FROM pragma_table_info('{table}')")  # noqa: S608
        assert set(columns.split()) <= {row["name"] for row in found}


def test_every_table_refuses_a_value_of_the_wrong_kind() -> None:
    connection = open_database(None)
    tables = connection.execute(
        "SELECT name, strict FROM pragma_table_list WHERE type = 'table' AND schema = 'main'"
        " AND name NOT LIKE 'sqlite_%'"
    ).fetchall()
    assert len(tables) > 10
    assert [row["name"] for row in tables if not row["strict"]] == []


def test_what_is_there_is_still_there_when_it_is_opened_again(path: Path) -> None:
    with_a_row(path)
    connection = open_database(path)
    assert connection.execute("SELECT mode FROM control").fetchone()["mode"] == 3
    connection.close()


@pytest.mark.parametrize(("durable", "level"), [(True, 2), (False, 1)])
def test_a_commit_is_as_durable_as_was_asked(path: Path, *, durable: bool, level: int) -> None:
    connection = open_database(path, durable=durable)
    assert connection.execute("PRAGMA synchronous").fetchone()[0] == level
    assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert connection.execute("PRAGMA foreign_keys").fetchone()[0] == 1
    connection.close()


# Refused.


def test_a_database_of_a_newer_program_is_refused_and_left_as_it_is(path: Path) -> None:
    with_a_row(path)
    other = sqlite3.connect(path)
    other.execute("PRAGMA user_version = 99")
    other.close()
    before = path.read_bytes()
    text = refusal(path)
    assert str(path) in text
    assert f"has schema 99, and this program knows up to {schema_version()}" in text
    assert "Update the program" in text
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("date,pnl\n2026-03-09,637.85\n" * 100)
    before = path.read_bytes()
    text = refusal(path)
    assert "not a sound SQLite database; move it aside (do not delete it)" in text
    assert path.read_bytes() == before


def test_a_database_of_another_program_is_refused_and_left_as_it_is(path: Path) -> None:
    path.parent.mkdir()
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE moz_bookmarks (id INTEGER)")
    other.commit()
    other.close()
    before = path.read_bytes()
    text = refusal(path)
    assert "database of another program (1 tables that are not ours)" in text
    assert "--data-dir" in text
    assert path.read_bytes() == before


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "data"
    file.write_text("in the way")
    text = refusal(file / "trades.db")
    assert "cannot be opened" in text
    assert "Check that the folder exists" in text


def test_a_folder_in_place_of_the_file_is_refused(path: Path) -> None:
    path.mkdir(parents=True)
    assert "cannot be opened" in refusal(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write to a read-only file")
def test_a_read_only_file_is_found_out_before_the_day_begins(path: Path) -> None:
    with_a_row(path)
    path.chmod(0o400)
    path.parent.chmod(0o500)
    try:
        assert "read-only" in refusal(path)
    finally:
        path.parent.chmod(0o700)


# Migrated.


def test_an_older_database_is_migrated_with_a_copy_of_it_beside(tmp_path: Path, path: Path) -> None:
    with_a_row(path)
    old = schema_version()
    later = a_later_program(tmp_path, "ALTER TABLE control ADD COLUMN who TEXT;", "SELECT 1;")
    connection = later.open_database(path)
    assert dict(connection.execute("SELECT mode, who FROM control").fetchone()) == {
        "mode": 3,
        "who": None,
    }
    connection.close()
    assert version(path) == old + 2
    backup = path.with_name(f"trades.db.schema{old}.bak")
    assert version(backup) == old
    copy = sqlite3.connect(backup)
    assert copy.execute("SELECT mode FROM control").fetchall() == [(3,)]
    copy.close()


def test_a_migration_that_fails_half_way_leaves_the_old_database(
    tmp_path: Path, path: Path
) -> None:
    with_a_row(path)
    old = schema_version()
    later = a_later_program(tmp_path, "DELETE FROM control; INSERT INTO no_such_table VALUES (1);")
    with pytest.raises(MendInput, match="no such table"):
        later.open_database(path)
    assert version(path) == old
    connection = open_database(path)
    assert connection.execute("SELECT mode FROM control").fetchone()["mode"] == 3
    connection.close()


def test_the_steps_before_one_that_fails_are_kept(tmp_path: Path, path: Path) -> None:
    with_a_row(path)
    old = schema_version()
    later = a_later_program(tmp_path, "ALTER TABLE control ADD COLUMN who TEXT;", "NONSENSE;")
    with pytest.raises(MendInput):
        later.open_database(path)
    assert version(path) == old + 1


def test_messages_of_the_first_schema_are_kept_with_a_level_and_without_their_old_prefix(
    path: Path,
) -> None:
    path.parent.mkdir()
    first = sqlite3.connect(path)
    first.executescript((MIGRATIONS / "0001_first.sql").read_text(encoding="utf-8"))
    first.execute("PRAGMA user_version = 1")
    first.execute(
        "INSERT INTO sessions VALUES ('2026-03-09', 'paper', 's', 'k', 'p', 'a', 'a', NULL)"
    )
    rows = [
        (
            "opened 2026-03-09-1",
            "optionsarbitrage: opened 2026-03-09-1",
            "2026-03-09T09:36:00-04:00",
        ),
        ("Daily loss limit", "optionsarbitrage ALERT: Daily loss limit", None),
        ("closed 2026-03-09-1", "optionsarbitrage: closed 2026-03-09-1", None),
        ("result", "optionsarbitrage: result", None),
    ]
    for key, title, delivered in rows:
        first.execute(
            "INSERT INTO notifications (session, at, key, title, text, delivered_at)"
            " VALUES ('2026-03-09', '2026-03-09T09:36:00-04:00', ?, ?, 'text', ?)",
            (key, title, delivered),
        )
    first.commit()
    first.close()
    connection = open_database(path)
    found = connection.execute(
        "SELECT id, key, title, level, html, delivered_at FROM notifications ORDER BY id"
    ).fetchall()
    assert [tuple(row) for row in found] == [
        (1, rows[0][0], rows[0][0], "trade entered", "", rows[0][2]),
        (2, rows[1][0], rows[1][0], "warning", "", None),
        (3, rows[2][0], rows[2][0], "trade exited", "", None),
        (4, "result", "result", "daily summary", "", None),
    ]
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    postman = Postman()
    courier = Courier(Outbox(Store(connection), DAY, (EMAIL,)), EMAIL, postman, print)
    for _ in range(3):
        courier.step(NOW, hurry=True)
    assert postman.titles() == [title for title, *_ in rows[1:]], "each once, and none twice"
    connection.close()


# Writing.


def test_writes_are_seen_by_others_once_they_are_committed(path: Path) -> None:
    store, other = Store(open_database(path)), open_database(path)

    def seen() -> int:
        return len(other.execute("SELECT * FROM control").fetchall())

    assert store.write(ROW) == 1
    assert seen() == 0
    store.commit()
    assert seen() == 1
    store.connection.close()
    other.close()


def test_what_was_not_committed_can_be_forgotten() -> None:
    store = Store(open_database(None))
    store.write(ROW)
    store.rollback()
    assert store.read("SELECT * FROM control").fetchall() == []


def test_committing_and_forgetting_nothing_is_no_error() -> None:
    store = Store(open_database(None))
    store.commit()
    store.rollback()


def counted(store: Store) -> Remembered[int]:
    return Remembered(store, lambda: len(store.read("SELECT * FROM control").fetchall()))


def test_what_is_remembered_is_read_again_once_it_was_forgotten() -> None:
    store = Store(open_database(None))
    rows = counted(store)
    assert rows.get() == 0
    store.write(ROW)
    assert rows.get() == 0
    rows.forget()
    assert rows.get() == 1


def test_what_a_rollback_took_back_is_not_remembered() -> None:
    store = Store(open_database(None))
    rows = counted(store)
    store.write(ROW)
    rows.become(1)
    assert rows.get() == 1
    store.rollback()
    assert rows.get() == 0


def test_what_was_not_committed_is_gone_with_the_process(path: Path) -> None:
    store = Store(open_database(path))
    store.write(ROW)
    store.connection.close()
    connection = open_database(path)
    assert connection.execute("SELECT * FROM control").fetchall() == []
    connection.close()
