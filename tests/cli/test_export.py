from pathlib import Path

import pytest

from scripts.export import main
from tests.cli.player import Player
from tests.fakes.tapes import a_tape


def test_any_range_of_days_can_be_exported_later(
    play: Player, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    assert play("--replay", a_tape(tmp_path), "--data-dir", data).returncode == 0
    assert main(["2026-01-01", "2026-12-31", "--data-dir", str(data)]) == 0
    written = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert written[0].name == "trades_2026-01-01_to_2026-12-31.csv"
    assert all(path.exists() for path in written)
    assert len(written[0].read_text().splitlines()) == 2


def test_an_export_before_the_first_day_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["2026-01-01", "2026-12-31", "--data-dir", str(tmp_path)]) == 2
    assert "there is no database yet" in capsys.readouterr().err


def test_a_range_that_ends_before_it_starts_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "trades.db").touch()
    assert main(["2026-12-31", "2026-01-01", "--data-dir", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("optionsarbitrage: ")


def test_a_day_that_is_none_is_bad_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["yesterday", "2026-01-01"])
    assert "'yesterday' is no day" in capsys.readouterr().err
