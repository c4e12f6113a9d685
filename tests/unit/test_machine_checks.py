"""What a machine says of itself becomes rows, each with what to do."""

import os
import shutil
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import date
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from src.courier import Courier, Outbox
from src.database import Store, open_database, schema_version
from src.ports import Check, Verdict
from src.settings import PROJECT, Settings
from tests.fakes.builders import DAY, at
from tests.fakes.letters import EMAIL, NOW, REFUSED, Postman, put_up
from utils import machine_checks as machine
from utils.instance_lock import only_instance
from utils.market_calendar import MarketCalendar

OK, WARN, FAIL, SKIP = Verdict.OK, Verdict.WARN, Verdict.FAIL, Verdict.SKIP
CALENDAR = MarketCalendar()


def says(answers: Mapping[str, str | None]) -> Callable[[Sequence[str]], str | None]:
    """Commands that answer so; another one does not exist."""
    return lambda command: answers.get(command[0])


NOTHING = says({})


# Python and packages


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        *(((3, 10, 14), FAIL), ((3, 11, 0), OK), ((3, 12, 7), OK)),
        *(((3, 13, 1), OK), ((3, 14, 0), FAIL)),
    ],
)
def test_python_is_judged_by_the_versions_with_which_the_program_runs(
    found: tuple[int, ...], verdict: Verdict
) -> None:
    assert machine.python_version(found).verdict is verdict


def test_the_python_that_runs_this_is_a_fit_one() -> None:
    assert machine.python_version().verdict is OK


@pytest.fixture
def requirements(tmp_path: Path) -> Path:
    file = tmp_path / "requirements.txt"
    file.write_text("# first\nalpha>=1.2,<2  # why\n\nbeta-b==3.0.1\ngamma\n-r other.txt\n")
    return file


GOOD = {"alpha": "1.10", "beta-b": "3.0.1", "gamma": "0.1rc1"}


@pytest.mark.parametrize(
    ("installed", "verdict", "words"),
    [
        ({}, OK, "3 as requirements.txt asks."),
        ({"alpha": "1.2"}, OK, ""),
        ({"alpha": "1.1.9"}, FAIL, "alpha is 1.1.9, and >=1.2,<2 is asked for."),
        ({"alpha": "2.0"}, FAIL, "alpha is 2.0, and >=1.2,<2 is asked for."),
        ({"beta-b": "3.0.2"}, FAIL, "beta-b is 3.0.2, and ==3.0.1 is asked for."),
        ({"gamma": None}, FAIL, "gamma is not installed."),
        ({"alpha": "1", "gamma": None}, FAIL, "asked for; gamma is not installed."),
    ],
)
def test_every_package_that_is_missing_or_of_another_version_is_named(
    requirements: Path, installed: dict[str, str | None], verdict: Verdict, words: str
) -> None:
    def version(name: str) -> str:
        found = (GOOD | installed)[name]
        if found is None:
            raise PackageNotFoundError(name)
        return found

    row = machine.packages(requirements, version)
    assert row.verdict is verdict
    assert words in row.found
    assert bool(row.mend) is (verdict is FAIL)


def test_the_requirements_of_the_project_can_be_read() -> None:
    row = machine.packages(PROJECT / "requirements.txt", lambda _: "0")
    assert "pydantic is 0, and >=2.12,<2.15 is asked for" in row.found


# Places


def test_disk_space_is_told_of_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    row = machine.disk(tmp_path / "a" / "b")
    assert row.verdict is (OK if free >= machine.LITTLE_DISK else row.verdict)
    assert "GB free at" in row.found


def test_a_database_that_is_not_there_yet_is_no_fault_and_is_not_made(tmp_path: Path) -> None:
    path = tmp_path / "data" / "trades.db"
    assert machine.database(path).verdict is OK
    assert not path.parent.exists()


def test_a_sound_database_is_named_with_its_schema(tmp_path: Path) -> None:
    path = tmp_path / "trades.db"
    open_database(path).close()
    before = path.read_bytes()
    found = f"{path} is sound, schema {schema_version()}."
    assert machine.database(path) == Check("database", OK, found)
    assert path.read_bytes() == before


@pytest.mark.parametrize(("schema", "verdict"), [(schema_version() + 1, FAIL), (0, OK)])
def test_a_database_of_another_schema_is_told_apart(
    tmp_path: Path, schema: int, verdict: Verdict
) -> None:
    path = tmp_path / "trades.db"
    with closing(sqlite3.connect(path)) as made:
        made.execute(f"PRAGMA user_version = {schema}")
        made.execute("CREATE TABLE t (x)")
    row = machine.database(path)
    assert (row.verdict, f"schema {schema}" in row.found) == (verdict, True)


