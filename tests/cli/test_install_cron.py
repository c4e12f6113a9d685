"""What a person has to do once, so that the program starts by itself, and how it is undone."""

import json
import os
import plistlib
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.player import install, refusal
from tests.fakes.dictionary import files, is_named
from tests.fakes.machine_tools import Tools, install_command, on_a_terminal
from utils.cron_entry import own_block

MINE = b"MAILTO=me\n# my own\n15 3 * * 0 /bin/backup --all  100\\%\n*/5 * * * * echo \xff"
Answer = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program in a folder of a kind that cron must be told of with care."""
    return install(tmp_path_factory.mktemp("ours") / "100% my $HOME")


class Machine:
    """A machine with these tools, at which somebody installs the program."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.root, self.home = root, folder / "home"
        self.home.mkdir()
        self.tools = Tools(folder / "bin")
        self.data = folder / "data"

        self.sound = folder / "sound"
        self.sound.mkdir()
        for name in ("sh", "cat", "rm", "cp", "touch", "dirname", "env", "sleep"):
            found = shutil.which(name)
            assert found
            (self.sound / name).symlink_to(found)

    @property
    def env(self) -> dict[str, str]:
        # Nothing else is on the path: the crontab of this machine is never touched.
        return {"PATH": f"{self.tools.folder}:{self.sound}", "HOME": str(self.home)}

    def __call__(self, *args: object, **env: str) -> Answer:
        return subprocess.run(
            install_command(self.root, *args, "--data-dir", self.data, "--zone", "Europe/Berlin"),
            env=self.env | env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def asked(self, answer: str, *args: object) -> tuple[int, str]:
        command = install_command(self.root, *args, "--data-dir", self.data)
        return on_a_terminal(command, self.env, answer)

    @property
    def table(self) -> bytes | None:
        return self.tools.get("table")

    @property
    def agent(self) -> Path:
        return self.home / "Library" / "LaunchAgents" / "local.optionsarbitrage.plist"


@pytest.fixture
def machine(root: Path, tmp_path: Path) -> Machine:
    return Machine(root, tmp_path)


@pytest.fixture
def cron(machine: Machine) -> Machine:
    machine.tools.add("crontab")
    return machine


@pytest.fixture
def mac(machine: Machine) -> Machine:
    machine.tools.add("launchctl")
    return machine


def done(answer: Answer) -> str:
    assert (answer.returncode, answer.stderr) == (0, "")
    return answer.stdout


# cron


def test_printing_shows_the_lines_and_asks_no_crontab(machine: Machine) -> None:
    told = done(machine("--print"))
    assert told.encode() == own_block(told.encode())
    assert "9:20 in New York is 14:20 or 15:20" in told
    assert not machine.data.exists()


def test_the_lines_come_behind_those_of_others_and_go_again(cron: Machine) -> None:
    cron.tools.set("table", MINE)
    told = done(cron("--yes"))
    assert "9:20 in New York is 14:20 or 15:20 in Europe/Berlin." in told
    assert "days: paper" in told
    assert cron.table is not None
    assert cron.table.startswith(MINE + b"\n# >>> optionsarbitrage >>>\n")
    (copy,) = cron.data.glob("crontab-*.bak")
    assert copy.read_bytes() == MINE
    assert "crontab-NAME.bak" in files()
    assert is_named(copy.name, "crontab-NAME.bak")
    assert copy.stat().st_mode & 0o077 == 0
    assert (cron.root / "logs").is_dir()
    assert "Removed." in done(cron("--remove", "--yes"))
    assert cron.table == MINE + b"\n"


def test_what_cron_would_run_is_the_program(cron: Machine) -> None:
    """As /bin/sh gets it from cron, here with an option that ends it at once."""
    done(cron("--yes", "--set", "strategy.max_spreads=1"))
    assert cron.table
    line = next(each for each in cron.table.decode().splitlines() if each.startswith("*/10 14"))
    command = line.split(maxsplit=5)[5].replace(r"\%", "%").replace(" >>", " --help >>", 1)
    subprocess.run(["/bin/sh", "-c", command], env={}, check=True, cwd="/")
    log = cron.root / "logs" / "cron.log"
    assert log.read_text().startswith("usage: start_day.py")
    assert f"--data-dir {cron.data}" in line
    assert "--set strategy.max_spreads=1" in line
    log.unlink()


def test_to_install_twice_changes_nothing(cron: Machine) -> None:
    done(cron("--yes"))
    before = cron.table
    assert "has these lines already; nothing was changed" in done(cron("--yes"))
    assert cron.table == before


def test_another_entry_replaces_the_former_one_and_says_so(cron: Machine) -> None:
    cron.tools.set("table", MINE)
    done(cron("--yes"))
    told = done(cron("--yes", "--live", LIVE_ACCOUNT_ID="U1234567"))
    assert "They take the place of these:" in told
    assert "days: REAL MONEY" in told
    assert cron.table is not None
    assert cron.table.count(b">>> optionsarbitrage >>>") == 1
    assert b"/usr/bin/env LIVE_ACCOUNT_ID=U1234567 " in cron.table
    assert cron.table.startswith(MINE + b"\n")


def test_a_table_that_held_nothing_else_is_gone_again(cron: Machine) -> None:
    done(cron("--yes"))
    assert "nothing starts by itself any more" in done(cron("--remove", "--yes"))
    assert cron.table is None
    assert "no lines of this program; nothing was changed" in done(cron("--remove"))


def test_a_line_that_was_written_by_hand_is_told_of_and_left(cron: Machine) -> None:
    mine = b"30 9 * * 1-5 cd /x && .venv/bin/python scripts/main.py\n"
    cron.tools.set("table", mine)
    assert f"crontab -e takes it out: {mine.decode().strip()}" in done(cron("--yes"))
    assert cron.table is not None
    assert cron.table.startswith(mine)


@pytest.mark.parametrize("answer", ["", "n", "no", "yess", "J"])
def test_a_person_who_does_not_say_yes_keeps_what_is_there(cron: Machine, answer: str) -> None:
    cron.tools.set("table", MINE)
    code, shown = cron.asked(answer)
    assert code == 0
    assert "Go on? [y/N]" in shown
    assert "Nothing was changed." in shown
    assert cron.table == MINE
    assert not cron.data.exists()


@pytest.mark.parametrize("answer", ["y", "YES"])
def test_a_person_who_says_yes_gets_it_and_may_take_it_out(cron: Machine, answer: str) -> None:
    code, shown = cron.asked(answer)
    assert (code, "Installed." in shown) == (0, True), shown
    assert cron.table
    code, shown = cron.asked(answer, "--remove")
    assert (code, "Removed." in shown) == (0, True), shown
    assert cron.table is None


def test_without_a_terminal_nobody_is_taken_to_have_said_yes(cron: Machine) -> None:
    cron.tools.set("table", MINE)
    told = refusal(cron(), 2)
    assert "no terminal to ask on; say --yes" in told
    assert cron.table == MINE


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("broken", b"", "crontab -l failed (crontab: cannot open your file)"),
        ("refuses", b"", "crontab refused the new table (crontab: errors in file, can't install)"),
        ("table", b"# <<< optionsarbitrage <<<\n", "are not one pair (lines 1)"),
    ],
)
def test_a_crontab_that_cannot_be_changed_is_left_and_told_of(
    cron: Machine, file: str, content: bytes, words: str
) -> None:
    cron.tools.set(file, content)
    before = cron.table
    told = refusal(cron("--yes"), 2)
    assert words in told
    assert "nothing was changed" in told
    assert cron.table == before


