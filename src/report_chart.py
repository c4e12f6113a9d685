"""Charts of columns on a line of zero, made of cells, so that plain text and mail can show them.

No picture is needed: mail programs drop SVG, scripts and embedded images.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, copysign
from typing import NamedTuple

from src.words import count, money

COLUMNS = 62
"""Columns of a chart at most that fit into a line of text."""
LEVELS = 10
"""Cells from the lowest value to the highest."""
WIDEST = 6
"""Characters that a column of a chart with few columns is wide."""


class Bar(NamedTuple):
    """One column: `value` is dollars, None where it is not known; `mark` names what happened."""

    label: str
    value: float | None
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Bars:
    """Values in the order of time, their title, what one of them is called, and a remark."""

    title: str
    bars: Sequence[Bar]
    unit: str = "value"
    note: str = ""


class Columns(NamedTuple):
    """A chart that is ready to be drawn: signed heights in cells, and which columns are marked."""

    heights: tuple[int, ...]
    marked: tuple[bool, ...]

    @property
    def above(self) -> range:
        """The levels above zero, from the top."""
        return range(max(0, *self.heights, 0), 0, -1)

    @property
    def below(self) -> range:
        """The levels below zero, from the top."""
        return range(-1, min(0, *self.heights, 0) - 1, -1)

    def row(self, level: int) -> tuple[bool, ...]:
        """Return which columns reach a level; those below zero are negative."""
        return tuple(each >= level > 0 or each <= level < 0 for each in self.heights)


def columns(chart: Bars, most: int = COLUMNS, levels: int = LEVELS) -> Columns:
    """Return the columns of a chart; of more values than columns each stands for several.

    Such a column shows the lowest or the highest value of all if that is among its own, or else
    the last one that is known.
    """
    known = _known(chart.bars)
    if not known:
        return Columns((), ())
    extremes = (min(known), max(known))
    groups = list(_groups(chart.bars, most))
    values = [_standing_for(group, extremes) for group in groups]
    unit = (max(0.0, extremes[1]) - min(0.0, extremes[0])) / levels
    return Columns(
        tuple(_height(value, unit) for value in values),
        tuple(any(bar.mark for bar in group) for group in groups),
    )


def figures(chart: Bars) -> str:
    """Return a chart in one line: the highest, the lowest and the last value, and when."""
    known = [bar for bar in chart.bars if bar.value is not None]
    if not known:
        return "No value is known."
    highest = max(known, key=lambda bar: bar.value or 0.0)
    lowest = min(known, key=lambda bar: bar.value or 0.0)
    gaps = len(chart.bars) - len(known)
    unknown = f"; {count(gaps, 'value')} not known" if gaps else ""
    return (
        f"Highest {money(highest.value)} ({highest.label}), lowest {money(lowest.value)} "
        f"({lowest.label}), last {money(known[-1].value)} ({known[-1].label}){unknown}."
    )


def legend(chart: Bars, most: int = COLUMNS) -> str:
    """Return what at most so many columns are, from when to when, and what the marks mean."""
    if not chart.bars:
        return chart.note
    each = -(-len(chart.bars) // most)
    first, last = chart.bars[0].label, chart.bars[-1].label
    parts = [
        f"From {first} (left) to {last} (right)",
        f"each column stands for up to {count(each, chart.unit)}" if each > 1 else "",
        chart.note,
        ", ".join(f"{bar.mark} at {bar.label}" for bar in chart.bars if bar.mark),
    ]
    marked = "; marked: " if parts[-1] else ""
    return "; ".join(filter(None, parts[:-1])) + marked + parts[-1] + "."


def drawn(chart: Bars) -> list[str]:
    """Return a chart as lines of characters, none longer than 80."""
    drawing = columns(chart)
    known = _known(chart.bars)
    if not known:
        return []
    wide = max(1, min(WIDEST, COLUMNS // max(len(drawing.heights), 1)))
    names = dict.fromkeys((*drawing.above, *drawing.below), "")
    names |= {drawing.above[0]: money(max(known))} if drawing.above else {}
    names |= {drawing.below[-1]: money(min(known))} if drawing.below else {}
    gutter = max(len("marked"), *map(len, names.values()), 0)

    def line(name: str, edge: str, cells: Sequence[bool], fill: str) -> str:
        drawn_cells = "".join((fill if cell else " ") * wide for cell in cells)
        return f"{name:>{gutter}} {edge}{drawn_cells}".rstrip()

    zero = (True,) * len(drawing.heights)
    return [
        *(line(names[level], "|", drawing.row(level), "#") for level in drawing.above),
        line("$0", "+", zero, "-"),
        *(line(names[level], "|", drawing.row(level), "#") for level in drawing.below),
        *([line("marked", " ", drawing.marked, "^")] if any(drawing.marked) else []),
    ]


def _known(bars: Sequence[Bar]) -> list[float]:
    return [bar.value for bar in bars if bar.value is not None]


def _groups(bars: Sequence[Bar], most: int) -> Iterator[Sequence[Bar]]:
    """Divide the bars among the columns, as evenly as can be."""
    many = min(len(bars), most)
    ends = [ceil(number * len(bars) / many) for number in range(many + 1)]
    for start, end in pairwise(ends):
        yield bars[start:end]


def _standing_for(group: Sequence[Bar], extremes: tuple[float, float]) -> float | None:
    known = _known(group)
    chosen = [value for value in known if value in extremes]
    return max(chosen, key=abs) if chosen else known[-1] if known else None


def _height(value: float | None, unit: float) -> int:
    """Return a height in cells: at least one, so that a small value is not taken for none."""
    if not value or not unit:
        return 0
    return int(copysign(max(1, round(abs(value) / unit)), value))
