#!/usr/bin/env python3
"""Write the CSV files of any range of days: python scripts/export.py 2026-01-01 2026-06-30."""

import argparse
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

if TYPE_CHECKING:
    from collections.abc import Sequence


def day(text: str) -> date:
    """Return a day written as YYYY-MM-DD."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no day (YYYY-MM-DD)") from error


def main(argv: "Sequence[str] | None" = None) -> int:
    """Export the range that the command line names; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="export.py",
        allow_abbrev=False,
        description="Write trades, summaries, cumulative P&L, win rate and statistics as CSV.",
    )
    parser.add_argument("start", type=day, help="first day, YYYY-MM-DD")
    parser.add_argument("end", type=day, help="last day, YYYY-MM-DD")
    parser.add_argument(
        "--data-dir", type=Path, default=PROJECT / "data", metavar="DIR", help="(default: data)"
    )
    args = parser.parse_args(argv)
    # Imported after parsing, so that --help and a mistyped day answer at once.
    from src.database import open_database  # noqa: PLC0415
    from src.ports import MendInput  # noqa: PLC0415
    from src.results_logger import ResultsLogger  # noqa: PLC0415
    from utils.console import BAD_INPUT, DONE, Console, complain  # noqa: PLC0415

    database = args.data_dir / "trades.db"
    if not database.exists():
        complain(f"{database}: there is no database yet; let the program run first.")
        return BAD_INPUT
    console = Console()
    try:
        connection = open_database(database)
        for path in ResultsLogger(connection, args.data_dir).export_to_csv(args.start, args.end):
            console.line(str(path))
        connection.close()
    except MendInput as error:
        complain(str(error))
        return BAD_INPUT
    return DONE


if __name__ == "__main__":
    sys.exit(main())
