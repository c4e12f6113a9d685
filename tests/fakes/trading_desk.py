"""Everything that an executor needs, put together in one line; it can crash and start again."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from brokers.simulated_client import ExchangeRules, SimulatedBroker
from src.database import Store, open_database
from src.day_record import DayRecord
from src.fees import FeeSchedule, fee_schedule
from src.journal import Journal
from src.legging import SpreadResult
from src.market_data import MarketDataCollector
from src.models import Leg, OptionContract, Purpose, Session, Side, SpreadPosition
from src.order_executor import OrderExecutor
from src.order_records import OrderRecord, SpreadPlan
from src.ports import QuoteSource
from src.settings import Settings
from tests.fakes.builders import DAY, ScriptedMarket, a_clock, a_market, a_session, a_setup
from tests.fakes.scripted_broker import ScriptedBroker
from utils.market_clock import VirtualClock

CASH = Decimal(100_000)


class NoticedClock(VirtualClock):
    """A virtual clock on which something can happen whenever somebody sleeps."""

    on_sleep: Callable[[], None] = staticmethod(lambda: None)

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self.on_sleep()


def exchange_rules(
    cash: Decimal = CASH, max_quote_age: float = 5.0, fees: FeeSchedule | None = None
) -> ExchangeRules:
    return ExchangeRules(fees or FeeSchedule(), cash, Decimal(25_000), max_quote_age)


class Desk:
    """The worked example's market at 09:41, the embedded exchange, a journal and an executor.

    With a folder the database and the exchange's account are files there, and `crash` leaves only
    them behind.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        settings: Settings | None = None,
        clock: NoticedClock | None = None,
        market: QuoteSource | None = None,
    ) -> None:
        self.folder = folder
        self.settings = settings or Settings.defaults()
        self.clock = clock or NoticedClock(a_clock().now())
        self.session: Session = a_session()
        self.market: ScriptedMarket = a_market(self.clock)
        self.source: QuoteSource = market or self.market
        self.told: list[tuple[datetime, str, str]] = []
        self.alerts: list[tuple[datetime, str, str]] = []
        self._start()

    def _start(self) -> None:
        account = self.folder / "exchange.json" if self.folder else None
        database = self.folder / "trades.db" if self.folder else None
        fees = fee_schedule(self.settings.fees)
        rules = exchange_rules(fees=fees)
        self.exchange = SimulatedBroker(self.source, self.clock, self.session, rules, account)
        self.broker = ScriptedBroker(self.exchange)
        self.store = Store(open_database(database, durable=False))
        DayRecord(self.store, DAY).begin_session("paper", "a test", "key", self.clock.now())
        self.journal = Journal(self.store, DAY)
        self.executor = OrderExecutor(
            broker=self.broker,
            collector=MarketDataCollector(self.source, self.clock, self.session, self.settings),
            journal=self.journal,
            clock=self.clock,
            settings=self.settings,
            fees=fees,
            tell=lambda at, kind, text: self.told.append((at, kind, text)),
            alert=lambda at, told: self.alerts.append((at, told.title, told.text)),
        )

    def crash(self, *, back_to: datetime | None = None) -> None:
        """Lose all that is not in the two files, and start anew; a replay's clock may go back."""
        self.store.connection.close()
        if back_to:
            self.clock._now = back_to
        self._start()

    def after(self, call: str, about: str, act: Callable[[], object]) -> None:
        """Act after every call of this name about an order whose id has these words."""

        def look(name: str, order: str) -> None:
            if name == call and about in order:
                act()

        self.broker.after = look

    def enter(self, spreads: int = 1) -> SpreadResult:
        return self.executor.place_spread_order(a_setup(when=self.clock.now()), spreads)

    def leave(self, spread_no: int = 1, why: str = "a test") -> SpreadResult:
        return self.executor.close_position(self.position(spread_no), why)

    def go_on(self) -> SpreadResult:
        return self.executor.continue_entry(self.plan())

    def plan(self, spread_no: int = 1) -> SpreadPlan:
        return self.journal.plan(spread_no)

    def position(self, spread_no: int = 1) -> SpreadPosition:
        return self.journal.position(self.plan(spread_no))

    def orders(self, leg: Leg, purpose: Purpose = Purpose.OPEN) -> list[OrderRecord]:
        return [
            each
            for each in self.journal.orders()
            if each.intent.leg is leg and each.intent.purpose is purpose
        ]

    def traded(self) -> list[tuple[str, Side, int, Decimal]]:
        """What the exchange did, in its order: root, side, contracts, price."""
        fills = sorted(self.exchange.fills(DAY), key=lambda each: each.at)
        return [(each.contract.root, each.side, each.quantity, each.price) for each in fills]

    def held(self) -> dict[OptionContract, int]:
        """What the exchange says is held."""
        every = self.exchange.holdings()
        return {each.contract: each.quantity for each in every if each.contract}

    def working(self, root: str, side: Side) -> int:
        """Contracts of orders on the exchange's book that can still fill."""
        orders = self.exchange._state.orders.values()
        return sum(
            each.remaining
            for each in orders
            if not each.state.is_final
            and each.intent.contract.root == root
            and each.intent.side is side
        )
