import gzip
import importlib.util
import logging
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import time_machine

from scripts.main import main
from tests.cli.player import Player, files, refusal, table
from tests.fakes.tapes import a_tape

KEYS = {
    "OPTIONSARB_BROKER__API_KEY": "PKTOPSECRETKEY",
    "OPTIONSARB_BROKER__API_SECRET": "topsecret-of-the-key",
}
ADDRESSES = {
    "OPTIONSARB_NOTIFICATIONS__EMAIL": "mailtos://me:topsecret-of-mail@localhost",
    "OPTIONSARB_NOTIFICATIONS__SLACK_WEBHOOK": "https://hooks.slack.com/services/T0/B0/topsecret",
}


# Help.


def test_help_names_every_option_and_every_exit_code(play: Player) -> None:
    answer = play("--help")
    assert answer.returncode == 0
    assert answer.stderr == ""
    for option in (
        *("--paper", "--live", "--config", "--set", "--replay", "--speed", "--once", "--seed"),
        "--data-dir",
    ):
        assert option in answer.stdout
    for code in ("0 done", "1 unexpected", "2 bad", "3 refused", "4 broker", "130 interrupted"):
        assert code in answer.stdout


# Keys.


def test_without_keys_a_real_day_is_refused_and_told_what_is_missing(
    play: Player, tmp_path: Path
) -> None:
    told = refusal(play("--data-dir", tmp_path / "data"), 2)
    assert "broker.api_key and broker.api_secret are missing" in told
    assert ".env" in told
    assert "--paper" in told


@pytest.mark.parametrize("option", [(), ("--paper",)])
@pytest.mark.parametrize(("given", "missing"), [("KEY", "api_secret"), ("SECRET", "api_key")])
def test_half_a_pair_of_keys_is_a_mistake_also_on_paper(
    play: Player, tmp_path: Path, option: tuple[str, ...], given: str, missing: str
) -> None:
    """A generated day in its place would hide that the keys were meant to count."""
    name = f"OPTIONSARB_BROKER__API_{given}"
    answer = play(*option, "--data-dir", tmp_path / "data", env={name: "PKTOPSECRET"})
    told = refusal(answer, 2)
    assert f"broker.{missing} is missing" in told
    assert "PKTOPSECRET" not in told


@pytest.mark.parametrize("value", ["", "YOUR_API_KEY", "<your key>"])
def test_a_placeholder_is_no_key(play: Player, tmp_path: Path, value: str) -> None:
    env = dict.fromkeys(KEYS, value)
    told = refusal(play("--data-dir", tmp_path / "data", env=env), 2)
    assert "broker.api_key and broker.api_secret are missing" in told


# Real money.


@pytest.mark.parametrize(
    ("line", "env", "words"),
    [
        ("--live", {}, ""),
        ("--live", KEYS, ""),
        ("--live --seed 3", KEYS, "--seed"),
        ("--live --replay tape.csv.gz", KEYS, "--replay"),
        ("--live --once", KEYS, ""),
        ("--live --start-at 2026-06-01T09:34:00 --speed 60", KEYS, "--start-at --speed"),
    ],
)
def test_a_live_day_that_nothing_allows_is_refused_and_told_all_that_is_missing(
    play: Player, tmp_path: Path, line: str, env: dict[str, str], words: str
) -> None:
    told = refusal(play(*line.split(), "--data-dir", tmp_path / "data", env=env), 3)
    assert "No real money is traded, nothing was sent." in told
    assert "broker.paper_trading is true. Set it to false in the config file." in told
    assert "LIVE_ACCOUNT_ID is not set" in told
    assert all(f"{option} is for days" in told for option in words.split())


# The exchange is closed.


@pytest.fixture
def with_keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give this process keys, and put back what a run changes in it."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    level, handler = logging.getLogger().level, signal.getsignal(signal.SIGTERM)
    yield
    logging.getLogger().setLevel(level)
    signal.signal(signal.SIGTERM, handler)


