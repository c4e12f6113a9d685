"""How long a replayed day takes once started: `make bench`, or with a tape to be replayed.

    python tests/benchmarks/replayed_day.py [TAPE [KEY=VALUE ...]]

Without a tape, one is recorded first from the generated day of `make paper`. The time runs from
the first line that the process prints to its end: load, day, report, CSV files and new tape.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
MAIN = [sys.executable, str(PROJECT / "scripts" / "main.py")]
ROUNDS = 9


def seconds_after_first_line(*options: str) -> float:
    """Return how long a run goes on after its first line."""
    with subprocess.Popen([*MAIN, *options], stdout=subprocess.PIPE, text=True) as process:
        if process.stdout is None:
            raise RuntimeError("the process has no output to read")
        process.stdout.readline()
        begin = time.perf_counter()
        process.stdout.read()
        process.wait()
        return time.perf_counter() - begin


def main() -> None:
    """Print the median."""
    with tempfile.TemporaryDirectory() as folder:
        changes = [f"--set={each}" for each in sys.argv[2:]]
        if len(sys.argv) > 1:
            tape = Path(sys.argv[1])
        else:
            seconds_after_first_line("--paper", "--data-dir", folder)
            (tape,) = Path(folder, "tapes").glob("*.csv.gz")
        options = ["--replay", str(tape), "--data-dir", f"{folder}/replay", *changes]
        times = [seconds_after_first_line(*options) for _ in range(ROUNDS)]
    print(
        f"{tape.name}, {ROUNDS} rounds, after start: median {statistics.median(times):.3f} s, "
        f"least {min(times):.3f} s, most {max(times):.3f} s"
    )


if __name__ == "__main__":
    main()
