import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from src.ports import RetryLater
from utils.notifications import AppriseNotifier

PROJECT = Path(__file__).resolve().parents[2]
# The library asks for a module of Python's that is going away, to look at pictures.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


DEAD = "json://user:topsecret@127.0.0.1:1/topsecret/"
"""An address with a password, at a port at which nobody listens."""


class Mailbox(HTTPServer):
    """A server on this machine that takes one message and closes."""

    timeout = 10

    def __init__(self, status: int) -> None:
        self.status = status
        self.messages: list[dict[str, str]] = []
        super().__init__(("127.0.0.1", 0), Post)


class Post(BaseHTTPRequestHandler):
    server: Mailbox

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.messages.append(json.loads(body))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing: a test's output is its result."""


@contextmanager
def a_mailbox(status: int = 200) -> Iterator[Mailbox]:
    with Mailbox(status) as mailbox:
        thread = threading.Thread(target=mailbox.handle_request)
        thread.start()
        yield mailbox
        thread.join()


def test_without_addresses_nothing_is_sent_and_nothing_is_loaded() -> None:
    ask = (
        "import sys; from utils.notifications import AppriseNotifier;"
        "AppriseNotifier(()).send('title', 'text'); print('apprise' in sys.modules)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", ask], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "False"


def test_a_message_is_really_delivered() -> None:
    with a_mailbox() as mailbox:
        AppriseNotifier([f"json://127.0.0.1:{mailbox.server_port}/"]).send("Closed", "+$637.85")
    assert [(each["title"], each["message"]) for each in mailbox.messages] == [
        ("Closed", "+$637.85")
    ]


def test_a_message_goes_to_every_address_and_one_that_fails_is_told() -> None:
    with a_mailbox() as mailbox:
        addresses = [DEAD, f"json://127.0.0.1:{mailbox.server_port}/"]
        with pytest.raises(RetryLater, match="could not be delivered"):
            AppriseNotifier(addresses).send("Closed", "+$637.85")
    assert len(mailbox.messages) == 1


def test_a_message_that_the_other_side_does_not_take_waits_for_another_time() -> None:
    with a_mailbox(status=500) as mailbox, pytest.raises(RetryLater):
        AppriseNotifier([f"json://127.0.0.1:{mailbox.server_port}/"]).send("Closed", "+$637.85")


@pytest.mark.parametrize("address", ["nonsense://topsecret@host", "topsecret", DEAD])
def test_an_address_that_fails_is_shown_neither_in_the_error_nor_in_the_log(
    address: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(RetryLater) as failure:
        AppriseNotifier([address]).send("Closed", "+$637.85")
    assert "topsecret" not in str(failure.value)
    assert "topsecret" not in caplog.text


def test_an_address_that_is_no_address_is_named_by_its_number() -> None:
    with pytest.raises(RetryLater, match=r"no\. 1 "):
        AppriseNotifier(["nonsense://topsecret@host"]).send("Closed", "+$637.85")
