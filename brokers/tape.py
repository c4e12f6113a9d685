"""Tapes: recorded sessions as files, read strictly, so that a bad one is refused in words."""

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from brokers.tape_parquet import SUFFIX as PARQUET
from brokers.tape_parquet import read_parquet
from brokers.tape_rows import COLUMNS, SEEN, UNDERLYINGS, RowReader, Series
from brokers.tape_sidecar import Sidecar, read_sidecar
from src.models import OptionContract
from src.ports import MendInput

SUFFIXES = (".csv.gz", ".csv", PARQUET)


@dataclass(frozen=True, slots=True)
class Tape:
    """A recorded session, read and checked: its rows, and what the JSON beside it tells."""

    path: Path
    date: date
    prices: Mapping[str, Series]
    options: Mapping[OptionContract, Series]
    sidecar: Sidecar

    @property
    def kind(self) -> str:
        """What the quotes are: "prints", "quotes", "recorded", ..."""
        return self.sidecar.kind

    @property
    def note(self) -> str:
        """What a reader of results must know of this tape."""
        return self.sidecar.note

    @classmethod
    def load(cls, path: Path) -> "Tape":
        """Read `YYYY-MM-DD.csv.gz`, `.csv` or `.parquet`, and the JSON of the same name, if any.

        Times become New York time; SPX values are rounded to the hundredths in which the index
        is published. Raises MendInput, with file, line and value, for all that is not in order.
        """
        day = date_of(path)
        header, lines = read_rows(path)
        unit = "row" if path.name.endswith(PARQUET) else "line"
        reader = RowReader(day, width=len(header), unit=unit)
        try:
            for line, fields in lines:
                reader.take(line, fields)
        except csv.Error as error:
            raise MendInput(f"{path}: this is no sound CSV ({error}).") from error
        reader.complain(path)
        prices = {name: each for name, each in reader.series.items() if name in UNDERLYINGS}
        options = {reader.contracts[name]: reader.series[name] for name in reader.contracts}
        return cls(path, day, prices, options, read_sidecar(sidecar_of(path), day))


def date_of(path: Path) -> date:
    """Return the session that a tape's file name tells. Raises MendInput for other names."""
    for suffix in SUFFIXES:
        stem = path.name.removesuffix(suffix)
        if stem != path.name and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", stem):
            try:
                return date.fromisoformat(stem)
            except ValueError as error:
                raise MendInput(f"{path}: the file's name is no date ({error}).") from error
    there = "" if path.exists() else " there is no such file, and"
    there = " this is a folder, and" if path.is_dir() else there
    raise MendInput(
        f"{path}:{there} a tape is a file named after its session, such as 2026-01-26.csv.gz or "
        f"2026-01-26.csv{_near(path)}."
    )


def sidecar_of(path: Path) -> Path:
    """Return the place of the JSON file that goes with a tape."""
    return path.with_name(f"{date_of(path)}.json")


def read_rows(path: Path) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """Return a tape's header and its rows of text with their line numbers, unchecked.

    Raises MendInput for a file that is missing, empty, cut off, or has other columns.
    """
    if path.name.endswith(PARQUET):
        if not path.exists():
            raise MendInput(f"{path}: there is no such tape{_near(path)}.")
        header, rows = read_parquet(path)
        _check_columns(header, str(path))
        return header, enumerate(rows, start=1)
    header, lines = read_csv(path)
    _check_columns(header, f"{path}, line 1")
    return header, lines


def read_csv(path: Path) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """Return the header of a CSV, gzipped or not, and its rows with their line numbers.

    Raises MendInput for a file that is missing, empty or cut off.
    """
    reader = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    try:
        header = next(reader, [])
    except csv.Error as error:
        raise MendInput(f"{path}, line 1: this is no sound CSV ({error}).") from error
    if not header:
        raise MendInput(f"{path}: the file is empty; record or download it again.")
    return header, enumerate(reader, start=2)


def _check_columns(header: list[str], place: str) -> None:
    if tuple(header) not in (COLUMNS, (*COLUMNS, SEEN)):
        raise MendInput(
            f"{place}: the columns are '{','.join(header)[:200]}', but a tape has "
            f"'{','.join(COLUMNS)}' (and may have '{SEEN}' after them)."
        )


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
        if content and path.name.endswith(".gz"):
            content = gzip.decompress(content)
        return content.decode("utf-8-sig")
    except FileNotFoundError as error:
        raise MendInput(f"{path}: there is no such tape{_near(path)}.") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise MendInput(
            f"{path}: the file is cut off or no gzip file ({error}); copy or download it again."
        ) from error
    except OSError as error:
        raise MendInput(f"{path}: the file cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise MendInput(f"{path}: the file is no UTF-8 text ({error.reason}).") from error


def _near(path: Path) -> str:
    """Return the likeliest tapes of the folder, as the end of a sentence."""
    folder = path if path.is_dir() else path.parent
    if not folder.is_dir():
        return f" (the folder {folder} does not exist either)"
    names = sorted(each.name for each in folder.iterdir() if each.name.endswith(SUFFIXES))
    if not names:
        # Of the folder in which the program was started nobody has spoken.
        return "" if folder == Path() else f" (the folder {folder} holds no tape)"
    import difflib  # noqa: PLC0415 - only for who mistypes

    nearest = difflib.get_close_matches(path.name, names, n=3, cutoff=0.0)
    return f"; the nearest names in {folder} are {', '.join(nearest)}"
