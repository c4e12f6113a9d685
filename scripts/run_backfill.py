"""Does what backfill.py is asked, and ends with a sentence and a code."""

import argparse
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from types import FrameType
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from brokers.foreign_rows import Foreign, column_map
from brokers.tape_import import ForeignFile, Wanted, import_day, read_foreign, there_already
from brokers.tape_verify import verify
from scripts.fetch_days import Fetching, fetch, sessions_between, summary
from src.ports import MendInput, StopTrading
from src.words import count as counted
from src.words import ended
from utils.console import BAD_INPUT, DONE, FAILED, Console, complain, exit_code, sentence
from utils.instance_lock import only_instance
from utils.logging_setup import hide
from utils.market_calendar import MarketCalendar
from utils.market_clock import WallClock
from utils.progress import Progress

GO_ON = "What is done is kept: the same command goes on from there."


def run(args: argparse.Namespace, project: Path) -> int:
    """Run a command line; every failure ends in one sentence and its exit code."""
    signal.signal(signal.SIGTERM, _interrupt)
    calendar = MarketCalendar(project / "data" if (project / "data").is_dir() else None)
    secrets: list[str] = []
    commands: dict[str, Callable[[], int]] = {
        "fetch": lambda: _fetch(args, project, calendar, secrets),
        "import": lambda: _import(args, calendar),
        "verify": lambda: _verify(args.folder, calendar, as_json=args.json),
    }
    try:
        return commands[args.command]()
    except KeyboardInterrupt as error:
        complain(f"Interrupted. {GO_ON}" if args.command != "verify" else "Interrupted.")
        return exit_code(error)
    except Exception as error:  # noqa: BLE001 - whatever it is, it ends in a sentence and a code
        code = exit_code(error)
        words = sentence(error)
        if code == FAILED:
            words = f"An unexpected failure ({type(error).__name__}: {error}). {GO_ON}"
        complain(hide(words, secrets))  # a server may repeat the key that it refuses
        return code


def _fetch(
    args: argparse.Namespace, project: Path, calendar: MarketCalendar, secrets: list[str]
) -> int:
    from scripts.history_sources import (  # noqa: PLC0415 - settings, for who fetches
        load_history_settings,
        open_history,
        secrets_of,
    )

    if args.derive_quotes and args.source == "yfinance":
        raise MendInput("--derive-quotes is for alpaca and ibkr; Yahoo has no past options.")
    sessions = sessions_between(args.first, args.last, calendar, WallClock().now())
    with _writing(args.into), ExitStack() as stack:
        progress = Progress(len(sessions))
        stack.callback(progress.clear)
        settings = load_history_settings(args, project)
        secrets += secrets_of(settings)
        source = open_history(args, settings, lambda text: progress.tell(hide(text, secrets)))
        stack.callback(source.close)
        console = Console(secrets)
        fetch(
            Fetching(source.history, args.into, source.plan, console, progress, source.derives),
            sessions,
        )
    return DONE


def _import(args: argparse.Namespace, calendar: MarketCalendar) -> int:
    if args.derive_quotes and args.kind == "quotes":
        raise MendInput("--derive-quotes is for bars and prints; quotes are as the file has them.")
    foreign = Foreign(
        columns=column_map(args.map),
        kind=args.kind,
        symbol=args.symbol,
        zone=_zone(args.zone),
        bar=timedelta(seconds=args.bar_seconds),
    )
    after = timedelta(minutes=args.carried_minutes)
    console = Console()
    with _writing(args.into):
        for n, path in enumerate(args.files):
            file = read_foreign(path, foreign)
            # Files of one command belong together: the later ones join the first.
            adds = args.add or n > 0
            wanted = Wanted(args.into, foreign, after, adds=adds, derives=args.derive_quotes)
            _import_file(file, path, wanted, calendar, console)
    return DONE


def _import_file(
    file: ForeignFile, path: Path, wanted: Wanted, calendar: MarketCalendar, console: Console
) -> None:
    count = 0
    progress = Progress(len(file.days))
    for n, day in enumerate(sorted(file.days)):
        progress.step(n, f"{day}")
        session = calendar.session_on(day)
        if session is None:
            console.line(f"{day}  left out: the exchange was closed")
            continue
        kept = there_already(file, session, wanted)
        found = None if kept else import_day(file, session, wanted)
        progress.clear()
        count += 1
        console.line(summary(*found) if found else f"{day}  {kept}")
    for why, rows in file.left_out.items():
        console.line(f"{path.name}: left out {counted(rows, 'row')} {why}.")
    if not count:
        raise MendInput(f"{path}: no row of it belongs on a tape; nothing was imported.")


def _verify(folder: Path, calendar: MarketCalendar, *, as_json: bool) -> int:
    console = Console()
    found = verify(folder, calendar.session_on)
    if as_json:
        files = [asdict(each) for each in found]
        wrong = sum(bool(each["fault"]) for each in files)
        console.data({"ok": not wrong, "wrong": wrong, "files": files})
        return BAD_INPUT if wrong else DONE
    wrong = unfinished = 0
    for each in found:
        wrong += bool(each.fault)
        unfinished += each.is_open
        verdict = "WRONG" if each.fault else "open" if each.is_open else "ok"
        words = "; ".join(filter(None, (each.fault, each.told)))
        console.line(f"{verdict:<5}  {each.name}: {ended(words)}")
        for remark in each.remarks:
            console.line(f"       {remark}")
    whole = "Everything that is finished is whole." if unfinished else "Everything is whole."
    console.line(f"{wrong} file{'s are' if wrong > 1 else ' is'} wrong." if wrong else whole)
    return BAD_INPUT if wrong else DONE


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Hold a folder of tapes for writing, alone. Raises MendInput where that cannot be."""
    with ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / ".lock").touch()
            stack.enter_context(only_instance(folder))
        except StopTrading as error:
            raise MendInput(
                f"{folder}: another backfill writes into this folder; wait for its end, or name "
                "another with --into."
            ) from error
        except OSError as error:
            raise _unwritable(folder, error) from error
        try:
            yield
        except OSError as error:
            raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: OSError) -> MendInput:
    return MendInput(
        f"{error.filename or folder}: cannot be written ({error.strerror or error}). Make room or "
        f"make it writable, or name another folder with --into. {GO_ON}"
    )


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise MendInput(
            f"--zone {name}: no such time zone; write it as America/New_York or UTC."
        ) from error


def _interrupt(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise KeyboardInterrupt
