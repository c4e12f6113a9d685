"""Fetches one day after the other into tapes, and goes on where it was interrupted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from brokers.history import DERIVED, History, derived
from brokers.tape_cleaning import clean
from brokers.tape_file import TapeRow, tape_in
from brokers.tape_in_progress import TapeInProgress
from brokers.tape_plans import otherwise
from brokers.tape_sidecar import read_sidecar
from brokers.tape_telling import Told, gaps
from brokers.tape_verify import checksum_fault
from src.models import Session
from src.ports import MendInput, RetryLater
from src.words import count, ended
from utils.console import Console
from utils.market_calendar import MarketCalendar
from utils.progress import Progress

_IS_COMPLETE = timedelta(minutes=35)
"""After the close: SPY options trade for 15 minutes more, and free data are 15 minutes late."""

_OTHERWISE = "there already, made with other options"


def sessions_between(
    first: date, last: date | None, calendar: MarketCalendar, now: datetime
) -> list[Session]:
    """Return the finished sessions of a span, both ends included; without `last` up to now.

    Raises MendInput for a span that cannot be meant, or holds none.
    """
    today = now.date()
    for option, day in (("--from", first), ("--to", last)):
        if day and day > today:
            raise MendInput(f"{option} {day} lies in the future; history ends with {today}.")
    end = last or today
    if first > end:
        raise MendInput(f"--from {first} comes after --to {end}; exchange the two.")
    days = (first + timedelta(days=n) for n in range((end - first).days + 1))
    found = [session for day in days if (session := calendar.session_on(day))]
    finished = [each for each in found if each.close + _IS_COMPLETE <= now]
    if finished:
        return finished
    if found:
        since = found[0].close + _IS_COMPLETE
        raise MendInput(f"The session of {found[0].day} can be fetched from {since:%H:%M} on.")
    raise MendInput(f"The exchange was closed on all days from {first} to {end}; name others.")


@dataclass(frozen=True, slots=True)
class Fetching:
    """What is fetched from where into which folder, and who is told.

    `plan` is what an interrupted day must have been begun with to be gone on with; `derives` makes
    quotes from trades.
    """

    history: History
    folder: Path
    plan: Mapping[str, object]
    console: Console
    progress: Progress
    derives: bool = False


def fetch(fetching: Fetching, sessions: Sequence[Session]) -> None:
    """Fetch the days that are not there yet, and tell what became of each.

    Raises MendInput and RetryLater, naming the day and what is done; what was fetched stays.
    """
    history, progress = fetching.history, fetching.progress
    since = history.first_day
    if since and sessions[0].day < since:
        raise MendInput(f"{history.name} begin on {since}; give --from {since} or later.")
    counts = dict.fromkeys(("fetched", "there already", _OTHERWISE, "without data"), 0)
    for n, session in enumerate(sessions):
        progress.step(n, f"{session.day}")
        try:
            told, became = _fetch_day(fetching, session)
        except RetryLater as error:
            raise RetryLater(
                f"{session.day} could not be fetched: {ended(str(error))} Before it "
                f"{count(counts['fetched'], 'day')} had been fetched; the same command goes on "
                "from there."
            ) from error
        progress.clear()
        counts[became] += 1
        fetching.console.line(told)
    said = ", ".join(f"{number} {what}" for what, number in counts.items() if number)
    asked = count(len(sessions), "session")
    fetching.console.line(f"{asked}: {said}. Tapes are in {fetching.folder}.")


def _fetch_day(fetching: Fetching, session: Session) -> tuple[str, str]:
    """Return what became of a day, as a person reads it and as it is counted."""
    history, day = fetching.history, session.day
    if kept := _already(fetching, session):
        words, became = kept
        return f"{day}  {words}", became
    tape = TapeInProgress(fetching.folder, day, fetching.plan)
    prices = tape.portion("prices")
    if prices is None:
        fetching.progress.tell(f"{day} prices")
        prices = tape.add("prices", history.prices(session))
    batches = history.batches(session, prices)
    for n, batch in enumerate(batches, start=1):
        name = f"options {n}"
        fetching.progress.tell(f"{day} {name} of {len(batches)}")
        if tape.portion(name) is None:
            tape.add(name, history.options(session, batch))
    more, about = history.complete(session, tape.rows)
    # What these sources tell of options without a market of theirs are trades with a volume.
    cleaned = clean([*tape.rows, *more], session, knows_trades=True)
    if not cleaned.rows:
        tape.discard()
        return f"{day}  nothing: the source has no data of this day", "without data"
    final = derived(cleaned.rows) if fetching.derives else cleaned.rows
    told = Told(
        session=session,
        kind="prints" if fetching.derives else about.kind,
        source=history.name,
        note=about.note,
        labels=(*about.labels, *cleaned.labels, *((DERIVED,) if fetching.derives else ())),
        cadence=about.cadence,
        closes=about.closes,
        gaps=tuple(gaps(final, session, about.cadence)),
        plans={history.name: _options(fetching)},
    )
    tape.finish(final, told.as_json())
    return summary(told, final), "fetched"


def _already(fetching: Fetching, session: Session) -> tuple[str, str] | None:
    """Return what is said of a tape that is there and how it counts, None where there is none."""
    path = tape_in(fetching.folder, session.day)
    if not path.exists():
        return None
    sidecar = read_sidecar(path.with_name(f"{session.day}.json"), session.day)
    if fault := checksum_fault(path, sidecar):
        raise MendInput(f"{path}: {fault}. Remove it to fetch the day again.")
    if sidecar.source != fetching.history.name:
        return f"there already from another source, and kept: {sidecar.source}", "there already"
    if other := otherwise(sidecar, sidecar.source, _options(fetching)):
        words = (
            f"there already {other}; remove it to fetch it again, or fetch it into another "
            "folder with --into"
        )
        return words, _OTHERWISE
    return "there already", "there already"


def _options(fetching: Fetching) -> dict[str, object]:
    return {name: value for name, value in fetching.plan.items() if name != "source"}


def summary(told: Told, rows: Sequence[TapeRow]) -> str:
    """Return what became of a day: one line, and one for each thing to know."""
    options = len({row.symbol for row in rows} - {"SPY", "SPX"})
    first = (
        f"{told.session.day}  {told.kind}: {count(len(rows), 'row')}, {count(options, 'option')}"
    )
    return "\n".join([first, *(f"            {label}" for label in told.all_labels)])
