"""Legging in and out so that a short SPY call is never without its SPXW cover.

In: SPXW is bought first, then SPY is sold against what was filled. Out: SPY is bought back first,
then SPXW is sold. Every order is committed before it is sent and sent once. All state is in the
journal, so an entry that a crash interrupted is finished by the next process.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal

from src.fees import FeeSchedule
from src.journal import Journal
from src.legging import LegResult, LegTask, SpreadResult, Status, Step, next_step, summarise
from src.market_data import MarketDataCollector
from src.models import (
    MULTIPLIER,
    SPY_PER_SPREAD,
    Answer,
    Fill,
    Leg,
    OptionContract,
    OrderIntent,
    Purpose,
    Quote,
    Side,
    SpreadPosition,
    TradeSetup,
)
from src.order_records import OrderRecord, OrderStatus, SpreadPlan
from src.ports import Broker, Clock, RetryLater
from src.pricing import strike_gap_value
from src.settings import Settings
from src.ticks import CENT, limit_for

Pricer = Callable[[Quote], Decimal | None]
Tell = Callable[[datetime, str, str], None]
"""Takes a moment, the kind of event, and a sentence."""


class OrderExecutor:
    """Works orders at one broker, at prices from one collector, recorded in one journal."""

    def __init__(  # noqa: PLR0913 - all that an order goes through
        self,
        *,
        broker: Broker,
        collector: MarketDataCollector,
        journal: Journal,
        clock: Clock,
        settings: Settings,
        fees: FeeSchedule,
        tell: Tell,
        may_open: Callable[[], bool] = lambda: True,
    ) -> None:
        self._broker = broker
        self._collector = collector
        self._journal = journal
        self._clock = clock
        self._rules = settings.execution
        self._least = Decimal(str(settings.strategy.min_entry_credit))
        self._fees = fees
        self._tell = tell
        self._may_open = may_open

    # The two things that a day asks for.

    def place_spread_order(self, setup: TradeSetup, spreads: int = 1) -> SpreadResult:
        """Open so many spreads, or as much of them as the market gives within the criteria.

        Never leaves a SPY call short that an SPXW call does not cover. What was bought for a SPY
        sale that did not come about is sold again (UNWOUND).
        """
        plan = self._make_plan(setup, spreads)
        self._journal.record_plan(plan)
        return self.continue_entry(plan)

    def continue_entry(self, plan: SpreadPlan) -> SpreadResult:
        """Bring an entry to its end from wherever it stands; also after a restart."""
        # Cover that is being sold again must not be sold against, whatever the clock says.
        patience = timedelta(0) if self._is_being_unwound(plan) else self._deadline
        spx_task = LegTask(
            leg=Leg.SPX,
            purpose=Purpose.OPEN,
            side=Side.BUY,
            wanted=plan.wanted,
            deadline=plan.started_at + patience,
        )
        spx = self._work(plan, spx_task, self._price_to_buy_spx(plan))
        spy_task = LegTask(
            leg=Leg.SPY,
            purpose=Purpose.OPEN,
            side=Side.SELL,
            # Against what is held, not what was bought: some of it may have been sold again.
            wanted=SPY_PER_SPREAD * self._journal.position(plan).spx_long,
            deadline=plan.started_at + 2 * patience,
        )
        if spx.status is Status.PENDING or spy_task.wanted == 0:
            spy = summarise(spy_task, [])
            return self._ended(plan, spx.status, spx, spy)
        spy = self._work(plan, spy_task, self._price_to_sell_spy(plan, spx))
        if spy.status is Status.PENDING:
            return self._ended(plan, Status.PENDING, spx, spy)
        if spy.status is Status.FILLED:
            status = Status.FILLED if spx.status is Status.FILLED else Status.PARTIAL
            return self._ended(plan, status, spx, spy)
        return self._ended(plan, self._end_of_partial_sale(plan, spy), spx, spy)

    def _end_of_partial_sale(self, plan: SpreadPlan, spy: LegResult) -> Status:
        """Do with a sale that its deadline ended what the config says: a part of SPY is sold."""
        missed = "SPY could not be sold at its price"
        if spy.filled and self._rules.on_deadline == "complete":
            rest = LegTask(
                leg=Leg.SPY,
                purpose=Purpose.OPEN,
                side=Side.SELL,
                wanted=spy.wanted,
                deadline=self._clock.now() + self._deadline,
            )
            spy = self._work(plan, rest, lambda quote: Decimal(str(quote.bid)))
        if spy.filled and self._rules.on_deadline == "unwind":
            self.close_position(self._journal.position(plan), missed)
        else:
            self._sell_excess(self._journal.position(plan), missed)
        left = self._journal.position(plan)
        if left.spy_short == SPY_PER_SPREAD * plan.wanted:
            return Status.FILLED
        return Status.PARTIAL if left.is_open else Status.UNWOUND

    def close_position(self, position: SpreadPosition, why: str) -> SpreadResult:
        """Buy the short SPY calls back, then sell the SPXW calls that are no longer needed.

        A leg that the market does not take stays, and is tried again by the next call: SPY at a
        price that follows the market, SPXW at any bid.
        """
        plan = self._journal.plan(position.spread_no)
        short = self._journal.position(plan).spy_short
        if short:
            self._tell(self._clock.now(), "order", f"Buying back {short} SPY calls: {why}.")
        task = self._closing_task(plan, Leg.SPY, Side.BUY, short)
        spy = self._work(plan, task, self._price_to_buy_spy_back())
        spx = self._sell_excess(self._journal.position(plan), why)
        left = self._journal.position(plan)
        if not left.is_open:
            status = Status.FILLED
        elif spy.filled or spx.filled:
            status = Status.PARTIAL
        elif Status.REJECTED in {spy.status, spx.status}:
            status = Status.REJECTED
        else:
            status = Status.PENDING
        return SpreadResult(status, position.spread_no, spx, spy, why)

    def look_up_open_orders(self) -> None:
        """Bring every order that is not over up to date with the broker. Raises RetryLater."""
        for record in self._journal.orders():
            if not record.status.is_final:
                self._look_up(record)

    # Prices at which a leg is wanted.

    def _make_plan(self, setup: TradeSetup, spreads: int) -> SpreadPlan:
        gap = Decimal(str(strike_gap_value(setup))).quantize(CENT, rounding=ROUND_CEILING)
        floor = self._least + gap + self._fees.per_spread
        bid = Decimal(str(setup.spy_call.bid))
        room = SPY_PER_SPREAD * MULTIPLIER * bid - floor - CENT
        worst = limit_for(setup.spx_contract, Side.BUY, room / MULTIPLIER)
        return SpreadPlan(
            session=self._journal.session,
            spread_no=self._journal.next_spread_no(),
            spy_contract=setup.spy_contract,
            spx_contract=setup.spx_contract,
            wanted=spreads,
            started_at=setup.timestamp,
            spx_worst=worst,
            spy_floor=floor,
            stage="entering",
        )

    @staticmethod
    def _price_to_buy_spx(plan: SpreadPlan) -> Pricer:
        def price(quote: Quote) -> Decimal | None:
            ask = Decimal(str(quote.ask))
            return ask if ask <= plan.spx_worst else None

        return price

    @staticmethod
    def _price_to_sell_spy(plan: SpreadPlan, spx: LegResult) -> Pricer:
        """Sell at the bid, down to the last price at which the criteria still hold."""
        cost = MULTIPLIER * (spx.average_price or Decimal(0))
        least = (plan.spy_floor + cost + CENT) / (SPY_PER_SPREAD * MULTIPLIER)
        worst = limit_for(plan.spy_contract, Side.SELL, least)

        def price(quote: Quote) -> Decimal | None:
            return max(Decimal(str(quote.bid)), worst)

        return price

    def _price_to_buy_spy_back(self) -> Pricer:
        """Buy at the ask; within one call it may run away only so far, the next starts anew."""
        highest: Decimal | None = None
        slippage = 1 + Decimal(str(self._rules.max_exit_slippage))

        def price(quote: Quote) -> Decimal | None:
            nonlocal highest
            ask = Decimal(str(quote.ask))
            highest = highest or max(ask * slippage, ask + CENT)
            return ask if ask <= highest else None

        return price

    @staticmethod
    def _price_to_sell_spx(quote: Quote) -> Decimal | None:
        return Decimal(str(quote.bid)) if quote.bid else None

    def _sell_excess(self, position: SpreadPosition, why: str) -> LegResult:
        """Sell the SPXW calls that cover nothing any more."""
        needed = math.ceil(position.spy_short / SPY_PER_SPREAD)
        excess = max(position.spx_long - needed, 0)
        plan = self._journal.plan(position.spread_no)
        task = self._closing_task(plan, Leg.SPX, Side.SELL, excess)
        if not excess:
            return summarise(task, [])
        now = self._clock.now()
        self._tell(now, "order", f"Selling {excess} {position.spx_contract}: {why}.")
        return self._work(plan, task, self._price_to_sell_spx)

    def _closing_task(self, plan: SpreadPlan, leg: Leg, side: Side, held: int) -> LegTask:
        """Close `held` contracts; an earlier order that may still fill is a part of it."""
        every = self._journal.orders(plan.spread_no)
        same = [
            each
            for each in every
            if each.intent.leg is leg and each.intent.purpose is Purpose.CLOSE
        ]
        live = [each for each in same if not each.status.is_final]
        return LegTask(
            leg=leg,
            purpose=Purpose.CLOSE,
            side=side,
            wanted=held + sum(each.filled for each in live),
            deadline=self._clock.now() + self._deadline,
            first_attempt=live[0].intent.attempt if live else len(same) + 1,
        )

    def _is_being_unwound(self, plan: SpreadPlan) -> bool:
        every = self._journal.orders(plan.spread_no)
        return any(each.intent.purpose is Purpose.CLOSE for each in every)

    # Working one leg.

    @property
    def _deadline(self) -> timedelta:
        return timedelta(seconds=self._rules.leg_deadline_seconds)

    def _work(self, plan: SpreadPlan, task: LegTask, pricer: Pricer) -> LegResult:
        contract = plan.spy_contract if task.leg is Leg.SPY else plan.spx_contract
        give_up = task.deadline + timedelta(seconds=self._broker.lookup_grace_seconds)
        while True:
            orders = task.mine(self._journal.orders(plan.spread_no))
            now = self._clock.now()
            if task.purpose is Purpose.OPEN and not self._may_open():
                task = replace(task, deadline=min(task.deadline, now))
            limit = self._limit(contract, task.side, pricer)
            step, record = next_step(task, orders, limit, now, self._rules.reprice_seconds)
            if step is Step.DONE:
                return summarise(task, orders)
            if step is Step.SEND and limit is not None:
                record = self._send(plan, task, contract, limit)
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

    def _limit(self, contract: OptionContract, side: Side, pricer: Pricer) -> Decimal | None:
        try:
            quotes = self._collector.get_options_quotes((contract,))
        except RetryLater:
            return None
        quote = self._collector.tradable(contract, quotes)
        price = pricer(quote) if quote else None
        return None if price is None or price <= 0 else limit_for(contract, side, price)

    def _send(
        self, plan: SpreadPlan, task: LegTask, contract: OptionContract, limit: Decimal
    ) -> OrderRecord:
        every = self._journal.orders(plan.spread_no)
        same = [e for e in every if e.intent.leg is task.leg and e.intent.purpose is task.purpose]
        filled = sum(each.filled for each in task.mine(every))
        intent = OrderIntent(
            session=plan.session,
            spread_no=plan.spread_no,
            leg=task.leg,
            purpose=task.purpose,
            attempt=len(same) + 1,
            contract=contract,
            side=task.side,
            quantity=task.wanted - filled,
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
        age = (self._clock.now() - intent.created_at).total_seconds()
        if self._record(intent).status.is_in_doubt and age >= self._broker.lookup_grace_seconds:
            note = "never reached the broker"
            self._journal.record_status(intent.client_order_id, OrderStatus.CANCELLED, note)
            self._tell(self._clock.now(), "order", f"Order {intent} {note}.")

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

    def _ended(
        self, plan: SpreadPlan, status: Status, spx: LegResult, spy: LegResult
    ) -> SpreadResult:
        # Not committed here: the entry is over once the caller has recorded the trade as well.
        if status is not Status.PENDING:
            self._journal.set_stage(plan.spread_no, "held")
        return SpreadResult(status, plan.spread_no, spx, spy)
