"""Sends what waits in the outbox, one thread for each channel, beside a day that does not wait.

A channel that hangs delays no other channel, no tick and no order.
"""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from src.channels import Channel
from src.courier import Courier, Outbox, Send
from src.database import Store, open_database
from src.models import NEW_YORK
from src.ports import MendInput
from src.words import count
from utils.notifications import deliver

LONGEST_NAP_SECONDS = 30.0
LAST_TRIES = 2
"""How often a failing channel is tried at the end."""
LOCKED_SECONDS = 5.0
"""How soon a database that cannot be used is tried again."""


class Ending(NamedTuple):
    """How many seconds the end waits for what can be sent, and between two tries of one channel."""

    patience: float = 60.0
    after_failure: float = 10.0
    between_tries: float = 3.0


_AS_A_RULE = Ending()
_log = logging.getLogger("optionsarbitrage")


class Post:
    """Serves all channels while the block lasts; at its end sends what it can, and says the rest.

    Only one process may: the one that holds the data directory.
    """

    def __init__(
        self,
        database: Path,
        session: date,
        channels: Sequence[Channel],
        say: Callable[[str], None],
        send: Send = deliver,
        ending: Ending = _AS_A_RULE,
    ) -> None:
        self._say = say
        self._ending = ending
        post = _Desk(database, session, channels, send, say, ending.between_tries)
        self._rounds = [_Round(each, post) for each in channels]

    def __enter__(self) -> Self:
        for each in self._rounds:
            each.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        patience, after_failure, _ = self._ending
        self.close(patience if kind is None else min(patience, after_failure))

    def wake(self) -> None:
        """Take note that a message was put up and committed."""
        for each in self._rounds:
            each.wake()

    def close(self, patience: float) -> None:
        """Send what can be sent within so many seconds, and say what is left."""
        for each in self._rounds:
            each.end()
        deadline = time.monotonic() + patience
        for each in self._rounds:
            each.join(max(0.0, deadline - time.monotonic()))
        left = {each.channel.name: each.left for each in self._rounds if each.left}
        if left:
            parts = ", ".join(
                f"{count(number, 'message')} by {name}" for name, number in left.items()
            )
            self._say(f"Still waiting to be sent: {parts}. The next start sends them.")


class _Desk(NamedTuple):
    """What all channels' threads share: where, about what, by which means, and who is told."""

    database: Path
    session: date
    everyone: Sequence[Channel]
    send: Send
    say: Callable[[str], None]
    between_tries: float


class _Round(threading.Thread):
    """One channel's thread, with a connection of its own. It never keeps the program alive."""

    def __init__(self, channel: Channel, desk: _Desk) -> None:
        super().__init__(name=f"messages by {channel.name}", daemon=True)
        self.channel = channel
        self._desk = desk
        self._news, self._is_ending = threading.Event(), threading.Event()
        self._store: Store | None = None
        self._courier: Courier | None = None

    @property
    def left(self) -> int:
        """How many messages wait, as far as is known."""
        return self._courier.left if self._courier else 0

    def wake(self) -> None:
        self._news.set()

    def end(self) -> None:
        """Let it send what it can, and come to its end."""
        self._is_ending.set()
        self._news.set()

    def run(self) -> None:
        try:
            self._serve()
        except Exception as error:  # noqa: BLE001 - the outermost place of a thread: told, not lost
            _log.error("the details of what ended the messages", exc_info=error)
            self._desk.say(
                f"Messages by {self.channel.name} have stopped by a fault of the program "
                f"({type(error).__name__}); the day goes on, and the next start sends them."
            )
        finally:
            if self._store:  # what it had begun to write would lock the database for the day
                self._store.connection.close()

    def _serve(self) -> None:
        last_tries = 0
        while True:
            self._news.clear()  # before the look: what ends it or is put up from now on is seen
            is_last = self._is_ending.is_set()
            try:
                due = self._step(hurry=is_last)
            except (sqlite3.Error, MendInput) as error:
                # The day has the same trouble, and tells of it.
                _log.warning("messages by %s wait for the database (%s)", self.channel.name, error)
                if self._store:
                    self._store.rollback()
                due = LOCKED_SECONDS
            last_tries += is_last
            if is_last and (due is None or last_tries >= LAST_TRIES):
                break
            if is_last:
                time.sleep(self._desk.between_tries)
            else:
                self._news.wait(LONGEST_NAP_SECONDS if due is None else due)

    def _step(self, *, hurry: bool) -> float | None:
        """Send what is due; return after how many seconds to look again, None if nothing waits."""
        if self._courier is None:
            desk = self._desk
            self._store = Store(open_database(desk.database))
            outbox = Outbox(self._store, desk.session, desk.everyone)
            self._courier = Courier(outbox, self.channel, desk.send, desk.say)
        due = self._courier.step(datetime.now(NEW_YORK), hurry=hurry)
        if due is None:
            return None
        return min(max((due - datetime.now(NEW_YORK)).total_seconds(), 0.0), LONGEST_NAP_SECONDS)
