"""The report is one file that needs no network, and says on every picture that it is simulated."""

import re
from html.parser import HTMLParser

import pytest

from src.backtest import DayResult
from src.backtest_figures import figures
from tests.unit.test_backtest_figures import a_day, a_trade, days_of
from utils.html_report import report_html

pytest.importorskip("plotly", reason="plotly draws the report, and is not installed")


def page(days: list[DayResult], text: str = "the summary") -> str:
    return report_html(days, figures(days), text)


class Addresses(HTMLParser):
    """Collects what a page would load from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [
            f"{tag} {name}" for name, value in attrs if name in {"src", "href"} and value
        ]


def test_nothing_is_loaded_from_anywhere() -> None:
    parser = Addresses()
    parser.feed(page(days_of(100.0, -50.0, 30.0)))
    assert parser.found == []


def test_the_library_is_in_the_file_once() -> None:
    text = page(days_of(100.0, -50.0, 30.0))
    assert 3_000_000 < len(text) < 7_000_000


def test_every_picture_says_that_it_is_simulated_and_how_much_it_stands_on() -> None:
    text = page(days_of(100.0, -50.0, 30.0))
    titles = re.findall(r'"title":\{"text":"(SIMULATED: [^"]*)"', text)
    assert len(titles) == 6
    assert all(re.search(r"\d+ (trades|days)|n = \d+", each) for each in titles)
    assert any("3 trades, too few to mean much" in each for each in titles)


def test_a_calibration_line_is_drawn_where_there_is_one() -> None:
    days = [a_day(a_trade(10.0 * n, edge=100.0 * n, n=n), n=n) for n in range(4)]
    assert "calibration: +0 + 0.10 x edge" in page(days)
    assert "calibration: +0 + 0.10 x upper end" in page(days)
    assert "calibration" not in page(days_of(1.0, 2.0))


def test_without_a_trade_the_page_says_so_and_needs_no_library() -> None:
    text = page([a_day()])
    assert "there is nothing to draw" in text
    assert len(text) < 5_000


def test_words_from_a_tape_cannot_become_markup() -> None:
    text = page([a_day()], "<script>alert(1)</script>")
    assert "<script>alert" not in text
    assert "&lt;script&gt;" in text
