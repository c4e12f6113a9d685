"""What an interruption leaves of a tape, and how a folder of tapes is verified."""

import json
from argparse import Namespace
from datetime import date
from pathlib import Path

import pytest

from brokers.tape_file import TapeRow, tape_in
from brokers.tape_in_progress import TapeInProgress
from brokers.tape_verify import Verified, verify
from scripts.run_backfill import run
from src.models import Quote, Session
from src.ports import MendInput
from tests.fakes.builders import DAY, a_session, at, spxw_call
from tests.fakes.tapes import a_tape

PLAN: dict[str, object] = {"source": "a test", "strikes": 3}
SYMBOL = spxw_call().symbol
PORTIONS = {
    "prices": [TapeRow("SPY", Quote(at("09:31"), last=600.25), at("09:31"))],
    "options 1": [
        TapeRow(SYMBOL, Quote(at("09:31"), 23.0, 23.4, 10, None, 23.2), at("09:31")),
        TapeRow(SYMBOL, Quote(at("09:31"), 23.1, 23.4), at("09:32")),
    ],
    "options 2": [],
}


def begun(folder: Path) -> TapeInProgress:
    return TapeInProgress(folder, DAY, PLAN)


def filled(folder: Path) -> TapeInProgress:
    tape = begun(folder)
    for name, rows in PORTIONS.items():
        tape.add(name, rows)
    return tape


def test_wherever_it_is_cut_off_whole_portions_are_kept_and_nothing_else(tmp_path: Path) -> None:
    whole = filled(tmp_path).path.read_bytes()
    kept = set()
    for length in range(len(whole) + 1):
        (tmp_path / f"{DAY}.csv.fetching").write_bytes(whole[:length])
        tape = begun(tmp_path)
        names = [name for name in PORTIONS if tape.portion(name) is not None]
        assert names == list(PORTIONS)[: len(names)]
        assert all(tape.portion(name) == PORTIONS[name] for name in names)
        kept.add(len(names))
        # What comes now is not glued to what was cut off.
        tape.add("options 3", PORTIONS["prices"])
        assert begun(tmp_path).portion("options 3") == PORTIONS["prices"]
    assert kept == {0, 1, 2, 3}


def test_what_was_kept_and_changed_since_is_begun_anew(tmp_path: Path) -> None:
    whole = filled(tmp_path).path.read_text()
    for broken in (whole.replace("600.25", "nonsense"), whole.replace(",600.25", ""), "x" + whole):
        (tmp_path / f"{DAY}.csv.fetching").write_text(broken)
        assert begun(tmp_path).rows == []
        assert filled(tmp_path).path.read_text() == whole


def test_a_day_in_progress_looks_like_no_tape(tmp_path: Path) -> None:
    filled(tmp_path)
    assert not tape_in(tmp_path, DAY).exists()
    (found,) = verify(tmp_path, session_on)
    assert "interrupted while it was fetched" in found.fault


def session_on(day: date) -> Session | None:
    return a_session(day=day) if day.weekday() < 5 else None


def finished(folder: Path) -> Path:
    tape = filled(folder)
    told = {"date": str(DAY), "kind": "bars", "source": "a test", "labels": ["a label"]}
    return tape.finish(tape.rows, told)


def only(folder: Path) -> Verified:
    (found,) = verify(folder, session_on)
    return found


def test_a_whole_tape_is_told_with_its_labels(tmp_path: Path) -> None:
    finished(tmp_path)
    found = only(tmp_path)
    assert found.fault == ""
    assert found.told == "3 rows, 1 option, bars (a test); checksum holds"
    assert found.remarks == ("a label",)


def test_a_tape_that_cannot_be_read_is_told_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / f"{DAY}.csv").write_text("")
    assert run(Namespace(command="verify", json=False, folder=tmp_path), tmp_path) == 2
    told = capsys.readouterr().out
    assert "record or download it again.\n" in told
    assert ".." not in told


def test_every_byte_that_is_changed_is_noticed(tmp_path: Path) -> None:
    path = finished(tmp_path)
    whole = path.read_bytes()
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 1
        path.write_bytes(changed)
        assert only(tmp_path).fault
    path.write_bytes(whole[:-1])
    assert only(tmp_path).fault


def test_a_tape_without_a_checksum_is_sound_as_far_as_can_be_told(tmp_path: Path) -> None:
    a_tape(tmp_path)
    assert only(tmp_path).fault == ""
    assert "no checksum is told" in only(tmp_path).told


def test_a_count_that_does_not_hold_is_wrong(tmp_path: Path) -> None:
    a_tape(tmp_path)
    sidecar = tmp_path / f"{DAY}.json"
    sidecar.write_text(json.dumps({**json.loads(sidecar.read_text()), "rows": 7}))
    assert "tells of 7" in only(tmp_path).fault


def test_a_day_on_which_the_exchange_was_closed_is_wrong(tmp_path: Path) -> None:
    a_tape(tmp_path, day=date(2026, 3, 8))
    assert "on which the exchange was closed" in only(tmp_path).fault


def test_a_json_file_without_its_tape_is_wrong(tmp_path: Path) -> None:
    finished(tmp_path).unlink()
    (tmp_path / "2026-03-10.csv.tmp").write_text("#")
    faults = {each.name: each.fault for each in verify(tmp_path, session_on)}
    assert faults[f"{DAY}.json"] == "has no tape beside it"


def test_a_tape_that_is_being_recorded_is_open_and_not_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    finished(tmp_path)
    (tmp_path / "2026-03-10.csv.part").write_text("#")
    assert run(Namespace(command="verify", json=False, folder=tmp_path), tmp_path) == 0
    told = capsys.readouterr().out
    assert "open   2026-03-10.csv.part: is still being recorded" in told
    assert told.endswith("Everything that is finished is whole.\n")


@pytest.mark.parametrize("name", ["", "nowhere"])
def test_a_folder_without_tapes_is_refused_in_words(tmp_path: Path, name: str) -> None:
    with pytest.raises(MendInput, match=r"holds no tape|no such folder"):
        list(verify(tmp_path / name, session_on))
