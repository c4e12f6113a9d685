"""Takes the pictures of the dashboard that lie in this folder: python tests/screenshots/take.py

The day is a generated one and the history's trades are invented: each picture says so.
"""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT))

from tests.cli.player import PARTS, PRIVATE, Player, wait_for  # noqa: E402 - after the path
from tests.fakes.browser import DESKTOP, PHONE, open_browser, window  # noqa: E402
from tests.fakes.dashboard import Dashboard, dashboard  # noqa: E402
from tests.fakes.years import many_days  # noqa: E402

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PICTURES = ("now", "today", "history", "data", "health", "phone")
MOST_BYTES = 150_000
DRAWN = ".js-plotly-plot .main-svg"
_PAUSE_MS = 700
"""For what fades in."""


def take(to: Path) -> None:
    """Write all pictures into a folder."""
    with _home() as root:
        _install(root)
        program = Player(root, root)
        program("--paper")
        many_days(root / "data" / "replay", days=90, mode="demo", average=-5.0)
        rehearsal = root / "data" / "rehearsal"
        with (
            program.start("--paper", "--speed", "300", "--data-dir", rehearsal) as running,
            dashboard(root, root, "--refresh", "1") as server,
            open_browser() as browser,
        ):
            try:
                wait_for(running, "11:30:00  Check")
                _now(browser, server, to)
            finally:
                running.kill()
            for name, folder, height in (
                ("today", "demo", 1180),
                ("history", "replay", 1420),
                ("data", "demo", 1060),
            ):
                address = server.page(name, f"?folder={folder}")
                _picture(browser, address, to / f"{name}.png", height)
            _health(browser, server, to)


@contextmanager
def _home() -> Iterator[Path]:
    """Give a folder whose name may be read on a picture."""
    root = Path(tempfile.gettempdir()) / "optionsarbitrage"
    root.mkdir()
    try:
        yield root
    finally:
        shutil.rmtree(root)


def _install(root: Path) -> None:
    for part in PARTS:
        shutil.copytree(PROJECT / part, root / part, ignore=shutil.ignore_patterns(*PRIVATE))
    shutil.copy(PROJECT / "requirements.txt", root)
    for name in ("demo", "replay", "rehearsal"):
        (root / "data" / name).mkdir(parents=True)


def _now(browser: "Browser", server: Dashboard, to: Path) -> None:
    address = server.page("now", "?folder=rehearsal")
    _picture(browser, address, to / "now.png", 1060)
    with window(browser, PHONE) as page:
        page.goto(address)
        page.get_by_text("Its exits").wait_for()
        page.wait_for_timeout(_PAUSE_MS)
        page.screenshot(path=to / "phone.png")


def _picture(browser: "Browser", address: str, path: Path, height: int) -> None:
    with window(browser, (DESKTOP[0], height)) as page:
        page.goto(address)
        page.wait_for_selector(DRAWN)
        page.wait_for_timeout(_PAUSE_MS)
        page.screenshot(path=path)


def _health(browser: "Browser", server: Dashboard, to: Path) -> None:
    with window(browser) as page:
        page.goto(server.page("health", "?folder=demo"))
        page.get_by_role("button", name="Ask the doctor").click()
        page.get_by_text("Looked at").wait_for()
        page.wait_for_timeout(_PAUSE_MS)
        page.screenshot(path=to / "health.png")


if __name__ == "__main__":
    take(Path(__file__).parent)
