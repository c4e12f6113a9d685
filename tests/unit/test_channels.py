"""Which channels a person's settings make, and what is told of those that make none."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from src.channels import channels
from src.settings import Settings
from tests.fakes.settings_project import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


MAIL = ["notifications.email=you@example.com", "notifications.smtp.host=smtp.example.com"]
TWILIO = [
    "notifications.twilio.account_sid=ACsecret",
    "notifications.twilio.auth_token=s3cret",
    "notifications.twilio.from_number=+15550001111",
]


def addresses(*overrides: str) -> dict[str, str]:
    wanted = Settings.defaults().changed(*overrides).notifications
    return {each.name: each.address.get_secret_value() for each in channels(wanted)}


def test_nobody_is_told_by_default() -> None:
    assert addresses() == {}


def test_an_apprise_url_is_taken_as_it_is() -> None:
    url = "mailtos://me:pass@example.com?to=you@example.com"
    hook = "https://hooks.slack.com/services/T0/B0/x"
    assert addresses(f"notifications.email={url}", f"notifications.slack_webhook={hook}") == {
        "email": url,
        "slack_webhook": hook,
    }


def test_a_plain_address_goes_by_the_mail_server_that_is_named() -> None:
    login = ["notifications.smtp.user=me@example.com", "notifications.smtp.password=a b/@:?"]
    assert addresses(*MAIL, *login) == {
        "email": "mailtos://me%40example.com:a%20b%2F%40%3A%3F@smtp.example.com:587/"
        "?to=you%40example.com&from=me%40example.com&mode=starttls"
    }


def test_a_server_on_this_machine_needs_no_login_and_no_encryption() -> None:
    more = ["notifications.smtp.port=25", "notifications.smtp.security=none"]
    sender = "notifications.smtp.sender=bot@example.com"
    assert addresses(*MAIL, *more, sender) == {
        "email": "mailto://smtp.example.com:25/"
        "?to=you%40example.com&from=bot%40example.com&mode=insecure"
    }


def test_a_plain_number_goes_by_the_account_that_is_named() -> None:
    assert addresses("notifications.sms=+15551234567", *TWILIO) == {
        "sms": "twilio://ACsecret:s3cret@%2B15550001111/%2B15551234567"
    }


def test_only_an_sms_is_short() -> None:
    wanted = Settings.defaults().changed("notifications.sms=a://b", "notifications.other=c://d")
    assert {each.name: each.is_short for each in channels(wanted.notifications)} == {
        "sms": True,
        "other 1": False,
    }


def test_other_addresses_are_numbered_however_they_are_given(project: Project) -> None:
    expected = {"other 1": "tgram://token/chat", "other 2": "json://host"}
    for text in (
        "notifications:\n  other: tgram://token/chat json://host\n",
        "notifications:\n  other:\n    - tgram://token/chat\n    - json://host\n",
        'notifications: {other: ["tgram://token/chat", "json://host"]}',
    ):
        project.write("config/secrets.yaml", text)
        found = channels(project.load().settings.notifications)
        assert {each.name: each.address.get_secret_value() for each in found} == expected


def test_the_usual_names_of_other_tools_are_understood_in_env(project: Project) -> None:
    project.write(
        ".env",
        "OPTIONSARB_NOTIFICATIONS__EMAIL=you@example.com\nSMTP_HOST=smtp.example.com\n"
        "SMTP_PORT=465\nSMTP_USER=me\nSMTP_PASSWORD=s3cret\nSMTP_FROM=me@example.com\n"
        "OPTIONSARB_NOTIFICATIONS__SMS=+15551234567\nTWILIO_ACCOUNT_SID=AC1\n"
        "TWILIO_AUTH_TOKEN=t0ken\nTWILIO_FROM_NUMBER=+15550001111\n"
        "SLACK_WEBHOOK_URL=https://hooks.slack.com/services/T0/B0/x\n",
    )
    wanted = project.load().settings.notifications
    assert (wanted.smtp.host, wanted.smtp.port) == ("smtp.example.com", 465)
    assert wanted.twilio.auth_token == SecretStr("t0ken")
    assert [each.name for each in channels(wanted)] == ["email", "sms", "slack_webhook"]


def test_an_address_is_in_no_representation() -> None:
    url = "notifications.email=mailtos://me:s3cret@example.com"
    wanted = Settings.defaults().changed(url).notifications
    assert "s3cret" not in repr(channels(wanted)) + repr(wanted)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["email=you@example"], "must be an address such as you@example.com, or an apprise URL"),
        (["email=s3cret"], "must be an address such as you@example.com, or an apprise URL"),
        (["email=you@example.com"], "needs a mail server in notifications.smtp.host"),
        (
            ["email=you@example.com", "smtp.host=h", "smtp.user=s3cret"],
            "needs both notifications.smtp.user and notifications.smtp.password, or neither",
        ),
        (["sms=5551234567"], "a number with its country and nothing between, such as +15551234567"),
        (["sms=+1 555 123 4567"], "a number with its country and nothing between"),
        (["sms=+15551234567"], "needs all three of notifications.twilio"),
        (["sms=+15551234567", "twilio.account_sid=s3cret"], "needs all three of"),
        (["slack_webhook=https://example.com/s3cret"], "must be https://hooks.slack.com/services/"),
        (["slack_webhook=https://hooks.slack.com/services/s3cret"], "the three parts that Slack"),
        (["other=tgram://a s3cret"], "must be apprise URLs such as tgram://token/chat"),
        (["smtp.port=99999"], "notifications.smtp.port is 99999; allowed is a whole number from 1"),
        (["smtp.security=tls"], "allowed is one of starttls, ssl, none"),
        (["smpt.host=x"], "the nearest is notifications.smtp.host"),
    ],
)
def test_what_cannot_be_an_address_is_refused_in_one_sentence_without_it(
    project: Project, overrides: list[str], words: str
) -> None:
    (problem,) = project.problems([f"notifications.{each}" for each in overrides])
    assert words in problem
    for secret in ("s3cret", "you@example.com is", "5551234567 "):
        assert secret not in problem


def test_a_login_of_another_tool_in_the_environment_stops_no_start(project: Project) -> None:
    settings = project.load(environ={"SMTP_USER": "somebody", "SMTP_HOST": ""}).settings
    assert channels(settings.notifications) == ()
