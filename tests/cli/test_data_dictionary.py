"""data/README.md against the files that the program really writes, in both directions."""

import csv
import gzip
import subprocess
import sys
from pathlib import Path

import pytest

from src.database import open_database
from tests.cli.player import Player, install
from tests.fakes.dictionary import files, is_named, sheets, tables
from tests.fakes.tapes import a_tape

NOT_LEFT_BEHIND = {
    *("trades.db-wal", "trades.db-shm", "tapes/DAY.csv.part", "sweeps/NAME/N.npz"),  # while at work
    "trades.db.schemaN.bak",  # by a newer program
    "HALT",  # by a person
    *(".start.lock", "crontab-NAME.bak"),  # by what starts the program, seen in its own tests
}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every file that two days, a backtest and a sweep leave, by its path in a data directory."""
    root = install(tmp_path_factory.mktemp("program"))
    home = tmp_path_factory.mktemp("home")
    play = Player(root, home)
    elsewhere = home / "replayed"
    assert play("--paper", "--seed", 11).returncode == 0
    assert play("--replay", a_tape(home), "--data-dir", elsewhere).returncode == 0
    backtest = [sys.executable, str(root / "scripts" / "backtest.py")]
    days = ["--generated", "11:13", "--jobs", "1"]
    grid = ["--grid", "strategy.min_entry_credit=300,400"]
    report = [sys.executable, str(root / "scripts" / "report.py"), "--month", "2026-03"]
    month = [*report, "--data-dir", str(elsewhere)]
    for command in ([*backtest, *days], [*backtest, "sweep", *days, *grid], month):
        subprocess.run(command, cwd=home, check=True, capture_output=True, timeout=120)
    found: dict[str, Path] = {}
    for folder in (root / "data" / "demo", elsewhere, root / "data"):
        for path in folder.rglob("*"):
            below = path.relative_to(folder)
            if path.is_file() and below.parts[0] != "demo":
                found[below.as_posix()] = path
    return found


def head_of(file: Path) -> list[str]:
    text = file.read_bytes()
    if file.suffix == ".gz":
        text = gzip.decompress(text)
    return next(csv.reader(text.decode("utf-8").splitlines()))


def test_the_files_that_are_written_and_their_columns_are_those_of_the_dictionary(
    written: dict[str, Path],
) -> None:
    assert [path for path in written if not any(is_named(path, name) for name in files())] == []
    absent = {name for name in files() if not any(is_named(path, name) for path in written)}
    assert absent == NOT_LEFT_BEHIND
    seen = set()
    for path, file in written.items():
        if not path.endswith((".csv", ".csv.gz")):
            continue
        (name,) = (name for name in sheets() if is_named(path, name))
        columns = [each.name for each in sheets()[name]]
        if "KEY" in columns:
            columns[columns.index("KEY")] = "strategy.min_entry_credit"
        if columns[-1] == "seen" and "seen" not in head_of(file):
            columns.pop()  # no quote was learned of later
        assert head_of(file) == columns, path
        seen.add(name)
    assert seen == set(sheets())


def test_every_column_of_the_dictionary_has_a_type_and_says_what_it_is() -> None:
    kinds = {"date", "time", "money", "price", "number", "count", "text"}
    wrong = [
        f"{name}: {each.name}"
        for name, columns in sheets().items()
        for each in columns
        if each.kind not in kinds or not each.meaning
    ]
    assert wrong == []


def test_the_tables_of_the_database_are_those_of_the_dictionary() -> None:
    connection = open_database(None)
    found = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
    connection.close()
    assert {row["name"] for row in found} == set(tables())
