"""Each message to each channel, once, whatever happens on the way."""

import sqlite3
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from src.channels import Channel
from src.courier import Courier, Outbox
from src.database import Store, open_database
from src.day_record import DayRecord
from src.messages import Message
from src.outbox import CALM_SMS, GATHER, LASTING_PAUSE, NEWS, REPEAT, Answer, Parcel
from src.ports import Level
from tests.fakes.builders import DAY
from tests.fakes.letters import AWAY, EMAIL, NOW, REFUSED, SLACK, SMS, Postman, put_up

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def store() -> Store:
    return Store(open_database(None))


@pytest.fixture
def postman() -> Postman:
    return Postman()


def _message(title: str) -> Message:
    return Message(Level.WARNING, title, "It is.", "It goes on.")


class Office:
    """The couriers of some channels, as one process has them, and what they say."""

    def __init__(self, store: Store, postman: Postman, channels: Sequence[Channel]) -> None:
        self.said: list[str] = []
        self.couriers = [
            Courier(Outbox(store, DAY, channels), each, postman, self.said.append)
            for each in channels
        ]

    def step(self, after: timedelta = GATHER, *, hurry: bool = False) -> None:
        for each in self.couriers:
            each.step(NOW + after, hurry=hurry)


def an_office(store: Store, postman: Postman, *channels: Channel) -> Office:
    office = Office(store, postman, channels or (EMAIL,))
    office.step(timedelta(0))
    return office


def test_a_message_is_taken_once(store: Store, postman: Postman) -> None:
    put_up(store, "opened", Level.ENTERED)
    office = an_office(store, postman)
    assert postman.titles() == [], "it waits for more"
    for seconds in range(3, 60):
        office.step(seconds * SECOND)
    assert postman.titles() == ["opened"]
    assert store.read("SELECT delivered_at FROM notifications").fetchone()[0] is not None


def test_what_is_urgent_does_not_wait_and_takes_along_what_does(
    store: Store, postman: Postman
) -> None:
    put_up(store, "opened", Level.ENTERED)
    put_up(store, "loss", Level.URGENT)
    an_office(store, postman)
    assert [parcel.title for _, parcel in postman.taken] == [
        "optionsarbitrage: 2 messages, URGENT: loss"
    ]


def test_every_channel_is_told_once_and_sms_only_what_is_urgent(
    store: Store, postman: Postman
) -> None:
    put_up(store, "opened", Level.ENTERED)
    put_up(store, "loss", Level.URGENT)
    office = an_office(store, postman, EMAIL, SLACK, SMS)
    office.step(HOUR)
    assert postman.titles(EMAIL) == postman.titles(SLACK) == ["opened", "loss"]
    assert postman.titles(SMS) == ["loss"]


def test_a_dead_channel_delays_no_other_and_the_others_hear_nothing_twice(
    store: Store, postman: Postman
) -> None:
    postman.answers["email"] = [AWAY]
    office = an_office(store, postman, EMAIL, SLACK)
    for number in range(5):
        put_up(store, f"message {number}")
        office.step((10 + 60 * number) * SECOND)
        office.step((40 + 60 * number) * SECOND)
    assert postman.titles(SLACK) == [f"message {number}" for number in range(5)]
    assert postman.titles(EMAIL) == []
    postman.answers["email"] = []
    office.step(HOUR)
    assert postman.titles(EMAIL) == [f"message {number}" for number in range(5)]
    assert len(postman.titles(SLACK)) == 5


def test_an_hour_without_network_costs_a_few_tries_and_no_message(
    store: Store, postman: Postman
) -> None:
    postman.answers["email"] = [AWAY]
    office = an_office(store, postman)
    for minute in range(60):
        if minute % 20 == 0:
            put_up(store, f"at {minute}")
        office.step(minute * MINUTE + 10 * SECOND)
        office.step(minute * MINUTE + 40 * SECOND)
    assert 5 <= len(postman.tried) <= 12
    assert office.said == [
        "Messages by email: there is no network. 1 message waits and is tried again."
    ], "once, and not each time"
    postman.answers["email"] = []
    office.step(HOUR + 11 * MINUTE)
    assert len(postman.taken) == 1, "one message about all of them"
    assert postman.titles() == ["at 0", "at 20", "at 40"]
    assert office.said[1:] == ["Messages by email arrive again."]


