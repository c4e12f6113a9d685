"""Headings, paragraphs, tables and bars as pieces of a web page; every text is escaped."""

from collections.abc import Iterable, Sequence
from html import escape

from src.dashboard_facts import Distance, Held
from src.ports import Check
from src.report_layout import Alarm, Block, Heading, Lead, Paragraph, Table
from src.words import UNKNOWN, count, money

LAYOUT = """<style>
.stMainBlockContainer{padding:1.2rem 1rem 3rem}
.stAppHeader{height:0;min-height:0}
.st-key-top{flex-wrap:wrap}.st-key-top>:has(.st-key-links){min-width:21rem}
.st-key-links{gap:.2rem;flex-wrap:nowrap}
</style>"""
"""What streamlit leaves empty around its pages, given back to them."""
STYLE = """<style>
.oa h3{font-size:1.1rem;margin:1.2rem 0 .4rem;padding:0}
.oa p{margin:.3rem 0;line-height:1.45}
.oa .wide{overflow-x:auto;margin:.3rem 0 .6rem}
.oa table{border-collapse:collapse;font-size:.86rem;width:100%}
.oa th{text-align:left;font-weight:600;border-bottom:2px solid #8886}
.oa td{border-bottom:1px solid #8883;vertical-align:top}
.oa th,.oa td{padding:.25rem .5rem}
.oa th:first-child,.oa td:first-child{padding-left:0}
.oa details{margin:.6rem 0}.oa summary{cursor:pointer;font-weight:600}
.oa .n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.oa .bar{background:#8883;border-radius:3px;height:.55rem;margin:.3rem 0}
.oa .bar i{display:block;height:100%;border-radius:3px}
.oa .alarm{font-weight:600}.oa .lead{font-size:1.15rem;font-weight:600}
.oa .note{border-left:.35rem solid #8888;background:#8881;padding:.45rem .8rem;border-radius:4px;
margin:.35rem 0;overflow-wrap:anywhere}
.oa .note.ok{border-color:#2a7f3f}.oa .note.warn{border-color:#c77700}
.oa .note.fail{border-color:#b00020}
.oa .cards{display:flex;flex-wrap:wrap;gap:.6rem;margin:.6rem 0}
.oa .card{flex:1 1 9rem;border:1px solid #8884;border-radius:6px;padding:.45rem .7rem}
.oa .card b{display:block;font-size:1.15rem;font-weight:600;overflow-wrap:anywhere}
.oa .card span{font-size:.8rem;opacity:.75}
.oa .small{font-size:.8rem;opacity:.75;overflow-wrap:anywhere}
.oa .exit{flex-basis:13rem}
.oa .s{white-space:nowrap}
.oa .mark{font-weight:700;white-space:nowrap}
.oa .mark.ok{color:#2a7f3f}.oa .mark.warn{color:#c77700}.oa .mark.fail{color:#d02040}
</style>"""
LONG = 15
"""Rows of a table up to which it is open from the beginning."""
SHORT = 13
"""Letters of a cell that stay on one line: an order's name is not to be read in four."""
_GREEN, _ORANGE, _RED, _GREY = "#2a7f3f", "#c77700", "#b00020", "#8888"


def page(*parts: str) -> str:
    """Return pieces with the style that they need."""
    return f'{STYLE}<div class="oa">{"".join(parts)}</div>'


def note(text: str, verdict: str = "") -> str:
    """Return a sentence that stands out; `verdict` (ok, warn, fail) gives its colour."""
    return f'<div class="note {escape(verdict)}">{escape(text)}</div>'


def small(text: str) -> str:
    """Return words that stand back."""
    return f'<p class="small">{escape(text)}</p>'


def cards(facts: Iterable[tuple[str, str]]) -> str:
    """Return names with their values, side by side where there is room."""
    inner = "".join(
        f'<div class="card"><span>{escape(name)}</span><b>{escape(value)}</b></div>'
        for name, value in facts
    )
    return f'<div class="cards">{inner}</div>'


