"""What a tape lacks, and what its JSON file tells of it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby, pairwise

from brokers.tape_file import TapeRow
from brokers.tape_rows import UNDERLYINGS
from brokers.tape_sidecar import closes_as_json
from src.models import Session
from src.ports import OfficialCloses

_MINUTE = timedelta(minutes=1)
_SHOWN = 5
_REGULAR = 0.8
"""From which share of equal steps on a tape counts as having a cadence."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Minutes of the session of which a tape has no row, both ends included."""

    symbol: str
    first: datetime
    last: datetime

    @property
    def minutes(self) -> int:
        """How many are missing."""
        return (self.last - self.first) // _MINUTE + 1

    def __str__(self) -> str:
        span = f"{self.first:%H:%M}" + (f"-{self.last:%H:%M}" if self.minutes > 1 else "")
        return f"{self.symbol} {span}"


def gaps(rows: Iterable[TapeRow], session: Session, cadence: timedelta | None) -> list[Gap]:
    """Return where SPY and SPX lack a row, for a tape with one row every `cadence`.

    The first row is due one cadence after the open, the last one at the close. A market that was
    only repeated is a gap as well. A symbol without any row is one gap, and the only kind of gap on
    a tape without a cadence.
    """
    rows = list(rows)
    if cadence is None:
        known = {row.symbol for row in rows}
        first = session.open + _MINUTE
        return [Gap(each, first, session.close) for each in UNDERLYINGS if each not in known]
    told: dict[str, set[datetime]] = {name: set() for name in UNDERLYINGS}
    for row in rows:
        fresh = row.seen - row.quote.at < cadence
        if row.symbol in told and fresh:
            told[row.symbol].add(row.seen)
    found: list[Gap] = []
    count = (session.close - session.open) // cadence
    due = [session.open + (n + 1) * cadence for n in range(count)]
    for symbol, seen in told.items():
        there = _there(due, sorted(seen), cadence)
        for is_there, span in groupby(zip(due, there, strict=True), key=lambda pair: pair[1]):
            if not is_there:
                missing = [moment for moment, _ in span]
                found.append(Gap(symbol, missing[0] - cadence + _MINUTE, missing[-1]))
    return found


def _there(due: Sequence[datetime], seen: Sequence[datetime], cadence: timedelta) -> list[bool]:
    """Return for each due moment whether a row was seen in the cadence that ends there."""
    answer, index = [], 0
    for moment in due:
        while index < len(seen) and seen[index] <= moment - cadence:
            index += 1
        answer.append(index < len(seen) and seen[index] <= moment)
    return answer


def missing(found: Sequence[Gap], session: Session) -> list[str]:
    """Return what is missing in words, one sentence a symbol."""
    by_symbol: dict[str, list[Gap]] = defaultdict(list)
    for gap in found:
        by_symbol[gap.symbol].append(gap)
    whole = (session.close - session.open) // _MINUTE
    told = []
    for symbol, each in by_symbol.items():
        lacking = sum(gap.minutes for gap in each)
        if lacking == whole:
            told.append(f"{symbol} is missing altogether")
            continue
        spans = ", ".join(str(gap).partition(" ")[2] for gap in each[:_SHOWN])
        more = f" and {len(each) - _SHOWN} more spans" if len(each) > _SHOWN else ""
        told.append(f"{symbol} lacks {lacking} of {whole} minutes: {spans}{more}")
    return told


def cadence_of(rows: Iterable[TapeRow]) -> timedelta | None:
    """Return the usual time between two rows of a symbol, None where there is none."""
    seen: dict[str, list[datetime]] = defaultdict(list)
    for row in rows:
        seen[row.symbol].append(row.seen)
    steps: dict[timedelta, int] = defaultdict(int)
    for moments in seen.values():
        for at, later in pairwise(moments):
            steps[later - at] += 1
    if not steps:
        return None
    usual = max(steps, key=steps.__getitem__)
    return usual if usual and steps[usual] >= _REGULAR * sum(steps.values()) else None


@dataclass(frozen=True, slots=True)
class Told:
    """What a tape's JSON file tells, but for the count of rows and the checksum."""

    session: Session
    kind: str
    source: str
    note: str
    labels: tuple[str, ...]
    cadence: timedelta | None
    closes: OfficialCloses | None
    gaps: tuple[Gap, ...] = ()
    plans: Mapping[str, Mapping[str, object]] = field(default_factory=dict)

    @property
    def all_labels(self) -> tuple[str, ...]:
        """What a reader of results must know, what is missing included."""
        return (*self.labels, *missing(self.gaps, self.session))

    def as_json(self) -> dict[str, object]:
        """Return the content of the file."""
        seconds = self.cadence.total_seconds() if self.cadence else None
        return {
            "date": str(self.session.day),
            "kind": self.kind,
            "source": self.source,
            "note": self.note,
            "cadence_seconds": seconds,
            "labels": list(self.all_labels),
            "gaps": [str(gap) for gap in self.gaps],
            "closes": closes_as_json(self.closes),
            "plans": {source: dict(plan) for source, plan in self.plans.items()},
        }
