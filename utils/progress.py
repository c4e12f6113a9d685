"""A line that tells how far something is, on a terminal only: logs and pipes stay clean."""

import shutil
import sys
from typing import TextIO

from utils.terminal import is_typewriter

_WIDTH = 20


class Progress:
    """One line on standard error that is written over and over, and gone at the end."""

    def __init__(self, total: int, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._total = total
        self._done = 0
        self._is_shown = not is_typewriter(self._stream)

    def step(self, done: int, text: str) -> None:
        """Tell that so many of all are done, and what is being done now."""
        self._done = done
        self.tell(text)

    def tell(self, text: str) -> None:
        """Tell what is being done, or waited for, now."""
        if not self._is_shown:
            return
        share = self._done / self._total if self._total else 1.0
        filled = round(share * _WIDTH)
        bar = "#" * filled + "." * (_WIDTH - filled)
        line = f"[{bar}] {self._done}/{self._total} {text}"
        self._write(line[: shutil.get_terminal_size().columns - 1])

    def clear(self) -> None:
        """Take the line away, before something else is printed and at the end."""
        if self._is_shown:
            self._write("")

    def _write(self, line: str) -> None:
        try:
            self._stream.write(f"\r\x1b[K{line}")
            self._stream.flush()
        except (OSError, ValueError):
            self._is_shown = False
