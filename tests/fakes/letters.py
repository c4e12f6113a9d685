"""Letters, messages and a channel that does as it is told."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pydantic import SecretStr

from src.channels import Channel
from src.database import Store
from src.day_record import DayRecord
from src.messages import Message
from src.outbox import Answer, Letter, Parcel
from src.ports import Level
from tests.fakes.builders import DAY, at

EMAIL = Channel("email", SecretStr("mailto://topsecret"))
SLACK = Channel("slack_webhook", SecretStr("slack://topsecret"))
SMS = Channel("sms", SecretStr("twilio://topsecret"), is_short=True)
NOW = at("10:00")
AWAY = Answer(is_taken=False, words="there is no network")
REFUSED = Answer(is_taken=False, words="the password is wrong (535)", is_lasting=True)


def a_letter(
    row: int = 1,
    level: Level = Level.WARNING,
    *,
    title: str = "",
    text: str = "It happened. It goes on. Do nothing.",
    html: str = "",
    tries: int = 0,
    next_try_at: datetime = NOW,
    is_in_doubt: bool = False,
) -> Letter:
    moment = at("09:30") + timedelta(minutes=row)
    title, plain = title or f"title {row}", "the page as text" if html else ""
    return Letter(row, moment, level, title, text, html, plain, tries, next_try_at, is_in_doubt)


def put_up(
    store: Store, title: str, level: Level = Level.WARNING, *, html: str = "", text: str = "It is."
) -> None:
    """Put a message up and commit it, as a tick does."""
    record = DayRecord(store, DAY)
    record.notify(NOW, Message(level, title, text, "It goes on."))
    record.add_page(title, html, "the page as text" if html else "")
    store.commit()


@dataclass
class Postman:
    """Takes every parcel, unless `answers` has something else for a channel; the last one stays."""

    taken: list[tuple[str, Parcel]] = field(default_factory=list)
    tried: list[tuple[str, Parcel]] = field(default_factory=list)
    answers: dict[str, list[Answer]] = field(default_factory=dict)

    def __call__(self, channel: Channel, parcel: Parcel) -> Answer:
        self.tried.append((channel.name, parcel))
        script = self.answers.get(channel.name, [])
        answer = script[0] if script else Answer(is_taken=True)
        if len(script) > 1:
            script.pop(0)
        if answer.is_taken:
            self.taken.append((channel.name, parcel))
        return answer

    def titles(self, channel: Channel = EMAIL) -> list[str]:
        return [
            each.title
            for name, parcel in self.taken
            if name == channel.name
            for each in parcel.letters
        ]
