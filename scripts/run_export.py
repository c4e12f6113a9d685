"""Writes the CSV files of a command line, and says which are new."""

import argparse
import logging
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from src.database import open_database, read_database
from src.export_sheets import NAMES, sheets
from src.exports import NotAllWritten, Sheet, check_range, write_exports
from src.ports import MendInput
from src.settings import load_settings
from src.words import count, ended
from utils.console import BAD_INPUT, DONE, FAILED, Console, complain, exit_code, sentence
from utils.progress import Progress

_log = logging.getLogger("optionsarbitrage")


def run(args: argparse.Namespace, project: Path) -> int:
    """Export; every failure ends in one sentence and its exit code."""
    try:
        settings = load_settings(args.config, (), root=project).settings
        folder = args.data_dir or (project / settings.logging.database).parent
        database = folder / settings.logging.database.name
        check_range(args.start, args.end)
        dialect = args.csv_dialect or settings.exports.csv_dialect
        with closing(_open(database)) as connection:
            done = _write(args, connection, database.parent / "exports", dialect)
        _tell(done, args)
    except KeyboardInterrupt as error:
        complain("Interrupted. Each file is either new or as it was; the same command goes again.")
        return exit_code(error)
    except Exception as error:  # noqa: BLE001 - the outermost place: said and coded
        code = exit_code(error)
        _log.log(logging.ERROR if code == FAILED else logging.DEBUG, "details", exc_info=error)
        complain(sentence(error))
        return code
    return BAD_INPUT if done.problem else DONE


class Done(NamedTuple):
    """What became of an export: of how many days, which files, and what could not be written."""

    days: int
    written: Sequence[Path]
    problem: str = ""


def _write(
    args: argparse.Namespace, connection: sqlite3.Connection, folder: Path, dialect: str
) -> Done:
    progress = Progress(len(NAMES))
    (days,) = connection.execute(
        "SELECT count(*) FROM daily_summary WHERE date BETWEEN ? AND ?",
        (str(args.start), str(args.end)),
    ).fetchone()
    try:
        found = _watched(sheets(connection, args.start, args.end), progress)
        return Done(days, write_exports(folder, args.start, args.end, found, dialect))
    except NotAllWritten as error:
        return Done(days, error.written, str(error))
    finally:
        progress.clear()


def _open(database: Path) -> sqlite3.Connection:
    if not database.exists():
        raise MendInput(f"{database}: there is no database yet; let the program run first.")
    try:
        # Only looked at: an export may be asked for while the program is trading.
        return read_database(database)
    except MendInput:
        return open_database(database)  # an older one is brought up to date


def _watched(found: Iterator[Sheet], progress: Progress) -> Iterator[Sheet]:
    for done, name in enumerate(NAMES):
        progress.step(done, name)
        sheet = next(found)
        progress.step(done, f"{name}, {count(len(sheet.rows), 'row')}")
        yield sheet


def _tell(done: Done, args: argparse.Namespace) -> None:
    console = Console()
    written = [str(path) for path in done.written]
    if args.json:
        told = {"ok": not done.problem, "days": done.days, "written": written}
        console.data({**told, "problem": done.problem})
    else:
        for path in written:
            console.line(path)
    if not done.days:
        complain(
            f"Nothing is on record from {args.start} to {args.end}, so the files hold only the "
            "names of their columns. Generated days and replays have records of their own: "
            "--data-dir data/demo."
        )
    if done.problem:
        complain(ended(done.problem))
    if opened := [path.name for path in done.written if _is_open_elsewhere(path)]:
        complain(
            f"{', '.join(opened)}: open in LibreOffice, which still shows the old figures; "
            "reload it there (File, Reload) and do not save it over the new ones."
        )


def _is_open_elsewhere(path: Path) -> bool:
    """Whether LibreOffice has left its mark beside a file; the file itself it does not lock."""
    return path.with_name(f".~lock.{path.name}#").exists()
