import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from tests.cli.player import Player, files, refusal
from tests.fakes.builders import at
from tests.fakes.tapes import a_tape, rows_at, write_tape

DAY = "2026-03-09.csv.gz"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


# The settings.


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["the file is empty"]),
        ("# only a remark\n", ["the file is empty"]),
        ("strategy:\n  max_spreads: 2\n  min_entry_cr", ["config.yaml:", "the YAML is broken"]),
        ('{"strategy": {"max_spr', ["config.yaml:", "broken"]),
        ("strategy:\n  max_spread: 2\n", ["config.yaml:2", "max_spread", "max_spreads"]),
        ("stratgy:\n  max_spreads: 2\n", ["config.yaml:1", "stratgy", "nearest is strategy"]),
        ("strategy:\n  max_spreads: 7\n", ["config.yaml:2", "7", "from 1 to 3"]),
        ("strategy:\n  max_spreads: many\n", ["config.yaml:2", "many", "a whole number"]),
    ],
)
def test_a_config_that_is_wrong_is_refused_with_its_place_and_what_is_allowed(
    play: Player, data: Path, tmp_path: Path, text: str, words: list[str]
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(text)
    told = refusal(play("--config", config, "--replay", DAY, "--data-dir", data), 2)
    assert [each for each in words if each not in told] == []
    assert not data.exists()


def test_a_config_that_is_not_there_is_named(play: Player, data: Path) -> None:
    told = refusal(play("--config", "nowhere.yaml", "--data-dir", data), 2)
    assert "nowhere.yaml: there is no such file" in told


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("strategy.max_spread=1", "strategy.max_spreads"),
        ("strategy.max_spreads", "KEY=VALUE"),
        ("strategy.max_spreads=0", "from 1 to 3"),
    ],
)
def test_a_setting_on_the_command_line_that_is_wrong_is_refused(
    play: Player, data: Path, setting: str, words: str
) -> None:
    assert words in refusal(play("--set", setting, "--data-dir", data), 2)


def test_an_environment_variable_that_means_no_setting_is_refused(play: Player, data: Path) -> None:
    answer = play("--data-dir", data, env={"OPTIONSARB_STRATEGY__MAX_SPREAD": "1"})
    assert "OPTIONSARB_STRATEGY__MAX_SPREADS" in refusal(answer, 2)


# Tapes.


def rows(*clocks: str) -> list[str]:
    return [row for clock in clocks for row in rows_at(at(clock))]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], ["holds no rows"]),
        (rows("09:40", "09:35"), ["line 6", "comes after", "time order"]),
        ([*rows("09:35"), f"{at('09:36').isoformat()},QQQ,1,2,,,"], ["line 6", "QQQ", "unknown"]),
        (
            [*rows("09:35"), f"{at('09:36').isoformat()},SPXX260309C06000000,1,2,,,"],
            ["line 6", "SPXX", "nearest: SPX"],
        ),
        ([*rows("09:35"), f"{at('09:36').isoformat()},SPY,,,,,nan"], ["line 6", "last", "nan"]),
        ([*rows("09:35"), f"{at('09:36').isoformat()},SPY,-1,2,,,"], ["line 6", "bid", "negative"]),
        ([*rows("09:35"), "2026-03-09T09:36:00,SPY,,,,,600"], ["line 6", "offset"]),
        ([*rows("09:35"), "noon,SPY,,,,,600"], ["line 6", "noon", "ISO 8601"]),
        ([*rows("09:35"), "half a li"], ["line 6", "1 fields"]),
    ],
)
def test_a_tape_that_is_wrong_is_refused_with_its_line_and_its_value(
    play: Player, data: Path, tmp_path: Path, lines: list[str], words: list[str]
) -> None:
    tape = write_tape(tmp_path / DAY, *lines)
    told = refusal(play("--replay", tape, "--data-dir", data), 2)
    assert str(tape) in told
    assert [each for each in words if each not in told] == []
    assert files(data) == {"logs/trading.log"}


def test_a_tape_that_is_not_there_is_refused_with_the_nearest_name(
    play: Player, data: Path, tmp_path: Path
) -> None:
    a_tape(tmp_path)
    told = refusal(play("--replay", tmp_path / "2026-03-08.csv.gz", "--data-dir", data), 2)
    assert "no such tape" in told
    assert DAY in told


def test_a_tape_without_a_byte_is_refused(play: Player, data: Path, tmp_path: Path) -> None:
    (tmp_path / DAY).write_bytes(b"")
    told = refusal(play("--replay", tmp_path / DAY, "--data-dir", data), 2)
    assert "the file is empty" in told


