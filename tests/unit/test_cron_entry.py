"""The program's lines in a crontab come and go, and all others stay byte for byte."""

import os
import subprocess
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.ports import MendInput
from utils import cron_entry as cron
from utils.local_hours import local_hours

HOURS = local_hours(ZoneInfo("Europe/Berlin"), "Europe/Berlin", date(2026, 11, 22))
BLOCK = cron.block(HOURS, "cd /x && /v/python /x/scripts/start_day.py >> /x/log 2>&1")
OTHER = cron.block(HOURS, "cd /former && /v/python /former/scripts/start_day.py >> /l 2>&1")
LINES = st.lists(
    st.binary(max_size=30).filter(lambda line: b"\n" not in line and b"optionsarb" not in line)
).map(b"\n".join)


def as_cron_runs(command: str) -> str:
    """Undo what cron undoes: a backslash before a %, and all after a bare % is input."""
    text, _, given_to_it = command.replace(r"\%", "\0").partition("%")
    assert given_to_it == ""
    return text.replace("\0", "%")


@given(LINES)
def test_other_lines_stay_byte_for_byte_when_the_program_comes_and_goes(table: bytes) -> None:
    there = cron.with_block(table, BLOCK)
    assert cron.own_block(there) == BLOCK
    gone = cron.without_block(there)
    # cron wants its last line ended; a table that was not is, and nothing else is another.
    assert gone == (table if not table or table.endswith(b"\n") else table + b"\n")


@given(LINES, LINES)
def test_an_older_entry_is_replaced_in_its_place(before: bytes, after: bytes) -> None:
    start = before + b"\n" if before else b""
    table = start + OTHER + after
    assert cron.with_block(table, BLOCK) == start + BLOCK + after
    assert cron.with_block(start + BLOCK + after, BLOCK) == start + BLOCK + after


@pytest.mark.parametrize(
    ("table", "lines"),
    [
        (cron.BEGIN + b"\n1 2 * * * x\n", "1"),
        (b"1 2 * * * x\n" + cron.END + b"\n", "2"),
        (cron.END + b"\n" + cron.BEGIN + b"\n", "1, 2"),
        (BLOCK + BLOCK, "1, 6, 7, 12"),
    ],
)
def test_marks_that_are_no_pair_are_named_by_line_and_nothing_is_guessed(
    table: bytes, lines: str
) -> None:
    for change in (cron.without_block, cron.own_block, lambda each: cron.with_block(each, BLOCK)):
        with pytest.raises(MendInput, match=rf"\(lines {lines}\)"):
            change(table)


@pytest.mark.parametrize(
    "name", ["plain", "with space", "100%", "50%of$HOME", "it's", 'a"b', "a&b;c", "größe", "#1"]
)
def test_a_path_of_any_kind_reaches_the_program_as_it_is(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    folder.mkdir()
    program = folder / "say"
    program.write_text('#!/bin/sh\npwd; printf "%s\\n" "$@"\n')
    program.chmod(0o700)
    line = cron.command([program, "--set", f"a.b={name}"], folder, folder / "log")
    subprocess.run(["/bin/sh", "-c", as_cron_runs(line)], check=True, cwd="/")
    assert (folder / "log").read_text().splitlines() == [str(folder), "--set", f"a.b={name}"]


@pytest.mark.parametrize("name", ["a\nb", "a\\b", "tab\there"])
def test_a_path_that_cron_cannot_be_told_of_is_refused(name: str) -> None:
    with pytest.raises(MendInput, match="cron cannot be told of"):
        cron.command(["x"], Path("/home") / name, Path("/log"))


def test_a_line_that_cron_would_cut_off_is_refused() -> None:
    with pytest.raises(MendInput, match="longer than 900 bytes"):
        cron.command(["x"], Path("/home") / ("a" * 950), Path("/log"))


def test_an_entry_tells_its_zone_and_who_wrote_it() -> None:
    text = os.fsdecode(BLOCK)
    assert "9:20 in New York is 14:20 or 15:20;" in text
    assert "*/10 14-23 * * 1-5 cd /x &&" in text
    assert "*/10 0 * * 2-6 cd /x &&" in text
    assert cron.zone_of(b"# made for Mars,\n" + BLOCK) == "Europe/Berlin"
    assert cron.zone_of(b"1 2 * * * x\n") == ""


def test_a_line_that_somebody_wrote_by_hand_is_found() -> None:
    mine = b"30 9 * * 1-5 cd /x && .venv/bin/python scripts/main.py"
    table = b"# scripts/main.py\n" + mine + b"\n" + BLOCK
    assert cron.others_that_start(table) == (mine.decode(),)


def test_a_zone_that_would_move_the_hours_is_refused_above_the_lines_and_left_below() -> None:
    zone = b"CRON_TZ=America/New_York\n"
    with pytest.raises(MendInput, match="CRON_TZ"):
        cron.with_block(zone + b"1 2 * * * other\n", BLOCK)
    assert cron.with_block(BLOCK + zone, BLOCK) == BLOCK + zone
    assert cron.without_block(zone + BLOCK) == zone
