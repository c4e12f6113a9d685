import re

from src.report_chart import Bar, Bars
from src.report_html import as_html
from src.report_layout import Alarm, Block, Heading, Lead, Paragraph, Table, as_markdown, as_text
from tests.fakes.pages import Page, assert_mail_programs_show_it

NASTY = """<script>alert("x")</script> & 'quotes' https://example.com/<b>"""


def wide_table(*, rows: int = 1) -> Table:
    columns = ("time", "order", "contracts", "price", "fee", "cash")
    row = ("09:40:00", "1-spx-open-1", "+20", "33.70", "1.30", "-6,741.30")
    return Table(columns, [row] * rows, frozenset(columns[2:]))


def test_a_page_needs_nothing_but_itself() -> None:
    chart = Bars("P&L", [Bar("09:40", 1.0, "entry"), Bar("09:45", -2.0)])
    blocks: list[Block] = [
        Heading("A day"),
        Lead("1 trade.", "SIMULATED"),
        Alarm("ASSIGNED"),
        Paragraph("words"),
        Table(("part", "dollars"), [("credit", "+$1.00")], frozenset({"dollars"})),
        wide_table(),
        chart,
    ]
    page = assert_mail_programs_show_it(as_html(blocks))
    for text in ("A day", "1 trade.", "SIMULATED", "ASSIGNED", "words", "credit", "-6,741.30"):
        assert text in page.words


def test_other_peoples_words_are_shown_and_never_run() -> None:
    table = Table((NASTY, "n"), [(NASTY, "1")], frozenset({"n"}))
    blocks: list[Block] = [
        *(Heading(NASTY), Lead(NASTY, NASTY), Paragraph(NASTY), Alarm(NASTY), table),
        Bars(NASTY, [Bar(NASTY, 1.0, NASTY), Bar(NASTY, 2.0)], NASTY, NASTY),
    ]
    html = as_html(blocks)
    page = Page(html)
    assert "script" not in page.names
    assert "b" in page.names  # what the page itself sets bold
    assert html.count("<b>") == html.count("</b>")
    # Once as the title of the window, and in every block.
    assert page.words.count(NASTY) >= 10


def test_the_title_of_a_page_is_its_first_heading() -> None:
    page = Page(as_html([Heading("Daily report"), Heading("Result")]))
    assert [tag for tag, _ in page.tags if tag in {"title", "h1", "h2"}] == ["title", "h1", "h2"]
    assert page.texts.count("Daily report") == 2


def test_a_page_without_a_heading_still_has_a_title() -> None:
    assert "Report" in Page(as_html([Paragraph("words")])).words


def test_a_table_that_a_telephone_has_no_room_for_becomes_a_list() -> None:
    html = as_html([wide_table(rows=2)])
    assert "<th" not in html
    page = Page(html)
    assert page.words.count("order 1-spx-open-1 contracts +20 price 33.70") == 2


def test_a_table_that_a_telephone_has_room_for_stays_one() -> None:
    html = as_html([Table(("figure", "value"), [("won", "1")], frozenset({"value"}))])
    assert html.count("<td") == 2
    assert html.count("<th") == 2


def test_only_the_widest_column_of_a_table_is_broken_into_lines() -> None:
    words = "a sentence that is far too long for a telephone"
    html = as_html([Table(("time", "what"), [("09:40:00", words)])])
    (first, second) = re.findall(r"<td [^>]*>", html)
    assert "nowrap" in first
    assert "nowrap" not in second


def test_a_list_whose_first_cell_is_a_number_says_of_what() -> None:
    columns = ("spread", "leg", "contracts", "close", "cash", "note")
    row = ("1", "spx", "+1", "6,050.00", "5,000.00", "official close")
    table = Table(columns, [row], frozenset({"spread"}))
    assert "spread 1" in Page(as_html([table])).words


def test_a_table_without_a_row_still_names_its_columns() -> None:
    assert "time order contracts price" in Page(as_html([wide_table(rows=0)])).words
    very_wide = Table(tuple(f"a column of many words {n}" for n in range(5)), [])
    assert "words 3, a column of many words 4: none." in Page(as_html([very_wide])).words


def test_no_colour_is_set_for_words_that_must_be_read_by_day_and_by_night() -> None:
    html = as_html([Heading("A"), Paragraph("words"), wide_table()])
    assert 'content="light dark"' in html
    (paragraph,) = re.findall(r"<p [^>]*>words", html)
    assert "color" not in paragraph
    body = html[html.index("<body") :]
    assert "background" not in body.replace("bgcolor", "")


def test_the_three_forms_of_a_report_tell_the_same_figures_of_a_chart() -> None:
    bars = [Bar("09:40", 0.0, "entry"), Bar("09:45", -168.6), Bar("15:45", 1171.4, "exit")]
    blocks = [Bars("P&L", bars)]
    told = "Highest +$1,171.40 (15:45), lowest -$168.60 (09:45), last +$1,171.40 (15:45)."
    assert told in Page(as_html(blocks)).words
    assert told in " ".join(as_text(blocks).split())
    assert told in as_markdown(blocks)
