"""Prints one moment as a page: of a tape, of a generated day, or of now at the broker."""

import argparse
import re
from bisect import bisect
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.real_days import CALLS_A_TICK, mode_of, time_of
from scripts.simulated_days import Market, generated, recorded
from scripts.venues import Terms, open_venue
from src.database import Store, read_database
from src.day_record import DayRecord
from src.dividends import load_dividends
from src.explain import Moment, explain
from src.fees import fee_schedule
from src.market_data import MarketDataCollector
from src.models import NEW_YORK, Session
from src.outlook import closes_without_record, outlook
from src.ports import Account, Clock, MendInput, QuoteSource
from src.ratio import Closes
from src.report_layout import as_text
from src.settings import Settings
from src.strategy_engine import BLIND, Capacity, should_enter_trade
from utils.console import Console
from utils.market_calendar import MarketCalendar
from utils.market_clock import VirtualClock
from utils.patience import Patience

if TYPE_CHECKING:
    from brokers.replay_market import Tape

_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?")


@dataclass(frozen=True, slots=True)
class Scene:
    """Where a moment is looked at.

    `account` is the broker's, None where orders would stay on the embedded exchange; `closes` are
    those of earlier sessions that are on record.
    """

    what: str
    labels: tuple[str, ...]
    session: Session
    source: QuoteSource
    clock: Clock
    is_simulated: bool = False
    account: Account | None = None
    closes: tuple[Closes, ...] = ()


def explain_moment(
    args: argparse.Namespace,
    settings: Settings,
    calendar: MarketCalendar,
    console: Console,
    record: Path,
) -> None:
    """Print the page that the command line asks for; `record` is the database of real days.

    Raises MendInput for a time that is missing, none, or not within what is looked at, and
    RetryLater for a broker that cannot be reached.
    """
    _refuse_what_does_not_go_together(args)

    def tell(scene: Scene) -> None:
        moment = _judged(scene, settings)
        if args.json:
            console.data(_as_json(moment))
        else:
            console.line(as_text(explain(moment)))

    if args.replay:
        tell(_on_tape(args, settings, calendar))
    elif market := _market(args, settings, calendar):
        tell(_generated(args, settings, market))
    else:
        with _at_broker(args, settings, calendar, console, record) as scene:
            tell(scene)


def _refuse_what_does_not_go_together(args: argparse.Namespace) -> None:
    if not args.explain and args.json:
        raise MendInput(
            "--json is for --explain; what a day came to control.py status --json tells."
        )
    if not args.explain:
        raise MendInput("--at is the moment that --explain is about: give both, or neither.")
    for option in ("live", "once", "speed"):
        if getattr(args, option):
            raise MendInput(
                f"--explain looks at one moment and orders nothing: leave --{option} away."
            )
    given = [f"--{each}" for each in ("replay", "seed") if getattr(args, each) is not None]
    if args.start_at is not None:
        given.append("--start-at")
    if len(given) > 1:
        raise MendInput(f"{given[0]} and {given[1]} name two different days: give one.")


def _on_tape(args: argparse.Namespace, settings: Settings, calendar: MarketCalendar) -> Scene:
    if args.at is None:
        raise MendInput("--explain --replay needs the moment: add --at HH:MM, New York time.")
    market = recorded(args.replay, calendar)
    moment = _moment(args.at, market.session)
    tape = _tape(market)
    every = [*tape.prices.values(), *tape.options.values()]
    first, last = min(each.seen[0] for each in every), max(each.seen[-1] for each in every)
    if not first <= moment <= last:
        raise MendInput(
            f"--at {args.at}: the tape {args.replay.name} has rows from {first:%H:%M:%S} to "
            f"{last:%H:%M:%S} New York time; name a moment in between."
        )
    if tape.kind == "recorded":
        _refuse_between_looks(args, tape, moment, settings)
    return _scene(market, moment, _new_rows(tape, moment, settings))


def _new_rows(tape: "Tape", moment: datetime, settings: Settings) -> tuple[str, ...]:
    """Say when the tape has new quotes, for a moment at which its last ones are too old."""
    seen = sorted({at for each in tape.options.values() for at in each.seen})
    place = bisect(seen, moment)
    before, after = seen[place - 1 : place], seen[place : place + 1]
    oldest = max(settings.market_data.max_quote_age_seconds, tape.sidecar.cadence_seconds or 0.0)
    if before and (moment - before[0]).total_seconds() <= oldest:
        return ()
    parts = [f"the last before {moment:%H:%M:%S} are of {at:%H:%M:%S}" for at in before]
    parts += [f"the next are of {at:%H:%M:%S}" for at in after]
    return (f"this tape has quotes of calls and puts at a few moments: {', '.join(parts)}",)


def _tape(market: Market) -> "Tape":
    from brokers.replay_market import Tape  # noqa: PLC0415 - only where one is played

    if market.tape is None:
        raise MendInput("--replay: there is no tape to look at.")
    return Tape.load(market.tape)


def _refuse_between_looks(
    args: argparse.Namespace, tape: "Tape", moment: datetime, settings: Settings
) -> None:
    """Name the nearest looks: what a program recorded has quotes only where the program looked."""
    looks = sorted({seen for each in tape.prices.values() for seen in each.seen})
    oldest = max(settings.market_data.max_quote_age_seconds, tape.sidecar.cadence_seconds or 0.0)
    before = [each for each in looks if each <= moment][-1:]
    if before and (moment - before[0]).total_seconds() <= oldest:
        return
    near = " and ".join(
        f"{each:%H:%M:%S}" for each in [*before, *looks[bisect(looks, moment) :][:1]]
    )
    raise MendInput(
        f"--at {args.at}: on the tape {args.replay.name} the program did not look then; the "
        f"nearest moments that have quotes are {near} New York time."
    )


