#!/usr/bin/env python3
"""Report on a day, a week, a month, any range of days: python scripts/report.py --month 2026-06."""

import argparse
import sys
from calendar import monthrange
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from scripts.options import add_files

if TYPE_CHECKING:
    from collections.abc import Sequence

EPILOG = """\
examples:
  python scripts/report.py 2026-06-01                           the report of that day, once more
  python scripts/report.py --week 2026-06-03                    the week in which that day lies
  python scripts/report.py --month 2026-06 --mode paper         a month, days on paper only
  python scripts/report.py --from 2026-01-01 --to 2026-06-30 --json

exit codes: 0 done, 1 unexpected failure, 2 bad usage, config or data directory, 130 interrupted.
"""


def day(text: str) -> date:
    """Return a day written as YYYY-MM-DD."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no day (YYYY-MM-DD)") from error


def month(text: str) -> "tuple[date, date]":
    """Return the first and the last day of a month written as YYYY-MM."""
    try:
        first = date.fromisoformat(f"{text}-01")
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no month (YYYY-MM)") from error
    return first, first.replace(day=monthrange(first.year, first.month)[1])


def week(text: str) -> "tuple[date, date]":
    """Return the Monday and the Sunday of the week in which a day lies."""
    within = day(text)
    monday = within - timedelta(days=within.weekday())
    return monday, date.fromordinal(min(monday.toordinal() + 6, date.max.toordinal()))


def make_parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    parser = argparse.ArgumentParser(
        prog="report.py",
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Print the report of a day or of a range of days, and write it to reports/ as "
        "text, Markdown and HTML.",
        epilog=EPILOG,
    )
    parser.add_argument("day", nargs="?", type=day, help="one day, YYYY-MM-DD")
    parser.add_argument("--from", dest="start", type=day, metavar="DAY", help="first day")
    parser.add_argument("--to", dest="end", type=day, metavar="DAY", help="last day, included")
    parser.add_argument("--week", type=week, metavar="DAY", help="the week in which a day lies")
    parser.add_argument("--month", type=month, metavar="YYYY-MM", help="a month")
    parser.add_argument(
        "--mode", help="one mode only, e.g. paper or live (default: each by itself)"
    )
    add_files(parser)
    parser.add_argument(
        "--json", action="store_true", help="print the figures as JSON, and write nothing"
    )
    return parser


def range_of(args: argparse.Namespace, parser: argparse.ArgumentParser) -> "tuple[date, date]":
    """Return the first and the last day that are asked for; exits where it is not one range."""
    by_ends = args.start is not None or args.end is not None
    if sum((args.day is not None, by_ends, args.week is not None, args.month is not None)) != 1:
        parser.error("give one of: a day, --from with --to, --week, --month")
    if by_ends and args.end is None:
        parser.error("--from needs --to, the last day")
    if by_ends and args.start is None:
        parser.error("--to needs --from, the first day")
    if by_ends and args.end < args.start:
        parser.error(
            f"the range ends on {args.end}, before it starts on {args.start}: "
            f"give the earlier day first (--from {args.end} --to {args.start})"
        )
    if args.day is not None:
        return args.day, args.day
    return args.week or args.month or (args.start, args.end)


def main(argv: "Sequence[str] | None" = None) -> int:
    """Report on the days that the command line names; return the exit code."""
    parser = make_parser()
    args = parser.parse_args(argv)
    start, end = range_of(args, parser)
    # Imported after parsing, so that --help and a mistyped day answer at once.
    try:
        from scripts.run_report import Span, run  # noqa: PLC0415
    except KeyboardInterrupt:
        return 130
    return run(args, Span(start, end, is_day=args.day is not None), PROJECT)


if __name__ == "__main__":
    sys.exit(main())
