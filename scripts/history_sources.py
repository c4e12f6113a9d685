"""Connects a backfill to the source that its command line names."""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from brokers.history import History
from brokers.history_pace import Pace
from src.ports import Clock, MendInput
from src.settings import KEYS, Settings, load_settings
from utils.console import complain
from utils.market_clock import WallClock

_IBKR_PATIENCE = 60.0
"""Real seconds: TWS takes its time over history."""
_YAHOO_FIRST_WAIT = 15.0
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Source:
    """A source of history, and how it is dealt with.

    `plan` is what an interrupted day must have been begun with to be gone on with. `derives`:
    quotes are still to be made from trades.
    """

    history: History
    plan: Mapping[str, object]
    derives: bool
    close: Callable[[], None] = field(default=lambda: None)


def load_history_settings(args: argparse.Namespace, project: Path) -> Settings:
    """Return the settings of a command line. Raises MendInput."""
    loaded = load_settings(args.config, args.overrides, root=project)
    for warning in loaded.warnings:
        complain(f"warning: {warning}.")
    return loaded.settings


def secrets_of(settings: Settings) -> list[str]:
    """Return what must never be shown."""
    return [settings.value(key).get_secret_value() for key in KEYS.fields if KEYS.is_secret(key)]


def open_history(args: argparse.Namespace, settings: Settings, tell: Tell) -> Source:
    """Return the source of a command line; `tell` hears what is waited for.

    Raises MendInput for missing keys, RetryLater for what cannot be reached.
    """
    clock = WallClock()
    openers = {"alpaca": _alpaca, "ibkr": _ibkr, "yfinance": _yahoo}
    history, close = openers[args.source](args, settings, clock, tell)
    plan: dict[str, object] = {"source": history.name}
    if args.source != "yfinance":  # which has no options
        plan |= {"strikes": args.strikes, "derive-quotes": args.derive_quotes}
    derives = args.derive_quotes and args.source == "alpaca"
    return Source(history, plan, derives, close)


Opened = tuple[History, Callable[[], None]]


def _alpaca(args: argparse.Namespace, settings: Settings, clock: Clock, tell: Tell) -> Opened:
    from brokers.alpaca_history import AlpacaHistory  # noqa: PLC0415 - only who asks it pays
    from brokers.alpaca_link import AlpacaLink  # noqa: PLC0415 - likewise

    wanted = settings.broker
    if wanted.missing_keys:
        raise MendInput(
            f"{' and '.join(wanted.missing_keys)} must be set to ask Alpaca for history: put the "
            "keys of the paper account into .env (see .env.example)."
        )
    key = wanted.api_key.get_secret_value()
    link = AlpacaLink(
        key,
        wanted.api_secret.get_secret_value(),
        paper=not key.startswith("AK"),  # data are the same for both kinds of keys
        clock=clock,
        patience=lambda: wanted.timeout_seconds,
        trading_url=wanted.alpaca.trading_url,
        data_url=wanted.alpaca.data_url,
    )
    return AlpacaHistory(link, Pace(clock, tell), args.strikes), link.close


def _ibkr(args: argparse.Namespace, settings: Settings, clock: Clock, tell: Tell) -> Opened:
    from brokers.ibkr_contracts import IbkrContracts  # noqa: PLC0415 - only who asks it pays
    from brokers.ibkr_history import REQUESTS, IbkrHistory  # noqa: PLC0415 - likewise
    from brokers.ibkr_link import IbkrLink  # noqa: PLC0415 - likewise

    wanted = settings.broker.ibkr
    link = IbkrLink(
        wanted.host,
        wanted.port,
        wanted.look_id,
        wanted.account,
        paper=settings.broker.paper_trading,
        patience=lambda: max(_IBKR_PATIENCE, settings.broker.timeout_seconds),
    )
    pace = Pace(clock, tell, limit=REQUESTS, first_wait=30.0)
    history = IbkrHistory(
        link, IbkrContracts(link), clock, pace, args.strikes, averages=args.derive_quotes
    )
    return history, link.close


def _yahoo(args: argparse.Namespace, settings: Settings, clock: Clock, tell: Tell) -> Opened:
    from brokers.yfinance_client import YfinanceLink  # noqa: PLC0415 - only who asks it pays
    from brokers.yfinance_history import YfinanceHistory  # noqa: PLC0415 - likewise

    del args
    link = YfinanceLink(lambda: settings.broker.timeout_seconds)
    pace = Pace(clock, tell, first_wait=_YAHOO_FIRST_WAIT)
    return YfinanceHistory(link, pace, clock), lambda: None
