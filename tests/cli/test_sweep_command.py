"""A sweep as a person starts it, interrupts it, and reads it."""

import csv
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from brokers.backtest_market import FillModel
from scripts.backtest_days import Plan
from scripts.run_sweep import main
from scripts.sweep_chunks import Kept, Task, digest, joined, on_this_machine, tasks_of
from scripts.sweep_report import played
from src.ports import MendInput
from src.settings import Settings
from src.sweep import Outcome
from src.sweep_grid import Axis, parse_axis
from tests.fakes.clusters import a_cluster

GRID = ("strategy.min_entry_credit=0,100", "strategy.strike_rule=atm,matched")
DAYS = list(range(20))


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def a_plan(folder: Path, *texts: str) -> Plan:
    return Plan(Settings.defaults().changed(*texts), folder, FillModel(), {})


def axes(*texts: str) -> list[Axis]:
    return [parse_axis(text) for text in texts or GRID]


def tasks(folder: Path) -> list[Task]:
    return tasks_of(a_plan(folder), axes(), DAYS)


def sweep_of(out: Path, *arguments: str) -> int:
    given = [part for text in GRID for part in ("--grid", text)]
    return main([*given, "--out", str(out), "--jobs", "1", *arguments])


def table_in(out: Path) -> list[dict[str, str]]:
    with (out / "sweep.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@dataclass(frozen=True, slots=True)
class Interrupted(Kept):
    """A person who presses Ctrl-C as the second chunk has been kept."""

    saved: list[int] = field(default_factory=list)

    def save(self, place: int, chunk: Outcome) -> None:
        Kept.save(self, place, chunk)
        self.saved.append(place)
        if len(self.saved) == 2:
            raise KeyboardInterrupt


def test_a_sweep_ranks_every_set_and_tells_how_many_were_tried(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert sweep_of(tmp_path, "--generated", "0:20", "--exact", "1") == 0
    rows = table_in(tmp_path)
    assert [row["rank"] for row in rows] == ["1", "2", "3", "4"]
    totals = [float(row["total_pnl"]) for row in rows]
    assert totals == sorted(totals, reverse=True)
    assert sum(int(row["trades"]) for row in rows)
    told = capfd.readouterr()
    assert told.out.startswith("SIMULATED: 4 parameter sets on 20 days.")
    different = len({row["total_pnl"] for row in rows})
    assert f"4 parameter sets tried on the same days, with {different} different" in told.out
    assert "fewer than 30 trades" in told.out
    assert "all others to the same cent" in told.out
    assert told.err == ""
    assert [each.name for each in tmp_path.iterdir()] == ["sweep.csv"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Name a folder of tapes, or generated days"),
        (("2026-01-26.csv.gz",), "the file cannot be read"),
        (("--generated", "0:2", "--grid", "strategy.exit=1"), "there is no setting strategy.exit"),
        (("--generated", "0:2", "--from", "2026-01-02"), "generated days are named by seed"),
        (
            ("--generated", "0:200000", "--grid", "strategy.exit_threshold=1:100:1"),
            "more than the 20,000,000 results",
        ),
        (
            ("--generated", "0:2", "--set", "trading_hours.monitor_interval_seconds=30"),
            "must be whole minutes",
        ),
    ],
)
def test_what_cannot_be_swept_ends_in_a_sentence_and_exit_2(
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    words: str,
) -> None:
    assert sweep_of(tmp_path, *arguments) == 2
    assert words in capfd.readouterr().err


def test_a_sweep_that_varies_nothing_is_refused_with_a_way_out(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["--generated", "0:2", "--out", str(tmp_path)]) == 2
    assert "Name what to vary with --grid" in capfd.readouterr().err


def test_an_interrupted_sweep_goes_on_with_what_it_has_kept(tmp_path: Path) -> None:
    work, folder = tasks(tmp_path), tmp_path / "kept"
    whole = joined(played(work, Kept(tmp_path / "other"), 1, None))
    with pytest.raises(KeyboardInterrupt):
        played(work, Interrupted(folder), 1, None)
    assert len(list(folder.iterdir())) == 2
    later = Interrupted(folder)
    again = joined(played(work, later, 1, None))
    assert later.saved == [2]
    assert (again.pnl == whole.pnl).all()
    assert (again.trades == whole.trades).all()


def test_a_kept_file_that_is_damaged_is_played_again(tmp_path: Path) -> None:
    work, kept = tasks(tmp_path), Kept(tmp_path / "kept")
    whole = joined(played(work, kept, 1, None))
    (kept.folder / "000001.npz").write_bytes(b"PK\x03\x04 cut off")
    (kept.folder / "000002.npz").write_bytes(b"")
    assert (joined(played(work, kept, 1, None)).pnl == whole.pnl).all()


def test_a_sweep_that_cannot_keep_what_is_finished_says_where_and_why(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    out.write_text("a file where a folder should be")
    assert sweep_of(out, "--generated", "0:2") == 2
    told = capfd.readouterr().err
    assert told.startswith(f"optionsarbitrage: {out}")
    assert "could not be written" in told


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device here")
def test_a_full_disk_ends_a_sweep_in_a_sentence_and_leaves_no_half_file(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    (tmp_path / "000000.part").symlink_to("/dev/full")
    (chunk,) = [found for _, found in on_this_machine(tasks(tmp_path)[:1], 1)]
    with pytest.raises(MendInput, match=r"000000\.npz could not be written .No space left"):
        kept.save(0, chunk)
    assert list(tmp_path.glob("0*")) == []


def test_two_processes_find_what_one_does(tmp_path: Path) -> None:
    work = tasks(tmp_path)
    alone = joined([chunk for _, chunk in on_this_machine(work, 1)])
    found = dict(on_this_machine(work, 2))
    assert (joined([found[place] for place in range(len(work))]).pnl == alone.pnl).all()


def test_a_dask_cluster_finds_what_this_machine_does(tmp_path: Path) -> None:
    work = tasks(tmp_path)
    alone = joined(played(work, Kept(tmp_path / "alone"), 1, None))
    with a_cluster() as address:
        there = joined(played(work, Kept(tmp_path / "there"), 1, address))
    assert (there.pnl == alone.pnl).all()
    assert np.array_equal(there.doubt, alone.doubt)


def test_what_is_kept_counts_only_for_the_same_grid_settings_and_days(tmp_path: Path) -> None:
    plan = a_plan(tmp_path)
    tape = tmp_path / "2026-01-26.csv"
    tape.write_text("one")
    keys = [
        digest(plan, axes(), DAYS),
        digest(plan, axes(GRID[0]), DAYS),
        digest(a_plan(tmp_path, "strategy.max_spreads=1"), axes(), DAYS),
        digest(plan, axes(), DAYS[1:]),
        digest(plan, axes(), [tape]),
    ]
    tape.write_text("another")
    keys.append(digest(plan, axes(), [tape]))
    (tmp_path / "2026-01-26.json").write_text("{}")
    keys.append(digest(plan, axes(), [tape]))
    assert len(set(keys)) == len(keys)
    assert digest(plan, axes(), DAYS) == keys[0]
