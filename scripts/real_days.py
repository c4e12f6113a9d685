"""A day at a broker: connected, guarded, brought up to date, then played on the wall's clock."""

import argparse
import os
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

from scripts.last_words import post_of
from scripts.play import Stage, play, refuse_difference, telling
from scripts.venues import Terms, Venue, load_library, open_venue
from src import messages, story
from src.database import Store, open_database, read_database
from src.day_record import DayRecord
from src.journal import Journal
from src.models import Session
from src.morning_after import MorningAfter
from src.ports import Broker, MendInput, Notifier, QuoteSource, RetryLater, StopTrading, Verdict
from src.settings import Settings
from src.words import ended
from utils.console import DONE, Console
from utils.instance_lock import only_instance
from utils.market_calendar import MarketCalendar
from utils.market_clock import LateClock, RehearsalStamps, ScaledClock, WallClock
from utils.patience import Patience

PROJECT = Path(__file__).resolve().parent.parent
TRIES = 3
PAUSE_SECONDS = 5.0
"""How often a broker that does not answer is tried at the start; with a position open, longer."""
POLL, REPRICE, DEADLINE = (0.05, 10.0), (0.1, 30.0), (6.0, 180.0)
"""How much an order is given in a rehearsal at least: in real seconds, and at most so many of the
day's."""
CALLS_A_TICK = 6
"""Calls that may each wait for their whole time-out before a tick is given up."""


class Time(NamedTuple):
    """The clock of a day, and how the times of a server are told by it."""

    clock: WallClock | ScaledClock
    speed: float
    stamp: Callable[[datetime], datetime]


def run_real_day(
    args: argparse.Namespace,
    settings: Settings,
    calendar: MarketCalendar,
    data: Path,
    console: Console,
) -> int:
    """Run the day that the clock says, at the configured broker; return the exit code."""
    if args.start_at:
        # What takes long the first time, before the clock begins, which may be a fast one.
        calendar.session_on(args.start_at.date())
        load_library(settings)
    time = time_of(args, settings)
    today = time.clock.now().date()
    session = calendar.session_on(today)
    if session is None:
        coming = calendar.next_session(today)
        console.line(
            f"The exchange is closed today, {today:%A} {today}. The next session is "
            f"{coming.day:%A} {coming.day}, {coming.open:%H:%M} to {coming.close:%H:%M} ET."
        )
        return DONE
    folder = args.data_dir or (data / "rehearsal" if args.start_at else data)
    with only_instance(folder):
        database = folder / settings.logging.database.name
        store = Store(open_database(database))

        def say(text: str) -> None:
            console.say(time.clock.now(), text)

        try:
            with post_of(settings, database, session.day, say) as post:
                day = RealDay(args, settings, session, time, store, folder, console, notifier=post)
                return day.run()
        finally:
            store.connection.close()


def time_of(args: argparse.Namespace, settings: Settings) -> Time:
    """Return the clock that a day at a broker lives by: the wall's, a late one, a rehearsal's."""
    if args.start_at is None and settings.market_data.source == "yfinance":
        # Quotes that are all late are fresh on a clock that is as late as they are.
        from brokers.yfinance_client import OPTIONS_DELAY  # noqa: PLC0415 - only days on Yahoo

        return Time(LateClock(OPTIONS_DELAY), 1.0, lambda at: at)
    if args.start_at is None:
        return Time(WallClock(), 1.0, lambda at: at)
    speed = 1.0 if args.speed is None else args.speed
    if speed == float("inf"):
        raise MendInput("--speed max: a rehearsal waits for a server; give a number, such as 60.")
    clock = ScaledClock(args.start_at, speed)
    return Time(clock, speed, RehearsalStamps(clock))


def mode_of(settings: Settings, *, live: bool, is_rehearsal: bool) -> str:
    """Return the mode under which a day at a broker is recorded."""
    if live:
        return "live"
    if is_rehearsal:
        return "rehearsal"
    by_broker = settings.market_data.source == "broker"
    return "paper" if by_broker and settings.broker.sends_orders else "embedded"


