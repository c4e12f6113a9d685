#!/usr/bin/env python3
"""Try many parameter sets on many days, and rank what they would have earned.

python scripts/run_sweep.py data/tapes --grid strategy.min_entry_credit=300:700:50
python scripts/run_sweep.py --generated 0:200 --grid strategy.exit_threshold=5,10,15 \
    --grid trading_hours.exit_check=15:30:15:50:5
"""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scripts.backtest_days import Day, Plan
    from scripts.sweep_chunks import Task
    from src.settings import Settings
    from src.sweep import Outcome
    from src.sweep_grid import Grid
    from src.sweep_ranking import Row
    from utils.console import Console

EPILOG = """\
what it leaves out: orders that fill in parts, late or not at all, quotes that fail as a position
is closed, two positions at once, and all that goes wrong at a broker. A day on which that would
matter is not followed for that set, and counted; --exact plays it on the trading day itself.

exit codes: 0 done, 1 unexpected failure, 2 bad usage, config or data, 4 the scheduler does not
answer, 130 interrupted: the same command goes on where it was.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of a sweep to a command's parser."""
    parser.add_argument("places", nargs="*", type=Path, metavar="FOLDER", help="tapes, or one tape")
    parser.add_argument(
        "--generated", metavar="FROM:TO", help="generated days by seed, TO not included"
    )
    parser.add_argument("--from", dest="first", metavar="DAY", help="the first day of the tapes")
    parser.add_argument("--to", dest="last", metavar="DAY", help="the last day, included")
    parser.add_argument(
        "--grid",
        action="append",
        default=[],
        metavar="KEY=VALUES",
        dest="axes",
        help="values of one setting: A,B,C or FIRST:LAST:STEP; times HH:MM, or with a step in "
        "minutes 09:35:10:00:5; may be given several times",
    )
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="YAML or JSON (default: config/config.yaml)"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="change one setting for all sets; may be given several times",
    )
    parser.add_argument("--fills", choices=("touch", "worse", "partial"), default="touch")
    parser.add_argument(
        "--closes", type=Path, metavar="FILE", help="official closes, as for a backtest"
    )
    parser.add_argument("--jobs", metavar="N", help="processes at once (default: one a core)")
    parser.add_argument(
        "--scheduler", metavar="ADDRESS", help="run on the Dask cluster of this scheduler"
    )
    parser.add_argument("--show", default="10", metavar="N", help="sets to print (default: 10)")
    parser.add_argument(
        "--exact",
        default="0",
        metavar="N",
        help="play the best N sets again on the trading day itself, day by day",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=PROJECT / "data" / "sweeps",
        metavar="DIR",
        help="where sweep.csv goes, and what is finished meanwhile (default: data/sweeps)",
    )


def run(args: argparse.Namespace) -> int:
    """Run the sweep of a command line; every failure ends in one sentence and its exit code."""
    from utils.console import DONE, INTERRUPTED, Console, complain, exit_code, sentence  # noqa: PLC0415

    try:
        _run(args, Console())
    except KeyboardInterrupt:
        complain("Interrupted; what is finished is kept, and the same command goes on from there.")
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the outermost place: said and coded
        complain(sentence(error))
        return exit_code(error)
    return DONE


def _run(args: argparse.Namespace, console: "Console") -> None:
    from scripts.sweep_chunks import Kept, grid_of, joined, tasks_of  # noqa: PLC0415
    from src.exports import write_atomically  # noqa: PLC0415
    from src.settings import load_settings  # noqa: PLC0415
    from src.sweep_grid import parse_axis  # noqa: PLC0415
    from src.sweep_ranking import csv_text, ranking  # noqa: PLC0415
    from utils.console import complain  # noqa: PLC0415

    loaded = load_settings(args.config, args.overrides, root=PROJECT)
    for warning in loaded.warnings:
        complain(f"warning: {warning}.")
    axes = [parse_axis(text) for text in args.axes]
    plan, days = _days(args, loaded.settings)
    show, exact = _count("--show", args.show), _count("--exact", args.exact)
    grid = grid_of(plan, axes)
    tasks = tasks_of(plan, axes, days)
    kept = Kept(args.out / tasks[0].key)
    console.line(f"SIMULATED: {len(grid.sets):,} parameter sets on {len(days):,} days.")
    if grid.left_out:
        console.line(f"Left out: {grid.left_out:,} sets that the settings do not allow.")
    outcome = joined(_played(args, tasks, kept))
    rows = ranking(outcome)
    _tell(console, grid, rows[:show], outcome)
    path = args.out / "sweep.csv"
    write_atomically(path, csv_text(grid, rows))
    console.line(f"Written: {path}")
    kept.forget()
    if exact:
        _play_exactly(console, plan, days, grid, rows[:exact], outcome, _jobs(args))


def _days(args: argparse.Namespace, settings: "Settings") -> "tuple[Plan, Sequence[Day]]":
    from brokers.backtest_market import FillModel  # noqa: PLC0415
    from scripts.backtest_days import Plan, known_closes, tapes_in  # noqa: PLC0415
    from src.ports import MendInput  # noqa: PLC0415

    if bool(args.places) == (args.generated is not None):
        raise MendInput(
            "Name a folder of tapes, or generated days with --generated FROM:TO; one of the two."
        )
    first, last = (_day(f"--{name}", getattr(args, each)) for name, each in _ENDS)
    if args.generated is not None and (first or last):
        raise MendInput("--from and --to choose among tapes; generated days are named by seed.")
    tapes = tapes_in(args.places, first, last)
    closes = known_closes(tapes, args.closes)
    plan = Plan(settings, PROJECT / "data", FillModel(args.fills), closes)
    return plan, tapes or list(_seeds(args.generated))
