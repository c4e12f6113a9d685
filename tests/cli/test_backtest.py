"""What a person who backtests types and sees."""

import csv
import gzip
import json
import signal
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest

from scripts.backtest import main
from tests.fakes.builders import DAY
from tests.fakes.tapes import FAIR, a_tape

PROJECT = Path(__file__).resolve().parents[2]
ONCE_LOADED = """
import sys
import scripts.run_backtest
from scripts.backtest import main
print("ready", flush=True)
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of two tapes: one that trades, and one of which nothing comes."""
    a_tape(tmp_path / "tapes")
    a_tape(tmp_path / "tapes", day=DAY + timedelta(days=1), spy_quote=FAIR)
    return tmp_path / "tapes"


class Person:
    """Types a command and reads the answer."""

    def __init__(self, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.out = out
        self._capsys = capsys

    def types(self, *words: object, code: int = 0) -> str:
        assert main([*map(str, words), "--out", str(self.out)]) == code, self._capsys.readouterr()
        return self._capsys.readouterr().out

    def is_refused(self, *words: object) -> str:
        """Return the one sentence that is said."""
        assert main([*map(str, words), "--out", str(self.out)]) == 2
        told = self._capsys.readouterr()
        assert told.err.startswith("optionsarbitrage: ")
        assert told.err.count("\n") == 1
        assert "Traceback" not in told.err + told.out
        assert not self.out.exists()
        return told.err

    def rows(self, name: str) -> list[dict[str, str]]:
        return list(csv.DictReader((self.out / f"{name}.csv").read_text().splitlines()))


@pytest.fixture
def person(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Person:
    return Person(tmp_path / "out", capsys)


def test_a_folder_of_tapes_is_traded_told_and_written(person: Person, folder: Path) -> None:
    told = person.types(folder, "--jobs", 1, "--no-html", "--trades")
    lines = told.splitlines()
    assert lines[0] == "SIMULATED: no order left this machine, no money moved."
    assert "Days            2 (2 quotes), 2026-03-09 to 2026-03-10" in told
    assert "P&L             -$168.60 over 1 trade, fees of $8.60 paid" in told
    assert "2026-03-09 09:35 2 x 600/6000" in told
    (trade,) = person.rows("backtest_trades")
    assert (trade["final_pnl"], trade["exit_reason"]) == ("-168.60", "PRE_EXPIRATION")
    assert trade["simulated"] == "SIMULATED"
    days = person.rows("backtest_days")
    assert [(day["trades"], day["equity"]) for day in days] == [("1", "-168.60"), ("0", "-168.60")]


def test_two_processes_come_to_the_same_as_one(person: Person, folder: Path) -> None:
    person.types(folder, "--jobs", 1, "--no-html")
    first = [person.rows(name) for name in ("backtest_trades", "backtest_days")]
    person.types(folder, "--jobs", 2, "--no-html")
    assert [person.rows(name) for name in ("backtest_trades", "backtest_days")] == first


@pytest.mark.parametrize("command", ["backtest", "sweep"])
def test_a_tape_s_day_expects_its_ratio_by_all_the_closes_that_are_told_beside_it(
    person: Person, folder: Path, command: str
) -> None:
    beside = folder / "2026-03-09.json"
    told = json.loads(beside.read_text())

    def closes(spx: float, days: range) -> list[dict[str, object]]:
        return [{"date": f"2026-03-0{day}", "SPY": 600.0, "SPX": spx} for day in days]

    def trades(*before: dict[str, object]) -> str:
        beside.write_text(json.dumps({**told, "closes_before": before}))
        tape = folder / "2026-03-09.csv.gz"
        if command == "backtest":
            person.types(tape, "--no-html", "--jobs", 1)
            return person.rows("backtest_days")[0]["trades"]
        person.types("sweep", tape, "--jobs", 1, "--exact", 1, "--grid", "strategy.max_spreads=1,2")
        return person.rows("sweep")[0]["trades"]

    off, sound = closes(5950.0, range(6, 7)), closes(6000.0, range(2, 6))
    assert trades(*off) == "0"
    assert trades(*sound, *off) == "1", "one of five was off"


def test_a_range_of_days_leaves_the_others_out(person: Person, folder: Path) -> None:
    told = person.types(folder, "--from", DAY + timedelta(days=1), "--no-html", "--jobs", 1)
    assert "Days            1 (1 quotes), 2026-03-10 to 2026-03-10" in told
    assert "Nothing traded. The best moment promised" in told


def test_one_tape_is_a_backtest_too(person: Person, folder: Path) -> None:
    assert "Days            1 " in person.types(folder / "2026-03-09.csv.gz", "--no-html")


def test_generated_days_are_named_by_their_seeds(person: Person) -> None:
    told = person.types("--generated", "10:12", "--no-html", "--jobs", 1)
    assert "Days            2 (2 generated), seed 10 to seed 11" in told
    assert "generated days prove nothing about markets" in told


def test_a_tape_of_prints_warns_of_its_derived_quotes(person: Person, folder: Path) -> None:
    sidecar = folder / "2026-03-09.json"
    sidecar.write_text(sidecar.read_text().replace('"quotes"', '"prints"'))
    told = person.types(folder, "--no-html", "--jobs", 1)
    assert "fills are against derived quotes" in told
    assert "derived quotes" in person.rows("backtest_days")[0]["caution"]


def test_official_closes_of_a_table_settle_what_expires(person: Person, tmp_path: Path) -> None:
    tape = a_tape(tmp_path / "tapes")
    tape.with_name("2026-03-09.json").unlink()
    rows = gzip.decompress(tape.read_bytes()).decode().splitlines()
    # Nothing is quoted from noon on, so that the calls are held to the end.
    morning = [row for row in rows if not "12" <= row[11:13] <= "16"]
    tape.write_bytes(gzip.compress("\n".join(morning).encode()))
    table = tmp_path / "closes.csv.gz"
    told = "date,vix,spy_close,spx_close\n2026-03-06,20,,\n2026-03-09,20,601.00,6015.00\n"
    table.write_bytes(gzip.compress(told.encode()))
    late = ("--set", "market_data.max_quote_age_seconds=60")
    told = person.types(tape, "--no-html", *late)
    assert "Not finished    1" in told
    assert "no official closes are known of 1 of 1 tape" in told
    assert "no official closes" not in person.types(tape, "--closes", table, "--no-html", *late)
    (trade,) = person.rows("backtest_trades")
    # 1275.70 received; 15 points of SPXW and 1 dollar of SPY, twice: 3000 less 2000.
    assert (trade["exit_reason"], trade["final_pnl"]) == ("EXPIRED", "2275.70")


@pytest.mark.parametrize("model", ["touch", "worse", "partial"])
def test_the_fill_model_is_named_in_the_summary(person: Person, folder: Path, model: str) -> None:
    told = person.types(folder, "--fills", model, "--latency", "0.5", "--no-html", "--jobs", 1)
    assert f"fills {model}: " in told
    assert "0.5 s after they are sent" in told


def test_the_pictures_are_one_file_beside_the_tables(person: Person, folder: Path) -> None:
    pytest.importorskip("plotly")
    person.types(folder, "--jobs", 1)
    assert "SIMULATED" in (person.out / "backtest.html").read_text()


def test_rules_are_compared_side_by_side(person: Person, folder: Path) -> None:
    lines = person.types(folder, "--compare-rules", "--jobs", 1).splitlines()
    assert lines[0].startswith("SIMULATED")
    rows = [line.split() for line in lines if line.startswith(("credit", "edge"))]
    assert [row[:2] for row in rows] == [
        ["credit", "atm"],
        ["credit", "matched"],
        ["edge", "atm"],
        ["edge", "matched"],
    ]
    # One spread: 637.85 received, out for 722.15; by the closes 600.25 and 6002.50 all is kept.
    bare = next(line for line in lines if line.startswith("credit"))
    assert "26 of 52 (1 day)" in bare
    assert "-$84.30 (n = 1)" in bare
    assert "+$637.85 (n = 1)" in bare
    assert not person.out.exists()


def test_rules_are_compared_on_tapes_only(person: Person) -> None:
    told = person.is_refused("--generated", "0:2", "--compare-rules")
    assert "name a folder of them" in told


# What is not in order ends in one sentence.


def test_a_folder_without_tapes_is_refused_with_a_way_out(person: Person, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "holds no tape" in person.is_refused(tmp_path / "empty")


def test_a_folder_that_is_not_there_is_refused(person: Person, tmp_path: Path) -> None:
    assert "nowhere" in person.is_refused(tmp_path / "nowhere")


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_broken_tape_is_named_with_its_line(person: Person, folder: Path, jobs: int) -> None:
    tape = folder / "2026-03-10.csv.gz"
    text = gzip.decompress(tape.read_bytes()).decode().replace("600.25", "cheap", 1)
    tape.write_bytes(gzip.compress(text.encode()))
    told = person.is_refused(folder, "--jobs", jobs)
    assert "2026-03-10.csv.gz: line" in told
    assert "'cheap' is no number" in told


def test_dates_that_are_reversed_are_refused(person: Person, folder: Path) -> None:
    told = person.is_refused(folder, "--from", "2026-03-10", "--to", "2026-03-09")
    assert "give the earlier day first" in told


def test_a_range_without_a_tape_names_the_days_that_there_are(person: Person, folder: Path) -> None:
    told = person.is_refused(folder, "--from", "2027-01-01")
    assert "2 tapes (2026-03-09 to 2026-03-10)" in told


def test_the_same_day_twice_is_refused(person: Person, folder: Path) -> None:
    (folder / "2026-03-09.csv").write_bytes(b"")
    assert "of the same day" in person.is_refused(folder)


@pytest.mark.parametrize("words", [(), ("tapes", "--generated", "0:2")])
def test_neither_tapes_nor_seeds_or_both_are_refused(
    person: Person, words: tuple[str, ...]
) -> None:
    assert "one of the two" in person.is_refused(*words)


def test_a_table_of_closes_without_its_columns_is_refused(person: Person, folder: Path) -> None:
    table = folder.parent / "closes.csv"
    table.write_text("date,close\n2026-03-09,6000\n")
    told = person.is_refused(folder, "--closes", table)
    assert "line 1: no column spy_close or spx_close" in told


def test_a_setting_that_does_not_exist_is_refused(folder: Path) -> None:
    assert main([str(folder), "--set", "strategy.max_spread=1"]) == 2


@pytest.mark.parametrize(
    "words",
    [
        ("--generated", "5:5"),
        ("--generated", "many"),
        ("--from", "yesterday"),
        ("--latency", "-1"),
        ("--latency", "nan"),
        ("--jobs", "0"),
        ("--fills", "lucky"),
    ],
)
def test_what_is_mistyped_is_bad_usage(words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(words)


def test_a_day_on_which_the_exchange_was_closed_is_refused(person: Person, tmp_path: Path) -> None:
    a_tape(tmp_path / "tapes", day=date(2026, 3, 8))
    assert "the exchange was closed" in person.is_refused(tmp_path / "tapes", "--jobs", 1)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_ctrl_c_ends_a_backtest_in_a_sentence_and_writes_nothing(tmp_path: Path, jobs: str) -> None:
    options = ["--generated", "0:100000", "--jobs", jobs, "--out", str(tmp_path / "out")]
    with subprocess.Popen(
        [sys.executable, "-c", ONCE_LOADED, *options],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stdout is not None
        program.stdout.readline()
        with pytest.raises(subprocess.TimeoutExpired):
            program.wait(timeout=1.0)
        program.send_signal(signal.SIGINT)
        _, told = program.communicate(timeout=30)
    assert program.returncode == 130
    assert told == "optionsarbitrage: Interrupted; no file was written.\n"
    assert not (tmp_path / "out").exists()


def test_help_answers_without_loading_any_library() -> None:
    answer = subprocess.run(
        [sys.executable, "-X", "importtime", "scripts/backtest.py", "--help"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {line.rsplit("|")[-1].strip() for line in answer.stderr.splitlines()}
    assert loaded.isdisjoint({"pandas", "numpy", "pydantic", "plotly", "sqlite3", "src"})


def test_a_file_that_cannot_be_replaced_does_not_keep_the_others_from_being_written(
    person: Person, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    in_the_way = person.out / "backtest_trades.csv"
    in_the_way.mkdir(parents=True)
    told = person.types(folder, "--jobs", 1, code=2)
    assert [line for line in told.splitlines() if line.startswith("Written: ")] == [
        f"Written: {person.out / name}" for name in ("backtest_days.csv", "backtest.html")
    ]
    assert len(person.rows("backtest_days")) == 2
    capsys.readouterr()
