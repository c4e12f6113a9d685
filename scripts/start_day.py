#!/usr/bin/env python3
"""Run today's session from cron or launchd: in time, once, and again when it fails.

python scripts/start_day.py           a paper day, as config/config.yaml says
python scripts/start_day.py --live    real money; see the README on what that needs
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
  python scripts/start_day.py
  python scripts/start_day.py --set market_data.source=yfinance --data-dir data/yahoo

It starts scripts/main.py a quarter of an hour before the open, whatever the machine's time zone,
and starts it again until two hours after the last option trade: after a crash in 15 seconds, then
in twice as long each time, up to 5 minutes; after exit code 4 in a minute, up to 10 minutes; after
2 and 3, which a person must mend, every 10 minutes. It ends at once, without a word, when the
exchange is closed, when the day is done, or when another one of it is at work in the same data
directory. While main.py was started by hand it waits for its end.

exit codes: 0 done, or nothing to run; else those of main.py: 1 unexpected failure, 2 bad usage,
config or data, 3 refused to trade, 4 broker or data not reachable, 130 asked to end.
"""


def make_parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    parser = argparse.ArgumentParser(
        prog="start_day.py",
        description="Run today's session: in time, once, and again when it fails.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--live", action="store_true", help="trade real money (default: on paper)")
    add_files(parser)
    add_overrides(parser)
    return parser


def parse(argv: "Sequence[str] | None") -> argparse.Namespace:
    """Return the command line, or exit with code 2 and a sentence."""
    return make_parser().parse_args(argv)


def main(argv: "Sequence[str] | None" = None) -> int:
    """Run the session of today, if there is one; return the exit code."""
    args = parse(argv)
    # Imported after parsing, so that --help and a mistyped option answer at once.
    try:
        from scripts.run_start_day import run  # noqa: PLC0415
    except KeyboardInterrupt:
        return 130
    return run(args, PROJECT)


if __name__ == "__main__":
    sys.exit(main())
