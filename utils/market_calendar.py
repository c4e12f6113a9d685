"""Which days the exchange is open, and from when to when: NYSE, with holidays and half days."""

import json
import logging
from datetime import date, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

from src.models import NEW_YORK, Session

LIBRARY = "pandas_market_calendars"
LONGEST_CLOSURE = timedelta(days=14)
"""The exchange has never been closed for longer since 1933."""

_log = logging.getLogger(__name__)


class MarketCalendar:
    """The sessions of the exchange, as the library tells them.

    With a folder, a year is kept in a file there, one for each version of the library: it takes
    half a second to load, which a start need not pay for every day.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder / "calendar" if folder else None
        self._years: dict[int, dict[date, Session]] = {}

    def session_on(self, day: date) -> Session | None:
        """Return the session of a day, or None when the exchange is closed."""
        return self._year(day.year).get(day)

    def next_session(self, after: date) -> Session:
        """Return the first session after a day."""
        days = (after + timedelta(days=n) for n in range(1, LONGEST_CLOSURE.days + 1))
        return next(found for day in days if (found := self.session_on(day)))

    def _year(self, year: int) -> dict[date, Session]:
        if year not in self._years:
            file = self._folder / f"nyse-{year}-{version(LIBRARY)}.json" if self._folder else None
            found = _read(file) if file else None
            if found is None:
                found = sessions(date(year, 1, 1), date(year, 12, 31))
                if file:
                    _write(file, found)
            self._years[year] = {each.day: each for each in found}
        return self._years[year]


def sessions(first: date, last: date) -> list[Session]:
    """Return the sessions from one day to another, both included, from the library itself."""
    # Imported when nothing else knows: it brings pandas.
    import pandas_market_calendars  # noqa: PLC0415

    exchange = pandas_market_calendars.get_calendar("NYSE")
    # Not close_time_on(): that one does not know the half days.
    table = exchange.schedule(first.isoformat(), last.isoformat())
    return [
        Session(
            day.date(),
            row.market_open.tz_convert(NEW_YORK).to_pydatetime(),
            row.market_close.tz_convert(NEW_YORK).to_pydatetime(),
        )
        for day, row in table.iterrows()
    ]


def _read(file: Path) -> list[Session] | None:
    """Return what a file holds; None for one that is missing or not sound, and so made anew."""
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))
        return [
            Session(date.fromisoformat(day), _moment(day, opens), _moment(day, closes))
            for day, opens, closes in rows
        ]
    except (OSError, ValueError, TypeError) as error:
        _log.debug("%s is not used (%s)", file, error)
        return None


def _moment(day: str, clock: str) -> datetime:
    return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=NEW_YORK)


def _write(file: Path, found: list[Session]) -> None:
    rows = [[str(each.day), f"{each.open:%H:%M}", f"{each.close:%H:%M}"] for each in found]
    temporary = file.with_suffix(".tmp")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(rows), encoding="utf-8")
        temporary.replace(file)
    except OSError as error:
        # Only the next start is slower for it.
        _log.warning("%s could not be written (%s)", file, error)
