"""Completes earlier sessions in the morning: late fills, and what expiry made of a position.

A broker tells of assignments, expiries and cash settlements by the next day, and an official close
may not be known in the evening. What is still not known stays open, and is asked for again.
"""

import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from src.database import Store
from src.day_record import DayRecord
from src.journal import Journal
from src.messages import earlier_days
from src.models import MULTIPLIER, ExitReason, OptionContract, Session, SpreadPosition
from src.ports import Activity, ActivityKind, Broker, OfficialCloses, QuoteSource, RetryLater
from src.results_logger import ResultsLogger
from src.settlement import ExpirationValue, settle
from src.ticks import CENT
from src.timetable import Phase
from src.words import ended, money

LOOK_BACK = timedelta(days=10)
"""Older sessions are not looked at again: a broker does not tell of them any more."""
_NOTHING = Decimal(0)


class MorningAfter:
    """Earlier sessions of one mode in one database."""

    def __init__(
        self,
        store: Store,
        folder: Path,
        session: Session,
        mode: str,
        csv_dialect: str = "standard",
    ) -> None:
        self._store = store
        self._today = session.day
        self._record = DayRecord(store, session.day)
        self._mode = mode
        self._results = ResultsLogger(store.connection, folder, csv_dialect=csv_dialect)

    def finish(self, broker: Broker | None, source: QuoteSource, now: datetime) -> list[str]:
        """Complete what can be completed; return what was done and what is still open, in words.

        `broker` is None where the orders stayed on the embedded exchange.
        """
        found: list[str] = []

        def tell(*lines: str) -> None:
            # Put up with what is booked, so that no crash can part them.
            self._record.notify(now, earlier_days(lines))
            found.extend(lines)

        for row in self._sessions():
            day = date.fromisoformat(row["session"])
            journal = Journal(self._store, day)
            try:
                fills = self._take_fills(journal, broker)
                acts = broker.activities(day) if broker else []
            except RetryLater as error:
                tell(f"What became of {day} cannot be asked ({error}).")
                self._store.commit()  # the next question may take its time, and others write too
                continue
            held = [each for each in journal.positions() if each.is_open]
            if not held and not fills and row["phase"] == Phase.REPORTED:
                if words := self._assigned_otherwise(journal, acts):
                    tell(words)
                    self._store.commit()
                continue
            told, closes = Told(held, acts), _closes(source, day)
            settled = [self._settle(journal, each, told, closes, now) for each in held]
            tell(*settled, f"The record of {day} was brought up to date, and its report.")
            found += self._report(day, now)
        self._store.commit()
        return found

    def _sessions(self) -> list[sqlite3.Row]:
        return self._store.read(
            "SELECT session, phase FROM sessions WHERE session < ? AND session >= ? AND mode = ?"
            " AND session IN (SELECT session FROM spreads) ORDER BY session",
            (str(self._today), str(self._today - LOOK_BACK), self._mode),
        ).fetchall()

    @staticmethod
    def _take_fills(journal: Journal, broker: Broker | None) -> bool:
        """Take over fills of recorded orders that were never heard of, and fees told since.

        Returns whether there was anything.
        """
        if broker is None:
            return False
        ours = [
            each for each in broker.fills(journal.session) if journal.knows(each.client_order_id)
        ]
        news = [journal.record_fill(each) or journal.correct_fee(each) is not None for each in ours]
        return any(news)

    def _settle(
        self,
        journal: Journal,
        position: SpreadPosition,
        told: "Told",
        closes: OfficialCloses | None,
        now: datetime,
    ) -> str:
        """Book what expiry made of each leg: as the broker tells, or else by the closes."""
        by_closes = settle(position, closes) if closes else None
        parts = []
        spx_only, spy_only = replace(position, spy_short=0), replace(position, spx_long=0)
        for part, booked in (
            (spx_only, told.of_spx(spx_only)),
            (spy_only, told.of_spy(spy_only, closes)),
        ):
            if not part.is_open:
                continue
            value = booked or by_closes
            if value is None:
                parts.append(f"what became of {_words(part)} is not known yet")
                continue
            used = (closes.spy, closes.spx) if closes else (None, None)
            note = "as the broker booked it" if booked else closes.source if closes else ""
            journal.record_settlement(part, value, used, note, now)
            worth = value.spx_cash if part.spx_long else value.spy_value
            parts.append(f"{_words(part)}: {money(worth)} ({note})")
            if part.spy_short and value.shares:
                parts.append(f"{value.shares:+d} SPY shares are left in the account")
        if not journal.position(journal.plan(position.spread_no)).is_open:
            journal.set_stage(position.spread_no, "closed")
            self._results.log_exit(journal.session, position.spread_no, ExitReason.EXPIRED, now)
        return f"Expiry of {position.trade_id}: {'; '.join(parts)}."

    def _assigned_otherwise(self, journal: Journal, acts: Sequence[Activity]) -> str:
        """Name assignments that differ from what the day was settled with: a holder may choose."""
        ours = {each.spy_contract for each in journal.positions()}
        told = [each for each in acts if each.contract in ours]
        if not told:
            return ""
        assigned = _count(told, ActivityKind.ASSIGNED)
        recorded = self._store.read(
            "SELECT coalesce(sum(shares), 0) FROM settlements WHERE session = ?",
            (str(journal.session),),
        ).fetchone()[0]
        if assigned * MULTIPLIER == -recorded:
            return ""
        return (
            f"ASSIGNED OTHERWISE on {journal.session}: the broker tells of {assigned} SPY calls, "
            f"the record has {-recorded // MULTIPLIER}. Look at the SPY shares in the account."
        )

    def _report(self, day: date, now: datetime) -> list[str]:
        """Reckon and report a day anew; return what could not be written, in words."""
        from src.exports import NotAllWritten  # noqa: PLC0415 - few mornings report anything

        self._results.update_final_pnl(day, self._mode, now)
        self._store.write(
            "UPDATE sessions SET phase = ?, last_tick = ?, next_tick = NULL WHERE session = ?",
            (Phase.REPORTED, now.isoformat(), str(day)),
        )
        self._store.commit()
        self._results.generate_daily_report(day)
        try:
            self._results.export_daily_csv(day)
        except NotAllWritten as error:
            return [ended(str(error))]
        return []


