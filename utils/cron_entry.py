"""The program's own lines in a crontab: written, put in, taken out. All others stay as they are.

A crontab is bytes here, for who else wrote in it may have used any encoding.
"""

import os
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from src.ports import MendInput
from utils.local_hours import LocalHours

BEGIN = b"# >>> optionsarbitrage >>>"
END = b"# <<< optionsarbitrage <<<"
LONGEST = 900
"""Bytes of a command; cron itself cuts off at about 1000."""
_OTHER_ZONE = re.compile(rb"\s*CRON_TZ\s*=")
_ZONE = re.compile(rb"made for ([^,\s]+)")


def command(program: Sequence[str | Path], folder: Path, log: Path) -> str:
    """Return the command of a cron line, which begins in the folder and adds to the log.

    To cron a % is a new line unless a backslash stands before it. Raises MendInput for what no
    quoting can save.
    """
    words = " ".join(shlex.quote(str(each)) for each in program)
    text = f"cd {shlex.quote(str(folder))} && {words} >> {shlex.quote(str(log))} 2>&1"
    if wrong := re.search(r"[\\\x00-\x1f\x7f]", text):
        raise MendInput(
            f"{folder}: cron cannot be told of a path or a value with {wrong[0]!r} in it. "
            "Rename the folder, or use launchd (--launchd); nothing was changed."
        )
    escaped = text.replace("%", r"\%")
    if len(os.fsencode(escaped)) > LONGEST:
        raise MendInput(
            f"{folder}: the line for cron would be longer than {LONGEST} bytes. Move the project "
            "to a shorter path, or put the --set values into config/config.yaml; nothing was "
            "changed."
        )
    return escaped


def block(hours: LocalHours, line: str) -> bytes:
    """Return the program's lines: comments around one cron line for each span of hours."""
    lines = [
        os.fsdecode(BEGIN),
        f"# made for {hours.zone.replace(' ', '-')}, where 9:20 in New York is {hours.in_words()};",
        "# every start but one finds the day running or done, and ends at once",
        *(f"{times} {line}" for times in hours.cron_times()),
        os.fsdecode(END),
    ]
    return os.fsencode("\n".join(lines) + "\n")


def own_block(table: bytes) -> bytes:
    """Return the program's lines in a crontab, empty where there are none. Raises MendInput."""
    lines = table.splitlines(keepends=True)
    place = _place(lines)
    return b"".join(lines[place]) if place else b""


def with_block(table: bytes, lines: bytes) -> bytes:
    """Return the crontab with the program's lines, in place of older ones. Raises MendInput."""
    rows = table.splitlines(keepends=True)
    place = _place(rows)
    above = rows[: place.start] if place else rows
    if lines and any(_OTHER_ZONE.match(row) for row in above):
        raise MendInput(
            "Your crontab sets CRON_TZ, which would move the hours of these lines. Take it out "
            "with crontab -e, install, and put it back below them; nothing was changed."
        )
    if place:
        return b"".join([*rows[: place.start], lines, *rows[place.stop :]])
    end = b"" if not table or table.endswith(b"\n") else b"\n"
    return table + end + lines


def without_block(table: bytes) -> bytes:
    """Return the crontab without the program's lines. Raises MendInput."""
    return with_block(table, b"") if own_block(table) else table


def zone_of(table: bytes) -> str:
    """Return the zone for which the program's lines were made, empty where there are none."""
    found = _ZONE.search(own_block(table))
    return found[1].decode() if found else ""


def others_that_start(table: bytes) -> tuple[str, ...]:
    """Return lines that start the program and are not its own: somebody wrote them by hand."""
    lines = without_block(table).splitlines()
    return tuple(
        os.fsdecode(line)
        for line in lines
        if re.search(rb"scripts/(main|start_day)\.py", line) and not line.lstrip().startswith(b"#")
    )


def _place(lines: Sequence[bytes]) -> slice | None:
    begins = [number for number, line in enumerate(lines) if line.strip() == BEGIN]
    ends = [number for number, line in enumerate(lines) if line.strip() == END]
    if not begins and not ends:
        return None
    if len(begins) == len(ends) == 1 and begins[0] < ends[0]:
        return slice(begins[0], ends[0] + 1)
    marks = ", ".join(str(number + 1) for number in sorted(begins + ends))
    raise MendInput(
        f"crontab: the lines that mark this program's part are not one pair (lines {marks}). "
        "Mend it with crontab -e: take out the marks and what is between them; nothing was changed."
    )
