"""Answers the commands of a person: how the program is, and what it may still do."""

import argparse
import logging
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path

from scripts.session_so_far import SoFar, so_far
from src.control import HALT_FILE, Control, ControlMode, ControlTable, SetBy
from src.database import Store, open_database, read_database
from src.day_record import DayRecord
from src.journal import Journal
from src.models import NEW_YORK
from src.ports import MendInput, StopTrading
from src.settings import load_settings
from src.story import open_positions
from utils.console import (
    BAD_INPUT,
    DONE,
    FAILED,
    REFUSED,
    Console,
    complain,
    exit_code,
    sentence,
)
from utils.heartbeat import Beat, Life, read_beat
from utils.instance_lock import is_held
from utils.market_clock import WallClock

SIMULATED_FOLDERS = ("demo", "replay")
SIMULATED_MODES = frozenset(SIMULATED_FOLDERS)
_MODES = {
    "reduce-only": (
        ControlMode.REDUCE_ONLY,
        "nothing more is opened; what is open is watched as before",
    ),
    "close": (ControlMode.CLOSE, "nothing more is opened, and what is ours is closed at once"),
    "halt": (
        ControlMode.HALT,
        "nothing is opened and what is ours is closed at once, until resume",
    ),
}
_INDENT = 2
_log = logging.getLogger("optionsarbitrage")


class Process(StrEnum):
    """How the program is, as seen from outside."""

    RUNNING = "running"
    WAITING = "waiting"
    STUCK = "stuck"
    DEAD = "dead"
    STOPPED = "stopped"
    BETWEEN = "between ticks"
    NONE = "not running"

    @property
    def is_at_work(self) -> bool:
        """Whether a process holds the data directory."""
        return self in {Process.RUNNING, Process.WAITING, Process.STUCK}

    @property
    def watches(self) -> bool:
        """Whether an open position is looked after."""
        return self in {Process.RUNNING, Process.WAITING, Process.BETWEEN}


@dataclass(frozen=True, slots=True)
class View:
    """All that can be seen of one data directory. `position` is empty when none is open."""

    folder: Path
    wall: datetime
    process: Process
    beat: Beat | None
    session: date | None
    position: str
    so_far: SoFar | None = None

    @property
    def differences(self) -> str:
        """What the record and the broker disagreed on at the last tick of an unfinished day."""
        return self.beat.differences if self.beat and self.beat.life is not Life.ENDED else ""

    @property
    def is_well(self) -> bool:
        """Whether nobody needs to get up: no difference, and nothing open that is not watched."""
        return not self.differences and (not self.position or self.process.watches)

    def process_in_words(self) -> str:
        """Return in one sentence how the program is, and what that means."""
        beat = self.beat
        if self.process is Process.NONE or beat is None:
            return (
                f"The program is starting in {self.folder}."
                if self.process.is_at_work
                else f"Nothing runs in {self.folder}."
            )
        seen = f"last sign of life {_clock(beat.wall)} ET by this machine's clock"
        due = f", next tick {_clock(beat.next_tick)} ET" if beat.next_tick else ""
        day = f"{beat.mode} session {beat.session}, {beat.phase}"
        return {
            Process.RUNNING: f"Running: process {beat.pid} is in a tick ({day}).",
            Process.WAITING: f"Running: process {beat.pid} waits ({day}{due}).",
            Process.STUCK: f"STUCK: process {beat.pid} lives but does not go on ({day}; {seen}).",
            Process.DEAD: f"DEAD: process {beat.pid} ended without a word ({day}; {seen}).",
            Process.STOPPED: f"Stopped: process {beat.pid} was interrupted or failed "
            f"({day}; {seen}).",
            Process.BETWEEN: f"Between ticks: the program was started with --once ({day}{due}).",
        }[self.process]

    def position_in_words(self) -> str:
        """Return in one sentence what is open, and whether somebody must act."""
        if not self.position:
            return "No position is open."
        held = f"POSITION OPEN: {self.position}"
        if self.process.watches:
            return f"{held}."
        if self.process is Process.STUCK:
            pid = self.beat.pid if self.beat else "unknown"
            return f"{held}. NOTHING WATCHES IT: end process {pid} and start the program again."
        return f"{held}. NOTHING WATCHES IT: start the program again, it takes the position over."