def test_what_only_a_person_can_mend_is_tried_twice_an_hour(store: Store, postman: Postman) -> None:
    postman.answers["email"] = [REFUSED]
    put_up(store, "opened")
    office = an_office(store, postman)
    for minute in range(60):
        office.step(minute * MINUTE + 10 * SECOND)
    assert len(postman.tried) == 2
    assert len(office.said) == 1
    assert timedelta(minutes=30) == LASTING_PAUSE


def test_a_burst_of_urgent_messages_is_few_sms(store: Store, postman: Postman) -> None:
    office = an_office(store, postman, SMS)
    for second in range(0, 120, 10):
        put_up(store, f"at {second}", Level.URGENT)
        office.step(second * SECOND)
    office.step(CALM_SMS)
    assert [len(parcel.letters) for _, parcel in postman.taken] == [1, 11]


def test_in_a_hurry_nothing_waits(store: Store, postman: Postman) -> None:
    put_up(store, "first")
    office = an_office(store, postman)
    office.step(hurry=True)
    put_up(store, "second")
    office.step(hurry=True)
    assert postman.titles() == ["first", "second"]


def test_a_page_goes_by_email_as_a_page_and_to_others_as_text(
    store: Store, postman: Postman
) -> None:
    put_up(store, "result", Level.SUMMARY, html="<p>The day</p>")
    an_office(store, postman, EMAIL, SLACK).step()
    assert [(name, parcel.html) for name, parcel in postman.taken] == [
        ("email", "<p>The day</p>"),
        ("slack_webhook", ""),
    ]


# Whom it is for.


def test_a_channel_that_is_added_later_hears_nothing_that_others_have_heard(
    store: Store, postman: Postman
) -> None:
    put_up(store, "opened")
    an_office(store, postman, EMAIL).step()
    put_up(store, "closed")
    an_office(store, postman, EMAIL, SLACK).step(MINUTE)
    assert postman.titles(EMAIL) == ["opened", "closed"]
    assert postman.titles(SLACK) == ["closed"]


def test_what_a_channel_never_took_goes_to_the_one_that_replaces_it(
    store: Store, postman: Postman
) -> None:
    postman.answers["email"] = [REFUSED]
    put_up(store, "opened")
    an_office(store, postman, EMAIL).step()
    an_office(store, postman, SLACK).step(MINUTE)
    assert postman.titles(SLACK) == ["opened"]


def test_messages_of_other_days_wait_over_a_long_weekend_and_then_are_given_up(
    store: Store, postman: Postman
) -> None:
    old, older = DAY - NEWS, DAY - NEWS - timedelta(days=1)
    postman.answers["email"] = [AWAY]
    for day in (older, old):
        record = DayRecord(store, day)
        record.notify(NOW, _message(str(day)))
        store.commit()
        Courier(Outbox(store, day, (EMAIL,)), EMAIL, postman, print).step(NOW, hurry=True)
    postman.answers["email"] = []
    for _ in range(2):
        office = an_office(store, postman)
        office.step(HOUR)
    assert postman.titles() == [str(old)]
    office = an_office(store, postman)
    assert office.said == [], "told by the first start only"
    (why,) = store.read("SELECT last_error FROM deliveries WHERE delivered_at IS NULL").fetchone()
    assert why == "given up: there is no network"


def test_what_is_given_up_is_said(store: Store, postman: Postman) -> None:
    day = DAY - NEWS - timedelta(days=1)
    DayRecord(store, day).notify(NOW, _message("old"))
    store.commit()
    postman.answers["email"] = [AWAY]
    Courier(Outbox(store, day, (EMAIL,)), EMAIL, postman, print).step(NOW, hurry=True)
    (said,) = an_office(store, postman).said
    assert said == (
        "Messages by email: 1 message older than 4 days could not be delivered and is given up; "
        "the daily reports have them."
    )


