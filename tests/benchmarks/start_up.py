"""How long a start takes: `make bench`, or `python tests/benchmarks/start_up.py [ROUNDS]`.

Compares, in turn within one run: `--help`; the time from the start of the process to its first
decision on a generated day, when the year's calendar is kept already; a process that only imports
the third-party libraries which that path imports; and one that imports all those which a whole
day needs, pandas for the CSV files and the calendar's library included.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
MAIN = str(PROJECT / "scripts" / "main.py")
ON_THE_PATH = "pydantic_settings, yaml, dotenv, schedule, filelock, numpy"
ALL = f"{ON_THE_PATH}, pandas, pandas_market_calendars"


def seconds_of(*command: str) -> float:
    """Return the wall time of a process."""
    begin = time.perf_counter()
    subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def seconds_to_first_decision(folder: str) -> float:
    """Return the time until a generated day has said what it decides at its first look."""
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
    """Print medians and the ratios that matter."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    helps, firsts, needed, everything = [], [], [], []
    with tempfile.TemporaryDirectory() as folder:
        seconds_to_first_decision(folder)
        for _ in range(rounds):
            helps.append(seconds_of(MAIN, "--help"))
            needed.append(seconds_of("-c", f"import {ON_THE_PATH}"))
            firsts.append(seconds_to_first_decision(folder))
            everything.append(seconds_of("-c", f"import {ALL}"))
    print(f"rounds                                     {rounds}")
    print(f"main.py --help                             {statistics.median(helps):.3f} s")
    print(f"start to first decision                    {statistics.median(firsts):.3f} s")
    print(f"importing what that path imports           {statistics.median(needed):.3f} s")
    print(f"importing what a whole day needs           {statistics.median(everything):.3f} s")
    print(f"first decision / what the path imports     {ratio(firsts, needed):.2f}")
    print(f"first decision / what a whole day needs    {ratio(firsts, everything):.2f}")


def ratio(some: list[float], others: list[float]) -> float:
    """Return the median of the ratios of pairs that were taken one after the other."""
    return statistics.median(a / b for a, b in zip(some, others, strict=True))


if __name__ == "__main__":
    main()
