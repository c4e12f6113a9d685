"""backfill.py as a person runs it, at a fake Alpaca: done, interrupted, refused, verified."""

import contextlib
import gc
import json
import os
import pty
import resource
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from scripts import backfill
from scripts import main as play
from tests.cli.player import files, refusal, wait_for
from tests.fakes.alpaca_server import AlpacaServer
from tests.fakes.broker_places import KEYS, Place, at_alpaca, surroundings
from tests.fakes.builders import a_session
from tests.fakes.parquet import parquet_of
from tests.fakes.past_market import PastMarket
from tests.fakes.rehearsal import PROJECT
from tests.fakes.tapes import a_tape

THURSDAY, FRIDAY, MONDAY = date(2024, 10, 3), date(2024, 10, 4), date(2024, 10, 7)
DAYS = (THURSDAY, FRIDAY, MONDAY)
OPTIONS = "/v1beta1/options/bars"
Answer = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def alpaca() -> Iterator[Place]:
    with at_alpaca() as place:
        # One hour of trades is enough, and with fewer of them a fetch takes less.
        rest = frozenset(range(60, 390))
        place.server.past.markets = [PastMarket(a_session(day=day), silent=rest) for day in DAYS]
        yield place


@pytest.fixture(autouse=True)
def sound(alpaca: Place) -> Iterator[None]:
    alpaca.server.requests.clear()
    yield
    # Afterwards: what the next test's module needs is fetched before anything of that test.
    alpaca.server.faults.clear()


def command(*args: object, script: str = "backfill.py") -> list[str]:
    return [sys.executable, str(PROJECT / "scripts" / script), *map(str, args)]


def fetching(
    place: Place, into: Path, *more: object, first: date = THURSDAY, last: date = MONDAY
) -> list[str]:
    settings = (part for each in place.settings for part in ("--set", each))
    span = ("--from", first, "--to", last, "--strikes", 1)
    return command("fetch", "--source", "alpaca", *span, "--into", into, *settings, *more)


