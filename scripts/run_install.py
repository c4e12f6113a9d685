"""Puts the program's start into a crontab or under launchd, shows it first, and takes it out."""

import argparse
import logging
import os
import re
import sys
from pathlib import Path

from src.live_guard import ACCOUNT_VARIABLE
from src.ports import MendInput
from src.settings import KEYS, load_settings
from utils import cron_entry, launch_agent
from utils.console import DONE, FAILED, complain, exit_code, sentence
from utils.local_hours import LocalHours, local_hours, machine_zone, named_zone
from utils.machine_commands import has_command, launchctl, read_crontab, write_crontab
from utils.market_clock import WallClock

TRIES, PAUSE_SECONDS = 80, 0.5
"""How often an agent is loaded: launchd lets go of the former one in its own time."""
GUARDED = ("Desktop", "Documents", "Downloads")
"""Folders of a Mac that what starts by itself may not read unless its owner allows it."""
_BUSY = re.compile(r"\b(5|37): ")
"""What launchctl answers while the former agent is still being let go of."""
_log = logging.getLogger("optionsarbitrage")


def run(args: argparse.Namespace, project: Path) -> int:
    """Install, show or remove; every failure ends in one sentence and its exit code."""
    try:
        install = Installation(args, project)
        (install.launchd if args.launchd else install.cron)()
    except KeyboardInterrupt as error:
        complain(sentence(error))
        return exit_code(error)
    except Exception as error:  # noqa: BLE001 - the outermost place: said and coded
        code = exit_code(error)
        _log.log(logging.ERROR if code == FAILED else logging.DEBUG, "details", exc_info=error)
        complain(sentence(error))
        return code
    return DONE


