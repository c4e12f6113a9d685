#!/usr/bin/env python3
"""Turn history into tapes: fetch it from a source, import files, verify a folder.

python scripts/backfill.py fetch --source alpaca --from 2026-10-01 --to 2026-10-30
python scripts/backfill.py import quotes.csv --kind quotes --map timestamp=time,symbol=ticker
python scripts/backfill.py verify data/tapes
"""

import argparse
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from scripts.options import add_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

SOURCES = ("alpaca", "ibkr", "yfinance")

EPILOG = """\
examples:
  python scripts/backfill.py fetch --source alpaca --from 2026-10-01 --to 2026-10-30
  python scripts/backfill.py import quotes.csv --kind quotes --map timestamp=time,symbol=ticker
  python scripts/backfill.py verify data/tapes
each of the three has a --help of its own.

exit codes: 0 done, 2 bad usage, config or data, 4 the source could not be reached,
130 interrupted (the same command goes on where it was).
"""

FETCH = """\
  alpaca    minutes of SPY and of the options (their last trades) since 2024-02-01; SPX is
            reckoned from the options, for Alpaca has no index. Needs keys, as for main.py.
  ibkr      minutes of SPY and SPX; of options only on their own day, after the close, because
            Interactive Brokers has no history of expired options. Needs TWS or IB Gateway.
  yfinance  minutes of SPY and SPX for 30 days, daily closes before; no options.

A day that is there is not fetched again; one that was interrupted is completed. No source has past
quotes of options: without --derive-quotes their tapes show last prices and cannot trade.

example:
  python scripts/backfill.py fetch --source alpaca --from 2026-10-01 --to 2026-10-30 --strikes 10
"""

IMPORT = """\
Reads CSV (also .gz) and Parquet. Columns with the names of a tape need no --map: timestamp, symbol,
bid, ask, bid_size, ask_size, last, seen; also volume (0: no trade, left out), or root, expiry,
strike and right instead of an option symbol. Times are ISO 8601 or seconds (milli-, micro-, nano-)
since 1970. Only SPY, SPX and same-day SPY and SPXW options go on tapes.

  quotes  both sides of one moment      bars  the last price of a span      prints  single trades

examples:
  python scripts/backfill.py import quotes.parquet --kind quotes --map timestamp=ts,symbol=osi
  python scripts/backfill.py import spy.csv --kind bars --symbol SPY --map timestamp=t,last=close \\
      --bar-seconds 60 --zone America/New_York --add
"""


def main(argv: "Sequence[str] | None" = None) -> int:
    """Do what the command line asks for; return the exit code."""
    args = parse(argv)
    # Imported after parsing, so that --help and a mistyped option answer at once.
    try:
        from scripts.run_backfill import run  # noqa: PLC0415
    except KeyboardInterrupt:
        return 130
    return run(args, PROJECT)


def make_parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    parser = argparse.ArgumentParser(
        prog="backfill.py",
        description="Turn history into tapes, which main.py --replay plays.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="fetch|import|verify")
    _add_fetch(commands)
    _add_import(commands)
    verify = commands.add_parser(
        "verify",
        help="check the tapes of a folder",
        epilog="example:\n  python scripts/backfill.py verify data/tapes",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    verify.add_argument("folder", type=Path, metavar="FOLDER", help="a folder of tapes")
    verify.add_argument("--json", action="store_true", help="the same for other programs")
    return parser


def parse(argv: "Sequence[str] | None") -> argparse.Namespace:
    """Return the command line, or exit with code 2 and a sentence."""
    return make_parser().parse_args(argv)


def _add_fetch(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    fetch = commands.add_parser(
        "fetch",
        help="fetch days from a source",
        epilog=FETCH,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    fetch.add_argument("--source", required=True, choices=SOURCES, help="see below")
    fetch.add_argument(
        "--from", required=True, type=_day, dest="first", metavar="DAY", help="YYYY-MM-DD"
    )
    fetch.add_argument(
        "--to", type=_day, dest="last", metavar="DAY", help="(default: the last finished session)"
    )
    fetch.add_argument(
        "--strikes",
        type=_count,
        default=10,
        metavar="N",
        help="strikes of each root beyond the day's range, above and below (default: 10)",
    )
    _add_places(fetch)
    add_settings(fetch)


def _add_import(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "import",
        help="turn files from elsewhere into tapes",
        epilog=IMPORT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="CSV or Parquet")
    parser.add_argument(
        "--kind", required=True, choices=("quotes", "bars", "prints"), help="see below"
    )
    parser.add_argument(
        "--map",
        default="",
        metavar="MEANING=COLUMN,...",
        help="which column of the file means what, where the names differ",
    )
    parser.add_argument(
        "--symbol", default="", metavar="SYMBOL", help="of all rows, where no column tells it"
    )
    parser.add_argument(
        "--zone", default="", metavar="ZONE", help="of times without an offset: America/New_York"
    )
    parser.add_argument(
        "--bar-seconds",
        type=_count,
        default=0,
        metavar="N",
        help="rows are bars of N seconds, stamped at their beginning; a tape stamps their end",
    )
    parser.add_argument(
        "--carried-minutes",
        type=_count,
        default=10,
        metavar="N",
        help="a market that stands still for longer counts as carried forward (default: 10)",
    )
    parser.add_argument("--add", action="store_true", help="add to imported tapes of the same days")
    _add_places(parser)


def _add_places(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--derive-quotes",
        action="store_true",
        help="give options quotes that are made from trades (alpaca, import: ask = last trade, bid "
        "one tick below) or are averages of a minute (ibkr); the tape says so",
    )
    parser.add_argument(
        "--into",
        type=Path,
        default=PROJECT / "data" / "tapes",
        metavar="DIR",
        help="folder of the tapes (default: data/tapes)",
    )


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no day (YYYY-MM-DD)") from error


def _count(text: str) -> int:
    if not text.isdecimal() or len(text) > 6:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
