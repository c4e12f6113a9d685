"""The record of how a session went: its phase, decisions, checks, control mode and messages."""

import json
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from src.control import ControlMode, ControlTable, SetBy
from src.database import Remembered, Store
from src.messages import Message
from src.models import EntryDecision, SpreadPosition
from src.ports import OfficialCloses
from src.ratio import CLOSES_LAST, Closes
from src.words import SIMULATED, count, money

__all__ = ["ControlMode", "DayRecord", "SessionRecord", "SetBy"]


class SessionRecord(NamedTuple):
    """A session that is, or was, worked on.

    A day that lives by a clock of its own goes on at `resume_at`: the tick that was interrupted,
    or the one that was due.
    """

    session: date
    mode: str
    source: str
    run_key: str
    phase: str
    started_at: datetime
    resume_at: datetime


class DayRecord:
    """Everything of one session but its orders. It has no clock: times are given to it."""

    def __init__(self, store: Store, session: date) -> None:
        self._store = store
        self.session = session
        self._key = session.isoformat()
        self.control = ControlTable(store, session)
        self._last_decision = Remembered(store, self._read_last_decision)
        self._last_check = Remembered(store, self._read_last_check)
        self._seen = Remembered(store, lambda: self._newest("look at the broker"))
        self._difference = Remembered(store, lambda: self._newest("difference"))
        self._remembered = (
            self._last_decision,
            self._last_check,
            self._seen,
            self._difference,
        )
        self._moment: datetime | None = None
        self._moment_text = ""

    def _text(self, moment: datetime) -> str:
        # All rows of a tick carry one moment, the one that the last tick asked to be woken at, and
        # to write it out costs as much as its row.
        if moment is not self._moment:
            self._moment, self._moment_text = moment, moment.isoformat()
        return self._moment_text

    def commit(self) -> None:
        """Make everything written so far survive the death of the process."""
        self._store.commit()

    def session_record(self) -> SessionRecord | None:
        """Return what is recorded of this session, or None if it was never begun."""
        row = self._store.read("SELECT * FROM sessions WHERE session = ?", (self._key,)).fetchone()
        if row is None:
            return None
        return SessionRecord(
            session=self.session,
            mode=row["mode"],
            source=row["source"],
            run_key=row["run_key"],
            phase=row["phase"],
            started_at=datetime.fromisoformat(row["started_at"]),
            resume_at=datetime.fromisoformat(row["next_tick"] or row["last_tick"]),
        )

    def is_reported(self) -> bool:
        """Whether the day is over: settled, reported and exported."""
        known = self.session_record()
        return known is not None and known.phase == "reported"

    def begin_session(self, mode: str, source: str, run_key: str, now: datetime) -> None:
        """Record that this session is being worked on; one that is there already is kept."""
        self._store.write(
            "INSERT INTO sessions VALUES (?, ?, ?, ?, 'before open', ?, ?, NULL) "
            "ON CONFLICT (session) DO UPDATE SET last_tick = excluded.last_tick",
            (self._key, mode, source, run_key, now.isoformat(), now.isoformat()),
        )
        self._store.commit()

    def mark(self, phase: str, now: datetime, wake: datetime | None = None) -> None:
        """Record how far the day has come, and when it asked to be woken, if it has."""
        last, due = self._text(now), self._text(wake) if wake else None
        self._store.write(
            "UPDATE sessions SET phase = ?, last_tick = ?, next_tick = ? WHERE session = ?",
            (phase, last, due, self._key),
        )

    def forget_session(self) -> None:
        """Remove every trace of this session: only for simulated days that are run again."""
        for table in (
            "fills WHERE client_order_id IN (SELECT client_order_id FROM orders WHERE session = ?)",
            *(
                f"{name} WHERE session = ?"
                for name in (
                    "orders",
                    "settlements",
                    "events",
                    "decisions",
                    "checks",
                    "notifications",
                    "overrides",
                    "spreads",
                    "sessions",
                )
            ),
            # A halt of a person's outlives the session until a person lifts it.
            "control WHERE session = ? AND NOT (mode = 3 AND set_by = 'person')",
            "trades WHERE date = ?",
            "daily_summary WHERE date = ?",
        ):
            self._store.write(f"DELETE FROM {table}", (self._key,))  # noqa: S608 - names of our own
        for part in self._remembered:
            part.forget()
        self._store.commit()

    def event(self, at: datetime, kind: str, text: str) -> None:
        """Add one line to the story of the day."""
        self._store.write(
            "INSERT INTO events (session, at, kind, text) VALUES (?, ?, ?, ?)",
            (self._key, self._text(at), kind, text),
        )

    def saw_difference(self, text: str, at: datetime) -> None:
        """Record what a look found to differ between record and broker; empty if nothing does.

        One look alone may have seen positions that lag; what two in a row see stands, whichever
        process looked.
        """
        if text == self._seen.get():
            self.set_difference(text, at)
            return
        self.event(at, "look at the broker", text)
        self._seen.become(text)
        if not text:
            self.set_difference("", at)

    def set_difference(self, text: str, at: datetime) -> None:
        """Record what the record and the broker differ in; empty when they agree again."""
        if text != self.difference():
            self.event(at, "difference", text)
            self._difference.become(text)

    def difference(self) -> str:
        """Return what the record and the broker were last found to differ in, empty if nothing."""
        return self._difference.get()

    def _newest(self, kind: str) -> str:
        row = self._store.read(
            "SELECT text FROM events WHERE session = ? AND kind = ? ORDER BY id DESC LIMIT 1",
            (self._key, kind),
        ).fetchone()
        return str(row["text"]) if row else ""

    def note_closes(self, closes: OfficialCloses, at: datetime) -> None:
        """Keep the official closes of this session, by which later ones expect the ratio."""
        self.event(at, "closes", json.dumps({"spy": closes.spy, "spx": closes.spx}))

    def note_closes_before(self, closes: Closes, at: datetime) -> None:
        """Keep what a source told of an earlier session, whose own end came before it was known."""
        told = {"day": closes.day.isoformat(), "spy": closes.spy, "spx": closes.spx}
        self.event(at, "closes before", json.dumps(told))

    def earlier_closes(self, mode: str, most: int = 5) -> tuple[Closes, ...]:
        """Return the closes that are known of the last sessions before this one, the newest first.

        They are those that sessions of this mode kept at their end, or were told of a session
        before them; of several of one session the last one told. What was told within a simulated
        session is no market's, and counts in that session only.
        """
        rows = self._store.read(
            "SELECT e.session AS day, e.text FROM events e JOIN sessions s USING (session)"
            " WHERE e.kind IN ('closes', 'closes before')"
            " AND (e.session = ? OR s.mode = ? AND e.session BETWEEN ? AND ?) ORDER BY e.id",
            (
                self._key,
                "" if mode in SIMULATED else mode,
                str(self.session - CLOSES_LAST),
                self._key,
            ),
        ).fetchall()
        found: dict[date, Closes] = {}
        for row in rows:
            told = {"day": row["day"], **json.loads(row["text"])}
            day = date.fromisoformat(told["day"])
            found[day] = Closes(day, told["spy"], told["spx"])
        earlier = [each for each in found.values() if each.day < self.session]
        return tuple(sorted(earlier, reverse=True)[:most])

    def record_decision(self, decision: EntryDecision) -> None:
        """Keep a decision with all its criteria."""
        gap = decision.setup.strike_gap if decision.setup else None
        self._store.write(
            "INSERT INTO decisions (session, at, should_trade, entry_credit, expected_profit,"
            " strike_gap, data) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                self._key,
                self._text(decision.timestamp),
                int(decision.should_trade),
                decision.entry_credit,
                decision.expected_profit,
                gap,
                json.dumps(decision.to_dict()),
            ),
        )
        self._last_decision.become(decision.timestamp)

    def last_decision_at(self) -> datetime | None:
        """Return when the market was last judged in this session."""
        return self._last_decision.get()

    def _read_last_decision(self) -> datetime | None:
        row = self._store.read(
            "SELECT at FROM decisions WHERE session = ? ORDER BY id DESC LIMIT 1", (self._key,)
        ).fetchone()
        return datetime.fromisoformat(row["at"]) if row else None

    def last_decision_to_trade(self) -> EntryDecision | None:
        """Return the session's newest decision in favour of trading."""
        row = self._store.read(
            "SELECT data FROM decisions WHERE session = ? AND should_trade = 1"
            " ORDER BY id DESC LIMIT 1",
            (self._key,),
        ).fetchone()
        return EntryDecision.from_dict(json.loads(row["data"])) if row else None

    def why_no_trade(self) -> str:
        """Return in words what kept the session from trading, from its decisions."""
        row = self._store.read(
            "SELECT count(*) AS looks, max(expected_profit) AS best,"
            " max(CASE WHEN should_trade THEN at END) AS decided FROM decisions WHERE session = ?",
            (self._key,),
        ).fetchone()
        if not row["looks"]:
            return "the market was not judged inside the entry window"
        if row["best"] is None:
            return f"in {row['looks']} looks there was never a setup that could be priced"
        reason = (
            f"in {count(row['looks'], 'look')} the best expected profit was {money(row['best'])}"
        )
        if not row["decided"]:
            return reason
        came = self._store.read(
            "SELECT text FROM events WHERE session = ? AND kind IN ('risk', 'entry')"
            " ORDER BY id DESC LIMIT 1",
            (self._key,),
        ).fetchone()
        words = came["text"].rstrip(".") if came else "nothing came of it"
        return f"{reason}; at {row['decided'][11:16]} every rule was met. {words}"

    def record_check(
        self,
        position: SpreadPosition,
        at: datetime,
        spy_price: float | None,
        pnl: Decimal | None,
        signal: str,
        text: str,
    ) -> None:
        """Keep one look at an open position, with the exit signal that it raised, if any.

        `pnl` is dollars; it and the price are None when they could not be known.
        """
        self._store.write(
            "INSERT INTO checks (session, spread_no, at, spy_price, pnl, signal, text)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                self._key,
                position.spread_no,
                self._text(at),
                spy_price,
                None if pnl is None else float(pnl),
                signal,
                text,
            ),
        )
        self._last_check.become(at)

    def last_known_pnl(self, position: SpreadPosition) -> str:
        """Return in words what the position was last worth, and when."""
        row = self._store.read(
            "SELECT at, pnl FROM checks WHERE session = ? AND spread_no = ? AND pnl IS NOT NULL"
            " ORDER BY id DESC LIMIT 1",
            (self._key, position.spread_no),
        ).fetchone()
        return f"{money(row['pnl'])} at {row['at'][11:16]}" if row else "nothing"

    def last_check_at(self) -> datetime | None:
        """Return when an open position was last looked at in this session."""
        return self._last_check.get()

    def _read_last_check(self) -> datetime | None:
        row = self._store.read(
            "SELECT at FROM checks WHERE session = ? ORDER BY id DESC LIMIT 1", (self._key,)
        ).fetchone()
        return datetime.fromisoformat(row["at"]) if row else None

    def control_mode(self) -> ControlMode:
        """Return what the program may still do in this session, as far as it is recorded."""
        return self.control.mode()

    def raise_control(
        self, mode: ControlMode, reason: str, at: datetime, set_by: SetBy = SetBy.PERSON
    ) -> None:
        """Commit a stronger mode for this session; a weaker one changes nothing."""
        self.control.raise_mode(mode, reason, at, set_by)

    def ask_to_close(self, at: datetime) -> None:
        """Record a person's wish that the open positions of this session be closed."""
        self.control.ask_to_close(at)

    def close_was_asked(self) -> bool:
        """Whether a person wants the open positions closed, and they are not yet."""
        return self.control.close_was_asked()

    def close_was_done(self, at: datetime) -> None:
        """Record that a person's wish was carried out."""
        self.control.close_was_done(at)

    def notify(self, at: datetime, message: Message) -> bool:
        """Put a message up in the open transaction, once for each key; return whether it is new."""
        changed = self._store.write(
            "INSERT INTO notifications (session, at, key, title, text, level)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (session, key) DO NOTHING",
            (
                self._key,
                at.isoformat(),
                message.key or message.title,
                message.title,
                message.text,
                message.level,
            ),
        )
        return changed == 1

    def add_page(self, key: str, html: str, plain: str) -> None:
        """Add a page to a message that is not committed yet: as HTML, and the same as text."""
        self._store.write(
            "UPDATE notifications SET html = ?, plain = ? WHERE session = ? AND key = ?",
            (html, plain, self._key, key),
        )
