"""A fake TWS with the worked example's market, and a client of ours at it, in one line."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from brokers.ibkr_client import IbkrBroker
from brokers.ibkr_contracts import IbkrContracts
from brokers.ibkr_link import IbkrLink
from brokers.ibkr_market import IbkrMarket
from src.fees import FeeSchedule
from src.models import NEW_YORK, Leg, OptionContract, OrderIntent, Purpose, Session, Side
from tests.fakes.builders import DAY, a_session, at, spxw_call, spy_call
from tests.fakes.tws_server import FakeTws


class DayClock:
    """A day's clock that a test sets; it runs as the machine's does, and leaps over a sleep."""

    def __init__(self) -> None:
        self.set(at("09:41"))

    def set(self, moment: datetime) -> None:
        """Make it that moment now."""
        # In UTC: between two times of New York Python does not count the hour of summer time.
        self._ahead = moment.astimezone(UTC) - datetime.now(UTC)

    def now(self) -> datetime:
        return (datetime.now(UTC) + self._ahead).astimezone(NEW_YORK)

    def sleep(self, seconds: float) -> None:
        self._ahead += timedelta(seconds=seconds)

    def stamp(self, told: datetime) -> datetime:
        """Return the day's moment for one of this machine's, or of the fake's own clock."""
        if told.astimezone(NEW_YORK).date() == DAY:
            return told
        return (told.astimezone(UTC) + self._ahead).astimezone(NEW_YORK)


class TwsDesk:
    """The server, and whatever of ours a test asks for. Real seconds are tenths."""

    def __init__(self, server: FakeTws) -> None:
        self.server = server
        self.clock = DayClock()
        self.session: Session = a_session()
        self.links: list[IbkrLink] = []
        server.now = server.book.now = self.clock.now
        server.quote(spxw_call(), 23.00, 23.40)
        server.quote(spy_call(), 2.98, 3.02)
        server.level("SPX", 6002.50)
        server.level("SPY", 600.25)
        self.patience = 0.4
        self.link = self.new_link()
        self.contracts = IbkrContracts(self.link)
        self.broker = self.new_broker(self.link)
        self.market = IbkrMarket(
            self.link, self.contracts, self.clock, self.session, self.clock.stamp
        )

    def new_link(
        self,
        *,
        paper: bool = True,
        client_id: int = 17,
        account: str = "",
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> IbkrLink:
        link = IbkrLink(
            host,
            port or self.server.port,
            client_id,
            account,
            paper=paper,
            patience=lambda: self.patience,
        )
        self.links.append(link)
        return link

    def new_broker(self, link: IbkrLink) -> IbkrBroker:
        return IbkrBroker(link, IbkrContracts(link), self.clock, FeeSchedule(), self.clock.stamp)

    def close(self) -> None:
        for link in self.links:
            link.close()

    def restarted(self) -> IbkrBroker:
        """Return the client of a new process; the old one is gone."""
        self.link.close()
        self.link = self.new_link()
        self.contracts = IbkrContracts(self.link)
        return self.new_broker(self.link)


@contextmanager
def a_tws_desk(version: int = 178, accounts: str = "DU1234567") -> Iterator[TwsDesk]:
    with FakeTws(version=version, accounts=accounts) as server:
        desk = TwsDesk(server)
        try:
            yield desk
        finally:
            desk.close()


def an_intent(
    contract: OptionContract | None = None,
    side: Side = Side.BUY,
    quantity: int = 1,
    limit: str = "23.40",
    attempt: int = 1,
    purpose: Purpose = Purpose.OPEN,
) -> OrderIntent:
    contract = contract or spxw_call()
    return OrderIntent(
        session=DAY,
        spread_no=1,
        leg=Leg.SPY if contract.root == "SPY" else Leg.SPX,
        purpose=purpose,
        attempt=attempt,
        contract=contract,
        side=side,
        quantity=quantity,
        limit=Decimal(limit),
        created_at=at("09:41"),
    )


def a_sale(quantity: int = 10, limit: str = "2.98", attempt: int = 1) -> OrderIntent:
    return an_intent(spy_call(), Side.SELL, quantity, limit, attempt)


def wait_for(holds: Callable[[], bool]) -> None:
    """Wait until something that was sent has been heard, two seconds at most."""
    event = threading.Event()
    for _ in range(400):
        if holds():
            return
        event.wait(0.005)
    raise AssertionError("it never came about")
