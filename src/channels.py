"""The ways to a person: which are configured, and what each of them is told."""

from typing import NamedTuple
from urllib.parse import quote, urlencode

from pydantic import SecretStr

from src.ports import Level
from src.settings_notifications import Notifications, Smtp, Twilio

_MODES = {"starttls": "starttls", "ssl": "ssl", "none": "insecure"}


class Channel(NamedTuple):
    """One way to a person. The address is an apprise URL and holds a password or a token.

    A channel that `is_short` is an SMS: it is told only what is urgent, in few words.
    """

    name: str
    address: SecretStr
    is_short: bool = False

    def takes(self, level: Level) -> bool:
        """Return whether a message of this level is for this channel."""
        return level is Level.URGENT or not self.is_short


def channels(wanted: Notifications) -> tuple[Channel, ...]:
    """Return the channels that are configured; none of them has been tried."""
    email, sms = wanted.email.get_secret_value(), wanted.sms.get_secret_value()
    found = {
        "email": email if is_url(email) or not email else mail_url(email, wanted.smtp),
        "sms": sms if is_url(sms) or not sms else sms_url(sms, wanted.twilio),
        "slack_webhook": wanted.slack_webhook.get_secret_value(),
    }
    others = wanted.other.get_secret_value().split()
    found |= {f"other {number}": each for number, each in enumerate(others, start=1)}
    return tuple(
        Channel(name, SecretStr(address), is_short=name == "sms")
        for name, address in found.items()
        if address
    )


def is_url(text: str) -> bool:
    """Return whether a text is an address with a scheme, and not a plain one."""
    return "://" in text


def mail_url(people: str, server: Smtp) -> str:
    """Return the apprise URL of plain e-mail addresses, divided by commas, at a mail server."""
    user, password = server.user.get_secret_value(), server.password.get_secret_value()
    to = [each.strip() for each in people.split(",") if each.strip()]
    sender = server.sender.get_secret_value() or (user if "@" in user else to[0])
    scheme = "mailto" if server.security == "none" else "mailtos"
    login = f"{quote(user, safe='')}:{quote(password, safe='')}@" if user else ""
    asked = urlencode({"to": ",".join(to), "from": sender, "mode": _MODES[server.security]})
    return f"{scheme}://{login}{server.host}:{server.port}/?{asked}"


def sms_url(number: str, account: Twilio) -> str:
    """Return the apprise URL of a plain phone number, by a Twilio account."""
    secrets = (account.account_sid, account.auth_token, account.from_number)
    sid, token, sender = (quote(each.get_secret_value(), safe="") for each in secrets)
    return f"twilio://{sid}:{token}@{sender}/{quote(number, safe='')}"
