"""A spread in and out at Interactive Brokers: quotes, orders and account all from one TWS."""

from collections.abc import Iterator

import pytest

from src.database import Store, open_database
from src.day_record import DayRecord
from src.fees import FeeSchedule
from src.journal import Journal
from src.legging import Status
from src.market_data import MarketDataCollector
from src.models import SPY_PER_SPREAD, TradeSetup
from src.order_executor import OrderExecutor
from src.settings import Settings
from tests.fakes.builders import DAY, spxw_call, spy_call
from tests.fakes.tws_desk import TwsDesk, a_tws_desk


class Trader:
    """The executor of a day over a desk at TWS."""

    def __init__(self, desk: TwsDesk) -> None:
        self.desk = desk
        desk.patience = 2.0
        self.told: list[object] = []
        settings = Settings.defaults()
        store = Store(open_database(None, durable=False))
        DayRecord(store, DAY).begin_session("paper", "a test", "key", desk.clock.now())
        self.journal = Journal(store, DAY)
        self.collector = MarketDataCollector(desk.market, desk.clock, desk.session, settings)
        self.executor = OrderExecutor(
            broker=desk.broker,
            collector=self.collector,
            journal=self.journal,
            clock=desk.clock,
            settings=settings,
            fees=FeeSchedule(),
            tell=lambda *event: self.told.append(event),
            alert=lambda *event: self.told.append(event),
        )

    def enter(self) -> Status:
        setup = self.collector.get_trade_setup()
        assert isinstance(setup, TradeSetup), setup
        return self.executor.place_spread_order(setup).status

    def leave(self) -> Status:
        position = self.journal.position(self.journal.plan(1))
        return self.executor.close_position(position, "a test").status

    def most_uncovered(self) -> int:
        """Return the most SPY calls that were ever short without their SPXW call."""
        spx = spy = worst = 0
        for each in self.desk.server.do(self.desk.server.book.executions.copy):
            if each.order.contract.trading_class == "SPY":
                spy = each.net
            else:
                spx = each.net
            worst = max(worst, -spy - SPY_PER_SPREAD * spx)
        return worst


@pytest.fixture
def trader() -> Iterator[Trader]:
    with a_tws_desk() as desk:
        yield Trader(desk)


def test_a_spread_goes_in_and_out_and_no_call_is_ever_uncovered(trader: Trader) -> None:
    assert trader.enter() is Status.FILLED
    held = {each.contract: each.quantity for each in trader.desk.broker.holdings()}
    assert held == {spxw_call(): 1, spy_call(): -10}
    assert trader.leave() is Status.FILLED
    assert trader.desk.broker.holdings() == []
    assert trader.most_uncovered() == 0


def test_a_connection_that_breaks_with_every_first_order_leaves_no_call_uncovered(
    trader: Trader,
) -> None:
    trader.desk.link.ready()
    trader.desk.server.faults.drop_after_order = True
    assert trader.enter() is Status.FILLED
    trader.desk.server.faults.drop_before_order = True
    trader.leave()
    assert trader.most_uncovered() == 0
    sent = [each.ref for each in trader.desk.server.book.orders]
    assert len(sent) == len(set(sent))


def test_a_notice_that_the_library_takes_for_the_end_does_not_double_an_order(
    trader: Trader,
) -> None:
    notice = (10349, "Order TIF was set to DAY based on order preset")
    trader.desk.server.faults.notices.append(notice)
    assert trader.enter() is Status.FILLED
    assert sum(each.filled for each in trader.desk.server.book.orders) == 11
