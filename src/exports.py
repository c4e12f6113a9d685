"""CSV files for a spreadsheet: whole or not at all, plain numbers, and no live formulas."""

import errno
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

from src.models import NEW_YORK
from src.ports import MendInput
from src.ticks import CENT
from src.trade_statistics import FinishedTrade, Row, Statistics, finished_trades, summarise

Cell = str | int | float | Decimal | None

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""A text cell that begins with one of these would be run as a formula (OWASP, CSV injection)."""
FOUR_DECIMALS = frozenset({"ratio", "win_rate", "profit_factor"})
TIMES = {"entry_time": "entry_time_et", "exit_time": "exit_time_et"}
ALL_REASONS = "ALL"
_MENDS = {
    errno.ENOSPC: "free some space on the disk and start again",
    errno.EDQUOT: "free some space on the disk and start again",
    errno.EACCES: "make its folder writable, or close the program that has the file open",
    errno.EPERM: "make its folder writable, or close the program that has the file open",
    errno.EROFS: "the disk is read-only, so name another folder with --data-dir",
    errno.ENOTDIR: "move aside the file that stands where the folder should be",
    errno.EEXIST: "move aside the file that stands where the folder should be",
}


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table on its way to a file. Floats and Decimals are dollars unless named otherwise."""

    name: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[Cell]]


def check_range(start: date | None, end: date | None) -> None:
    """Raise MendInput when a range of days ends before it starts; `None` is an open end."""
    if start and end and end < start:
        raise MendInput(
            f"The range ends on {end}, before it starts on {start}: "
            f"give the earlier day first ({end} to {start})."
        )


def write_atomically(path: Path, text: str) -> None:
    """Replace a file by `text` in UTF-8, durably: a reader sees the old one or the new one.

    Line ends are written as given. Raises MendInput, in one sentence, when the file cannot be
    written; the old file is then as it was.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with part.open("wb") as file:
                file.write(text.encode("utf-8"))
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise MendInput(not_written(path, error)) from error


def not_written(path: Path, error: OSError) -> str:
    """Return in one sentence why a file could not be written, and how to mend it."""
    mend = _MENDS.get(error.errno or 0, "make sure that its folder can be written to")
    return (
        f"{path} could not be written ({error.strerror or error}): {mend}; "
        "what was there before is unchanged."
    )


def write_exports(
    folder: Path, start: date, end: date, trades: Sequence[Row], days: Sequence[Row]
) -> list[Path]:
    """Write every CSV file of a range of days and return the paths. Raises MendInput.

    `trades` and `days` are the rows of `trades` and `daily_summary` in that range, in order.
    Running totals start at 0 with the range and are kept apart for each mode, so that simulated
    dollars are never added to real ones.
    """
    finished = finished_trades(trades)
    sheets = (
        _table("trades", trades),
        _table("daily_summary", days),
        _cumulative_pnl(days),
        _win_rate(finished),
        _statistics(finished),
    )
    paths = []
    for sheet in sheets:
        path = folder / f"{sheet.name}_{start}_to_{end}.csv"
        write_atomically(path, csv_text(sheet))
        paths.append(path)
    return paths


def csv_text(sheet: Sheet) -> str:
    """Return a sheet as CSV, its lines ended by CR LF; an unknown value is an empty cell."""
    import pandas as pd  # noqa: PLC0415 - slow to load, and most of a day does without it

    rows = [[_cell(*pair) for pair in zip(sheet.columns, row, strict=True)] for row in sheet.rows]
    frame = pd.DataFrame(rows, columns=list(sheet.columns), dtype=object)
    return frame.to_csv(index=False, lineterminator="\r\n")


def _cell(column: str, value: Cell) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(FORMULA_STARTS) else value
    if isinstance(value, int):
        return str(value)
    places = 4 if column in FOUR_DECIMALS else 2
    # "z" writes a rounded minus zero as a plain one.
    return f"{value:z.{places}f}"


TABLES = {
    "trades": (
        "trade_id date mode entry_time exit_time spreads spy_price spx_price spy_strike spx_strike "
        "spy_bid spy_ask spx_bid spx_ask entry_credit exit_cost final_pnl fees exit_reason "
        "assigned_shares ratio strike_gap quoted_credit expected_profit note"
    ),
    "daily_summary": "date mode trades_count total_pnl win_rate skip_reason notes",
}


def _table(name: str, rows: Iterable[Row]) -> Sheet:
    columns = TABLES[name].split()
    return Sheet(
        name,
        tuple(TIMES.get(column, column) for column in columns),
        [
            [_local(row[column]) if column in TIMES else row[column] for column in columns]
            for row in rows
        ],
    )


def _local(moment: str | None) -> str | None:
    if moment is None:
        return None
    # With the T: the one spelling that LibreOffice takes for a time without being asked to.
    return f"{datetime.fromisoformat(moment).astimezone(NEW_YORK):%Y-%m-%dT%H:%M:%S}"


def _cumulative_pnl(days: Iterable[Row]) -> Sheet:
    levels: dict[str, Decimal] = {}
    rows: list[Sequence[Cell]] = []
    for day in days:
        mode, pnl = day["mode"], Decimal(str(day["total_pnl"])).quantize(CENT)
        levels[mode] = levels.get(mode, Decimal(0)) + pnl
        rows.append((day["date"], mode, pnl, levels[mode]))
    return Sheet("cumulative_pnl", ("date", "mode", "total_pnl", "cumulative_pnl"), rows)


def _win_rate(trades: Iterable[FinishedTrade]) -> Sheet:
    results: dict[str, list[bool]] = {}
    rows: list[Sequence[Cell]] = []
    for trade in trades:
        won = results.setdefault(trade.mode, [])
        won.append(trade.pnl > 0)
        rate = sum(won) / len(won)
        rows.append(
            (trade.trade_id, str(trade.day), trade.mode, trade.pnl, len(won), sum(won), rate)
        )
    columns = ("trade_id", "date", "mode", "final_pnl", "trades", "wins", "win_rate")
    return Sheet("win_rate", columns, rows)


def _statistics(trades: Sequence[FinishedTrade]) -> Sheet:
    columns = (
        "mode exit_reason trades wins win_rate total_pnl average best worst profit_factor "
        "max_drawdown"
    )
    rows: list[Sequence[Cell]] = []
    for mode in sorted({trade.mode for trade in trades}):
        of_mode = [trade for trade in trades if trade.mode == mode]
        whole = summarise(of_mode)
        rows.append((mode, ALL_REASONS, *_figures(whole), whole.max_drawdown))
        for reason in whole.by_reason:
            part = summarise([trade for trade in of_mode if trade.exit_reason == reason])
            # A drawdown is a path through all trades; a part of them has none of its own.
            rows.append((mode, reason, *_figures(part), None))
    return Sheet("statistics", tuple(columns.split()), rows)


def _figures(of: Statistics) -> tuple[Cell, ...]:
    return (
        of.trades,
        of.wins,
        of.win_rate,
        of.total,
        of.average,
        of.best,
        of.worst,
        of.profit_factor,
    )
