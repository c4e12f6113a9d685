"""Stand-ins for `crontab`, `launchctl` and `caffeinate`: real programs, found first on PATH."""

import os
import pty
import select
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]

CRONTAB = """\
#!/bin/sh
# Keeps a table in a file like the real one: complains where there is none, refuses nonsense.
here="$(dirname "$0")"
table="$here/table"
fail() { echo "crontab: $1" >&2; exit 1; }
echo "$*" >> "$here/crontab.calls"
case "$1" in
-l)
    [ ! -e "$here/broken" ] || fail "cannot open your file"
    [ -e "$table" ] || fail "no crontab for you"
    cat "$table" ;;
-r) rm "$table" ;;
-)
    [ ! -e "$here/refuses" ] || fail "errors in file, can't install"
    cat > "$table" ;;
*) fail "usage" ;;
esac
"""
LAUNCHCTL = """\
#!/bin/sh
# Loads and unloads, and like the real one may need a moment to let go of a former agent.
here="$(dirname "$0")"
fail() { echo "$2" >&2; exit "$1"; }
echo "$*" >> "$here/launchctl.calls"
case "$1" in
bootout)
    [ -e "$here/loaded" ] || fail 3 "Boot-out failed: 3: No such process"
    rm "$here/loaded" ;;
bootstrap)
    [ ! -e "$here/refuses" ] || fail 125 "Bootstrap failed: 125: Domain does not support"
    [ ! -e "$here/slow" ] || { rm "$here/slow"; fail 5 "Bootstrap failed: 5: Input/output error"; }
    cp "$3" "$here/loaded" ;;
esac
"""
CAFFEINATE = """\
#!/bin/sh
# Notes for whom it stays awake, and stays for as long as that one lives.
echo "$*" >> "$(dirname "$0")/caffeinate.calls"
while kill -0 "$3" 2>/dev/null; do sleep 0.05; done
"""


class Tools:
    """A folder of such programs, and what they keep there."""

    def __init__(self, folder: Path, *names: str) -> None:
        self.folder = folder
        folder.mkdir()
        for name in names:
            self.add(name)

    def add(self, name: str) -> None:
        text = {"crontab": CRONTAB, "launchctl": LAUNCHCTL, "caffeinate": CAFFEINATE}[name]
        (self.folder / name).write_text(text)
        (self.folder / name).chmod(0o700)

    def set(self, name: str, content: bytes = b"") -> None:
        (self.folder / name).write_bytes(content)

    def get(self, name: str) -> bytes | None:
        file = self.folder / name
        return file.read_bytes() if file.exists() else None

    def calls(self, name: str) -> list[str]:
        return (self.get(f"{name}.calls") or b"").decode().splitlines()


def on_a_terminal(command: Sequence[str], env: dict[str, str], answer: str) -> tuple[int, str]:
    """Run a command at a terminal, answer its question, and return its code and all it showed."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=env, close_fds=True
    ) as process:
        os.close(theirs)
        shown = b""
        answered = False
        while True:
            if not select.select([ours], [], [], 30)[0]:
                process.kill()
                raise AssertionError(f"it said nothing more after {shown.decode()!r}")
            try:
                more = os.read(ours, 65536)
            except OSError:  # how Linux tells that the other side is closed
                more = b""
            if not more:
                break
            shown += more
            if not answered and b"[y/N]" in shown:
                os.write(ours, f"{answer}\n".encode())
                answered = True
        os.close(ours)
        return process.wait(timeout=30), shown.decode().replace("\r\n", "\n")


def install_command(root: Path, *args: object) -> list[str]:
    """Return the command line of the installer of a copy of the program."""
    return [sys.executable, str(root / "scripts" / "install_cron.py"), *map(str, args)]
