"""How the day makes itself heard: the story for whoever looks, messages for whoever does not."""

from collections.abc import Callable
from datetime import datetime

from src.day_record import DayRecord
from src.messages import Message
from src.ports import Notifier

Say = Callable[[datetime, str], None]
"""Takes a moment and a sentence."""


class Herald:
    """Writes every event into the record, says it aloud, and puts up what a person must hear."""

    def __init__(self, record: DayRecord, say: Say, notifier: Notifier | None) -> None:
        self._record = record
        self.say = say
        """Says what has a table of its own, and so is no event besides: decisions, checks."""
        self._notifier = notifier
        self._said: set[str] = set()
        self._has_news = False

    def tell(self, at: datetime, kind: str, text: str) -> None:
        """Tell one event of the day."""
        self._record.event(at, kind, text)
        self.say(at, text)

    def tell_once(self, at: datetime, kind: str, text: str) -> None:
        """Tell an event, unless this process has told the same one before."""
        if text not in self._said:
            self._said.add(text)
            self.tell(at, kind, text)

    def notify(self, at: datetime, message: Message) -> None:
        """Put up a message for a person; the same one is put up once in a session."""
        self._has_news |= self._record.notify(at, message)

    def alert(self, at: datetime, message: Message) -> None:
        """Put up a message about trouble, and tell it; the same one once in a session."""
        self.alert_or_tell(at, message, "")

    def alert_or_tell(self, at: datetime, message: Message, again: str) -> None:
        """Put up a message about trouble, and tell it; when it is no news tell `again`, if any."""
        if self._record.notify(at, message):
            self._has_news = True
            self.tell(at, "alert", f"ALERT. {message.title}: {message.text}")
        elif again:
            self.tell(at, "alert", again)

    def deliver(self) -> None:
        """Have what was put up sent. Called when all is committed; sending is done elsewhere."""
        if self._has_news and self._notifier:
            self._notifier.wake()
        self._has_news = False
