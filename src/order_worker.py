"""Works orders: sent once, looked at, repriced, taken back; every state is in the journal."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

from src.holdings import Holdings
from src.journal import Journal
from src.legging import LegResult, LegTask, Step, next_step, summarise
from src.market_data import MarketDataCollector
from src.messages import Message, not_closed_yet, unknown_order
from src.models import (
    Answer,
    Fill,
    Leg,
    OptionContract,
    OrderIntent,
    Purpose,
    Quote,
    Side,
)
from src.order_records import OrderRecord, OrderStatus, SpreadPlan, together
from src.ports import Broker, Clock, RetryLater
from src.settings_sections import Execution
from src.ticks import limit_for

Pricer = Callable[[Quote], Decimal | None]
"""Takes a sound quote; returns the price at which the leg is wanted, None when it is not."""
Tell = Callable[[datetime, str, str], None]
"""Takes a moment, the kind of event, and a sentence."""
Alert = Callable[[datetime, Message], None]


A_MINUTE = timedelta(minutes=1)
"""How long an exit may be without success before somebody hears of it, and then each time again."""
_ENDED_EARLY = frozenset({OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.REJECTED})


class OrderWorker:
    """Works one leg at a time at one broker."""

    def __init__(  # noqa: PLR0913 - all that an order goes through
        self,
        *,
        broker: Broker,
        collector: MarketDataCollector,
        journal: Journal,
        clock: Clock,
        rules: Execution,
        tell: Tell,
        alert: Alert,
        may_open: Callable[[], bool],
    ) -> None:
        self._broker = broker
        self._collector = collector
        self._journal = journal
        self._clock = clock
        self._rules = rules
        self._tell = tell
        self._alert = alert
        self._may_open = may_open
        self._waits: dict[str, tuple[float, datetime]] = {}
        self.holdings = Holdings(broker, journal)

    def work(self, plan: SpreadPlan, task: LegTask, pricer: Pricer) -> LegResult:
        """Work one leg until it is filled, its deadline has passed, or the broker says no."""
        contract = plan.spy_contract if task.leg is Leg.SPY else plan.spx_contract
        grace = timedelta(seconds=self._broker.lookup_grace_seconds)
        heard = self._clock.now()
        give_up = max(task.deadline, heard) + grace
        price = partial(self.limit, contract, task.side, pricer)
        while True:
            orders = task.mine(self._journal.orders(plan.spread_no))
            now = self._clock.now()
            task = self._as_allowed(task, now)
            if task.purpose is Purpose.CLOSE and now - heard >= A_MINUTE:
                heard = now
                self._tell_of_delay(contract, price(), now)
            step, record, limit = next_step(task, orders, price, now, self._rules.reprice_seconds)
            if limit is not None and not self._may_send(plan, task):
                step, limit = Step.WAIT, None
            quantity = self._still_to_send(plan, task, orders) if limit is not None else 0
            if step is Step.DONE or (step is Step.SEND and quantity < 1):
                return summarise(task, orders)
            if limit is not None:
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

    def _as_allowed(self, task: LegTask, now: datetime) -> LegTask:
        """Return a task that opens with no time left once nothing may be opened any more."""
        if task.purpose is Purpose.CLOSE or self._may_open():
            return task
        return task._replace(deadline=min(task.deadline, now))

    def _still_to_send(self, plan: SpreadPlan, task: LegTask, orders: Sequence[OrderRecord]) -> int:
        rest = task.wanted - sum(each.filled for each in orders)
        if task.purpose is Purpose.OPEN:
            return rest
        if task.leg is Leg.SPY:
            is_sure = not self._in_the_way(plan, task)
            return self.holdings.at_most(plan.spy_contract, rest, is_sure=is_sure)
        return min(
            self.holdings.at_most(plan.spx_contract, rest), self.holdings.covering_nothing(plan)
        )

    def _may_send(self, plan: SpreadPlan, task: LegTask) -> bool:
        """Whether no order that is over can make the next one an order too many.

        One that ended early may have traded just before its end, and that is told only later: of
        the order, of its fills, and by the positions. So it is waited, after each such end, until
        the positions cannot be older than the end. Then to open, they must be those of the record;
        to close, no more is sent than is held, and a difference is waited for no longer than it
        takes to be told, so that none ever keeps a short call from being bought back. What is
        closed after that is waited for likewise: positions that leave it out show once more what
        is gone. A broker whose positions do not lag is waited for only while they differ.
        """
        early = self._in_the_way(plan, task)
        for each in early:
            self._try_look_up(each)
        lag = self._broker.positions_lag_seconds
        over = [*early, *self._closed_before(plan, task)]
        waited = [self._waited_for(f"the end of {each.intent.client_order_id}") for each in over]
        has_news = any(self._record(each.intent) != each for each in early)
        if has_news or any(each < lag for each in waited):
            return False
        if not early or all(map(self.holdings.is_settled, (plan.spy_contract, plan.spx_contract))):
            return True
        # A difference may be such a fill, which is told soon, beside a trade of the user's own.
        told = all(each >= self._broker.lookup_grace_seconds for each in waited[: len(early)])
        return task.purpose is Purpose.CLOSE and told

    def _in_the_way(self, plan: SpreadPlan, task: LegTask) -> list[OrderRecord]:
        """Return the orders that ended early of which a late fill would matter to this task.

        To open, that is every one. Buying back more than is short takes another such purchase;
        selling cover that is needed takes another sale, of either leg.
        """
        return [
            each
            for each in self._journal.orders(plan.spread_no)
            if each.status in _ENDED_EARLY
            and (
                task.purpose is Purpose.OPEN
                or (each.intent.side is task.side is Side.SELL)
                or (each.intent.side is task.side and each.intent.leg is task.leg)
            )
        ]

    def _closed_before(self, plan: SpreadPlan, task: LegTask) -> list[OrderRecord]:
        """Return the filled orders, of any spread, that closed what this task closes more of.

        Whether such a fill is among the positions only waiting tells, and only a wait of this
        process: the time of a fill is by the broker's clock.
        """
        if task.purpose is Purpose.OPEN:
            return []
        contract = plan.spy_contract if task.leg is Leg.SPY else plan.spx_contract
        return [
            each
            for each in self._journal.orders()
            if each.status is OrderStatus.FILLED
            and each.intent.contract == contract
            and each.intent.side is task.side
        ]

    def limit(self, contract: OptionContract, side: Side, pricer: Pricer) -> Decimal | None:
        """Return the price at which an order would be sent now, None when there is none."""
        try:
            quotes = self._collector.get_options_quotes((contract,))
        except RetryLater:
            return None
        quote = self._collector.tradable(contract, quotes)
        price = pricer(quote) if quote else None
        return None if price is None or price <= 0 else limit_for(contract, side, price)

    def _intent(
        self,
        plan: SpreadPlan,
        task: LegTask,
        contract: OptionContract,
        quantity: int,
        limit: Decimal,
    ) -> OrderIntent:
        return OrderIntent(
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

    def refusal(self, plan: SpreadPlan, task: LegTask, pricer: Pricer) -> str:
        """Return why the broker would refuse the leg's first order, empty if it would not.

        A broker that was asked and did not answer counts as one that refuses.
        """
        contract = plan.spy_contract if task.leg is Leg.SPY else plan.spx_contract
        limit = self.limit(contract, task.side, pricer)
        if limit is None or task.mine(self._journal.orders(plan.spread_no)):
            return ""
        try:
            return self._broker.refusal(self._intent(plan, task, contract, task.wanted, limit))
        except RetryLater as error:
            return f"whether the margin is enough cannot be asked ({error})"

    def _send(
        self,
        plan: SpreadPlan,
        task: LegTask,
        contract: OptionContract,
        quantity: int,
        limit: Decimal,
    ) -> OrderRecord:
        intent = self._intent(plan, task, contract, quantity, limit)
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
            for fill in together(self._journal.apply(report)):
                self._tell_fill(fill)
            return
        status = self._record(intent).status
        waited = self._waited_for(intent.client_order_id)
        if status.is_final or waited < self._broker.lookup_grace_seconds:
            return
        if status.is_in_doubt:
            note = "never reached the broker"
            self._journal.record_status(intent.client_order_id, OrderStatus.CANCELLED, note)
            self._tell(self._clock.now(), "order", f"Order {intent} {note}.")
        else:
            self._alert(self._clock.now(), unknown_order(intent.client_order_id, intent))

    def _waited_for(self, what: str) -> float:
        """Return for how many seconds this process has been waiting for something.

        Only the time between looks that follow each other counts: a clock that jumps, or a
        machine that slept, gives an order no less time to turn up.
        """
        now = self._clock.now()
        waited, last = self._waits.get(what, (0.0, now))
        step = min(max((now - last).total_seconds(), 0.0), 2 * self._rules.poll_seconds)
        self._waits[what] = (waited + step, now)
        return waited + step

    def _record(self, intent: OrderIntent) -> OrderRecord:
        return self._journal.order(intent.client_order_id)

    def _tell_of_delay(
        self, contract: OptionContract, limit: Decimal | None, now: datetime
    ) -> None:
        why = "there is no quote that could be traded" if limit is None else "it is being tried"
        self._alert(now, not_closed_yet(contract, why, now))

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
