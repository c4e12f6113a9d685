"""The program as a person has it: started from a folder of their own, looked at from outside."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
PARTS = ("scripts", "src", "brokers", "utils", "config")
PRIVATE = ("secrets.yaml",)
"""What a copy leaves out; `.env` and the data of this machine lie outside the parts.

Byte code comes along: to compile the program anew takes longer than most tests.
"""


def install(folder: Path) -> Path:
    """Copy the program into a folder, without the keys and records of this machine."""
    for part in PARTS:
        shutil.copytree(PROJECT / part, folder / part, ignore=shutil.ignore_patterns(*PRIVATE))
    return folder


class Player:
    """Starts `scripts/main.py` with an empty home, an empty environment, from elsewhere."""

    def __init__(self, root: Path, home: Path) -> None:
        self.root = root
        self.home = home

    def __call__(
        self, *args: object, env: Mapping[str, str] | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """Run the program to its end."""
        return subprocess.run(
            self._command(args),
            cwd=self.home,
            env=self._environment(env),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def start(self, *args: object) -> "subprocess.Popen[str]":
        """Start the program and leave it running."""
        return subprocess.Popen(
            self._command(args),
            cwd=self.home,
            env=self._environment(None),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _command(self, args: tuple[object, ...]) -> list[str]:
        return [sys.executable, str(self.root / "scripts" / "main.py"), *map(str, args)]

    def _environment(self, env: Mapping[str, str] | None) -> dict[str, str]:
        return {"PATH": os.environ.get("PATH", ""), "HOME": str(self.home), **(env or {})}


def wait_for(program: "subprocess.Popen[str]", words: str) -> str:
    """Read what a running program prints until it says these words; return all of it."""
    story = ""
    assert program.stdout is not None
    for line in program.stdout:
        story += line
        if words in line:
            return story
    raise AssertionError(f"the program ended without saying {words!r}:\n{story}")


def refusal(answer: "subprocess.CompletedProcess[str]", code: int) -> str:
    """Return what a refused person reads, having seen that it is one message and no traceback."""
    assert answer.returncode == code, answer.stderr + answer.stdout
    assert "Traceback" not in answer.stderr + answer.stdout
    assert answer.stderr.startswith("optionsarbitrage: ")
    assert answer.stderr.count("optionsarbitrage: ") == 1
    assert answer.stderr.rstrip().endswith((".", "--paper"))
    return answer.stderr


def table(folder: Path, name: str, columns: str = "*") -> list[tuple[object, ...]]:
    """Return the rows of one table of the folder's database."""
    with closing(sqlite3.connect(folder / "trades.db")) as connection:
        return connection.execute(f"SELECT {columns} FROM {name} ORDER BY rowid").fetchall()  # noqa: S608 - a test's own words


def files(folder: Path) -> set[str]:
    """Return the names of all files below a folder."""
    return {each.relative_to(folder).as_posix() for each in folder.rglob("*") if each.is_file()}