def test_a_file_that_is_no_database_is_a_fault_that_says_to_keep_it(tmp_path: Path) -> None:
    path = tmp_path / "trades.db"
    path.write_bytes(b"not a database at all" * 200)
    row = machine.database(path)
    assert row.verdict is FAIL
    assert "do not delete it" in row.mend


def test_a_database_that_is_being_written_is_only_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "trades.db"
    with closing(open_database(path)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        row = machine.database(path)
        writer.execute("ROLLBACK")
    assert row.verdict is WARN
    assert "written by another program" in row.found


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="everything is writable to root"
)
def test_places_that_cannot_be_written_are_faults(tmp_path: Path) -> None:
    path = tmp_path / "trades.db"
    open_database(path).close()
    path.chmod(0o400)
    tmp_path.chmod(0o500)
    try:
        rows = [
            machine.database(path),
            machine.database(tmp_path / "x" / "trades.db"),
            machine.log_folder(tmp_path / "logs" / "trading.log"),
        ]
    finally:
        tmp_path.chmod(0o700)
    assert [row.verdict for row in rows] == [FAIL, FAIL, FAIL]


def test_a_free_data_directory_is_told_from_one_in_which_somebody_is_at_work(
    tmp_path: Path,
) -> None:
    assert machine.lock(tmp_path / "none").verdict is OK
    assert not (tmp_path / "none").exists()
    with only_instance(tmp_path):
        row = machine.lock(tmp_path)
    assert (row.verdict, row.found) == (WARN, f"a process is at work in {tmp_path}.")
    assert machine.lock(tmp_path).verdict is OK


def test_a_log_can_be_written_where_its_folder_can_be_made_and_no_folder_lies_in_its_place(
    tmp_path: Path,
) -> None:
    assert machine.log_folder(tmp_path / "logs" / "trading.log").verdict is OK
    (tmp_path / "file").write_text("")
    assert machine.log_folder(tmp_path / "file").verdict is OK
    assert machine.log_folder(tmp_path / "file" / "trading.log").verdict is FAIL
    (tmp_path / "folder").mkdir()
    assert machine.log_folder(tmp_path / "folder").verdict is FAIL


# Starting by itself


ENTRY = "30 9 * * 1-5  cd /x && .venv/bin/python scripts/main.py"


@pytest.mark.parametrize(
    ("table", "verdict"),
    [(f"# mine\n{ENTRY}\n", OK), (f"# {ENTRY}\n", WARN), ("0 1 * * * backup\n", WARN), ("", WARN)],
)
def test_an_entry_of_cron_counts_unless_it_is_commented_out(table: str, verdict: Verdict) -> None:
    assert machine.schedule(says({"crontab": table}), "linux").verdict is verdict


def test_on_a_mac_an_agent_of_launchd_counts_as_well(tmp_path: Path) -> None:
    agents = tmp_path / "Library" / "LaunchAgents"
    agents.mkdir(parents=True)
    (agents / "other.plist").write_text("<string>backup</string>")
    assert machine.schedule(NOTHING, "darwin", tmp_path).verdict is WARN
    (agents / "trading.plist").write_text("<string>scripts/main.py</string>")
    row = machine.schedule(NOTHING, "darwin", tmp_path)
    assert (row.verdict, row.found) == (OK, "launchd has trading.plist.")


@pytest.mark.parametrize(
    ("told", "verdict"),
    [
        ("System-wide power settings:\n sleep                1 (by something)\n", WARN),
        (" disksleep            10\n sleep                0\n displaysleep 10\n", OK),
        (" disksleep            10\n", SKIP),
        (None, SKIP),
    ],
)
def test_a_mac_that_sleeps_by_itself_is_warned_of(told: str | None, verdict: Verdict) -> None:
    assert machine.sleep(says({"pmset": told}), "darwin").verdict is verdict


def test_only_a_mac_is_asked_whether_it_sleeps() -> None:
    assert machine.sleep(says({"pmset": " sleep 1"}), "linux").verdict is SKIP


