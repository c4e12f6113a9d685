"""The JSON file beside a tape: what its quotes are, and how the day closed."""

import json
import math
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from src.ports import MendInput, OfficialCloses


class Sidecar(NamedTuple):
    """What is told of a tape; the defaults stand for a tape without its JSON file.

    `kind` tells what the quotes are ("prints", "quotes", "recorded"), `note` says in words what a
    reader of results must know, `labels` what was put into the day on purpose. `cadence_seconds`
    is the time between two rows of a symbol, None where there is no rule. `closes` are the
    official ones, None where nobody told them; `before` those of earlier sessions by which the day
    expected its ratio, by their days, None where nobody told what it knew.
    `rows` and `sha256` are those of the tape as it was written, None and empty where the file does
    not tell them. `plans` are the options with which it was made, by the source of its rows.
    """

    kind: str = "unknown"
    source: str = "unknown"
    note: str = ""
    cadence_seconds: float | None = None
    labels: tuple[str, ...] = ()
    closes: OfficialCloses | None = None
    rows: int | None = None
    sha256: str = ""
    before: Mapping[date, OfficialCloses] | None = None
    plans: Mapping[str, Mapping[str, object]] = MappingProxyType({})


def read_sidecar(path: Path, day: date) -> Sidecar:
    """Read the file, if it is there. Raises MendInput, with file and value, if it is not sound."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Sidecar()
    except OSError as error:
        raise MendInput(f"{path}: the file cannot be read ({error.strerror}).") from error
    except ValueError as error:
        raise MendInput(f"{path}: this is no sound JSON ({error}); mend or remove it.") from error
    if not isinstance(content, dict):
        raise MendInput(f"{path}: the file must hold one JSON object; mend or remove it.")
    if faults := "; ".join(_faults(content, day)):
        raise MendInput(f"{path}: {faults}; mend or remove the file.")
    return Sidecar(
        kind=content.get("kind") or "unknown",
        source=content.get("source") or "unknown",
        note=content.get("note") or "",
        cadence_seconds=content.get("cadence_seconds"),
        labels=tuple(content.get("labels") or ()),
        closes=_closes(closes, path) if (closes := content.get("closes")) else None,
        before=None
        if (before := _before(content)) is None
        else {date.fromisoformat(told["date"]): _closes(told, path) for told in before},
        rows=content.get("rows"),
        sha256=content.get("sha256") or "",
        plans=content.get("plans") or {},
    )


def _before(content: Mapping[str, Any]) -> list[Any] | None:
    """Return what is told of earlier sessions: a list, in older files the last session alone."""
    told = content.get("closes_before")
    return told if told is None or isinstance(told, list) else [told]


def _closes(told: Mapping[str, Any], path: Path) -> OfficialCloses:
    source = told.get("source") or f"closes named in {path.name}"
    return OfficialCloses(told["SPY"], told["SPX"], source)


def before_as_json(day: date, closes: OfficialCloses) -> dict[str, object]:
    """Return the closes of an earlier session as the file holds them."""
    return {"date": str(day), **(closes_as_json(closes) or {})}


def closes_as_json(closes: OfficialCloses | None) -> dict[str, object] | None:
    """Return official closes as the file holds them."""
    if closes is None:
        return None
    return {"SPY": closes.spy, "SPX": closes.spx, "source": closes.source}


def _faults(content: Mapping[str, object], day: date) -> Iterator[str]:
    if content.get("date", str(day)) != str(day):
        yield f"date is {content['date']!r}, but the tape's name says {day}"
    for key in ("kind", "source", "note", "sha256"):
        if not isinstance(content.get(key, ""), str | None):
            yield f"{key} is {content[key]!r}, but must be a text"
    rows = content.get("rows")
    if rows is not None and not (isinstance(rows, int) and rows >= 0):
        yield f"rows is {rows!r}, but must be a whole number"
    cadence, labels = content.get("cadence_seconds"), content.get("labels") or []
    if cadence is not None and not _is_positive(cadence):
        yield f"cadence_seconds is {cadence!r}, but must be a positive number or null"
    if not isinstance(labels, list) or not all(isinstance(each, str) for each in labels):
        yield f"labels is {labels!r}, but must be a list of texts"
    plans = content.get("plans") or {}
    if not isinstance(plans, dict) or not all(isinstance(each, dict) for each in plans.values()):
        yield f"plans is {plans!r}, but must hold the options of each source"
    yield from _faults_of_closes(content, day)


def _faults_of_closes(content: Mapping[str, object], day: date) -> Iterator[str]:
    closes, before = content.get("closes"), _before(content)
    if closes is not None and not _are_closes(closes):
        yield f'closes is {closes!r}, but must be such as {{"SPY": 691.5, "SPX": 6938.03}}'
    for each in before or ():
        if not (_are_closes(each) and _is_date_before(each, day)):
            yield (
                f"closes_before is {each!r}, but must be the closes of an earlier day, such as "
                '{"date": "2026-01-23", "SPY": 691.5, "SPX": 6938.03}, or a list of such'
            )


def _are_closes(told: object) -> bool:
    return (
        isinstance(told, dict)
        and all(_is_positive(told.get(name)) for name in ("SPY", "SPX"))
        and isinstance(told.get("source", ""), str)
    )


def _is_date_before(told: object, day: date) -> bool:
    try:
        return isinstance(told, dict) and date.fromisoformat(str(told.get("date"))) < day
    except ValueError:
        return False


def _is_positive(value: object) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
        and value > 0
    )
