"""Decides which day a command line asks for, runs it, and ends with a sentence and a code."""

import argparse
import contextlib
import logging
import os
import signal
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from scripts.play import telling
from scripts.real_days import position_on_record, run_real_day
from src.ports import MendInput, StopTrading, Verdict
from src.settings import KEYS, LoadedSettings, Settings, load_settings
from utils.console import DONE, FAILED, Console, complain, exit_code, sentence
from utils.logging_setup import hide, start_logging
from utils.market_calendar import MarketCalendar
from utils.market_clock import WallClock

if TYPE_CHECKING:
    from scripts.simulated_days import Market

WAS_ASKED = "asked to end"
"""Marks the interruption by a request, such as a shutdown's, as against one by Ctrl-C."""

_log = logging.getLogger("optionsarbitrage")


def run(args: argparse.Namespace, project: Path) -> int:
    """Run the day of a command line; every failure ends in one sentence and its exit code."""
    signal.signal(signal.SIGTERM, _interrupt)
    handler: logging.Handler | None = None
    secrets: tuple[str, ...] = ()
    loaded: LoadedSettings | None = None
    market: Market | None = None
    try:
        loaded = load_settings(args.config, args.overrides, root=project)
        settings = loaded.settings
        secrets = _secrets(settings)
        handler = start_logging(_log_file(args, settings, project), settings.logging.level, secrets)
        for warning in loaded.warnings:
            complain(f"warning: {warning}.")
        if args.explain or args.at or args.json:
            return _explain(args, settings, project, secrets)
        data = args.data_dir or (project / settings.logging.database).parent
        calendar, console = MarketCalendar(data), Console(secrets)
        record = data / settings.logging.database.name
        is_simulated = args.replay or args.seed is not None
        with _telling_of(record) if args.live or not is_simulated else contextlib.nullcontext():
            market = choose_market(args, settings, calendar)
        if market is None:
            return run_real_day(args, settings, calendar, data, console)
        from scripts.simulated_days import play_simulated  # noqa: PLC0415 - no real day needs it

        play_simulated(args, settings, market, args.data_dir or data / market.mode, console)
    except KeyboardInterrupt as error:
        complain(sentence(error))
        _tell_whom_it_concerns(error, args, loaded if market is None else None, project)
        return exit_code(error)
    except Exception as error:  # noqa: BLE001 - the outermost place: said, logged, and coded
        code = exit_code(error)
        level = logging.ERROR if code == FAILED else logging.DEBUG
        _log.log(level, "the details of what ended the run", exc_info=error)
        complain(hide(sentence(error), secrets))  # a server may repeat the key that it refuses
        _tell_whom_it_concerns(error, args, loaded if market is None else None, project)
        return code
    finally:
        if handler:
            logging.getLogger().removeHandler(handler)
            with contextlib.suppress(OSError):  # a full disk has been told of already
                handler.close()
    return DONE


def _tell_whom_it_concerns(
    error: BaseException, args: argparse.Namespace, loaded: LoadedSettings | None, project: Path
) -> None:
    """Send word of an end that leaves a day at a broker without its watch, if it must be heard.

    Ctrl-C needs none: who presses it reads what is said. `loaded` is None for a simulated day.
    """
    is_ctrl_c = isinstance(error, KeyboardInterrupt) and WAS_ASKED not in error.args
    is_simulated = args.replay or args.seed is not None or args.explain or args.at
    if loaded is None or is_ctrl_c or is_simulated:
        return
    from scripts.last_words import send_last_words  # noqa: PLC0415 - only for such an end

    settings = loaded.settings
    data = args.data_dir or (project / settings.logging.database).parent
    folder = args.data_dir or (data / "rehearsal" if args.start_at else data)
    now = args.start_at or WallClock().now()
    secrets = _secrets(settings)
    database = folder / settings.logging.database.name
    send_last_words(error, settings, database, now, lambda text: hide(text, secrets))


