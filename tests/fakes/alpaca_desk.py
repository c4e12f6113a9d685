"""A client of Alpaca, wired to a fake Alpaca with the usual market, in one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal

from brokers.alpaca_client import AlpacaBroker
from brokers.alpaca_link import AlpacaLink
from brokers.alpaca_market import AlpacaMarket
from src.fees import FeeSchedule
from src.models import Leg, OptionContract, OrderIntent, Purpose, Session, Side
from src.ports import OrderReport, RetryLater
from tests.fakes.alpaca_exchange import AlpacaExchange
from tests.fakes.alpaca_server import KEYS, AlpacaServer, running
from tests.fakes.builders import DAY, a_clock, a_session, spxw_call, spy_call
from utils.market_clock import VirtualClock

SPY, SPX = spy_call(), spxw_call()


@dataclass
class Waiting:
    """The patience of a tick: so many seconds a call, and so many times at all."""

    seconds: float = 5.0
    left: int | None = None

    def __call__(self) -> float:
        if self.left is not None:
            if self.left < 1:
                raise RetryLater("the time of this tick is used up")
            self.left -= 1
        return self.seconds


@dataclass
class AlpacaDesk:
    clock: VirtualClock
    session: Session
    exchange: AlpacaExchange
    server: AlpacaServer
    patience: Waiting = field(default_factory=Waiting)
    links: list[AlpacaLink] = field(default_factory=list)
    attempts: int = 0

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Let a new process begin: nothing is remembered."""
        self.link = self.new_link()
        self.broker = AlpacaBroker(self.link, self.session, self.clock, FeeSchedule())
        self.market = AlpacaMarket(self.link, self.session, self.clock)

    def new_link(
        self, key: str = KEYS[0], secret: str = KEYS[1], *, paper: bool = True, url: str = ""
    ) -> AlpacaLink:
        link = AlpacaLink(
            key,
            secret,
            paper=paper,
            clock=self.clock,
            patience=self.patience,
            trading_url=url or self.server.url,
            data_url=url or self.server.url,
        )
        self.links.append(link)
        return link

    def wait(self, seconds: float) -> None:
        self.clock.sleep(seconds)
        with self.server.lock:
            self.exchange.advance()

    def intent(
        self,
        contract: OptionContract = SPX,
        side: Side = Side.BUY,
        quantity: int = 1,
        limit: str = "23.40",
        purpose: Purpose = Purpose.OPEN,
    ) -> OrderIntent:
        self.attempts += 1
        return OrderIntent(
            session=DAY,
            spread_no=1,
            leg=Leg.SPY if contract.root == "SPY" else Leg.SPX,
            purpose=purpose,
            attempt=self.attempts,
            contract=contract,
            side=side,
            quantity=quantity,
            limit=Decimal(limit),
            created_at=self.clock.now(),
        )

    def sale(self, quantity: int = 10, limit: str = "2.98") -> OrderIntent:
        return self.intent(SPY, Side.SELL, quantity, limit)

    def report(self, intent: OrderIntent) -> OrderReport:
        report = self.broker.order(intent.client_order_id)
        assert report is not None
        return report

    def quote_spx_options(self, level: float = 6002.5, *, reach: float = 40) -> None:
        """Show calls and puts around a level, a tenth of a point wide, with 12 points of value."""
        strike = round(level / 5) * 5 - reach
        while strike <= level + reach:
            value = 12 + max(level - strike, 0)
            for right, middle in (("C", value), ("P", value - level + strike)):
                contract = OptionContract("SPXW", DAY, strike, "C" if right == "C" else "P")
                self.exchange.quote(contract, round(middle - 0.05, 2), round(middle + 0.05, 2))
            strike += 5


@contextmanager
def a_desk(when: str = "09:41") -> Iterator[AlpacaDesk]:
    """Open a desk: SPY 600 call 2.98 x 3.02, SPXW 6000 call 23.00 x 23.40, SPY 600.25."""
    clock = a_clock(when)
    exchange = AlpacaExchange(clock.now)
    exchange.quote(SPY, 2.98, 3.02)
    exchange.quote(SPX, 23.00, 23.40)
    exchange.quote_spy(600.24, 600.26)
    with running(exchange) as server:
        desk = AlpacaDesk(clock, a_session(), exchange, server)
        try:
            yield desk
        finally:
            for link in desk.links:
                link.close()