def test_a_tape_that_is_cut_off_is_refused(play: Player, data: Path, tmp_path: Path) -> None:
    tape = a_tape(tmp_path)
    tape.write_bytes(tape.read_bytes()[:-50])
    told = refusal(play("--replay", tape, "--data-dir", data), 2)
    assert "cut off" in told
    assert "copy or download it again" in told


def test_a_tape_with_other_columns_is_refused(play: Player, data: Path, tmp_path: Path) -> None:
    tape = tmp_path / "2026-03-09.csv"
    tape.write_text("time,ticker,price\n")
    told = refusal(play("--replay", tape, "--data-dir", data), 2)
    assert "timestamp,symbol,bid,ask" in told


def test_a_tape_of_a_holiday_is_refused(play: Player, data: Path, tmp_path: Path) -> None:
    tape = write_tape(tmp_path / "2026-06-19.csv.gz", *rows_at(at("09:35", date(2026, 6, 19))))
    told = refusal(play("--replay", tape, "--data-dir", data), 2)
    assert "the exchange was closed on 2026-06-19" in told


# The data directory.


@pytest.fixture
def tape(tmp_path: Path) -> Path:
    return a_tape(tmp_path / "tapes")


@pytest.fixture
def database(data: Path) -> Iterator[sqlite3.Connection]:
    data.mkdir()
    with closing(sqlite3.connect(data / "trades.db", isolation_level=None)) as connection:
        yield connection


def test_a_database_of_a_newer_program_is_refused_and_left_alone(
    play: Player, tape: Path, data: Path, database: sqlite3.Connection
) -> None:
    database.execute("CREATE TABLE new (x)")
    database.execute("PRAGMA user_version = 999")
    told = refusal(play("--replay", tape, "--data-dir", data), 2)
    assert "schema 999" in told
    assert "Update the program" in told
    assert database.execute("SELECT name FROM sqlite_schema").fetchall() == [("new",)]


def test_a_database_of_another_program_is_refused_and_left_alone(
    play: Player, tape: Path, data: Path, database: sqlite3.Connection
) -> None:
    database.execute("CREATE TABLE recipes (x)")
    assert "another program" in refusal(play("--replay", tape, "--data-dir", data), 2)
    assert database.execute("SELECT name FROM sqlite_schema").fetchall() == [("recipes",)]


def test_a_database_that_is_none_is_refused_and_left_alone(
    play: Player, tape: Path, data: Path
) -> None:
    data.mkdir()
    (data / "trades.db").write_text(
        "a letter to my broker, long enough to be no header at all\n" * 9
    )
    before = (data / "trades.db").read_bytes()
    told = refusal(play("--replay", tape, "--data-dir", data), 2)
    assert "not a sound SQLite database" in told
    assert (data / "trades.db").read_bytes() == before


def test_a_database_that_another_program_holds_is_refused_after_a_while(
    play: Player, tape: Path, data: Path, database: sqlite3.Connection
) -> None:
    database.execute("BEGIN EXCLUSIVE")
    told = refusal(play("--replay", tape, "--data-dir", data), 2)
    assert "locked by another program" in told


def test_a_data_directory_that_is_a_file_is_refused(play: Player, tape: Path, data: Path) -> None:
    data.write_text("a file")
    told = refusal(play("--replay", tape, "--data-dir", data), 2)
    assert str(data) in told
    assert "--data-dir" in told
    assert data.read_text() == "a file"


# The command line.


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--paper --live", "not allowed with"),
        ("--paper --speed abc", "'abc' is neither a number above 0 nor 'max'"),
        ("--paper --speed 0", "above 0"),
        ("--paper --speed nan", "above 0"),
        ("--paper --seed seven", "invalid int value: 'seven'"),
        ("--papier", "unrecognized arguments: --papier"),
        ("--li", "unrecognized arguments: --li"),  # half an option is none
        ("--replay", "expected one argument"),
        ("today", "unrecognized arguments: today"),
    ],
)
def test_a_mistyped_command_line_is_refused_at_once(play: Player, line: str, words: str) -> None:
    answer = play(*line.split())
    assert answer.returncode == 2
    assert words in answer.stderr
    assert "usage: main.py" in answer.stderr
    assert answer.stdout == ""


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--seed 3", "together with --paper"),
        ("--paper --seed -1", "a seed is a whole number from 0"),
        (f"--replay {DAY} --seed 3", "give one"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    play: Player, data: Path, line: str, words: str
) -> None:
    assert words in refusal(play(*line.split(), "--data-dir", data), 2)
