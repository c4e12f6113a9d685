"""Whether the tapes of a folder are whole, and what they hold."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from brokers.tape import SUFFIXES, Tape, date_of, sidecar_of
from brokers.tape_in_progress import SUFFIX as FETCHING
from brokers.tape_sidecar import Sidecar
from src.models import Session
from src.ports import MendInput
from src.words import count

_LEFT_OVER = {
    FETCHING: "was interrupted while it was fetched; run the same fetch again to complete it",
    ".tmp": "is what an interrupted writing left; it may be removed",
}
_RECORDING = ".csv.part"
_OPEN = "is still being recorded, or its recording was interrupted; the next run goes on"


@dataclass(frozen=True, slots=True)
class Verified:
    """A file of the folder: what is wrong with it (empty if nothing), and what it says.

    One that `is_open` is not finished yet, which is nothing wrong.
    """

    name: str
    fault: str
    told: str = ""
    remarks: tuple[str, ...] = ()
    is_open: bool = False


def verify(folder: Path, session_on: Callable[[date], Session | None]) -> Iterator[Verified]:
    """Look at every tape of a folder, in the order of their names. Raises MendInput for no folder.

    A tape is wrong that cannot be read, does not match the checksum or the count in its JSON file,
    or is of a day without a session; so is a JSON file without its tape.
    """
    if not folder.is_dir():
        raise MendInput(f"{folder}: there is no such folder.")
    names = sorted(each.name for each in folder.iterdir() if each.is_file())
    tapes = [name for name in names if name.endswith(SUFFIXES)]
    if not tapes and not any(name.endswith((*_LEFT_OVER, _RECORDING)) for name in names):
        raise MendInput(f"{folder}: the folder holds no tape.")
    for name in names:
        path = folder / name
        left_over = next((why for end, why in _LEFT_OVER.items() if name.endswith(end)), "")
        if left_over:
            yield Verified(name, left_over)
        elif name.endswith(_RECORDING):
            yield Verified(name, "", _OPEN, is_open=True)
        elif name in tapes:
            yield _verified(path, session_on)
        elif name.endswith(".json") and not any(f"{path.stem}{end}" in tapes for end in SUFFIXES):
            yield Verified(name, "has no tape beside it")


def checksum_fault(path: Path, sidecar: Sidecar) -> str:
    """Return in what way a tape is not the one that its JSON file tells of; empty if it is."""
    if not sidecar.sha256 or hashlib.sha256(path.read_bytes()).hexdigest() == sidecar.sha256:
        return ""
    return f"does not match the checksum in {sidecar_of(path).name}: it was changed or damaged"


def _verified(path: Path, session_on: Callable[[date], Session | None]) -> Verified:
    try:
        day = date_of(path)
        tape = Tape.load(path)
        # Only tapes of this form are written here; the JSON may be that of another one.
        is_sealed = path.name.endswith(".csv.gz") and bool(tape.sidecar.sha256)
        fault = checksum_fault(path, tape.sidecar) if is_sealed else ""
    except MendInput as error:
        return Verified(path.name, f"cannot be read: {error}")
    series = [*tape.prices.values(), *tape.options.values()]
    rows = sum(len(each.rows) for each in series)
    expected = tape.sidecar.rows
    if not fault and expected is not None and rows != expected:
        fault = f"holds {count(rows, 'row')}, but {sidecar_of(path).name} tells of {expected:,}"
    session = session_on(day)
    if not fault and session is None:
        fault = f"is of {day}, on which the exchange was closed"
    sealed = "checksum holds" if is_sealed else "no checksum is told"
    told = (
        f"{count(rows, 'row')}, {count(len(tape.options), 'option')}, {tape.kind} "
        f"({tape.sidecar.source}); {sealed}"
    )
    implied = _implied(tape, session) if session else ()
    return Verified(path.name, fault, told, (*tape.sidecar.labels, *implied))


def _implied(tape: Tape, session: Session) -> tuple[str, ...]:
    from brokers.tape_volatility import volatilities  # noqa: PLC0415 - numpy, for who verifies

    return volatilities(tape, session)
