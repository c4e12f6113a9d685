#!/usr/bin/env python3
"""Look at the trading program from outside, and tell it what it may still do.

python scripts/control.py status         is it alive, what is open, what may it do
python scripts/control.py reduce-only    open nothing more in this session
python scripts/control.py close          that, and close what is ours now
python scripts/control.py halt           that, and stay so, until resume
python scripts/control.py resume         all is normal again
"""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from scripts.options import add_files

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = ("status", "close", "halt", "reduce-only", "resume")
EPILOG = """\
examples:
  python scripts/control.py status
  python scripts/control.py status --data-dir data/demo --json
  python scripts/control.py close
  python scripts/control.py resume

A wish reaches a running program within a second; without one it is kept for the next that runs.
Only positions of this program are ever closed. A file named HALT in the data directory does the
same as halt for as long as it is there. For a generated day name --data-dir data/demo, for a
replay --data-dir data/replay.

exit codes: 0 done, 2 bad usage, config or data directory, 3 refused; status: 3 when a position is
open and nothing watches it, or the record and the broker differ.
"""


def make_parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    parser = argparse.ArgumentParser(
        prog="control.py",
        description="Look at the trading program, and tell it what it may still do.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("command", choices=COMMANDS, help="what to do")
    add_files(parser)
    parser.add_argument("--json", action="store_true", help="status as JSON, for other programs")
    return parser


def parse(argv: "Sequence[str] | None") -> argparse.Namespace:
    """Return the command line, or exit with code 2 and a sentence."""
    parser = make_parser()
    args = parser.parse_args(argv)
    if args.json and args.command != "status":
        parser.error(f"--json is for status, not for {args.command}")
    return args


def main(argv: "Sequence[str] | None" = None) -> int:
    """Do what the command line asks for; return the exit code."""
    args = parse(argv)
    # Imported after parsing, so that --help and a mistyped command answer at once.
    try:
        from scripts.run_control import run  # noqa: PLC0415
    except KeyboardInterrupt:
        return 130
    return run(args, PROJECT)


if __name__ == "__main__":
    sys.exit(main())
