"""The blocks of a report as one page of HTML that a mail program shows as a browser does.

Mail programs drop scripts, style sheets, SVG and embedded images, some of them even margins: so
there are inline styles only, a chart is a table of coloured cells, and no colour is set where the
reader's own, light or dark, is readable. Nothing is fetched from anywhere.
"""

from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby

from src.report_chart import Bars, Columns, columns, figures, legend
from src.report_layout import Alarm, Block, Heading, Lead, Table

_GREY, _GREEN, _RED, _AMBER = "#7a7a7a", "#2f9e62", "#d05050", "#b8690f"
"""Each can be seen on white as well as on black."""
_PAGE = (
    "max-width:640px;margin:0 auto;padding:16px;font-size:15px;line-height:1.45;"
    "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;"
    # A long word, such as an address in a broker's answer, must not make the page wider.
    "overflow-wrap:anywhere;word-break:break-word"
)
_SMALL = f"font-size:12px;color:{_GREY}"
_LINE = f"border-top:1px solid {_GREY}"
_TABLE = 'role="presentation" cellpadding="0" cellspacing="0" border="0"'
_COLUMNS = 80
"""Columns of a chart at most: more than the looks of a day, and each still wide enough to see."""
_LEVELS, _CELL_HEIGHT = 16, 6
_CELL_WIDTH = 24
"""Pixels of a column at most: a chart of few sessions is no wall."""

_PHONE = 340
"""Pixels between the margins of a page on a telephone that is 375 wide."""
_LETTER, _PADDING = 7, 10
"""Pixels of a letter of a table, and between two of its columns."""
_MOST_LINES = 3


def as_html(blocks: Sequence[Block]) -> str:
    """Return the blocks as a page; the first heading is its title. Every text is escaped."""
    title = next((block.text for block in blocks if isinstance(block, Heading)), "Report")
    body = "\n".join(_parts(blocks))
    return (
        '<!DOCTYPE html>\n<html lang="en" style="color-scheme:light dark">\n<head>\n'
        '<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(title)}</title>\n</head>\n"
        f'<body style="margin:0;padding:0">\n<div style="{_PAGE}">\n{body}\n</div>\n</body>\n'
        "</html>\n"
    )


def _parts(blocks: Sequence[Block]) -> Iterator[str]:
    title_set = False
    for block in blocks:
        if isinstance(block, Heading):
            yield _heading(block.text, is_title=not title_set)
            title_set = True
        elif isinstance(block, Table):
            yield _table(block) if _fits(block) else _list(block)
        elif isinstance(block, Bars):
            yield _chart(block)
        elif isinstance(block, Alarm):
            style = f"margin:12px 0;padding-left:10px;border-left:4px solid {_AMBER}"
            yield f'<p style="{style}"><b>{escape(block.text)}</b></p>'
        elif isinstance(block, Lead):
            yield from _lead(block)
        else:
            yield f'<p style="margin:10px 0">{escape(block.text)}</p>'


def _lead(lead: Lead) -> Iterator[str]:
    yield f'<p style="margin:8px 0;font-size:18px"><b>{escape(lead.text)}</b></p>'
    if lead.label:
        style = f"margin:8px 0 16px;font-size:13px;color:{_AMBER}"
        yield f'<p style="{style}"><b>{escape(lead.label)}</b></p>'


def _heading(text: str, *, is_title: bool) -> str:
    if is_title:
        return f'<h1 style="margin:0 0 8px;font-size:15px;color:{_GREY}">{escape(text)}</h1>'
    return f'<h2 style="margin:28px 0 8px;font-size:17px">{escape(text)}</h2>'


# Tables: side by side where a telephone has room for it, one below the other where it has not.


