"""Messages over real sockets: a mail server, webhooks, and the providers behind a proxy."""

import base64
import io
import logging
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from src.channels import Channel
from src.outbox import Answer, Parcel
from src.settings import Settings
from src.settings_notifications import Notifications
from tests.fakes.mail_server import LOGIN, Mailbox, a_mail_server, text_of
from tests.fakes.web_services import Services, a_certificate, some_services, tls_of
from utils.notifications import (
    deliver,
    send_email,
    send_email_report,
    send_notification,
    send_sms,
)

PROJECT = Path(__file__).resolve().parents[2]
pytestmark = [
    # The library asks for a module of Python's that is going away, to look at pictures.
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
    # The mail server warns of what a test on this machine does on purpose.
    pytest.mark.filterwarnings("ignore::UserWarning:aiosmtpd"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:aiosmtpd"),
]
SID, TOKEN = f"AC{'a' * 32}", "b" * 32
SMS = (
    "notifications.sms=+15551234567",
    f"notifications.twilio.account_sid={SID}",
    f"notifications.twilio.auth_token={TOKEN}",
    "notifications.twilio.from_number=+15550001111",
)


def wanted(*overrides: str) -> Notifications:
    return Settings.defaults().changed(*overrides).notifications


def by_mail(
    port: int, *, password: str = LOGIN[1], security: str = "none", to: str = ""
) -> Notifications:
    return wanted(
        f"notifications.email={to or 'you@example.com'}",
        "notifications.smtp.host=127.0.0.1",
        f"notifications.smtp.port={port}",
        f"notifications.smtp.security={security}",
        f"notifications.smtp.user={LOGIN[0]}",
        f"notifications.smtp.password={password}",
    )


def a_webhook(services: Services) -> Channel:
    return Channel("other 1", SecretStr(services.webhook))


HELLO = Parcel((), "Closed", "+$637.85")


@pytest.fixture
def server() -> Iterator[tuple[Mailbox, int]]:
    with a_mail_server() as running:
        yield running


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def internet(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    """Give the providers under their own names, as this machine reaches them through a proxy."""
    with some_services(tls_of(certificate)) as services:
        for name in ("HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{services.port}")
        for name in ("NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy", "CURL_CA_BUNDLE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        yield services


# E-mail.


def test_an_email_arrives_as_plain_text_with_its_title(server: tuple[Mailbox, int]) -> None:
    mailbox, port = server
    text = "Opened: credit +$637.85.\n\nYou need not do anything: “zero” <days> & 5 €."
    assert send_email(by_mail(port), "optionsarbitrage: opened", text) == Answer(is_taken=True)
    (mail,) = mailbox.mails
    assert mailbox.logins == [True]
    assert mail["Subject"] == "optionsarbitrage: opened"
    assert mail["To"] == "you@example.com"
    assert mail["From"] == LOGIN[0]
    assert text_of(mail, "text/plain").strip() == text


def test_a_report_arrives_as_html_with_a_plain_text_twin_of_ours(
    server: tuple[Mailbox, int],
) -> None:
    mailbox, port = server
    page = "<html><body><h1>Day</h1><table><tr><td>credit</td><td>+$637.85 €</td></tr></table>"
    twin = "DAY\n\ncredit   +$637.85 €\n"
    assert send_email_report(by_mail(port), "The day", page, twin).is_taken
    (mail,) = mailbox.mails
    assert mail.get_content_type() == "multipart/alternative"
    assert [each.get_content_type() for each in mail.walk()][1:] == ["text/plain", "text/html"]
    assert text_of(mail, "text/plain").strip() == twin.strip()
    assert text_of(mail, "text/html").strip() == page


def test_an_email_goes_through_an_encrypted_connection(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with a_mail_server(tls_of(certificate)) as (mailbox, port):
        assert send_email(by_mail(port, security="starttls"), "Title", "text").is_taken
        assert send_email_report(by_mail(port, security="starttls"), "T", "<p>t</p>", "t").is_taken
    assert [mail["Subject"] for mail in mailbox.mails] == ["Title", "T"]


def test_a_server_whose_certificate_nobody_vouches_for_gets_no_password(certificate: Path) -> None:
    with a_mail_server(tls_of(certificate)) as (mailbox, port):
        answer = send_email(by_mail(port, security="starttls"), "Title", "text")
    assert answer.words == "its server shows a certificate that is not trusted"
    assert mailbox.logins == []


@pytest.mark.parametrize("html", ["", "<p>text</p>"])
def test_a_wrong_password_is_told_as_such_and_lasts(server: tuple[Mailbox, int], html: str) -> None:
    mailbox, port = server
    answer = send_email_report(by_mail(port, password="wr0ng"), "Title", html, "text")  # noqa: S106
    assert mailbox.logins
    assert not any(mailbox.logins)
    assert answer == Answer(
        is_taken=False,
        words="the mail server refuses the user name or the password (535)",
        mend="Put the right ones into .env; many providers want an app password.",
        is_lasting=True,
    )


@pytest.mark.parametrize("html", ["", "<p>text</p>"])
@pytest.mark.parametrize("code", ["552 5.2.2", "452 4.2.2"])
def test_a_full_mailbox_is_told_as_such_and_may_pass(
    server: tuple[Mailbox, int], code: str, html: str
) -> None:
    mailbox, port = server
    mailbox.answers["you@example.com"] = f"{code} you@example.com is over quota"
    answer = send_email_report(by_mail(port), "Title", html, "text")
    assert (answer.is_taken, answer.is_lasting, answer.is_in_doubt) == (False, False, False)
    assert answer.words == f"the mailbox is full ({code[:3]})"


@pytest.mark.parametrize("html", ["", "<p>text</p>"])
def test_what_one_of_two_people_received_is_not_sent_again(
    server: tuple[Mailbox, int], html: str
) -> None:
    mailbox, port = server
    mailbox.answers["full@example.com"] = "552 full"
    both = by_mail(port, to="you@example.com, full@example.com")
    answer = send_email_report(both, "Title", html, "text")
    assert len(mailbox.mails) == 1
    assert answer.is_taken
    assert answer.words == "not everybody received it, for the mailbox is full (552)"


def test_a_server_that_takes_no_mail_for_an_address_names_none(server: tuple[Mailbox, int]) -> None:
    mailbox, port = server
    mailbox.answers["you@example.com"] = "550 no such user you@example.com"
    answer = send_email(by_mail(port), "Title", "text")
    assert answer.words == "the mail server takes no mail for this address (550)"
    assert answer.is_lasting


# Webhooks.


def test_a_message_is_really_delivered() -> None:
    with some_services() as services:
        assert deliver(a_webhook(services), HELLO) == Answer(is_taken=True)
    (posted,) = services.posted
    assert (posted.body["title"], posted.body["message"]) == ("Closed", "+$637.85")


@pytest.mark.parametrize(
    ("status", "words", "is_lasting"),
    [
        (404, "the address does not exist any more (404)", True),
        (403, "the service refuses the password or token of the address (403)", True),
        (429, "the service takes no more messages for now (429)", False),
        (503, "the service is in trouble (503)", False),
        (418, "the service says no (418)", False),
    ],
)
def test_what_a_webhook_answers_is_told_in_words(
    status: int, words: str, *, is_lasting: bool
) -> None:
    with some_services() as services:
        services.status = status
        answer = deliver(a_webhook(services), HELLO)
    assert (answer.is_taken, answer.words, answer.is_lasting) == (False, words, is_lasting)


def test_what_a_message_says_is_not_taken_for_what_became_of_it() -> None:
    told = Parcel((), "error=404", "(535, b'no') timed out, reset, error=410, Sent it")
    with some_services() as services:
        services.status = 503
        answer = deliver(a_webhook(services), told)
    assert answer == Answer(is_taken=False, words="the service is in trouble (503)")


def test_a_port_at_which_nobody_listens_is_told_and_tried_again() -> None:
    with socket.socket() as unheard:  # bound, but nobody listens
        unheard.bind(("127.0.0.1", 0))
        port = unheard.getsockname()[1]
        answer = deliver(Channel("other 1", SecretStr(f"json://127.0.0.1:{port}/")), HELLO)
    assert answer == Answer(is_taken=False, words="nobody listens at its server")


def test_a_webhook_that_hangs_is_given_up_and_nobody_knows_whether_it_arrived() -> None:
    with some_services() as services:
        services.hangs = True
        address = SecretStr(services.webhook + "?rto=0.2")
        answer = deliver(Channel("other 1", address), HELLO)
    assert answer == Answer(
        is_taken=False, words="its server did not answer in time", is_in_doubt=True
    )


# The providers, at their own addresses.


def test_an_sms_is_the_request_that_twilio_asks_for(internet: Services) -> None:
    internet.status = 201
    assert send_sms(wanted(*SMS), "Daily loss limit: -$1,012.00. Everything is closed.").is_taken
    (posted,) = internet.posted
    assert (posted.host, posted.path) == (
        "api.twilio.com",
        f"/2010-04-01/Accounts/{SID}/Messages.json",
    )
    login = base64.b64encode(f"{SID}:{TOKEN}".encode()).decode()
    assert posted.headers["Authorization"] == f"Basic {login}"
    assert posted.form == {
        "Body": "Daily loss limit: -$1,012.00. Everything is closed.",
        "From": "+15550001111",
        "To": "+15551234567",
    }


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (429, 63038, "the SMS quota is used up, or the account has no money left (63038)"),
        (401, 20003, "the SMS provider refuses the account or its token (20003)"),
        (400, 21608, "a trial account sends only to numbers that were verified (21608)"),
        (400, 21614, "the number cannot receive an SMS (21614)"),
    ],
)
def test_what_twilio_refuses_is_told_in_words(
    internet: Services, status: int, code: int, words: str
) -> None:
    internet.status = status
    internet.reply = f'{{"code": {code}, "message": "about +15551234567 of {SID}"}}'
    answer = send_sms(wanted(*SMS), "text")
    assert (answer.is_taken, answer.words, answer.is_lasting) == (False, words, True)


def test_slack_gets_the_message_at_the_address_that_slack_shows(internet: Services) -> None:
    hook = "notifications.slack_webhook=https://hooks.slack.com/services/T0AAAAAAA/B0BBBBBBB/"
    answers = send_notification(wanted(hook + "c" * 24), "optionsarbitrage: closed", "+$637.85")
    assert answers == {"slack_webhook": Answer(is_taken=True)}
    (posted,) = internet.posted
    path = f"/services/T0AAAAAAA/B0BBBBBBB/{'c' * 24}"
    assert (posted.host, posted.path) == ("hooks.slack.com", path)
    assert "optionsarbitrage: closed" in posted.raw.decode()
    assert "+$637.85" in posted.raw.decode()


def test_a_slack_webhook_that_was_removed_is_told_as_such(internet: Services) -> None:
    internet.status, internet.reply = 404, "no_service"
    hook = "notifications.slack_webhook=https://hooks.slack.com/services/T0AAAAAAA/B0BBBBBBB/"
    (answer,) = send_notification(wanted(hook + "c" * 24), "Title", "text").values()
    assert answer.words == "the address does not exist any more (404)"


# All of them.


def test_one_message_goes_to_every_channel_and_each_answers_for_itself(
    server: tuple[Mailbox, int],
) -> None:
    mailbox, port = server
    with some_services() as services:
        services.status = 404
        both = by_mail(port).model_copy(update={"other": SecretStr(services.webhook)})
        answers = send_notification(both, "Title", "text")
    assert {name: each.is_taken for name, each in answers.items()} == {
        "email": True,
        "other 1": False,
    }
    assert len(mailbox.mails) == 1


def test_a_channel_that_is_not_configured_says_so() -> None:
    assert send_notification(wanted(), "Title", "text") == {}
    for answer in (
        send_email(wanted(), "Title", "text"),
        send_sms(wanted(), "text"),
        send_email_report(wanted(), "Title", "<p>text</p>", "text"),
    ):
        assert (answer.is_taken, answer.words) == (False, "it is not configured")


@pytest.mark.parametrize(
    ("address", "words", "mend"),
    [
        ("mailtoz://me:topsecret@x.com", "apprise knows no service", "nearest is mailto://"),
        ("topsecret://host", "apprise knows no service", ""),
        ("slack://topsecret", "slack:// is not complete", ""),
        ("mailto://", "mailto:// is not complete", ""),
        ("twilio://topsecret:topsecret@1/2", "twilio:// is not complete", ""),
    ],
)
def test_an_address_that_cannot_be_used_is_told_with_the_nearest_that_can(
    address: str, words: str, mend: str
) -> None:
    answer = deliver(Channel("other 1", SecretStr(address)), HELLO)
    assert words in answer.words
    assert mend in answer.mend
    assert answer.is_lasting


def test_no_secret_is_in_an_answer_or_in_the_log(
    server: tuple[Mailbox, int], internet: Services
) -> None:
    log = io.StringIO()
    handler, root = logging.StreamHandler(log), logging.getLogger()
    handler.addFilter(lambda record: record.name != "mail.log")  # the server's own
    root.addHandler(handler)
    level = root.level
    root.setLevel(logging.DEBUG)
    internet.status, internet.reply = 400, f'{{"code": 1, "message": "{TOKEN} +15551234567"}}'
    mailbox, port = server
    mailbox.answers["you@example.com"] = "599 topsecret you@example.com"
    answers = [
        send_email(by_mail(port), "Title", "text"),
        send_sms(wanted(*SMS), "text"),
        *(
            deliver(Channel("other 1", SecretStr(address)), HELLO)
            for address in (
                "json://user:topsecret@127.0.0.1:1/topsecret/",
                "topsecret://topsecret@host",
                "slack://topsecret/topsecret",
            )
        ),
    ]
    assert not any(each.is_taken for each in answers)
    root.removeHandler(handler)
    root.setLevel(level)
    told = repr(answers) + log.getvalue()
    for secret in ("topsecret", TOKEN, SID, "+15551234567", "you@example.com", LOGIN[1]):
        assert secret not in told


def test_the_library_is_loaded_only_when_there_is_something_to_send() -> None:
    ask = (
        "import sys; from utils.notifications import send_notification;"
        "from src.settings import Settings;"
        "send_notification(Settings.defaults().notifications, 'title', 'text');"
        "import utils.post, scripts.real_days, scripts.last_words; print('apprise' in sys.modules)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", ask], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "False"
