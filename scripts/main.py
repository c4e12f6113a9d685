#!/usr/bin/env python3
"""Run one trading day: wait, collect, decide, trade, watch, close or settle, report, export.

python scripts/main.py --paper                     a paper day; without keys a generated one
python scripts/main.py --replay 2026-01-26.csv.gz  a recorded day on the embedded exchange
python scripts/main.py                             the configured day (cron starts this one)
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
    from datetime import datetime

MOST = 1e6
EPILOG = """\
examples:
  python scripts/main.py --paper                    a paper day; without any keys a generated one
  python scripts/main.py --paper --seed 11          the same generated day every time
  python scripts/main.py --replay data/tapes/2026-01-26.csv.gz --speed 60
  python scripts/main.py --explain --paper --seed 11 --at 09:38
  python scripts/main.py --paper --set strategy.max_spreads=1

exit codes: 0 done (traded or not), 1 unexpected failure, 2 bad usage, config or data,
3 refused to trade, or record and broker still differ at the end, 4 broker or data not reachable,
130 interrupted.

what it writes: trades.db, exports/*.csv, reports/, tapes/ in the data directory (data/ for real
days, data/demo/, data/replay/ and data/rehearsal/ for the others) and logs/trading.log.
"""


def speed(text: str) -> float:
    """Return how many times as fast as the wall's clock a day is to run; infinity is "at once"."""
    if text == "max":
        return float("inf")
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number above 0 nor 'max'")
    return value


def moment(text: str) -> "datetime":
    """Return a moment in New York, written like 2026-11-23T09:34:00."""
    from datetime import datetime  # noqa: PLC0415 - only who rehearses needs it
    from zoneinfo import ZoneInfo  # noqa: PLC0415

    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo or "T" not in text.upper().replace(" ", "T"):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no New York time such as 2026-11-23T09:34:00, without an offset"
        )
    return found.replace(tzinfo=ZoneInfo("America/New_York"))


def make_parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    parser = argparse.ArgumentParser(
        prog="main.py",
        description="Run one trading day of the SPY/SPXW same-day call spread.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,  # a slip of the finger must not become --live
    )
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument(
        "--paper",
        action="store_true",
        help="trade on paper; without any keys a whole generated day is played, in seconds",
    )
    mode.add_argument("--live", action="store_true", help="trade real money")
    add_files(parser)
    add_overrides(parser)
    parser.add_argument(
        "--replay", type=Path, metavar="TAPE", help="trade a recorded day on the embedded exchange"
    )
    parser.add_argument(
        "--speed",
        type=speed,
        metavar="N|max",
        help="how fast a generated, recorded or rehearsed day runs: 1 is real time "
        "(default: max; 1 with --start-at)",
    )
    parser.add_argument(
        "--start-at",
        type=moment,
        metavar="TIME",
        help="rehearse at a paper account or a test server: the program's clock begins at this "
        "New York time, such as 2026-11-23T09:34:00, and runs as fast as --speed says",
    )
    parser.add_argument(
        "--once", action="store_true", help="do what is due now and end, instead of staying"
    )
    parser.add_argument(
        "--seed", type=int, metavar="N", help="which generated day; most of them do not trade"
    )
    parser.add_argument(
        "--explain",
        action="store_true",
        help="print one moment as a page, where the credit comes from and what it can cost, and "
        "end; with --replay and --at a moment of a tape",
    )
    parser.add_argument(
        "--at", metavar="HH:MM", help="the New York time of day that --explain is about"
    )
    parser.add_argument(
        "--json", action="store_true", help="with --explain: the decision for other programs"
    )
    return parser


def parse(argv: "Sequence[str] | None") -> argparse.Namespace:
    """Return the command line, or exit with code 2 and a sentence."""
    return make_parser().parse_args(argv)


def main(argv: "Sequence[str] | None" = None) -> int:
    """Run the day that the command line asks for; return the exit code."""
    args = parse(argv)
    # Imported after parsing, so that --help and a mistyped option answer at once.
    from utils.garbage import nothing_is_garbage  # noqa: PLC0415

    try:
        with nothing_is_garbage():
            from scripts.run_day import run  # noqa: PLC0415
    except KeyboardInterrupt:
        return 130  # nothing was begun yet
    return run(args, PROJECT)


if __name__ == "__main__":
    sys.exit(main())
