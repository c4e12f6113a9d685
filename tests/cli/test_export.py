import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from scripts.export import main
from src.export_sheets import NAMES
from tests.cli.player import Player
from tests.fakes.records import a_record
from tests.fakes.tapes import a_tape

YEAR = ("2026-01-01", "2026-12-31")


@dataclass
class Answer:
    code: int
    said: str
    complained: str


Export = Callable[..., Answer]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory with one trade on record."""
    return a_record(tmp_path / "data")


@pytest.fixture
def export(data: Path, capsys: pytest.CaptureFixture[str]) -> Export:
    def command(*args: str) -> Answer:
        capsys.readouterr()
        code = main([*YEAR, *args, "--data-dir", str(data)])
        return Answer(code, *capsys.readouterr())

    return command


def test_any_range_of_days_can_be_exported_later(export: Export) -> None:
    answer = export()
    assert (answer.code, answer.complained) == (0, "")
    written = [Path(line) for line in answer.said.splitlines()]
    assert [path.name for path in written] == [
        f"{name}_2026-01-01_to_2026-12-31.csv" for name in NAMES
    ]
    assert len(written[0].read_text().splitlines()) == 2


def test_a_dialect_of_the_command_line_is_stronger_than_the_one_of_the_config(
    export: Export, tmp_path: Path
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("exports:\n  csv_dialect: german\n", encoding="utf-8")
    german = Path(export("--config", str(config)).said.split("\n")[0]).read_bytes()
    assert german.startswith("\ufefftrade_id;date;".encode())
    answer = export("--config", str(config), "--csv-dialect", "standard")
    assert Path(answer.said.split("\n")[0]).read_bytes().startswith(b"trade_id,date,")


def test_the_export_of_the_day_itself_is_in_the_dialect_of_the_config(
    play: Player, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    dialect = ("--set", "exports.csv_dialect=excel-german")
    assert play("--replay", a_tape(tmp_path), "--data-dir", data, *dialect).returncode == 0
    (fills,) = (data / "exports").glob("fills_*.csv")
    head, first, *_ = fills.read_text("utf-8-sig").splitlines()
    assert head.startswith("trade_id;date;mode;time_et;")
    assert first.startswith("2026-03-09-1;2026-03-09;replay;2026-03-09 09:")
    assert fills.read_bytes().startswith(b"\xef\xbb\xbf")


def test_a_dialect_that_is_none_is_answered_with_those_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([*YEAR, "--csv-dialect", "french"])
    assert "'excel-german'" in capsys.readouterr().err


def test_a_file_that_cannot_be_replaced_costs_only_itself(export: Export, data: Path) -> None:
    in_the_way = data / "exports" / "fills_2026-01-01_to_2026-12-31.csv"
    in_the_way.mkdir()
    answer = export()
    assert answer.code == 2
    assert len(answer.said.splitlines()) == len(NAMES) - 1
    assert str(in_the_way) not in answer.said
    assert answer.complained.startswith(f"optionsarbitrage: {in_the_way} could not be written (")
    assert "7 others are written, and the database has all of it." in answer.complained
    assert f"export.py 2026-01-01 2026-12-31 --data-dir {data}" in answer.complained
    assert len(answer.complained.splitlines()) == 1


def test_a_day_is_over_although_one_of_its_files_cannot_be_written(
    play: Player, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    in_the_way = data / "exports" / "trades_2026-03-09_to_2026-03-09.csv"
    in_the_way.mkdir(parents=True)
    answer = play("--replay", a_tape(tmp_path), "--data-dir", data)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert f"WARNING. {in_the_way} could not be written" in answer.stdout
    assert f"Written: 7 CSV files in {data / 'exports'}" in answer.stdout


def test_a_file_that_is_open_in_libreoffice_is_written_and_said_to_be_open(
    export: Export, data: Path
) -> None:
    name = "trades_2026-01-01_to_2026-12-31.csv"
    (data / "exports" / f".~lock.{name}#").write_text(",somebody,machine,23.11.2026 10:00,;")
    answer = export()
    assert answer.code == 0
    assert name in answer.said
    assert f"{name}: open in LibreOffice, which still shows the old figures" in answer.complained


def test_other_programs_are_told_what_was_written(export: Export, data: Path) -> None:
    (data / "exports" / "fills_2026-01-01_to_2026-12-31.csv").mkdir()
    answer = export("--json")
    told = json.loads(answer.said)
    assert (answer.code, told["ok"], len(told["written"])) == (2, False, len(NAMES) - 1)
    assert "could not be written" in told["problem"]


def test_a_range_without_a_day_is_said_to_be_empty(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["2027-01-01", "2027-12-31", "--data-dir", str(data)]) == 0
    told = capsys.readouterr()
    assert len(told.out.splitlines()) == len(NAMES)
    assert "Nothing is on record from 2027-01-01 to 2027-12-31" in told.err


def test_a_day_can_be_exported_while_another_program_writes_into_the_database(
    export: Export, data: Path
) -> None:
    with closing(sqlite3.connect(data / "trades.db", isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE trades SET note = 'not yet'")
        assert export().code == 0
        writer.execute("ROLLBACK")


def test_an_export_before_the_first_day_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*YEAR, "--data-dir", str(tmp_path)]) == 2
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
