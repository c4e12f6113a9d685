"""What is to be said of the next session: its hours, and whether the program will open anything."""

from datetime import date, timedelta
from typing import NamedTuple

from src.control import ControlMode, ControlRule
from src.dividends import Dividend, first_after
from src.models import Session
from src.settings import Settings
from src.timetable import Timetable

NEAR = timedelta(days=7)
"""From how long before it on an ex-dividend date is told of."""


class ComingSession(NamedTuple):
    """The next session, and the times between which it may be entered; empty for not at all."""

    session: Session
    window: str


def coming_session(session: Session, settings: Settings) -> ComingSession:
    """Return what these settings make of a session."""
    times = Timetable(session, settings)
    window = f"{times.entry_start:%H:%M} to {times.entry_end:%H:%M}" if times.may_enter else ""
    return ComingSession(session, window)


def hours(coming: ComingSession) -> str:
    """Return the date and the hours of a session in a sentence."""
    session = coming.session
    half = ", a half day" if session.is_half_day else ""
    return (
        f"{session.day:%A} {session.day.day} {session.day:%B %Y}{half}: "
        f"{session.open:%H:%M} to {session.close:%H:%M} ET."
    )


def plan(coming: ComingSession, rule: ControlRule | None) -> str:
    """Return whether the program will open anything then. `rule` is what forbids it, if any."""
    if rule:
        lasts = ", until somebody lifts it" if rule.mode is ControlMode.HALT else ""
        return f"The program will open nothing: the mode is {rule}{lasts}."
    if coming.window:
        return (
            "The program will look for an entry from "
            f"{coming.window} ET, if it is started and the mode stays normal."
        )
    if coming.session.is_half_day:
        return "The program will open nothing: strategy.trade_half_days is off."
    return "The program will open nothing: the configured times leave no entry window."


def dividend_near(day: date, coming: ComingSession, table: tuple[Dividend, ...]) -> str:
    """Return what to know of SPY's next ex-date after `day`, empty where none is near."""
    found = first_after(day, table)
    if found is None or found.ex_date > coming.session.day + NEAR:
        return ""
    amount = f"{'' if found.is_known else 'about '}${found.amount:.2f} a share"
    when = f"{found.ex_date:%A} {found.ex_date}"
    if found.ex_date <= coming.session.day:
        return (
            f"SPY is quoted without its dividend of {amount} from {when} on: whoever is short of "
            "SPY shares at this open owes it."
        )
    return f"SPY's next ex-dividend date is {when} ({amount})."