def blocks(found: Iterable[Block]) -> str:
    """Return a report's blocks."""
    return "".join(map(_block, found))


def _block(block: Block) -> str:
    if isinstance(block, Heading):
        return f"<h3>{escape(block.text)}</h3>"
    if isinstance(block, Lead):
        return f'<p class="lead">{escape(str(block))}</p>'
    if isinstance(block, Alarm):
        return f'<p class="alarm">{escape(block.text)}</p>'
    if isinstance(block, Paragraph):
        return f"<p>{escape(block.text)}</p>"
    return table(block) if isinstance(block, Table) else ""  # charts: the page draws its own


def table(found: Table) -> str:
    """Return a table that scrolls by itself where it is wider than the screen."""
    right = [column in found.numbers for column in found.columns]
    head = _row("th", map(escape, found.columns), right)
    body = "".join(_row("td", map(escape, row), right) for row in found.rows)
    whole = f'<div class="wide"><table>{head}{body}</table></div>'
    if len(found.rows) <= LONG:
        return whole
    return f"<details><summary>{len(found.rows)} rows</summary>{whole}</details>"


def held(found: Held) -> str:
    """Return an open position: what it is, what it is worth, and how far each exit is."""
    position, look = found.position, found.look
    head = (
        f"<h3>Position {escape(position.trade_id)}: short {position.spy_short} "
        f"{escape(str(position.spy_contract))}, long {position.spx_long} "
        f"{escape(str(position.spx_contract))}</h3>"
    )
    seen = f"{look.at:%H:%M:%S} ET" if look else "not looked at yet"
    spy = UNKNOWN if look is None or look.spy is None else f"{look.spy:.2f}"
    facts = [
        ("live P&L at the newest check", money(look.pnl) if look else UNKNOWN),
        ("newest check", seen),
        ("SPY", spy),
        ("entry cash, after fees", money(position.entry_cash)),
        ("opened", f"{position.opened_at:%H:%M:%S}, {count(position.spreads_opened, 'spread')}"),
        ("stage", position.stage),
    ]
    words = f"<p>Newest check: {escape(look.text)}.</p>" if look else ""
    return head + cards(facts) + words + "<h3>Its exits</h3>" + distances(found.distances)


def distances(rows: Iterable[Distance]) -> str:
    """Return how far each exit is, with a bar for how much of the way is gone."""
    inner = "".join(
        f'<div class="card exit"><span>{escape(each.rule)}</span><b>{escape(each.left)}</b>'
        f"{_bar(each)}<span>now {escape(each.now)}<br>closes {escape(each.limit)}</span></div>"
        for each in rows
    )
    return f'<div class="cards">{inner}</div>'


def checks(rows: Iterable[Check]) -> str:
    """Return the doctor's rows, each with what to do."""
    body = "".join(
        f'<tr><td class="mark {escape(each.verdict)}">{escape(each.verdict)}</td>'
        f"<td><b>{escape(each.name)}</b>: {escape(each.found)}"
        + (f"<br>{escape(each.mend)}" if each.mend and each.verdict != "ok" else "")
        + "</td></tr>"
        for each in rows
    )
    return f'<div class="wide"><table>{body}</table></div>'


def _row(tag: str, cells: Iterable[str], right: Sequence[bool]) -> str:
    inner = "".join(
        f'<{tag} class="{"n" if is_right else "s" if len(cell) <= SHORT else ""}">{cell}</{tag}>'
        for cell, is_right in zip(cells, right, strict=True)
    )
    return f"<tr>{inner}</tr>"


def _bar(found: Distance) -> str:
    used = found.used or 0.0
    colour = _GREEN if used < 0.5 else _ORANGE if used < 0.8 else _RED
    if not found.is_asked:
        colour = _GREY  # nothing happens for it yet
    return f'<div class="bar"><i style="width:{used:.0%};background:{colour}"></i></div>'
