"""How long a start takes: `make bench`, or `python tests/benchmarks/start_up.py [ROUNDS]`.

Compares, in turn within one run: `--help`; the time from the start of the process to its first
decision on a generated day; and a process that only imports the libraries which that needs.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
MAIN = str(PROJECT / "scripts" / "main.py")
LIBRARIES = "pydantic_settings, yaml, dotenv, schedule, filelock, pandas_market_calendars"


def seconds_of(*command: str) -> float:
    """Return the wall time of a process."""
    begin = time.perf_counter()
    subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def seconds_to_first_decision() -> float:
    """Return the time until a generated day has said what it decides at its first look."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, MAIN, "--paper", "--data-dir", folder]
        begin = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            if process.stdout is None:
                raise RuntimeError("the process has no output to read")
            for line in process.stdout:
                if "Decision:" in line:
                    found = time.perf_counter() - begin
                    process.stdout.read()
                    return found
    raise RuntimeError("no decision was printed")


def main() -> None:
    """Print medians and the ratio that matters."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    helps, firsts, imports = [], [], []
    for _ in range(rounds):
        helps.append(seconds_of(MAIN, "--help"))
        imports.append(seconds_of("-c", f"import {LIBRARIES}"))
        firsts.append(seconds_to_first_decision())
    ratio = statistics.median(a / b for a, b in zip(firsts, imports, strict=True))
    print(f"rounds                          {rounds}")
    print(f"main.py --help                  {statistics.median(helps):.3f} s")
    print(f"importing its libraries         {statistics.median(imports):.3f} s")
    print(f"start to first decision         {statistics.median(firsts):.3f} s")
    print(f"first decision / importing      {ratio:.2f} (median of the pairs)")


if __name__ == "__main__":
    main()
