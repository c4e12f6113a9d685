"""A tape of what the program saw, written while it sees it."""

import json
import logging
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path

from brokers.tape import Tape, date_of, read_rows, sidecar_of
from brokers.tape_file import Text, as_text, put_tape
from brokers.tape_rows import COLUMNS, published
from brokers.tape_sidecar import closes_as_json, read_sidecar
from src.models import NEW_YORK, OptionContract, Quote
from src.ports import Clock, MendInput, OfficialCloses, QuoteSource

_log = logging.getLogger(__name__)
_WIDTH = len(COLUMNS) + 1
AFTERWARDS = timedelta(milliseconds=1)
_TORN = "," * _WIDTH
"""Appended to a line that a killed process left unfinished: it has too many fields to be read."""


class TapeWriter:
    """Rows of one session, safe in `<session>.csv.part` at once and in the tape at the end.

    `path` is the tape that is to be, `YYYY-MM-DD.csv.gz`; `sidecar` what its JSON file shall tell
    (kind, cadence_seconds, source, note, labels). A part file or a tape that is already there is
    gone on with, never cut; those of another `source` are set aside as `.bak`, because two
    markets cannot share a tape. Raises MendInput where the tape that is there cannot be read, and
    OSError where the folder cannot be written to.
    """

    def __init__(self, path: Path, sidecar: Mapping[str, object]) -> None:
        if not path.name.endswith(".csv.gz"):
            raise MendInput(f"{path}: a tape is recorded as .csv.gz, such as 2026-01-26.csv.gz.")
        self.path = path
        self.date = date_of(path)
        self.sidecar = dict(sidecar)
        self._part = path.with_name(f"{self.date}.csv.part")
        self._pending: list[Text] = []
        self._set_other_sources_aside()
        if path.exists():
            Tape.load(path)
        self._set_torn_line_apart()
        self._latest = {row[1]: row for row in self._rows()}

    def write(self, symbol: str, quote: Quote, seen: datetime) -> None:
        """Record what was seen of a symbol, unless it is what was seen of it the last time."""
        self._append(as_text(symbol, quote, seen))

    def write_missing(self, symbol: str, seen: datetime) -> None:
        """Record that a symbol which had a market has none now."""
        if symbol in self._latest and any(self._latest[symbol][2:-1]):
            self._append(as_text(symbol, Quote(seen), seen))

    def flush(self) -> None:
        """Hand all rows to the system, where the death of the process cannot reach them."""
        if self._pending:
            self._part.parent.mkdir(parents=True, exist_ok=True)
            with self._part.open("a", encoding="utf-8", newline="") as file:
                if not file.tell():
                    file.write(f"{self._origin()}\n")
                file.writelines(",".join(row) + "\n" for row in self._pending)
            self._pending.clear()

    def finish(self, closes: OfficialCloses | None) -> Path | None:
        """Put everything into the tape and its JSON file, and remove the part file.

        Rows are sorted by the moment at which they became known; the same rows give the same
        bytes. Returns the tape, or None where nothing was recorded. May be called again: later
        rows join the tape, and closes that were known stay.
        """
        self.flush()
        rows = self._rows()
        if not rows:
            return None
        sidecar = sidecar_of(self.path)
        closes = closes or read_sidecar(sidecar, self.date).closes
        told = {
            "date": str(self.date),
            "kind": "recorded",
            **self.sidecar,
            "closes": closes_as_json(closes),
        }
        put_tape(self.path, rows, told)
        self._part.unlink(missing_ok=True)
        return self.path

    def _append(self, row: Text) -> None:
        known = self._latest.get(row[1])
        if known and known[:-1] == row[:-1]:
            return
        self._latest[row[1]] = row
        self._pending.append(row)

    def _origin(self) -> str:
        """Return the first line of a part file; being no row, it is skipped as one."""
        return f"# {json.dumps(self.sidecar.get('source'))}"

    def _set_other_sources_aside(self) -> None:
        if self._part.exists():
            with self._part.open(encoding="utf-8", errors="replace") as file:
                if file.readline() != f"{self._origin()}\n":
                    _set_aside(self._part)
        sidecar = sidecar_of(self.path)
        told = read_sidecar(sidecar, self.date).source
        if sidecar.exists() and told != self.sidecar.get("source", told):
            _set_aside(self.path)
            _set_aside(sidecar)

    def _set_torn_line_apart(self) -> None:
        if not self._part.exists():
            return
        if not self._part.read_bytes().endswith(b"\n"):
            with self._part.open("a", encoding="utf-8", newline="") as file:
                file.write(f"{_TORN}\n")

    def _rows(self) -> list[Text]:
        """Return the rows of the tape, if there is one, and of the part; equal ones once."""
        rows = [*self._tape_rows(), *self._part_rows()]
        # Of equal rows the last stays, because of two at one moment the later one counts.
        return list(reversed(dict.fromkeys(reversed(rows))))

    def _tape_rows(self) -> Iterator[Text]:
        if self.path.exists():
            for _, fields in read_rows(self.path)[1]:
                seen = fields[len(COLUMNS) :] or [""]
                yield (*fields[: len(COLUMNS)], seen[0] or fields[0])

    def _part_rows(self) -> Iterator[Text]:
        if self._part.exists():
            for line in self._part.read_text(encoding="utf-8", errors="replace").splitlines():
                fields = tuple(line.split(","))
                if len(fields) == _WIDTH and not line.startswith("#"):
                    yield fields


