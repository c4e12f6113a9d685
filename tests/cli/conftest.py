from pathlib import Path

import pytest

from tests.cli.player import Player, install


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("optionsarbitrage"))


@pytest.fixture
def play(installation: Path, tmp_path: Path) -> Player:
    home = tmp_path / "home"
    home.mkdir()
    return Player(installation, home)
