"""What a command tells other programs with --json, against the dictionary of its fields."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.player import Player
from tests.fakes.dictionary import answers
from tests.fakes.tapes import a_tape
from tests.fakes.terminal import on_a_terminal

ASKED = {
    "control.py status --json": "control.py status --json --data-dir DATA",
    "doctor.py --json": "doctor.py --json --data-dir DATA",
    "export.py FROM TO --json": "export.py 2026-01-01 2026-12-31 --json --data-dir DATA",
    "backfill.py verify FOLDER --json": "backfill.py verify DATA/tapes --json",
    "backtest.py ... --json": "backtest.py --generated 11 --json --jobs 1 --out DATA/backtest",
    "report.py ... --json": "report.py --month 2026-03 --json --data-dir DATA",
    "main.py --explain ... --json": "main.py --explain --paper --seed 11 --at 09:38 --json",
}
"""Each row of the dictionary, and how it is typed."""


def ask(root: Path, line: str, data: Path) -> tuple[int, Any]:
    script, *words = line.replace("DATA", str(data)).split()
    answer = subprocess.run(
        [sys.executable, str(root / "scripts" / script), *words],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert answer.stdout, answer.stderr
    return answer.returncode, json.loads(answer.stdout)


def test_every_answer_in_json_has_the_fields_of_the_dictionary(
    play: Player, tmp_path: Path
) -> None:
    assert set(answers()) == set(ASKED)
    data = tmp_path / "data"
    assert play("--replay", a_tape(tmp_path), "--data-dir", data).returncode == 0
    for command, fields in answers().items():
        code, told = ask(play.root, ASKED[command], data)
        assert code in {0, 3}, command
        assert list(told) == fields, command


def test_json_has_no_colours_on_a_terminal_either(play: Player, tmp_path: Path) -> None:
    line = ASKED["main.py --explain ... --json"].split()
    command = [sys.executable, str(play.root / "scripts" / line[0]), *line[1:]]
    code, shown = on_a_terminal(command, cwd=tmp_path)
    assert (code, "\x1b" in shown) == (0, False)
    assert json.loads(shown)["decision"]["should_trade"] is True


def test_json_of_a_whole_day_is_refused_with_where_to_find_it(play: Player) -> None:
    answer = play("--paper", "--json")
    assert answer.returncode == 2
    assert re.search(r"--json is for --explain; .* control\.py status --json tells", answer.stderr)


def test_json_of_a_comparison_of_rules_is_refused(play: Player, tmp_path: Path) -> None:
    answer = subprocess.run(
        [
            *(sys.executable, str(play.root / "scripts" / "backtest.py"), str(tmp_path)),
            *("--compare-rules", "--json"),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert answer.returncode == 2
    assert "not for --compare-rules" in answer.stderr


@pytest.mark.parametrize("problem", ["gone", "damaged"])
def test_a_tape_that_is_wrong_is_told_in_json_too(
    play: Player, tmp_path: Path, problem: str
) -> None:
    tape = a_tape(tmp_path / "tapes")
    if problem == "damaged":
        tape.write_bytes(b"not a tape")
    else:
        (tape.parent / "2026-01-02.json").write_text("{}")
    code, told = ask(play.root, "backfill.py verify DATA/tapes --json", tmp_path)
    assert (code, told["ok"], told["wrong"]) == (2, False, 1)
    assert [each["name"] for each in told["files"] if each["fault"]]