def test_a_machine_without_cron_says_so(machine: Machine) -> None:
    assert "this machine has no command crontab" in refusal(machine("--yes"), 2)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--zone", "Europe/Berln"), "no zone has this name; one is Europe/Berlin. The nearest is"),
        (("--set", "strategy.max_spread=1"), "strategy.max_spreads"),
        (("--set", "broker.api_key=PKSECRET"), "a secret has no place in a crontab"),
        (("--live",), "LIVE_ACCOUNT_ID is not set"),
    ],
)
def test_what_could_not_run_is_refused_when_it_is_installed(
    cron: Machine, args: tuple[str, ...], words: str
) -> None:
    command = install_command(cron.root, "--yes", "--data-dir", cron.data, *args)
    answer = subprocess.run(command, env=cron.env, capture_output=True, text=True, check=False)
    told = refusal(answer, 2)
    assert words in told
    assert "PKSECRET" not in told
    assert cron.table is None


def test_the_doctor_sees_the_entry_and_a_machine_that_was_moved(cron: Machine) -> None:
    (cron.root / "requirements.txt").write_text("pydantic>=2\n", encoding="utf-8")
    done(cron("--yes"))
    doctor = [*install_command(cron.root)[:1], str(cron.root / "scripts" / "doctor.py"), "--json"]
    doctor += ["--data-dir", str(cron.data)]
    answer = subprocess.run(doctor, env=cron.env, capture_output=True, text=True, check=False)
    (row,) = [each for each in json.loads(answer.stdout)["checks"] if "cron" in each["name"]]
    assert "cron has: */10 14-23 * * 1-5 cd " in row["found"]
    moved = "It was made for Europe/Berlin, and this machine is in "
    assert (row["verdict"] == "warn") is (moved in row["found"])