def _closes(source: QuoteSource, day: date) -> OfficialCloses | None:
    try:
        return source.official_closes(day)
    except RetryLater:
        return None


class Told:
    """What a broker tells of the expiry of these positions, divided among those of one contract."""

    def __init__(self, held: Sequence[SpreadPosition], acts: Sequence[Activity]) -> None:
        self._longs: Counter[OptionContract] = Counter()
        for each in held:
            self._longs[each.spx_contract] += each.spx_long
        self._cash: dict[OptionContract, Decimal] = {}
        self._assigned: Counter[OptionContract] = Counter()
        self._expired: Counter[OptionContract] = Counter()
        for act in acts:
            if act.contract is None:
                continue
            if act.kind in {ActivityKind.CASH_SETTLED, ActivityKind.EXPIRED}:
                self._cash[act.contract] = self._cash.get(act.contract, _NOTHING) + act.cash
            if act.kind is ActivityKind.ASSIGNED:
                self._assigned[act.contract] += abs(act.quantity)
            if act.kind is ActivityKind.EXPIRED:
                self._expired[act.contract] += abs(act.quantity)

    def of_spx(self, position: SpreadPosition) -> ExpirationValue | None:
        """Return what the long calls brought, None while nothing is told of them."""
        contract = position.spx_contract
        if contract not in self._cash or not position.spx_long:
            return None
        cash = self._cash[contract] * position.spx_long / self._longs[contract]
        return ExpirationValue(cash.quantize(CENT), _NOTHING, 0, 0)

    def of_spy(
        self, position: SpreadPosition, closes: OfficialCloses | None
    ) -> ExpirationValue | None:
        """Return what the short calls came to, None while a part of them is not told of.

        Assigned shares are valued at the close, so without one they cannot be.
        """
        contract, short = position.spy_contract, position.spy_short
        assigned = min(self._assigned[contract], short)
        if assigned + self._expired[contract] < short or (assigned and closes is None):
            return None
        self._assigned[contract] -= assigned
        self._expired[contract] -= short - assigned
        if not assigned or closes is None:
            return ExpirationValue(_NOTHING, _NOTHING, 0, 0)
        points = Decimal(str(closes.spy)) - Decimal(str(contract.strike))
        value = (-MULTIPLIER * assigned * points).quantize(CENT)
        return ExpirationValue(_NOTHING, value, assigned, -MULTIPLIER * assigned)


def _count(acts: Sequence[Activity], kind: ActivityKind) -> int:
    return sum(abs(each.quantity) for each in acts if each.kind is kind)


def _words(position: SpreadPosition) -> str:
    contract: OptionContract
    contract, held = (
        (position.spx_contract, position.spx_long)
        if position.spx_long
        else (position.spy_contract, -position.spy_short)
    )
    return f"{held:+d} {contract}"
