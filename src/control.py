"""What a person, the daily-loss breaker or a file allows the program to do, kept over restarts."""

import sqlite3
from collections.abc import Callable
from datetime import date, datetime
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import NamedTuple

from src.database import Store
from src.ports import StopTrading

HALT_FILE = "HALT"
"""A file of this name in the data directory means halt for as long as it is there."""
Tell = Callable[[datetime, str, str], None]
"""Takes a moment, the kind of event, and a sentence."""


class ControlMode(IntEnum):
    """What the program may still do; of two modes the greater one rules.

    Each does all that the weaker ones do: REDUCE_ONLY opens nothing, CLOSE also closes what is
    ours at once, HALT is a CLOSE that outlives its session until somebody lifts it.
    """

    NORMAL = 0
    REDUCE_ONLY = 1
    CLOSE = 2
    HALT = 3

    @property
    def label(self) -> str:
        """The mode as a person types it, e.g. "reduce-only"."""
        return self.name.lower().replace("_", "-")


class SetBy(StrEnum):
    """Who set a mode. What the breaker set can be lifted only on a later session."""

    PERSON = "person"
    BREAKER = "breaker"
    FILE = "file"


class ControlRule(NamedTuple):
    """A mode that rules, and why. `set_at` is None for a file: it rules while it is there."""

    mode: ControlMode
    set_by: SetBy
    reason: str
    set_at: datetime | None = None

    def __str__(self) -> str:
        since = f" at {self.set_at:%Y-%m-%d %H:%M:%S} ET" if self.set_at else ""
        return f"{self.mode.label} (set by {_WHO[self.set_by]}{since}: {self.reason})"


_WHO = {
    SetBy.PERSON: "a person",
    SetBy.BREAKER: "the daily loss limit",
    SetBy.FILE: "a file",
}


class ControlTable:
    """The recorded wishes for one session; `None` is the next session that will run."""

    def __init__(self, store: Store, session: date | None) -> None:
        self._store = store
        self._key = session.isoformat() if session else ""

    def rule(self) -> ControlRule | None:
        """Return the strongest recorded mode for this session, None when all is normal."""
        row = self._store.read(
            "SELECT * FROM control WHERE mode = 3 OR session IN (?, '')"
            " ORDER BY mode DESC, set_by LIMIT 1",
            (self._key,),
        ).fetchone()
        if row is None:
            return None
        at = datetime.fromisoformat(row["set_at"])
        return ControlRule(ControlMode(row["mode"]), SetBy(row["set_by"]), row["reason"], at)

    def mode(self) -> ControlMode:
        """Return the strongest recorded mode for this session."""
        row = self._store.read(
            "SELECT max(mode) FROM control WHERE mode = 3 OR session = ?1 OR session = ''",
            (self._key,),
        ).fetchone()
        return ControlMode(row[0] or 0)

    def wishes(self) -> tuple[ControlMode, bool]:
        """Return the strongest recorded mode, and whether a person wants positions closed."""
        wishes = self._store.read(
            "SELECT 'mode', mode FROM control WHERE mode = 3 OR session = ?1 OR session = ''"
            " UNION ALL SELECT 'close', 0 FROM overrides WHERE session = ?1 AND taken_at IS NULL",
            (self._key,),
        ).fetchall()
        if not wishes:
            return ControlMode.NORMAL, False
        return ControlMode(max(mode for _, mode in wishes)), any(w == "close" for w, _ in wishes)

    def raise_mode(self, mode: ControlMode, reason: str, at: datetime, set_by: SetBy) -> None:
        """Commit a stronger mode; one that is not stronger than its setter's last stays unsaid."""
        known = self._of(set_by)
        if known and self._counts(known):
            lasts = known["mode"] == ControlMode.HALT or known["session"] == self._key
            if known["mode"] >= mode and lasts:
                return
            mode = max(mode, ControlMode(known["mode"]))
        self._store.write(
            "INSERT INTO control VALUES (?, ?, ?, ?, ?) ON CONFLICT (set_by) DO UPDATE SET"
            " mode = excluded.mode, session = excluded.session, reason = excluded.reason,"
            " set_at = excluded.set_at",
            (set_by.value, int(mode), self._key, reason, at.isoformat()),
        )
        self._store.commit()

    def _of(self, set_by: SetBy) -> sqlite3.Row | None:
        found = self._store.read("SELECT * FROM control WHERE set_by = ?", (set_by.value,))
        row: sqlite3.Row | None = found.fetchone()
        return row

    def _counts(self, row: sqlite3.Row) -> bool:
        if row["mode"] == ControlMode.HALT or row["session"] in (self._key, ""):
            return True
        # What will run next may be a session that was interrupted: its wish is not weakened.
        unfinished = self._store.read(
            "SELECT 1 FROM sessions WHERE session = ? AND phase <> 'reported'", (row["session"],)
        ).fetchone()
        return self._key == "" and unfinished is not None

    def claim(self) -> None:
        """Commit that wishes that wait for the next session are those of this one."""
        waiting = self._store.read("SELECT 1 FROM control WHERE session = ''").fetchone()
        if waiting is not None:
            self._store.write("UPDATE control SET session = ? WHERE session = ''", (self._key,))
            self._store.commit()

    def lift(self) -> None:
        """Commit that all is normal again.

        Raises StopTrading, and changes nothing, when the breaker ended this very session.
        """
        breaker = self._of(SetBy.BREAKER)
        if breaker and breaker["session"] == self._key:
            raise StopTrading(
                f"the daily loss limit ended the session {self._key} ({breaker['reason']}). That "
                "can be lifted only for a later session; nothing was changed."
            )
        self._store.write("DELETE FROM control")
        self._store.commit()

    def breaker_session(self) -> date | None:
        """Return the session that the daily loss limit ended, if that still rules."""
        row = self._of(SetBy.BREAKER)
        return date.fromisoformat(row["session"]) if row and row["session"] else None

    def ask_to_close(self, at: datetime) -> None:
        """Commit a person's wish that the open positions of this session be closed, once."""
        self._store.write(
            "INSERT INTO overrides (session, at, action) VALUES (?, ?, 'close')",
            (self._key, at.isoformat()),
        )
        self._store.commit()

    def close_was_asked(self) -> bool:
        """Whether a person wants the open positions closed, and they are not yet."""
        row = self._store.read(
            "SELECT 1 FROM overrides WHERE session = ? AND taken_at IS NULL", (self._key,)
        ).fetchone()
        return row is not None

    def close_was_done(self, at: datetime) -> None:
        """Record that a person's wish was carried out."""
        self._store.write(
            "UPDATE overrides SET taken_at = ? WHERE session = ? AND taken_at IS NULL",
            (at.isoformat(), self._key),
        )