# The real crontab.


@pytest.mark.skipif(
    shutil.which("crontab") is None
    or os.geteuid() != 0
    or not Path("/etc/debian_version").exists(),
    reason="only root of a Debian with cron has users to spare",
)
def test_the_real_crontab_takes_the_lines(machine: Machine) -> None:
    """With the table of the user nobody, which is put back."""
    printed = done(machine("--print")).encode()
    user = ("crontab", "-u", "nobody")
    former = subprocess.run([*user, "-l"], capture_output=True, check=False)
    try:
        taken = subprocess.run([*user, "-"], input=printed, capture_output=True, check=False)
        assert taken.returncode == 0, taken.stderr
        assert subprocess.run([*user, "-l"], capture_output=True, check=True).stdout == printed
    finally:
        if former.returncode == 0:
            subprocess.run([*user, "-"], input=former.stdout, check=True)
        else:
            subprocess.run([*user, "-r"], check=False, capture_output=True)


# launchd


def test_the_agent_is_written_loaded_and_explained_and_goes_again(mac: Machine) -> None:
    told = done(mac("--launchd", "--yes"))
    assert "sudo pmset repeat wakeorpoweron MTWRF 14:15:00" in told
    assert "caffeinate" in told
    read = plistlib.loads(mac.agent.read_bytes())
    assert mac.tools.get("loaded") == mac.agent.read_bytes()
    assert read["WorkingDirectory"] == str(mac.root)
    assert read["ProgramArguments"][1:] == [
        *(str(mac.root / "scripts" / "start_day.py"), "--data-dir", str(mac.data)),
    ]
    uid = os.getuid()
    assert mac.tools.calls("launchctl") == [
        f"bootout gui/{uid}/local.optionsarbitrage",
        f"bootstrap gui/{uid} {mac.agent}",
    ]
    assert "Removed" in done(mac("--launchd", "--remove", "--yes"))
    assert not mac.agent.exists()
    assert mac.tools.get("loaded") is None
    assert "nothing was changed" in done(mac("--launchd", "--remove"))


def test_printing_an_agent_writes_none(machine: Machine) -> None:
    read = plistlib.loads(done(machine("--launchd", "--print")).encode())
    assert len(read["StartCalendarInterval"]) == 10
    assert not machine.agent.exists()


def test_launchd_may_need_a_moment_to_let_go_of_the_former_agent(mac: Machine) -> None:
    done(mac("--launchd", "--yes"))
    mac.tools.set("slow")
    done(mac("--launchd", "--yes", "--live", LIVE_ACCOUNT_ID="U1234567"))
    assert mac.tools.calls("launchctl").count(f"bootstrap gui/{os.getuid()} {mac.agent}") == 3
    read = plistlib.loads(mac.tools.get("loaded") or b"")
    assert read["EnvironmentVariables"]["LIVE_ACCOUNT_ID"] == "U1234567"
    assert "--live" in read["ProgramArguments"]


def test_an_agent_that_launchd_refuses_leaves_no_file(mac: Machine) -> None:
    mac.tools.set("refuses")
    told = refusal(mac("--launchd", "--yes"), 2)
    assert "launchctl did not load the agent (Bootstrap failed: 125: Domain" in told
    assert not mac.agent.exists()


def test_a_machine_that_is_no_mac_says_what_to_use_instead(cron: Machine) -> None:
    for option in ("--yes", "--remove"):
        told = refusal(cron("--launchd", option), 2)
        assert "launchd is a Mac's, and this machine has no launchctl" in told
        assert "systemd user timer" in told


def test_a_person_is_asked_before_an_agent_is_loaded(mac: Machine) -> None:
    code, shown = mac.asked("n", "--launchd")
    assert (code, "Nothing was changed." in shown) == (0, True)
    assert not mac.agent.exists()
    assert mac.tools.calls("launchctl") == []
    assert "no terminal to ask on" in refusal(mac("--launchd"), 2)
