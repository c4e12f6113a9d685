"""Every command that the documentation tells is run as it stands, or named with a reason."""

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.cli.player import PROJECT, install
from tests.fakes.machine_tools import Tools
from tests.fakes.tapes import a_tape

PAGES = ("README.md", "src/README.md", "config/README.md", "brokers/README.md", "data/README.md")
BEGINS = re.compile(
    r"(?:[A-Z_]+=\S+ )?(?:make|python|cp|touch|rm|kill|eval|crontab|sudo|source|\.venv/bin/python"
    r"|30 9)(?: .*)?"
)
WORDS = {"make", "touch", "source", "kill"}
"""What is a word or a column's name where it stands alone."""
BLOCK = re.compile(r"^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)
Prepare = Callable[[Path], object]


class Run(NamedTuple):
    """How a command is run, and how it must end.

    `instead` is what is run in its place, where it would take minutes: the same on less.
    `says` is a part of what it prints, on either side.
    """

    says: str = ""
    code: int = 0
    instead: str = ""
    prepare: Prepare | None = None


class Left(NamedTuple):
    """A command that is not run, and why not."""

    why: str


def halted(folder: Path) -> None:
    (folder / "data" / "HALT").touch()


def a_record(folder: Path) -> None:
    shutil.copy(folder / "data" / "demo" / "trades.db", folder / "data")


def quotes(folder: Path) -> None:
    """Write quotes as another program may have written them."""
    rows = ["time,ticker,bid,ask"]
    rows += [f"2026-07-07T09:{minute}:00-04:00,SPY,600.10,600.12" for minute in range(30, 60)]
    (folder / "quotes.csv").write_text("\n".join(rows) + "\n")


NO_KEYS = "broker.api_key and broker.api_secret are missing"
REASONS = "broker.paper_trading is true"
NO_TERMINAL = "there is no terminal to ask on"

COMMANDS: dict[str, Run | Left] = {
    # Try it.
    "make paper": Run("Result of the day: +$1,171.40, after fees."),
    "make test": Left("it is what runs this test"),
    'make paper ARGS="--seed 12"': Run("a generated day (seed 12"),
    "source .venv/bin/activate": Left("it belongs to a shell; the tests have their own Python"),
    ".venv/bin/python": Run(instead=".venv/bin/python --version", says="Python 3."),
    "python scripts/main.py --paper --seed 12": Run("No trade"),
    "python scripts/main.py --replay data/demo/tapes/2026-06-01.csv.gz": Run("+$1,171.40"),
    "python scripts/main.py --explain": Run("SIMULATED"),
    "python scripts/main.py --explain --replay data/demo/tapes/2026-06-01.csv.gz --at 09:40": Run(
        "09:40"
    ),
    "python scripts/main.py --paper --speed 60": Run(
        "Database: ", instead="python scripts/main.py --paper --speed 60000"
    ),
    "python scripts/main.py --help": Run("exit codes:"),
    # Keys and the doctor.
    "cp .env.example .env && chmod 600 .env": Run(),
    "python scripts/doctor.py": Run("keys: not given"),
    "python scripts/main.py --paper": Run("SIMULATED"),
    "python scripts/main.py": Run(NO_KEYS, code=2),
    # Paper for four weeks.
    "python scripts/report.py --week 2026-11-27": Run(
        "No session was recorded in this range", prepare=a_record
    ),
    "python scripts/control.py status": Run("No position is open."),
    "python scripts/doctor.py --notify": Run("notifications"),
    # Starting by itself.
    "make install-launchd": Run(NO_TERMINAL, code=2),
    "make install-cron": Run(NO_TERMINAL, code=2),
    "make remove-launchd": Run("nothing was changed"),
    "make remove-cron": Run("Your crontab has no lines of this program"),
    "sudo pmset repeat wakeorpoweron MTWRF 14:15:00": Left("it sets when a Mac wakes, as root"),
    "30 9 * * 1-5  cd /path/to/optionsarbitrage && .venv/bin/python scripts/main.py": Run(
        NO_KEYS, code=2, instead="cd . && .venv/bin/python scripts/main.py"
    ),
    # Watching and stopping.
    "python scripts/control.py reduce-only": Run("Mode reduce-only is set"),
    "python scripts/control.py close": Run("Mode close is set"),
    "python scripts/control.py halt": Run("Mode halt is set"),
    "python scripts/control.py resume": Run("Mode normal"),
    "touch data/HALT": Run(instead="touch data/HALT && python scripts/control.py status", says="a"),
    "rm data/HALT": Run(prepare=halted),
    "python scripts/dashboard.py": Run("127.0.0.1", instead="python scripts/dashboard.py --help"),
    "python scripts/report.py 2026-06-01 --data-dir data/demo": Run("+$1,171.40"),
    "python scripts/report.py --from 2026-01-01 --to 2026-12-31 --data-dir data/demo": Run(
        "+$1,171.40"
    ),
    # When something is wrong.
    "python scripts/start_day.py": Run(
        "starts it again", instead="python scripts/start_day.py --help"
    ),
    "crontab -l": Run("no crontab for you", code=1),
    # What it writes.
    "python scripts/export.py 2026-01-01 2026-12-31 --data-dir data/demo": Run("trades_2026"),
    # Real money.
    "python scripts/doctor.py --live": Run(REASONS, code=3),
    "python scripts/main.py --live": Run(REASONS, code=3),
    "LIVE_ACCOUNT_ID=U1234567 make install-launchd ARGS=--live": Run(NO_TERMINAL, code=2),
    # History and backtests.
    "python scripts/backfill.py fetch --source alpaca --from 2026-10-01 --to 2026-10-30": Run(
        "broker.api_key", code=2
    ),
    "python scripts/backfill.py import quotes.csv --kind quotes "
    "--map timestamp=time,symbol=ticker": Run("2026-07-07", prepare=quotes),
    "python scripts/backfill.py verify data/tapes": Run("2026-07-06"),
    "python scripts/backtest.py data/tapes --closes closes.csv --from 2026-07-01": Run("1 day"),
    "python scripts/backtest.py --generated 0:200 --fills worse --latency 0.5": Run(
        "SIMULATED",
        instead="python scripts/backtest.py --generated 0:2 --fills worse --latency 0.5 --jobs 1",
    ),
    "python scripts/backtest.py sweep --generated 0:100 --grid "
    "strategy.min_entry_credit=300:700:100 --grid strategy.exit_threshold=5,10,15": Run(
        "SIMULATED",
        instead="python scripts/backtest.py sweep --generated 0:2 --jobs 1 --grid "
        "strategy.min_entry_credit=300:700:100 --grid strategy.exit_threshold=5,10,15",
    ),
    # At a port on which nobody listens: a Gateway of the reader's is left alone.
    "python scripts/main.py --paper --start-at 2026-11-23T09:34:00 --speed 60 "
    "--set broker.name=ibkr": Run(
        "TWS or IB Gateway does not answer",
        code=4,
        instead="python scripts/main.py --paper --start-at 2026-11-23T09:34:00 --speed 60 "
        "--set broker.name=ibkr --set broker.ibkr.port=1",
    ),
    # The code.
    "make check": Left("ruff and mypy on all files take a minute; .ci/run runs it"),
    "make bench": Left("it measures for minutes"),
    "python scripts/simulate.py --seeds 0:200 --jobs 2": Run(
        "No invariant was violated", instead="python scripts/simulate.py --seeds 0:2 --jobs 1"
    ),
    "python scripts/simulate.py --seed 7 --trace": Run("seed 7"),
    'eval "$(.venv/bin/python scripts/completion.py zsh)"': Run(
        "main.py", instead=".venv/bin/python scripts/completion.py zsh"
    ),
}


def told() -> set[str]:
    """Return every command of the pages: a line of a block, or a span that begins like one."""
    found = set()
    for page in PAGES:
        text = (PROJECT / page).read_text(encoding="utf-8")
        lines = [line for block in BLOCK.findall(text) for line in block.splitlines()]
        lines += re.findall(r"`([^`\n]+)`", BLOCK.sub("", text))
        plain = (re.sub(r"\s{2,}#.*", "", line).strip() for line in lines)
        found |= {each for each in plain if BEGINS.fullmatch(each) and each not in WORDS}
    return found


def test_every_command_of_the_documentation_is_run_or_left_for_a_reason() -> None:
    assert told() == set(COMMANDS)


def page(name: str = "README.md") -> str:
    return (PROJECT / name).read_text(encoding="utf-8")


def test_every_link_of_the_documentation_leads_somewhere() -> None:
    for name in PAGES:
        for link in re.findall(r"\]\(([^)\s]+)\)", page(name)):
            file, _, place = link.partition("#")
            target = (PROJECT / name).parent / file if file else PROJECT / name
            assert target.is_file(), f"{name}: {link}"
            if not place:
                continue
            titles = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w -]", "", each).lower().replace(" ", "-") for each in titles}
            assert place in anchors, f"{name}: {link}"


