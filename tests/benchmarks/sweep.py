"""How fast parameter sets are played, beside the plain compiled loop that does the same work.

    python tests/benchmarks/sweep.py [ROUNDS]

The workload, its rules and the loop are those of the folder ../shared/perf beside the checkout:
sessions of 391 minutes with one pair of strikes a day, and 1,000 parameter sets. Both are timed in
turns, in one process, once compiled. Then whole processes are timed from their start, for 100,
1,000 and 10,000 days (the 1,000 of the workload ten times).
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

PROJECT = Path(__file__).resolve().parents[2]
PERF = PROJECT.parent / "shared" / "perf"
sys.path.insert(0, str(PROJECT))

from src.sweep import Stack, fixed_pair_stack, sweep  # noqa: E402 - the project is found first
from src.sweep_rules import Packed, Rules, pack  # noqa: E402

DAYS, ROWS, BLOCK, ROUNDS = 1000, 391, 1000, 9
COLUMNS = ("spy", "spx", "spy_bid", "spy_ask", "spx_bid", "spx_ask")
STRIKES = ("spy_strike", "spx_strike")
CORES = os.cpu_count() or 1
SETS = [
    (credit, stop, above)
    for credit in range(300, 700, 40)
    for stop in range(-1000, -200, 80)
    for above in range(5, 15)
]
OF_REFERENCE = (400, -500, 10)
"""Least credit, stop and threshold of the reference, in dollars."""

Numbers = NDArray[np.float64]


def rules(credit: int, stop: int, above: int) -> Rules:
    """Return a set of the workload: one trade a day, looked at each minute, no pin band."""
    return Rules(
        first=5,
        last=30,
        every=1,
        exit_check=375,
        step=1,
        final=1,
        closing_until=375,
        most_trades=1,
        most_spreads=1,
        cash=10**9,
        capital=1,
        share=10**6,
        loss=-100 * stop,
        day_loss=10**9,
        least_cents=100 * credit,
        least=float(credit),
        threshold=float(above),
        pin_dollars=-np.inf,
        pin_percent=-np.inf,
        jump=1.0,
    )


def columns_of(folder: Path, days: slice) -> dict[str, Numbers]:
    """Read some days of the workload, by day and minute; strikes by day."""
    found = {}
    for name in (*COLUMNS, *STRIKES):
        whole = np.load(folder / f"{name}.npy", mmap_mode="r")[days]
        found[name] = np.array(whole if name in COLUMNS else whole[:, 0])
    return found


def stack_of(folder: Path, days: slice) -> Stack:
    """Return some days as the sweep takes them."""
    return fixed_pair_stack(**columns_of(folder, days), fees=215)


def make_workload(folder: Path) -> None:
    """Write the workload's columns, each to a file."""
    sys.path.insert(0, str(PERF))
    import gen  # type: ignore[import-not-found] # noqa: PLC0415 - beside the checkout

    frame = gen.make(DAYS)
    for name in (*COLUMNS, *STRIKES):
        np.save(folder / f"{name}.npy", frame[name].to_numpy().reshape(DAYS, ROWS))


def reference_cents(folder: Path) -> list[int]:
    """Return each day's cents as the reference's own code reckons them."""
    source = (PERF / "reference.py").read_text(encoding="utf-8")
    columns = {name: np.load(folder / f"{name}.npy").ravel() for name in (*COLUMNS, *STRIKES)}
    lists: dict[str, Any] = {name: each.tolist() for name, each in columns.items()}
    lists["day"] = np.repeat(np.arange(DAYS), ROWS).tolist()
    lists["minute"] = np.tile(np.arange(ROWS), DAYS).tolist()
    table = SimpleNamespace(to_pydict=lambda: lists)
    # Its file of columns is not needed: they are here.
    code = source.replace("import pyarrow.parquet as pq", "")
    names: dict[str, Any] = {"pq": SimpleNamespace(read_table=lambda _: table), "__name__": "ref"}
    exec(compile(code, "reference.py", "exec"), names)  # noqa: S102 - the reference's own words
    return [row[4] for row in names["run"](DAYS)]


def floor_of(folder: Path) -> Callable[[], Numbers]:
    """Return the compiled loop of `p3_numba.py`, ready to be run on the workload."""
    _, *functions = (PERF / "p3_numba.py").read_text(encoding="utf-8").split("@nb.njit")
    body = "".join(f"@nb.njit{each}" for each in functions).partition("\nf, m, v")[0]
    module = folder / "floor_loop.py"
    module.write_text(f"import numpy as np, numba as nb\n{body}\n", encoding="utf-8")
    sys.path.insert(0, str(folder))
    import floor_loop  # type: ignore[import-not-found] # noqa: PLC0415 - written just now

    order = ("spy", "spx", "spy_strike", "spx_strike", *COLUMNS[2:])
    columns = [np.load(folder / f"{name}.npy").ravel() for name in order]
    sets = np.array(SETS, float)
    return lambda: floor_loop.sweep(*columns, sets)