class Installation:
    """What one command line wants to have started by itself."""

    def __init__(self, args: argparse.Namespace, project: Path) -> None:
        self._args, self._project = args, project
        self._logs = project / "logs"
        self._clock = WallClock()

    def cron(self) -> None:
        """Show, put in or take out the lines in the crontab."""
        if self._args.remove:
            self._take_out_of_cron()
            return
        hours = self._hours()
        line = cron_entry.command(
            [*self._variables(), *self._program()], self._project, self._logs / "cron.log"
        )
        lines = cron_entry.block(hours, line)
        if self._args.print:
            print(os.fsdecode(lines), end="")
            return
        table = read_crontab()
        wanted = cron_entry.with_block(table, lines)
        if wanted == table:
            print("Your crontab has these lines already; nothing was changed.")
            return
        self._show(hours, os.fsdecode(lines), "These lines go into your crontab")
        for other in cron_entry.others_that_start(table):
            print(f"  Note: this line of yours starts it as well; crontab -e takes it out: {other}")
        if former := cron_entry.own_block(table):
            print(f"They take the place of these:\n{os.fsdecode(former)}")
        if self._may_go_on():
            self._change_crontab(table, wanted)
            print("Installed. Look with crontab -l; make remove-cron takes it out again.")
            self._notes_for_a_mac()

    def _take_out_of_cron(self) -> None:
        table = read_crontab()
        former = cron_entry.own_block(table)
        if not former:
            print("Your crontab has no lines of this program; nothing was changed.")
            return
        print(f"These lines are taken out of your crontab:\n\n{os.fsdecode(former)}")
        if self._may_go_on():
            self._change_crontab(table, cron_entry.without_block(table))
            print("Removed. What runs now goes on; nothing starts by itself any more.")

    def _change_crontab(self, table: bytes, wanted: bytes) -> None:
        if read_crontab() != table:  # in another terminal, while the question waited
            raise MendInput(
                "Your crontab was changed meanwhile, so nothing was written: run this again."
            )
        self._logs.mkdir(exist_ok=True)  # a shell that cannot write its log starts nothing
        if table:
            folder = self._data()
            folder.mkdir(parents=True, exist_ok=True)
            copy = folder / f"crontab-{self._clock.now():%Y%m%dT%H%M%S}.bak"
            copy.touch(mode=0o600)
            copy.write_bytes(table)
            print(f"The former crontab is kept in {copy}.")
        write_crontab(wanted)

    def launchd(self) -> None:
        """Show, load or remove the agent."""
        path = launch_agent.path_of(Path.home())
        if self._args.print:
            print(self._agent(self._hours()).decode(), end="")
            return
        if not has_command("launchctl"):
            raise MendInput(
                "launchd is a Mac's, and this machine has no launchctl. Use cron here (make "
                "install-cron), or a systemd user timer that starts scripts/start_day.py; nothing "
                "was changed."
            )
        if self._args.remove:
            self._unload(path)
            return
        hours = self._hours()
        content = self._agent(hours)
        words = (
            f"{path}\n  starts {' '.join(map(str, self._program()))}\n"
            f"  on {len(hours.calendar_starts())} moments of the week, when the Mac wakes if it "
            "slept then, at log-in, and 10 minutes after it failed\n"
            "  a day that an agent runs now is ended, and begun again at once\n"
        )
        self._show(hours, words, "This agent of launchd is written and loaded")
        if self._may_go_on():
            self._load(path, content)
            print(
                "Loaded; in the hours of a session it begins at once. make remove-launchd removes "
                "it again."
            )
            self._notes_for_waking(hours)

    def _load(self, path: Path, content: bytes) -> None:
        self._logs.mkdir(exist_ok=True)
        launchctl("bootout", self._domain(launch_agent.LABEL))  # one that is not there is no fault
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        complaint = ""
        for attempt in range(TRIES):
            self._clock.sleep(PAUSE_SECONDS if attempt else 0)
            complaint = launchctl("bootstrap", self._domain(), str(path))
            if not complaint:
                return
            if not _BUSY.search(complaint):
                break
        path.unlink()
        raise MendInput(
            f"launchctl did not load the agent ({complaint}); its file was taken away again. Log "
            "in at the Mac's own screen, not over ssh, and try again."
        )

    def _unload(self, path: Path) -> None:
        if not path.exists():
            print(f"There is no {path}; nothing was changed.")
            return
        print(f"The agent {path} is unloaded and removed; a day that it runs now is ended.")
        if self._may_go_on():
            complaint = launchctl("bootout", self._domain(launch_agent.LABEL))
            path.unlink()
            told = f" launchctl said: {complaint}." if complaint else ""
            print(f"Removed; nothing starts by itself any more.{told}")

    # What is started.

    def _program(self) -> list[str]:
        args = self._args
        words = [sys.executable, str(self._project / "scripts" / "start_day.py")]
        words += ["--live"] if args.live else []
        words += ["--config", str(args.config.resolve())] if args.config else []
        words += ["--data-dir", str(args.data_dir.resolve())] if args.data_dir else []
        words += [part for each in args.overrides for part in ("--set", each)]
        for secret in (each for each in args.overrides if KEYS.is_secret(each.partition("=")[0])):
            raise MendInput(
                f"--set {secret.partition('=')[0]}: a secret has no place in a crontab or an "
                "agent. Put it into .env; nothing was changed."
            )
        load_settings(args.config, args.overrides, root=self._project)  # told of now, not at 9:20
        return words

    def _environment(self) -> dict[str, str]:
        """Return what a day with real money needs of the environment, which cron has not."""
        if not self._args.live:
            return {}
        account = os.environ.get(ACCOUNT_VARIABLE, "")
        if not account:
            raise MendInput(
                f"--live: {ACCOUNT_VARIABLE} is not set. Set it to the account that may trade real "
                f"money ({ACCOUNT_VARIABLE}=U1234567 make install-cron ARGS=--live); it is written "
                "into what is installed. Nothing was changed."
            )
        return {ACCOUNT_VARIABLE: account}

    def _variables(self) -> list[str]:
        found = [f"{name}={value}" for name, value in self._environment().items()]
        return ["/usr/bin/env", *found] if found else []

    def _agent(self, hours: LocalHours) -> bytes:
        log = self._logs / "launchd.log"
        return launch_agent.agent(hours, self._program(), self._project, log, self._environment())

    def _hours(self) -> LocalHours:
        name, zone = named_zone(self._args.zone) if self._args.zone else machine_zone()
        return local_hours(zone, name, self._clock.now().date())

    def _data(self) -> Path:
        settings = load_settings(self._args.config, root=self._project).settings
        folder = self._args.data_dir or (self._project / settings.logging.database).parent
        return Path(folder)

    @staticmethod
    def _domain(label: str = "") -> str:
        return f"gui/{os.getuid()}" + (f"/{label}" if label else "")

    # What is said and asked.

    def _show(self, hours: LocalHours, text: str, what: str) -> None:
        money = "REAL MONEY" if self._args.live else "paper"
        print(f"9:20 in New York is {hours.in_words()} in {hours.zone}.")
        print(f"{what} (days: {money}):\n\n{text}")
        print(
            "The program itself begins at 9:15 New York time, whatever the hour here: an earlier "
            "start waits, and a start that finds the day running or done ends at once."
        )

    def _may_go_on(self) -> bool:
        if self._args.yes:
            return True
        if not sys.stdin.isatty():
            raise MendInput(
                "there is no terminal to ask on; say --yes to go on without being asked, or "
                "--print to look only. Nothing was changed."
            )
        if input("Go on? [y/N] ").strip().lower() in {"y", "yes"}:
            return True
        print("Nothing was changed.")
        return False

    def _notes_for_a_mac(self) -> None:
        if sys.platform != "darwin":
            return
        print("cron does nothing while a Mac sleeps; make install-launchd is the better way here.")
        self._note_on_guarded_folders()

    def _notes_for_waking(self, hours: LocalHours) -> None:
        print(
            "A Mac that sleeps is woken in time by this command of yours (its own time zone):\n"
            f"  sudo pmset repeat wakeorpoweron {hours.wake()}\n"
            "It stays awake for as long as the day runs (caffeinate), unless its lid is shut or "
            "its battery is empty; you must be logged in."
        )
        self._note_on_guarded_folders()

    def _note_on_guarded_folders(self) -> None:
        inside = [each for each in GUARDED if (Path.home() / each) in self._project.parents]
        if inside:
            print(
                f"  Note: what starts by itself may not read {inside[0]} unless you allow it; move "
                "the project elsewhere, such as your home folder, and install again."
            )
