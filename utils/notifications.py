"""Messages to a person, through the apprise library: e-mail, SMS, Slack and a hundred others."""

import logging
from collections.abc import Sequence

from src.ports import RetryLater

_TALKERS = ("apprise", "urllib3")
"""Libraries that log addresses, or the half of one that is its password."""


class AppriseNotifier:
    """Sends to every configured address. An address is an apprise URL."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = tuple(addresses)

    def send(self, title: str, text: str) -> None:
        """Deliver one message everywhere; raises RetryLater if one address did not take it."""
        if not self._addresses:
            return
        # Imported when there is something to say: no ordinary tick pays for it.
        import apprise  # noqa: PLC0415

        for talker in _TALKERS:
            logging.getLogger(talker).setLevel(logging.CRITICAL + 1)
        messenger = apprise.Apprise()
        for number, address in enumerate(self._addresses, start=1):
            if not messenger.add(address):
                raise RetryLater(f"notification address no. {number} is not one that apprise knows")
        if not messenger.notify(title=title, body=text):
            raise RetryLater("a message could not be delivered to every notification address")
