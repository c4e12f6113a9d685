"""CSV files for a spreadsheet: whole or not at all, plain numbers, and no live formulas."""

import errno
import os
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from src.models import NEW_YORK
from src.ports import MendInput

Cell = str | int | float | Decimal | datetime | None

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""A text cell that begins with one of these would be run as a formula (OWASP, CSV injection).

The last four are the full-width forms of the first.
"""
FOUR_DECIMALS = frozenset({"ratio", "win_rate", "profit_factor"})
_MENDS = {
    errno.ENOSPC: "free some space on the disk and start again",
    errno.EDQUOT: "free some space on the disk and start again",
    errno.EACCES: "make its folder writable, or close the program that has the file open",
    errno.EPERM: "make its folder writable, or close the program that has the file open",
    errno.EROFS: "the disk is read-only, so name another folder with --data-dir",
    errno.ENOTDIR: "move aside the file that stands where the folder should be",
    errno.EEXIST: "move aside the file that stands where the folder should be",
    errno.EISDIR: "move aside the folder that stands in its place",
}


class Dialect(NamedTuple):
    """How a spreadsheet program of one country reads a CSV file without being asked.

    `between` stands between the date and the time of day. LibreOffice takes only "T" for a time
    unless told to detect special numbers, and Excel only a space. `mark` begins the file: without
    a byte order mark Excel does not take it for UTF-8, and with one most other readers stumble.
    """

    separator: str
    decimal: str
    between: str
    mark: str


DIALECTS = {
    "standard": Dialect(",", ".", "T", ""),
    "german": Dialect(";", ",", "T", "\ufeff"),
    "excel": Dialect(",", ".", " ", "\ufeff"),
    "excel-german": Dialect(";", ",", " ", "\ufeff"),
}
STANDARD = "standard"


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table on its way to a file. Floats and Decimals are dollars unless named otherwise.

    Moments are shown in New York time, to the second.
    """

    name: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[Cell]]


class NotAllWritten(MendInput):
    """Some files of an export could not be written; `written` are the others."""

    def __init__(self, words: str, written: Sequence[Path]) -> None:
        super().__init__(words)
        self.written = tuple(written)


def check_range(start: date | None, end: date | None) -> None:
    """Raise MendInput when a range of days ends before it starts; `None` is an open end."""
    if start and end and end < start:
        raise MendInput(
            f"The range ends on {end}, before it starts on {start}: "
            f"give the earlier day first ({end} to {start})."
        )


def write_atomically(path: Path, text: str) -> None:
    """Replace a file by `text` in UTF-8, durably: a reader sees the old one or the new one.

    Line ends are written as given. Raises MendInput, in one sentence, when the file cannot be
    written; the old file is then as it was.
    """
    try:
        _replace(path, text)
    except OSError as error:
        raise MendInput(not_written(path, error)) from error


def _replace(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with part.open("wb") as file:
            file.write(text.encode("utf-8"))
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def not_written(path: Path, error: OSError) -> str:
    """Return in one sentence why a file could not be written, and how to mend it."""
    return f"{path} could not be written ({_reason(error)}); what was there before is unchanged."


def _reason(error: OSError) -> str:
    mend = _MENDS.get(error.errno or 0, "make sure that its folder can be written to")
    return f"{error.strerror or error}: {mend}"


def write_exports(
    folder: Path, start: date, end: date, sheets: Iterable[Sheet], dialect: str = STANDARD
) -> list[Path]:
    """Write each sheet as a CSV file named by the range of its days; return the paths.

    One that cannot be written, say because another program has it open, does not keep the others
    from it: then NotAllWritten is raised once all were tried, with what to do.
    """
    written: list[Path] = []
    failed: list[tuple[Path, OSError]] = []
    for sheet in sheets:
        path = folder / f"{sheet.name}_{start}_to_{end}.csv"
        try:
            _replace(path, csv_text(sheet, DIALECTS[dialect]))
        except OSError as error:
            failed.append((path, error))
        else:
            written.append(path)
    if failed:
        raise NotAllWritten(_not_all(folder, start, end, failed, len(written)), written)
    return written


def _not_all(
    folder: Path, start: date, end: date, failed: Sequence[tuple[Path, OSError]], others: int
) -> str:
    reasons = "; ".join(dict.fromkeys(_reason(error) for _, error in failed))
    what = str(failed[0][0])
    if len(failed) > 1:
        names = ", ".join(path.name for path, _ in failed)
        what = f"In {folder} {len(failed)} CSV files, {names},"
    rest = f", {others} other{'s are' if others > 1 else ' is'} written" if others else ""
    again = f"python scripts/export.py {start} {end} --data-dir {shlex.quote(str(folder.parent))}"
    return (
        f"{what} could not be written ({reasons}, then run {again}); what was there before is "
        f"unchanged{rest}, and the database has all of it."
    )


def csv_text(sheet: Sheet, dialect: Dialect = DIALECTS[STANDARD]) -> str:
    """Return a sheet as CSV, its lines ended by CR LF; an unknown value is an empty cell."""
    import pandas as pd  # noqa: PLC0415 - slow to load, and most of a day does without it

    rows = [
        [_cell(*pair, dialect) for pair in zip(sheet.columns, row, strict=True)]
        for row in sheet.rows
    ]
    frame = pd.DataFrame(rows, columns=list(sheet.columns), dtype=object)
    text = frame.to_csv(index=False, sep=dialect.separator, lineterminator="\r\n")
    return f"{dialect.mark}{text}"


def _cell(column: str, value: Cell, dialect: Dialect) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if value.lstrip(" ").startswith(FORMULA_STARTS) else value
    if isinstance(value, int):
        return str(value)
    if isinstance(value, datetime):
        return f"{value.astimezone(NEW_YORK):%Y-%m-%d{dialect.between}%H:%M:%S}"
    places = 4 if column in FOUR_DECIMALS else 2
    # "z" writes a rounded minus zero as a plain one.
    return f"{value:z.{places}f}".replace(".", dialect.decimal)