class RealDay:
    """One session at one broker, from the connection to the last line."""

    def __init__(  # noqa: PLR0913 - all that is around a day at a broker
        self,
        args: argparse.Namespace,
        settings: Settings,
        session: Session,
        time: Time,
        store: Store,
        folder: Path,
        console: Console,
        *,
        notifier: Notifier | None = None,
    ) -> None:
        self._args = args
        self._notifier = notifier
        self._settings = _in_real_seconds(settings, time.speed)
        self._session, self._time = session, time
        self._store, self._folder, self._console = store, folder, console
        self._journal = Journal(store, session.day)
        legs = 6 * self._settings.execution.leg_deadline_seconds / time.speed
        timeout = settings.broker.timeout_seconds
        self._patience = Patience(timeout, legs + CALLS_A_TICK * timeout)

    def run(self) -> int:
        """Connect, guard, and play; whatever stops it, the position is told of."""
        record = DayRecord(self._store, self._session.day)
        known = record.session_record()
        mode = self._mode()
        if known and known.mode != mode:
            raise StopTrading(
                f"{known.session} is recorded there as a {known.mode} day, and this would be a "
                f"{mode} one. Name another folder with --data-dir; nothing was changed."
            )
        if known and known.phase == "reported":
            refuse_difference(record)
            self._console.line(f"The session {known.session} is done and reported already.")
            return DONE
        with telling(self._position):
            venue = self._connected()
        try:
            self._play(venue, mode)
        finally:
            venue.close()
        return DONE

    def _mode(self) -> str:
        return mode_of(
            self._settings, live=self._args.live, is_rehearsal=self._args.start_at is not None
        )

    def _connected(self) -> Venue:
        """Return the broker, tried again as long as that makes sense. Raises RetryLater."""
        load_library(self._settings)
        terms = Terms(
            self._settings,
            self._session,
            self._time.clock,
            live=self._args.live,
            patience=self._patience,
            stamp=self._time.stamp,
            speed=self._time.speed,
            is_rehearsal=self._args.start_at is not None,
            is_watched=self._is_open(),
            say=lambda text: self._console.say(self._time.clock.now(), text),
        )
        tries = 0
        while True:
            tries += 1
            now = self._time.clock.now()
            # Each try has its whole time: a broker may be away for long while a position is open.
            self._patience.renew()
            try:
                return open_venue(terms)
            except RetryLater as error:
                is_watched = self._is_open() and now < self._session.spy_options_close
                if tries >= TRIES and not is_watched:
                    raise RetryLater(
                        f"{ended(str(error))} It was tried {TRIES} times; start again when that "
                        "is mended."
                    ) from error
                again = self._until_the_last_trade() if is_watched else "Trying again."
                self._console.say(now, f"{ended(str(error))} {again}")
                if tries == TRIES:
                    self._put_up(messages.no_connection(str(error), self._position()), now)
            self._time.clock.sleep(PAUSE_SECONDS * self._time.speed)

    def _until_the_last_trade(self) -> str:
        last = f"{self._session.spy_options_close:%H:%M}"
        return f"A POSITION IS OPEN: nothing is opened, and it is tried again until {last}."

    def _play(self, venue: Venue, mode: str) -> None:
        settings, session, clock = self._settings, self._session, self._time.clock
        with telling(self._position):
            bar = self._before_trading(venue)
        broker = venue.broker

        def exchange(source: QuoteSource) -> Broker:
            if broker:
                return broker
            from scripts.embedded_exchange import embedded_exchange  # noqa: PLC0415 - if wanted

            account = self._folder / "exchange" / f"{session.day}.json"
            return embedded_exchange(settings, source, clock, session, account)

        stage = Stage(
            mode=mode,
            session=session,
            what=venue.what,
            source=venue.source,
            broker=exchange,
            clock=clock,
            look=clock.look,
            speed=self._time.speed,
            opening=self._opening(venue, mode),
            closing=self._closing(mode),
            labels=venue.labels,
            notifier=self._notifier,
            bar=bar,
            wrap=self._patience.renewed,
        )
        play(
            stage,
            settings,
            self._store,
            self._folder,
            self._console,
            key=f"{mode}: {venue.what}",
            once=self._args.once,
        )

    def _before_trading(self, venue: Venue) -> str:
        """Finish yesterday and look whether today may be traded; return why not, or nothing.

        Raises StopTrading where there is nothing to watch either.
        """
        now = self._time.clock.now()
        self._patience.renew()
        after = MorningAfter(
            self._store,
            self._folder,
            self._session,
            self._mode(),
            self._settings.exports.csv_dialect,
        )
        news = after.finish(venue.broker, venue.source, now)
        for line in news:
            self._console.say(now, line)
        if news and self._notifier:
            self._notifier.wake()
        faults = self._guard_real_money(venue) if self._args.live else ()
        self._patience.renew()  # a person may have taken long to type
        found = venue.diagnose()
        for each in found:
            if each.verdict is Verdict.WARN:
                self._console.line(f"  Note: {each}")
        failed = " ".join(faults or (str(e) for e in found if e.verdict is Verdict.FAIL))
        if failed and not self._is_open():
            raise StopTrading(f"{venue.what}: today cannot be traded. {failed} Nothing was sent.")
        if failed:
            self._console.say(now, f"Nothing is opened today, what is held is watched. {failed}")
            self._put_up(messages.nothing_opened(failed), now)
        return failed

    def _guard_real_money(self, venue: Venue) -> tuple[str, ...]:
        """Raise StopTrading unless all says that this account may trade real money.

        With a position open, faults that the doctor finds are returned instead: it is watched
        rather than left alone. The lock of the data directory, which is found held, is our own.
        """
        from scripts.run_doctor import examine, places_of  # noqa: PLC0415 - no paper day needs it
        from src.live_guard import (  # noqa: PLC0415 - likewise
            ACCOUNT_VARIABLE,
            LiveFacts,
            faults,
            why_another_account,
            why_not_live,
        )

        settings = self._settings
        places = places_of(settings, PROJECT, self._args.data_dir)
        rows = examine(settings, places, live=True, broker_checks=lambda *_: venue.diagnose())
        facts = LiveFacts(
            asked=self._args.live,
            paper_trading=settings.broker.paper_trading,
            account_named=os.environ.get(ACCOUNT_VARIABLE, ""),
            account_told=venue.account,
            account_typed=_typed_account(),
            account_configured=settings.broker.live_account,
            checks=tuple(each for each in rows if each.name != "lock"),
            source=venue.source.name,
            source_is_real_time=venue.is_real_time,
            has_rehearsal_clock=self._args.start_at is not None,
        )
        if reasons := (why_another_account if self._is_open() else why_not_live)(facts):
            raise StopTrading(f"No real money is traded. {' '.join(reasons)}")
        return faults(facts)

    def _opening(self, venue: Venue, mode: str) -> tuple[str, ...]:
        first = {
            "live": f"LIVE, REAL MONEY: {venue.what}.",
            "paper": f"PAPER account, no real money: {venue.what}.",
            "embedded": f"SIMULATED fills on the embedded exchange: {venue.what}.",
            "rehearsal": f"REHEARSAL at {self._time.speed:g} times real speed: {venue.what}.",
        }[mode]
        where = "the broker's paper account" if venue.broker else "the embedded exchange, SIMULATED"
        orders = (f"  Orders go to {where}.",) if mode == "rehearsal" else ()
        labels = [*venue.labels]
        if venue.broker and self._settings.fees.schedule == "flat":
            name = self._settings.broker.name
            labels.append(
                f"fees are reckoned flat; the broker's own sheet is fees.schedule: {name}"
            )
        return first, *orders, *(f"  Note: {label}" for label in labels)

    @staticmethod
    def _closing(mode: str) -> tuple[str, ...]:
        return {
            "live": (),
            "paper": ("PAPER account: no real money moved.",),
            "embedded": ("SIMULATED fills: no order left this machine, no money moved.",),
            "rehearsal": ("REHEARSAL: no real money moved.",),
        }[mode]

    def _put_up(self, message: messages.Message, now: datetime) -> None:
        DayRecord(self._store, self._session.day).notify(now, message)
        self._store.commit()
        if self._notifier:
            self._notifier.wake()

    def _is_open(self) -> bool:
        return any(each.is_open for each in self._journal.positions())

    def _position(self) -> str:
        return _in_words(self._journal)