def run(args: argparse.Namespace, project: Path) -> int:
    """Carry out one command; every failure ends in one sentence and its exit code."""
    try:
        settings = load_settings(args.config, (), root=project).settings
        folder = args.data_dir or (project / settings.logging.database).parent
        if args.data_dir:
            _check_folder(folder)
        database = folder / settings.logging.database.name
        with closing(_open(database, args.command)) as connection:
            store = Store(connection)
            if args.command == "status":
                return _status(store, folder, as_json=args.json)
            if args.command == "resume":
                return _resume(store, folder)
            return _wish(store, folder, args.command)
    except KeyboardInterrupt as error:
        complain(sentence(error))
        return exit_code(error)
    except Exception as error:  # noqa: BLE001 - the outermost place: said and coded
        code = exit_code(error)
        _log.log(logging.ERROR if code == FAILED else logging.DEBUG, "details", exc_info=error)
        hint = ""
        if code in {BAD_INPUT, FAILED} and args.command in _MODES:
            hint = f" If it hurries: an empty file named {HALT_FILE} in the data directory halts."
        complain(sentence(error) + hint)
        return code


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise MendInput(
            f"--data-dir {folder}: there is no such directory. Name the one that the program was "
            "started with; nothing was changed."
        )


def _open(database: Path, command: str) -> sqlite3.Connection:
    """Open the database: only to read for a look, as a program that is stuck may hold its lock."""
    if command == "status" and database.exists():
        return read_database(database)
    # Who only looks leaves nothing behind where nothing was.
    return open_database(database if database.exists() or command in _MODES else None)


def look(store: Store, folder: Path, wall: datetime) -> View:
    """Return what can be seen of a data directory at a moment of the wall's clock."""
    beat = read_beat(folder)
    process = judge(beat, wall, is_held=is_held(folder))
    session = date.fromisoformat(beat.session) if beat else _last_session(store)
    position = open_positions(Journal(store, session).positions()) if session else ""
    told = so_far(store, session) if session else None
    return View(folder, wall, process, beat, session, position, told)


def judge(beat: Beat | None, wall: datetime, *, is_held: bool) -> Process:
    """Return how a process is that left this sign of life and does, or does not, hold its lock.

    The lock tells alone whether it lives: the system lets go of it when its holder dies, and a
    process number can be another's by now.
    """
    if is_held:
        if beat is None or beat.life not in {Life.TICKING, Life.WAITING}:
            return Process.RUNNING  # it has just begun, or is just ending
        if beat.is_late(wall):
            return Process.STUCK
        return Process.RUNNING if beat.life is Life.TICKING else Process.WAITING
    return _judge_absent(beat, wall)


def _judge_absent(beat: Beat | None, wall: datetime) -> Process:
    if beat is None or beat.life is Life.ENDED:
        return Process.NONE
    if beat.life is Life.STOPPED:
        return Process.STOPPED
    if beat.life is Life.BETWEEN and not beat.is_late(wall):
        return Process.BETWEEN
    return Process.DEAD


def _last_session(store: Store) -> date | None:
    """Return the session that was worked on last, where no heartbeat tells it."""
    row = store.read("SELECT max(session) FROM sessions").fetchone()
    return date.fromisoformat(row[0]) if row[0] else None


# The commands.


def _status(store: Store, folder: Path, *, as_json: bool) -> int:
    view = look(store, folder, WallClock().now())
    # What was wished for a session that is over rules nothing any more.
    session = None if view.process is Process.NONE else view.session
    control = Control(ControlTable(store, session), folder)
    if as_json:
        Console().data(_as_json(view, control))
    else:
        Console().page("\n".join(_in_words(view, control, folder)), _INDENT)
    return DONE if view.is_well else REFUSED


def _in_words(view: View, control: Control, folder: Path) -> Iterator[str]:
    yield view.process_in_words()
    yield f"Mode: {control.rule() or 'normal'}."
    yield view.position_in_words()
    if view.differences:
        yield f"RECORD AND BROKER DIFFER: {view.differences}. Nothing new is opened."
    if view.so_far:
        yield from view.so_far.in_words()
    if view.process is Process.NONE and (others := _elsewhere(folder)):
        yield others


