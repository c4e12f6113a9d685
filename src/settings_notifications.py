"""The section of the settings that says who is told, and by which servers."""

import re
from typing import Literal

from pydantic import Field, SecretStr

from src.settings_fields import ABSENT, Rule, Secret, Section


class Smtp(Section):
    """The mail server by which a plain notifications.email is reached."""

    host: str = Field("", description="Name of the mail server, such as smtp.gmail.com.")
    port: int = Field(587, ge=1, le=65535, description="Its port: 587 with starttls, 465 with ssl.")
    security: Literal["starttls", "ssl", "none"] = Field(
        "starttls", description="How the connection is encrypted; none only on this machine."
    )
    user: Secret = Field(ABSENT, description="Name to log in with, often the e-mail address.")
    password: Secret = Field(ABSENT, description="Its password; often an app password.")
    sender: Secret = Field(ABSENT, description="Address that messages come from; empty: the user.")


class Twilio(Section):
    """The Twilio account by which a plain notifications.sms is reached."""

    account_sid: Secret = Field(ABSENT, description="Account SID: AC and 32 more characters.")
    auth_token: Secret = Field(ABSENT, description="Auth token of the account.")
    from_number: Secret = Field(ABSENT, description="Number of the account, such as +15550001111.")


class Notifications(Section):
    """Who is told, each empty for nobody. Keep them out of config.yaml."""

    email: Secret = Field(ABSENT, description="E-mail address, or an apprise URL.")
    sms: Secret = Field(ABSENT, description="Phone number such as +15551234567, or an apprise URL.")
    slack_webhook: Secret = Field(
        ABSENT, description="URL such as https://hooks.slack.com/services/..."
    )
    other: Secret = Field(
        ABSENT,
        description="Any other apprise URLs, as a list or divided by spaces.",
        json_schema_extra={"type": ["string", "array"], "items": {"type": "string"}},
    )
    smtp: Smtp = Field(default_factory=Smtp, description="The mail server of a plain address.")
    twilio: Twilio = Field(default_factory=Twilio, description="The account of a plain number.")


_MAIL = re.compile(r"[^@\s,:/]+@[^@\s,:/]+\.[^@\s,:/]+(\s*,\s*[^@\s,:/]+@[^@\s,:/]+\.[^@\s,:/]+)*")
_PHONE = re.compile(r"\+[1-9]\d{6,14}")
_SLACK = re.compile(
    r"https://hooks\.slack\.com/services/\w+/\w+/\w+/?(\?\S*)?|(?!https?:)[A-Za-z][A-Za-z0-9+.-]*://\S+"
)
_APPRISE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")


def _is(form: re.Pattern[str], secret: SecretStr) -> bool:
    return form.fullmatch(secret.get_secret_value()) is not None


OF_NOTIFICATIONS = (
    Rule(
        ("notifications.email",),
        lambda email: email == ABSENT or _is(_MAIL, email) or _is(_APPRISE, email),
        "it must be an address such as you@example.com, or an apprise URL such as "
        "mailtos://user:password@host?to=you@example.com",
    ),
    Rule(
        ("notifications.email", "notifications.smtp.host"),
        lambda email, host: bool(host) or not _is(_MAIL, email),
        "a plain address needs a mail server in notifications.smtp.host, such as smtp.gmail.com",
    ),
    Rule(
        ("notifications.email", "notifications.smtp.user", "notifications.smtp.password"),
        lambda email, *login: login.count(ABSENT) != 1 or not _is(_MAIL, email),
        "the mail server needs both notifications.smtp.user and notifications.smtp.password, or "
        "neither",
    ),
    Rule(
        ("notifications.sms",),
        lambda sms: sms == ABSENT or _is(_PHONE, sms) or _is(_APPRISE, sms),
        "it must be a number with its country and nothing between, such as +15551234567, or an "
        "apprise URL such as twilio://sid:token@from/to",
    ),
    Rule(
        (
            "notifications.sms",
            *(f"notifications.twilio.{each}" for each in Twilio.model_fields),
        ),
        lambda sms, *account: ABSENT not in account or not _is(_PHONE, sms),
        "a plain number needs all three of notifications.twilio: account_sid, auth_token and "
        "from_number",
    ),
    Rule(
        ("notifications.slack_webhook",),
        lambda slack: slack == ABSENT or _is(_SLACK, slack),
        "it must be https://hooks.slack.com/services/ and the three parts that Slack shows, or an "
        "apprise URL such as slack://",
    ),
    Rule(
        ("notifications.other",),
        lambda other: all(map(_APPRISE.fullmatch, other.get_secret_value().split())),
        "it must be apprise URLs such as tgram://token/chat, divided by spaces",
    ),
)
