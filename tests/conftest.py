"""What all tests share: where the recorded sessions are, and that they are skipped by name."""

from pathlib import Path

import pytest

REAL_DATA = Path(__file__).parents[2] / "shared" / "market-data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if REAL_DATA.is_dir():
        return
    missing = pytest.mark.skip(reason="the recorded sessions (../shared/market-data) are not there")
    for item in items:
        if item.get_closest_marker("real_data"):
            item.add_marker(missing)


@pytest.fixture
def tapes() -> Path:
    """Return the folder of the recorded sessions."""
    return REAL_DATA / "tapes"
