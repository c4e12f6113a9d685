"""Puts one day together and runs it: which market, which clock, which folder, then the loop."""

import argparse
import contextlib
import hashlib
import logging
import signal
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import FrameType

from brokers.simulated_client import ExchangeRules, SimulatedBroker
from brokers.tape_recorder import RecordingSource, TapeWriter
from src.database import Store, open_database
from src.day_record import DayRecord
from src.fees import FeeSchedule
from src.market_data import LONGEST_CADENCE
from src.models import Session
from src.ports import Clock, MendInput, OfficialCloses, QuoteSource, StopTrading
from src.settings import KEYS, Settings, load_settings
from src.timetable import Phase
from src.trading_day import TradingDay
from utils.console import DONE, FAILED, Console, complain, exit_code, sentence
from utils.heartbeat import Heartbeat
from utils.instance_lock import only_instance
from utils.logging_setup import start_logging
from utils.market_calendar import MarketCalendar
from utils.market_clock import ScaledClock, VirtualClock, WallClock
from utils.scheduler import LONGEST_NAP_SECONDS, Tick, run_day

DEMO_SEED = 4
DEMO_YEAR = 2026
SIMULATED_MODES = frozenset({"demo", "replay"})
RETRY_SECONDS = 5
PATIENCE_SECONDS = 600
"""How often, and for how long, a database that cannot be written is tried again."""
LEAD = timedelta(minutes=5)
"""How long before the open a generated or recorded day begins."""

_log = logging.getLogger("optionsarbitrage")


@dataclass(frozen=True, slots=True)
class Market:
    """A simulated day: what is played, and how a source of its quotes is made."""

    mode: str
    session: Session
    what: str
    source: Callable[[Clock], QuoteSource]
    labels: tuple[str, ...] = ()
    tape: Path | None = None


def run(args: argparse.Namespace, project: Path) -> int:
    """Run the day of a command line; every failure ends in one sentence and its exit code."""
    signal.signal(signal.SIGTERM, _interrupt)
    handler: logging.Handler | None = None
    try:
        loaded = load_settings(args.config, args.overrides, root=project)
        settings = loaded.settings
        secrets = _secrets(settings)
        handler = start_logging(_log_file(args, settings, project), settings.logging.level, secrets)
        for warning in loaded.warnings:
            complain(f"warning: {warning}.")
        data = args.data_dir or (project / settings.logging.database).parent
        calendar = MarketCalendar(data)
        market = choose_market(args, settings, calendar)
        if market is None:
            return _real_day(settings, calendar)
        folder = args.data_dir or data / market.mode
        return _simulated_day(args, settings, market, folder)
    except KeyboardInterrupt as error:
        complain(sentence(error))
        return exit_code(error)
    except Exception as error:  # noqa: BLE001 - the outermost place: said, logged, and coded
        code = exit_code(error)
        level = logging.ERROR if code == FAILED else logging.DEBUG
        _log.log(level, "the details of what ended the run", exc_info=error)
        complain(sentence(error))
        return code
    finally:
        if handler:
            logging.getLogger().removeHandler(handler)
            with contextlib.suppress(OSError):  # a full disk has been told of already
                handler.close()


def choose_market(
    args: argparse.Namespace, settings: Settings, calendar: MarketCalendar
) -> Market | None:
    """Return the simulated day that is asked for, None for a day at a real broker.

    Raises MendInput when keys are missing, and StopTrading for a live day, which cannot be had yet.
    """
    if args.live:
        raise StopTrading(
            "--live: this version trades no real money, because it has no order connection to a "
            "broker yet, only the embedded exchange. Leave --live away; nothing was sent."
        )
    if args.replay:
        if args.seed is not None:
            raise MendInput("--seed names a generated day and --replay a recorded one: give one.")
        return _recorded(args.replay, calendar)
    keyless = settings.broker.name == "simulated" or len(settings.broker.missing_keys) == 2
    if args.paper and (keyless or args.seed is not None):
        return _generated(args.seed, calendar)
    if args.seed is not None:
        raise MendInput("--seed names a generated day: give it together with --paper.")
    if settings.broker.name == "simulated":
        raise MendInput("broker.name: simulated plays generated days; start it with --paper.")
    if missing := settings.broker.missing_keys:
        raise MendInput(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing, so there is "
            "no account to trade in. Put the keys into .env (see .env.example), or try a generated "
            "day without keys: python scripts/main.py --paper"
        )
    if args.speed is not None:
        raise MendInput("--speed is for generated and recorded days; a real one takes its time.")
    return None


def _generated(seed: int | None, calendar: MarketCalendar) -> Market:
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


def _recorded(path: Path, calendar: MarketCalendar) -> Market:
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
    return Market("replay", session, what, source, tuple(filter(None, notes)), path)


def _real_day(settings: Settings, calendar: MarketCalendar) -> int:
    today = WallClock().now().date()
    if calendar.session_on(today) is None:
        coming = calendar.next_session(today)
        Console().line(
            f"The exchange is closed today, {today:%A} {today}. The next session is "
            f"{coming.day:%A} {coming.day}, {coming.open:%H:%M} to {coming.close:%H:%M} ET."
        )
        return DONE
    raise MendInput(
        f"broker.name: {settings.broker.name} cannot be traded at yet: this version has only the "
        "embedded exchange. Run a generated day with --paper and no keys, or a recorded one with "
        "--replay; nothing was sent."
    )


