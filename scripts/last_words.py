"""Who sends the messages of a day at a broker, and what is sent when the program ends too early."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path

from src import messages
from src.channels import Channel, channels
from src.database import Store, open_database
from src.day_record import DayRecord
from src.journal import Journal
from src.outbox import Answer, Parcel
from src.ports import MendInput, Notifier, StopTrading
from src.settings import KEYS, Settings
from utils.console import FAILED, UNREACHABLE, complain, exit_code, sentence
from utils.instance_lock import only_instance
from utils.logging_setup import hide

LAST_SECONDS = 15.0
"""How long the end of a program that failed waits for its last message to be taken."""


@contextmanager
def post_of(
    settings: Settings,
    database: Path,
    session: date,
    say: Callable[[str], None],
    most_seconds: float = 60.0,
) -> Iterator[Notifier | None]:
    """Have messages sent while the block lasts; None where no channel is configured.

    At the end of the block at most so many seconds are given to what is left.
    """
    found = channels(settings.notifications)
    if not found:
        yield None
        return
    from utils.notifications import deliver  # noqa: PLC0415 - only for who is told
    from utils.post import Ending, Post  # noqa: PLC0415 - likewise

    secrets = [settings.value(key).get_secret_value() for key in KEYS.fields if KEYS.is_secret(key)]

    def send(channel: Channel, parcel: Parcel) -> Answer:
        # A message may repeat what a server has said, and that the key which it refused.
        title, text, html = (hide(each, secrets) for each in parcel[1:])
        return deliver(channel, Parcel(parcel.letters, title, text, html))

    with Post(database, session, found, say, send, Ending(most_seconds)) as post:
        yield post


def send_last_words(
    error: BaseException,
    settings: Settings,
    database: Path,
    now: datetime,
    hidden: Callable[[str], str],
) -> None:
    """Put up why the program ends, if somebody must hear of it, and try for a while to send it.

    That is so for what was not foreseen, for a broker that is out of reach, and for every end
    while a position is open; not where another process is at work, which watches it. `hidden`
    takes the secrets out of a text. Never raises: what ended the program is told already.
    """
    if not database.exists():
        return
    try:
        with only_instance(database.parent):
            store = Store(open_database(database))
            try:
                _put_up(error, store, now, hidden)
            finally:
                store.connection.close()
            with post_of(settings, database, now.date(), complain, LAST_SECONDS):
                pass
    except StopTrading:
        return
    except (sqlite3.Error, OSError, MendInput) as trouble:
        complain(f"No message about it could be put up ({trouble}).")


def _put_up(
    error: BaseException, store: Store, now: datetime, hidden: Callable[[str], str]
) -> None:
    is_open = any(each.is_open for each in Journal(store, now.date()).positions())
    if not is_open and exit_code(error) not in {FAILED, UNREACHABLE}:
        return
    message = messages.ended_early(hidden(sentence(error)), now, is_open=is_open)
    DayRecord(store, now.date()).notify(now, message)
    store.commit()
