"""Messages to a person, through the apprise library: e-mail, SMS, Slack and a hundred others.

Nothing is raised for what goes wrong on the way: an `Answer` says it in words, which hold neither
an address nor a password. What a server says is not repeated, for it may repeat them.
"""

import logging
import re
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from src.channels import Channel, channels
from src.outbox import Answer, Parcel, shortened
from src.settings_notifications import Notifications
from utils.delivery_words import words_of

if TYPE_CHECKING:
    import apprise

NETWORK_SECONDS = 10.0
"""How long a server may take to be reached, and for each answer."""
LONGEST_SMS = 1500
"""Characters that are sent as one SMS, by the provider in parts."""
_SILENT = ("urllib3", "requests")
"""Libraries that log addresses, or the half of one that is its password."""
_NOTHING_CONFIGURED = Answer(
    is_taken=False,
    words="it is not configured",
    mend="See notifications in config/config.yaml.",
    is_lasting=True,
)


def send_notification(wanted: Notifications, title: str, text: str) -> dict[str, Answer]:
    """Send one message through every channel, SMS included; return the answer of each by name."""
    return {
        each.name: deliver(each, Parcel((), title, shortened(text, LONGEST_SMS)))
        if each.is_short
        else deliver(each, Parcel((), title, text))
        for each in channels(wanted)
    }


def send_email(wanted: Notifications, title: str, text: str) -> Answer:
    """Send one message by e-mail alone."""
    return _by(wanted, "email", Parcel((), title, text))


def send_sms(wanted: Notifications, text: str) -> Answer:
    """Send one message by SMS alone."""
    return _by(wanted, "sms", Parcel((), "", shortened(text, LONGEST_SMS)))


def send_email_report(wanted: Notifications, title: str, html: str, text: str) -> Answer:
    """Send a page of HTML by e-mail, with `text` for readers that show none."""
    return _by(wanted, "email", Parcel((), title, text, html))


def _by(wanted: Notifications, name: str, parcel: Parcel) -> Answer:
    for each in channels(wanted):
        if each.name == name:
            return deliver(each, parcel)
    return _NOTHING_CONFIGURED


def deliver(channel: Channel, parcel: Parcel) -> Answer:
    """Hand one parcel to one channel and return what became of it. Takes its time, never raises."""
    _hush()
    # Imported when there is something to say: no ordinary tick pays for it.
    import apprise  # noqa: PLC0415

    # Without a limit of its own it sends in this very thread, within those of each connection.
    asset = apprise.AppriseAsset(async_mode=False, service_timeout=0, app_id="optionsarbitrage")
    plugin = _plugin(channel.address.get_secret_value(), asset)
    if plugin is None:
        return _no_address(channel.address.get_secret_value())
    for limit in ("socket_connect_timeout", "socket_read_timeout"):
        if getattr(plugin, limit) == getattr(type(plugin), limit):  # the address names none
            setattr(plugin, limit, NETWORK_SECONDS)
    if channel.name != "email" and plugin.overflow_mode is apprise.OverflowMode.UPSTREAM:
        # A service that takes no more than so many characters would refuse a longer one for good.
        plugin.overflow_mode = apprise.OverflowMode.SPLIT
    body, form = parcel.text, apprise.NotifyFormat.TEXT
    if parcel.html and channel.name == "email":
        body, form = parcel.html, apprise.NotifyFormat.HTML
        plugin.twin = parcel.text
    messenger = apprise.Apprise(asset=asset)
    messenger.add(plugin)
    result = messenger.notify(
        title=parcel.title, body=body, body_format=form, log_level=logging.DEBUG
    )
    said = [(each.level, each.message) for each in result.logs()]
    return words_of(said, is_taken=bool(result))


def _hush() -> None:
    """Keep what these libraries log to themselves: the log is no place for an address."""
    own = logging.getLogger("apprise")
    if own.propagate:
        own.propagate = False
        own.addHandler(logging.NullHandler())
        own.setLevel(logging.DEBUG)
    for each in _SILENT:
        logging.getLogger(each).setLevel(logging.CRITICAL + 1)


