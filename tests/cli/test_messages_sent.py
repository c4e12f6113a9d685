"""What reaches a person who does not look: the program itself, at a broker, with a webhook."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.last_words import send_last_words
from src.ports import MendInput, RetryLater, StopTrading
from src.settings import Settings
from tests.cli.player import wait_for
from tests.fakes.broker_places import at_tws, ran, surroundings
from tests.fakes.builders import at
from tests.fakes.rehearsal import DAY, PROJECT
from tests.fakes.trading_desk import Desk
from tests.fakes.web_services import Services, some_services
from utils import machine_checks
from utils.instance_lock import only_instance
from utils.market_calendar import MarketCalendar
from utils.market_clock import WallClock

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


@pytest.fixture
def services() -> Iterator[Services]:
    with some_services() as running:
        yield running


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    for day in (DAY, WallClock().now().date()):
        machine_checks.calendar(day, MarketCalendar(folder))
    return folder


def told_to(*services: Services) -> dict[str, str]:
    return {"OPTIONSARB_NOTIFICATIONS__OTHER": " ".join(each.webhook for each in services)}


def texts(services: Services) -> str:
    return "\n".join(f"{each.body['title']}: {each.body['message']}" for each in services.posted)


def test_a_day_at_a_broker_tells_what_it_does_and_how_it_ended(
    data: Path, services: Services
) -> None:
    with at_tws() as place:
        entered = ran(place.command(data, "09:40", 20.0, "--once"), data, told_to(services))
        assert "Entry FILLED" in entered.stdout, entered.stdout + entered.stderr
        (opened,) = services.posted
        assert opened.body["title"] == "optionsarbitrage: opened 2026-06-01-1"
        assert opened.body["message"].startswith("Entry FILLED: short 20 SPY ")
        assert opened.body["message"].endswith("You need not do anything.")
        # Nobody answers any more, and the program is asked to end while it waits.
        with socket.socket() as shut:
            shut.bind(("127.0.0.1", 0))
            away = ("--set", f"broker.ibkr.port={shut.getsockname()[1]}")
            command = place.command(data, "09:45", 1.0, *away)
            with subprocess.Popen(
                command,
                cwd=PROJECT,
                env=surroundings(data, told_to(services)),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            ) as program:
                wait_for(program, "POSITION IS OPEN")
                program.send_signal(signal.SIGTERM)
                told, complained = program.communicate(timeout=60)
        assert program.returncode == 130, complained
    last = services.posted[-1].body
    assert last["title"].startswith("optionsarbitrage: URGENT: The program ended at 09:45")
    assert "A POSITION IS OPEN and stays recorded (2026-06-01-1" in last["message"]
    assert "Nobody watches the position until it is started again." in last["message"]
    log = (data / "logs" / "trading.log").read_text(encoding="utf-8")
    for text in (entered.stdout, entered.stderr, told, complained, log, texts(services)):
        assert "topsecret" not in text


def test_a_channel_that_is_gone_is_said_once_and_ends_no_day(
    data: Path, services: Services
) -> None:
    services.status = 404
    with at_tws() as place:
        entered = ran(place.command(data, "09:40", 20.0, "--once"), data, told_to(services))
    assert entered.returncode == 0
    assert entered.stdout.count("the address does not exist any more (404)") == 1
    assert "Still waiting to be sent: 1 message by other 1. The next start sends them." in (
        entered.stdout
    )
    assert "topsecret" not in entered.stdout + entered.stderr


def test_a_broker_that_is_not_reached_is_a_message(data: Path, services: Services) -> None:
    with at_tws() as place, socket.socket() as shut:
        shut.bind(("127.0.0.1", 0))
        away = ("--set", f"broker.ibkr.port={shut.getsockname()[1]}")
        answer = ran(place.command(data, "09:40", 1.0, *away), data, told_to(services))
    assert answer.returncode == 4
    (posted,) = services.posted
    assert posted.body["title"] == "optionsarbitrage: ERROR: The program ended at 09:40"
    assert "No position is open. Nothing is traded until it is started" in posted.body["message"]


# What ends the program.


def wanted(services: Services) -> Settings:
    return Settings.defaults().changed(f"notifications.other={services.webhook}")


def a_position(folder: Path) -> Path:
    desk = Desk(folder)
    desk.enter()
    desk.store.connection.close()
    return folder / "trades.db"


@pytest.mark.parametrize("error", [MendInput("no keys."), StopTrading("refused."), KeyError("x")])
def test_every_end_with_a_position_open_is_urgent(
    tmp_path: Path, services: Services, error: Exception
) -> None:
    database = a_position(tmp_path)
    send_last_words(error, wanted(services), database, at("11:03"), str)
    (posted,) = services.posted
    assert posted.body["title"] == "optionsarbitrage: URGENT: The program ended at 11:03"


@pytest.mark.parametrize(
    ("error", "number"),
    [(MendInput("x."), 0), (StopTrading("x."), 0), (RetryLater("x."), 1), (KeyError("x"), 1)],
)
def test_without_a_position_only_faults_and_a_broker_out_of_reach_are_told(
    tmp_path: Path, services: Services, error: Exception, number: int
) -> None:
    desk = Desk(tmp_path)
    desk.store.connection.close()
    send_last_words(error, wanted(services), tmp_path / "trades.db", at("11:03"), str)
    assert [each.split(":")[1] for each in services.titles()] == [" ERROR"] * number


def test_a_key_that_a_server_has_repeated_is_not_sent_on(
    tmp_path: Path, services: Services
) -> None:
    settings = wanted(services).changed(
        "broker.api_secret=s3cretly", f"notifications.other={services.webhook}"
    )
    error = RetryLater("the server says: the key s3cretly is wrong.")
    send_last_words(error, settings, a_position(tmp_path), at("11:03"), str)
    assert "the key [hidden] is wrong." in texts(services)


def test_the_same_end_again_and_again_is_one_message_an_hour(
    tmp_path: Path, services: Services
) -> None:
    database = a_position(tmp_path)
    for moment in ("11:03", "11:04", "12:00"):
        send_last_words(StopTrading("refused."), wanted(services), database, at(moment), str)
    assert len(services.posted) == 2


def test_an_end_is_no_news_while_another_process_is_at_work(
    tmp_path: Path, services: Services
) -> None:
    database = a_position(tmp_path)
    with only_instance(tmp_path):
        send_last_words(StopTrading("busy."), wanted(services), database, at("11:03"), str)
    assert services.posted == []


def test_where_nothing_was_ever_recorded_nothing_is_made(
    tmp_path: Path, services: Services
) -> None:
    send_last_words(KeyError("x"), wanted(services), tmp_path / "trades.db", at("11:03"), str)
    assert list(tmp_path.iterdir()) == []


def test_a_record_that_cannot_be_read_is_said_and_hides_nothing(
    tmp_path: Path, services: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    database = tmp_path / "trades.db"
    database.write_text("no database" * 100)
    send_last_words(KeyError("x"), wanted(services), database, at("11:03"), str)
    assert "No message about it could be put up" in capsys.readouterr().err


# The doctor.


def test_the_doctor_sends_a_test_through_every_channel_and_says_how_each_did(
    tmp_path: Path, services: Services
) -> None:
    with some_services() as gone:
        gone.status = 404
        environ = {"PATH": os.environ.get("PATH", ""), **told_to(services, gone)}
        command = [sys.executable, "scripts/doctor.py", "--notify", "--data-dir", str(tmp_path)]
        plain, as_json = (
            subprocess.run(
                [*command, *more],
                cwd=PROJECT,
                env=environ,
                capture_output=True,
                text=True,
                check=False,
            )
            for more in ((), ("--json",))
        )
    assert (plain.returncode, plain.stderr) == (3, "")
    assert "ok    notifications: other 1, other 2.\n" in plain.stdout
    assert "ok    notify other 1: a test was taken; see that it has arrived.\n" in plain.stdout
    assert (
        "fail  notify other 2: the address does not exist any more (404).\n"
        "      Make a new webhook, and put it into .env.\n"
    ) in plain.stdout
    rows = {each["name"]: each["verdict"] for each in json.loads(as_json.stdout)["checks"]}
    assert (rows["notify other 1"], rows["notify other 2"]) == ("ok", "fail")
    assert services.titles() == ["optionsarbitrage: a test"] * 2
    assert "topsecret" not in plain.stdout + as_json.stdout


def test_without_notify_the_doctor_sends_nothing(tmp_path: Path, services: Services) -> None:
    shutil.rmtree(tmp_path)
    environ = {"PATH": os.environ.get("PATH", ""), **told_to(services)}
    command = [sys.executable, "scripts/doctor.py", "--data-dir", str(tmp_path)]
    subprocess.run(command, cwd=PROJECT, env=environ, capture_output=True, check=False)
    assert services.posted == []
    assert not tmp_path.exists()