class Control:
    """What rules one session now: the recorded wishes and the HALT file, the stronger of them."""

    def __init__(self, table: ControlTable, folder: Path | None) -> None:
        self._table = table
        self._file = folder / HALT_FILE if folder else None
        self._heeded: tuple[ControlMode, bool] | None = None

    def rule(self) -> ControlRule | None:
        """Return the mode that rules and why, None when all is normal."""
        by_file = file_rule(self._file)
        recorded = self._table.rule()
        if by_file and (recorded is None or by_file.mode >= recorded.mode):
            return by_file
        return recorded

    def mode(self) -> ControlMode:
        """Return the mode that rules."""
        by_file = file_rule(self._file)
        return max(by_file.mode if by_file else ControlMode.NORMAL, self._table.mode())

    def may_open(self) -> bool:
        """Whether something may be opened; when that cannot be found out, it may not."""
        try:
            return self.mode() is ControlMode.NORMAL
        except sqlite3.Error:
            return False

    def heed(self, now: datetime, tell: Tell) -> None:
        """Take notice of what is wished, and tell of a mode that is not the last one heeded."""
        before = self._heeded[0] if self._heeded else ControlMode.NORMAL
        self._heeded = self._wishes()
        if self._heeded[0] is not ControlMode.NORMAL:
            self._table.claim()
        if self._heeded[1]:
            # Whoever wants the positions closed does not want the next ones opened.
            reason = "a row in the table overrides asks for it"
            self._table.raise_mode(ControlMode.CLOSE, reason, now, SetBy.PERSON)
            self._table.close_was_done(now)
            self._heeded = self._wishes()
        if self._heeded[0] is not before:
            tell(now, "control", f"The mode is now {self.rule() or ControlMode.NORMAL.label}.")

    def attention(self) -> bool:
        """Whether something is wished that was not heeded yet, so that a tick cannot wait."""
        return self._wishes() != self._heeded

    @property
    def heeded(self) -> tuple[ControlMode, bool]:
        """The mode and the wish to close as they were last heeded."""
        return self._heeded or self._wishes()

    def _wishes(self) -> tuple[ControlMode, bool]:
        by_file = file_rule(self._file)
        mode, close = self._table.wishes()
        return max(by_file.mode, mode) if by_file else mode, close


def file_rule(file: Path | None) -> ControlRule | None:
    """Return what a HALT file says, None when there is none, or no place for one.

    Where even that cannot be found out nothing is opened, but nothing is sold for it either.
    """
    if file is None:
        return None
    try:
        file.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        reason = f"{file} cannot be looked for ({error.strerror})"
        return ControlRule(ControlMode.REDUCE_ONLY, SetBy.FILE, reason)
    return ControlRule(ControlMode.HALT, SetBy.FILE, f"{file} is there")
