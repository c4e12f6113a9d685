"""Files from elsewhere become tapes: read by a map of columns, cleaned, labelled, a tape a day."""

import csv
import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from brokers.foreign_rows import Foreign, ForeignReader, choose_columns
from brokers.history import DERIVED, derived
from brokers.tape import Tape, read_csv, sidecar_of
from brokers.tape_cleaning import clean
from brokers.tape_file import TapeRow, as_text, put_tape, tape_in
from brokers.tape_parquet import SUFFIX as PARQUET
from brokers.tape_parquet import read_parquet
from brokers.tape_plans import otherwise
from brokers.tape_rows import UNDERLYINGS
from brokers.tape_sidecar import Sidecar, read_sidecar
from brokers.tape_telling import Told, cadence_of, gaps
from src.models import Quote, Session
from src.ports import MendInput

_FAULTS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class ForeignFile:
    """A file that was read: its rows by day, its source for the tapes, what was left out."""

    source: str
    days: Mapping[date, Sequence[TapeRow]]
    left_out: Mapping[str, int]
    knows_trades: bool


def read_foreign(path: Path, foreign: Foreign) -> ForeignFile:
    """Read a CSV, gzipped or not, or a Parquet file, whole. Raises MendInput, naming each fault."""
    if not path.is_file():
        raise MendInput(f"{path}: there is no such file.")
    unit, header, lines = _lines(path)
    reader = ForeignReader(choose_columns(path, header, foreign), len(header), foreign)
    days: dict[date, list[TapeRow]] = defaultdict(list)
    try:
        for number, fields in lines:
            if row := reader.take(f"{unit} {number}", fields):
                days[row.seen.date()].append(row)
    except csv.Error as error:
        raise MendInput(f"{path}: this is no sound CSV ({error}).") from error
    if reader.faults:
        shown = "; ".join(reader.faults[:_FAULTS_SHOWN])
        more = len(reader.faults) - _FAULTS_SHOWN
        rest = f"; ...and {more} more" if more > 0 else ""
        raise MendInput(f"{path}: {shown}{rest}. Nothing was imported.")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    return ForeignFile(
        f"import of {path.name} ({digest})", days, reader.others, reader.knows_trades
    )


@dataclass(frozen=True, slots=True)
class Wanted:
    """How imported rows become tapes: `adds` to those that are there, `derives` quotes."""

    folder: Path
    foreign: Foreign
    carried_after: timedelta
    adds: bool = False
    derives: bool = False

    @property
    def plan(self) -> dict[str, object]:
        """The options with which a file is read."""
        foreign = self.foreign
        return {
            "kind": foreign.kind,
            "derive-quotes": self.derives,
            "map": ",".join(f"{key}={text}" for key, text in sorted(foreign.columns.items())),
            "symbol": foreign.symbol,
            "zone": str(foreign.zone or ""),
            "bar-seconds": foreign.bar // timedelta(seconds=1),
            "carried-minutes": self.carried_after // timedelta(minutes=1),
        }


def there_already(file: ForeignFile, session: Session, wanted: Wanted) -> str:
    """Return what is said of a tape that holds this file already; empty where there is none.

    Raises MendInput for a JSON file that is not sound.
    """
    path = tape_in(wanted.folder, session.day)
    known = read_sidecar(sidecar_of(path), session.day) if path.exists() else Sidecar()
    if file.source not in known.source:
        return ""
    if other := otherwise(known, file.source, wanted.plan):
        return f"there already from this file {other}; remove it to import it again"
    return "there already from this file"


def import_day(
    file: ForeignFile, session: Session, wanted: Wanted
) -> tuple[Told, Sequence[TapeRow]] | None:
    """Write the tape of one day; return what it tells and holds, None where it is there already.

    Raises MendInput for a tape from elsewhere that is there, and OSError.
    """
    path = tape_in(wanted.folder, session.day)
    before = Tape.load(path) if path.exists() else None
    known = before.sidecar if before else Sidecar()
    if before and file.source in known.source:
        return None
    kind = _kind(file.days[session.day], wanted)
    if before:
        kind = _joined_kind(path, before, kind, wanted)
    cleaned = clean(
        file.days[session.day],
        session,
        wanted.carried_after,
        knows_trades=file.knows_trades,
        before=_rows_of(before) if before else (),
    )
    if not cleaned.rows:
        raise MendInput(
            f"{session.day}: all rows lie outside the session ({session.open:%H:%M} to "
            f"{session.close:%H:%M} in New York); are their times in another zone (--zone)?"
        )
    final = derived(cleaned.rows) if wanted.derives else cleaned.rows
    # What was found in the rows before counts still, but not what they lacked.
    found = [*(each for each in known.labels if " lacks " not in each), *cleaned.labels]
    cadence = cadence_of(final)
    kind = kind or wanted.foreign.kind
    told = Told(
        session=session,
        kind=kind,
        source=f"{known.source}; {file.source}" if before else file.source,
        note=_NOTES[kind],
        labels=tuple(dict.fromkeys([*found, *((DERIVED,) if wanted.derives else ())])),
        cadence=cadence,
        closes=known.closes,
        gaps=tuple(gaps(final, session, cadence)),
        plans={**known.plans, file.source: wanted.plan},
    )
    put_tape(path, (as_text(*row) for row in final), told.as_json())
    return told, final


_NOTES = {
    "quotes": "Imported quotes; their truth is that of the file.",
    "bars": "Imported bars: options have a last price only, so this tape cannot trade.",
    "prints": "Imported trades.",
}


def _kind(rows: Sequence[TapeRow], wanted: Wanted) -> str:
    """Return what the tape will be; empty where nothing but underlyings is told."""
    if all(row.symbol in UNDERLYINGS for row in rows):
        return ""
    return "prints" if wanted.derives else wanted.foreign.kind


def _joined_kind(path: Path, before: Tape, kind: str, wanted: Wanted) -> str:
    if not wanted.adds:
        raise MendInput(
            f"{path}: there is a tape of that day already ({before.sidecar.source}); remove it, "
            "name another folder with --into, or add to it with --add."
        )
    if before.kind not in _NOTES:
        raise MendInput(
            f"{path}: this tape is {before.kind} ({before.sidecar.source}), not imported; rows "
            "from elsewhere are not mixed into it. Name another folder with --into."
        )
    if kind and before.options and kind != before.kind:
        raise MendInput(
            f"{path}: this tape holds {before.kind}, and {kind} are not mixed into it; name "
            "another folder with --into."
        )
    return before.kind if before.options else kind


def _rows_of(tape: Tape) -> list[TapeRow]:
    named = [*tape.prices.items(), *((each.symbol, it) for each, it in tape.options.items())]
    return [
        TapeRow(symbol, Quote(*row), seen)
        for symbol, series in named
        for seen, row in zip(series.seen, series.rows, strict=True)
    ]


def _lines(path: Path) -> tuple[str, list[str], Iterator[tuple[int, list[str]]]]:
    """Return what a row is called in this file, its header, and its numbered rows."""
    if path.name.endswith(PARQUET):
        header, rows = read_parquet(path)
        return "row", header, enumerate(rows, start=1)
    return "line", *read_csv(path)
