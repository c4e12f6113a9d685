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
from typing import Self

from src.channels import Channel
from src.courier import Courier, Outbox, Send
from src.database import Store, open_database
from src.models import NEW_YORK
from src.ports import MendInput
from src.words import count
from utils.notifications import deliver

PATIENCE_SECONDS, AFTER_FAILURE_SECONDS = 60.0, 10.0
"""How long the end of the program waits for what can still be sent."""
LONGEST_NAP_SECONDS = 30.0
LAST_TRIES, LAST_PAUSE_SECONDS = 2, 3.0
"""How often, and how soon after each other, a failing channel is tried at the end."""
LOCKED_SECONDS = 5.0
"""How soon a database that cannot be used is tried again."""

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
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._say = say
        self._patience = patience
        self._rounds = [_Round(each, channels, database, session, send, say) for each in channels]

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
        self.close(self._patience if kind is None else min(self._patience, AFTER_FAILURE_SECONDS))

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
        left = {each.name: each.left for each in self._rounds if each.left}
        if left:
            parts = ", ".join(
                f"{count(number, 'message')} by {name}" for name, number in left.items()
            )
            self._say(f"Still waiting to be sent: {parts}. The next start sends them.")


class _Round(threading.Thread):
    """One channel's thread, with a connection of its own. It never keeps the program alive."""

    def __init__(
        self,
        channel: Channel,
        everyone: Sequence[Channel],
        database: Path,
        session: date,
        send: Send,
        say: Callable[[str], None],
    ) -> None:
        super().__init__(name=f"messages by {channel.name}", daemon=True)
        self._channel, self._everyone = channel, everyone
        self._database, self._session = database, session
        self._send, self._say = send, say
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
            self._say(
                f"Messages by {self._channel.name} have stopped by a fault of the program "
                f"({type(error).__name__}); the day goes on, and the next start sends them."
            )

    def _serve(self) -> None:
        last_tries = 0
        while True:
            self._news.clear()  # before the look: what ends it or is put up from now on is seen
            is_last = self._is_ending.is_set()
            try:
                due = self._step(hurry=is_last)
            except (sqlite3.Error, MendInput) as error:
                # The day has the same trouble, and tells of it.
                _log.warning("messages by %s wait for the database (%s)", self._channel.name, error)
                if self._store:
                    self._store.rollback()
                due = LOCKED_SECONDS
            last_tries += is_last
            if is_last and (due is None or last_tries >= LAST_TRIES):
                break
            if is_last:
                time.sleep(LAST_PAUSE_SECONDS)
            else:
                self._news.wait(LONGEST_NAP_SECONDS if due is None else due)
        if self._store:
            self._store.connection.close()

    def _step(self, *, hurry: bool) -> float | None:
        """Send what is due; return after how many seconds to look again, None if nothing waits."""
        if self._courier is None:
            self._store = Store(open_database(self._database))
            outbox = Outbox(self._store, self._session, self._everyone)
            self._courier = Courier(outbox, self._channel, self._send, self._say)
        due = self._courier.step(datetime.now(NEW_YORK), hurry=hurry)
        if due is None:
            return None
        return min(max((due - datetime.now(NEW_YORK)).total_seconds(), 0.0), LONGEST_NAP_SECONDS)
