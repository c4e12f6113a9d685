"""What can be known of this machine before a trading day: one row for each thing.

Nothing is changed and nothing is sent. Libraries are imported inside the checks that need them, so
that a missing one is a row and not the end of all.
"""

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import date, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from src.database import schema_version
from src.dividends import first_after, last_before, load_dividends
from src.models import Session
from src.ports import Check, Verdict
from src.words import count
from utils import cron_entry, launch_agent
from utils.local_hours import machine_zone

if TYPE_CHECKING:
    from src.settings import Settings
    from utils.market_calendar import MarketCalendar

OLDEST, NEWEST = (3, 11), (3, 13)
LITTLE_DISK, FULL_DISK = 1_000_000_000, 100_000_000
"""Bytes free below which a person is warned, and below which a day may not be recorded."""
INSTALL = "Run make paper once, or pip install -r requirements.txt in the environment you use."
START = "make install-cron, or on a Mac make install-launchd: each shows what it does, and asks."
_COMMAND_SECONDS = 2
_OUTBOX_SCHEMA = 2
"""The first schema of the database that knows which channel took a message."""
_REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*(?P<limits>[^;#]*)")
_STARTS = re.compile(r"(main|start_day)\.py")
_LIMIT = re.compile(r"(>=|<=|==|<|>)\s*([0-9.]+)")

Run = Callable[[Sequence[str]], str | None]
"""Runs a command; its output, or None when there is no such command or it failed."""


def run_command(command: Sequence[str]) -> str | None:
    """Return what a command of this machine prints, None where it is missing or fails."""
    path = shutil.which(command[0])
    if path is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command, looked up in PATH
            [path, *command[1:]],
            capture_output=True,
            text=True,
            timeout=_COMMAND_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout if done.returncode == 0 else None


# Python and what it needs.


def python_version(found: tuple[int, ...] = tuple(sys.version_info[:3])) -> Check:
    """Return whether this Python is one with which the program was tested."""
    text = ".".join(map(str, found))
    if OLDEST <= found[:2] <= NEWEST:
        return Check("Python", Verdict.OK, f"{text}.")
    words = f"{text}; the program runs with 3.11 to 3.13."
    return Check("Python", Verdict.FAIL, words, "Install one of these and make the venv anew.")


def packages(requirements: Path, installed: Callable[[str], str] = version) -> Check:
    """Return whether every package of a requirements file is there in a version that it allows."""
    lines = requirements.read_text(encoding="utf-8").splitlines()
    asked = [found for line in lines if (found := _REQUIREMENT.match(line.strip()))]
    wrong = [text for each in asked if (text := _fault(each["name"], each["limits"], installed))]
    if wrong:
        return Check("packages", Verdict.FAIL, f"{'; '.join(wrong)}.", INSTALL)
    return Check("packages", Verdict.OK, f"{len(asked)} as {requirements.name} asks.")


def _fault(name: str, limits: str, installed: Callable[[str], str]) -> str:
    try:
        found = installed(name)
    except PackageNotFoundError:
        return f"{name} is not installed"
    compare: dict[str, Callable[[list[int], list[int]], bool]] = {
        ">=": lambda a, b: a >= b,
        "<=": lambda a, b: a <= b,
        "==": lambda a, b: a == b,
        "<": lambda a, b: a < b,
        ">": lambda a, b: a > b,
    }
    kept = all(compare[sign](*_padded(found, limit)) for sign, limit in _LIMIT.findall(limits))
    return "" if kept else f"{name} is {found}, and {limits.strip()} is asked for"


def _padded(one: str, other: str) -> tuple[list[int], list[int]]:
    numbers = [[int(part) for part in re.findall(r"\d+", text)[:4]] for text in (one, other)]
    first, second = (each + [0] * (4 - len(each)) for each in numbers)
    return first, second


# Where things are written.


def disk(folder: Path) -> Check:
    """Return whether there is room where the program writes."""
    free = shutil.disk_usage(_existing(folder)).free
    words = f"{free / 1e9:.1f} GB free at {folder}."
    if free >= LITTLE_DISK:
        return Check("disk", Verdict.OK, words)
    verdict = Verdict.WARN if free >= FULL_DISK else Verdict.FAIL
    return Check("disk", verdict, words, "Make room, or name another folder with --data-dir.")


def database(path: Path) -> Check:
    """Return whether the database is sound, may be written, and is of this program's schema."""
    if not path.exists():
        if _is_writable(path.parent):
            return Check("database", Verdict.OK, f"none yet; the first day makes {path}.")
        words = f"{path.parent} cannot be written."
        return Check("database", Verdict.FAIL, words, "Make the folder writable.")
    try:
        found, schema = _look_into(path)
    except sqlite3.DatabaseError as error:
        return _unusable(path, str(error))
    return _schema(path, schema) if found == "ok" else _unusable(path, found)


def _look_into(path: Path) -> tuple[str, int]:
    """Return what SQLite finds wrong with a file, else "ok", and its schema number."""
    uri = f"{path.resolve().as_uri()}?mode=rw"
    with closing(sqlite3.connect(uri, uri=True, timeout=0.3, isolation_level=None)) as opened:
        found = opened.execute("PRAGMA quick_check(1)").fetchone()[0]
        schema = opened.execute("PRAGMA user_version").fetchone()[0]
        opened.execute("BEGIN IMMEDIATE")
        opened.execute("ROLLBACK")
    return str(found), int(schema)


def _unusable(path: Path, why: str) -> Check:
    if "locked" in why or "busy" in why:
        words = f"{path} is being written by another program."
        mend = "Nothing, if that is this program at work; else close what has it open."
        return Check("database", Verdict.WARN, words, mend)
    mend = "Move the file aside (do not delete it), and restore the .bak beside it."
    if "readonly" in why or "unable to open" in why:
        mend = "Make the file and its folder writable (chmod u+w)."
    return Check("database", Verdict.FAIL, f"{path} cannot be used ({why}).", mend)


def _schema(path: Path, found: int) -> Check:
    known = schema_version()
    if found > known:
        words = f"{path} has schema {found}, and this program knows up to {known}."
        mend = "Update the program, or name another folder with --data-dir."
        return Check("database", Verdict.FAIL, words, mend)
    if found < known:
        words = f"{path} has schema {found}; the next start brings it to {known}, after a copy."
        return Check("database", Verdict.OK, words)
    return Check("database", Verdict.OK, f"{path} is sound, schema {found}.")


def lock(folder: Path) -> Check:
    """Return whether the data directory is free, or who is at work in it."""
    from utils.heartbeat import read_beat  # noqa: PLC0415 - beside it
    from utils.instance_lock import is_held  # noqa: PLC0415 - needs a package

    if not is_held(folder):
        return Check("lock", Verdict.OK, f"nobody else is at work in {folder}.")
    beat = read_beat(folder)
    who = f"process {beat.pid} ({beat.mode}, {beat.session})" if beat else "a process"
    mend = "Look with python scripts/control.py status; two at once are refused."
    return Check("lock", Verdict.WARN, f"{who} is at work in {folder}.", mend)


def log_folder(file: Path) -> Check:
    """Return whether the log can be written."""
    can_be_written = os.access(file, os.W_OK) if file.exists() else _is_writable(file.parent)
    if can_be_written and not file.is_dir():
        return Check("log", Verdict.OK, f"{file}.")
    mend = "Make its folder writable, or name another file with logging.file."
    return Check("log", Verdict.FAIL, f"{file} cannot be written.", mend)


def _existing(folder: Path) -> Path:
    return next(each for each in (folder, *folder.resolve().parents) if each.exists())


def _is_writable(folder: Path) -> bool:
    there = _existing(folder)
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)


# Whether it starts by itself, and at which time.


def schedule(
    run: Run = run_command, platform: str = sys.platform, home: Path | None = None, zone: str = ""
) -> Check:
    """Return whether cron or launchd starts the program, and by the zone that the machine is in."""
    name = "cron or launchd"
    table = run(["crontab", "-l"])
    lines = [line.strip() for line in (table or "").splitlines()]
    found = [line for line in lines if _STARTS.search(line) and not line.startswith("#")]
    zone = zone or machine_zone()[0]
    if found:
        made_for = cron_entry.zone_of(os.fsencode(table or ""))
        return _scheduled(f"cron has: {found[0]}", made_for, zone)
    agents = (home or Path.home()) / "Library" / "LaunchAgents"
    if platform == "darwin" and agents.is_dir():
        for plist in sorted(agents.glob("*.plist")):
            if _STARTS.search((content := plist.read_bytes()).decode(errors="replace")):
                return _scheduled(f"launchd has {plist.name}.", launch_agent.zone_of(content), zone)
    if platform != "darwin" and shutil.which("crontab") is None and table is None:
        return Check(name, Verdict.SKIP, "this machine has no crontab command.")
    return Check(name, Verdict.WARN, "nothing starts the program by itself.", START)


def _scheduled(words: str, made_for: str, zone: str) -> Check:
    name = "cron or launchd"
    if made_for in ("", zone.replace(" ", "-"), zone):
        return Check(name, Verdict.OK, words)
    words = f"{words.rstrip('.')}. It was made for {made_for}, and this machine is in {zone}."
    return Check(
        name, Verdict.WARN, words, "Install it again: make install-cron or install-launchd."
    )


def sleep(run: Run = run_command, platform: str = sys.platform) -> Check:
    """Return whether a Mac goes to sleep by itself, during which cron starts nothing."""
    if platform != "darwin":
        return Check("sleep", Verdict.SKIP, "only a Mac is asked whether it will sleep.")
    told = run(["pmset", "-g"])
    minutes = re.search(r"^\s*sleep\s+(\d+)", told or "", re.MULTILINE)
    if minutes is None:
        return Check("sleep", Verdict.SKIP, "pmset does not say whether this Mac will sleep.")
    if minutes[1] == "0":
        return Check("sleep", Verdict.OK, "this Mac does not sleep by itself.")
    words = f"this Mac sleeps after {minutes[1]} idle minutes, and cron with it."
    woken = run(["pmset", "-g", "sched"])
    if woken and re.search(r"(?m)^\s*wake.*", woken):
        return Check("sleep", Verdict.OK, f"{words} It is woken by pmset's schedule.")
    mend = (
        "make install-launchd tells the command that wakes it in time (sudo pmset repeat ...); "
        "a day that runs keeps it awake."
    )
    return Check("sleep", Verdict.WARN, words, mend)


def clock(now: datetime, run: Run = run_command) -> Check:
    """Return the time in New York and here, and whether the clock is kept by the network.

    `now` is the present in New York; how far it is off only a broker's clock can tell.
    """
    opening = now.replace(hour=9, minute=30, second=0, microsecond=0).astimezone()
    words = f"{now:%Y-%m-%d %H:%M:%S} in New York, where 09:30 is {opening:%H:%M} on this machine."
    if (run(["timedatectl", "show", "-p", "NTPSynchronized", "--value"]) or "").strip() == "no":
        mend = "Switch it on: sudo timedatectl set-ntp true. Quotes are judged by their age."
        return Check("clock", Verdict.WARN, f"{words} It is not kept by network time.", mend)
    return Check("clock", Verdict.OK, words)


# The exchange's days.


def calendar(today: date, days: "MarketCalendar") -> Check:
    """Return today's session and the next half day."""
    session = days.session_on(today)
    half = _next_half_day(today, days)
    told = f"The next half day is {half.day:%A} {half.day}." if half else "No half day is known."
    if session is None:
        coming = days.next_session(today)
        words = (
            f"closed today, {today:%A} {today}; the next session is {coming.day:%A} {coming.day}."
        )
    else:
        words = f"open today from {session.open:%H:%M} to {session.close:%H:%M} ET."
    return Check("calendar", Verdict.OK, f"{words} {told}")


def _next_half_day(today: date, days: "MarketCalendar") -> Session | None:
    for ahead in range(1, 366):
        session = days.session_on(today + timedelta(days=ahead))
        if session and session.is_half_day:
            return session
    return None


def ex_dividend(today: date, table: Path, days: "MarketCalendar") -> Check:
    """Return SPY's next ex-dividend date; a warning on its eve, and where the table ends.

    Calls that are exercised on the eve carry the dividend away from whoever is short of them.
    """
    name = "ex-dividend"
    known = load_dividends(table)
    coming, last = first_after(today, known), last_before(today, known)
    if coming is None:
        words = f"{table.name} knows no date of SPY after {today}."
        return Check(name, Verdict.WARN, words, f"Add the dates that the fund names to {table}.")
    if days.next_session(today).day >= coming.ex_date:
        words = f"SPY is quoted without its dividend from {coming.ex_date} on."
        mend = "Calls assigned tonight cost the dividend as well; hold none over the close."
        return Check(name, Verdict.WARN, words, mend)
    end = known[-1].ex_date
    ends = "the last in the table" if end == coming.ex_date else f"the table ends with {end}"
    words = f"the next date of SPY is {coming.ex_date}, {ends}."
    if last and not last.is_known:
        words += f" The amount of {last.ex_date} is taken as ${last.amount:.2f}, as the one before."
        mend = f"Put the amount that was paid into {table}."
        return Check(name, Verdict.WARN, words, mend)
    return Check(name, Verdict.OK, words)


# Who is told, and with which keys.


def notifications(settings: "Settings", database: Path | None = None) -> Check:
    """Return which channels are configured, and whether messages wait for them in the database.

    An address holds a password and is not shown.
    """
    from src.channels import channels  # noqa: PLC0415 - needs a package

    names = [each.name for each in channels(settings.notifications)]
    if not names:
        mend = "Put an address into .env; see notifications in config/config.yaml."
        return Check("notifications", Verdict.WARN, "none: nobody hears of trouble.", mend)
    found = f"{', '.join(names)}."
    waiting = _waiting_messages(database, names) if database else []
    if not waiting:
        return Check("notifications", Verdict.OK, found)
    mend = "python scripts/doctor.py --notify tries each channel; the next start sends them."
    return Check("notifications", Verdict.WARN, " ".join([found, *waiting]), mend)


def _waiting_messages(database: Path, names: Sequence[str]) -> list[str]:
    """Return in words how many messages of the last days each channel has not taken, and why."""
    if not database.exists():
        return []
    uri = f"{database.resolve().as_uri()}?mode=rw"
    with closing(sqlite3.connect(uri, uri=True, timeout=1)) as opened:
        opened.execute("PRAGMA query_only = ON")
        if opened.execute("PRAGMA user_version").fetchone()[0] < _OUTBOX_SCHEMA:
            return []
        rows = opened.execute(
            "SELECT channel, count(*), max(last_error) FROM deliveries"
            " WHERE delivered_at IS NULL GROUP BY channel ORDER BY channel"
        ).fetchall()
    return [
        f"{count(number, 'message')} not delivered by {name}{f' ({why})' if why else ''}."
        for name, number, why in rows
        if name in names
    ]


def keys(settings: "Settings", *, live: bool = False) -> Check:
    """Return whether the broker's keys are there; what they are worth only the broker knows.

    Without any, a paper day is a generated one: no fault, unless real money is asked for.
    """
    broker = settings.broker
    if broker.name != "alpaca":
        return Check("keys", Verdict.SKIP, f"{broker.name} needs none.")
    missing = broker.missing_keys
    if not missing:
        return Check("keys", Verdict.OK, "both are given.")
    mend = "Put them into .env; see .env.example."
    words = f"not given: {' and '.join(missing)}."
    if len(missing) == 1 or live:
        return Check("keys", Verdict.FAIL, words, mend)
    words += " Without them --paper plays generated days, and no other can be traded."
    return Check("keys", Verdict.WARN, words, mend)
