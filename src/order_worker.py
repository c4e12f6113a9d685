"""Works orders: sent once, looked at, repriced, taken back; every state is in the journal."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from src.journal import Journal
from src.legging import LegResult, LegTask, Step, next_step, summarise
from src.market_data import MarketDataCollector
from src.models import (
    SPY_PER_SPREAD,
    Answer,
    Fill,
    Leg,
    OptionContract,
    OrderIntent,
    Purpose,
    Quote,
    Side,
)
from src.order_records import OrderRecord, OrderStatus, SpreadPlan
from src.ports import Broker, Clock, RetryLater
from src.settings_sections import Execution
from src.ticks import limit_for

Pricer = Callable[[Quote], Decimal | None]
"""Takes a sound quote; returns the price at which the leg is wanted, None when it is not."""
Tell = Callable[[datetime, str, str], None]
"""Takes a moment, the kind of event, and a sentence."""


_ENDED_EARLY = frozenset({OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.REJECTED})


class OrderWorker:
    """Works one leg at a time at one broker. `foreign` is what was held besides the record."""

    def __init__(
        self,
        broker: Broker,
        collector: MarketDataCollector,
        journal: Journal,
        clock: Clock,
        rules: Execution,
        tell: Tell,
        may_open: Callable[[], bool],
    ) -> None:
        self._broker = broker
        self._collector = collector
        self._journal = journal
        self._clock = clock
        self._rules = rules
        self._tell = tell
        self._may_open = may_open
        self._missed: dict[str, tuple[float, datetime]] = {}
        self.foreign: Mapping[OptionContract, int] = {}

    def work(self, plan: SpreadPlan, task: LegTask, pricer: Pricer) -> LegResult:
        """Work one leg until it is filled, its deadline has passed, or the broker says no."""
        contract = plan.spy_contract if task.leg is Leg.SPY else plan.spx_contract
        grace = timedelta(seconds=self._broker.lookup_grace_seconds)
        give_up = max(task.deadline, self._clock.now()) + grace
        while True:
            orders = task.mine(self._journal.orders(plan.spread_no))
            now = self._clock.now()
            if task.purpose is Purpose.OPEN and not self._may_open():
                task = replace(task, deadline=min(task.deadline, now))
            limit = self.limit(contract, task.side, pricer)
            step, record = next_step(task, orders, limit, now, self._rules.reprice_seconds)
            quantity = self._still_to_send(plan, task, orders) if step is Step.SEND else 0
            if step is Step.DONE or (step is Step.SEND and quantity < 1):
                return summarise(task, orders)
            if step is Step.SEND and limit is not None and self._may_send(plan):
                record = self._send(plan, task, contract, quantity, limit)
            elif step is Step.CANCEL and record is not None:
                self._cancel(record)
            elif record is not None:
                self._try_look_up(record)
            if record is not None and self._is_filled(record):
                continue
            if now > give_up:
                return summarise(task, task.mine(self._journal.orders(plan.spread_no)))
            self._journal.commit()
            self._clock.sleep(self._rules.poll_seconds)

    def _still_to_send(self, plan: SpreadPlan, task: LegTask, orders: Sequence[OrderRecord]) -> int:
        rest = task.wanted - sum(each.filled for each in orders)
        if task.purpose is Purpose.OPEN:
            return rest
        if task.leg is Leg.SPY:
            return self.at_most_held(plan.spy_contract, rest)
        return min(self.at_most_held(plan.spx_contract, rest), self._covering_nothing(plan))

    def _covering_nothing(self, plan: SpreadPlan) -> int:
        """Return the SPXW calls that no short SPY call at the broker needs; none if not known.

        A sale of SPY that may still fill needs its cover like one that has.
        """
        selling = sum(
            each.intent.quantity - each.filled
            for each in self._journal.orders(plan.spread_no)
            if each.intent.contract == plan.spy_contract
            and each.intent.side is Side.SELL
            and not each.status.is_final
        )
        try:
            short = max(-self._held(plan.spy_contract), 0) + selling
            return max(self._held(plan.spx_contract) - math.ceil(short / SPY_PER_SPREAD), 0)
        except RetryLater:
            return 0

    def _may_send(self, plan: SpreadPlan) -> bool:
        """Whether every order of the spread that ended early is over for good.

        A fill of it may still be on its way to us; then the broker holds what is not recorded.
        """
        early = [
            each for each in self._journal.orders(plan.spread_no) if each.status in _ENDED_EARLY
        ]
        if not early or all(map(self._is_settled, (plan.spy_contract, plan.spx_contract))):
            return True
        for each in early:
            self._try_look_up(each)
        return False

    def limit(self, contract: OptionContract, side: Side, pricer: Pricer) -> Decimal | None:
        """Return the price at which an order would be sent now, None when there is none."""
        try:
            quotes = self._collector.get_options_quotes((contract,))
        except RetryLater:
            return None
        quote = self._collector.tradable(contract, quotes)
        price = pricer(quote) if quote else None
        return None if price is None or price <= 0 else limit_for(contract, side, price)

    def _send(
        self,
        plan: SpreadPlan,
        task: LegTask,
        contract: OptionContract,
        quantity: int,
        limit: Decimal,
    ) -> OrderRecord:
        intent = OrderIntent(
            session=plan.session,
            spread_no=plan.spread_no,
            leg=task.leg,
            purpose=task.purpose,
            attempt=self._journal.next_attempt(plan.spread_no, task.leg, task.purpose),
            contract=contract,
            side=task.side,
            quantity=quantity,
            limit=limit,
            created_at=self._clock.now(),
        )
        self._journal.record_intent(intent)
        outcome = self._broker.submit(intent)
        self._journal.record_outcome(outcome)
        answer = f"{outcome.answer}{f' ({outcome.text})' if outcome.text else ''}"
        self._tell(intent.created_at, "order", f"Order {intent}: {answer}.")
        record = self._record(intent)
        if outcome.answer is not Answer.REFUSED:
            self._try_look_up(record)
        return record

    def _cancel(self, record: OrderRecord) -> None:
        self._journal.record_status(record.intent.client_order_id, OrderStatus.CANCELLING)
        try:
            self._broker.cancel(record.intent.client_order_id)
        except RetryLater as error:
            self._tell(self._clock.now(), "order", f"Cancel of {record.intent}: {error}.")
        self._try_look_up(record)

    def _try_look_up(self, record: OrderRecord) -> None:
        try:
            self._look_up(record)
        except RetryLater as error:
            self._tell(self._clock.now(), "order", f"{record.intent}: state not known ({error}).")

    def _look_up(self, record: OrderRecord) -> None:
        """Ask for an order's state; one that the broker never heard of is not sent again."""
        intent = record.intent
        report = self._broker.order(intent.client_order_id)
        if report is not None:
            for fill in self._journal.apply(report):
                self._tell_fill(fill)
            return
        waited = self._waited_for(intent.client_order_id)
        if self._record(intent).status.is_in_doubt and waited >= self._broker.lookup_grace_seconds:
            note = "never reached the broker"
            self._journal.record_status(intent.client_order_id, OrderStatus.CANCELLED, note)
            self._tell(self._clock.now(), "order", f"Order {intent} {note}.")

    def _waited_for(self, order: str) -> float:
        """Return for how many seconds an order was looked for in vain by this process.

        Only the time between looks that follow each other counts: a clock that jumps, or a
        machine that slept, gives an order no less time to turn up.
        """
        now = self._clock.now()
        waited, last = self._missed.get(order, (0.0, now))
        step = min(max((now - last).total_seconds(), 0.0), 2 * self._rules.poll_seconds)
        self._missed[order] = (waited + step, now)
        return waited + step

    def _record(self, intent: OrderIntent) -> OrderRecord:
        wanted = intent.client_order_id
        every = self._journal.orders(intent.spread_no)
        return next(each for each in every if each.intent.client_order_id == wanted)

    def _is_filled(self, record: OrderRecord) -> bool:
        return self._record(record.intent).status is OrderStatus.FILLED

    def _tell_fill(self, fill: Fill) -> None:
        verb = "Bought" if fill.side is Side.BUY else "Sold"
        self._tell(
            fill.at,
            "fill",
            f"{verb} {fill.quantity} {fill.contract} at {fill.price:.2f}, fee ${fill.fee:.2f}.",
        )

    def look_up_open_orders(self) -> None:
        """Bring every order that is not over up to date with the broker. Raises RetryLater."""
        for record in self._journal.live_orders():
            self._look_up(record)

    def at_most_held(self, contract: OptionContract, wanted: int) -> int:
        """Return how many contracts may be closed: no more than the broker holds of them.

        The broker, or the user by hand, may have closed some already. When it cannot be asked,
        short SPY calls are bought back by our own record, and SPXW calls are kept.
        """
        if not wanted:
            return 0
        try:
            held = self._held(contract)
        except RetryLater:
            return wanted if contract.root == "SPY" else 0
        return min(wanted, max(-held if contract.root == "SPY" else held, 0))

    def _held(self, contract: OptionContract) -> int:
        return sum(e.quantity for e in self._broker.holdings() if e.contract == contract)

    def _is_settled(self, contract: OptionContract) -> bool:
        """Whether the broker holds what is recorded, besides what was foreign before."""
        try:
            held = self._held(contract)
        except RetryLater:
            return False
        return held - self._journal.held(contract) == self.foreign.get(contract, 0)
