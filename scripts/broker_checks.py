"""The doctor's questions to the broker: what it says of itself, and whether the records agree."""

from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

from scripts.run_doctor import Places
from scripts.venues import Venue, open_venue
from src.checks import guarded, guarded_rows
from src.database import Store, read_database
from src.journal import Journal
from src.models import Session
from src.ports import Broker, Check, Verdict
from src.recovery import difference, held_contracts
from src.settings import Settings
from utils.market_calendar import MarketCalendar
from utils.market_clock import WallClock
from utils.patience import Patience

LONGEST = 60.0
"""Real seconds that all questions together may take."""


def broker_checks(settings: Settings, places: Places, live: bool) -> Iterable[Check]:  # noqa: FBT001 - the form of BrokerChecks
    """Return the rows of the broker that the settings name. Sends no order."""
    if settings.broker.name == "simulated":
        return (Check("broker", Verdict.OK, "the exchange inside this program is always there."),)
    if settings.broker.name == "alpaca" and settings.broker.missing_keys:
        return (Check("broker", Verdict.SKIP, "alpaca was not asked, for want of keys."),)
    clock = WallClock()
    calendar = MarketCalendar()
    session = calendar.next_session(clock.now().date() - timedelta(days=1))
    venue = open_venue(
        settings,
        session,
        clock,
        live=live,
        patience=Patience(settings.broker.timeout_seconds, LONGEST),
        stamp=lambda at: at,
        speed=1.0,
        is_rehearsal=False,
        say=lambda _: None,
    )
    try:
        return _rows(venue, session, places)
    finally:
        venue.close()


def _rows(venue: Venue, session: Session, places: Places) -> tuple[Check, ...]:
    rows = (Check("broker", Verdict.OK, f"{venue.what}."), *venue.diagnose())
    broker = venue.broker
    if broker is None:
        told = {each.name for each in rows}
        others = guarded_rows("capabilities", venue.capabilities)
        return (*rows, *(_not_needed(each) for each in others if each.name not in told))
    record = guarded("record", lambda: _record(broker, session, places))
    return (*rows, record)


def _not_needed(check: Check) -> Check:
    """Return what an order would meet, which is no fault of a day that sends none."""
    if check.verdict is not Verdict.FAIL:
        return check
    words = f"{check.found} Not needed: orders stay on the exchange inside this program."
    return replace(check, verdict=Verdict.SKIP, found=words, mend="")


def _record(broker: Broker, session: Session, places: Places) -> Check:
    """Return whether the broker holds what the session's record says."""
    if not places.database.exists():
        return Check("record", Verdict.OK, "nothing is recorded yet.")
    with closing(read_database(places.database)) as connection:
        positions = Journal(Store(connection), session.day).positions()
    found = difference(positions, held_contracts(broker.holdings()))
    if not found:
        return Check("record", Verdict.OK, "the record and the broker agree.")
    mend = "Look at the account; nothing is opened while they differ."
    return Check("record", Verdict.FAIL, f"{found}.", mend)
