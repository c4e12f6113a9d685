"""What became of a message, in words for a person: read from what the apprise library logs.

Only numbers are taken from what a server says: its own words may repeat an address or a password.
"""

import re
from collections.abc import Iterable

from src.outbox import Answer

_SMTP = re.compile(r"\((\d{3}), b?['\"]")
_SERVICE = re.compile(r"error=(\d+)")
_QUOTA = "the SMS quota is used up, or the account has no money left"
_KEYS = "Make a new password or token, and put it into .env."
_SMTP_WORDS = {
    **dict.fromkeys(
        (530, 534, 535, 538),
        (
            "the mail server refuses the user name or the password",
            "Put the right ones into .env; many providers want an app password.",
        ),
    ),
    **dict.fromkeys((452, 552), ("the mailbox is full", "Make room in it.")),
    **dict.fromkeys(
        (501, 550, 551, 553),
        ("the mail server takes no mail for this address", "Mend the address in .env."),
    ),
}
_HTTP_WORDS = {
    **dict.fromkeys(
        (401, 403), ("the service refuses the password or token of the address", _KEYS)
    ),
    **dict.fromkeys(
        (404, 410),
        ("the address does not exist any more", "Make a new webhook, and put it into .env."),
    ),
    402: (_QUOTA, "Look at the account of the provider."),
}
_TWILIO_WORDS = {
    20003: ("the SMS provider refuses the account or its token", _KEYS),
    **dict.fromkeys((20429, 30022, 63038, 90010), (_QUOTA, "Look at the account of the provider.")),
    **dict.fromkeys(
        (21211, 21214, 21217, 21614),
        ("the number cannot receive an SMS", "Mend notifications.sms."),
    ),
    **dict.fromkeys(
        (21212, 21606, 21659),
        ("the sender's number is not one of the account", "Mend the number to send from."),
    ),
    21408: ("the account may not send to this country", "Allow it in the account."),
    21608: ("a trial account sends only to numbers that were verified", "Verify it there."),
    21610: ("the receiver has answered STOP", "Send START from that phone."),
}
_WEATHER = (
    (("refused",), "nobody listens at its server"),
    (("resolve", "getaddrinfo", "nodename", "Name or service"), "its server cannot be found"),
    (("unreachable", "No route"), "there is no network"),
    (("CERTIFICATE", "certificate"), "its server shows a certificate that is not trusted"),
    (("WRONG_VERSION", "STARTTLS", "SSL"), "its server encrypts in another way, or not at all"),
    (("timed out", "Timeout"), "its server did not answer in time"),
    (("reset", "aborted", "closed"), "its server broke off"),
)
_MENDABLE = {
    "its server shows a certificate that is not trusted": "See notifications.smtp.host.",
    "its server encrypts in another way, or not at all": "See notifications.smtp.security.",
}
_CUT_SHORT = ("timed out", "reset", "aborted", "unexpectedly closed", "RemoteDisconnected")


def words_of(said: Iterable[tuple[str, str]], *, is_taken: bool) -> Answer:
    """Return what the levels and messages of a log come to.

    Where one of several people took a message, it is taken: the others are not worth it that one
    receives it again and again.
    """
    # What is sent is logged, too, and may speak of any trouble itself.
    lines = [(level, message) for level, message in said if "Payload" not in message]
    if is_taken:
        return Answer(is_taken=True)
    text = "\n".join(message for _, message in lines)
    why = _refusal(text) or _weather(text)
    if any(level == "INFO" and message.startswith("Sent ") for level, message in lines):
        words = f"not everybody received it, for {why.words}"
        return why._replace(is_taken=True, words=words, is_in_doubt=False)
    return why


def _refusal(text: str) -> Answer | None:
    """Return what a server that was reached said no to, None when it said nothing."""
    if found := _SMTP.search(text):
        code = int(found[1])
        words, mend = _SMTP_WORDS.get(code, ("", ""))
        if not words:
            later = "asks to come back later" if code < 500 else "refuses the message"
            words = f"the mail server {later}"
        is_full = code in {452, 552}
        return _no(f"{words} ({code})", mend, is_lasting=code >= 500 and not is_full)
    if found := _SERVICE.search(text):
        code = int(found[1])
        words, mend = (_TWILIO_WORDS if code > 999 else _HTTP_WORDS).get(code, ("", ""))
        if words:
            return _no(f"{words} ({code})", mend, is_lasting=True)
        words = {429: "the service takes no more messages for now"}.get(code, "")
        words = words or f"the service {'is in trouble' if 500 <= code < 600 else 'says no'}"
        return _no(f"{words} ({code})", "", is_lasting=False)
    return None


def _weather(text: str) -> Answer:
    """Return why nobody was reached, or who was not heard to the end."""
    words = next(
        (words for signs, words in _WEATHER if any(sign in text for sign in signs)),
        "it could not be delivered",
    )
    has_begun = "Email To:" in text or ("POST" in text and "connect timeout" not in text)
    return Answer(
        is_taken=False,
        words=words,
        mend=_MENDABLE.get(words, ""),
        is_lasting=words in _MENDABLE,
        is_in_doubt=has_begun and any(sign in text for sign in _CUT_SHORT),
    )


def _no(words: str, mend: str, *, is_lasting: bool) -> Answer:
    return Answer(is_taken=False, words=words, mend=mend, is_lasting=is_lasting)
