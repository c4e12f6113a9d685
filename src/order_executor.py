"""Legging in and out so that a short SPY call is never without its SPXW cover.

In: SPXW is bought first, then SPY is sold against what was filled. Out: SPY is bought back first,
then SPXW is sold. Every order is committed before it is sent and sent once. All state is in the
journal, so an entry that a crash interrupted is finished by the next process.
"""

import math
from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import ROUND_CEILING, Decimal

from src.fees import FeeSchedule
from src.journal import Journal
from src.legging import LegResult, LegTask, SpreadResult, Status, summarise
from src.market_data import MarketDataCollector
from src.messages import refused_margin
from src.models import (
    MULTIPLIER,
    SPY_PER_SPREAD,
    Leg,
    OptionContract,
    Purpose,
    Quote,
    Side,
    SpreadPosition,
    TradeSetup,
)
from src.order_records import SpreadPlan
from src.order_worker import Alert, OrderWorker, Pricer, Tell
from src.ports import Broker, Clock
from src.settings import Settings
from src.ticks import CENT, limit_for


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
        alert: Alert,
        may_open: Callable[[], bool] = lambda: True,
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._rules = settings.execution
        self._least = Decimal(str(settings.strategy.min_entry_credit))
        self._fees = fees
        self._tell, self._alert = tell, alert
        self._worker = OrderWorker(
            broker=broker,
            collector=collector,
            journal=journal,
            clock=clock,
            rules=settings.execution,
            tell=tell,
            alert=alert,
            may_open=may_open,
        )

    # The two things that a day asks for.

    def place_spread_order(
        self, setup: TradeSetup, spreads: int = 1, not_earned: float = 0.0
    ) -> SpreadResult:
        """Open so many spreads, or as much of them as the market gives within the criteria.

        `not_earned` is what of the credit the decision does not count as profit, in dollars a
        spread: prices may get worse only as long as the rest still exceeds its limit.

        Never leaves a SPY call short that an SPXW call does not cover. What was bought for a SPY
        sale that did not come about is sold again (UNWOUND).
        """
        plan = self._make_plan(setup, spreads, not_earned)
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
        spx = self._worker.work(plan, spx_task, self._price_to_buy_spx(plan))
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
        pricer = self._price_to_sell_spy(plan, spx)
        if refusal := self._worker.refusal(plan, spy_task, pricer):
            # Asked before anything is short: the call that was bought is all there is to undo.
            self._alert(self._clock.now(), refused_margin(refusal))
            self._sell_excess(self._journal.position(plan), refusal)
            left = self._journal.position(plan)
            status = Status.PARTIAL if left.is_open else Status.UNWOUND
            return self._ended(plan, status, spx, summarise(spy_task, []))
        spy = self._worker.work(plan, spy_task, pricer)
        if spy.status is Status.PENDING:
            return self._ended(plan, Status.PENDING, spx, spy)
        if spy.status is Status.FILLED:
            status = Status.FILLED if spx.status is Status.FILLED else Status.PARTIAL
            return self._ended(plan, status, spx, spy)
        return self._ended(plan, self._end_of_partial_sale(plan, spy), spx, spy)

    def _end_of_partial_sale(self, plan: SpreadPlan, spy: LegResult) -> Status:
        """Do with a sale that its deadline ended what the config says: a part of SPY is sold."""
        missed = "SPY could not be sold at its price"
        # After a crash the entry may be long past: then nothing more is opened.
        is_fresh = self._clock.now() <= plan.started_at + 3 * self._deadline
        if spy.filled and self._rules.on_deadline == "complete" and is_fresh:
            rest = LegTask(
                leg=Leg.SPY,
                purpose=Purpose.OPEN,
                side=Side.SELL,
                wanted=spy.wanted,
                deadline=self._clock.now() + self._deadline,
            )
            spy = self._worker.work(plan, rest, lambda quote: Decimal(str(quote.bid)))
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
        task = self._closing_task(plan, Leg.SPY, Side.BUY, short)
        pricer = self._price_to_buy_spy_back()
        if task.wanted and self._worker.limit(plan.spy_contract, Side.BUY, pricer) is not None:
            self._tell(self._clock.now(), "order", f"Buying back {task.wanted} SPY calls: {why}.")
        spy = self._worker.work(plan, task, pricer)
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

    def trim(self, position: SpreadPosition, why: str) -> None:
        """Sell the SPXW calls that cover nothing, and leave the rest of the position alone."""
        self._sell_excess(position, why)

    def look_up_open_orders(self) -> None:
        """Bring every order that is not over up to date with the broker. Raises RetryLater."""
        self._worker.look_up_open_orders()

    def expect_besides(self, foreign: Mapping[OptionContract, int] | None) -> None:
        """Take note of what the broker holds besides what is recorded, by contract, signed.

        None says that there is a difference, and that nobody could be asked how large it is now.
        """
        self._worker.holdings.foreign = foreign

    # Prices at which a leg is wanted.

    def _make_plan(self, setup: TradeSetup, spreads: int, not_earned: float) -> SpreadPlan:
        besides = Decimal(str(not_earned)).quantize(CENT, rounding=ROUND_CEILING)
        bid = Decimal(str(setup.spy_call.bid))
        before_fees = SPY_PER_SPREAD * MULTIPLIER * bid - self._least - besides
        # Fees grow with the premium: those of the highest price that may be paid are enough.
        fees = self._fees.opening(bid, max(before_fees / MULTIPLIER, Decimal(0)))
        floor = self._least + besides + fees
        room = before_fees - fees - CENT
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
        return self._worker.work(plan, task, self._price_to_sell_spx)

    def _closing_task(self, plan: SpreadPlan, leg: Leg, side: Side, held: int) -> LegTask:
        """Close `held` contracts; an earlier order that may still fill is a part of it.

        Without such an order it is no more than the broker holds: the user, or the exchange, may
        have closed some already.
        """
        every = self._journal.orders(plan.spread_no)
        same = [
            each
            for each in every
            if each.intent.leg is leg and each.intent.purpose is Purpose.CLOSE
        ]
        live = [each for each in same if not each.status.is_final]
        contract = plan.spy_contract if leg is Leg.SPY else plan.spx_contract
        ready = sum(each.filled for each in live)
        wanted = held + ready if live else self._worker.holdings.at_most(contract, held)
        return LegTask(
            leg=leg,
            purpose=Purpose.CLOSE,
            side=side,
            wanted=wanted,
            deadline=self._clock.now() + self._deadline,
            first_attempt=live[0].intent.attempt
            if live
            else self._journal.next_attempt(plan.spread_no, leg, Purpose.CLOSE),
        )

    def _is_being_unwound(self, plan: SpreadPlan) -> bool:
        every = self._journal.orders(plan.spread_no)
        return any(each.intent.purpose is Purpose.CLOSE for each in every)

    @property
    def _deadline(self) -> timedelta:
        return timedelta(seconds=self._rules.leg_deadline_seconds)

    def _ended(
        self, plan: SpreadPlan, status: Status, spx: LegResult, spy: LegResult
    ) -> SpreadResult:
        # Not committed here: the entry is over once the caller has recorded the trade as well.
        if status is not Status.PENDING:
            self._journal.set_stage(plan.spread_no, "held")
        return SpreadResult(status, plan.spread_no, spx, spy)