@contextmanager
def environment(values: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def run(line: list[str], home: Path, *, environ: dict[str, str] | None = None) -> Answer:
    """Run a command in this process, which has loaded its parts already."""
    program = {"backfill.py": backfill.main, "main.py": play.main}[Path(line[1]).name]
    out, err, before = StringIO(), StringIO(), signal.getsignal(signal.SIGTERM)
    with (
        environment(surroundings(home, environ or {})),
        contextlib.chdir(home),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            code = program(line[2:])
        except SystemExit as end:  # how argparse ends
            code = int(end.code or 0)
        finally:
            signal.signal(signal.SIGTERM, before)
            gc.unfreeze()  # what a start keeps from the collector is not only its own here
    return subprocess.CompletedProcess(line, code, out.getvalue(), err.getvalue())


def run_apart(
    line: list[str],
    home: Path,
    **more: Any,  # noqa: ANN401 - those of subprocess.run
) -> Answer:
    """Run a command in a process of its own, as a person does."""
    return subprocess.run(
        line,
        cwd=home,
        env=surroundings(home, {}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        **more,
    )


@pytest.fixture(scope="module")
def undisturbed(alpaca: Place, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Answer]:
    """A folder into which everything was fetched, and what was said to that."""
    folder = tmp_path_factory.mktemp("whole")
    return folder / "tapes", run_apart(fetching(alpaca, folder / "tapes"), folder)


@pytest.fixture(scope="module")
def whole(undisturbed: tuple[Path, Answer]) -> Path:
    folder, answer = undisturbed
    assert answer.returncode == 0, answer.stderr
    return folder


def tapes(folder: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in folder.iterdir() if each.name != ".lock"}


def test_a_span_is_fetched_verified_and_not_fetched_again(
    alpaca: Place, undisturbed: tuple[Path, Answer], tmp_path: Path
) -> None:
    folder, answer = undisturbed
    assert (answer.returncode, answer.stderr) == (0, "")
    assert f"{FRIDAY}  bars: " in answer.stdout
    assert "SPX is no index value but an estimate" in answer.stdout
    assert "3 sessions: 3 fetched." in answer.stdout
    assert files(folder) - {".lock"} == {
        f"{day}.{end}" for day in DAYS for end in ("csv.gz", "json")
    }
    checked = run(command("verify", folder), tmp_path)
    assert checked.returncode == 0
    assert checked.stdout.count("checksum holds") == 3
    before, asked = tapes(folder), len(alpaca.server.requests)
    again = run(fetching(alpaca, folder), tmp_path)
    assert again.returncode == 0
    assert "3 sessions: 3 there already." in again.stdout
    assert tapes(folder) == before
    assert len(alpaca.server.requests) == asked


@pytest.mark.parametrize(("blow", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_an_interrupted_fetch_goes_on_where_it_was(
    alpaca: Place, whole: Path, tmp_path: Path, blow: signal.Signals, code: int
) -> None:
    folder = tmp_path / "tapes"
    server: AlpacaServer = alpaca.server
    folder.mkdir()
    for end in ("csv.gz", "json"):
        shutil.copy(whole / f"{THURSDAY}.{end}", folder)
    # Of the second day prices arrive, and then nothing more.
    server.fail("GET", OPTIONS, "hang", times=99)
    with subprocess.Popen(
        fetching(alpaca, folder, "--set", "broker.timeout_seconds=60"),
        cwd=tmp_path,
        env=surroundings(tmp_path, {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        wait_for(program, f"{THURSDAY}  there already")
        while not server.sent("GET", OPTIONS):
            signal.sigtimedwait([], 0.01)
        program.send_signal(blow)
        assert program.wait(timeout=20) == code
        assert program.stderr is not None
        said = program.stderr.read()
    server.faults.clear()
    assert ("Interrupted. What is done is kept" in said) == (code == 130)
    assert "Traceback" not in said
    assert files(folder) - {".lock"} == {
        *(f"{THURSDAY}.{end}" for end in ("csv.gz", "json")),
        f"{FRIDAY}.csv.fetching",
    }
    checked = run(command("verify", folder), tmp_path)
    assert checked.returncode == 2
    assert "run the same fetch again to complete it" in checked.stdout
    server.requests.clear()
    assert run(fetching(alpaca, folder), tmp_path).returncode == 0
    assert tapes(folder) == tapes(whole)
    starts = [each.query["start"][:10] for each in server.sent("GET", "/v2/stocks/bars")]
    assert str(THURSDAY) not in starts


def test_a_full_disk_is_one_sentence_and_the_next_run_completes(
    alpaca: Place, whole: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "tapes"

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    line = fetching(alpaca, folder, last=THURSDAY)
    answer = run_apart(line, tmp_path, preexec_fn=small_files)
    assert "cannot be written" in refusal(answer, 2)
    assert not list(folder.glob("*.gz"))
    assert run(line, tmp_path).returncode == 0
    first = {name: each for name, each in tapes(whole).items() if name.startswith(str(THURSDAY))}
    assert tapes(folder) == first


def test_progress_is_shown_on_a_terminal_and_nowhere_else(alpaca: Place, tmp_path: Path) -> None:
    mine, theirs = pty.openpty()
    answer = subprocess.run(
        fetching(alpaca, tmp_path / "tapes", first=MONDAY),
        cwd=tmp_path,
        env=surroundings(tmp_path, {}),
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
        timeout=120,
        check=True,
    )
    os.close(theirs)
    shown = os.read(mine, 100_000).decode()
    os.close(mine)
    assert "0/1 2024-10-07 options 1 of 1" in shown
    assert shown.endswith("\x1b[K")
    assert "\x1b" not in answer.stdout


def soon(days: int) -> str:
    return str(date.today() + timedelta(days=days))  # noqa: DTZ011 - a person's own day


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--from", "2024-10-07", "--to", "2024-10-03"), "--from 2024-10-07 comes after --to"),
        (("--from", soon(30)), "lies in the future"),
        (("--from", "2024-10-07", "--to", soon(30)), "lies in the future"),
        (("--from", "2024-10-05", "--to", "2024-10-06"), "closed on all days"),
        (("--from", "2024-12-25", "--to", "2024-12-25"), "closed on all days"),
        (("--from", "2024-01-10", "--to", "2024-01-12"), "begin on 2024-02-01; give --from"),
        (("--from", "2024-10-07", "--set", "broker.nmae=x"), "broker.nmae"),
    ],
)
def test_a_span_that_cannot_be_meant_is_refused_in_one_sentence(
    tmp_path: Path, args: tuple[str, ...], words: str
) -> None:
    line = command("fetch", "--source", "alpaca", *args, "--into", tmp_path / "tapes")
    assert words in refusal(run(line, tmp_path), 2)
    assert not list(tmp_path.glob("tapes/*.csv*"))


def test_quotes_are_not_derived_from_a_source_without_options(tmp_path: Path) -> None:
    line = command("fetch", "--source", "yfinance", "--from", MONDAY, "--derive-quotes")
    said = refusal(run([*line, "--into", str(tmp_path / "tapes")], tmp_path), 2)
    assert "--derive-quotes is for alpaca and ibkr" in said
    assert not (tmp_path / "tapes").exists()


def test_without_keys_it_says_which_and_where(tmp_path: Path) -> None:
    line = command(
        "fetch", "--source", "alpaca", "--from", MONDAY, "--to", MONDAY, "--into", tmp_path
    )
    empty = {"ALPACA_API_KEY": "", "ALPACA_SECRET_KEY": ""}
    said = refusal(run(line, tmp_path, environ=empty), 2)
    assert "broker.api_key and broker.api_secret must be set" in said


def test_keys_that_are_not_accepted_are_said_and_not_shown(alpaca: Place, tmp_path: Path) -> None:
    answer = run(
        fetching(alpaca, tmp_path / "t"), tmp_path, environ={"ALPACA_SECRET_KEY": "not-this-one"}
    )
    assert "does not accept the keys" in refusal(answer, 2)
    assert "not-this-one" not in answer.stderr + answer.stdout


def test_a_server_that_repeats_the_secret_does_not_give_it_away(
    alpaca: Place, tmp_path: Path
) -> None:
    body = json.dumps({"message": f"{KEYS[1]} is worth nothing"})
    alpaca.server.fail("GET", "/v2/stocks/bars", times=99, status=403, body=body)
    answer = run(fetching(alpaca, tmp_path / "t"), tmp_path)
    assert "is worth nothing" in refusal(answer, 2)
    assert KEYS[1] not in answer.stderr + answer.stdout


def test_a_source_that_is_not_there_ends_with_4(tmp_path: Path) -> None:
    with socket.socket() as shut:
        shut.bind(("127.0.0.1", 0))
        port = shut.getsockname()[1]
        line = command(
            *(
                "fetch",
                "--source",
                "ibkr",
                "--from",
                MONDAY,
                "--to",
                MONDAY,
                "--into",
                tmp_path / "t",
            ),
            *("--set", f"broker.ibkr.port={port}"),
        )
        said = refusal(run(line, tmp_path), 4)
    assert f"{MONDAY} could not be fetched" in said
    assert "goes on from there" in said


def test_a_folder_that_cannot_be_written_is_named(alpaca: Place, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = refusal(run(fetching(alpaca, tmp_path / "file" / "tapes"), tmp_path), 2)
    assert "file" in said
    assert "--into" in said


def test_two_backfills_do_not_write_into_one_folder(alpaca: Place, tmp_path: Path) -> None:
    with FileLock(tmp_path / ".lock"):
        said = refusal(run(fetching(alpaca, tmp_path), tmp_path), 2)
    assert "another backfill writes into this folder" in said


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("fetch", "--source", "bloomberg", "--from", "2024-10-03"), "invalid choice"),
        (("fetch", "--source", "alpaca", "--from", "3.10.2024"), "'3.10.2024' is no day"),
        (("fetch", "--source", "alpaca"), "--from"),
        (("fetch", "--source", "alpaca", "--from", "2024-10-03", "--strikes", "-2"), "--strikes"),
        ((), "required"),
    ],
)
def test_a_mistyped_command_is_told_what_there_is(
    tmp_path: Path, args: tuple[str, ...], words: str
) -> None:
    answer = run(command(*args), tmp_path)
    assert answer.returncode == 2
    assert words in answer.stderr


@pytest.mark.parametrize("part", [(), ("fetch",), ("import",), ("verify",)])
def test_help_shows_an_example_of_each_command(tmp_path: Path, part: tuple[str, ...]) -> None:
    answer = run(command(*part, "--help"), tmp_path)
    assert answer.returncode == 0
    assert f"python scripts/backfill.py {part[0] if part else 'fetch'} " in answer.stdout


def test_a_fetched_tape_shows_no_quotes_and_so_does_not_trade(whole: Path, tmp_path: Path) -> None:
    line = command(
        *("--replay", whole / f"{MONDAY}.csv.gz", "--data-dir", tmp_path), script="main.py"
    )
    answer = run(line, tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert "(bars: Alpaca historical bars;" in answer.stdout
    assert "Bought" not in answer.stdout
    assert "no quote for SPXW" in answer.stdout


def test_a_tape_of_derived_quotes_says_so_when_it_is_played(alpaca: Place, tmp_path: Path) -> None:
    folder = tmp_path / "tapes"
    assert run(fetching(alpaca, folder, "--derive-quotes", first=MONDAY), tmp_path).returncode == 0
    line = command(
        *("--replay", folder / f"{MONDAY}.csv.gz", "--data-dir", tmp_path / "data"),
        script="main.py",
    )
    answer = run(line, tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert "(prints: Alpaca historical bars;" in answer.stdout
    assert "Note: DERIVED QUOTES" in answer.stdout


def test_a_parquet_tape_is_played_to_the_same_cents_as_its_csv(tmp_path: Path) -> None:
    csv = a_tape(tmp_path / "csv")
    (tmp_path / "parquet").mkdir()
    path = parquet_of(csv, tmp_path / "parquet" / csv.name.replace("csv.gz", "parquet"))
    (path.parent / f"{path.stem}.json").write_bytes((csv.parent / f"{path.stem}.json").read_bytes())
    stories = []
    for tape in (csv, path):
        line = command(
            "--replay", tape, "--data-dir", tmp_path / tape.parent.name / "d", script="main.py"
        )
        answer = run(line, tmp_path)
        assert answer.returncode == 0, answer.stderr
        stories.append([each for each in answer.stdout.splitlines() if tape.name not in each])
    first, second = ([each for each in story if str(tmp_path) not in each] for story in stories)
    assert first == second
    assert any("Sold 20 SPY" in each or "Sold 10 SPY" in each for each in first)


def test_files_are_imported_and_verified_and_not_imported_again(tmp_path: Path) -> None:
    spy = tmp_path / "spy.csv"
    spy.write_text(
        "t,close\n"
        + "".join(
            f"2024-10-07 {9 + n // 60:02d}:{n % 60:02d}:00,{570 + n / 100}\n" for n in range(30, 90)
        )
    )
    options = tmp_path / "options.csv"
    options.write_text(
        "t,symbol,bid,ask\n2024-10-07T09:40:00-04:00,SPXW241007C05700000,23.0,23.4\n"
        "2024-10-07T09:41:00-04:00,SPXW241007C05700000,23.5,23.4\n"
        "2024-10-05T09:41:00-04:00,SPY,1,1.1\n2024-10-07T09:41:00-04:00,QQQ,1,1.1\n"
    )
    into = ("--into", tmp_path / "tapes")
    first = run(
        command("import", options, "--kind", "quotes", "--map", "timestamp=t", *into), tmp_path
    )
    assert first.returncode == 0, first.stderr
    assert "2024-10-05  left out: the exchange was closed" in first.stdout
    assert "crossed" in first.stdout
    assert "2024-10-07  quotes: 2 rows, 1 option\n" in first.stdout
    assert "left out 1 row of other symbols than SPY, SPX and their options." in first.stdout
    more = ("--map", "timestamp=t,last=close", "--symbol", "SPY", "--zone", "America/New_York")
    line = command("import", spy, "--kind", "bars", *more, "--bar-seconds", 60, "--add", *into)
    second = run(line, tmp_path)
    assert second.returncode == 0, second.stderr
    assert "SPX is missing altogether" in second.stdout
    told = json.loads((tmp_path / "tapes" / "2024-10-07.json").read_text())
    assert told["kind"] == "quotes"
    assert told["rows"] == 62
    assert run(command("verify", tmp_path / "tapes"), tmp_path).returncode == 0
    assert "there already from this file" in run(line, tmp_path).stdout


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("nowhere.csv", "--kind", "bars"), "nowhere.csv: there is no such file"),
        (("x.csv", "--kind", "bars", "--zone", "Mars/Base"), "no such time zone"),
        (("x.csv", "--kind", "bars", "--map", "tmestamp=t"), "nearest: timestamp"),
        (("x.csv", "--kind", "quotes", "--derive-quotes"), "quotes are as the file has them"),
    ],
)
def test_an_import_that_cannot_be_meant_is_refused_in_one_sentence(
    tmp_path: Path, args: tuple[str, ...], words: str
) -> None:
    line = command("import", *args, "--into", tmp_path / "tapes")
    assert words in refusal(run(line, tmp_path), 2)


def test_a_folder_with_a_damaged_tape_is_not_whole(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "tapes"
    folder.mkdir()
    for name, content in tapes(whole).items():
        (folder / name).write_bytes(content[:-1] if name == f"{FRIDAY}.csv.gz" else content)
    answer = run(command("verify", folder), tmp_path)
    assert answer.returncode == 2
    assert f"WRONG  {FRIDAY}.csv.gz" in answer.stdout
    assert "1 file is wrong." in answer.stdout
