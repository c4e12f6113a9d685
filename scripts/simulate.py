#!/usr/bin/env python3
"""Seeded days with injected faults: python scripts/simulate.py --seeds 0:2000 [--jobs 2]."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

if TYPE_CHECKING:
    from collections.abc import Sequence

EPILOG = """\
examples:
  python scripts/simulate.py --seeds 0:2000 --jobs 2
  python scripts/simulate.py --seed 243 --trace
  python scripts/simulate.py --seeds 0:100 --days 5 --faults time-out,crash

Every day is generated, and nothing is written. Plays what the tests play, so it needs the folder
tests/ and the packages of requirements-dev.txt.

exit codes: 0 no invariant was violated, 1 one was, 2 bad usage.
"""


def make_parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    parser = argparse.ArgumentParser(
        prog="simulate.py",
        description="Simulated days with faults injected; one seed, one day.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--seeds", default="0:200", metavar="FROM:TO", help="the seeds to play (default: 0:200)"
    )
    parser.add_argument("--seed", type=int, metavar="N", help="one seed only")
    parser.add_argument("--trace", action="store_true", help="tell that day as a story")
    parser.add_argument(
        "--jobs", type=int, default=1, metavar="N", help="processes at once (default: 1)"
    )
    parser.add_argument(
        "--faults",
        default="all",
        metavar="LIST",
        help="all, none, or parts of their names (default: all)",
    )
    parser.add_argument(
        "--days",
        type=int,
        default=1,
        metavar="N",
        help="sessions that follow each other, a seed (default: 1)",
    )
    parser.add_argument(
        "--show", type=int, default=5, metavar="N", help="violations told in full (default: 5)"
    )
    return parser


def main(argv: "Sequence[str] | None" = None) -> int:
    """Play the days of the command line; return the exit code."""
    parser = make_parser()
    args = parser.parse_args(argv)
    # Imported after parsing, so that --help and a mistyped option answer at once.
    from tests.simulation.command import run  # noqa: PLC0415

    return run(args, parser.error)


if __name__ == "__main__":
    raise SystemExit(main())
