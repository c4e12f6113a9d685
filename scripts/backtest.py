#!/usr/bin/env python3
"""Trade many recorded or generated days on the code that trades a real one.

python scripts/backtest.py data/tapes                 every tape of a folder
python scripts/backtest.py data/tapes --from 2026-07-01 --set strategy.strike_rule=atm
python scripts/backtest.py --generated 0:200          generated days, by their seeds
python scripts/backtest.py sweep --help               many parameter sets at once
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

LONGEST_LATENCY = 60.0
EPILOG = """\
examples:
  python scripts/backtest.py data/tapes --trades
  python scripts/backtest.py data/tapes --from 2026-07-01 --fills worse --set strategy.max_spreads=1
  python scripts/backtest.py --generated 0:200
  python scripts/backtest.py sweep data/tapes --grid strategy.min_entry_credit=300:700:50

backtest.py sweep --help: many parameter sets on the same days, ranked.

fill models:
  touch    whole orders at the bid or ask of the moment, whatever the quote's size (default)
  worse    the market is one tick wider on both sides than recorded, to decide and to fill
  partial  no more trades against one quote than its size; a new quote offers as much again
No model knows what our own orders would have moved. Fees are charged in and out.

exit codes: 0 done, 1 unexpected failure, 2 bad usage, config or data, 130 interrupted.
what it writes: backtest_trades.csv, backtest_days.csv and backtest.html in --out.
"""


def day(text: str) -> date:
    """Return a day written as YYYY-MM-DD."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no day (YYYY-MM-DD)") from error


def seeds(text: str) -> range:
    """Return seeds written as FROM:TO, the last one not included, or as one number."""
    first, colon, last = text.partition(":")
    if not (first.isdecimal() and (last.isdecimal() or not colon)):
        raise argparse.ArgumentTypeError(f"{text!r} are no seeds: give one, or FROM:TO as in 0:200")
    found = range(int(first), int(last) if colon else int(first) + 1)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} holds no seed: FROM must be below TO")
    return found


def latency(text: str) -> float:
    """Return seconds from 0 to a minute."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= LONGEST_LATENCY:
        raise argparse.ArgumentTypeError(f"{text!r} is no time from 0 to {LONGEST_LATENCY:g} s")
    return value


def positive(text: str) -> int:
    """Return a whole number from 1."""
    if not (text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1")
    return int(text)


def make_parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    parser = argparse.ArgumentParser(
        prog="backtest.py",
        description="Trade many days again, on the code that trades a real one. All SIMULATED.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("places", nargs="*", type=Path, metavar="FOLDER", help="tapes, or one tape")
    parser.add_argument(
        "--generated", type=seeds, metavar="FROM:TO", help="generated days by seed, TO not included"
    )
    parser.add_argument("--from", dest="first", type=day, metavar="DAY", help="the first day")
    parser.add_argument("--to", dest="last", type=day, metavar="DAY", help="the last day, included")
    add_settings(parser)
    parser.add_argument(
        "--fills",
        choices=("touch", "worse", "partial"),
        default="touch",
        help="how orders are filled, see below",
    )
    parser.add_argument(
        "--latency", type=latency, default=0.0, metavar="S", help="seconds until an order arrives"
    )
    parser.add_argument(
        "--assumed-size",
        type=positive,
        default=5,
        metavar="N",
        help="contracts behind a quote of unknown size, with --fills partial (default: 5)",
    )
    parser.add_argument(
        "--closes",
        type=Path,
        metavar="FILE",
        help="official closes: CSV with the columns date, spy_close, spx_close",
    )
    parser.add_argument(
        "--jobs", type=positive, metavar="N", help="processes at once (default: one a core)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=PROJECT / "data" / "backtest",
        metavar="DIR",
        help="where the files go (default: data/backtest)",
    )
    parser.add_argument("--no-html", action="store_true", help="write no HTML report")
    parser.add_argument("--trades", action="store_true", help="list every trade")
    parser.add_argument(
        "--json", action="store_true", help="instead of words: the figures, for other programs"
    )
    parser.add_argument(
        "--compare-rules",
        action="store_true",
        help="instead: a table of expected_profit x strike_rule x when it ends, over these tapes",
    )
    return parser


def parse(argv: "Sequence[str] | None") -> argparse.Namespace:
    """Return the command line, or exit with code 2 and a sentence."""
    parser = make_parser()
    args = parser.parse_args(argv)
    if args.json and args.compare_rules:
        parser.error("--json is for the figures of a backtest, not for --compare-rules")
    return args


def main(argv: "Sequence[str] | None" = None) -> int:
    """Run the backtest or the sweep that the command line asks for; return the exit code."""
    given = sys.argv[1:] if argv is None else list(argv)
    if given[:1] == ["sweep"]:
        from scripts.run_sweep import main as sweep  # noqa: PLC0415 - only for who sweeps

        return sweep(given[1:])
    args = parse(given)
    # Imported after parsing, so that --help and a mistyped option answer at once.
    from utils.garbage import nothing_is_garbage  # noqa: PLC0415

    try:
        with nothing_is_garbage():
            from scripts.run_backtest import run  # noqa: PLC0415
    except KeyboardInterrupt:
        return 130
    return run(args, PROJECT)


if __name__ == "__main__":
    sys.exit(main())
