"""A real browser without a window, where one is installed."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

MISSING = "no Chromium is installed"
DESKTOP, PHONE = (1200, 900), (375, 800)
"""Pixels of a window, wide and high."""
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium() -> str | None:
    """Return the browser of this machine, None where it has none."""
    return next((found for name in _NAMES if (found := shutil.which(name))), None)


needs_browser = pytest.mark.skipif(chromium() is None, reason=MISSING)


@contextmanager
def open_browser() -> Iterator["Browser"]:
    """Start the browser; it ends with the block."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only where a browser is

    # Its own sandbox does not work for root, as whom containers run tests.
    is_root = sys.platform != "win32" and os.geteuid() == 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox"] if is_root else []
        )
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def window(browser: "Browser", size: tuple[int, int] = DESKTOP) -> Iterator["Page"]:
    """Open a window of this size, with an empty cache and no cookies."""
    page = browser.new_page(viewport={"width": size[0], "height": size[1]})
    try:
        yield page
    finally:
        page.context.close()


def is_as_wide_as_its_window(page: "Page") -> bool:
    """Whether nothing of the page has to be pushed sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))
