"""Reads the tape of a day, finished or still being recorded, for who wants to look at it."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from brokers.tape import SUFFIXES, Tape
from brokers.tape_rows import COLUMNS, UNDERLYINGS, RowReader, Series
from src.models import OptionContract, Quote
from src.tape_lines import (
    Line,
    TapeLines,
    ask_line,
    bid_line,
    cost_line,
    credit_line,
    price_line,
)

PART = ".csv.part"


def tape_of(folder: Path, day: date) -> Path | None:
    """Return the tape of a day in a data directory, or what is recorded of it so far."""
    places = (folder / "tapes" / f"{day}{suffix}" for suffix in (*SUFFIXES, PART))
    return next((each for each in places if each.is_file()), None)


def tapes_in(folder: Path) -> list[date]:
    """Return the days of which a data directory holds a tape or a part of one, newest first."""
    found = set()
    for path in (folder / "tapes").glob("????-??-??.*"):
        if path.name.endswith((*SUFFIXES, PART)):
            try:
                found.add(date.fromisoformat(path.name[:10]))
            except ValueError:
                continue  # named like a day, and none
    return sorted(found, reverse=True)


def read_lines(path: Path, day: date, strikes: tuple[float, float] | None) -> TapeLines:
    """Return a tape as lines, with both legs where their strikes are known and on the tape.

    Raises MendInput for a tape that is not sound; of one that is being recorded the lines that are
    not whole yet are left out.
    """
    if path.name.endswith(PART):
        what, prices, options = "being recorded, or left by a run that was ended", *_part(path, day)
    else:
        tape = Tape.load(path)
        what, prices, options = f"{tape.kind}: {tape.sidecar.source}", tape.prices, tape.options
    lines = {name: price_line(_quotes(prices[name])) for name in UNDERLYINGS if name in prices}
    if strikes is None:
        return TapeLines(what, lines, None, None, None, None, None)
    calls = OptionContract("SPY", day, strikes[0]), OptionContract("SPXW", day, strikes[1])
    if any(each not in options for each in calls):
        return TapeLines(what, lines, None, None, None, None, None)
    spy, spx = (_quotes(options[each]) for each in calls)
    bids: tuple[Line, Line] = bid_line(spy), bid_line(spx)
    asks: tuple[Line, Line] = ask_line(spy), ask_line(spx)
    return TapeLines(what, lines, calls, bids, asks, credit_line(spy, spx), cost_line(spy, spx))


def _part(path: Path, day: date) -> tuple[Mapping[str, Series], Mapping[OptionContract, Series]]:
    width = len(COLUMNS) + 1
    reader = RowReader(day, width=width)
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        fields = line.split(",")
        if len(fields) == width and not line.startswith("#"):
            reader.take(0, fields)
    series = reader.series
    prices = {name: each for name, each in series.items() if name in UNDERLYINGS}
    return prices, {contract: series[name] for name, contract in reader.contracts.items()}


def _quotes(series: Series) -> list[Quote]:
    """Return the rows as they became known, for that is when the program could act on them."""
    return [Quote(seen, *row[1:]) for seen, row in zip(series.seen, series.rows, strict=True)]
