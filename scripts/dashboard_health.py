"""What of the program's health can be seen at once, without asking anybody."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from src.dashboard_facts import unsettled_differences
from src.database import schema_version, snapshot
from src.models import NEW_YORK
from src.ports import Check, MendInput, Verdict
from utils import machine_checks as machine

MOST_BACKUPS = 5


def at_once(folder: Path, database: Path, log: Path) -> tuple[Check, ...]:
    """Return rows on the record, the disk and the copies; nothing is written or sent."""
    return (
        _record(database),
        *_differences(database),
        machine.disk(folder),
        *_backups(folder, database),
        _log(folder / "logs" / log.name, log),
    )


def _record(database: Path) -> Check:
    if not database.exists():
        return Check("database", Verdict.SKIP, f"{database} is not there yet.")
    size = database.stat().st_size
    wal = database.with_name(f"{database.name}-wal")
    log = wal.stat().st_size if wal.exists() else 0
    words = f"{database}, {_megabytes(size)}, schema {schema_version()}; log {_megabytes(log)}."
    # SQLite folds its log in at 4 MB: a larger one means that somebody has been reading for long.
    if log > 64_000_000:
        mend = "Close what has the database open to read, such as a database viewer."
        return Check("database", Verdict.WARN, words, mend)
    return Check("database", Verdict.OK, words)


def _differences(database: Path) -> Iterator[Check]:
    name = "record and broker"
    if not database.exists():
        return
    try:
        with snapshot(database) as store:
            found = unsettled_differences(store)
    except MendInput as error:
        yield Check("database", Verdict.FAIL, str(error))
        return
    for day, text in found:
        yield Check(name, Verdict.FAIL, f"they differ on {day}: {text}", "Compare the account.")
    if not found:
        yield Check(name, Verdict.OK, "no session ended, or stands, with a difference.")


def _backups(folder: Path, database: Path) -> Iterator[Check]:
    copies = [*folder.glob(f"{database.name}*.bak"), *(folder / "tapes").glob("*.bak")]
    newest = sorted(copies, key=lambda each: each.stat().st_mtime, reverse=True)
    if not newest:
        words = "none yet; one is put beside the database before its schema changes."
        yield Check("backups", Verdict.SKIP, words)
    for each in newest[:MOST_BACKUPS]:
        told = each.stat()
        at = datetime.fromtimestamp(told.st_mtime, NEW_YORK)
        words = f"{each.name}, {_megabytes(told.st_size)}, of {at:%Y-%m-%d %H:%M} ET."
        yield Check("backups", Verdict.OK, words)


def _log(*places: Path) -> Check:
    """Return where the log is: a data directory that was named has one of its own."""
    for each in places:
        if each.is_file():
            return Check("log", Verdict.OK, f"{each}, {_megabytes(each.stat().st_size)}.")
    return Check("log", Verdict.SKIP, f"none yet at {places[-1]}.")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
