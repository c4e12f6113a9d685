"""SPY's dividends, from the dated table `config/dividends.csv`.

From the ex-date on SPY is quoted without the dividend, in dollars a share, and SPX over SPY jumps.
"""

import csv
import math
from collections.abc import Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import NamedTuple

from src.ports import MendInput

TABLE = Path(__file__).resolve().parent.parent / "config" / "dividends.csv"
TYPICAL = 1.9
"""Dollars a share where the table names no amount at all: those of 2025 and 2026."""
_NEEDED = {"ex_date", "amount"}


class Dividend(NamedTuple):
    """One dividend: `amount` is dollars a share, an assumption where `is_known` is false."""

    ex_date: date
    amount: float
    is_known: bool = True


@cache
def load_dividends(path: Path = TABLE) -> tuple[Dividend, ...]:
    """Return the table in order of dates; an amount that is not named is the last one before it.

    Raises MendInput, with the line and its value, where the table cannot be read.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise MendInput(f"{path}: the table of dividends cannot be read ({error.strerror}).") from (
            error
        )
    if not rows or not rows[0].keys() >= _NEEDED:
        raise MendInput(f"{path}: the columns ex_date and amount are needed; mend the first line.")
    found = sorted((_date(path, line, row), _amount(path, line, row)) for line, row in _lines(rows))
    last, dividends = TYPICAL, []
    for day, amount in found:
        last = last if math.isnan(amount) else amount
        dividends.append(Dividend(day, last, not math.isnan(amount)))
    return tuple(dividends)


def last_before(day: date, dividends: Sequence[Dividend]) -> Dividend | None:
    """Return the dividend whose ex-date is the day or the last one before it."""
    return next((each for each in reversed(dividends) if each.ex_date <= day), None)


def first_after(day: date, dividends: Sequence[Dividend]) -> Dividend | None:
    """Return the next dividend, None where the table ends before it."""
    return next((each for each in dividends if each.ex_date > day), None)


def _lines(rows: list[dict[str, str]]) -> list[tuple[int, dict[str, str]]]:
    return list(enumerate(rows, start=2))


def _date(path: Path, line: int, row: dict[str, str]) -> date:
    try:
        return date.fromisoformat(row["ex_date"])
    except ValueError as error:
        raise MendInput(
            f"{path}, line {line}: ex_date is {row['ex_date']!r}; it must be such as 2026-12-18."
        ) from error


def _amount(path: Path, line: int, row: dict[str, str]) -> float:
    """Return the dollars of a row, not a number where it names none."""
    text = (row["amount"] or "").strip()
    if not text:
        return math.nan
    try:
        amount = float(text)
    except ValueError:
        amount = -1.0
    if not 0.0 < amount < 100.0:
        raise MendInput(
            f"{path}, line {line}: amount is {text!r}; it must be dollars a share such as 1.904, "
            "or empty while it is not known."
        )
    return amount