class RecordingSource:
    """A source of quotes that leaves a tape of all that it was asked for. Implements QuoteSource.

    `look` tells the moment that all quotes of one look count as seen at: a clock that runs is a
    little past the moment at which a replay will look. `failure` says why it stopped recording,
    when the disk did not take any more.

    A replay of the tape gives, at the same moments, the same answers. To that end what this
    source hands on is what a tape can hold: SPX in hundredths, unsound numbers (negative or not
    finite) as not known, and no quote at all where a source gives one with no price in it.
    """

    def __init__(
        self,
        source: QuoteSource,
        writer: TapeWriter,
        clock: Clock,
        look: Callable[[], datetime] | None = None,
    ) -> None:
        self._look = look or clock.now
        self._asked: dict[str, datetime] = {}
        self.name = source.name
        self.cadence_seconds = source.cadence_seconds
        self._source = source
        self._writer = writer
        self.failure = ""
        writer.sidecar["cadence_seconds"] = source.cadence_seconds

    def prices(self) -> Mapping[str, Quote]:
        """Return and record the newest prices. Raises RetryLater."""
        answer = _sound(self._source.prices())
        self._record(answer, {"SPY", "SPX"} - answer.keys())
        return answer

    def quotes(self, contracts: Iterable[OptionContract]) -> Mapping[OptionContract, Quote]:
        """Return and record the newest quotes of these contracts. Raises RetryLater."""
        asked = tuple(contracts)
        answer = _sound({each.symbol: q for each, q in self._source.quotes(asked).items()})
        self._record(answer, {each.symbol for each in asked} - answer.keys())
        return {each: answer[each.symbol] for each in asked if each.symbol in answer}

    def official_closes(self, day: date) -> OfficialCloses | None:
        """Return the closes as the source tells them; they are recorded by `TapeWriter.finish`."""
        return self._source.official_closes(day)

    def _record(self, answer: Mapping[str, Quote], missing: Iterable[str]) -> None:
        if self.failure:
            return
        for symbol, quote in answer.items():
            self._writer.write(symbol, quote, self._seen(symbol))
        for symbol in sorted(missing):
            self._writer.write_missing(symbol, self._seen(symbol))
        try:
            self._writer.flush()
        except OSError as error:
            # A tape is nice to have; the position that is watched through this source is not.
            self.failure = f"{self._writer.path}: the tape is not recorded ({error.strerror})"
            _log.error("%s", self.failure)

    def _seen(self, symbol: str) -> datetime:
        """Return the moment of the look; a second answer within it comes just after the first."""
        look = self._look()
        asked_before = self._asked.get(symbol) == look
        self._asked[symbol] = look
        return look + AFTERWARDS if asked_before else look


def _sound(answer: Mapping[str, Quote]) -> dict[str, Quote]:
    sound = {symbol: _recordable(symbol, quote) for symbol, quote in answer.items()}
    return {symbol: quote for symbol, quote in sound.items() if not quote.is_empty}


def _recordable(symbol: str, quote: Quote) -> Quote:
    return Quote(
        at=quote.at.astimezone(NEW_YORK),
        bid=_price(quote.bid),
        ask=_price(quote.ask),
        bid_size=_size(quote.bid_size),
        ask_size=_size(quote.ask_size),
        last=published(symbol, _price(quote.last)),
    )


def _price(value: float | None) -> float | None:
    sound = value is not None and math.isfinite(value) and value >= 0
    return abs(value) if sound and value is not None else None


def _size(value: int | None) -> int | None:
    return value if value is not None and value >= 0 else None


def _set_aside(path: Path) -> None:
    if path.exists():
        path.replace(path.with_name(f"{path.name}.bak"))
