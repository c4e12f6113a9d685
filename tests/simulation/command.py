"""What `scripts/simulate.py` does: many seeds, or the story of one."""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import NoReturn

from src.words import count
from tests.simulation.faults import parse_kinds
from tests.simulation.runner import Outcome, simulate, simulate_days, story
from tests.simulation.sessions import draw_day, draw_days
from tests.simulation.shrink import shrink
from utils.progress import Progress

CHUNK = 25


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def run(args: argparse.Namespace, refuse: Callable[[str], NoReturn]) -> int:
    """Run the command; return 1 when an invariant was violated. `refuse` ends on bad usage."""
    try:
        kinds = parse_kinds(args.faults)
        seeds = (
            range(*_bounds(args.seeds)) if args.seed is None else range(args.seed, args.seed + 1)
        )
    except ValueError as error:
        refuse(str(error))
    if args.trace:
        return _trace(seeds[0], kinds)
    begin = time.perf_counter()
    violations: Counter[str] = Counter()
    days = trades = starts = 0
    progress = Progress(len(seeds) * args.days)
    for outcome in _outcomes(seeds, partial(_play, kinds=kinds, days=args.days), args.jobs):
        days += 1
        progress.step(days, count(sum(violations.values()), "violation"))
        trades, starts = trades + outcome.trades, starts + outcome.starts
        if outcome.violation:
            violations[outcome.violation.name] += 1
            if sum(violations.values()) <= args.show:
                progress.clear()
                _show(outcome)
    progress.clear()
    seconds = time.perf_counter() - begin
    rate = days / seconds
    _print(
        f"{days:,} days, {trades:,} trades, {starts:,} starts of the program, in "
        f"{seconds:.1f} s: {rate:.1f} days a second, {rate / args.jobs:.1f} a core."
    )
    found = ", ".join(f"({name}) {times}" for name, times in sorted(violations.items()))
    _print(f"Violations: {found}." if found else "No invariant was violated.")
    return 1 if violations else 0


def _bounds(text: str) -> tuple[int, int]:
    first, _, last = text.partition(":")
    if not (first.isdigit() and last.isdigit() and int(first) < int(last)):
        raise ValueError(f"--seeds {text}: give two whole numbers, such as 0:2000")
    return int(first), int(last)


def _outcomes(seeds: range, play: Callable[[range], list[Outcome]], jobs: int) -> Iterator[Outcome]:
    chunks = [seeds[start : start + CHUNK] for start in range(0, len(seeds), CHUNK)]
    if jobs == 1:
        for chunk in chunks:
            yield from play(chunk)
        return
    with ProcessPoolExecutor(jobs) as pool:
        for outcomes in pool.map(play, chunks):
            yield from outcomes


def _play(seeds: range, kinds: Sequence[str], days: int) -> list[Outcome]:
    if days == 1:
        return [simulate(draw_day(seed, kinds)) for seed in seeds]
    weeks = (simulate_days(draw_days(seed, days, kinds)) for seed in seeds)
    return [outcome for week in weeks for outcome in week]


def _show(outcome: Outcome) -> None:
    alone = simulate(outcome.plan)
    # What needs the days before it cannot be shrunk by itself.
    smallest = shrink(outcome, simulate) if alone.violation else outcome
    _print(f"{outcome.plan}\n  VIOLATED: {outcome.violation}")
    if str(smallest.violation) != str(outcome.violation):
        _print(f"  and with the faults below: {smallest.violation}")
    _print(f"  faults that are enough ({len(smallest.plan.faults)} of {len(outcome.plan.faults)}):")
    for fault in smallest.plan.faults:
        _print(f"    {fault}")
    _print("  last events:")
    for line in smallest.last_events[-25:]:
        _print(f"    {line}")
    _print(f"  the whole story: python scripts/simulate.py --seed {outcome.plan.seed} --trace\n")


def _trace(seed: int, kinds: Sequence[str]) -> int:
    plan = draw_day(seed, kinds)
    _print(str(plan))
    for fault in plan.faults:
        _print(f"  fault: {fault}")
    outcome = story(plan, _print)
    _print(f"VIOLATED: {outcome.violation}" if outcome.violation else "No invariant was violated.")
    _print(f"Record: {outcome.digest}")
    sys.stdout.flush()
    return 1 if outcome.violation else 0
