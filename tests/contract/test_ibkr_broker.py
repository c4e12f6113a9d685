"""The client for Interactive Brokers keeps the contract of a broker, against TWS on a socket."""

from collections.abc import Iterator
from datetime import datetime

import pytest

from brokers.ibkr_client import IbkrBroker
from brokers.ibkr_contracts import IbkrContracts
from brokers.ibkr_link import IbkrLink
from src.fees import FeeSchedule
from src.models import OptionContract
from src.ports import Broker
from tests.contract.broker_contract import BrokerContract, Venue
from tests.fakes.builders import a_clock, spxw_call, spy_call
from tests.fakes.tws_server import FakeTws


class TwsVenue:
    def __init__(self, server: FakeTws, link: IbkrLink) -> None:
        self.clock = a_clock()
        self.server = server
        server.now = server.book.now = self.clock.now
        server.quote(spxw_call(), 23.00, 23.40)
        server.quote(spy_call(), 2.98, 3.02)
        self.broker: Broker = IbkrBroker(link, IbkrContracts(link), self.clock, FeeSchedule())

    def now(self) -> datetime:
        return self.clock.now()

    def quote(
        self,
        contract: OptionContract,
        bid: float,
        ask: float,
        *,
        sizes: tuple[int, int] | None = None,
    ) -> None:
        self.server.quote(contract, bid, ask, sizes or (500, 500))

    def wait(self, seconds: float) -> None:
        self.clock.sleep(seconds)
        self.server.refresh()


class TestIbkrBroker(BrokerContract):
    @pytest.fixture(params=[176, 178])
    def venue(self, request: pytest.FixtureRequest) -> Iterator[Venue]:
        with FakeTws(version=request.param) as server:
            link = IbkrLink("127.0.0.1", server.port, 17, "", paper=True, patience=lambda: 2.0)
            try:
                yield TwsVenue(server, link)
            finally:
                link.close()
