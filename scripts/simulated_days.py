"""Generated and recorded days: which one is asked for, and how it is played."""

import argparse
import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from scripts.embedded_exchange import embedded_exchange
from scripts.play import Stage, play, refuse_difference
from src.database import Store, open_database
from src.day_record import DayRecord
from src.market_data import LONGEST_CADENCE
from src.models import Session
from src.ports import Clock, MendInput, QuoteSource, StopTrading
from src.ratio import Closes
from src.settings import Settings
from src.timetable import Phase
from utils.console import Console
from utils.instance_lock import only_instance
from utils.market_calendar import MarketCalendar
from utils.market_clock import ScaledClock, VirtualClock

DEMO_SEED = 4
DEMO_YEAR = 2026
SIMULATED_MODES = frozenset({"demo", "replay"})
LEAD = timedelta(minutes=5)
"""How long before the open a generated or recorded day begins."""


@dataclass(frozen=True, slots=True)
class Market:
    """A simulated day: what is played, and how a source of its quotes is made.

    `closes_before` are those by which a recorded day expected its ratio, as far as its tape tells.
    """

    mode: str
    session: Session
    what: str
    source: Callable[[Clock], QuoteSource]
    labels: tuple[str, ...] = ()
    tape: Path | None = None
    closes_before: tuple[Closes, ...] = ()


def generated(seed: int | None, calendar: MarketCalendar) -> Market:
    """Return the generated day of a seed; without one that of the demonstration."""
    from brokers.synthetic_market import SyntheticMarket  # noqa: PLC0415 - only where it is played

    chosen = DEMO_SEED if seed is None else seed
    if chosen < 0:
        raise MendInput(f"--seed {chosen}: a seed is a whole number from 0.")
    session = calendar.next_session(date(DEMO_YEAR, 1, 1) + timedelta(days=chosen * 37 % 360))
    dislocation = True if seed is None else None

    def source(clock: Clock) -> SyntheticMarket:
        return SyntheticMarket(session, chosen, clock, dislocation=dislocation)

    labels = source(VirtualClock(session.open)).labels
    shown = f"seed {chosen}" if seed is not None else f"seed {chosen} with a dislocation"
    what = f"a generated day ({shown}, {session.day:%A} {session.day})"
    return Market("demo", session, what, source, labels)


def recorded(path: Path, calendar: MarketCalendar) -> Market:
    """Return the day that a tape holds. Raises MendInput for a tape that cannot be played."""
    from brokers.replay_market import ReplayMarket, Tape  # noqa: PLC0415 - likewise

    tape = Tape.load(path)
    session = calendar.session_on(tape.date)
    if session is None:
        raise MendInput(f"{path}: the exchange was closed on {tape.date}, so this is no session.")

    def source(clock: Clock) -> ReplayMarket:
        return ReplayMarket(tape, clock, session.close.time())

    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    kind = f"{tape.kind}: {tape.sidecar.source}; {path.name} {digest}"
    what = f"the recorded day {tape.date:%A} {tape.date} ({kind})"
    notes = [*tape.sidecar.labels, tape.sidecar.note]
    if cadence := tape.sidecar.cadence_seconds:
        limit = min(cadence, LONGEST_CADENCE)
        notes.append(f"on this tape quotes count as current for {limit:g} seconds")
    told = tape.sidecar.before or {}
    before = tuple(Closes(day, each.spy, each.spx) for day, each in told.items())
    return Market("replay", session, what, source, tuple(filter(None, notes)), path, before)


def play_simulated(
    args: argparse.Namespace, settings: Settings, market: Market, folder: Path, console: Console
) -> None:
    """Play a generated or a recorded day on the embedded exchange."""
    with only_instance(folder):
        database = folder / settings.logging.database.name
        # A simulated day can be run again, so it need not outlive a power cut, only a kill.
        store = Store(open_database(database, durable=False))
        try:
            _play(args, settings, market, store, folder, console)
        finally:
            store.connection.close()


def _play(
    args: argparse.Namespace,
    settings: Settings,
    market: Market,
    store: Store,
    folder: Path,
    console: Console,
) -> None:
    session = market.session
    account = folder / "exchange" / f"{session.day}.json"
    key = _run_key(market, settings)
    resumed = _resume(DayRecord(store, session.day), key, account)
    start = resumed or session.open - LEAD
    speed = None if args.speed is None or math.isinf(args.speed) else args.speed
    clock = VirtualClock(start) if speed is None else ScaledClock(start, speed)
    opening = [f"SIMULATED market and fills: {market.what}, on the embedded paper exchange."]
    opening += [f"  Note: {label}" for label in market.labels]
    if market.mode == "demo" and market.labels:
        opening.append(
            "  Without it nothing would trade: fair quotes do not pay the minimum credit."
        )
    if resumed:
        opening.append(f"{resumed:%H:%M:%S}  Going on with this day, which was interrupted.")
    stage = Stage(
        mode=market.mode,
        session=session,
        what=market.what,
        source=market.source(clock),
        broker=lambda source: embedded_exchange(settings, source, clock, session, account),
        clock=clock,
        look=clock.look,
        speed=speed,
        opening=tuple(opening),
        closing=("SIMULATED market and fills: no order left this machine, no money moved.",),
        labels=market.labels,
        tape=market.tape,
        closes_before=market.closes_before,
    )
    play(stage, settings, store, folder, console, key=key, once=args.once)


def _resume(record: DayRecord, key: str, account: Path) -> datetime | None:
    """Return where an interrupted run of this day goes on, None for a run from the beginning.

    A simulated day that was finished, or was played with other settings, is played anew and its
    records are replaced. Raises StopTrading where the record is that of a real day, and where a
    finished one differs from its exchange: that is not to be lost sight of.
    """
    known = record.session_record()
    if known is None:
        account.unlink(missing_ok=True)
        return None
    if known.mode not in SIMULATED_MODES:
        raise StopTrading(
            f"{known.session} is recorded there as a {known.mode} day, which a simulated one must "
            "not replace. Name another folder with --data-dir; nothing was changed."
        )
    if known.run_key == key and known.phase != Phase.REPORTED:
        return known.resume_at
    refuse_difference(record, "To play this day anew, name another folder with --data-dir.")
    record.forget_session()
    account.unlink(missing_ok=True)
    return None


def _run_key(market: Market, settings: Settings) -> str:
    """Return what must be equal for an interrupted day to be gone on with."""
    digest = hashlib.sha256(settings.model_dump_json().encode()).hexdigest()[:16]
    return f"{market.mode}: {market.what}, settings {digest}"
