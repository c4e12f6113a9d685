"""How the day makes itself heard: the story for whoever looks, messages for whoever does not."""

from collections.abc import Callable
from datetime import datetime

from src.day_record import DayRecord
from src.ports import Notifier, RetryLater

Say = Callable[[datetime, str], None]
"""Takes a moment and a sentence."""


class Herald:
    """Writes every event into the record, says it aloud, and delivers what cannot wait."""

    def __init__(self, record: DayRecord, say: Say, notifier: Notifier | None) -> None:
        self._record = record
        self.say = say
        """Says what has a table of its own, and so is no event besides: decisions, checks."""
        self._notifier = notifier
        self._said: set[str] = set()

    def tell(self, at: datetime, kind: str, text: str) -> None:
        """Tell one event of the day."""
        self._record.event(at, kind, text)
        self.say(at, text)

    def tell_once(self, at: datetime, kind: str, text: str) -> None:
        """Tell an event, unless this process has told the same one before."""
        if text not in self._said:
            self._said.add(text)
            self.tell(at, kind, text)

    def notify(self, at: datetime, title: str, text: str) -> None:
        """Put up a message for a person; the same title is sent once in a session."""
        self._record.notify(at, title, f"optionsarbitrage: {title}", text)

    def alert(self, at: datetime, title: str, text: str) -> None:
        """Put up a message that cannot wait; the same title is sent once in a session."""
        if self._record.notify(at, title, f"optionsarbitrage ALERT: {title}", text):
            self.tell(at, "alert", f"ALERT. {title}: {text}")

    def deliver(self, at: datetime) -> None:
        """Send what waits. What cannot be sent waits on, and stops nothing."""
        if self._notifier is None:
            return
        for notice in self._record.waiting_notices():
            try:
                self._notifier.send(notice.title, notice.text)
            except RetryLater as error:
                self.say(at, f"A message waits to be delivered: {error}.")
                return
            self._record.notice_delivered(notice, at)
