"""Carries the messages of the outbox to one channel: each once, and again until it is taken.

It has no clock and no thread: whoever owns one calls `step` and is told when to call again.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime

from src.channels import Channel
from src.database import Store
from src.outbox import (
    CALM,
    CALM_SMS,
    NEWS,
    Answer,
    Letter,
    Parcel,
    first_try,
    next_try,
    parcels,
    pause,
)
from src.ports import Level
from src.words import count

Send = Callable[[Channel, Parcel], Answer]
"""Hands one parcel to one channel. It takes its time, and never raises for what goes wrong."""


class Outbox:
    """The messages of this and the last days, and how each fared with each channel."""

    def __init__(self, store: Store, session: date, everyone: Sequence[Channel]) -> None:
        self._store = store
        self._oldest, self._newest = str(session - NEWS), session.isoformat()
        self._everyone = everyone

    def address(self, now: datetime) -> None:
        """Write down for each message that is new to whom it goes: the channels there are today.

        So a channel that is added later is not told of what others have heard before. What went
        only to channels that are gone, and was heard by nobody, goes to those there are. It is not
        committed here.
        """
        names = [each.name for each in self._everyone]
        rows = self._store.read(
            "SELECT id, level FROM notifications n WHERE session BETWEEN ? AND ?"  # noqa: S608 - question marks
            " AND delivered_at IS NULL AND NOT EXISTS (SELECT 1 FROM deliveries"
            f" WHERE notification = n.id AND channel IN ({', '.join('?' * len(names))}))",
            (self._oldest, self._newest, *names),
        ).fetchall()
        for row in rows:
            level = Level(row["level"])
            for channel in self._everyone:
                if channel.takes(level):
                    # All channels look at once; the first one writes for all.
                    self._store.write(
                        "INSERT INTO deliveries (notification, channel, next_try_at)"
                        " VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                        (row["id"], channel.name, first_try(level, now).isoformat()),
                    )

    def commit(self) -> None:
        """Make what was written so far survive the death of the process."""
        self._store.commit()

    def waiting(self, channel: Channel) -> list[Letter]:
        """Return what this channel has not taken yet, the oldest first."""
        rows = self._store.read(
            "SELECT n.id, n.at, n.level, n.title, n.text, n.html, n.plain, d.tries,"
            " d.next_try_at, d.started_at"
            " FROM deliveries d JOIN notifications n ON n.id = d.notification"
            " WHERE d.channel = ? AND d.delivered_at IS NULL AND n.session BETWEEN ? AND ?"
            " ORDER BY n.id",
            (channel.name, self._oldest, self._newest),
        ).fetchall()
        return [
            Letter(
                row["id"],
                datetime.fromisoformat(row["at"]),
                Level(row["level"]),
                row["title"],
                row["text"],
                row["html"],
                row["plain"],
                row["tries"],
                datetime.fromisoformat(row["next_try_at"]),
                row["started_at"] is not None,
            )
            for row in rows
        ]

    def give_up_old_ones(self, channel: Channel) -> int:
        """Note what has become too old to be news; return how many messages that is."""
        given_up = self._store.write(
            "UPDATE deliveries SET last_error = 'given up: ' || last_error"
            " WHERE channel = ? AND delivered_at IS NULL AND last_error NOT LIKE 'given up:%'"
            " AND notification IN (SELECT id FROM notifications WHERE session < ?)",
            (channel.name, self._oldest),
        )
        self._store.commit()
        return given_up

    def begin(self, channel: Channel, letters: Sequence[Letter], now: datetime) -> None:
        """Commit that these are being sent: after a crash nobody can say that they were not."""
        for each in letters:
            self._store.write(
                "UPDATE deliveries SET started_at = ? WHERE notification = ? AND channel = ?",
                (now.isoformat(), each.row, channel.name),
            )
        self._store.commit()

    def finish(
        self, channel: Channel, letters: Sequence[Letter], answer: Answer, now: datetime
    ) -> None:
        """Commit how it went: delivered, or when to try again."""
        for each in letters:
            key = (each.row, channel.name)
            if answer.is_taken:
                self._store.write(
                    "UPDATE deliveries SET delivered_at = ?, last_error = ?"
                    " WHERE notification = ? AND channel = ?",
                    (now.isoformat(), answer.words, *key),
                )
                self._store.write(
                    "UPDATE notifications SET delivered_at = ?"
                    " WHERE id = ? AND delivered_at IS NULL",
                    (now.isoformat(), each.row),
                )
                continue
            again = now + pause(each.tries + 1, is_lasting=answer.is_lasting)
            doubt = now.isoformat() if answer.is_in_doubt or each.is_in_doubt else None
            self._store.write(
                "UPDATE deliveries SET tries = tries + 1, last_error = ?, started_at = ?,"
                " next_try_at = ? WHERE notification = ? AND channel = ?",
                (answer.words, doubt, again.isoformat(), *key),
            )
        self._store.commit()


class Courier:
    """Serves one channel. `say` hears in plain words of each trouble once, and of its end."""

    def __init__(
        self, outbox: Outbox, channel: Channel, send: Send, say: Callable[[str], None]
    ) -> None:
        self._outbox = outbox
        self._channel = channel
        self._send = send
        self._say = say
        self._calm_until: datetime | None = None
        self._trouble = ""
        self._unrecorded: list[tuple[Parcel, Answer, datetime]] = []
        self._has_begun = False
        self.is_failing = False
        """Whether the last try failed."""
        self.left = 0
        """How many messages wait."""

    def step(self, now: datetime, *, hurry: bool = False) -> datetime | None:
        """Send what is due; return when to be called next, None when nothing waits.

        In a hurry all that waits is due. What was taken is never sent again by this process, even
        while the database cannot be written. Raises sqlite3.Error, and can be called again.
        """
        self._record()
        if not self._has_begun:
            self._tell_of_old_ones()
            self._has_begun = True
        self._outbox.address(now)
        letters = self._waiting()
        due = next_try(letters, now, self._calm_until)
        if due is None or (due > now and not hurry):
            self._outbox.commit()
            return due
        has_layout = self._channel.name == "email"
        for parcel in parcels(letters, is_short=self._channel.is_short, has_layout=has_layout):
            self._hand_over(parcel, now)
            if self.is_failing:
                return next_try(self._waiting(), now, self._calm_until)
        self.left = 0  # what was put up meanwhile comes with a call of its own
        return None

    def _waiting(self) -> list[Letter]:
        letters = self._outbox.waiting(self._channel)
        self.left = len(letters)
        return letters

    def _hand_over(self, parcel: Parcel, now: datetime) -> None:
        self._outbox.begin(self._channel, parcel.letters, now)
        answer = self._send(self._channel, parcel)
        self.is_failing = not answer.is_taken
        if answer.is_taken:
            self._calm_until = now + (CALM_SMS if self._channel.is_short else CALM)
        self._unrecorded.append((parcel, answer, now))
        self._tell(answer, len(parcel.letters))
        self._record()

    def _record(self) -> None:
        while self._unrecorded:
            parcel, answer, at = self._unrecorded[0]
            self._outbox.finish(self._channel, parcel.letters, answer, at)
            self._unrecorded.pop(0)

    def _tell(self, answer: Answer, number: int) -> None:
        words = answer.words
        if words == self._trouble:
            return
        self._trouble = words
        name = self._channel.name
        if not words:
            self._say(f"Messages by {name} arrive again.")
        elif answer.is_taken:
            self._say(f"Messages by {name}: {words}. {answer.mend}".rstrip())
        else:
            waits = "waits" if number == 1 else "wait"
            self._say(
                f"Messages by {name}: {words}. {count(number, 'message')} {waits} and "
                f"{'is' if number == 1 else 'are'} tried again. {answer.mend}".rstrip()
            )

    def _tell_of_old_ones(self) -> None:
        if given_up := self._outbox.give_up_old_ones(self._channel):
            self._say(
                f"Messages by {self._channel.name}: {count(given_up, 'message')} older than "
                f"{NEWS.days} days could not be delivered and {'is' if given_up == 1 else 'are'} "
                "given up; the daily reports have them."
            )
