"""The program as an agent of launchd, the scheduler of a Mac, which makes up for what was slept."""

import plistlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from utils.local_hours import LocalHours

LABEL = "local.optionsarbitrage"
PAUSE_SECONDS = 600
"""How soon a start that failed is tried again: no broker is stormed with log-ins."""


def agent(
    hours: LocalHours,
    program: Sequence[str | Path],
    folder: Path,
    log: Path,
    environment: Mapping[str, str],
) -> bytes:
    """Return the property list of the agent.

    It is started at each local time of 9:20 in New York, when the Mac wakes if it slept then, at
    log-in, and again when it failed; not when it ended well. Not held back like work of less
    weight (`Interactive`), for a position waits for it.
    """
    return plistlib.dumps(
        {
            "Label": LABEL,
            "ProgramArguments": [str(each) for each in program],
            "WorkingDirectory": str(folder),
            "EnvironmentVariables": {
                "PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
                "MADE_FOR_ZONE": hours.zone,
                **environment,
            },
            "StartCalendarInterval": [
                {"Weekday": each.weekday, "Hour": each.hour, "Minute": each.minute}
                for each in hours.calendar_starts()
            ],
            "RunAtLoad": True,
            "KeepAlive": {"SuccessfulExit": False},
            "ThrottleInterval": PAUSE_SECONDS,
            "ProcessType": "Interactive",
            "StandardOutPath": str(log),
            "StandardErrorPath": str(log),
        },
        sort_keys=False,
    )


def path_of(home: Path) -> Path:
    """Return where a user's agents lie, for this one."""
    return home / "Library" / "LaunchAgents" / f"{LABEL}.plist"


def zone_of(content: bytes) -> str:
    """Return the zone for which an agent was made, empty for one that does not say."""
    try:
        variables = plistlib.loads(content).get("EnvironmentVariables", {})
        return str(variables.get("MADE_FOR_ZONE", ""))
    except (plistlib.InvalidFileException, ValueError, AttributeError):
        return ""
