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

if TYPE_CHECKING:
    from collections.abc import Sequence

EPILOG = """\
exit codes: 0 done (traded or not), 1 unexpected failure, 2 bad usage, config or data,
3 refused to trade, or record and broker still differ at the end, 4 broker or data not reachable,
130 interrupted.

what it writes: trades.db, exports/*.csv, reports/, tapes/ in the data directory (data/ for real
days, data/demo/ for generated days, data/replay/ for replays) and logs/trading.log.
"""


def speed(text: str) -> float | None:
    """Return how many times as fast as the wall's clock a day is to run; None is "at once"."""
    if text == "max":
        return None
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number above 0 nor 'max'")
    return value


def parse(argv: "Sequence[str] | None") -> argparse.Namespace:
    """Return the command line, or exit with code 2 and a sentence."""
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
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="YAML or JSON (default: config/config.yaml)"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="change one setting, e.g. --set strategy.max_spreads=1; may be given several times",
    )
    parser.add_argument(
        "--replay", type=Path, metavar="TAPE", help="trade a recorded day on the embedded exchange"
    )
    parser.add_argument(
        "--speed",
        type=speed,
        default=None,
        metavar="N|max",
        help="how fast a generated or recorded day runs: 1 is real time (default: max)",
    )
    parser.add_argument(
        "--once", action="store_true", help="do what is due now and end, instead of staying"
    )
    parser.add_argument(
        "--seed", type=int, metavar="N", help="which generated day; most of them do not trade"
    )
    parser.add_argument(
        "--data-dir", type=Path, metavar="DIR", help="where everything that is written goes"
    )
    return parser.parse_args(argv)


def main(argv: "Sequence[str] | None" = None) -> int:
    """Run the day that the command line asks for; return the exit code."""
    args = parse(argv)
    # Imported after parsing, so that --help and a mistyped option answer at once.
    try:
        from scripts.run_day import run  # noqa: PLC0415
    except KeyboardInterrupt:
        return 130  # nothing was begun yet
    return run(args, PROJECT)


if __name__ == "__main__":
    sys.exit(main())
