"""Connects a day to the broker and the quotes that its settings name."""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from src.fees import fee_schedule
from src.models import Session
from src.ports import Broker, Check, Clock, QuoteSource
from src.settings import Settings
from utils.garbage import nothing_is_garbage
from utils.late_import import imported_when_used

if TYPE_CHECKING:
    from brokers.yfinance_client import YfinanceMarket

Patience = Callable[[], float]
"""Returns for how many real seconds the next call may wait. Raises RetryLater."""
Stamp = Callable[[datetime], datetime]
"""Translates the time of a server into that of the day."""


class Terms(NamedTuple):
    """What a day asks of its venue.

    `clock` is the day's, which runs `speed` times as fast as the wall's, and `stamp` tells a
    server's time by it. `is_watched` says that a position is open, for which all is tried that
    may still show its market. `only_looks` says that no order will be sent, so that the way in of a
    running day is left to it. `say` hears of a change of the source.
    """

    settings: Settings
    session: Session
    clock: Clock
    live: bool
    patience: Patience
    stamp: Stamp = lambda at: at
    speed: float = 1.0
    is_rehearsal: bool = False
    is_watched: bool = False
    only_looks: bool = False
    say: Callable[[str], None] = lambda _: None


class Venue(NamedTuple):
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

            # Its event library knows arrays of events, which nobody here asks for.
            with imported_when_used("numpy"):
                load()
        else:
            from brokers.alpaca_link import load_library as load  # noqa: PLC0415 - likewise

            load()


def open_venue(terms: Terms) -> Venue:
    """Connect and return what the settings name.

    Raises RetryLater for what cannot be reached, MendInput for what the settings must say
    otherwise, and StopTrading for an account that is not of the kind that was asked for.
    """
    settings = terms.settings
    if settings.market_data.source == "yfinance":
        return _yahoo(terms)
    venue = (_ibkr if settings.broker.name == "ibkr" else _alpaca)(terms)
    if settings.market_data.fallback == "yfinance" and not terms.is_rehearsal:
        venue = venue._replace(source=_with_fallback(venue.source, terms))
    if venue.broker:
        # A broker takes its real time, however fast the day's clock runs.
        venue.broker.lookup_grace_seconds *= terms.speed
        venue.broker.positions_lag_seconds *= terms.speed
    return venue


def _yahoo(terms: Terms) -> Venue:
    source = _yahoo_market(terms)
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


def _alpaca(terms: Terms) -> Venue:
    from brokers.alpaca_checks import market_data  # noqa: PLC0415 - only who trades there pays
    from brokers.alpaca_client import AlpacaBroker  # noqa: PLC0415 - only who trades there pays
    from brokers.alpaca_link import AlpacaLink  # noqa: PLC0415 - likewise
    from brokers.alpaca_market import AlpacaMarket  # noqa: PLC0415 - likewise
    from src.parity import TOGETHER  # noqa: PLC0415 - likewise

    wanted, session, clock, stamp = terms.settings.broker, terms.session, terms.clock, terms.stamp
    sends = terms.live or wanted.sends_orders
    link = AlpacaLink(
        wanted.api_key.get_secret_value(),
        wanted.api_secret.get_secret_value(),
        paper=not terms.live,
        clock=clock,
        patience=terms.patience,
        trading_url=wanted.alpaca.trading_url,
        data_url=wanted.alpaca.data_url,
        is_watching=terms.is_watched,
    )
    feed = wanted.alpaca.feed
    fees = fee_schedule(terms.settings.fees)
    broker = AlpacaBroker(link, session, clock, fees, stamp=stamp, feed=feed)
    market = AlpacaMarket(
        link,
        session,
        clock,
        feed=feed,
        stamp=stamp,
        estimates_closes=not sends,
        together=TOGETHER * terms.speed,
    )
    account = broker.account().account_id
    if not terms.is_watched:
        market_data(link, feed)
    return Venue(
        what=f"Alpaca {'live' if terms.live else 'paper'} account {account}, {feed} quotes",
        source=market,
        broker=broker if sends else None,
        account=account,
        is_real_time=feed == "opra",
        labels=market.labels,
        diagnose=broker.diagnose if sends else market.diagnose,
        capabilities=broker.capabilities,
        close=link.close,
    )


def _with_fallback(market: QuoteSource, terms: Terms) -> QuoteSource:
    """Return the market, with Yahoo's late prices for a position while the market is silent."""
    from brokers.fallback_source import FallbackSource  # noqa: PLC0415 - simulated days have none

    return FallbackSource(market, _yahoo_market(terms), say=terms.say)


def _yahoo_market(terms: Terms) -> "YfinanceMarket":
    from brokers.yfinance_client import YfinanceLink, YfinanceMarket  # noqa: PLC0415 - if wanted

    return YfinanceMarket(YfinanceLink(terms.patience), terms.clock, terms.session, terms.stamp)


def _ibkr(terms: Terms) -> Venue:
    from brokers.ibkr_client import IbkrBroker  # noqa: PLC0415 - only who trades there pays for it
    from brokers.ibkr_contracts import IbkrContracts  # noqa: PLC0415 - likewise
    from brokers.ibkr_link import IbkrLink  # noqa: PLC0415 - likewise
    from brokers.ibkr_market import IbkrMarket  # noqa: PLC0415 - likewise

    wanted, clock, stamp = terms.settings.broker.ibkr, terms.clock, terms.stamp
    link = IbkrLink(
        wanted.host,
        wanted.port,
        wanted.look_id if terms.only_looks else wanted.client_id,
        wanted.account,
        paper=not terms.live,
        patience=terms.patience,
    )
    try:
        link.ready()
    except BaseException:
        link.close()
        raise
    contracts = IbkrContracts(link)
    fees, fresh = fee_schedule(terms.settings.fees), IbkrMarket.fresh * terms.speed
    broker = IbkrBroker(link, contracts, clock, fees, stamp)
    market = IbkrMarket(link, contracts, clock, terms.session, stamp, fresh=fresh)
    return Venue(
        what=f"Interactive Brokers {'live' if terms.live else 'paper'} account {link.account_id}",
        source=market,
        broker=broker if terms.live or terms.settings.broker.sends_orders else None,
        account=link.account_id,
        is_real_time=True,
        labels=(),
        diagnose=broker.diagnose,
        capabilities=broker.capabilities,
        close=link.close,
    )
