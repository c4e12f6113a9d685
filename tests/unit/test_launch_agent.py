"""The agent of launchd says what it must, in a form that a Mac reads."""

import plistlib
from datetime import date
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfo

from utils import launch_agent
from utils.local_hours import LocalHours, local_hours, machine_zone, named_zone

FOLDER = Path("/Users/a b/100% <me> & co")
TODAY = date(2026, 11, 22)


def hours(name: str) -> LocalHours:
    return local_hours(ZoneInfo(name), name, TODAY)


def agent(name: str, **environment: str) -> dict[str, object]:
    content = launch_agent.agent(
        hours(name), [FOLDER / "python", "start"], FOLDER, FOLDER / "log", environment
    )
    read: dict[str, object] = plistlib.loads(content)
    return read


def test_what_is_written_is_what_a_mac_reads() -> None:
    read = agent("Europe/Berlin", LIVE_ACCOUNT_ID="U1")
    assert read["Label"] == "local.optionsarbitrage"
    assert read["ProgramArguments"] == [str(FOLDER / "python"), "start"]
    assert read["WorkingDirectory"] == str(FOLDER)
    assert read["StandardErrorPath"] == read["StandardOutPath"] == str(FOLDER / "log")
    environment = read["EnvironmentVariables"]
    assert isinstance(environment, dict)
    assert environment["LIVE_ACCOUNT_ID"] == "U1"
    assert "/usr/bin" in environment["PATH"]  # where caffeinate lies


def test_it_is_started_at_log_in_and_after_a_failure_and_not_sooner_than_in_ten_minutes() -> None:
    read = agent("Europe/Berlin")
    assert read["RunAtLoad"] is True
    assert read["KeepAlive"] == {"SuccessfulExit": False}
    assert read["ThrottleInterval"] == 600


def test_its_moments_are_those_of_the_machine_and_of_the_next_day_where_it_is_one() -> None:
    assert agent("Pacific/Auckland")["StartCalendarInterval"] == [
        {"Weekday": day, "Hour": hour, "Minute": 20} for hour in (1, 2, 3) for day in range(2, 7)
    ]
    moments = agent("America/New_York")["StartCalendarInterval"]
    assert moments == [{"Weekday": day, "Hour": 9, "Minute": 20} for day in range(1, 6)]


def test_it_tells_for_which_zone_it_was_made() -> None:
    content = launch_agent.agent(hours("Asia/Tokyo"), [], FOLDER, FOLDER, {})
    assert launch_agent.zone_of(content) == "Asia/Tokyo"
    assert launch_agent.zone_of(b"no list at all") == ""
    assert launch_agent.zone_of(plistlib.dumps({"Label": "x"})) == ""


def test_the_hours_of_a_zone_are_told_in_words() -> None:
    told = {name: hours(name).in_words() for name in ("America/New_York", "Asia/Kolkata")}
    assert told == {"America/New_York": "09:20", "Asia/Kolkata": "18:50 or 19:50"}
    assert hours("Asia/Tokyo").in_words() == "22:20 or 23:20"
    sydney = hours("Australia/Sydney")
    assert sydney.in_words() == "23:20 or 00:20 or 01:20, before or after midnight"
    assert sydney.wake() == "MTWRF 23:15:00"
    assert hours("Pacific/Auckland").in_words() == "01:20 or 02:20 or 03:20 on the next day"
    assert hours("Pacific/Auckland").wake() == "TWRFS 01:15:00"


def test_the_zone_of_a_machine_is_what_its_clock_is_set_to(tmp_path: Path) -> None:
    rules = files("tzdata").joinpath("zoneinfo/Europe/Berlin").read_bytes()
    for place in ("/usr/share/zoneinfo.default", "/var/db/timezone/zoneinfo"):
        file = tmp_path / place[1:] / "Europe" / "Berlin"
        file.parent.mkdir(parents=True)
        file.write_bytes(rules)
        link = tmp_path / f"localtime{len(place)}"
        link.symlink_to(file)
        assert machine_zone(link) == ("Europe/Berlin", ZoneInfo("Europe/Berlin"))
    copied = tmp_path / "copied"
    copied.write_bytes(rules)
    name, zone = machine_zone(copied)
    assert name == "this machine's zone"
    assert local_hours(zone, name, TODAY).starts == hours("Europe/Berlin").starts
    assert machine_zone(tmp_path / "nothing")[0] == "UTC"
    assert named_zone("Asia/Tokyo")[0] == "Asia/Tokyo"
