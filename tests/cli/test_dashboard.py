"""What a person sees in a browser, and what becomes of what is pressed there."""

import http.client
import shutil
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from src.control import ControlMode
from tests.cli.player import PARTS, PRIVATE, PROJECT, Player, table, wait_for
from tests.fakes.browser import (
    DESKTOP,
    PHONE,
    is_as_wide_as_its_window,
    needs_browser,
    open_browser,
    window,
)
from tests.fakes.dashboard import Dashboard, dashboard
from tests.fakes.days import PlayedDay, levels
from tests.fakes.years import TEN_YEARS, many_days
from tests.screenshots.take import MOST_BYTES, PICTURES

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [
    needs_browser,
    pytest.mark.xdist_group("dashboard"),
    pytest.mark.skipif(sys.platform == "win32", reason="the server is ended by a signal"),
]

PAGES = ("now", "today", "history", "data", "health")
SHOWN = {
    "now": "P&L of the day",
    "today": "The decision",
    "history": "finished trades",
    "data": "recorded: a generated day",
    "health": "Ask the doctor",
}
DRAWN = ".js-plotly-plot .main-svg"
BROKEN = "[data-testid=stException]"
SECONDS = 6.0
"""What a page may take here, where other tests have the processor, too; alone it is below two."""

Open = Callable[..., "Page"]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the program, with ten years of a paper account and a generated day recorded."""
    folder = tmp_path_factory.mktemp("dashboard")
    for part in PARTS:
        shutil.copytree(PROJECT / part, folder / part, ignore=shutil.ignore_patterns(*PRIVATE))
    shutil.copy(PROJECT / "requirements.txt", folder)
    (folder / "data").mkdir()
    many_days(folder / "data")
    assert Player(folder, folder)("--paper").returncode == 0
    return folder


@pytest.fixture(scope="module")
def server(root: Path) -> Iterator[Dashboard]:
    with dashboard(root, root, "--refresh", "1") as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    with open_browser() as running:
        yield running


@pytest.fixture(scope="module")
def desktop(browser: "Browser") -> Iterator["Page"]:
    with window(browser) as page:
        yield page


def held_at_eleven(folder: Path) -> Path:
    """Leave an open position of a day that was interrupted at eleven."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    day = PlayedDay(folder, happen={"10:30": levels(602.0, 6020.0)}).run(until="11:00")
    day.store.connection.close()
    return folder


@contextmanager
def as_a_phone(page: "Page") -> Iterator[None]:
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    yield
    page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})


def wishes(folder: Path) -> list[tuple[object, ...]]:
    return table(folder, "control", "set_by, mode, reason")


def words(page: "Page") -> str:
    return page.inner_text("[data-testid=stMain]")


def seconds_until(page: "Page", address: str, shown: str) -> float:
    began = time.perf_counter()
    page.goto(address)
    page.get_by_text(shown).first.wait_for()
    return time.perf_counter() - began


# Every page, on a desk and on a phone.


@pytest.mark.parametrize("name", PAGES)
def test_a_page_of_a_generated_day_is_shown_whole_on_a_desk_and_on_a_phone(
    server: Dashboard, desktop: "Page", name: str
) -> None:
    desktop.goto(server.page(name, "?folder=demo"))
    desktop.get_by_text(SHOWN[name]).first.wait_for()
    if name != "health":
        desktop.wait_for_selector(DRAWN)
    assert desktop.query_selector(BROKEN) is None
    assert is_as_wide_as_its_window(desktop)
    with as_a_phone(desktop):
        assert is_as_wide_as_its_window(desktop)
        # Nothing covers the way to the other pages.
        desktop.get_by_role("link", name="Health").click(trial=True)
    if name in {"now", "today", "history"}:
        assert "SIMULATED" in words(desktop)