def _fits(table: Table) -> bool:
    """Whether the cells of a row can stand side by side, the widest column broken into few lines.

    A page cannot be pushed sideways in most mail programs.
    """
    widths = _widths(table)
    widest = max(widths)
    room = _PHONE - _PADDING * len(widths) - _LETTER * (sum(widths) - widest)
    return room >= _LETTER * min(widest, max(16, -(-widest // _MOST_LINES)))


def _widths(table: Table) -> list[int]:
    return [max(map(len, cells)) for cells in zip(table.columns, *table.rows, strict=True)]


def _table(table: Table) -> str:
    widths = _widths(table)
    styles = [
        f'align="{"right" if name in table.numbers else "left"}" valign="top" style="'
        # Only the widest column is broken into lines: half a number reads as another one.
        f"{'' if width == max(widths) else 'white-space:nowrap;'}"
        f"padding:4px {'0' if name == table.columns[-1] else '6px'} 4px "
        f"{'0' if name == table.columns[0] else '6px'}"
        for name, width in zip(table.columns, widths, strict=True)
    ]
    head = "".join(
        f'<th {style};font-weight:normal;{_SMALL}">{escape(name)}</th>'
        for name, style in zip(table.columns, styles, strict=True)
    )
    return (
        '<table width="100%" cellpadding="0" cellspacing="0" border="0" '
        f'style="margin:8px 0;border-collapse:collapse;font-size:13px">\n<tr>{head}</tr>\n'
        + "\n".join(_row(row, styles) for row in table.rows)
        + "\n</table>"
    )


def _row(row: tuple[str, ...], styles: Sequence[str]) -> str:
    cells = (
        f'<td {style};{_LINE}">{escape(text)}</td>' for text, style in zip(row, styles, strict=True)
    )
    return f"<tr>{''.join(cells)}</tr>"


def _list(table: Table) -> str:
    if not table.rows:
        return f'<p style="{_SMALL}">{escape(", ".join(table.columns))}: none.</p>'
    return "\n".join(_entry(table, row) for row in table.rows)


def _entry(table: Table, row: tuple[str, ...]) -> str:
    """Return a row as its first cell and, flowing after it, the others with their names."""
    names = table.columns
    # A number alone says nothing; a time or a name does.
    first = f"{names[0]} {row[0]}" if names[0] in table.numbers else row[0]
    others = " ".join(
        f'<span style="display:inline-block;margin-right:14px"><span style="{_SMALL}">'
        f"{escape(name)}</span> {escape(text)}</span>"
        for name, text in zip(names[1:], row[1:], strict=True)
        if text
    )
    style = f"padding:6px 0;{_LINE};font-size:13px"
    return f'<div style="{style}"><div><b>{escape(first)}</b></div>{others}</div>'


# Charts.


def _chart(chart: Bars) -> str:
    drawing = columns(chart, _COLUMNS, _LEVELS)
    about = "".join(
        f'<p style="margin:4px 0;{_SMALL}">{escape(words)}</p>'
        for words in (figures(chart), legend(chart, _COLUMNS))
        if words
    )
    title = f'<p style="margin:14px 0 6px"><b>{escape(chart.title)}</b></p>'
    if not any(drawing.heights):
        return f"{title}\n{about}"
    many = len(drawing.heights)
    width = "100%" if many * _CELL_WIDTH >= _PHONE else str(many * _CELL_WIDTH)
    rows = "\n".join(_chart_rows(drawing))
    return (
        f'{title}\n<table {_TABLE} width="{width}" aria-hidden="true" '
        f'style="table-layout:fixed;border-collapse:collapse;font-size:0;line-height:0">\n'
        f"{rows}\n</table>\n{about}"
    )


def _chart_rows(drawing: Columns) -> Iterator[str]:
    many = len(drawing.heights)
    # The columns are named once, so that all are equally wide whatever the rows below join.
    yield f"<tr>{'<td></td>' * many}</tr>"
    for level in drawing.above:
        yield _cells(drawing.row(level), _GREEN, _CELL_HEIGHT)
    yield f'<tr><td colspan="{many}" height="1" bgcolor="{_GREY}"></td></tr>'
    for level in drawing.below:
        yield _cells(drawing.row(level), _RED, _CELL_HEIGHT)
    if any(drawing.marked):
        yield f'<tr><td colspan="{many}" height="3"></td></tr>'
        yield _cells(drawing.marked, _AMBER, 5)


def _cells(filled: Sequence[bool], colour: str, height: int) -> str:
    """Return a row of a chart; cells of one colour that stand together are one."""
    parts = []
    for is_filled, run in groupby(filled):
        many = sum(1 for _ in run)
        span = f' colspan="{many}"' if many > 1 else ""
        fill = f' bgcolor="{colour}"' if is_filled else ""
        parts.append(f'<td{span} height="{height}"{fill}></td>')
    return f"<tr>{''.join(parts)}</tr>"
