"""Prints one moment as a page: of a tape, of a generated day, or of now at the broker."""

import argparse
import re
from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal

from scripts.simulated_days import Market, generated, recorded
from src.dividends import load_dividends
from src.explain import Moment, explain
from src.fees import fee_schedule
from src.market_data import MarketDataCollector
from src.models import NEW_YORK, Session
from src.outlook import last_closes, outlook
from src.ports import Clock, MendInput, QuoteSource
from src.report_layout import as_text
from src.settings import Settings
from src.strategy_engine import BLIND, Capacity, should_enter_trade
from utils.console import Console
from utils.market_calendar import MarketCalendar
from utils.market_clock import VirtualClock

_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?")


@dataclass(frozen=True, slots=True)
class Scene:
    """Where a moment is looked at."""

    what: str
    labels: tuple[str, ...]
    session: Session
    source: QuoteSource
    clock: Clock


def explain_moment(
    args: argparse.Namespace, settings: Settings, calendar: MarketCalendar, console: Console
) -> None:
    """Print the page that the command line asks for.

    Raises MendInput for a time that is missing, none, or not within what is looked at.
    """
    _refuse_what_does_not_go_together(args)
    scene = _on_tape(args, calendar) if args.replay else _generated(args, settings, calendar)
    console.line(_page(scene, settings))


def _refuse_what_does_not_go_together(args: argparse.Namespace) -> None:
    if not args.explain:
        raise MendInput("--at is the moment that --explain is about: give both, or neither.")
    for option in ("live", "once", "speed", "start_at"):
        if getattr(args, option):
            raise MendInput(
                f"--explain looks at one moment and orders nothing: leave --{_dashed(option)} away."
            )
    if args.replay and args.seed is not None:
        raise MendInput("--replay names a recorded day and --seed another: give one.")


def _dashed(option: str) -> str:
    return option.replace("_", "-")


def _on_tape(args: argparse.Namespace, calendar: MarketCalendar) -> Scene:
    if args.at is None:
        raise MendInput("--explain --replay needs the moment: add --at HH:MM, New York time.")
    market = recorded(args.replay, calendar)
    moment = _moment(args.at, market.session)
    first, last = _span_of_tape(market)
    if not first <= moment <= last:
        raise MendInput(
            f"--at {args.at}: the tape {args.replay.name} has rows from {first:%H:%M:%S} to "
            f"{last:%H:%M:%S} New York time; name a moment in between."
        )
    return _scene(market, moment)


def _span_of_tape(market: Market) -> tuple[datetime, datetime]:
    from brokers.replay_market import Tape  # noqa: PLC0415 - only where one is played

    if market.tape is None:
        raise MendInput("--replay: there is no tape to look at.")
    tape = Tape.load(market.tape)
    every = [*tape.prices.values(), *tape.options.values()]
    return min(each.seen[0] for each in every), max(each.seen[-1] for each in every)


def _generated(args: argparse.Namespace, settings: Settings, calendar: MarketCalendar) -> Scene:
    market = generated(args.seed, calendar)
    start = market.session.at(settings.trading_hours.entry_start)
    moment = _moment(args.at, market.session) if args.at else start
    if not market.session.open <= moment <= market.session.spy_options_close:
        raise MendInput(
            f"--at {args.at}: the generated day goes from {market.session.open:%H:%M} to "
            f"{market.session.spy_options_close:%H:%M} New York time; name a moment in between."
        )
    return _scene(market, moment)


def _scene(market: Market, moment: datetime) -> Scene:
    clock = VirtualClock(moment)
    labels = ("SIMULATED: no money was at stake", *market.labels)
    return Scene(market.what, labels, market.session, market.source(clock), clock)


def _moment(text: str, session: Session) -> datetime:
    if not _TIME.fullmatch(text):
        raise MendInput(f"--at {text}: it must be a New York time of day such as 09:41.")
    return datetime.combine(session.day, time.fromisoformat(text), tzinfo=NEW_YORK)


def _page(scene: Scene, settings: Settings) -> str:
    """Judge the moment as the trading day does, with the account of the settings, still empty."""
    collector = MarketDataCollector(scene.source, scene.clock, scene.session, settings)
    earlier = last_closes(scene.source, scene.session.day)
    expected = outlook(scene.session.day, settings.strategy, closes=[earlier] if earlier else [])
    cash = Decimal(str(settings.simulation.starting_cash))
    decision = should_enter_trade(
        collector.get_trade_setup(),
        now=scene.clock.now(),
        session=scene.session,
        capacity=Capacity(0, cash, cash),
        settings=settings,
        fees=fee_schedule(settings.fees),
        expected=expected,
    )
    blind = (BLIND,) if settings.strategy.expected_profit == "credit" else ()
    moment = Moment(
        what=scene.what,
        labels=(*scene.labels, *blind),
        decision=decision,
        expected=expected,
        settings=settings,
        dividends=load_dividends(),
    )
    return as_text(explain(moment))