def _as_json(view: View, control: Control) -> Mapping[str, object]:
    beat, rule = view.beat, control.rule()
    return {
        "ok": view.is_well,
        "process": view.process.value,
        "pid": beat.pid if beat else None,
        "last_sign_of_life": beat.wall if beat else None,
        "session": view.session.isoformat() if view.session else None,
        "mode": beat.mode if beat else None,
        "phase": beat.phase if beat else None,
        "next_tick": beat.next_tick if beat else None,
        "control": {
            "mode": rule.mode.label if rule else "normal",
            "set_by": rule.set_by.value if rule else None,
            "reason": rule.reason if rule else None,
            "set_at": rule.set_at.isoformat() if rule and rule.set_at else None,
        },
        "position": view.position,
        "differences": view.differences,
        "so_far": view.so_far.as_json() if view.so_far else None,
    }


def _wish(store: Store, folder: Path, command: str) -> int:
    mode, meaning = _MODES[command]
    view = look(store, folder, WallClock().now())
    # For the next tick, whichever session it belongs to: it takes the wish for its own.
    table = ControlTable(store, None)
    table.raise_mode(mode, f"control.py {command}", _now(view), SetBy.PERSON)
    rules = table.mode()
    done = f"Mode {command} is set: {meaning}."
    if rules > mode:
        done = f"The mode stays {rules.label}, which is stronger than {command}; resume lifts it."
    console = Console()
    console.page(f"{done} {_reach(view)} {view.position_in_words()}", _INDENT)
    if not view.process.is_at_work and (others := _elsewhere(folder)):
        console.page(others, _INDENT)
    return DONE


def _resume(store: Store, folder: Path) -> int:
    view = look(store, folder, WallClock().now())
    file = folder / HALT_FILE
    if file.exists() or file.is_symlink():
        raise StopTrading(
            f"the file {file} is there and means halt. Delete it, then resume; nothing was changed."
        )
    ControlTable(store, _present_session(store, view)).lift()
    reach = _reach(view) if view.process.is_at_work else "Nothing runs now."
    words = f"Mode normal: the program may trade again. {reach} {view.position_in_words()}"
    Console().page(words, _INDENT)
    return DONE


def _present_session(store: Store, view: View) -> date | None:
    """Return the session that the breaker's halt may not be lifted in.

    Of a running program it is the one that it works on. A simulated day that was interrupted goes
    on where it stopped, so its session lasts until it is reported; a real one lasts all day.
    """
    if view.process.is_at_work and view.session:
        return view.session
    ended = ControlTable(store, None).breaker_session()
    known = DayRecord(store, ended).session_record() if ended else None
    if known and known.mode in SIMULATED_MODES:
        return None if known.phase == "reported" else ended
    return view.wall.date()


# Words.


def _reach(view: View) -> str:
    if view.process is Process.STUCK:
        return "THE PROGRAM IS STUCK and may not hear it."
    if view.process.is_at_work:
        return "The running program obeys within a second."
    if view.process is Process.DEAD:
        return "The program is dead; the wish is kept, and the next start obeys it."
    return "Nothing runs now; the wish is kept, and the next start obeys it."


def _now(view: View) -> datetime:
    """Return the program's own time for a simulated day that runs, the wall's otherwise."""
    if view.process.is_at_work and view.beat and view.beat.mode in SIMULATED_MODES:
        return datetime.fromisoformat(view.beat.now).astimezone(NEW_YORK)
    return view.wall


def _elsewhere(folder: Path) -> str:
    """Return a hint at a simulated day that runs beside this folder, empty if there is none."""
    running = [str(folder / each) for each in SIMULATED_FOLDERS if is_held(folder / each)]
    if not running:
        return ""
    return f"A simulated day runs in {' and '.join(running)}: name it with --data-dir."


def _clock(moment: str | None) -> str:
    if moment is None:
        return "never"
    return f"{datetime.fromisoformat(moment).astimezone(NEW_YORK):%H:%M:%S}"
