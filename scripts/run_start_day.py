"""Finds today's session and keeps its run going; cron and launchd start this."""

import argparse
import logging
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path

from src.database import Store, read_database
from src.day_record import DayRecord
from src.models import Session
from src.ports import Clock, MendInput, StopTrading
from src.settings import load_settings
from utils.console import DONE, FAILED, INTERRUPTED, complain, exit_code, sentence
from utils.instance_lock import is_held, only_instance
from utils.keeper import Keeper, end_when_asked, run_once
from utils.market_calendar import MarketCalendar
from utils.market_clock import WallClock

LOCK = ".start.lock"
_log = logging.getLogger("optionsarbitrage")


def run(args: argparse.Namespace, project: Path, clock: Clock | None = None) -> int:
    """Run today's session to its end; a failure ends in one sentence and its exit code."""
    end_when_asked()
    try:
        settings = load_settings(args.config, args.overrides, root=project).settings
        folder = args.data_dir or (project / settings.logging.database).parent
        return _keep(args, project, folder, settings.logging.database.name, clock or WallClock())
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the outermost place: said and coded
        code = exit_code(error)
        _log.log(logging.ERROR if code == FAILED else logging.DEBUG, "details", exc_info=error)
        complain(sentence(error))
        return code


def _keep(args: argparse.Namespace, project: Path, folder: Path, name: str, clock: Clock) -> int:
    """Keep the day, and the next one where the machine slept over the end of it."""
    while True:
        day = clock.now().date()
        session = MarketCalendar(folder).session_on(day)
        code = _keep_session(args, project, folder, name, clock, session) if session else DONE
        if clock.now().date() == day:
            return code


def _keep_session(
    args: argparse.Namespace,
    project: Path,
    folder: Path,
    name: str,
    clock: Clock,
    session: Session,
) -> int:
    command = [sys.executable, str(project / "scripts" / "main.py"), *_passed_on(args)]
    keeper = Keeper(
        session,
        clock,
        is_done=lambda: _is_reported(folder / name, session.day),
        is_taken=lambda: is_held(folder),
        run=lambda: run_once(command),
        say=lambda text: print(f"{clock.now():%Y-%m-%d %H:%M:%S}  {text}", flush=True),
    )
    try:
        with only_instance(folder, LOCK), _awake():
            return keeper.keep()
    except StopTrading:
        return DONE  # another one keeps the day: cron starts one every ten minutes


def _passed_on(args: argparse.Namespace) -> list[str]:
    given = ["--live"] if args.live else []
    given += ["--config", str(args.config)] if args.config else []
    given += ["--data-dir", str(args.data_dir)] if args.data_dir else []
    return given + [part for each in args.overrides for part in ("--set", each)]


def _is_reported(database: Path, day: date) -> bool:
    if not database.exists():
        return False
    try:
        with closing(read_database(database)) as connection:
            return DayRecord(Store(connection), day).is_reported()
    except (MendInput, sqlite3.Error):
        return False  # the program itself says what is wrong with it, or brings it up to date


@contextmanager
def _awake() -> Iterator[None]:
    """Keep a Mac from going to sleep by itself for as long as this process lives."""
    path = shutil.which("caffeinate")
    if path is None:
        yield
        return
    words = [path, "-is", "-w", str(os.getpid())]
    with subprocess.Popen(words, stdin=subprocess.DEVNULL) as caffeinate:  # noqa: S603 - looked up in PATH
        try:
            yield
        finally:
            caffeinate.terminate()
