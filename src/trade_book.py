"""Takes spreads in and out of the market and keeps the books on them, through crashes too.

A spread is `entering`, then `held`, then `exiting`, then `closed`. Each stage is recorded in the
same breath as the trade that belongs to it, so whoever starts next knows what to go on with.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from src import messages, story
from src.database import Remembered, Store
from src.day_record import DayRecord
from src.herald import Herald
from src.journal import Journal
from src.legging import SpreadResult, Status
from src.models import SPY_PER_SPREAD, EntryDecision, ExitReason, SpreadPosition, TradeSetup
from src.order_executor import OrderExecutor
from src.order_records import SpreadPlan
from src.ports import OfficialCloses
from src.results_logger import ResultsLogger
from src.settlement import settle


class TradeBook:
    """The spreads of one session: opened, closed and settled here, and nowhere else."""

    def __init__(  # noqa: PLR0913 - all that a spread passes through
        self,
        *,
        executor: OrderExecutor,
        journal: Journal,
        record: DayRecord,
        results: ResultsLogger,
        herald: Herald,
        mode: str,
        store: Store,
        is_bare: Callable[[SpreadPosition], bool],
    ) -> None:
        self._executor = executor
        self._journal = journal
        self._record = record
        self._results = results
        self._herald = herald
        self._mode = mode
        # Spreads that have their trade: each tick asks, and a trade is never taken away again.
        self._logged = Remembered(store, set[int])
        self._is_bare = is_bare
        self._in_order: Sequence[SpreadPosition] | None = None

    def open_positions(self) -> Sequence[SpreadPosition]:
        """Return every spread of which a contract is still held."""
        return self._journal.open_positions()

    def open_spreads(self) -> int:
        """Return how many spreads are held, a broken one counted as a whole one."""
        return sum(
            [
                max(each.spx_long, -(-each.spy_short // SPY_PER_SPREAD))
                for each in self.open_positions()
            ]
        )

    def enter(self, setup: TradeSetup, decision: EntryDecision, now: datetime) -> None:
        """Open the position that was decided upon, or as much of it as the market gives."""
        not_earned = (decision.entry_credit or 0.0) - (decision.expected_profit or 0.0)
        result = self._executor.place_spread_order(setup, decision.position_size, not_earned)
        self._entered(self._journal.plan(result.spread_no), result, decision, now)

    def leave(self, position: SpreadPosition, reason: ExitReason, text: str, now: datetime) -> None:
        """Close a position; what the market does not take now is tried again by `finish`."""
        is_first = position.stage != "exiting"
        if is_first:  # when it is tried again, all that is in the record
            self._journal.set_stage(position.spread_no, "exiting")
            self._results.log_exit(self._journal.session, position.spread_no, reason, now)
        result = self._executor.close_position(position, f"{reason}, {text}")
        left = self._journal.position(self._journal.plan(position.spread_no))
        line = story.exit_line(result, left)
        if left.is_open:
            told = messages.exit_under_way(position.trade_id, reason, line, now, is_first=is_first)
            self._herald.alert_or_tell(now, told, line)
            return
        self._herald.tell(now, "exit", line)
        self._close(left, reason, now)

    def finish(self, now: datetime) -> None:
        """Go on with all that a crash or a thin market left unfinished, or that came too late.

        A short call that nothing covers, by the record or by what the broker holds, and a contract
        that turns up in a spread that was over, go back to the market at once.
        """
        # What was in order at the last look, and was not touched since, is so at most ticks.
        if self._journal.positions() is self._in_order and not self._is_any_bare():
            return
        self._in_order = None
        self.bring_up_to_date(now)
        positions, is_in_order = self._journal.positions(), True
        for plan in self._journal.plans():
            position = self._journal.position(plan)
            if plan.stage == "entering":
                is_in_order = False  # an order is in doubt: what may still fill needs its cover
            elif wrong := self._what_is_wrong(plan, position):
                is_in_order = False
                self.leave(position, *wrong, now)
        if is_in_order:
            self._in_order = positions

    def _what_is_wrong(
        self, plan: SpreadPlan, position: SpreadPosition
    ) -> tuple[ExitReason, str] | None:
        """Return why a spread must go back to the market at once, and in words; None if not."""
        if plan.stage == "exiting":
            return self._reason(plan.spread_no), "exit under way"
        came_back = plan.stage == "closed" and position.is_open
        if position.uncovered > 0 or came_back or self._is_bare(position):
            return ExitReason.UNCOVERED, "short calls lost their cover"
        if position.is_open and not position.spy_short:
            return ExitReason.UNWOUND, "nothing is left to be covered"
        return None

    def _is_any_bare(self) -> bool:
        return any(map(self._is_bare, self.open_positions()))

    def bring_up_to_date(self, now: datetime) -> None:
        """Finish interrupted entries, close the books on what is flat, miss no position's trade."""
        for plan in self._journal.plans():
            if plan.stage == "entering":
                result = self._executor.continue_entry(plan)
                self._entered(plan, result, self._record.last_decision_to_trade(), now)
        for position in self._journal.positions():
            if position.stage == "entering" or not position.spreads_opened:
                continue
            if position.spread_no not in self._logged.get():
                self._see_to_trade(position, now)
            if not position.is_open and position.stage != "closed":
                elsewhere = position.stage == "held"
                reason = ExitReason.ELSEWHERE if elsewhere else self._reason(position.spread_no)
                self._close(position, reason, now)

    def _see_to_trade(self, position: SpreadPosition, now: datetime) -> None:
        if not self._results.has_trade(position.trade_id):
            self._results.log_adopted(position, self._mode)
            self._herald.alert(now, messages.adopted_position(position.trade_id))
        self._logged.get().add(position.spread_no)

    def _reason(self, spread_no: int) -> ExitReason:
        return self._results.exit_reason(self._journal.session, spread_no)

    def settle(self, held: Sequence[SpreadPosition], closes: OfficialCloses, now: datetime) -> None:
        """Exchange what has expired for cash and shares, at these closes."""
        for position in held:
            value = settle(position, closes)
            line = story.settlement_line(position, closes, value)
            used = (closes.spy, closes.spx)
            self._journal.record_settlement(position, value, used, closes.source, now)
            self._journal.set_stage(position.spread_no, "closed")
            self._herald.tell(now, "settlement", line)
            if value.shares:
                self._herald.alert(now, messages.assigned(position.trade_id, line))

    def _entered(
        self,
        plan: SpreadPlan,
        result: SpreadResult,
        decision: EntryDecision | None,
        now: datetime,
    ) -> None:
        position = self._journal.position(plan)
        line = story.entry_line(result, position)
        self._herald.tell(now, "entry", line)
        if position.spreads_opened and decision:
            self._results.log_trade(position, decision, self._mode)
        if result.status is Status.PENDING:
            self._herald.alert(now, messages.not_confirmed(position.trade_id, line))
        elif position.spreads_opened and not position.is_open:
            self._close(position, ExitReason.UNWOUND, now)
        if position.is_open:
            self._herald.notify(now, messages.opened(position.trade_id, line))

    def _close(self, position: SpreadPosition, reason: ExitReason, now: datetime) -> None:
        self._journal.set_stage(position.spread_no, "closed")
        self._results.log_exit(self._journal.session, position.spread_no, reason, now)
        self._herald.notify(now, messages.closed(position.trade_id, reason, position.cash))