def test_with_ten_years_of_trades_every_page_is_there_at_once(
    server: Dashboard, desktop: "Page"
) -> None:
    # What a browser loads only once is loaded.
    seconds_until(desktop, server.page("history"), SHOWN["history"])
    desktop.wait_for_selector(DRAWN)
    assert f"{TEN_YEARS:,}" in words(desktop)
    for name in ("now", "today", "history", "health"):
        assert seconds_until(desktop, server.page(name), SHOWN[name]) < SECONDS, name


def test_a_picture_says_how_many_trades_it_stands_on_and_no_mode_is_mixed_in(
    server: Dashboard, desktop: "Page"
) -> None:
    desktop.goto(server.page("history"))
    desktop.wait_for_selector(DRAWN)
    desktop.get_by_text("Over 2,520 trades the decisions expected").wait_for()
    assert "paper account, SIMULATED fills" in words(desktop)
    desktop.goto(server.page("history", "?folder=demo"))
    desktop.get_by_text("Over 1 trade the decisions expected").wait_for()


# The control panel.


def test_the_pictures_of_the_readme_are_there_and_small() -> None:
    folder = PROJECT / "tests" / "screenshots"
    for name in PICTURES:
        assert 10_000 < (folder / f"{name}.png").stat().st_size <= MOST_BYTES, name


def ask(page: "Page", server: Dashboard, button: str) -> None:
    page.goto(server.page("now", "?folder=replay"))
    page.get_by_text("Control panel").wait_for()
    page.get_by_role("button", name=button, exact=True).click()
    page.get_by_role("dialog").get_by_text("Data directory").wait_for()


def test_close_is_asked_for_twice_and_does_what_control_does(
    server: Dashboard, desktop: "Page", root: Path
) -> None:
    folder = held_at_eleven(root / "data" / "replay")
    ask(desktop, server, "Close")
    question = desktop.get_by_role("dialog").inner_text()
    assert "what is ours is closed at once" in question
    assert "POSITION OPEN: 2026-03-09-1: short 20 SPY 600 call, long 2 SPXW 6000 call" in question
    assert "no money was at stake" in question
    desktop.get_by_role("button", name="Cancel").click()
    desktop.get_by_role("dialog").wait_for(state="detached")
    assert wishes(folder) == []
    ask(desktop, server, "Close")
    desktop.get_by_role("button", name="Yes: Close").click()
    desktop.get_by_text("Mode close is set: nothing more is opened").wait_for()
    desktop.get_by_text("Mode: close (set by a person").wait_for()
    assert wishes(folder) == [("person", int(ControlMode.CLOSE), "control.py close")]


def test_what_control_refuses_is_shown_as_it_says_it(
    server: Dashboard, desktop: "Page", root: Path
) -> None:
    folder = held_at_eleven(root / "data" / "replay")
    (folder / "HALT").touch()
    ask(desktop, server, "Resume")
    desktop.get_by_role("button", name="Yes: Resume").click()
    desktop.get_by_text("is there and means halt. Delete it, then resume").wait_for()
    assert wishes(folder) == []


def test_a_running_program_closes_its_position_at_a_press(
    server: Dashboard, desktop: "Page", root: Path
) -> None:
    folder = root / "data" / "rehearsal"
    folder.mkdir()
    program = Player(root, root)
    with program.start("--paper", "--speed", "300", "--data-dir", folder) as running:
        try:
            wait_for(running, "Entry FILLED")
            desktop.goto(server.page("now", "?folder=rehearsal"))
            desktop.get_by_text("live P&L at the newest check").wait_for()
            assert "Running: process" in words(desktop)
            assert "ASSIGNMENT_RISK" in words(desktop)
            desktop.get_by_role("button", name="Close", exact=True).click()
            desktop.get_by_role("button", name="Yes: Close").click()
            desktop.get_by_text("The running program obeys within a second.").wait_for()
            wait_for(running, "Exit FILLED: the position is flat")
            desktop.get_by_text("No position is open.").first.wait_for()
        finally:
            running.kill()
    assert table(folder, "trades", "exit_reason") == [("MANUAL",)]


