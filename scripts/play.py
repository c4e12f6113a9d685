"""Plays one day from its first line to its last: the tape, the heartbeat, the loop, the words."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from brokers.tape_recorder import RecordingSource, TapeWriter
from brokers.tape_sidecar import before_as_json
from src.database import Store
from src.day_record import DayRecord
from src.models import Session
from src.ports import Broker, Clock, MendInput, Notifier, OfficialCloses, QuoteSource, StopTrading
from src.ratio import Closes
from src.results_logger import ResultsLogger
from src.settings import Settings
from src.trading_day import TradingDay
from utils.console import Console, complain
from utils.heartbeat import Heartbeat
from utils.market_calendar import MarketCalendar
from utils.scheduler import LONGEST_NAP_SECONDS, Tick, run_day

if TYPE_CHECKING:
    from src.coming_session import ComingSession

RETRY_SECONDS = 5
PATIENCE_SECONDS = 600
"""How often, and for how long, a database that cannot be written is tried again."""


def _unchanged(tick: Tick) -> Tick:
    return tick


class Stage(NamedTuple):
    """All that is around one day.

    `speed` is how many of the day's seconds pass in one of the wall's, None when waiting takes no
    time. `look` tells at which moment the program last looked, for the tape. `bar` says why
    nothing may be opened today, empty when it may. `closes_before` are those by which a recorded
    day expected its ratio. `wrap` may put something around each tick.
    """

    mode: str
    session: Session
    what: str
    source: QuoteSource
    broker: Callable[[QuoteSource], Broker]
    clock: Clock
    look: Callable[[], datetime]
    speed: float | None
    opening: tuple[str, ...]
    closing: tuple[str, ...]
    labels: tuple[str, ...] = ()
    tape: Path | None = None
    closes_before: tuple[Closes, ...] = ()
    notifier: Notifier | None = None
    bar: str = ""
    wrap: Callable[[Tick], Tick] = _unchanged


def play(
    stage: Stage,
    settings: Settings,
    store: Store,
    folder: Path,
    console: Console,
    *,
    key: str,
    once: bool,
) -> None:
    """Run the day to its end, or one tick of it.

    Raises StopTrading when at the end the record still differs from the broker.
    """
    session, clock = stage.session, stage.clock
    start = clock.now()
    writer = _tape_writer(stage, folder)
    recorder = RecordingSource(stage.source, writer, clock, stage.look) if writer else None
    source = recorder or stage.source
    day = TradingDay(
        session=session,
        mode=stage.mode,
        settings=settings,
        source=source,
        broker=stage.broker(source),
        clock=clock,
        store=store,
        folder=folder,
        say=console.say,
        notifier=stage.notifier,
        notes="; ".join(stage.labels),
        results=ResultsLogger(
            store.connection,
            folder,
            next_sessions(folder, settings),
            settings.exports.csv_dialect,
        ),
        bar=stage.bar,
    )
    for line in stage.opening:
        console.line(line)
    day.begin(key, start)
    for each in set(stage.closes_before).difference(day.record.earlier_closes(stage.mode)):
        day.record.note_closes_before(each, start)
    # In, in again to complete, out, and each of the two legs may take its time.
    longest = timedelta(seconds=6 * settings.execution.leg_deadline_seconds)
    heart = Heartbeat(folder, day, start, speed=stage.speed, longest_tick=longest)
    with telling(day.position_in_words):
        _run(day, stage, console, heart, once=once)
    if writer and recorder and day.record.is_reported():
        # By them the day expected its ratio, and so must its replay.
        known = day.record.earlier_closes(stage.mode)
        writer.sidecar["closes_before"] = [
            before_as_json(each.day, OfficialCloses(each.spy, each.spx, "the record of this day"))
            for each in known
        ]
        _finish_tape(writer, recorder, source.official_closes(session.day))
    console.line(f"Database: {folder / settings.logging.database.name}")
    for line in stage.closing:
        console.line(line)
    refuse_difference(day.record)


def next_sessions(folder: Path, settings: Settings) -> "Callable[[date], ComingSession]":
    """Return what tells the session after a day, and what these settings make of it."""

    def coming(day: date) -> "ComingSession":
        from src.coming_session import coming_session  # noqa: PLC0415 - an evening's work

        return coming_session(MarketCalendar(folder).next_session(day), settings)

    return coming


def refuse_difference(record: DayRecord, mend: str = "") -> None:
    """Raise StopTrading where a day is over and its record still differs from its broker."""
    if record.is_reported() and (doubt := record.difference()):
        raise StopTrading(
            f"{record.session}: the record and the broker still differ: {doubt}. The day is "
            f"reported as it is recorded; compare its report with the account. {mend}".rstrip()
        )


def _run(day: TradingDay, stage: Stage, console: Console, heart: Heartbeat, *, once: bool) -> None:
    tick = stage.wrap(heart.tick)
    with heart.watched():
        if once:
            wake = tick(stage.clock.now())
            if wake:
                console.line(f"The next tick is due at {wake:%H:%M:%S} ET.")
            return
        nap = None if stage.speed is None else LONGEST_NAP_SECONDS * stage.speed
        run_day(_patient(tick, console), stage.clock, longest_nap=nap, attention=day.attention)


def _finish_tape(
    writer: TapeWriter, recorder: RecordingSource, closes: OfficialCloses | None
) -> None:
    """Complete the day's tape; a disk that is full costs the tape, never the day."""
    failure = recorder.failure
    try:
        writer.finish(closes)
    except OSError as error:
        failure = failure or f"{writer.path}: the tape could not be written ({error.strerror})"
    if failure:
        complain(f"{failure}. The day itself is recorded; make room for the next one.")


@contextmanager
def telling(position: Callable[[], str]) -> Iterator[None]:
    """Note the position with whatever ends the block, so that both are said in one breath."""
    try:
        yield
    except BaseException as ending:
        try:
            ending.add_note(position())
        except (sqlite3.Error, MendInput) as error:
            ending.add_note(
                f"Whether a position is open cannot be read from the database ({error})."
            )
        raise


def _patient(tick: Tick, console: Console) -> Tick:
    """Return the tick, tried again while the database is locked or its disk is full.

    A position that is open is worth more than an orderly end: only after minutes is it given up.
    """
    failures = 0

    def again(now: datetime) -> datetime | None:
        nonlocal failures
        try:
            wake = tick(now)
        except sqlite3.OperationalError as error:
            failures += 1
            if failures * RETRY_SECONDS > PATIENCE_SECONDS:
                raise
            console.say(now, f"The database cannot be used ({error}); trying again.")
            return now + timedelta(seconds=RETRY_SECONDS)
        failures = 0
        return wake

    return again


def _tape_writer(stage: Stage, folder: Path) -> TapeWriter | None:
    path = folder / "tapes" / f"{stage.session.day}.csv.gz"
    if stage.tape and path.exists() and path.samefile(stage.tape):
        return None  # a tape does not record its own replay
    return TapeWriter(
        path, {"source": stage.what, "note": "what the program saw", "labels": [*stage.labels]}
    )
