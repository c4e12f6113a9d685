"""How a tape is put on the disk: whole or not at all, with a checksum in its JSON file."""

import gzip
import hashlib
import io
import json
import os
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

from brokers.tape_rows import COLUMNS, SEEN
from src.models import NEW_YORK, Quote

CHECKSUM = "sha256"
"""The key of the JSON file that holds the checksum of the tape's bytes."""

Text = tuple[str, ...]
"""A row as text: the columns of a tape, and `seen` at its end."""


class TapeRow(NamedTuple):
    """What was seen of a symbol at the moment `seen`; the quote tells when it was true."""

    symbol: str
    quote: Quote
    seen: datetime


def as_text(symbol: str, quote: Quote, seen: datetime) -> Text:
    """Return a row as it is written."""
    numbers = (quote.bid, quote.ask, quote.bid_size, quote.ask_size, quote.last)
    return (stamp(quote.at), symbol, *map(_number, numbers), stamp(seen))


def stamp(moment: datetime) -> str:
    """Return a moment as a tape writes it: New York time with its offset."""
    return moment.astimezone(NEW_YORK).isoformat()


def _number(value: float | None) -> str:
    """Return the shortest text that reads back as exactly this number."""
    if value is None:
        return ""
    return str(value) if isinstance(value, int) else repr(float(value)).removesuffix(".0")


def tape_in(folder: Path, day: date) -> Path:
    """Return the place of a day's tape in a folder."""
    return folder / f"{day}.csv.gz"


def put_tape(path: Path, rows: Iterable[Text], told: Mapping[str, object]) -> None:
    """Write a tape and its JSON file, which holds what is `told`, the count, and the checksum.

    Rows are sorted by the moment at which they became known; the same rows give the same bytes.
    The tape is renamed last: one that is there is complete, its JSON file included. Raises
    OSError.
    """
    ordered = sorted(rows, key=lambda row: datetime.fromisoformat(row[-1]))
    content = _compressed(ordered)
    sidecar = path.with_name(f"{path.name.removesuffix('.csv.gz')}.json")
    full = {**told, "rows": len(ordered), CHECKSUM: hashlib.sha256(content).hexdigest()}
    replace_file(sidecar, f"{json.dumps(full, indent=1)}\n".encode())
    replace_file(path, content)


def replace_file(path: Path, content: bytes) -> None:
    """Write a file so that it is at no moment there in parts. Raises OSError."""
    temporary = path.with_name(f"{path.name}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        temporary.unlink(missing_ok=True)  # on a full disk it would only take room
        raise
    temporary.replace(path)


def _compressed(rows: list[Text]) -> bytes:
    """Return the tape's bytes; the column `seen` is there only where it tells something."""
    header = [*COLUMNS, SEEN]
    table = [[*row[:-1], "" if row[-1] == row[0] else row[-1]] for row in rows]
    width = len(header) if any(row[-1] for row in table) else len(COLUMNS)
    lines = [",".join(row[:width]) for row in [header, *table]]
    buffer = io.BytesIO()
    # Neither a name nor a time of writing in the file: the same day gives the same bytes.
    with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, mtime=0) as file:
        file.write(("\n".join(lines) + "\n").encode())
    return buffer.getvalue()
