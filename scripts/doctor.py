#!/usr/bin/env python3
"""Look at everything that a trading day needs, and say what to mend. Sends no order.

python scripts/doctor.py           before a paper day
python scripts/doctor.py --live    before a day with real money
python scripts/doctor.py --notify  also send a test message through every channel
python scripts/doctor.py --json    the same for other programs
"""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from scripts.options import add_files, add_overrides

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from scripts.run_doctor import Places
    from src.ports import Check
    from src.settings import Settings

EPILOG = """\
examples:
  python scripts/doctor.py
  python scripts/doctor.py --live --config config/live.yaml
  python scripts/doctor.py --json

Each row is ok, warn, fail or skip (not looked at, with the reason), and says what to do.

exit codes: 0 no row is fail, 2 bad usage or a config that cannot be read, 3 a row is fail.
"""


def make_parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    parser = argparse.ArgumentParser(
        prog="doctor.py",
        description="Look at everything that a trading day needs. Sends no order.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--live", action="store_true", help="look at what real money needs, too")
    parser.add_argument("--json", action="store_true", help="rows as JSON, for other programs")
    parser.add_argument(
        "--notify", action="store_true", help="send a test message through every channel, too"
    )
    add_files(parser)
    add_overrides(parser)
    return parser


def parse(argv: "Sequence[str] | None") -> argparse.Namespace:
    """Return the command line, or exit with code 2 and a sentence."""
    return make_parser().parse_args(argv)


def main(argv: "Sequence[str] | None" = None) -> int:
    """Look, print the rows, and return the exit code."""
    args = parse(argv)
    if sys.version_info < (3, 11):  # noqa: UP036 - an older one cannot even read the rest
        print("fail  Python: this is too old; the program runs with 3.11 to 3.13.")
        return 3
    # Imported after parsing, so that --help and a mistyped option answer at once.
    try:
        from scripts.run_doctor import run  # noqa: PLC0415
    except KeyboardInterrupt:
        return 130
    except (ImportError, KeyError) as error:  # a KeyError is a time zone that nobody knows
        return _cannot_begin(args, str(error))
    return run(args, PROJECT, _ask_the_broker)


def _ask_the_broker(settings: "Settings", places: "Places", live: bool) -> "Iterable[Check]":  # noqa: FBT001 - the form of BrokerChecks
    """Ask, with imports that a machine without the packages gets as a row, not as a failure."""
    from scripts.broker_checks import broker_checks  # noqa: PLC0415

    return broker_checks(settings, places, live)


def _cannot_begin(args: argparse.Namespace, error: str) -> int:
    """Tell, as a row, that not even the doctor can be loaded."""
    found = f"something that Python itself needs is missing ({error})."
    mend = "Run make paper once, or pip install -r requirements.txt."
    if args.json:
        row = {"name": "Python", "verdict": "fail", "found": found, "mend": mend}
        print(json.dumps({"worst": "fail", "checks": [row]}, indent=1))
    else:
        print(f"fail  Python: {found}\n      {mend}")
    return 3


if __name__ == "__main__":
    sys.exit(main())
