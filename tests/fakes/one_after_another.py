"""Runs the program several times in one process, so that its parts are loaded once.

Takes a JSON list of runs, each with its arguments, environment and a folder, in which it leaves
what the program wrote to standard output and error, as files `out` and `err`, and its `code`.
"""

import json
import os
import sys
from pathlib import Path

from scripts.main import main


def run(arguments: list[str], environ: dict[str, str], folder: Path) -> None:
    os.environ.clear()
    os.environ.update(environ)
    kept = [os.dup(number) for number in (1, 2)]
    try:
        for number, name in ((1, "out"), (2, "err")):
            with (folder / name).open("wb") as file:
                os.dup2(file.fileno(), number)
        code = main(arguments)
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        for number, each in zip((1, 2), kept, strict=True):
            os.dup2(each, number)
            os.close(each)
    (folder / "code").write_text(str(code))


if __name__ == "__main__":
    for each in json.load(sys.stdin):
        run(each["arguments"], each["environ"], Path(each["folder"]))
