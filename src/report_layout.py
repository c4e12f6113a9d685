"""Headings, paragraphs, tables and charts, set as plain text of 80 columns or as Markdown.

`src.report_html` sets the same blocks as a page.
"""

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from src.report_chart import Bars, drawn, figures, legend

__all__ = ["Alarm", "Bars", "Block", "Heading", "Lead", "Paragraph", "Table"]

WIDTH = 80
GAP = "  "
NARROWEST = 6


@dataclass(frozen=True, slots=True)
class Heading:
    """The title of what follows."""

    text: str


@dataclass(frozen=True, slots=True)
class Lead:
    """What somebody reads who reads one sentence only; `label` says what it is worth."""

    text: str
    label: str = ""

    def __str__(self) -> str:
        return f"{self.text} ({self.label})" if self.label else self.text


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text."""

    text: str


@dataclass(frozen=True, slots=True)
class Alarm:
    """What must not be overlooked: bold in Markdown, marked in plain text."""

    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """Cells in rows; the columns named in `numbers` are set to the right."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    numbers: frozenset[str] = frozenset()


Block = Heading | Lead | Paragraph | Alarm | Table | Bars


def as_text(blocks: Iterable[Block]) -> str:
    """Return the blocks as plain text, no line longer than 80 columns where words allow it."""
    return "\n\n".join(_text(block) for block in blocks) + "\n"


def as_markdown(blocks: Iterable[Block]) -> str:
    """Return the blocks as Markdown with pipe tables; the first heading is the page's title."""
    parts = []
    title_set = False
    for block in blocks:
        if isinstance(block, Heading):
            parts.append(f"{'##' if title_set else '#'} {_escaped(block.text)}")
            title_set = True
        else:
            parts.append(_markdown(block))
    return "\n\n".join(parts) + "\n"


def _text(block: Block) -> str:
    if isinstance(block, Heading):
        return f"{block.text}\n{'-' * len(block.text)}"
    if isinstance(block, Alarm):
        return textwrap.fill(block.text, WIDTH, initial_indent="!!  ", subsequent_indent="!!  ")
    if isinstance(block, Lead):
        return _filled(str(block))
    if isinstance(block, Paragraph):
        return _filled(block.text)
    if isinstance(block, Bars):
        about = (_filled(words) for words in (figures(block), legend(block)) if words)
        return "\n".join((_filled(block.title), *drawn(block), *about))
    return _text_table(block)


def _filled(text: str) -> str:
    return textwrap.fill(text, WIDTH, break_on_hyphens=False)


def _text_table(table: Table) -> str:
    widths = _widths((table.columns, *table.rows))
    rule = tuple("-" * width for width in widths)
    lines: list[str] = []
    for row in (table.columns, rule, *table.rows):
        lines += _text_row(table, row, widths)
    return "\n".join(lines)


def _text_row(table: Table, row: tuple[str, ...], widths: Sequence[int]) -> list[str]:
    cells = []
    for text, width, column in zip(row, widths, table.columns, strict=True):
        align = ">" if column in table.numbers else "<"
        cells.append(
            [
                f"{line:{align}{width}}"
                for line in textwrap.wrap(text, width, break_on_hyphens=False) or [""]
            ]
        )
    height = max(map(len, cells))
    padded = [
        cell + [" " * width] * (height - len(cell))
        for cell, width in zip(cells, widths, strict=True)
    ]
    return [GAP.join(line).rstrip() for line in zip(*padded, strict=True)]


def _widths(rows: Sequence[tuple[str, ...]]) -> list[int]:
    widths = [max(1, *map(len, column)) for column in zip(*rows, strict=True)]
    room = WIDTH - len(GAP) * (len(widths) - 1)
    # The widest column gives way first: it holds the sentences, which can be wrapped.
    while sum(widths) > room and max(widths) > NARROWEST:
        widths[widths.index(max(widths))] -= 1
    return widths


def _markdown(block: Lead | Paragraph | Alarm | Table | Bars) -> str:
    if isinstance(block, Paragraph):
        return _escaped(block.text)
    if isinstance(block, Alarm):
        return f"**{_escaped(block.text)}**"
    if isinstance(block, Lead):
        return f"**{_escaped(str(block))}**"
    if isinstance(block, Bars):
        return _markdown_chart(block)
    rule = ("---:" if column in block.numbers else "---" for column in block.columns)
    rows = (map(_escaped, row) for row in (block.columns, *block.rows))
    head, *body = (f"| {' | '.join(cells)} |" for cells in rows)
    return "\n".join((head, f"| {' | '.join(rule)} |", *body))


def _markdown_chart(chart: Bars) -> str:
    about = " ".join(words for words in (figures(chart), legend(chart)) if words)
    lines = drawn(chart)
    drawing = ["```text", *lines, "```"] if lines else []
    return "\n".join((f"**{_escaped(chart.title)}**", "", *drawing, "", _escaped(about)))


def _escaped(text: str) -> str:
    for mark in "\\|*`<[":
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.split())
