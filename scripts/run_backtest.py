"""Runs the backtest of a command line: its days, its words, its files, its exit code."""

import argparse
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from brokers.backtest_market import FillModel
from scripts.backtest_days import Day, Plan, results, tapes_in, without_closes
from scripts.many_days import chosen_days, run_safely
from src.backtest import GENERATED, DayResult
from src.backtest_figures import figures
from src.backtest_sheets import days_sheet, trades_sheet
from src.backtest_summary import SIMULATED, summary, trade_line
from src.exports import csv_text, write_atomically
from src.ports import MendInput
from src.settings import Settings
from src.words import ended
from utils.console import Console, complain
from utils.html_report import report_html
from utils.progress import Progress

_log = logging.getLogger("optionsarbitrage")


def run(args: argparse.Namespace, project: Path) -> int:
    """Run the backtest; every failure ends in one sentence and its exit code."""
    return run_safely(
        lambda settings: _run(args, settings, project, Console()),
        args,
        project,
        name="backtest",
        interrupted="Interrupted; no file was written.",
    )


def _run(args: argparse.Namespace, settings: Settings, project: Path, console: Console) -> None:
    model = FillModel(args.fills, args.latency, args.assumed_size)
    plan, days = chosen_days(args, settings, project, model)
    jobs = args.jobs or os.cpu_count() or 1
    if args.compare_rules:
        _compare(plan, tapes_in(args.places, args.first, args.last), jobs, console)
        return
    done = traded(plan, days, jobs)
    _tell(args, plan, done, _Silent() if args.json else console)
    if args.json:
        console.data(_as_json(done, args.out))


def traded(plan: Plan, days: Sequence[Day], jobs: int) -> list[DayResult]:
    """Return what became of these days, with a line of progress on a terminal."""
    progress = Progress(len(days))
    done: list[DayResult] = []
    try:
        for result in results(plan, days, jobs):
            done.append(result)
            progress.step(len(done), f"{result.day}")
    finally:
        progress.clear()
    return done


def _tell(
    args: argparse.Namespace, plan: Plan, done: Sequence[DayResult], console: Console
) -> None:
    found = figures(done)
    text = summary(done, found, assumptions(plan, done))
    for line in text.splitlines():
        console.line(line)
    if args.trades:
        for day in done:
            for line in trade_line(day):
                console.line(line)
    pages = {
        f"{sheet.name}.csv": csv_text(sheet)
        for sheet in (trades_sheet(done), days_sheet(done, found.points))
    }
    if not args.no_html:
        try:
            pages["backtest.html"] = report_html(done, found, text)
        except MendInput as error:
            complain(str(error))
    _write(pages, args.out, console)


def _write(pages: Mapping[str, str], folder: Path, console: Console) -> None:
    """Write all that can be written. Raises MendInput with what could not."""
    problems = []
    for name, content in pages.items():
        try:
            write_atomically(folder / name, content)
        except MendInput as error:  # open in another program, perhaps
            problems.append(ended(str(error)))
        else:
            console.line(f"Written: {folder / name}")
    if problems:
        raise MendInput(" ".join(problems))


class _Silent(Console):
    """Writes the same into the log and prints nothing."""

    def _print(self, text: str, *, plain: bool = False) -> None:
        del text, plain


def _as_json(done: Sequence[DayResult], out: Path) -> Mapping[str, object]:
    found = figures(done)
    told = found.statistics
    return {
        "simulated": True,
        "days": found.days,
        "days_traded": found.days_traded,
        "looks": found.looks,
        "priced": found.priced,
        "qualified": found.qualified,
        "trades": told.trades,
        "wins": told.wins,
        "win_rate": told.win_rate,
        "profit_factor": told.profit_factor,
        "fees": found.fees,
        **{
            name: None if (amount := getattr(told, name)) is None else float(amount)
            for name in ("total", "average", "best", "worst", "max_drawdown")
        },
        "out": str(out),
    }


def assumptions(plan: Plan, done: Sequence[DayResult]) -> tuple[str, ...]:
    """Return in words how the days are traded, and by which closes they end."""
    rules, hours = plan.settings.strategy, plan.settings.trading_hours
    cash = plan.settings.simulation.starting_cash
    fills = f"fills {plan.model}; fees by schedule {plan.settings.fees.schedule}, in and out"
    entries = (
        f"entries from {hours.entry_start:%H:%M} to {hours.entry_end:%H:%M}, every "
        f"{hours.entry_check_seconds:g} s, above ${rules.min_entry_credit:,.2f} a spread, strikes "
        f"{rules.strike_rule}, exit check {hours.exit_check:%H:%M}"
    )
    account = f"each day begins with ${cash:,.0f} and nothing halted"
    closes = without_closes(plan, [day.day for day in done if day.kind != GENERATED])
    return tuple(filter(None, (fills, entries, account, closes)))


def _compare(plan: Plan, tapes: Sequence[Path], jobs: int, console: Console) -> None:
    from scripts.compare_rules import table  # noqa: PLC0415 - only who asks for it

    console.line(SIMULATED)
    for line in table(plan, tapes, jobs):
        console.line(line)
