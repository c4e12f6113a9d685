"""A mail server on 127.0.0.1 that takes mail, refuses a password, or has a full mailbox."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import Message
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, Session

LOGIN = ("me@example.com", "r1ght pass/word@")


class Mailbox:
    """What has arrived. `answers` maps a receiver to what the server says instead of taking it."""

    def __init__(self) -> None:
        self.mails: list[Message] = []
        self.senders: list[str | None] = []
        self.answers: dict[str, str] = {}
        self.logins: list[bool] = []

    async def handle_RCPT(  # noqa: N802 - the server's hook
        self,
        server: object,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        del server, session, options
        if refusal := self.answers.get(address):
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - likewise
        self, server: object, session: Session, envelope: Envelope
    ) -> str:
        del server, session
        assert isinstance(envelope.content, bytes)
        self.mails.append(message_from_bytes(envelope.content))
        self.senders.append(envelope.mail_from)
        return "250 taken"

    def authenticate(self, *args: Any) -> AuthResult:  # noqa: ANN401 - the server's hook
        login = args[-1]
        is_right = (login.login.decode(), login.password.decode()) == LOGIN
        self.logins.append(is_right)
        return AuthResult(success=is_right, handled=False)


class _Controller(Controller):
    """Takes the port that the system gives."""

    def _trigger_server(self) -> None:
        running: Any = self.server
        self.port = running.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call] # theirs has no types


@contextmanager
def a_mail_server(tls: ssl.SSLContext | None = None) -> Iterator[tuple[Mailbox, int]]:
    """Run a mail server; with `tls` it asks for STARTTLS, which the caller must trust."""
    mailbox = Mailbox()
    controller = _Controller(
        mailbox,
        hostname="127.0.0.1",
        port=0,
        authenticator=mailbox.authenticate,
        auth_require_tls=tls is not None,
        tls_context=tls,
        require_starttls=tls is not None,
    )
    controller.start()
    try:
        yield mailbox, controller.port
    finally:
        controller.stop()


def text_of(mail: Message, kind: str) -> str:
    """Return the part of a mail that is of a kind such as "text/plain"."""
    for part in mail.walk():
        if part.get_content_type() == kind:
            raw = part.get_payload(decode=True)
            assert isinstance(raw, bytes)
            return raw.decode("utf-8").replace("\r\n", "\n")
    raise AssertionError(f"there is no part {kind}")
