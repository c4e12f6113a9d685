"""How soon each page of the dashboard is there, with ten years of trades, and what a week costs.

A page is shown when its words are there, and drawn when its pictures are. The first visit of a
browser loads streamlit and the drawing library, the later ones only the page. On a machine that is
busy with something else all of it takes longer. A week of refreshes, one in five seconds, is played
in part, as fast as the server goes.
"""

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT))

from tests.cli.player import PARTS, PRIVATE, Player  # noqa: E402 - after the path
from tests.fakes.browser import MISSING, chromium, open_browser, window  # noqa: E402
from tests.fakes.dashboard import Dashboard, dashboard  # noqa: E402
from tests.fakes.years import TEN_YEARS, many_days  # noqa: E402

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHECKS = 73
"""Checks of a position that is held from 9:40 to 15:45."""
ROUNDS = 3
REFRESHES = 600
DRAWN = ".js-plotly-plot .main-svg"
WORDS = {
    "now": "P&L of the day",
    "today": "The decision",
    "history": "finished trades",
    "data": "recorded",
    "health": "Ask the doctor",
}


def main() -> None:
    """Print a table of seconds, then the memory."""
    if chromium() is None:
        print(f"dashboard: {MISSING}.")
        return
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        for part in PARTS:
            shutil.copytree(PROJECT / part, root / part, ignore=shutil.ignore_patterns(*PRIVATE))
        (root / "data").mkdir()
        Player(root, root)("--paper", "--data-dir", root / "data" / "demo")
        many_days(root / "data", checks=CHECKS)
        shutil.copytree(root / "data" / "demo" / "tapes", root / "data" / "tapes")
        print(f"Dashboard, {TEN_YEARS:,} traded days, load {os.getloadavg()[0]:.1f}:")
        with dashboard(root, root, "--refresh", "0.1") as server, open_browser() as browser:
            _pages(server, browser)
            _week(server, browser)


def _pages(server: Dashboard, browser: "Browser") -> None:
    print(f"{'page':<9}{'first visit':>12}{'shown':>8}{'drawn':>8}  seconds, best of {ROUNDS}")
    for name in WORDS:
        first = []
        later = []
        for _ in range(ROUNDS):
            with window(browser) as page:
                first.append(_visit(server, page, name))
                later.append(_visit(server, page, name))
        shown, drawn = (min(each) for each in zip(*later, strict=True))
        print(f"{name:<9}{min(first)[0]:>12.2f}{shown:>8.2f}{drawn:>8.2f}")


def _visit(server: Dashboard, page: "Page", name: str) -> tuple[float, float]:
    begun = time.perf_counter()
    page.goto(server.page(name), wait_until="commit")
    page.get_by_text(WORDS[name]).first.wait_for()
    shown = time.perf_counter() - begun
    if name != "health":
        page.wait_for_selector(DRAWN)
    return shown, time.perf_counter() - begun


def _week(server: Dashboard, browser: "Browser") -> None:
    with window(browser) as page:
        page.goto(server.page("now"))
        page.get_by_text(WORDS["now"]).first.wait_for()
        page.wait_for_timeout(10_000)
        before, begun = server.memory(), time.perf_counter()
        # Two parts of the page refresh by themselves, each ten times a second at most.
        page.wait_for_timeout(REFRESHES * 100)
        spent = time.perf_counter() - begun
        print(
            f"Left open for {spent:.0f} s, ten looks a second asked for: "
            f"{before:.0f} MB became {server.memory():.0f} MB; "
            f"{len(server.open_files('trades.db'))} files of the database open."
        )


if __name__ == "__main__":
    main()
