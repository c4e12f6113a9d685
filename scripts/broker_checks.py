"""The doctor's questions to the broker: what it says of itself, and whether the records agree."""

from collections.abc import Iterable
from contextlib import closing
from datetime import timedelta

from scripts.run_doctor import Places
from scripts.venues import Terms, Venue, open_venue
from src import story
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

    def asked() -> tuple[Check, ...]:
        patience = Patience(settings.broker.timeout_seconds, LONGEST)
        venue = open_venue(
            Terms(settings, session, clock, live=live, patience=patience, only_looks=True)
        )
        try:
            return _rows(venue, session, places)
        finally:
            venue.close()

    rows = guarded_rows("broker", asked)
    if any(each.name == "record" for each in rows):
        return rows
    return (*rows, guarded("record", lambda: _record(None, session, places)))


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
    return check._replace(verdict=Verdict.SKIP, found=words, mend="")


def _record(broker: Broker | None, session: Session, places: Places) -> Check:
    """Return whether the broker, if there is one to ask, holds what the session's record says."""
    if not places.database.exists():
        return Check("record", Verdict.OK, "nothing is recorded yet: no position is open.")
    with closing(read_database(places.database)) as connection:
        positions = Journal(Store(connection), session.day).positions()
    held = story.open_positions([each for each in positions if each.is_open])
    words = f"A POSITION IS OPEN ({held})." if held else "no position is open."
    if broker is None:
        return Check("record", Verdict.SKIP, f"not compared with a broker. In it {words}")
    found = difference(positions, held_contracts(broker.holdings()))
    if not found:
        return Check("record", Verdict.OK, f"the record and the broker agree: {words}")
    mend = "Look at the account; nothing is opened while they differ."
    return Check("record", Verdict.FAIL, f"{found}. In the record {words}", mend)
