"""How many days a second the program's own code trades, against other engines on the same work.

    python tests/benchmarks/backtest.py [--days 100,1000,10000] [--jobs 2] [--rounds 3]
                                        [--every-look]

The workload (../shared/perf beside the checkout) is made first, into a temporary folder; it needs
pyarrow. A peer is compared where its environment is found below PERF_ENVS; rounds alternate, so
that what else runs on the machine meets both; on a busy one days a second of a processor's time
tell more than those of the wall's. Every day's cents are compared with the reference.
"""

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
PERF = PROJECT.parent / "shared" / "perf"
sys.path.insert(0, str(PROJECT))

PEERS = {
    "nautilus_trader 1.221": ("nautilus311", "p6_nautilus.py"),
    "nautilus_trader 1.221, lean": ("nautilus311", "p6h_nautilus.py"),
    "backtrader": ("backtrader", "p5_backtrader.py"),
}
PEER_DAYS = 100


def _whole_numbers(text: str) -> list[int]:
    return [int(each) for each in text.split(",")]


def parse() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--days", type=_whole_numbers, default=[100, 1000], metavar="N,N")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    parser.add_argument("--every-look", action="store_true", help="leave no look out")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def one(args: argparse.Namespace) -> None:
    """Trade the workload in this process and those that it starts; print what was measured."""
    begin = time.perf_counter()
    from tests.benchmarks.perf_workload import reference, traded  # noqa: PLC0415 - timed

    ready = time.perf_counter()
    parts = traded(args.one, args.jobs, every_look=args.every_look)
    seconds = time.perf_counter() - ready
    cents = {day: each for part in parts for day, each in part.cents.items()}
    known = reference(args.one.with_name(args.one.stem.replace("bars", "ref") + ".csv"))
    wrong = sum(1 for day, each in known.items() if cents.get(day) != each)
    print(
        json.dumps(
            {
                "days": len(known),
                "wrong": wrong,
                "seconds": seconds,
                "rate": len(known) / seconds,
                "by_processor": len(known) / sum(part.processor for part in parts),
                "imports": ready - begin,
                "memory": max(part.memory for part in parts),
            }
        )
    )


def measured(path: Path, jobs: int, *options: str) -> dict[str, float]:
    """Return what a fresh process tells of one run, and how long it took from its start."""
    command = [sys.executable, __file__, "--one", str(path), "--jobs", str(jobs), *options]
    begin = time.perf_counter()
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(answer.stdout)
    return found | {"cold": time.perf_counter() - begin}


def peer(name: str, data: Path) -> dict[str, float] | None:
    """Return what a peer tells of the same work, None where it is not installed."""
    environment, script = PEERS[name]
    home = Path(os.environ.get("PERF_ENVS", Path.home() / ".cache" / "optionsarb-perf"))
    python = home / environment / "bin" / "python"
    if not python.exists():
        return None
    answer = subprocess.run(
        [str(python), str(PERF / script), str(PEER_DAYS)],
        env={**os.environ, "PERF_ENVS": str(data), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, float] = json.loads(answer.stdout.splitlines()[-1])
    return found


def generate(data: Path, number: int) -> Path:
    """Make the workload of so many days, and its reference."""
    for script in ("gen.py", "reference.py"):
        subprocess.run(
            [sys.executable, str(PERF / script), str(number)],
            env={**os.environ, "PERF_ENVS": str(data), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            check=True,
        )
    return data / "data" / f"bars_{number}.parquet"


def main() -> None:
    """Print days a second, and ratios where there is something to compare with."""
    args = parse()
    if args.one:
        one(args)
        return
    for what, is_there in (
        (f"the workload ({PERF})", (PERF / "gen.py").exists()),
        ("pyarrow (pip install pyarrow)", importlib.util.find_spec("pyarrow") is not None),
    ):
        if not is_there:
            print(f"backtest: not measured, {what} is missing.")
            return
    with tempfile.TemporaryDirectory() as folder:
        compare(args, Path(folder))


def compare(args: argparse.Namespace, data: Path) -> None:
    """Measure every size, then all peers beside the first size of a thousand days or more."""
    paths = {number: generate(data, number) for number in {*args.days, PEER_DAYS}}
    options = ("--every-look",) if args.every_look else ()
    looks = "every look made" if args.every_look else "looks that must find nothing left out"
    print(f"same-code engine, {looks}; medians of {args.rounds} rounds")
    for number in args.days:
        for jobs in sorted({1, args.jobs}):
            rounds = [measured(paths[number], jobs, *options) for _ in range(args.rounds)]
            _tell(number, jobs, rounds)
    largest = paths[max(each for each in args.days if each <= 1000)]
    for name in PEERS:
        rounds_of_both = []
        for _ in range(args.rounds):
            theirs = peer(name, data)
            if theirs is None:
                break
            ours = [measured(largest, jobs, *options) for jobs in (1, args.jobs)]
            rounds_of_both.append((theirs, *ours))
        if not rounds_of_both:
            print(f"{name}: not installed, not compared")
            continue
        _tell_ratio(name, args.jobs, rounds_of_both)


def _tell_ratio(name: str, jobs: int, rounds: list[tuple[dict[str, float], ...]]) -> None:
    """Print how many times a peer's days a second ours are, as medians of the rounds."""

    def ratio(ours: str, theirs: str, place: int) -> float:
        return statistics.median(each[place][ours] / each[0][theirs] for each in rounds)

    for theirs, *_ in rounds:
        theirs["by_processor"] = theirs["days"] / theirs["cpu_min_s"]
    rate = statistics.median(theirs["days_per_s_compute"] for theirs, *_ in rounds)
    wrong = max(theirs["mismatched_days"] for theirs, *_ in rounds)
    print(
        f"{name}: {rate:.0f} days a second, {wrong:g} days wrong; ours, with the reading: "
        f"{ratio('rate', 'days_per_s_compute', 1):.1f} times that in one process, "
        f"{ratio('rate', 'days_per_s_compute', 2):.1f} times in {jobs}; "
        f"{ratio('by_processor', 'by_processor', 1):.1f} times by a processor's second"
    )


def _tell(number: int, jobs: int, rounds: list[dict[str, float]]) -> None:
    middle = {key: statistics.median(each[key] for each in rounds) for key in rounds[0]}
    print(
        f"{number:>6} days, {jobs} process{'es' if jobs > 1 else ''}: {middle['rate']:.0f} days "
        f"a second with the reading ({middle['by_processor']:.0f} by a processor's second); "
        f"{middle['cold']:.2f} s from a cold start, of which imports "
        f"{middle['imports']:.2f} s; at most {middle['memory']:.0f} MB a process; "
        f"{max(each['wrong'] for each in rounds):g} days differ from the reference"
    )


if __name__ == "__main__":
    main()
