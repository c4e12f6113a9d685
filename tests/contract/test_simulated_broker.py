"""The embedded exchange keeps the contract of a broker."""

from datetime import datetime

import pytest

from brokers.simulated_client import SimulatedBroker
from src.models import OptionContract
from src.ports import Broker
from tests.contract.broker_contract import BrokerContract, Venue
from tests.fakes.builders import a_clock, a_market, a_session
from tests.fakes.trading_desk import exchange_rules


class SimulatedVenue:
    def __init__(self) -> None:
        self.clock = a_clock()
        self.market = a_market(self.clock)
        self.broker: Broker = SimulatedBroker(
            self.market, self.clock, a_session(), exchange_rules()
        )

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
        self.market.quote(contract, bid, ask, sizes=sizes)

    def wait(self, seconds: float) -> None:
        self.clock.sleep(seconds)


class TestSimulatedBroker(BrokerContract):
    @pytest.fixture
    def venue(self) -> Venue:
        return SimulatedVenue()
