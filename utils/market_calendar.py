"""Which days the exchange is open, and from when to when: NYSE, with holidays and half days."""

from datetime import date, timedelta
from functools import lru_cache
from typing import Any

from src.models import NEW_YORK, Session

_LOOK_AHEAD = timedelta(days=14)
"""The exchange has never been closed for longer since 1933."""


def session_on(day: date) -> Session | None:
    """Return the session of a day, or None when the exchange is closed."""
    return next(iter(sessions(day, day)), None)


def next_session(after: date) -> Session:
    """Return the first session after a day."""
    return sessions(after + timedelta(days=1), after + _LOOK_AHEAD)[0]


def sessions(first: date, last: date) -> list[Session]:
    """Return the sessions from one day to another, both included."""
    # Not close_time_on(): that one does not know the half days.
    table = _exchange().schedule(first.isoformat(), last.isoformat())
    return [
        Session(
            day.date(),
            row.market_open.tz_convert(NEW_YORK).to_pydatetime(),
            row.market_close.tz_convert(NEW_YORK).to_pydatetime(),
        )
        for day, row in table.iterrows()
    ]


@lru_cache(maxsize=1)
def _exchange() -> Any:  # noqa: ANN401 - the library has no types
    # Imported when a calendar is first needed: it brings pandas, which `--help` does not need.
    import pandas_market_calendars  # noqa: PLC0415

    return pandas_market_calendars.get_calendar("NYSE")
