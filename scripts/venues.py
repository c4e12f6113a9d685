"""Connects a day to the broker and the quotes that its settings name."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from src.fees import fee_schedule
from src.models import Session
from src.ports import Broker, Check, Clock, QuoteSource
from src.settings import Settings
from utils.garbage import nothing_is_garbage

Patience = Callable[[], float]
"""Returns for how many real seconds the next call may wait. Raises RetryLater."""
Stamp = Callable[[datetime], datetime]
"""Translates the time of a server into that of the day."""


@dataclass(frozen=True, slots=True)
class Venue:
    """Where a day trades: its quotes, its broker, and what may be said of both.

    `broker` is None where the orders stay on the embedded exchange. `account` is the broker's own
    answer, empty where there is none. `diagnose` looks at the way there, and
    `capabilities` at what orders would meet; neither sends one.
    """

    what: str
    source: QuoteSource
    broker: Broker | None
    account: str
    is_real_time: bool
    labels: tuple[str, ...]
    diagnose: Callable[[], tuple[Check, ...]]
    capabilities: Callable[[], tuple[Check, ...]]
    close: Callable[[], None]


def load_library(settings: Settings) -> None:
    """Import what takes longest: before a fast clock begins to run, or before connecting."""
    if settings.market_data.source == "yfinance":
        return
    with nothing_is_garbage():
        if settings.broker.name == "ibkr":
            from brokers.ibkr_link import load_library as load  # noqa: PLC0415 - who trades there
        else:
            from brokers.alpaca_link import load_library as load  # noqa: PLC0415 - likewise
        load()


def open_venue(  # noqa: PLR0913 - the settings, and the time that the day lives in
    settings: Settings,
    session: Session,
    clock: Clock,
    *,
    live: bool,
    patience: Patience,
    stamp: Stamp,
    speed: float,
    is_rehearsal: bool,
    say: Callable[[str], None],
) -> Venue:
    """Connect and return what the settings name.

    Raises RetryLater for what cannot be reached, MendInput for what the settings must say
    otherwise, and StopTrading for an account that is not of the kind that was asked for.
    """
    if settings.market_data.source == "yfinance":
        return _yahoo(session, clock, patience, stamp)
    opener = _ibkr if settings.broker.name == "ibkr" else _alpaca
    venue = opener(settings, session, clock, live=live, patience=patience, stamp=stamp, speed=speed)
    if settings.market_data.fallback == "yfinance" and not is_rehearsal:
        source = _with_fallback(venue.source, session, clock, patience, stamp, say)
        venue = replace(venue, source=source)
    if venue.broker:
        # A broker takes its real time, however fast the day's clock runs.
        venue.broker.lookup_grace_seconds *= speed
        venue.broker.positions_lag_seconds *= speed
    return venue


def _yahoo(session: Session, clock: Clock, patience: Patience, stamp: Stamp) -> Venue:
    from brokers.yfinance_client import YfinanceLink, YfinanceMarket  # noqa: PLC0415 - if wanted

    source = YfinanceMarket(YfinanceLink(patience), clock, session, stamp)
    return Venue(
        what=source.name,
        source=source,
        broker=None,
        account="",
        is_real_time=False,
        labels=("quotes are a quarter of an hour late, and so is the program's clock",),
        diagnose=lambda: (),
        capabilities=lambda: (),
        close=lambda: None,
    )


def _alpaca(
    settings: Settings,
    session: Session,
    clock: Clock,
    *,
    live: bool,
    patience: Patience,
    stamp: Stamp,
    speed: float,
) -> Venue:
    from brokers.alpaca_checks import market_data  # noqa: PLC0415 - only who trades there pays
    from brokers.alpaca_client import AlpacaBroker  # noqa: PLC0415 - only who trades there pays
    from brokers.alpaca_link import AlpacaLink  # noqa: PLC0415 - likewise
    from brokers.alpaca_market import AlpacaMarket  # noqa: PLC0415 - likewise
    from brokers.alpaca_parity import TOGETHER  # noqa: PLC0415 - likewise

    wanted = settings.broker
    sends = live or wanted.sends_orders
    link = AlpacaLink(
        wanted.api_key.get_secret_value(),
        wanted.api_secret.get_secret_value(),
        paper=not live,
        clock=clock,
        patience=patience,
        trading_url=wanted.alpaca.trading_url,
        data_url=wanted.alpaca.data_url,
    )
    feed = wanted.alpaca.feed
    broker = AlpacaBroker(link, session, clock, fee_schedule(settings.fees), stamp=stamp, feed=feed)
    market = AlpacaMarket(
        link,
        session,
        clock,
        feed=feed,
        stamp=stamp,
        estimates_closes=not sends,
        together=TOGETHER * speed,
    )
    account = broker.account().account_id
    market_data(link, feed)
    return Venue(
        what=f"Alpaca {'live' if live else 'paper'} account {account}, {feed} quotes",
        source=market,
        broker=broker if sends else None,
        account=account,
        is_real_time=feed == "opra",
        labels=market.labels,
        diagnose=broker.diagnose if sends else market.diagnose,
        capabilities=broker.capabilities,
        close=link.close,
    )


def _with_fallback(
    market: QuoteSource,
    session: Session,
    clock: Clock,
    patience: Patience,
    stamp: Stamp,
    say: Callable[[str], None],
) -> QuoteSource:
    """Return the market, with Yahoo's late prices for a position while the market is silent."""
    from brokers.fallback_source import FallbackSource  # noqa: PLC0415 - simulated days have none
    from brokers.yfinance_client import YfinanceLink, YfinanceMarket  # noqa: PLC0415 - likewise

    yahoo = YfinanceMarket(YfinanceLink(patience), clock, session, stamp)
    return FallbackSource(market, yahoo, say=say)


def _ibkr(
    settings: Settings,
    session: Session,
    clock: Clock,
    *,
    live: bool,
    patience: Patience,
    stamp: Stamp,
    speed: float,
) -> Venue:
    from brokers.ibkr_client import IbkrBroker  # noqa: PLC0415 - only who trades there pays for it
    from brokers.ibkr_contracts import IbkrContracts  # noqa: PLC0415 - likewise
    from brokers.ibkr_link import IbkrLink  # noqa: PLC0415 - likewise
    from brokers.ibkr_market import IbkrMarket  # noqa: PLC0415 - likewise

    wanted = settings.broker.ibkr
    link = IbkrLink(
        wanted.host,
        wanted.port,
        wanted.client_id,
        wanted.account,
        paper=not live,
        patience=patience,
    )
    try:
        link.ready()
    except BaseException:
        link.close()
        raise
    contracts = IbkrContracts(link)
    broker = IbkrBroker(link, contracts, clock, fee_schedule(settings.fees), stamp)
    market = IbkrMarket(link, contracts, clock, session, stamp, fresh=IbkrMarket.fresh * speed)
    return Venue(
        what=f"Interactive Brokers {'live' if live else 'paper'} account {link.account_id}",
        source=market,
        broker=broker if live or settings.broker.sends_orders else None,
        account=link.account_id,
        is_real_time=True,
        labels=(),
        diagnose=broker.diagnose,
        capabilities=broker.capabilities,
        close=link.close,
    )
