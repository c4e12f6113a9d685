"""Runs a sweep from its days to its ranking, and says what a person must know of it."""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from brokers.backtest_market import FillModel
from brokers.tape import date_of
from scripts.backtest_days import Day, Plan, results, without_closes
from scripts.many_days import chosen_days
from scripts.sweep_chunks import Kept, Task, grid_of, joined, on_this_machine, play_chunk, tasks_of
from src.exports import write_atomically
from src.ports import MendInput
from src.settings import Settings
from src.sweep import Doubt, Outcome
from src.sweep_grid import Grid, parse_axis
from src.sweep_ranking import FEWEST_TRADES, Row, csv_text, doubts, ranking
from src.words import money
from utils.console import Console
from utils.dask_cluster import run_on_cluster
from utils.progress import Progress

MOST_RESULTS = 20_000_000


def run_sweep(
    args: argparse.Namespace, settings: Settings, jobs: int, project: Path, console: Console
) -> None:
    """Play every parameter set on every day, rank them, and write the table."""
    if not args.axes:
        raise MendInput(
            "Name what to vary with --grid, such as --grid strategy.min_entry_credit=300:700:100; "
            "the settings as they are is what scripts/backtest.py plays without the word sweep."
        )
    axes = [parse_axis(text) for text in args.axes]
    plan, days = chosen_days(args, settings, project, FillModel(args.fills))
    grid = grid_of(plan, axes)
    if len(grid.sets) * len(days) > MOST_RESULTS:
        raise MendInput(
            f"{len(grid.sets):,} parameter sets on {len(days):,} days are more than the "
            f"{MOST_RESULTS:,} results that a sweep keeps in memory: take fewer of either."
        )
    tasks = tasks_of(plan, axes, days)
    kept = Kept(args.out / tasks[0].key)
    console.line(f"SIMULATED: {_count(len(grid.sets), 'parameter set')} on {len(days):,} days.")
    if grid.left_out:
        words = " ".join(grid.why_left_out.split())
        console.line(f"Left out: {grid.left_out:,} that the settings do not allow. {words}")
    outcome = joined(played(tasks, kept, jobs, args.scheduler))
    rows = ranking(outcome)
    for line in [*table(grid, rows[: args.show]), *cautions(rows, outcome)]:
        console.line(line)
    if words := without_closes(plan, [date_of(day) for day in days if isinstance(day, Path)]):
        console.line(f"Caution: {words}.")
    file = args.out / "sweep.csv"
    write_atomically(file, csv_text(grid, rows))
    console.line(f"Written: {file}")
    kept.forget()
    for rank, row in enumerate(rows[: args.exact or 0], start=1):
        console.line(_exactly(rank, row, plan, grid, days, outcome, jobs))


def played(tasks: Sequence[Task], kept: Kept, jobs: int, scheduler: str | None) -> list[Outcome]:
    """Return all chunks in order: those that were finished before, and the others played now."""
    done = {place: chunk for place in range(len(tasks)) if (chunk := kept.load(place))}
    open_places = [place for place in range(len(tasks)) if place not in done]
    rest = [tasks[place] for place in open_places]
    progress = Progress(len(tasks))
    try:
        progress.step(len(done), "tables and parameter sets")
        for number, chunk in _chunks(rest, jobs, scheduler):
            place = open_places[number]
            kept.save(place, chunk)
            done[place] = chunk
            progress.step(len(done), "tables and parameter sets")
    finally:
        progress.clear()
    return [done[place] for place in range(len(tasks))]


def _chunks(
    tasks: Sequence[Task], jobs: int, scheduler: str | None
) -> Iterator[tuple[int, Outcome]]:
    if not tasks:
        return iter(())
    if scheduler:
        return run_on_cluster(scheduler, play_chunk, tasks)
    return on_this_machine(tasks, jobs)


def table(grid: Grid, rows: Sequence[Row]) -> list[str]:
    """Return the first sets of a ranking as lines of columns."""
    keys = [each.key.rpartition(".")[2] for each in grid.axes]
    head = ["rank", "total", "trades", "each", "days", "worst day", "drawdown", "Sharpe", "DSR"]
    lines = [[*head, *keys]]
    for rank, row in enumerate(rows, start=1):
        ratio = "-" if row.sharpe is None else f"{row.sharpe:.3f}"
        chance = "-" if row.deflated is None else f"{row.deflated:.3f}"
        each = "-" if row.per_trade is None else money(row.per_trade)
        figures = (rank, money(row.total), row.trades, each, row.days, money(row.worst_day))
        lines.append(
            [*map(str, figures), f"${row.drawdown:,.2f}", ratio, chance]
            + [grid.sets[row.place].values[axis.key] for axis in grid.axes]
        )
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]


def cautions(rows: Sequence[Row], outcome: Outcome) -> list[str]:
    """Return what must be known before any of the sets is believed."""
    tried = _count(len(rows), "parameter set")
    different = _count(len({row.tobytes() for row in outcome.pnl}), "different result")
    lines = [f"{tried} tried on the same days, with {different}."]
    lines += [
        "The best of many looks good by luck alone. DSR, the deflated Sharpe ratio, is the",
        "probability that a set is more than that luck, as if no two tries were alike.",
        "Below 0.95 believe none, and above it try new days. Sharpe is by day, not annualised.",
    ]
    if few := sum(row.trades < FEWEST_TRADES for row in rows):
        lines.append(
            f"{few:,} of the {len(rows):,} sets made fewer than {FEWEST_TRADES} trades: too few "
            "for a ratio, so none is given."
        )
    if found := doubts(outcome):
        pairs = outcome.doubt.size
        lines.append(
            f"Not followed: {found.total():,} of {pairs:,} days of a set; they count nowhere "
            "(--exact plays them on the trading day itself):"
        )
        lines += [f"  {number:,}: {doubt.words}" for doubt, number in found.most_common()]
    return lines


def _exactly(
    rank: int,
    row: Row,
    plan: Plan,
    grid: Grid,
    days: Sequence[Day],
    outcome: Outcome,
    jobs: int,
) -> str:
    """Play one set on the trading day itself, and say what it made there.

    Raises AssertionError when a day that was followed ended otherwise: a fault of this program.
    """
    exact = replace(plan, settings=grid.sets[row.place].settings)
    cents = np.array([round(100 * each.pnl) for each in results(exact, days, jobs)])
    followed = outcome.doubt[row.place] == Doubt.NONE
    wrong = np.flatnonzero(followed & (cents != outcome.pnl[row.place]))
    if len(wrong):
        names = ", ".join(str(days[place]) for place in wrong[:5])
        raise AssertionError(
            f"set {rank}: on {len(wrong)} days the sweep and the trading day differ ({names})"
        )
    rest = int(cents[~followed].sum()) / 100
    others = _count(int((~followed).sum()), "day")
    return (
        f"Rank {rank} on the trading day itself: {money(int(cents.sum()) / 100)}, of which "
        f"{money(rest)} on {others} that the sweep did not follow; all others to the same cent."
    )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
