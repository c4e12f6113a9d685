"""The dashboard as a person starts it, from a folder in which the program was installed."""

import contextlib
import os
import re
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

LIFE_SECONDS = 240
"""After which a server ends by itself, even where the test that started it was killed."""
_MORTAL = """
import os, runpy, signal, sys, threading
timer = threading.Timer({life}, lambda: os.kill(os.getpid(), signal.SIGTERM))
timer.daemon = True
timer.start()
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@dataclass
class Dashboard:
    """A server at work: where it is, and its process."""

    url: str
    process: "subprocess.Popen[str]"

    def page(self, name: str, query: str = "") -> str:
        """Return the address of a page."""
        return f"{self.url}/{'' if name == 'now' else name}{query}"

    def memory(self) -> float:
        """Return the megabytes that the server holds."""
        told = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        found = re.search(r"VmRSS:\s+(\d+) kB", told)
        assert found
        return int(found[1]) / 1000

    def open_files(self, beginning: str) -> list[str]:
        """Return the open files whose names begin so."""
        folder = Path(f"/proc/{self.process.pid}/fd")
        names = []
        for each in folder.iterdir():
            try:
                names.append(each.readlink().name)
            except OSError:
                continue  # closed while we looked
        return [name for name in names if name.startswith(beginning)]


def _wait_until_it_answers(url: str) -> None:
    pause = threading.Event()
    for _ in range(600):
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/_stcore/health"):  # noqa: S310 - our own server
            return
        pause.wait(0.05)
    raise AssertionError(f"nothing answers at {url}")


@contextmanager
def dashboard(
    root: Path, home: Path, *options: object, environment: Mapping[str, str] | None = None
) -> Iterator[Dashboard]:
    """Start the server on a free port; it is there when the block begins."""
    script = root / "scripts" / "dashboard.py"
    command = [
        *(sys.executable, "-c", _MORTAL.format(life=LIFE_SECONDS), str(script)),
        *("--port", "0", *map(str, options)),
    ]
    process = subprocess.Popen(
        command,
        cwd=home,
        env={"PATH": os.environ.get("PATH", ""), "HOME": str(home), **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout
        said = process.stdout.readline()
        found = re.search(r"http://\S+", said)
        assert found, said + process.stdout.read()
        _wait_until_it_answers(found[0])
        yield Dashboard(found[0], process)
    finally:
        process.terminate()
        try:
            process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