def once(folder: Path, days: int) -> None:
    """Play the sets on so many days, a block at a time, and print what came of it."""
    sets, totals = pack([rules(*each) for each in SETS]), np.zeros(len(SETS), np.int64)
    for first in range(0, days, BLOCK):
        stack = stack_of(folder, slice(0, min(BLOCK, days - first)))
        totals += sweep(stack, sets, threads=CORES).pnl.sum(axis=1)
    sys.stdout.write(json.dumps({"total": int(totals.sum()), "mb": most_memory()}))


def most_memory() -> int:
    """Return the most megabytes that this process has held."""
    status = Path("/proc/self/status")
    if status.exists():  # what getrusage tells counts the parent's memory as well
        lines = status.read_text(encoding="utf-8").splitlines()
        return int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) // 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 * 1024)


def from_start(folder: Path, days: int, **environment: str) -> tuple[float, dict[str, int]]:
    """Time a process from its start to its end; return seconds and what it told."""
    command = [sys.executable, __file__, "--once", str(folder), str(days)]
    begin = time.perf_counter()
    answer = subprocess.run(
        command, check=True, capture_output=True, env={**os.environ, **environment}
    )
    return time.perf_counter() - begin, json.loads(answer.stdout)


def timed(work: Callable[[], object]) -> float:
    """Return how long one run takes, in seconds."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def compare(folder: Path, sets: Packed, rounds: int) -> None:
    """Print the two engines' times, taken in turns, and whether the cents are the same."""
    stack, floor = stack_of(folder, slice(0, DAYS)), floor_of(folder)

    def ours() -> NDArray[np.int64]:
        return sweep(stack, sets, threads=CORES).pnl

    theirs = np.rint(100 * floor()).astype(np.int64)
    same = bool((ours().sum(axis=1) == theirs).all())
    pairs = [(timed(floor), timed(ours)) for _ in range(rounds)]
    floor_time, own_time = (statistics.median(each) for each in zip(*pairs, strict=True))
    ratio = statistics.median(own / plain for plain, own in pairs)
    count = len(SETS) * DAYS
    print(f"{len(SETS)} sets x {DAYS} days on {CORES} threads, {rounds} rounds in turns, medians:")
    print(f"  compiled loop  {floor_time:.3f} s  {count / floor_time / 1e6:5.1f} M days/s")
    print(f"  sweep          {own_time:.3f} s  {count / own_time / 1e6:5.1f} M days/s")
    print(f"  sweep / loop   {ratio:.2f} (each round by itself); totals equal: {same}")
    exact = sweep(stack, [rules(*OF_REFERENCE)]).pnl[0].tolist()
    differ = sum(one != other for one, other in zip(exact, reference_cents(folder), strict=True))
    print(f"  days on which the cents differ from the reference: {differ} of {DAYS}")


def whole_processes(folder: Path) -> None:
    """Print how long processes take from their start, and how much memory."""
    with tempfile.TemporaryDirectory() as cache:
        seconds, _ = from_start(folder, DAYS, NUMBA_CACHE_DIR=cache)
        print(f"from a process's start to its end, {len(SETS)} sets:")
        print(f"  {DAYS:6} days  {seconds:.2f} s, the very first time, which compiles")
    for days in (100, 1000, 10_000):
        runs = [from_start(folder, days) for _ in range(3)]
        seconds = statistics.median(each for each, _ in runs)
        most = max(told["mb"] for _, told in runs)
        print(f"  {days:6} days  {seconds:.2f} s, {most} MB")


def main() -> int:
    """Print what was measured, or what is missing to measure it."""
    if not (PERF / "gen.py").exists():
        print("Not measured: the workload's folder, shared/perf beside the checkout, is missing.")
        return 1
    try:
        import numba  # noqa: F401, PLC0415 - only to say so where it is missing
    except ImportError:
        print("Not measured: numba is not installed (pip install -r requirements.txt).")
        return 1
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_workload(folder)
        compare(folder, pack([rules(*each) for each in SETS]), rounds)
        whole_processes(folder)
    return 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--once"]:
        once(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        sys.exit(main())
