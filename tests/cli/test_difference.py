"""A day that its broker tells otherwise than its record ends with exit code 3."""

import json
from pathlib import Path

import pytest

from tests.cli.player import Player, refusal, table
from tests.fakes.builders import DAY, spy_call
from tests.fakes.tapes import a_tape

WORDS = f"{spy_call().symbol}: recorded -20, at the broker -16"
AT_THE_END = f"{spy_call().symbol}: recorded -4, at the broker +0"
"""What is left of it once the sixteen calls that are still there were bought back."""


@pytest.fixture
def tape(tmp_path: Path) -> Path:
    return a_tape(tmp_path / "tapes")


@pytest.fixture
def data(play: Player, tape: Path, tmp_path: Path) -> Path:
    """Return the folder of a day of whose short calls four were assigned while nobody looked."""
    folder = tmp_path / "data"
    for _ in range(3):
        assert play("--replay", tape, "--data-dir", folder, "--once").returncode == 0
    account = folder / "exchange" / f"{DAY}.json"
    state = json.loads(account.read_text())
    state["options"][spy_call().symbol] += 4
    account.write_text(json.dumps(state))
    return folder


def test_a_day_that_ends_with_a_difference_is_reported_names_it_and_ends_with_code_3(
    play: Player, tape: Path, data: Path
) -> None:
    answer = play("--replay", tape, "--data-dir", data)
    told = refusal(answer, 3)
    assert AT_THE_END in told
    assert "ALERT. Record and broker still differ at the end" in answer.stdout
    assert "Result of the day" in answer.stdout
    for ending in ("txt", "md"):
        report = (data / "reports" / f"{DAY}.{ending}").read_text()
        assert "RECORD AND BROKER DIFFER" in " ".join(report.split())
        assert spy_call().symbol in report
    assert table(data, "sessions", "phase") == [("reported",)]


def test_a_later_start_of_that_day_says_it_again_and_replaces_nothing(
    play: Player, tape: Path, data: Path
) -> None:
    play("--replay", tape, "--data-dir", data)
    before = [table(data, name) for name in ("orders", "fills", "trades", "events")]
    for options in ((), ("--set", "strategy.max_spreads=1")):
        told = refusal(play("--replay", tape, "--data-dir", data, *options), 3)
        assert AT_THE_END in told
        assert "--data-dir" in told
    assert [table(data, name) for name in ("orders", "fills", "trades", "events")] == before


def test_a_step_of_a_day_with_a_difference_is_no_failure_while_the_day_can_go_on(
    play: Player, tape: Path, data: Path
) -> None:
    answer = play("--replay", tape, "--data-dir", data, "--once")
    assert answer.returncode == 0, answer.stderr
    assert WORDS in answer.stdout
