"""A tape that is being fetched: what has arrived whole is kept, and only the rest asked for."""

import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from pathlib import Path

from brokers.tape_file import TapeRow, as_text, put_tape, tape_in
from brokers.tape_rows import price_of
from src.models import NEW_YORK, Quote

SUFFIX = ".csv.fetching"
_DONE = "# done "
_WIDTH = 8


class TapeInProgress:
    """Portions of one day in `<day>.csv.fetching`, each of which is there whole or not at all.

    `plan` is what is being fetched: what an interrupted run of another plan has left is begun
    anew. Raises OSError where the folder cannot be written to.
    """

    def __init__(self, folder: Path, day: date, plan: Mapping[str, object]) -> None:
        self.path = folder / f"{day}{SUFFIX}"
        self._tape = tape_in(folder, day)
        self._first_line = f"# {json.dumps(dict(plan), sort_keys=True)}\n"
        self._done: dict[str, list[TapeRow]] = {}
        self._resume()

    @property
    def rows(self) -> list[TapeRow]:
        """All rows that have arrived."""
        return [row for portion in self._done.values() for row in portion]

    def portion(self, name: str) -> list[TapeRow] | None:
        """Return a portion that has arrived, None for one that has not."""
        return self._done.get(name)

    def add(self, name: str, rows: Iterable[TapeRow]) -> list[TapeRow]:
        """Keep a portion, so that it need not be asked for again; return it."""
        portion = list(rows)
        lines = [",".join(as_text(*row)) for row in portion]
        with self.path.open("a", encoding="utf-8", newline="") as file:
            file.write("".join(f"{line}\n" for line in [*lines, f"{_DONE}{name}"]))
        self._done[name] = portion
        return portion

    def finish(self, rows: Iterable[TapeRow], told: Mapping[str, object]) -> Path:
        """Put the day's final rows into its tape, and remove what was kept; return the tape."""
        put_tape(self._tape, (as_text(*row) for row in rows), told)
        self.path.unlink(missing_ok=True)
        return self._tape

    def discard(self) -> None:
        """Forget what was kept: there is nothing to make a tape of."""
        self.path.unlink(missing_ok=True)

    def _resume(self) -> None:
        content = self.path.read_bytes() if self.path.exists() else b""
        try:
            self._keep(content)
        except ValueError:
            # Another plan's, or not as it was written: begun anew.
            self._done.clear()
            self.path.write_text(self._first_line, encoding="utf-8")

    def _keep(self, content: bytes) -> None:
        """Take the whole portions, and cut off what an interruption left. Raises ValueError."""
        if not content.startswith(self._first_line.encode()):
            raise ValueError("another plan")
        whole, portion = len(self._first_line), list[TapeRow]()
        place = whole
        for raw in content[whole:].splitlines(keepends=True):
            place += len(raw)
            line = raw.decode("utf-8", errors="replace")
            if not line.endswith("\n"):
                break
            if line.startswith(_DONE):
                self._done[line[len(_DONE) :].rstrip("\n")] = portion
                whole, portion = place, []
            else:
                portion.append(_row(line.rstrip("\n")))
        with self.path.open("r+b") as file:
            file.truncate(whole)


def _row(line: str) -> TapeRow:
    fields = line.split(",")
    if len(fields) != _WIDTH:
        raise ValueError(f"{len(fields)} fields")
    at, symbol, bid, ask, bid_size, ask_size, last, seen = fields
    numbers = (
        *(price_of(text) if text else None for text in (bid, ask)),
        *(int(text) if text else None for text in (bid_size, ask_size)),
        price_of(last) if last else None,
    )
    return TapeRow(symbol, Quote(_moment(at), *numbers), _moment(seen))  # type: ignore[arg-type] # in the order of the fields


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(NEW_YORK)
