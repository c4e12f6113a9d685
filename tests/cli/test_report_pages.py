"""The pages of the reports in a real browser, as wide as a telephone, by day and by night."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scripts.report import main
from src.database import open_database
from tests.cli.player import Player
from tests.fakes.browser import (
    DESKTOP,
    PHONE,
    is_as_wide_as_its_window,
    needs_browser,
    open_browser,
    window,
)
from tests.fakes.ledger import DAY, Ledger
from tests.fakes.long_record import weekdays, write_long_record
from tests.fakes.tapes import a_tape

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = needs_browser


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    with open_browser() as browser:
        yield browser


def the_page(folder: Path) -> Path:
    (page,) = (folder / "reports").glob("*.html")
    return page


def look(browser: "Browser", file: Path, size: tuple[int, int]) -> str:
    """Open a page, which must fit into its window and ask for nothing else; return its words."""
    with window(browser, size) as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(file.as_uri())
        assert asked == [file.as_uri()]
        assert is_as_wide_as_its_window(page), too_wide(page)
        return page.inner_text("body")


def too_wide(page: "Page") -> str:
    """What of a page is wider than its window, in its own words."""
    return str(
        page.evaluate(
            "[...document.querySelectorAll('*')]"
            ".filter(each => each.getBoundingClientRect().right > window.innerWidth)"
            ".map(each => each.innerText).slice(-3)"
        )
    )


@pytest.fixture(scope="module")
def a_traded_day(installation: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("traded")
    played = Player(installation, folder)("--replay", a_tape(folder), "--data-dir", folder / "data")
    assert played.returncode == 0
    return the_page(folder / "data")


@pytest.mark.parametrize("size", [PHONE, DESKTOP])
def test_the_report_of_a_traded_day_fits_into_its_window(
    browser: "Browser", a_traded_day: Path, size: tuple[int, int]
) -> None:
    words = look(browser, a_traded_day, size)
    for heading in ("Result", "P&L over the day", "The decision", "Fills", "Checks"):
        assert heading in words


def test_the_chart_of_a_day_is_as_wide_as_its_page_and_not_flat(
    browser: "Browser", a_traded_day: Path
) -> None:
    with window(browser, PHONE) as page:
        page.goto(a_traded_day.as_uri())
        chart = page.locator("table[aria-hidden]").first.bounding_box()
    assert chart is not None
    assert chart["width"] == 375 - 2 * 16
    assert 80 < chart["height"] < 140


def test_a_page_is_read_by_night_as_well(browser: "Browser", a_traded_day: Path) -> None:
    with window(browser, PHONE) as page:
        page.emulate_media(color_scheme="dark")
        page.goto(a_traded_day.as_uri())
        colour = page.evaluate("getComputedStyle(document.querySelector('h2')).color")
    assert colour == "rgb(255, 255, 255)"


def test_a_month_fits_on_a_telephone(browser: "Browser", tmp_path: Path) -> None:
    connection = open_database(tmp_path / "trades.db")
    days = weekdays(date(2026, 6, 1), 22)
    write_long_record(connection, days[:11], "paper")
    write_long_record(connection, days[11:], "live", every=1)
    connection.close()
    assert main(["--month", "2026-06", "--data-dir", str(tmp_path)]) == 0
    words = look(browser, the_page(tmp_path), PHONE)
    assert "Day by day (mode paper)" in words


def test_words_of_a_broker_without_a_blank_do_not_make_the_page_wider(
    browser: "Browser", tmp_path: Path
) -> None:
    ledger = Ledger()
    endless = "https://broker.example/" + "refused" * 60
    ledger.order("spy", "sell", 10, "3.00", filled=0, note=endless)
    ledger.alert("Order refused", endless)
    ledger.event("alert", endless)
    with open_database(tmp_path / "trades.db") as file:
        ledger.connection.backup(file)
    file.close()
    ledger.connection.close()
    assert main([str(DAY), "--data-dir", str(tmp_path)]) == 0
    assert endless in look(browser, the_page(tmp_path), PHONE)
