"""What a person reads before a trading day, from the command itself."""

import json
import os
import shutil
import subprocess
import sys
from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path

import pytest

from brokers.ibkr_link import IbkrLink
from scripts.broker_checks import broker_checks
from scripts.doctor import parse
from scripts.run_doctor import Places, examine, live_rows, places_of, run
from src.ports import Check, RetryLater, Verdict
from src.settings import Settings
from tests.cli.player import install
from tests.fakes.tws_server import FakeTws
from utils import machine_checks
from utils.market_calendar import MarketCalendar
from utils.market_clock import WallClock

ROWS = (
    *("Python", "packages", "config", "clock", "calendar", "ex-dividend", "disk", "database"),
    *("lock", "log", "cron or launchd", "sleep", "notifications", "keys", "broker"),
)


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = install(tmp_path_factory.mktemp("optionsarbitrage"))
    (root / "requirements.txt").write_text("pydantic>=2\n", encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def known_days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory in which the calendar is at hand, as after the first run."""
    folder = tmp_path_factory.mktemp("days")
    today = WallClock().now().date()
    machine_checks.calendar(today, MarketCalendar(folder))
    return folder


@pytest.fixture
def data(known_days: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(known_days, tmp_path / "data"))


def command(
    root: Path, *args: object, python: tuple[str, ...] = (), env: dict[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *python, str(root / "scripts" / "doctor.py"), *map(str, args)],
        env={"PATH": os.environ.get("PATH", ""), **(env or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def rows_of(answer: "subprocess.CompletedProcess[str]") -> dict[str, dict[str, str]]:
    return {row["name"]: row for row in json.loads(answer.stdout)["checks"]}


def test_a_sound_installation_has_a_row_for_everything_and_nothing_is_written(
    installation: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    before = {each for each in installation.rglob("*") if "__pycache__" not in each.parts}
    answer = command(installation, "--json", "--data-dir", data)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert tuple(rows_of(answer)) == ROWS
    assert json.loads(answer.stdout)["worst"] == "warn"
    after = {each for each in installation.rglob("*") if "__pycache__" not in each.parts}
    assert after == before
    assert not data.exists()


def test_a_person_reads_each_row_with_what_to_do_and_a_last_line_that_counts_them(
    installation: Path, data: Path
) -> None:
    answer = command(installation, "--data-dir", data)
    lines = answer.stdout.splitlines()
    assert lines[0].startswith("ok    Python: 3.")
    warning = lines.index("warn  notifications: none: nobody hears of trouble.")
    assert lines[warning + 1].startswith("      Put an address into .env")
    assert " 0 fail, " in lines[-1]


def test_a_fault_is_a_row_and_an_exit_code(installation: Path, data: Path) -> None:
    (data / "trades.db").write_bytes(b"no database" * 100)
    answer = command(installation, "--json", "--data-dir", data)
    assert answer.returncode == 3
    assert rows_of(answer)["database"]["verdict"] == "fail"
    assert rows_of(answer)["disk"]["verdict"] != "fail", "the other rows go on"


def test_a_config_that_cannot_be_read_is_a_row_and_its_own_exit_code(installation: Path) -> None:
    answer = command(installation, "--set", "strategy.max_spreads=9")
    assert answer.returncode == 2
    assert "fail  config: The settings have 1 problem" in answer.stdout
    assert "--set strategy.max_spreads=9: strategy.max_spreads is 9; allowed" in answer.stdout
    assert answer.stdout.startswith("ok    Python: ")


def test_bad_usage_is_said_before_anything_is_looked_at(installation: Path) -> None:
    answer = command(installation, "--jason")
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "unrecognized arguments: --jason" in answer.stderr


def test_without_any_package_there_are_rows_and_no_traceback(installation: Path) -> None:
    answer = command(installation, "--json", python=("-S", "-s"))
    rows = rows_of(answer)
    assert (answer.returncode, answer.stderr) == (3, "")
    assert rows["packages"]["found"] == "pydantic is not installed."
    assert rows["config"]["found"].startswith("a package is missing (No module named ")
    assert "pip install -r requirements.txt" in rows["config"]["mend"]


def test_no_row_shows_a_secret(installation: Path, data: Path) -> None:
    env = {"ALPACA_API_KEY": "PKSECRET", "ALPACA_SECRET_KEY": "s3cretly", "LIVE_ACCOUNT_ID": "U1"}
    answer = command(installation, "--live", "--data-dir", data, env=env)
    assert answer.returncode == 3
    assert "ok    keys: both are given." in answer.stdout
    assert "PKSECRET" not in answer.stdout
    assert "s3cretly" not in answer.stdout


# With a broker


def asked(*args: object) -> Namespace:
    return parse([str(arg) for arg in args])


def test_the_rows_of_the_broker_come_last_and_count(
    installation: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[tuple[str, Path, bool]] = []

    def broker(settings: Settings, places: Places, live: bool) -> Iterable[Check]:  # noqa: FBT001 - the form of the seam
        seen.append((settings.broker.name, places.folder, live))
        yield Check("account", Verdict.OK, "PA1, options level 3.")
        yield Check("uncovered calls", Verdict.FAIL, "refused by s3cretly.", "Use ibkr.")

    args = asked(
        *("--live", "--json", "--data-dir", data),
        *("--set", "broker.api_key=PK1", "--set", "broker.api_secret=s3cretly"),
    )
    assert run(args, installation, broker) == 3
    assert seen == [("alpaca", data, True)]
    rows = json.loads(capsys.readouterr().out)["checks"]
    assert [row["name"] for row in rows[-2:]] == ["account", "uncovered calls"]
    assert rows[-1]["found"] == "refused by [hidden]."


def test_a_broker_that_cannot_be_reached_is_one_row_and_the_others_stay(
    installation: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def broker(settings: Settings, places: Places, live: bool) -> Iterable[Check]:  # noqa: FBT001 - the form of the seam
        yield Check("lost", Verdict.OK, "what was said before the failure.")
        raise RetryLater(f"no answer from {settings.broker.name} ({places.folder}, {live})")

    assert run(asked("--data-dir", data), installation, broker) == 3
    told = capsys.readouterr().out
    assert f"fail  broker: no answer from alpaca ({data}, False)." in told
    assert "ok    calendar: " in told


def test_the_exchange_inside_the_program_needs_no_asking(tmp_path: Path, data: Path) -> None:
    settings = Settings.defaults().changed("broker.name=simulated")
    rows = examine(settings, places_of(settings, tmp_path, data), live=False)
    assert rows[-1] == Check(
        "broker", Verdict.OK, "the exchange inside this program is always there."
    )


@pytest.mark.parametrize(
    ("overrides", "environ", "faults"),
    [
        ((), {}, ["mode", "account named"]),
        (("broker.paper_trading=false",), {}, ["account named"]),
        (("broker.paper_trading=false",), {"LIVE_ACCOUNT_ID": "U1"}, []),
        (
            ("broker.paper_trading=false", "broker.alpaca.feed=indicative"),
            {"LIVE_ACCOUNT_ID": "U1"},
            ["quotes"],
        ),
        (
            ("broker.paper_trading=false", "broker.name=simulated"),
            {"LIVE_ACCOUNT_ID": "U1"},
            ["quotes"],
        ),
    ],
)
def test_a_live_day_needs_more(
    overrides: tuple[str, ...], environ: dict[str, str], faults: list[str]
) -> None:
    rows = live_rows(Settings.defaults().changed(*overrides), environ)
    assert [row.name for row in rows if row.verdict is Verdict.FAIL] == faults
    assert all(row.mend for row in rows if row.verdict is Verdict.FAIL)


@pytest.mark.parametrize("data_dir", [None, "elsewhere"])
def test_the_doctor_looks_where_the_program_writes(tmp_path: Path, data_dir: str | None) -> None:
    folder = tmp_path / data_dir if data_dir else None
    places = places_of(Settings.defaults(), tmp_path, folder)
    if folder:
        assert places == Places(
            tmp_path, folder, folder / "trades.db", folder / "logs" / "trading.log"
        )
    else:
        data = tmp_path / "data"
        assert places == Places(
            tmp_path, data, data / "trades.db", tmp_path / "logs" / "trading.log"
        )


def test_the_doctor_leaves_the_running_day_its_place_at_tws(tmp_path: Path) -> None:
    with FakeTws() as server:
        running = IbkrLink("127.0.0.1", server.port, 17, "", paper=True, patience=lambda: 5.0)
        try:
            running.ready()
            settings = Settings.defaults().changed(
                "broker.name=ibkr", f"broker.ibkr.port={server.port}"
            )
            places = places_of(settings, tmp_path, tmp_path)
            rows = {each.name: each for each in broker_checks(settings, places, False)}  # noqa: FBT003 - the form of the seam
        finally:
            running.close()
    assert rows["connection"].verdict is Verdict.OK
    assert "client 18" in rows["connection"].found
