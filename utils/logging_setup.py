"""The log file, rotating and without secrets, and the calm console beside it."""

import logging
from collections.abc import Iterable
from logging.handlers import RotatingFileHandler
from pathlib import Path

from src.ports import MendInput

LOG_BYTES = 5_000_000
LOG_FILES = 5
HIDDEN = "[hidden]"


class _WithoutSecrets(logging.Formatter):
    """Hides every known secret, in the message and in a traceback."""

    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._secrets = tuple(secrets)

    def format(self, record: logging.LogRecord) -> str:
        """Return the line with every secret replaced."""
        return hide(super().format(record), self._secrets)


SHORTEST = 3
"""Characters of the shortest text that counts as a secret."""


def hide(text: str, secrets: Iterable[str]) -> str:
    """Return a text in which no secret can be read.

    What is shorter than any real key hides nothing: it would only garble every word it is in.
    """
    # The longest first: a secret within another one would leave the rest of it to be read.
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) < SHORTEST:
            break
        text = text.replace(secret, HIDDEN)
    return text


def start_logging(path: Path, level: str, secrets: Iterable[str]) -> logging.Handler:
    """Log to a rotating file, at the configured level; return the handler, to be closed at the end.

    Raises MendInput when the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(
            path, maxBytes=LOG_BYTES, backupCount=LOG_FILES - 1, encoding="utf-8"
        )
    except OSError as error:
        raise MendInput(
            f"{path}: the log cannot be written ({error.strerror}). "
            "Make its folder writable, or name another with --data-dir or logging.file."
        ) from error
    handler.setFormatter(_WithoutSecrets(secrets))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(level)
    return handler