def _simulated_day(
    args: argparse.Namespace, settings: Settings, market: Market, folder: Path
) -> int:
    with only_instance(folder):
        database = folder / settings.logging.database.name
        # A simulated day can be run again, so it need not outlive a power cut, only a kill.
        store = Store(open_database(database, durable=False))
        try:
            _play(args, settings, market, store, folder)
        finally:
            store.connection.close()
    return DONE


def _play(
    args: argparse.Namespace, settings: Settings, market: Market, store: Store, folder: Path
) -> None:
    session, console = market.session, Console(_secrets(settings))
    account = folder / "exchange" / f"{session.day}.json"
    key = _run_key(market, settings)
    resumed = _resume(DayRecord(store, session.day), key, account)
    start = resumed or session.open - LEAD
    clock = VirtualClock(start) if args.speed is None else ScaledClock(start, args.speed)
    writer = _tape_writer(market, folder)
    source = market.source(clock)
    recorder = RecordingSource(source, writer, clock, clock.look) if writer else None
    source = recorder or source
    day = TradingDay(
        session=session,
        mode=market.mode,
        settings=settings,
        source=source,
        broker=SimulatedBroker(source, clock, session, _rules(settings, source), account),
        clock=clock,
        store=store,
        folder=folder,
        say=console.say,
        notes="; ".join(market.labels),
    )
    console.line(f"SIMULATED market and fills: {market.what}, on the embedded paper exchange.")
    for label in market.labels:
        console.line(f"  Note: {label}")
    if market.mode == "demo" and market.labels:
        console.line("  Without it nothing would trade: fair quotes do not pay the minimum credit.")
    if resumed:
        console.say(resumed, "Going on with this day, which was interrupted.")
    day.begin(key, start)
    # In, in again to complete, out, and each of the two legs may take its time.
    longest = timedelta(seconds=6 * settings.execution.leg_deadline_seconds)
    heart = Heartbeat(folder, day, start, speed=args.speed, longest_tick=longest)
    try:
        _run(day, clock, args, console, heart)
    except BaseException:
        complain(_position_in_words(day))
        raise
    if writer and recorder and day.record.is_reported():
        _finish_tape(writer, recorder, source.official_closes(session.day))
    console.line(f"Database: {folder / settings.logging.database.name}")
    console.line("SIMULATED market and fills: no order left this machine, no money moved.")
    if day.record.is_reported() and (doubt := day.record.difference()):
        raise StopTrading(_of_difference(session.day, doubt))


def _of_difference(day: date, doubt: str) -> str:
    return (
        f"{day}: the record and the broker still differ: {doubt}. The day is reported as it is "
        "recorded; compare its report with the account."
    )


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


def _position_in_words(day: TradingDay) -> str:
    try:
        return day.position_in_words()
    except sqlite3.Error as error:
        return f"Whether a position is open cannot be read from the database ({error})."


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


def _run(
    day: TradingDay, clock: Clock, args: argparse.Namespace, console: Console, heart: Heartbeat
) -> None:
    with heart.watched():
        if args.once:
            wake = heart.tick(clock.now())
            if wake:
                console.line(f"The next tick is due at {wake:%H:%M:%S} ET.")
            return
        nap = None if args.speed is None else LONGEST_NAP_SECONDS * args.speed
        tick = _patient(heart.tick, console)
        run_day(tick, clock, longest_nap=nap, attention=day.attention)


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
    if known.phase == Phase.REPORTED and (doubt := record.difference()):
        raise StopTrading(
            f"{_of_difference(known.session, doubt)} To play this day anew, name another folder "
            "with --data-dir; nothing was changed."
        )
    record.forget_session()
    account.unlink(missing_ok=True)
    return None


def _run_key(market: Market, settings: Settings) -> str:
    """Return what must be equal for an interrupted day to be gone on with."""
    digest = hashlib.sha256(settings.model_dump_json().encode()).hexdigest()[:16]
    return f"{market.mode}: {market.what}, settings {digest}"


def _tape_writer(market: Market, folder: Path) -> TapeWriter | None:
    path = folder / "tapes" / f"{market.session.day}.csv.gz"
    if market.tape and path.exists() and path.samefile(market.tape):
        return None  # a tape does not record its own replay
    return TapeWriter(
        path, {"source": market.what, "note": "what the program saw", "labels": [*market.labels]}
    )


def _rules(settings: Settings, source: QuoteSource) -> ExchangeRules:
    return ExchangeRules(
        fees=FeeSchedule(
            Decimal(str(settings.fees.spy_per_contract)),
            Decimal(str(settings.fees.spxw_per_contract)),
        ),
        starting_cash=Decimal(str(settings.simulation.starting_cash)),
        margin_per_spread=Decimal(str(settings.strategy.capital_per_spread)),
        max_quote_age=max(
            settings.market_data.max_quote_age_seconds,
            min(source.cadence_seconds or 0, LONGEST_CADENCE),
        ),
    )


def _secrets(settings: Settings) -> tuple[str, ...]:
    return tuple(
        settings.value(key).get_secret_value() for key in KEYS.fields if KEYS.is_secret(key)
    )


def _log_file(args: argparse.Namespace, settings: Settings, project: Path) -> Path:
    if args.data_dir:
        return Path(args.data_dir) / "logs" / settings.logging.file.name
    return project / settings.logging.file


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    """Treat a request to end (launchd, systemd, a shutdown) like Ctrl-C."""
    raise KeyboardInterrupt