def _explain(
    args: argparse.Namespace, settings: Settings, project: Path, secrets: tuple[str, ...]
) -> int:
    from scripts.explain_moment import explain_moment  # noqa: PLC0415 - no day needs it

    data = args.data_dir or (project / settings.logging.database).parent
    record = data / settings.logging.database.name
    explain_moment(args, settings, MarketCalendar(data), Console(secrets), record)
    return DONE


def _telling_of(database: Path) -> contextlib.AbstractContextManager[None]:
    """Have a refusal say what is open today: nobody watches it while the start is refused."""
    return telling(lambda: position_on_record(database, WallClock().now().date()))


def choose_market(
    args: argparse.Namespace, settings: Settings, calendar: MarketCalendar
) -> "Market | None":
    """Return the simulated day that is asked for, None for a day at a real broker.

    Raises MendInput for what does not go together and for missing keys, and StopTrading for a
    rehearsal with real money.
    """
    if args.live:
        _refuse_live_that_cannot_be(args, settings)
    if args.replay:
        for option in _given(args, "seed", "start_at"):
            raise MendInput(f"--replay names a recorded day and {option} another: give one.")
        from scripts.simulated_days import recorded  # noqa: PLC0415 - as above

        return recorded(args.replay, calendar)
    needs_keys = settings.broker.name == "alpaca" and settings.market_data.source == "broker"
    missing = settings.broker.missing_keys if needs_keys else ()
    without = settings.broker.name == "simulated" or len(missing) == 2
    if args.paper and not args.start_at and (args.seed is not None or without):
        from scripts.simulated_days import generated  # noqa: PLC0415 - as above

        return generated(args.seed, calendar)
    if args.seed is not None:
        raise MendInput("--seed names a generated day: give it together with --paper alone.")
    if settings.broker.name == "simulated":
        raise MendInput(
            "broker.name: simulated plays generated days; start it with --paper and no --start-at."
        )
    if missing:
        raise MendInput(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing, so there is "
            "no account to trade in. Put the keys into .env (see .env.example), or try a generated "
            "day without keys: python scripts/main.py --paper"
        )
    _only_simulated_days_are_fast(args)
    return None


def _refuse_live_that_cannot_be(args: argparse.Namespace, settings: Settings) -> None:
    """Raise StopTrading with all that speaks against real money before the broker is asked."""
    from scripts.run_doctor import live_rows  # noqa: PLC0415 - a paper day starts without them
    from utils.machine_checks import keys  # noqa: PLC0415 - likewise

    reasons = [
        f"{option} is for days on which none is at stake."
        for option in _given(args, "replay", "seed", "start_at", "speed")
    ]
    rows = (*live_rows(settings, os.environ), keys(settings, live=True))
    reasons += [str(each) for each in rows if each.verdict is Verdict.FAIL]
    if reasons:
        raise StopTrading(f"No real money is traded, nothing was sent. {' '.join(reasons)}")


def _given(args: argparse.Namespace, *names: str) -> list[str]:
    return [f"--{each.replace('_', '-')}" for each in names if getattr(args, each) is not None]


def _only_simulated_days_are_fast(args: argparse.Namespace) -> None:
    if args.speed is not None and not args.start_at:
        raise MendInput(
            "--speed is for generated, recorded and rehearsed days (--start-at); a real one takes "
            "its time."
        )


def _secrets(settings: Settings) -> tuple[str, ...]:
    return tuple(
        settings.value(key).get_secret_value() for key in KEYS.fields if KEYS.is_secret(key)
    )


def _log_file(args: argparse.Namespace, settings: Settings, project: Path) -> Path:
    if args.data_dir:
        return Path(args.data_dir) / "logs" / settings.logging.file.name
    return project / settings.logging.file


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    """Treat a request to end (launchd, systemd, a shutdown) like Ctrl-C."""
    raise KeyboardInterrupt(WAS_ASKED)