@pytest.mark.filterwarnings("ignore:Series.dt.weekday is deprecated")
@pytest.mark.usefixtures("with_keys")
@pytest.mark.parametrize(
    ("moment", "today", "coming"),
    [
        ("2026-03-07 14:30", "Saturday 2026-03-07", "Monday 2026-03-09, 09:30 to 16:00 ET"),
        ("2026-11-26 14:30", "Thursday 2026-11-26", "Friday 2026-11-27, 09:30 to 13:00 ET"),
        # Monday already in Greenwich, still Sunday in New York.
        ("2026-03-09 02:00", "Sunday 2026-03-08", "Monday 2026-03-09, 09:30 to 16:00 ET"),
    ],
)
@pytest.mark.parametrize("option", [[], ["--paper"]])
def test_on_a_day_without_a_session_it_says_when_the_next_one_is(
    moment: str,
    today: str,
    coming: str,
    option: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with time_machine.travel(datetime.fromisoformat(moment).replace(tzinfo=UTC), tick=False):
        code = main([*option, "--data-dir", str(tmp_path)])
    printed = capsys.readouterr().out
    assert code == 0
    assert f"closed today, {today}" in printed
    assert f"next session is {coming}" in printed


# Generated days.

generated = pytest.mark.skipif(
    importlib.util.find_spec("brokers.synthetic_market") is None, reason="no generated days here"
)


@generated
def test_paper_without_keys_plays_a_whole_generated_day_that_trades(
    play: Player, tmp_path: Path
) -> None:
    answer = play("--paper", "--data-dir", tmp_path / "data")
    assert answer.returncode == 0, answer.stderr
    lines = answer.stdout.splitlines()
    assert "SIMULATED" in lines[0]
    assert "a generated day (seed " in lines[0]
    assert "SIMULATED" in lines[-1]
    assert "dislocation" in lines[1]  # what makes it trade was put in, and is said
    assert "Decision: TRADE" in answer.stdout
    assert "Result of the day" in answer.stdout
    assert len(table(tmp_path / "data", "trades")) == 1


@generated
def test_a_seed_names_the_same_day_every_time(play: Player, tmp_path: Path) -> None:
    first, second = (
        play("--paper", "--seed", 3, "--data-dir", tmp_path / name) for name in ("one", "two")
    )
    assert first.returncode == second.returncode == 0
    assert "seed 3" in first.stdout.splitlines()[0]
    assert first.stdout.replace("/one/", "/two/") == second.stdout
    assert table(tmp_path / "one", "decisions") == table(tmp_path / "two", "decisions")


@generated
def test_a_generated_day_lies_apart_from_real_ones(play: Player) -> None:
    answer = play("--paper", "--once")
    assert answer.returncode == 0, answer.stderr
    assert (play.root / "data" / "demo" / "trades.db").is_file()
    assert not (play.root / "data" / "trades.db").exists()


# Secrets.


def readable(file: Path) -> bytes:
    content = file.read_bytes()
    return gzip.decompress(content) if file.suffix == ".gz" else content


def test_no_secret_is_ever_printed_or_written(play: Player, tmp_path: Path) -> None:
    data, env = tmp_path / "data", KEYS | ADDRESSES
    debug = ("--set", "logging.level=DEBUG", "--data-dir", data)
    answers = [
        play("--replay", a_tape(tmp_path / "tapes"), *debug, env=env),
        play("--replay", "nowhere.csv.gz", *debug, env=env),
        play("--set", "strategy.max_spreads=9", *debug, env=env),
        play("--live", *debug, env=env),
    ]
    assert [each.returncode for each in answers] == [0, 2, 2, 3]
    assert {"trades.db", "logs/trading.log", "tapes/2026-03-09.csv.gz"} <= files(data)
    shown = "".join(each.stdout + each.stderr for each in answers).encode()
    written = {name: readable(data / name) for name in files(data)}
    for secret in (*KEYS.values(), "topsecret"):
        assert secret.encode() not in shown
        assert [name for name, text in written.items() if secret.encode() in text] == []