def test_what_part_of_the_receivers_took_is_not_sent_again_and_is_told(
    store: Store, postman: Postman
) -> None:
    words = "not everybody received it, for the mailbox is full (552)"
    postman.answers["email"] = [Answer(is_taken=True, words=words, mend="Make room in it.")]
    put_up(store, "opened")
    office = an_office(store, postman)
    office.step()
    office.step(HOUR)
    assert len(postman.tried) == 1
    assert office.said == [f"Messages by email: {words}. Make room in it."]


# Crashes and doubts.


class Death(BaseException):
    """The process ends here."""


def test_a_message_whose_sending_a_crash_interrupted_is_sent_as_a_possible_repeat(
    store: Store, postman: Postman
) -> None:
    put_up(store, "opened")

    def die(channel: Channel, parcel: Parcel) -> Answer:
        del channel, parcel
        raise Death

    courier = Courier(Outbox(store, DAY, (EMAIL,)), EMAIL, die, print)
    with pytest.raises(Death):
        courier.step(NOW, hurry=True)
    an_office(store, postman).step()
    (_, parcel) = postman.taken[0]
    assert parcel.text.endswith(REPEAT)


def test_a_message_that_waited_at_a_crash_is_no_repeat(store: Store, postman: Postman) -> None:
    postman.answers["email"] = [AWAY]
    put_up(store, "opened")
    an_office(store, postman).step()
    postman.answers["email"] = []
    an_office(store, postman).step(HOUR)
    assert REPEAT not in postman.taken[0][1].text


def test_an_answer_that_was_not_heard_makes_the_next_try_a_possible_repeat(
    store: Store, postman: Postman
) -> None:
    lost = Answer(is_taken=False, words="its server did not answer in time", is_in_doubt=True)
    postman.answers["email"] = [lost, AWAY, Answer(is_taken=True)]
    put_up(store, "opened")
    office = an_office(store, postman)
    for minutes in (0, 1, 2):
        office.step(GATHER + minutes * MINUTE)
    assert REPEAT in postman.taken[0][1].text


def test_what_was_taken_while_the_database_was_locked_is_not_sent_again(
    tmp_path: Path, postman: Postman
) -> None:
    path = tmp_path / "trades.db"
    store, other = Store(open_database(path)), sqlite3.connect(path, isolation_level=None)
    put_up(store, "opened")
    store.connection.execute("PRAGMA busy_timeout = 10")

    def take_and_lock(channel: Channel, parcel: Parcel) -> Answer:
        other.execute("BEGIN IMMEDIATE")
        return postman(channel, parcel)

    courier = Courier(Outbox(store, DAY, (EMAIL,)), EMAIL, take_and_lock, print)
    for _ in range(3):
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            courier.step(NOW, hurry=True)
        store.rollback()
    other.execute("ROLLBACK")
    assert courier.step(NOW + HOUR, hurry=True) is None
    assert postman.titles() == ["opened"]
    assert store.read("SELECT delivered_at FROM deliveries").fetchone()[0] == NOW.isoformat()
    other.close()


def test_nothing_is_sent_before_it_is_committed_that_it_is_being_sent(
    tmp_path: Path, postman: Postman
) -> None:
    path = tmp_path / "trades.db"
    store, other = Store(open_database(path)), sqlite3.connect(path, isolation_level=None)
    put_up(store, "opened")
    courier = Courier(Outbox(store, DAY, (EMAIL,)), EMAIL, postman, print)
    courier.step(NOW)  # it is known by now, and waits for more
    store.connection.execute("PRAGMA busy_timeout = 10")
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        courier.step(NOW, hurry=True)
    assert postman.tried == []
    other.execute("ROLLBACK")
    other.close()


def test_a_reader_who_looks_for_long_delays_no_message(tmp_path: Path, postman: Postman) -> None:
    path = tmp_path / "trades.db"
    store, reader = Store(open_database(path)), sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM notifications").fetchone()
    put_up(store, "opened")
    an_office(store, postman).step()
    assert postman.titles() == ["opened"]
    reader.close()


def test_five_hundred_messages_are_one(store: Store, postman: Postman) -> None:
    for number in range(500):
        put_up(store, f"message {number}")
    an_office(store, postman).step()
    ((_, parcel),) = postman.taken
    assert len(parcel.letters) == 500
    left = store.read("SELECT count(*) FROM deliveries WHERE delivered_at IS NULL").fetchone()[0]
    assert left == 0
