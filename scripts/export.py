#!/usr/bin/env python3
"""Write the CSV files of any range of days: python scripts/export.py 2026-01-01 2026-06-30."""

import argparse
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from scripts.options import add_files

if TYPE_CHECKING:
    from collections.abc import Sequence

DIALECTS = ("standard", "german", "excel", "excel-german")
EPILOG = """\
examples:
  python scripts/export.py 2026-01-01 2026-06-30
  python scripts/export.py 2026-01-01 2026-12-31 --data-dir data/demo --csv-dialect excel-german

Trades, daily summaries, cumulative P&L, win rate, statistics, fills, settlements and decisions with
their quotes, each in a file of its own in exports/ of the data directory. data/README.md explains
every column.

dialects:
  standard      commas, decimal points: LibreOffice and Numbers in English, other programs
  german        semicolons, decimal commas: LibreOffice and Numbers in German
  excel         as standard, with what Excel needs to see times and umlauts
  excel-german  the same for a German Excel

exit codes: 0 done, 1 unexpected failure, 2 bad usage, config or data directory, or a file that
could not be written (all others are), 130 interrupted.
"""


def day(text: str) -> date:
    """Return a day written as YYYY-MM-DD."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no day (YYYY-MM-DD)") from error


def make_parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    parser = argparse.ArgumentParser(
        prog="export.py",
        description="Write what is on record of a range of days as CSV files for a spreadsheet.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("start", type=day, help="first day, YYYY-MM-DD")
    parser.add_argument("end", type=day, help="last day, included")
    parser.add_argument(
        "--csv-dialect",
        choices=DIALECTS,
        metavar="NAME",
        help="how they are written, see below (default: exports.csv_dialect of the config)",
    )
    add_files(parser)
    parser.add_argument("--json", action="store_true", help="what was written, for other programs")
    return parser


def main(argv: "Sequence[str] | None" = None) -> int:
    """Export the range that the command line names; return the exit code."""
    args = make_parser().parse_args(argv)
    # Imported after parsing, so that --help and a mistyped day answer at once.
    try:
        from scripts.run_export import run  # noqa: PLC0415
    except KeyboardInterrupt:
        return 130
    return run(args, PROJECT)


if __name__ == "__main__":
    sys.exit(main())
