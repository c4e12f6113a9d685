#!/usr/bin/env python3
"""Have cron or launchd start the program on every working day, in time for New York's open.

python scripts/install_cron.py --print      show the lines, change nothing
python scripts/install_cron.py              show them, ask, put them into your crontab
python scripts/install_cron.py --remove     take them out again
python scripts/install_cron.py --launchd    the better way on a Mac; --print and --remove as well
"""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from scripts.options import add_files, add_overrides

if TYPE_CHECKING:
    from collections.abc import Sequence

EPILOG = """\
examples:
  python scripts/install_cron.py --print
  python scripts/install_cron.py --set market_data.source=yfinance
  python scripts/install_cron.py --remove
  python scripts/install_cron.py --launchd

The hours are reckoned from the machine's time zone (/etc/localtime) for the coming ten years, so
that they fit also in weeks in which only one of the two places has changed its clocks. What is
started is scripts/start_day.py: every ten minutes by cron, which finds the day running or done.
Every other line of a crontab stays as it is; the former crontab is copied to the data directory.

exit codes: 0 done or declined, 2 bad usage, or a crontab or agent that cannot be changed.
"""


def make_parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    parser = argparse.ArgumentParser(
        prog="install_cron.py",
        description="Have cron or launchd start the program, in time for New York's open.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--print", action="store_true", help="show what would be installed, only")
    what.add_argument("--remove", action="store_true", help="take out what was installed")
    parser.add_argument("--launchd", action="store_true", help="an agent of launchd, on a Mac")
    parser.add_argument(
        "--live", action="store_true", help="days with real money (default: on paper)"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument(
        "--zone", metavar="NAME", help="the machine's time zone (default: what it is set to)"
    )
    add_files(parser)
    add_overrides(parser)
    return parser


def parse(argv: "Sequence[str] | None") -> argparse.Namespace:
    """Return the command line, or exit with code 2 and a sentence."""
    return make_parser().parse_args(argv)


def main(argv: "Sequence[str] | None" = None) -> int:
    """Install, show or remove; return the exit code."""
    args = parse(argv)
    # Imported after parsing, so that --help and a mistyped option answer at once.
    try:
        from scripts.run_install import run  # noqa: PLC0415
    except KeyboardInterrupt:
        return 130
    return run(args, PROJECT)


if __name__ == "__main__":
    sys.exit(main())
