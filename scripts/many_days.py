"""What commands that play many days have in common: their outermost place, and their days."""

import argparse
import contextlib
import logging
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

from brokers.backtest_market import FillModel
from scripts.backtest_days import Day, Plan, known_closes, tapes_in
from src.ports import MendInput
from src.settings import Settings, load_settings
from utils.console import DONE, FAILED, INTERRUPTED, complain, exit_code, sentence
from utils.logging_setup import start_logging

_log = logging.getLogger("optionsarbitrage")


def run_safely(
    work: Callable[[Settings], None],
    args: argparse.Namespace,
    project: Path,
    *,
    name: str,
    interrupted: str,
) -> int:
    """Do the work by the settings of a command line; return the exit code.

    Every failure ends in one sentence; `interrupted` is the one of Ctrl-C.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    handler: logging.Handler | None = None
    try:
        loaded = load_settings(args.config, args.overrides, root=project)
        told = loaded.settings.logging
        handler = start_logging(project / told.file, told.level, ())
        for warning in loaded.warnings:
            complain(f"warning: {warning}.")
        work(loaded.settings)
    except KeyboardInterrupt:
        complain(interrupted)
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the outermost place: said, logged, and coded
        code = exit_code(error)
        level = logging.ERROR if code == FAILED else logging.DEBUG
        _log.log(level, "the details of what ended the %s", name, exc_info=error)
        complain(sentence(error))
        return code
    finally:
        if handler:
            logging.getLogger().removeHandler(handler)
            with contextlib.suppress(OSError):
                handler.close()
    return DONE


def chosen_days(
    args: argparse.Namespace, settings: Settings, project: Path, model: FillModel
) -> tuple[Plan, Sequence[Day]]:
    """Return the days of a command line and how they are played. Raises MendInput."""
    if bool(args.places) == (args.generated is not None):
        raise MendInput(
            "Name a folder of tapes, or generated days with --generated FROM:TO; one of the two."
        )
    if args.generated is not None and (args.first or args.last):
        raise MendInput("--from and --to choose among tapes; generated days are named by seed.")
    tapes = tapes_in(args.places, args.first, args.last)
    plan = Plan(
        settings=settings,
        cache=project / "data",
        model=model,
        closes=known_closes(tapes, args.closes),
    )
    return plan, [*tapes, *(args.generated or ())]


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    """Treat a request to end like Ctrl-C."""
    raise KeyboardInterrupt
