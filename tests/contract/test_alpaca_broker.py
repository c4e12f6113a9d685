"""The client of Alpaca keeps the contract of a broker, over HTTP against a fake Alpaca.

The fake is told to allow uncovered calls, which Alpaca itself refuses at every level.
"""

from collections.abc import Iterator
from datetime import datetime

import pytest

from src.models import OptionContract
from src.ports import Broker
from tests.contract.broker_contract import BrokerContract, Venue
from tests.fakes.alpaca_desk import AlpacaDesk, a_desk


class AlpacaVenue:
    def __init__(self, desk: AlpacaDesk) -> None:
        self.desk = desk
        self.broker: Broker = desk.broker

    def now(self) -> datetime:
        return self.desk.clock.now()

    def quote(
        self,
        contract: OptionContract,
        bid: float,
        ask: float,
        *,
        sizes: tuple[int, int] | None = None,
    ) -> None:
        self.desk.exchange.quote(contract, bid, ask, sizes=sizes)

    def wait(self, seconds: float) -> None:
        self.desk.wait(seconds)


class TestAlpacaBroker(BrokerContract):
    @pytest.fixture
    def venue(self) -> Iterator[Venue]:
        with a_desk() as desk:
            desk.exchange.allows_naked = True
            yield AlpacaVenue(desk)
