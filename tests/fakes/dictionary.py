"""The data dictionary, data/README.md, as a test reads it."""

import re
from pathlib import Path
from typing import NamedTuple

DICTIONARY = Path(__file__).resolve().parents[2] / "data" / "README.md"
_STANDS_FOR = {
    "DAY": r"\d{4}-\d\d-\d\d",
    "FROM": r"\d{4}-\d\d-\d\d",
    "TO": r"\d{4}-\d\d-\d\d",
    "SHEET": "[a-z_]+",
    "NAME": r"[\w.-]+",
    "N": r"\d+",
}


class Column(NamedTuple):
    name: str
    kind: str
    meaning: str
    empty: str


def files() -> list[str]:
    """The paths of the table of files, as they are written there."""
    return [name for row in _table("Files") for name in re.findall(r"`([^`]+)`", row[0])]


def is_named(path: str, pattern: str) -> bool:
    """Whether a path below the data directory is one that the dictionary's pattern stands for."""
    words = re.split(r"(FROM|TO|DAY|SHEET|NAME|N(?![A-Za-z]))", pattern)
    made = "".join(_STANDS_FOR.get(word) or re.escape(word) for word in words)
    return re.fullmatch(made, path) is not None


def sheets() -> dict[str, list[Column]]:
    """The columns of every CSV file, by its path as it is written there."""
    titles = re.findall(r"^### `(.+?)`$", DICTIONARY.read_text("utf-8"), re.MULTILINE)
    return {
        title: [Column(name.strip("`"), *rest) for name, *rest in _table(f"`{title}`")]
        for title in titles
    }


def exported() -> dict[str, list[Column]]:
    """The columns of every sheet of an export, by the name of the sheet."""
    found = re.compile(r"exports/([a-z_]+)_FROM_to_TO\.csv")
    return {it[1]: columns for path, columns in sheets().items() if (it := found.fullmatch(path))}


def tables() -> list[str]:
    """The tables of the database."""
    return [row[0].strip("`") for row in _table("The database")]


def answers() -> dict[str, list[str]]:
    """The fields of what a command answers with --json, by the command."""
    rows = _table("JSON for other programs")
    return {row[0].strip("`"): re.findall(r"(?:^|, )`(\w+)`", row[1]) for row in rows}


def _table(title: str) -> list[list[str]]:
    """The rows of the first table below a title."""
    text = DICTIONARY.read_text("utf-8")
    below = re.search(rf"^##+ {re.escape(title)}$(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL)
    assert below, title
    lines = [line for line in below[1].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line[1:-1].split("|")] for line in lines[2:]]
