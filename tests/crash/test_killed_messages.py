"""The real process, killed between putting a message up and sending it, and while it is sent."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from src.database import open_database
from src.outbox import REPEAT
from tests.fakes.web_services import Services, some_services

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
PROJECT = Path(__file__).resolve().parents[2]
PROCESS = """
import os, signal, sys
from datetime import date, datetime
from pathlib import Path
from pydantic import SecretStr
from src.channels import Channel
from src.database import Store, open_database
from src.day_record import DayRecord
from src.messages import daily_loss
from src.models import NEW_YORK
from utils.post import Post

path, address, life = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
day = date(2026, 3, 9)
store = Store(open_database(path))
record = DayRecord(store, day)
if life != "starts again":
    record.notify(datetime(2026, 3, 9, 10, tzinfo=NEW_YORK), daily_loss("the loss is $1,012.00"))
if life == "dies before the commit":
    os.kill(os.getpid(), signal.SIGKILL)
store.commit()
if life == "dies before it is sent":
    os.kill(os.getpid(), signal.SIGKILL)
with Post(path, day, [Channel("other 1", SecretStr(address))], print) as post:
    post.wake()
print("ended")
"""


def start(path: Path, services: Services, life: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", PROCESS, str(path), services.webhook, life],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
    )


def lives(path: Path, services: Services, life: str) -> int:
    """Let a process live its life to its end, and return its exit code."""
    with start(path, services, life) as process:
        told, complained = process.communicate(timeout=60)
    assert ("ended" in told) == (process.returncode == 0), complained
    return process.returncode


def test_a_message_that_was_committed_before_the_kill_is_sent_by_the_next_start_once(
    tmp_path: Path,
) -> None:
    path = tmp_path / "trades.db"
    with some_services() as services:
        assert lives(path, services, "dies before it is sent") == -signal.SIGKILL
        assert services.posted == []
        for _ in range(2):
            assert lives(path, services, "starts again") == 0
        assert services.titles() == ["optionsarbitrage: URGENT: Daily loss limit"]
        assert REPEAT not in services.posted[0].body["message"]


def test_a_message_that_was_not_committed_was_never_put_up(tmp_path: Path) -> None:
    path = tmp_path / "trades.db"
    with some_services() as services:
        assert lives(path, services, "dies before the commit") == -signal.SIGKILL
        assert lives(path, services, "starts again") == 0
        assert services.posted == []


def test_a_message_whose_sending_was_killed_is_sent_again_and_says_that_it_may_be_a_repeat(
    tmp_path: Path,
) -> None:
    path = tmp_path / "trades.db"
    with some_services() as services:
        services.hangs = True
        with start(path, services, "sends it") as process:
            assert services.arrived.wait(60), "the server has it, and has not said so"
            process.kill()
            process.communicate(timeout=60)
        services.hangs = False
        services.let_go.set()
        for _ in range(2):
            assert lives(path, services, "starts again") == 0
        first, second = services.posted
        assert REPEAT not in first.body["message"]
        assert second.body["message"].endswith(REPEAT)
    connection = open_database(path)
    assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    connection.close()
