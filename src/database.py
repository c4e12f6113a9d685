"""Opening the one database: checked, migrated in place with a backup, durable."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Generic, TypeVar

from src.ports import MendInput

T = TypeVar("T")

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_TIMEOUT_MS = 5_000


class Store:
    """A connection whose writes gather in one transaction until they are committed.

    `commit` is called before anything leaves the program and before anything waits.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.rollbacks = 0
        self._writer = connection.cursor()  # one for all: a new one costs a tenth of a write

    def read(self, sql: str, values: Sequence[object] = ()) -> sqlite3.Cursor:
        """Run a query."""
        return self.connection.execute(sql, values)

    def write(self, sql: str, values: Sequence[object] = ()) -> int:
        """Run a change within the open transaction; return the number of rows it touched."""
        writer = self._writer
        if not self.connection.in_transaction:
            writer.execute("BEGIN IMMEDIATE")
        return writer.execute(sql, values).rowcount

    def commit(self) -> None:
        """Make everything written so far survive the death of the process."""
        if self.connection.in_transaction:
            self._writer.execute("COMMIT")

    def rollback(self) -> None:
        """Forget what was written since the last commit."""
        self.rollbacks += 1
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")


class Remembered(Generic[T]):
    """What a store holds, read once and again after it was forgotten or a rollback belied it.

    Not for control modes and overrides: other processes write those, and only those, while this
    one holds the data directory.
    """

    def __init__(self, store: Store, read: Callable[[], T]) -> None:
        self._store = store
        self._read = read
        self.forget()

    def forget(self) -> None:
        """Read again when asked the next time: something was written."""
        self._as_of = -1

    def become(self, value: T) -> None:
        """Take note of what has just been written, so that it need not be read."""
        self._value, self._as_of = value, self._store.rollbacks

    def get(self) -> T:
        """Return what the store holds, changes that are not committed included."""
        if self._as_of != self._store.rollbacks:
            self.become(self._read())
        return self._value


def open_database(path: Path | None, *, durable: bool = True) -> sqlite3.Connection:
    """Open `trades.db` at its newest schema; `None` opens one in memory.

    An older schema is migrated, after a copy of the file was put beside it. With `durable` every
    commit survives a power cut; without it, only the death of the process: enough for a
    simulated day, which can be run again. Raises MendInput, in words, for a file that is locked,
    read-only, no database, or written by a newer program.
    """
    name = str(path) if path else ":memory:"
    try:
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(name, timeout=BUSY_TIMEOUT_MS / 1000, isolation_level=None)
    except (sqlite3.Error, OSError) as error:
        raise MendInput(
            f"{name}: the database cannot be opened ({error}). "
            "Check that the folder exists and may be written to; nothing was changed."
        ) from error
    try:
        connection.row_factory = sqlite3.Row
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        connection.execute("PRAGMA foreign_keys = ON")
        _refuse_a_strange_one(connection, path)
        connection.execute("PRAGMA journal_mode = WAL")
        # Nothing that is written here need outlive a power cut: it would be written again.
        connection.execute("PRAGMA synchronous = NORMAL")
        _migrate(connection, path)
        # A read-only file is found out here and not in the middle of a trade.
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(f"PRAGMA user_version = {_version(connection)}")
        connection.execute("COMMIT")
        if durable:
            connection.execute("PRAGMA synchronous = FULL")
    except sqlite3.Error as error:
        connection.close()
        raise MendInput(f"{name}: {_in_words(error)}; nothing was changed.") from error
    except MendInput:
        connection.close()
        raise
    return connection


def read_database(path: Path, patience_ms: int = BUSY_TIMEOUT_MS) -> sqlite3.Connection:
    """Open an existing `trades.db` only to look at it, also while another program is writing.

    A lock is waited for so many milliseconds. Raises MendInput, in words, for a file that this
    program cannot read.
    """
    try:
        connection = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=rw", uri=True, timeout=patience_ms / 1000
        )
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA query_only = ON")
        found = _version(connection)
    except sqlite3.Error as error:
        raise MendInput(f"{path}: {_in_words(error)}; nothing was changed.") from error
    if found != schema_version():
        connection.close()
        raise MendInput(
            f"{path}: this database has schema {found}, and this program knows {schema_version()}. "
            "Use the program that wrote it, or start this one, which brings an older one up to "
            "date; nothing was changed."
        )
    return connection


@contextmanager
def snapshot(path: Path, patience_ms: int = 500) -> Iterator[Store]:
    """Look at one moment of an existing `trades.db`, and let go of it when the block ends.

    All that is read belongs together. A reader that stays keeps the writer's log growing, so the
    block should be short. Raises MendInput, in words, also for what is found out while reading.
    """
    with closing(read_database(path, patience_ms)) as connection:
        try:
            connection.execute("BEGIN")
            yield Store(connection)
        except sqlite3.Error as error:
            raise MendInput(f"{path}: {_in_words(error)}; nothing was changed.") from error


def schema_version() -> int:
    """Return the newest schema number that this program knows."""
    return len(_scripts())


def _scripts() -> list[Path]:
    return sorted(MIGRATIONS.glob("[0-9]*.sql"))


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _refuse_a_strange_one(connection: sqlite3.Connection, path: Path | None) -> None:
    """Raise MendInput for a database of a newer program, or of another one."""
    found, known = _version(connection), schema_version()
    if found > known:
        raise MendInput(
            f"{path}: this database has schema {found}, and this program knows up to {known}. "
            "Update the program, or name another folder with --data-dir; nothing was changed."
        )
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if found == 0 and tables:
        raise MendInput(
            f"{path}: this is a database of another program ({tables} tables that are not ours). "
            "Name another folder with --data-dir; nothing was changed."
        )


def _migrate(connection: sqlite3.Connection, path: Path | None) -> None:
    """Bring an older schema up to date, after a copy was put beside it."""
    found = _version(connection)
    if 0 < found < schema_version() and path:
        backup = path.with_name(f"{path.name}.schema{found}.bak")
        with closing(sqlite3.connect(backup)) as copy:
            connection.backup(copy)
    for number, script in enumerate(_scripts()[found:], start=found + 1):
        # One transaction each, with the number that records it.
        connection.executescript(
            f"BEGIN IMMEDIATE;\n{script.read_text(encoding='utf-8')}\n"
            f"PRAGMA user_version = {number};\nCOMMIT;"
        )


def _in_words(error: sqlite3.Error) -> str:
    text = str(error)
    if "locked" in text or "busy" in text:
        return (
            "the database is locked by another program; close what has it open "
            "(a database viewer?) and start again"
        )
    if "readonly" in text:
        return "the database is read-only; make the file and its folder writable (chmod u+w)"
    if "not a database" in text or "malformed" in text:
        return (
            "this file is not a sound SQLite database; move it aside (do not delete it) and start "
            "again, or restore the .bak beside it"
        )
    return f"the database answers: {text}"
