#!/usr/bin/env python3
"""Try many parameter sets on many days, and rank what they would have earned.

python scripts/backtest.py sweep data/tapes --grid strategy.min_entry_credit=300:700:50
python scripts/backtest.py sweep --generated 0:200 --grid strategy.exit_threshold=5,10,15 \
    --grid trading_hours.exit_check=15:30:15:50:5
"""

import argparse
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from scripts.backtest import day, positive, seeds
from scripts.options import add_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

_log = logging.getLogger("optionsarbitrage")
EPILOG = """\
examples:
  python scripts/backtest.py sweep data/tapes --grid strategy.min_entry_credit=300:700:50
  python scripts/backtest.py sweep --generated 0:200 --grid strategy.exit_threshold=5,10,15 \\
      --grid trading_hours.exit_check=15:30:15:50:5

what a sweep leaves out: orders that fill in parts, late or not at all, quotes that fail as a
position is closed, two positions at once, and whatever goes wrong at a broker. A day on which
that would matter is not followed for that set, and counted; --exact plays it after all.

exit codes: 0 done, 1 unexpected failure, 2 bad usage, config or data, 4 the scheduler does not
answer, 130 interrupted: the same command then goes on from where it was.
what it writes: sweep.csv in --out, and beside it, until it is done, what is finished.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of a sweep to a command's parser."""
    add = parser.add_argument
    add("places", nargs="*", type=Path, metavar="FOLDER", help="tapes, or one tape")
    add(
        "--generated",
        type=seeds,
        metavar="FROM:TO",
        help="generated days by seed, TO not included",
    )
    add("--from", dest="first", type=day, metavar="DAY", help="the first day of the tapes")
    add("--to", dest="last", type=day, metavar="DAY", help="the last day, included")
    add(
        "--grid",
        action="append",
        default=[],
        metavar="KEY=VALUES",
        dest="axes",
        help="values of one setting: A,B,C or FIRST:LAST:STEP; times are HH:MM, or with a step in "
        "minutes 09:35:10:00:5; may be given several times",
    )
    add_settings(parser)
    add("--fills", choices=("touch", "worse", "partial"), default="touch", help="as for a backtest")
    add("--closes", type=Path, metavar="FILE", help="official closes, as for a backtest")
    add("--jobs", type=positive, metavar="N", help="processes at once (default: one a core)")
    add("--scheduler", metavar="ADDRESS", help="run on the Dask cluster of this scheduler")
    add("--show", type=positive, default=10, metavar="N", help="sets to print (default: 10)")
    add(
        "--exact",
        type=positive,
        metavar="N",
        help="play the best N sets again, on the trading day itself",
    )
    add(
        "--out",
        type=Path,
        default=PROJECT / "data" / "sweeps",
        metavar="DIR",
        help="where the files go (default: data/sweeps)",
    )


def run(args: argparse.Namespace) -> int:
    """Run the sweep of a command line; every failure ends in one sentence and its exit code."""
    from scripts.many_days import run_safely  # noqa: PLC0415 - so that --help answers at once
    from scripts.sweep_report import run_sweep  # noqa: PLC0415 - likewise
    from utils.console import Console  # noqa: PLC0415

    jobs = args.jobs or os.cpu_count() or 1
    return run_safely(
        lambda settings: run_sweep(args, settings, jobs, PROJECT, Console()),
        args,
        PROJECT,
        name="sweep",
        interrupted="Interrupted. What is finished is kept; the same command goes on from there.",
    )


def make_parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    parser = argparse.ArgumentParser(
        prog="backtest.py sweep",
        description="Try many parameter sets on many days. All SIMULATED.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add_arguments(parser)
    return parser


def main(argv: "Sequence[str] | None" = None) -> int:
    """Run the sweep that the command line asks for; return the exit code."""
    return run(make_parser().parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
