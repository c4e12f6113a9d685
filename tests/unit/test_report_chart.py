import pytest

from src.report_chart import COLUMNS, Bar, Bars, columns, drawn, figures, legend
from src.report_html import as_html
from src.report_layout import as_markdown, as_text
from tests.fakes.pages import Page


def chart(*values: float | None, unit: str = "look") -> Bars:
    return Bars("P&L", [Bar(f"{n}", value) for n, value in enumerate(values)], unit)


def test_a_chart_stands_on_its_line_of_zero() -> None:
    assert drawn(chart(100.0, -50.0, 0.0)) == [
        "+$100.00 |######",
        *["         |######"] * 6,
        "      $0 +------------------",
        "         |      ######",
        "         |      ######",
        " -$50.00 |      ######",
    ]


def test_the_entry_and_the_exit_are_marked_below_their_columns() -> None:
    bars = Bars("P&L", [Bar("09:40", 5.0, "entry"), Bar("12:00", 5.0), Bar("15:45", 5.0, "exit")])
    assert drawn(bars)[-1] == "marked  ^^^^^^      ^^^^^^"
    assert legend(bars) == (
        "From 09:40 (left) to 15:45 (right); marked: entry at 09:40, exit at 15:45."
    )


def test_a_value_that_is_not_known_is_a_gap_and_is_counted() -> None:
    gap = chart(100.0, None, 50.0)
    assert columns(gap).heights == (10, 0, 5)
    assert (
        figures(gap)
        == "Highest +$100.00 (0), lowest +$50.00 (2), last +$50.00 (2); 1 value not known."
    )


def test_a_chart_of_which_nothing_is_known_says_so() -> None:
    nothing = chart(None, None)
    assert drawn(nothing) == []
    assert figures(nothing) == "No value is known."
    assert "No value is known." in Page(as_html([nothing])).words
    assert "```" not in as_markdown([nothing])
    assert "No value is known." in as_text([nothing])


def test_an_empty_chart_is_no_fault() -> None:
    empty = Bars("P&L", [])
    assert "No value is known." in as_text([empty])
    assert "No value is known." in Page(as_html([empty])).words


def test_a_small_value_is_not_taken_for_none() -> None:
    assert columns(chart(1_000_000.0, 0.01, -0.01, 0.0)).heights == (10, 1, -1, 0)


def test_values_that_are_all_zero_have_a_line_and_no_height() -> None:
    assert drawn(chart(0.0, 0.0)) == ["    $0 +------------"]


def test_of_many_values_the_lowest_and_the_highest_are_never_left_out() -> None:
    values = [1.0] * 1000
    values[333], values[777] = -90.0, 10.0
    many = chart(*values)
    heights = columns(many).heights
    assert len(heights) == COLUMNS
    assert min(heights) == -9
    assert max(heights) == 1
    assert heights.count(1) == COLUMNS - 1
    assert "each column stands for up to 17 looks" in legend(many)


def test_a_chart_without_too_many_values_leaves_none_out() -> None:
    assert "stands for" not in legend(chart(*[1.0] * COLUMNS))


@pytest.mark.parametrize("many", [1, 2, 10, 11, 63, 64, 65, 500])
def test_no_line_of_a_chart_is_wider_than_a_terminal(many: int) -> None:
    wide = chart(*[(-1) ** n * n * 1e6 for n in range(many)])
    assert max(map(len, as_text([wide]).splitlines())) <= 80


def test_the_cells_of_every_row_of_a_page_add_up_to_its_columns() -> None:
    page = Page(as_html([Bars("P&L", [Bar("a", 5.0, "x"), Bar("b", 5.0), Bar("c", -5.0)])]))
    spans: list[int] = []
    for tag, attributes in page.tags:
        if tag == "tr":
            spans.append(0)
        elif tag == "td":
            spans[-1] += int(attributes.get("colspan", "1"))
    assert len(spans) > 10
    assert set(spans) == {3}


def test_gain_and_loss_have_their_own_colours_on_a_page() -> None:
    html = as_html([chart(5.0, -5.0)])
    assert html.count('bgcolor="#2f9e62"') == 8
    assert html.count('bgcolor="#d05050"') == 8
