"""The embedded exchange at a moment of the day, with orders in one line each."""

from datetime import date
from decimal import Decimal
from pathlib import Path

from brokers.simulated_client import SimulatedBroker
from src.models import (
    Answer,
    Leg,
    OptionContract,
    OrderIntent,
    OrderOutcome,
    Purpose,
    Session,
    Side,
)
from src.ports import OrderState
from tests.fakes.builders import DAY, a_clock, a_market, a_session, at, spxw_call, spy_call
from tests.fakes.trading_desk import exchange_rules

SPY, SPX = spy_call(), spxw_call()


class Floor:
    """The exchange at a moment of the day, with orders in one line each."""

    def __init__(
        self,
        when: str = "09:41",
        *,
        day: date = DAY,
        close: str = "16:00",
        cash: str = "100000",
        file: Path | None = None,
        max_quote_age: float = 5.0,
    ) -> None:
        self.clock = a_clock(when, day)
        self.market = a_market(self.clock, day)
        self.session: Session = a_session(close, day)
        self.rules = exchange_rules(Decimal(cash), max_quote_age)
        self.file = file
        self.orders = 0
        self.restart()

    def restart(self) -> None:
        self.broker = SimulatedBroker(self.market, self.clock, self.session, self.rules, self.file)

    def intent(
        self, contract: OptionContract, side: Side, quantity: int, limit: str
    ) -> OrderIntent:
        self.orders += 1
        return OrderIntent(
            session=self.session.day,
            spread_no=1,
            leg=Leg.SPY if contract.root == "SPY" else Leg.SPX,
            purpose=Purpose.OPEN,
            attempt=self.orders,
            contract=contract,
            side=side,
            quantity=quantity,
            limit=Decimal(limit),
            created_at=self.clock.now(),
        )

    def send(self, contract: OptionContract, side: Side, quantity: int, limit: str) -> OrderOutcome:
        return self.broker.submit(self.intent(contract, side, quantity, limit))

    def buy(self, contract: OptionContract, quantity: int, limit: str) -> OrderOutcome:
        return self.send(contract, Side.BUY, quantity, limit)

    def sell(self, contract: OptionContract, quantity: int, limit: str) -> OrderOutcome:
        return self.send(contract, Side.SELL, quantity, limit)

    def open_spread(self) -> None:
        assert self.buy(SPX, 1, "23.40").answer is Answer.ACCEPTED
        assert self.sell(SPY, 10, "2.98").answer is Answer.ACCEPTED
        assert self.held() == {SPX: 1, SPY: -10}

    def go_to(self, when: str) -> None:
        self.clock.sleep((at(when, self.session.day) - self.clock.now()).total_seconds())

    def held(self) -> dict[OptionContract, int]:
        return {each.contract: each.quantity for each in self.broker.holdings() if each.contract}

    def prices(self) -> list[Decimal]:
        return [each.price for each in self.broker.fills(self.session.day)]

    def state(self, outcome: OrderOutcome) -> OrderState:
        report = self.broker.order(outcome.client_order_id)
        assert report
        return report.state