@pytest.mark.parametrize(("told", "verdict"), [("no\n", WARN), ("yes\n", OK), (None, OK)])
def test_a_clock_that_the_network_does_not_keep_is_warned_of(
    told: str | None, verdict: Verdict
) -> None:
    row = machine.clock(at("08:12:03"), says({"timedatectl": told}))
    assert row.verdict is verdict
    assert row.found.startswith("2026-03-09 08:12:03 in New York, where 09:30 is ")


def test_a_command_that_is_not_there_or_fails_has_no_answer() -> None:
    assert machine.run_command(["no-such-command-anywhere"]) is None
    assert machine.run_command(["false"]) is None
    assert machine.run_command(["echo", "yes"]) == "yes\n"


# The exchange's days


@pytest.mark.parametrize(
    ("today", "words"),
    [
        (date(2026, 11, 23), "open today from 09:30 to 16:00 ET. The next half day is Friday"),
        (date(2026, 11, 27), "open today from 09:30 to 13:00 ET. The next half day is Thursday"),
        (
            date(2026, 11, 26),
            (
                "closed today, Thursday 2026-11-26; the next session is Friday 2026-11-27. "
                "The next half day is Friday 2026-11-27."
            ),
        ),
    ],
)
def test_the_calendar_tells_of_today_and_of_the_next_half_day(today: date, words: str) -> None:
    row = machine.calendar(today, CALENDAR)
    assert (row.verdict, row.found.startswith(words)) == (OK, True), row.found


@pytest.mark.parametrize(
    ("today", "verdict", "words"),
    [
        (
            date(2026, 7, 1),
            OK,
            "the next date of SPY is 2026-09-18, the table ends with 2026-12-18.",
        ),
        (
            date(2026, 12, 16),
            WARN,
            (
                "the next date of SPY is 2026-12-18, the last in the table. "
                "The amount of 2026-09-18 is taken as $1.90, "
                "as the one before."
            ),
        ),
        (date(2026, 12, 17), WARN, "SPY is quoted without its dividend from 2026-12-18 on."),
        (date(2026, 6, 17), WARN, "SPY is quoted without its dividend from 2026-06-18 on."),
        (date(2026, 12, 18), WARN, "dividends.csv knows no date of SPY after 2026-12-18."),
    ],
)
def test_the_eve_of_a_dividend_and_the_end_of_the_table_are_warned_of(
    today: date, verdict: Verdict, words: str
) -> None:
    row = machine.ex_dividend(today, PROJECT / "config/dividends.csv", CALENDAR)
    assert (row.verdict, row.found) == (verdict, words)


# Channels and keys


def test_the_channels_are_named_and_their_addresses_are_not_shown() -> None:
    assert machine.notifications(Settings.defaults()).verdict is WARN
    row = machine.notifications(Settings.defaults().changed("notifications.sms=twilio://t0ken"))
    assert row == Check("notifications", OK, "sms.")


def test_messages_that_wait_are_counted_with_the_reason(tmp_path: Path) -> None:
    settings = Settings.defaults().changed("notifications.email=mailtos://a:t0ken@b")
    path = tmp_path / "trades.db"
    assert machine.notifications(settings, path) == Check("notifications", OK, "email.")
    store = Store(open_database(path))
    put_up(store, "opened")
    assert machine.notifications(settings, path) == Check("notifications", OK, "email.")
    postman = Postman(answers={"email": [REFUSED]})
    courier = Courier(Outbox(store, DAY, (EMAIL,)), EMAIL, postman, print)
    courier.step(NOW, hurry=True)
    row = machine.notifications(settings, path)
    assert row.verdict is WARN
    assert row.found == "email. 1 message not delivered by email (the password is wrong (535))."
    assert "--notify" in row.mend
    postman.answers.clear()
    courier.step(NOW, hurry=True)
    assert machine.notifications(settings, path).verdict is OK
    store.connection.close()


@pytest.mark.parametrize(
    ("overrides", "live", "verdict"),
    [
        ((), False, WARN),
        ((), True, FAIL),
        (("broker.api_key=PK1",), False, FAIL),
        (("broker.api_key=PK1", "broker.api_secret=s"), True, OK),
        (("broker.name=ibkr",), True, SKIP),
    ],
)
def test_keys_must_be_both_there_or_for_a_generated_day_both_not(
    overrides: tuple[str, ...],
    live: bool,  # noqa: FBT001 - a parameter of the test
    verdict: Verdict,
) -> None:
    row = machine.keys(Settings.defaults().changed(*overrides), live=live)
    assert row.verdict is verdict
    assert "PK1" not in str(row)
