import json
import os
import time
from datetime import date
from pathlib import Path

import pytest

from scripts.report import main
from src.database import open_database
from tests.cli.player import Player
from tests.fakes.long_record import FIRST, weekdays, write_long_record
from tests.fakes.pages import assert_mail_programs_show_it
from tests.fakes.tapes import a_tape

Captured = pytest.CaptureFixture[str]
JUNE = weekdays(date(2026, 6, 1), 22)


def a_record(folder: Path, *modes: str, fills_an_order: int = 1) -> Path:
    """A data folder with a June of each of these modes, the second one in the second half."""
    connection = open_database(folder / "trades.db")
    half = len(JUNE) // max(len(modes), 1)
    for number, mode in enumerate(modes):
        days = JUNE[number * half : (number + 1) * half]
        write_long_record(connection, days, mode, fills_an_order=fills_an_order)
    connection.close()
    return folder


def told(text: str) -> str:
    return " ".join(text.split())


def report(folder: Path, *args: str) -> int:
    return main([*args, "--data-dir", str(folder)])


def test_a_month_is_printed_and_written_in_three_forms(tmp_path: Path, capsys: Captured) -> None:
    assert report(a_record(tmp_path, "paper"), "--month", "2026-06") == 0
    out = capsys.readouterr().out
    assert out.startswith("Report from 2026-06-01 to 2026-06-30\n")
    assert "22 sessions, 11 of them traded: 11 trades, result" in out
    written = [
        tmp_path / "reports" / f"2026-06-01_to_2026-06-30.{s}" for s in ("txt", "md", "html")
    ]
    assert [line for line in out.splitlines() if line.startswith("Written")] == [
        f"Written: {path}" for path in written
    ]
    assert out.startswith(written[0].read_text(encoding="utf-8"))
    assert_mail_programs_show_it(written[2].read_text(encoding="utf-8"))


def test_a_week_runs_from_its_monday_to_its_sunday(tmp_path: Path, capsys: Captured) -> None:
    assert report(a_record(tmp_path, "paper"), "--week", "2026-06-10") == 0
    out = capsys.readouterr().out
    assert out.startswith("Report from 2026-06-08 to 2026-06-14\n")
    assert "5 sessions" in out


def test_from_and_to_are_both_included(tmp_path: Path, capsys: Captured) -> None:
    folder = a_record(tmp_path, "paper")
    assert report(folder, "--from", "2026-06-01", "--to", "2026-06-03") == 0
    assert "3 sessions, 2 of them traded" in capsys.readouterr().out


def test_one_day_is_its_daily_report_once_more(
    play: Player, tmp_path: Path, capsys: Captured
) -> None:
    data = tmp_path / "data"
    assert play("--replay", a_tape(tmp_path), "--data-dir", data).returncode == 0
    (page,) = (data / "reports").glob("*.html")
    before = {path: path.read_bytes() for path in (data / "reports").iterdir()}
    for path in before:
        path.unlink()
    assert report(data, page.stem) == 0
    assert {path: path.read_bytes() for path in (data / "reports").iterdir()} == before
    assert "NOT COMPLETE" not in capsys.readouterr().out


def test_modes_are_told_by_themselves_and_one_can_be_chosen(
    tmp_path: Path, capsys: Captured
) -> None:
    folder = a_record(tmp_path, "paper", "live")
    assert report(folder, "--month", "2026-06") == 0
    assert "never added together: live, paper" in capsys.readouterr().out
    assert report(folder, "--month", "2026-06", "--mode", "live") == 0
    out = capsys.readouterr().out
    assert "Mode live" in out
    assert "Mode paper" not in out
    assert "2026-06-01_to_2026-06-30_live.html" in out