def position_on_record(database: Path, day: date) -> str:
    """Return in words what a day's record says is open, for a start that ends before it begins."""
    if not database.exists():
        return "No position is open."
    with closing(read_database(database)) as connection:
        return _in_words(Journal(Store(connection), day))


def _in_words(journal: Journal) -> str:
    held = story.open_positions([each for each in journal.positions() if each.is_open])
    if not held:
        return "No position is open."
    return f"A POSITION IS OPEN and stays recorded ({held}). Start again to watch it."


def _in_real_seconds(settings: Settings, speed: float) -> Settings:
    """Return settings in which what a network delays is measured in real seconds."""
    if speed == 1:
        return settings
    data, work = settings.market_data, settings.execution
    # A broker answers, fills and cancels in its real time, however fast the day's clock runs.
    poll, reprice, deadline = (
        max(wanted, min(least * speed, most))
        for wanted, (least, most) in (
            (work.poll_seconds, POLL),
            (work.reprice_seconds, REPRICE),
            (work.leg_deadline_seconds, DEADLINE),
        )
    )
    return settings.changed(
        f"market_data.max_quote_age_seconds={data.max_quote_age_seconds * speed}",
        f"market_data.max_leg_skew_seconds={data.max_leg_skew_seconds * speed}",
        f"execution.poll_seconds={poll}",
        f"execution.reprice_seconds={reprice}",
        f"execution.leg_deadline_seconds={max(deadline, reprice)}",
    )


def _typed_account() -> str | None:
    """Return the account that a person types, None where nobody sits at a terminal."""
    if not sys.stdin.isatty():
        return None
    return input("Type the number of the account in which real money may be traded: ").strip()
