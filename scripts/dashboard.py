#!/usr/bin/env python3
"""Show the trading program in a browser: now, today, history, data, health.

python scripts/dashboard.py                          then open http://127.0.0.1:8501
python scripts/dashboard.py --data-dir data/demo     of generated days alone
python scripts/dashboard.py --port 8600 --open       on another port, and open the browser
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

PORT = 8501
REFRESH_SECONDS = 5.0
EPILOG = """\
examples:
  python scripts/dashboard.py
  python scripts/dashboard.py --data-dir data/demo
  python scripts/dashboard.py --port 8600 --open

It reads the database and never writes, except for one control panel: close, halt, reduce-only and
resume, each asked for a second time, do what control.py does. Without --data-dir it shows data/ and
those of data/demo, data/replay and data/rehearsal that exist. Ctrl-C ends it; the trading program
does not depend on it.

Only this machine can see the page. To see it from elsewhere, use a tunnel:
  ssh -L 8501:127.0.0.1:8501 you@this-machine

exit codes: 0 ended by Ctrl-C or SIGTERM, 2 bad usage, config, port or data directory.
"""


def make_parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    parser = argparse.ArgumentParser(
        prog="dashboard.py",
        description="Show the trading program in a browser: now, today, history, data, health.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add_files(parser)
    parser.add_argument(
        "--port", type=int, default=PORT, metavar="N", help=f"default: {PORT}; 0: any free one"
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="the address to listen on (default: 127.0.0.1, this machine alone); there is no "
        "password: whoever reaches another one can close positions",
    )
    parser.add_argument("--open", action="store_true", help="open the browser as well")
    parser.add_argument(
        "--refresh",
        type=_seconds,
        default=REFRESH_SECONDS,
        metavar="SECONDS",
        help=f"how often the pages Now and Today look again (default: {REFRESH_SECONDS:g})",
    )
    return parser


def parse(argv: "Sequence[str] | None") -> argparse.Namespace:
    """Return the command line, or exit with code 2 and a sentence."""
    parser = make_parser()
    args = parser.parse_args(argv)
    if not 0 <= args.port <= 65535:
        parser.error(f"--port {args.port}: a port is a number from 1 to 65535, or 0 for any.")
    return args


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 3600:
        raise argparse.ArgumentTypeError(f"{text}: give seconds from 0.1 to 3600")
    return seconds


def main(argv: "Sequence[str] | None" = None) -> int:
    """Show the page until somebody ends it; return the exit code."""
    args = parse(argv)
    # Imported after parsing, so that --help and a mistyped option answer at once.
    try:
        from scripts.run_dashboard import run  # noqa: PLC0415
    except KeyboardInterrupt:
        return 130
    return run(args, PROJECT)


if __name__ == "__main__":
    sys.exit(main())