def _plugin(address: str, asset: "apprise.AppriseAsset") -> Any:  # noqa: ANN401 - a plugin of theirs
    """Return what apprise makes of an address, None if nothing."""
    import apprise  # noqa: PLC0415 - as above
    from apprise.exception import AppriseImproperlyConfigured  # noqa: PLC0415

    if address.lower().startswith(("mailto://", "mailtos://")):
        mail = _mail()
        try:
            return mail(**(mail.parse_url(address) or {}), asset=asset)
        except (TypeError, AppriseImproperlyConfigured):
            return None
    return apprise.Apprise.instantiate(address, asset=asset, suppress_exceptions=True)


@cache
def _mail() -> Any:  # noqa: ANN401 - a class of theirs
    """Return apprise's e-mail, whose page of HTML is accompanied by a text of ours.

    Its own makes one of the HTML, in which each cell of a table is a line.
    """
    import smtplib  # noqa: PLC0415 - as above

    from apprise.plugins.email.base import PGP_MODE_DEFAULT, NotifyEmail  # noqa: PLC0415
    from apprise.plugins.email.smtp import AppriseSMTPController  # noqa: PLC0415

    class Mail(NotifyEmail):  # type: ignore[no-untyped-call] # their hook has no types
        twin = ""

        def send(
            self,
            body: Any,  # noqa: ANN401 - likewise, and what follows
            title: Any = "",  # noqa: ANN401
            notify_type: Any = None,  # noqa: ANN401
            attach: Any = None,  # noqa: ANN401
            body_format: Any = None,  # noqa: ANN401
            **kwargs: Any,  # noqa: ANN401
        ) -> bool:
            if not self.twin or self.pgp_mode != PGP_MODE_DEFAULT:
                plain: Any = super()
                return bool(plain.send(body, title, notify_type, attach, body_format, **kwargs))
            messages = self.prepare_emails(
                subject=title,
                body=body,
                from_addr=self.from_addr,
                to=self.targets,
                cc=self.cc,
                bcc=self.bcc,
                reply_to=self.reply_to,
                smtp_host=self.smtp_host,
                headers={"X-Application": self.app_id} | self.headers,
                names=self.names,
                tzinfo=self.tzinfo,
            )
            try:
                connect: Any = AppriseSMTPController
                with connect(
                    host=self.smtp_host,
                    port=self.port,
                    secure_mode=self.secure_mode,
                    user=self.user,
                    password=self.password,
                    verify_certificate=self.verify_certificate,
                    socket_connect_timeout=self.socket_connect_timeout,
                ) as server:
                    self.logger.debug("Email To: all")
                    return min(map(partial(self._hand_over, server), messages), default=False)
            except (OSError, smtplib.SMTPException) as error:
                self.logger.debug("Socket Exception: %s", error)
                return False

        def _hand_over(self, server: Any, message: Any) -> bool:  # noqa: ANN401 - theirs
            page = _with_twin(message.body, self.twin)
            is_taken = bool(server.sendmail(self.from_addr[1], message.to_addrs, page))
            if is_taken:
                self.logger.info("Sent Email")
            return is_taken

    return Mail


def _with_twin(message: str, text: str) -> str:
    """Return an e-mail with its plain part replaced."""
    from email import message_from_string  # noqa: PLC0415 - as above
    from email.charset import QP, Charset  # noqa: PLC0415

    charset = Charset("utf-8")
    charset.body_encoding = QP
    mail = message_from_string(message)
    for part in mail.walk():
        if part.get_content_type() == "text/plain":
            del part["Content-Transfer-Encoding"]
            part.set_payload(text, charset)
    return mail.as_string()


def _no_address(address: str) -> Answer:
    """Return that apprise does not know an address, and what may have been meant."""
    import difflib  # noqa: PLC0415 - only for who mistypes

    import apprise  # noqa: PLC0415 - as above

    scheme = address.partition("://")[0].lower()
    manager: Any = apprise.plugins.N_MGR
    known: list[str] = list(manager.schemas())
    if scheme in known:
        words = f"the address after {scheme}:// is not complete"
        mend = "Compare it with its form in config/config.yaml, or with apprise's own page on it."
        return Answer(is_taken=False, words=words, mend=mend, is_lasting=True)
    near = difflib.get_close_matches(scheme, known, n=1) if re.fullmatch(r"\w+", scheme) else []
    mend = f"The nearest is {near[0]}://." if near else "It begins like mailtos:// or slack://."
    words = "apprise knows no service of this address"
    return Answer(is_taken=False, words=words, mend=mend, is_lasting=True)