@pytest.mark.parametrize(
    ("host", "origin", "answer"),
    [
        ("", "http://{host}", 101),
        ("evil.example", "http://evil.example", 403),
        ("", "http://evil.example", 403),
    ],
)
def test_a_foreign_page_in_the_same_browser_cannot_press_a_button(
    server: Dashboard, host: str, origin: str, answer: int
) -> None:
    own = server.url.removeprefix("http://")
    connection = http.client.HTTPConnection(own, timeout=10)
    connection.putrequest("GET", "/_stcore/stream", skip_host=True)
    for name, value in (
        ("Host", host or own),
        ("Origin", origin.format(host=own)),
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ):
        connection.putheader(name, value)
    connection.endheaders()
    assert connection.getresponse().status == answer
    connection.close()


# What is asked of others.


def test_the_doctor_is_asked_only_when_somebody_wants_to_know(
    server: Dashboard, desktop: "Page"
) -> None:
    desktop.goto(server.page("health", "?folder=demo"))
    desktop.get_by_text("Not asked yet.").wait_for()
    desktop.get_by_role("button", name="Ask the doctor").click()
    desktop.get_by_text("Looked at").wait_for()
    assert "calendar:" in words(desktop)


# Faults.


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("nothing", "Nothing was recorded in"),
        ("garbage", "this file is not a sound SQLite database"),
        ("newer", "this database has schema 99"),
        ("empty", "No position is open."),
        ("locked", "the database is locked by another program"),
    ],
)
def test_a_record_that_cannot_be_read_is_a_sentence_on_the_page(
    server: Dashboard, desktop: "Page", root: Path, fault: str, told: str
) -> None:
    folder = root / "data" / "replay"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    database = folder / "trades.db"
    if fault not in {"nothing", "garbage"}:
        many_days(folder, days=0)
    if fault == "garbage":
        database.write_bytes(b"no database at all " * 400)
    with closing(
        sqlite3.connect(database if fault in {"newer", "locked"} else ":memory:")
    ) as other:
        if fault == "newer":
            other.execute("PRAGMA user_version = 99")
        if fault == "locked":
            other.execute("PRAGMA locking_mode = EXCLUSIVE")
            other.execute("CREATE TABLE held (open)")
        desktop.goto(server.page("now", "?folder=replay"))
        desktop.get_by_text(told).first.wait_for()
        desktop.get_by_role("link", name="Today").click()
        told = "No session was worked on" if fault == "empty" else told
        desktop.get_by_text(told).first.wait_for()
        assert desktop.query_selector(BROKEN) is None


def test_a_page_left_open_takes_no_more_memory_and_holds_no_database_open(
    server: Dashboard, desktop: "Page"
) -> None:
    desktop.goto(server.page("now"))
    desktop.get_by_text("page as of").wait_for()

    def look(times: int) -> float:
        for _ in range(times):
            before = words(desktop)
            desktop.wait_for_function(
                "before => document.querySelector('[data-testid=stMain]').innerText != before",
                arg=before,
            )
        return server.memory()

    warm = look(2)
    assert look(4) < warm + 10
    assert len(server.open_files("trades.db")) <= 3


def test_without_the_chart_library_the_words_are_there_and_the_server_ends_when_asked_to(
    root: Path, browser: "Browser", tmp_path: Path
) -> None:
    library = tmp_path / "plotly"
    library.mkdir()
    (library / "__init__.py").write_text("raise ImportError('no plotly here')\n")
    environment = {"PYTHONPATH": str(tmp_path)}
    with dashboard(root, root, environment=environment) as bare, window(browser, DESKTOP) as page:
        page.goto(bare.page("history", "?folder=demo"))
        page.get_by_text("drawn by plotly, which is not installed").first.wait_for()
        assert "finished trades" in words(page)
        assert page.query_selector(BROKEN) is None
        bare.process.terminate()
        said, _ = bare.process.communicate(timeout=10)
        assert bare.process.returncode == 0
        assert "Traceback" not in said
