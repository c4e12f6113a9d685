"""Reports on the days that scripts/report.py was asked for; the database is only read."""

import argparse
import difflib
import logging
import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import NamedTuple

from scripts.play import next_sessions
from src.database import read_database
from src.period_figures import as_json, period_figures
from src.period_report import compose_period
from src.ports import MendInput
from src.report_files import WrittenReport, write_report
from src.report_records import PeriodFacts, read_period, recorded_days
from src.results_logger import ResultsLogger
from src.settings import Settings, load_settings
from src.words import LABELS
from utils.console import DONE, FAILED, Console, complain, exit_code, sentence

_log = logging.getLogger("optionsarbitrage")


class Span(NamedTuple):
    """A range of days, both included; `is_day` is whether one day was asked for by its date."""

    start: date
    end: date
    is_day: bool = False


def run(args: argparse.Namespace, span: Span, project: Path) -> int:
    """Print and write what is asked for; every failure ends in one sentence and its exit code."""
    try:
        settings = load_settings(args.config, root=project).settings
        data = args.data_dir or (project / settings.logging.database).parent
        with closing(_opened(data, settings)) as connection:
            _report(args, span, settings, data, connection)
    except KeyboardInterrupt as error:
        complain(sentence(error))
        return exit_code(error)
    except Exception as error:  # noqa: BLE001 - the outermost place: said and coded
        code = exit_code(error)
        level = logging.ERROR if code == FAILED else logging.DEBUG
        _log.log(level, "the details of what ended the report", exc_info=error)
        complain(sentence(error))
        return code
    return DONE


def _opened(data: Path, settings: Settings) -> sqlite3.Connection:
    database = data / settings.logging.database.name
    if not database.exists():
        others = [each for each in ("demo", "replay") if (data / each / database.name).exists()]
        there = " and ".join(f"--data-dir {data / each}" for each in others)
        hint = f"there are simulated days under {there}" if others else "let the program run first"
        raise MendInput(f"{database}: there is no database yet; {hint}.")
    return read_database(database)


def _report(
    args: argparse.Namespace,
    span: Span,
    settings: Settings,
    data: Path,
    connection: sqlite3.Connection,
) -> None:
    modes = _chosen(args.mode, read_period(connection, span.start, span.end))
    console = Console()
    if span.is_day and not modes:
        of = f" in the mode {args.mode}" if args.mode else ""
        words = recorded_days(connection, span.start)
        raise MendInput(f"Nothing was recorded on {span.start}{of}: {words}.")
    if args.json:
        told = [as_json(facts, period_figures(facts)) for facts in modes]
        console.data({"modes": told})
        return
    written = (
        ResultsLogger(connection, data, next_sessions(data, settings)).generate_daily_report(
            span.start
        )
        if span.is_day
        else _period(args.mode, span, modes, data, connection)
    )
    console.line(written.text)
    for path in written.paths:
        console.line(f"Written: {path}")


def _chosen(mode: str | None, modes: list[PeriodFacts]) -> list[PeriodFacts]:
    """Return the mode that is asked for, or all. Raises MendInput for one that does not exist."""
    known = {*LABELS, *(facts.mode for facts in modes)}
    if mode is not None and mode not in known:
        near = difflib.get_close_matches(mode, sorted(known), n=1)
        meant = f" Did you mean {near[0]}?" if near else ""
        raise MendInput(
            f"--mode {mode}: there is no such mode.{meant} ({', '.join(sorted(known))})"
        )
    return [facts for facts in modes if mode in {None, facts.mode}]


def _period(
    mode: str | None,
    span: Span,
    modes: list[PeriodFacts],
    data: Path,
    connection: sqlite3.Connection,
) -> WrittenReport:
    known = "" if modes else recorded_days(connection, span.start)
    blocks = compose_period(span.start, span.end, modes, known)
    name = f"{span.start}_to_{span.end}{f'_{mode}' if mode else ''}"
    return write_report(data / "reports", name, blocks)
