"""Whatever a broker or a market puts into a report, each of its forms holds it whole."""

from hypothesis import given
from hypothesis import strategies as st

from src.report_chart import COLUMNS, LEVELS, Bar, Bars, columns
from src.report_html import as_html
from src.report_layout import Alarm, Block, Heading, Lead, Paragraph, Table, as_markdown, as_text
from tests.fakes.pages import Page

WORDS = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp", "Zs"), exclude_characters="\x00"),
    max_size=60,
)
AMOUNTS = st.none() | st.integers(-(10**9), 10**9).map(lambda cents: cents / 100)


@st.composite
def tables(draw: st.DrawFn) -> Table:
    many = draw(st.integers(1, 7))
    names = draw(st.lists(WORDS, min_size=many, max_size=many, unique=True))
    rows = draw(st.lists(st.tuples(*[WORDS] * many), max_size=5))
    return Table(tuple(names), rows, frozenset(names[::2]))


@st.composite
def charts(draw: st.DrawFn) -> Bars:
    bars = [
        Bar(str(number), value, "entry" if number == 0 else "")
        for number, value in enumerate(draw(st.lists(AMOUNTS, max_size=200)))
    ]
    return Bars(draw(WORDS), bars)


BLOCKS = st.lists(
    st.builds(Heading, WORDS)
    | st.builds(Lead, WORDS, WORDS)
    | st.builds(Paragraph, WORDS)
    | st.builds(Alarm, WORDS)
    | tables()
    | charts(),
    max_size=6,
)


def texts(block: Block) -> list[str]:
    match block:
        case Table(_, rows):
            return [cell for row in rows for cell in row]
        case Bars(title):
            return [title]
        case Lead(text, label):
            return [text, label]
        case _:
            return [block.text]


@given(BLOCKS)
def test_a_page_is_whole_and_loses_no_text(blocks: list[Block]) -> None:
    page = Page(as_html(blocks))
    for block in blocks:
        for text in texts(block):
            assert text in page.words
    assert "script" not in page.names


@given(BLOCKS)
def test_text_and_markdown_can_be_made_of_whatever_a_page_can(blocks: list[Block]) -> None:
    assert as_text(blocks).endswith("\n")
    assert as_markdown(blocks).endswith("\n")


@given(charts(), st.integers(1, 100))
def test_a_chart_keeps_to_its_size_and_every_column_to_its_side(chart: Bars, most: int) -> None:
    heights = columns(chart, most).heights
    known = [bar.value for bar in chart.bars if bar.value is not None]
    assert len(heights) <= min(most, max(len(chart.bars), 1))
    assert all(abs(height) <= LEVELS for height in heights)
    if known and len(chart.bars) <= most:
        assert (max(heights) > 0) == (max(known) > 0)
        assert (min(heights) < 0) == (min(known) < 0)


@given(charts())
def test_no_line_of_a_drawn_chart_is_wider_than_a_terminal(chart: Bars) -> None:
    lines = as_text([Bars("P&L", chart.bars)]).splitlines()
    assert max(map(len, lines)) <= 80
    assert len(columns(chart).heights) <= COLUMNS