def spoken() -> str:
    """Return every text that the program may say, each on a line; what is filled in is left out."""
    return "\n".join(
        " ".join(node.value.split())
        for room in ("src", "brokers", "utils", "scripts")
        for file in (PROJECT / room).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def test_what_is_looked_up_in_the_runbook_is_what_the_program_says() -> None:
    symptoms = page().split("## When something is wrong")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (.*?) \|", symptoms, re.MULTILINE)
    quoted = [each for row in rows[1:] for each in re.findall(r"`([^`]+)`", row)]
    assert len(quoted) > 20
    said = spoken()
    known = {"logs/cron.log", "HALT", "status"}
    for phrase in (each for each in quoted if each not in known and "python" not in each):
        for part in re.split(r"\s*\.\.\.\s*|\(database or disk is full\)|\(\)", phrase):
            assert part in said, f"{phrase}: {part}"


def test_the_table_of_commands_has_every_command() -> None:
    named = set(re.findall(r"`(\w+\.py)`", page().split("## How the code is laid out")[1]))
    there = {
        file.name
        for file in (PROJECT / "scripts").glob("*.py")
        if 'if __name__ == "__main__"' in file.read_text(encoding="utf-8")
    }
    # What other commands start: `backtest.py sweep`, and the page of `dashboard.py`.
    assert there <= named | {"run_sweep.py", "dashboard_page.py"}
    assert {each for each in named if each.islower()} - {"trading_day.py"} <= there


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project as it lies after a first `make paper`, with a recorded session."""
    root = install(tmp_path_factory.mktemp("optionsarbitrage") / "project")
    for name in ("fakes", "simulation"):  # where simulate.py comes from
        shutil.copytree(PROJECT / "tests" / name, root / "tests" / name)
    for name in ("Makefile", "requirements.txt", "requirements-dev.txt", ".env.example"):
        shutil.copy2(PROJECT / name, root / name)
    python = root / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o700)
    for mark in (".installed", ".installed-tests"):
        (root / ".venv" / mark).touch()
    (root / "closes.csv").write_text("date,spy_close,spx_close\n2026-07-06,600.25,6002.5\n")
    a_tape(root / "data" / "tapes", day=date(2026, 7, 6))
    played = run(root, "make paper")
    assert played.returncode == 0, played.stderr
    (root / "story").write_text(played.stdout)
    return root


def test_the_story_in_the_readme_is_the_one_that_is_told(prepared: Path) -> None:
    told = page().split("Shortened:\n\n```\n")[1].split("```")[0].splitlines()
    lines = iter((prepared / "story").read_text().splitlines())
    for line in told:
        begin, dots, _ = line.partition(" ...")
        assert any(each == line or (dots and each.startswith(begin)) for each in lines), line


def run(root: Path, command: str) -> "subprocess.CompletedProcess[str]":
    tools = root.parent / f"{root.name} tools"
    if not tools.exists():
        Tools(tools, "crontab", "launchctl")
        (tools / "python").symlink_to(root / ".venv" / "bin" / "python")
    return subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=root,
        env={"PATH": f"{tools}:{os.environ['PATH']}", "HOME": str(root.parent)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    "command", [each for each, how in COMMANDS.items() if isinstance(how, Run)]
)
def test_a_command_of_the_documentation_does_what_is_told(
    command: str, prepared: Path, tmp_path: Path
) -> None:
    how = COMMANDS[command]
    assert isinstance(how, Run)
    root = Path(shutil.copytree(prepared, tmp_path / "project"))
    if how.prepare:
        how.prepare(root)
    answer = run(root, how.instead or command)
    printed = answer.stdout + answer.stderr
    assert answer.returncode == how.code, printed
    assert how.says in printed
    assert "Traceback" not in printed
