"""A terminal of 80 columns and 24 rows, and what a program shows on it."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

COLUMNS, ROWS = 80, 24
PATIENCE = 30.0
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\x1b\][^\x07]*\x07|\r|\x07")


def plain(text: str) -> str:
    """The text without what only moves the cursor or gives it a colour."""
    return ESCAPES.sub("", text)


class Terminal:
    """A program that was started on a terminal, all three of its streams."""

    def __init__(
        self, command: Sequence[str], *, cwd: Path, env: Mapping[str, str] | None = None
    ) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        wanted = {"PATH": os.environ.get("PATH", ""), "TERM": "xterm", "HOME": str(cwd)}
        self.process = subprocess.Popen(
            command,
            cwd=cwd,
            env={**wanted, **(env or {})},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self.shown = ""

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def read_until(self, words: str) -> str:
        """Read until the terminal shows these words; return all that is new."""
        begin = len(self.shown)
        until = time.monotonic() + PATIENCE
        while words not in self.shown[begin:]:
            if not self._read(until):
                raise AssertionError(f"{words!r} was not shown:\n{self.shown}")
        return self.shown[begin:]

    def read_to_the_end(self) -> str:
        """Read until the program has ended; return all that it ever showed."""
        until = time.monotonic() + PATIENCE
        while self._read(until):
            pass
        self.process.wait(PATIENCE)
        os.close(self._master)
        return self.shown

    def close(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE)
        os.close(self._master)

    def _read(self, until: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            return False
        try:
            found = os.read(self._master, 65536)
        except OSError:  # on Linux the end of a terminal is an error
            return False
        self.shown += found.decode("utf-8", "replace")
        return bool(found)


def on_a_terminal(
    command: Sequence[str], *, cwd: Path, env: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Run a command on a terminal to its end; return its exit code and what was shown."""
    terminal = Terminal(command, cwd=cwd, env=env)
    shown = terminal.read_to_the_end()
    return terminal.process.returncode, shown
