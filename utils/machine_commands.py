"""The two commands that install what is started by itself: `crontab` and `launchctl`."""

import shutil
import subprocess
from collections.abc import Sequence

from src.ports import MendInput

SECONDS = 30.0


def read_crontab() -> bytes:
    """Return the user's crontab, empty where there is none. Raises MendInput."""
    done = _run(["crontab", "-l"])
    if done.returncode == 0:
        return done.stdout
    if b"no crontab" in done.stderr.lower():
        return b""
    raise MendInput(f"crontab -l failed ({_words(done)}); nothing was changed.")


def write_crontab(table: bytes) -> None:
    """Make this the user's crontab; an empty one is removed. Raises MendInput."""
    done = _run(["crontab", "-"], table) if table else _run(["crontab", "-r"])
    if done.returncode:
        raise MendInput(f"crontab refused the new table ({_words(done)}); nothing was changed.")
    found = read_crontab()
    if found != table:
        raise MendInput(
            "crontab took the new table, and shows another one now: somebody else changed it at "
            "the same time. Look at it with crontab -l."
        )


def launchctl(*words: str) -> str:
    """Run launchctl; return what it complains of, empty when it did as it was told."""
    done = _run(["launchctl", *words])
    return _words(done) if done.returncode else ""


def has_command(name: str) -> bool:
    """Whether this machine has a command."""
    return shutil.which(name) is not None


def _run(words: Sequence[str], given: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    path = shutil.which(words[0])
    if path is None:
        raise MendInput(f"this machine has no command {words[0]}; nothing was changed.")
    try:
        return subprocess.run(  # noqa: S603 - looked up in PATH
            [path, *words[1:]], input=given, capture_output=True, timeout=SECONDS, check=False
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise MendInput(f"{words[0]} could not be run ({error}); nothing was changed.") from error


def _words(done: "subprocess.CompletedProcess[bytes]") -> str:
    told = (done.stderr or done.stdout).decode(errors="replace").strip()
    return " ".join(told.split()) or f"exit code {done.returncode}"