def test_other_programs_get_json_and_no_file_is_written(tmp_path: Path, capsys: Captured) -> None:
    assert report(a_record(tmp_path, "paper", "live"), "--month", "2026-06", "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert [mode["mode"] for mode in answer["modes"]] == ["live", "paper"]
    assert all(mode["sessions"] == 11 for mode in answer["modes"])
    assert not (tmp_path / "reports").exists()


def test_one_day_is_told_to_other_programs_like_a_range(tmp_path: Path, capsys: Captured) -> None:
    assert report(a_record(tmp_path, "paper"), "2026-06-01", "--json") == 0
    (mode,) = json.loads(capsys.readouterr().out)["modes"]
    assert (mode["from"], mode["to"], mode["result"]) == ("2026-06-01", "2026-06-01", -287.63)


def test_an_empty_range_is_no_fault_and_says_where_something_is(
    tmp_path: Path, capsys: Captured
) -> None:
    assert report(a_record(tmp_path, "paper"), "--month", "2026-05") == 0
    assert (
        "No session was recorded in this range: give a trading day from 2026-06-01 to "
        "2026-06-30 (the nearest to it: 2026-06-01)."
    ) in told(capsys.readouterr().out)


def test_a_day_that_was_not_recorded_is_refused_with_the_nearest_ones(
    tmp_path: Path, capsys: Captured
) -> None:
    assert report(a_record(tmp_path, "paper"), "2026-06-06") == 2
    complaint = capsys.readouterr().err
    assert "Nothing was recorded on 2026-06-06" in complaint
    assert "(the nearest to it: 2026-06-05 and 2026-06-08)" in complaint


def test_a_day_of_another_mode_is_not_recorded_in_this_one(
    tmp_path: Path, capsys: Captured
) -> None:
    assert report(a_record(tmp_path, "paper"), "2026-06-01", "--mode", "live") == 2
    assert "Nothing was recorded on 2026-06-01 in the mode live" in capsys.readouterr().err


def test_a_mode_that_does_not_exist_is_refused_with_the_nearest_name(
    tmp_path: Path, capsys: Captured
) -> None:
    assert report(a_record(tmp_path, "paper"), "--month", "2026-06", "--mode", "papr") == 2
    assert "Did you mean paper?" in capsys.readouterr().err


def test_before_the_first_day_it_says_that_there_is_no_database(
    tmp_path: Path, capsys: Captured
) -> None:
    assert report(tmp_path, "--month", "2026-06") == 2
    assert "there is no database yet; let the program run first." in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_where_there_are_simulated_days_only_it_says_where(
    tmp_path: Path, capsys: Captured
) -> None:
    (tmp_path / "demo").mkdir()
    a_record(tmp_path / "demo", "demo")
    assert report(tmp_path, "--month", "2026-06") == 2
    assert f"simulated days under --data-dir {tmp_path / 'demo'}." in capsys.readouterr().err


def test_a_file_that_is_no_database_is_refused_in_words(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "trades.db").write_text("my diary " * 500, encoding="utf-8")
    assert report(tmp_path, "--month", "2026-06") == 2
    assert "not a sound SQLite database" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="folders of Windows are protected otherwise")
def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, capsys: Captured) -> None:
    (a_record(tmp_path, "paper") / "reports").write_text("in the way", encoding="utf-8")
    assert report(tmp_path, "--month", "2026-06") == 2
    complaint = capsys.readouterr().err
    assert "2026-06-01_to_2026-06-30.txt could not be written" in complaint
    assert "move aside the file that stands where the folder should be" in complaint


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ([], "give one of: a day, --from with --to, --week, --month"),
        (["2026-06-01", "--month", "2026-06"], "give one of"),
        (["--from", "2026-06-01"], "--from needs --to, the last day"),
        (["--to", "2026-06-01"], "--to needs --from, the first day"),
        (
            ["--from", "2026-06-30", "--to", "2026-06-01"],
            "give the earlier day first (--from 2026-06-01 --to 2026-06-30)",
        ),
        (["yesterday"], "'yesterday' is no day (YYYY-MM-DD)"),
        (["--month", "2026-13"], "'2026-13' is no month (YYYY-MM)"),
        (["--month", "June"], "'June' is no month (YYYY-MM)"),
        (["--week", "23"], "'23' is no day (YYYY-MM-DD)"),
    ],
)
def test_a_range_that_is_none_is_bad_usage(
    line: list[str], complaint: str, tmp_path: Path, capsys: Captured
) -> None:
    with pytest.raises(SystemExit, match="2"):
        report(tmp_path, *line)
    assert complaint in told(capsys.readouterr().err)


def test_help_has_examples(capsys: Captured) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    out = capsys.readouterr().out
    assert "python scripts/report.py --month 2026-06 --mode paper" in told(out)


def test_the_last_week_of_the_calendar_is_no_fault(tmp_path: Path, capsys: Captured) -> None:
    folder = a_record(tmp_path, "paper")
    assert report(folder, "--month", "9999-12") == 0
    assert report(folder, "--week", "9999-12-31") == 0
    assert "Report from 9999-12-27 to 9999-12-31" in capsys.readouterr().out


def test_ten_years_are_told_in_less_than_two_seconds(tmp_path: Path, capsys: Captured) -> None:
    connection = open_database(tmp_path / "trades.db")
    write_long_record(connection, weekdays(FIRST, 2520), every=1, fills_an_order=10)
    connection.close()
    began = time.process_time()
    assert report(tmp_path, "--from", "2016-01-01", "--to", "2026-01-01") == 0
    assert report(tmp_path, "--from", "2016-01-01", "--to", "2026-01-01", "--json") == 0
    assert (time.process_time() - began) / 2 < 2.0
    assert "2,520 sessions, 2,520 of them traded" in capsys.readouterr().out


def test_a_day_after_ten_years_is_told_in_less_than_two_seconds(
    tmp_path: Path, capsys: Captured
) -> None:
    connection = open_database(tmp_path / "trades.db")
    days = weekdays(FIRST, 2520)
    write_long_record(connection, days, every=1, fills_an_order=10)
    connection.close()
    began = time.process_time()
    assert report(tmp_path, str(days[-2])) == 0
    assert time.process_time() - began < 2.0
    assert "finished trades" in capsys.readouterr().out