def _market(
    args: argparse.Namespace, settings: Settings, calendar: MarketCalendar
) -> Market | None:
    """Return the generated day, None where a broker or Yahoo can be asked for what is now."""
    no_keys = settings.broker.name == "alpaca" and settings.market_data.source == "broker"
    no_keys = no_keys and not settings.broker.has_keys
    if no_keys and args.start_at is not None:
        missing = " and ".join(settings.broker.missing_keys)
        raise MendInput(f"--start-at is a clock for a look at a broker, and {missing} is missing.")
    if args.seed is not None or settings.broker.name == "simulated" or no_keys:
        return generated(args.seed, calendar)
    return None


@contextmanager
def _at_broker(
    args: argparse.Namespace,
    settings: Settings,
    calendar: MarketCalendar,
    console: Console,
    record: Path,
) -> Iterator[Scene]:
    """Connect for one look; no order is sent."""
    if args.at:
        raise MendInput("--at: a broker knows no other moment than now; name a tape with --replay.")
    time = time_of(args, settings)
    now = time.clock.now()
    session = calendar.session_on(now.date())
    if session is None or not session.open <= now < session.close:
        raise MendInput(
            f"The exchange is closed now, {now:%A} {now:%Y-%m-%d %H:%M} in New York. Name a moment "
            "of a tape with --replay TAPE --at HH:MM, or a generated day with --seed."
        )
    timeout, live = settings.broker.timeout_seconds, not settings.broker.paper_trading
    is_rehearsal = args.start_at is not None
    mode = mode_of(settings, live=live, is_rehearsal=is_rehearsal)
    venue = open_venue(
        Terms(
            settings,
            session,
            time.clock,
            live=live,
            patience=Patience(timeout, CALLS_A_TICK * timeout),
            stamp=time.stamp,
            speed=time.speed,
            is_rehearsal=is_rehearsal,
            only_looks=True,
            say=console.line,
        )
    )
    try:
        yield Scene(
            venue.what,
            venue.labels,
            session,
            venue.source,
            time.clock,
            account=venue.broker.account() if venue.broker else None,
            closes=_on_record(record, session, mode),
        )
    finally:
        venue.close()


def _on_record(record: Path, session: Session, mode: str) -> tuple[Closes, ...]:
    if not record.exists():
        return ()
    with closing(read_database(record)) as connection:
        return DayRecord(Store(connection), session.day).earlier_closes(mode)


def _generated(args: argparse.Namespace, settings: Settings, market: Market) -> Scene:
    start = market.session.at(settings.trading_hours.entry_start)
    moment = _moment(args.at, market.session) if args.at else start
    if not market.session.open <= moment <= market.session.spy_options_close:
        raise MendInput(
            f"--at {args.at}: the generated day goes from {market.session.open:%H:%M} to "
            f"{market.session.spy_options_close:%H:%M} New York time; name a moment in between."
        )
    return _scene(market, moment)


def _scene(market: Market, moment: datetime, notes: tuple[str, ...] = ()) -> Scene:
    clock = VirtualClock(moment)
    labels = ("SIMULATED: no money was at stake", *market.labels, *notes)
    return Scene(
        market.what,
        labels,
        market.session,
        market.source(clock),
        clock,
        is_simulated=True,
        closes=market.closes_before,
    )


def _moment(text: str, session: Session) -> datetime:
    if not _TIME.fullmatch(text):
        raise MendInput(f"--at {text}: it must be a New York time of day such as 09:41.")
    return datetime.combine(session.day, time.fromisoformat(text), tzinfo=NEW_YORK)


def _as_json(moment: Moment) -> dict[str, object]:
    decision = moment.decision.to_dict()
    return {"what": moment.what, "labels": [*moment.labels], "decision": decision}


def _judged(scene: Scene, settings: Settings) -> Moment:
    """Judge the moment as the trading day does, as if nothing was open yet."""
    collector = MarketDataCollector(scene.source, scene.clock, scene.session, settings)
    expected = outlook(
        scene.session.day,
        settings.strategy,
        closes=closes_without_record(scene.source, scene.session.day, scene.closes),
        is_live=not scene.is_simulated and not settings.broker.paper_trading,
    )
    capacity, sized = _capacity(scene.account, settings)
    decision = should_enter_trade(
        collector.get_trade_setup(),
        now=scene.clock.now(),
        session=scene.session,
        capacity=capacity,
        settings=settings,
        fees=fee_schedule(settings.fees),
        expected=expected,
    )
    blind = (BLIND,) if settings.strategy.expected_profit == "credit" else ()
    return Moment(
        what=scene.what,
        labels=(*scene.labels, sized, *blind),
        decision=decision,
        expected=expected,
        settings=settings,
        dividends=load_dividends(),
    )


def _capacity(account: Account | None, settings: Settings) -> tuple[Capacity, str]:
    """Return what there is to trade with, and in words whose it is."""
    if account:
        words = (
            f"sized for the broker's account: ${account.equity:,.0f}, of which "
            f"${account.available:,.0f} are free"
        )
        return Capacity(0, account.available, account.equity), words
    cash = Decimal(str(settings.simulation.starting_cash))
    return Capacity(0, cash, cash), f"sized for an account of ${cash:,.0f}"
