"""Messages leave beside the day: threads, a real database, and servers that hang or are away."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from src.channels import Channel
from src.database import Store, open_database
from src.outbox import Answer, Parcel
from src.ports import Level
from tests.fakes.builders import DAY
from tests.fakes.days import PlayedDay, levels
from tests.fakes.letters import AWAY, EMAIL, SLACK, Postman, put_up
from tests.fakes.web_services import some_services
from utils.post import Ending, Post

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
LONG = 10.0
"""Seconds after which a test gives up waiting for what takes a moment."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "trades.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    opened = Store(open_database(path))
    yield opened
    opened.connection.close()


def soon(is_so: Callable[[], object]) -> bool:
    """Return whether something comes true within a while."""
    end = time.monotonic() + LONG
    while not is_so() and time.monotonic() < end:
        time.sleep(0.01)
    return bool(is_so())


class Hanging:
    """Takes parcels of other channels; one for e-mail it keeps until it is let go."""

    def __init__(self) -> None:
        self.postman = Postman()
        self.is_asked, self.let_go = threading.Event(), threading.Event()

    def __call__(self, channel: Channel, parcel: Parcel) -> Answer:
        if channel.name == "email":
            self.is_asked.set()
            self.let_go.wait(LONG)
        return self.postman(channel, parcel)


@contextmanager
def hanging() -> Iterator[Hanging]:
    channel = Hanging()
    yield channel
    channel.let_go.set()


def test_what_is_put_up_while_it_runs_is_sent_when_it_is_woken(path: Path, store: Store) -> None:
    postman = Postman()
    with Post(path, DAY, (EMAIL,), print, postman) as post:
        put_up(store, "loss", Level.URGENT)
        post.wake()
        assert soon(postman.titles)
    assert postman.titles() == ["loss"]


def test_what_waits_is_sent_at_the_end_without_waiting_for_more(path: Path, store: Store) -> None:
    said: list[str] = []
    postman = Postman()
    start = time.monotonic()
    with Post(path, DAY, (EMAIL, SLACK), said.append, postman):
        put_up(store, "opened", Level.ENTERED)
    assert time.monotonic() - start < LONG
    assert postman.titles(EMAIL) == postman.titles(SLACK) == ["opened"]
    assert said == []


def test_what_an_earlier_process_left_is_sent_at_the_next_start(path: Path, store: Store) -> None:
    put_up(store, "loss", Level.URGENT)
    postman = Postman()
    with Post(path, DAY, (EMAIL,), print, postman):
        assert soon(postman.titles)


def test_a_channel_that_hangs_delays_no_other_and_the_end_only_so_long(
    path: Path, store: Store
) -> None:
    said: list[str] = []
    with hanging() as send:
        start = time.monotonic()
        with Post(path, DAY, (EMAIL, SLACK), said.append, send, ending=Ending(0.3)) as post:
            put_up(store, "loss", Level.URGENT)
            post.wake()
            assert send.is_asked.wait(LONG)
            assert soon(lambda: send.postman.titles(SLACK))
        assert time.monotonic() - start < LONG
    assert said == ["Still waiting to be sent: 1 message by email. The next start sends them."]


def test_what_fails_at_the_end_is_tried_twice_and_left_for_the_next_start(
    path: Path, store: Store
) -> None:
    said: list[str] = []
    postman = Postman(answers={"email": [AWAY]})
    with Post(path, DAY, (EMAIL,), said.append, postman, Ending(between_tries=0.01)):
        put_up(store, "opened")
        put_up(store, "closed")
    assert len(postman.tried) == 2
    assert said == [
        "Messages by email: there is no network. 2 messages wait and are tried again.",
        "Still waiting to be sent: 2 messages by email. The next start sends them.",
    ]
    again = Postman()
    with Post(path, DAY, (EMAIL,), said.append, again):
        pass
    assert again.titles() == ["opened", "closed"]


def test_a_fault_in_sending_ends_no_day_and_is_told(path: Path, store: Store) -> None:
    def fall_over(channel: Channel, parcel: Parcel) -> Answer:
        raise ValueError(f"{channel} {parcel}")

    said: list[str] = []
    put_up(store, "loss", Level.URGENT)
    with Post(path, DAY, (EMAIL,), said.append, fall_over) as post:
        assert soon(lambda: said)
        post.wake()
    assert "have stopped by a fault of the program (ValueError)" in said[0]
    assert "topsecret" not in "".join(said)


def test_a_database_that_somebody_locks_delays_a_message_and_loses_none(
    path: Path, store: Store
) -> None:
    put_up(store, "loss", Level.URGENT)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    postman = Postman()
    with Post(path, DAY, (EMAIL,), print, postman):
        time.sleep(0.1)
        assert postman.tried == []
        other.execute("ROLLBACK")
        other.close()
        assert soon(postman.titles)


def test_a_tick_takes_as_long_whether_or_not_a_channel_hangs(tmp_path: Path) -> None:
    def seconds_of_a_day(folder: Path, post: Post | None) -> tuple[float, list[object]]:
        day = PlayedDay(folder, notifier=post)
        day.happen["11:02"] = levels(611.0, 6110.0)
        start = time.process_time()
        day.run()
        took = time.process_time() - start
        told = day.column("SELECT title FROM notifications ORDER BY id")
        day.store.connection.close()
        return took, told

    (tmp_path / "without").mkdir()
    (tmp_path / "with").mkdir()
    alone, expected = seconds_of_a_day(tmp_path / "without", None)
    with hanging() as send:
        path = tmp_path / "with" / "trades.db"
        store = Store(open_database(path))
        put_up(store, "from before", Level.URGENT)
        store.connection.close()
        with Post(path, DAY, (EMAIL,), print, send, ending=Ending(0.1)) as post:
            assert send.is_asked.wait(LONG)
            beside, told = seconds_of_a_day(tmp_path / "with", post)
            assert not send.let_go.is_set(), "it hung all day"
    assert told == ["from before", *expected]
    assert beside < 2 * alone + 1.0


def test_a_wake_costs_the_tick_nothing(path: Path, store: Store) -> None:
    del store
    with hanging() as send, Post(path, DAY, (EMAIL,), print, send, ending=Ending(0.1)) as post:
        start = time.process_time()
        for _ in range(1000):
            post.wake()
        assert time.process_time() - start < 0.5


def test_without_channels_there_is_no_thread(path: Path) -> None:
    before = threading.active_count()
    with Post(path, DAY, (), print):
        assert threading.active_count() == before
    assert not path.exists()


def test_messages_reach_a_real_webhook_once_and_a_dead_one_waits(path: Path, store: Store) -> None:
    said: list[str] = []
    with some_services() as live, some_services() as dead:
        dead.status = 404
        channels = tuple(
            Channel(name, SecretStr(each.webhook))
            for name, each in (("other 1", live), ("other 2", dead))
        )
        with Post(path, DAY, channels, said.append, ending=Ending(between_tries=0.01)) as post:
            put_up(store, "Daily loss limit", Level.URGENT)
            post.wake()
            assert soon(lambda: live.posted and dead.posted)
            put_up(store, "opened", Level.ENTERED)
            post.wake()
    assert live.titles() == [
        "optionsarbitrage: URGENT: Daily loss limit",
        "optionsarbitrage: opened",
    ]
    assert said[0] == (
        "Messages by other 2: the address does not exist any more (404). 1 message waits and is "
        "tried again. Make a new webhook, and put it into .env."
    )
    assert said[1:] == [
        "Still waiting to be sent: 2 messages by other 2. The next start sends them."
    ]
    assert "topsecret" not in "".join(said)
