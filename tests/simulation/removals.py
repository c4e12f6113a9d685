"""Takes one safeguard each out of a trading day: here alone the program is altered."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from src.control import ControlMode
from src.legging import LegResult, LegTask, SpreadResult, Status
from src.messages import Message
from src.models import (
    SPY_PER_SPREAD,
    Answer,
    Fill,
    Leg,
    OrderIntent,
    OrderOutcome,
    Purpose,
    Side,
    SpreadPosition,
)
from src.order_records import OrderStatus, SpreadPlan
from src.trading_day import TradingDay


def swap(owner: object, name: str, other: object) -> None:
    """Put something else where the program has a safeguard, which must be there."""
    assert hasattr(owner, name)
    setattr(owner, name, other)


def commit_before_send(day: TradingDay) -> None:
    journal, store = day.journal, day._store
    record = journal.record_intent

    def uncommitted(intent: OrderIntent) -> None:
        commit = store.commit
        swap(store, "commit", _nothing)
        try:
            record(intent)
        finally:
            swap(store, "commit", commit)

    swap(journal, "record_intent", uncommitted)


def _nothing() -> None:
    """Do nothing."""


def lookup_instead_of_resend(day: TradingDay) -> None:
    journal = day.journal
    record = journal.record_outcome

    def believes_that_it_never_arrived(outcome: OrderOutcome) -> None:
        record(outcome)
        if outcome.answer is Answer.UNKNOWN:
            journal.record_status(outcome.client_order_id, OrderStatus.CANCELLED)

    swap(journal, "record_outcome", believes_that_it_never_arrived)


def grace(day: TradingDay) -> None:
    day._broker.lookup_grace_seconds = 0.0


def spxw_first(day: TradingDay) -> None:
    executor = day._executor
    go_on = executor.continue_entry

    def spy_first(plan: SpreadPlan) -> SpreadResult:
        task = LegTask(
            leg=Leg.SPY,
            purpose=Purpose.OPEN,
            side=Side.SELL,
            wanted=SPY_PER_SPREAD * plan.wanted,
            deadline=plan.started_at + timedelta(seconds=30),
        )
        free = LegResult(Leg.SPX, Status.FILLED, 0, 0, Decimal(0))
        executor._worker.work(plan, task, executor._price_to_sell_spy(plan, free))
        return go_on(plan)

    swap(executor, "continue_entry", spy_first)


def spy_back_first(day: TradingDay) -> None:
    executor, journal = day._executor, day.journal
    close = executor.close_position

    def spxw_first(position: SpreadPosition, why: str) -> SpreadResult:
        plan = journal.plan(position.spread_no)
        task = executor._closing_task(plan, Leg.SPX, Side.SELL, position.spx_long)
        executor._worker.work(plan, task, executor._price_to_sell_spx)
        return close(position, why)

    swap(executor, "close_position", spxw_first)
    # The worker asks the broker what cover its short calls need: the second net below this one.
    holdings = executor._worker.holdings
    swap(holdings, "covering_nothing", lambda plan: journal.position(plan).spx_long)


def deadline(day: TradingDay) -> None:
    executor = day._executor
    executor._rules = executor._rules.model_copy(update={"leg_deadline_seconds": 100_000.0})
    executor._worker._rules = executor._rules


def confirmed_cancel(day: TradingDay) -> None:
    journal = day.journal
    record = journal.record_status

    def at_once(order: str, status: OrderStatus, note: str = "") -> None:
        done = OrderStatus.CANCELLED if status is OrderStatus.CANCELLING else status
        record(order, done, note)

    swap(journal, "record_status", at_once)
    swap(journal, "apply", lambda _report: [])


def idempotent_fills(day: TradingDay) -> None:
    journal = day.journal
    write = journal._write_fill
    count = 0

    def every_time(fill: Fill) -> bool:
        nonlocal count
        count += 1
        return write(replace(fill, fill_id=f"{fill.fill_id}-{count}"))

    swap(journal, "_write_fill", every_time)


def stale_quote_check(day: TradingDay) -> None:
    collector = day._collector
    collector.limits = collector.limits._replace(max_age=1e9, max_skew=1e9)


def reconciliation(day: TradingDay) -> None:
    swap(day._recovery, "compare", _agrees)


def _agrees(now: datetime, *, expired: bool) -> str:
    del now, expired
    return ""


def taking_late_fills(day: TradingDay) -> None:
    swap(day._recovery, "_take_fills", lambda _fills, _now: None)


def doubt_forbids_opening(day: TradingDay) -> None:
    compare = day._recovery.compare

    def keeps_it_quiet(now: datetime, *, expired: bool) -> str:
        compare(now, expired=expired)
        return ""

    swap(day._recovery, "compare", keeps_it_quiet)


def persisted_mode(day: TradingDay) -> None:
    store = day._store
    store.write("DELETE FROM control")
    store.commit()


def mode_forbids_opening(day: TradingDay) -> None:
    swap(day.control, "mode", lambda: ControlMode.NORMAL)


def mode_is_asked_while_an_entry_waits(day: TradingDay) -> None:
    day._executor._worker._may_open = lambda: True


def closing_on_a_wish(day: TradingDay) -> None:
    swap(day, "_close_is_wished", lambda: False)
    swap(day._monitor, "_wishes", lambda _day: [])


def one_notice_an_event(day: TradingDay) -> None:
    record = day.record
    notify = record.notify
    count = 0

    def again_and_again(at: datetime, message: Message) -> bool:
        nonlocal count
        count += 1
        return notify(at, message._replace(key=f"{message.title} {count}"))

    swap(record, "notify", again_and_again)


def finishing_what_was_begun(day: TradingDay) -> None:
    swap(day._book, "finish", lambda _now: None)


def waiting_for_the_last_fills(day: TradingDay) -> None:
    swap(day._executor._worker.holdings, "is_settled", lambda _contract: True)


def waiting_for_positions(day: TradingDay) -> None:
    day._broker.positions_lag_seconds = 0.0


def closing_no_more_than_is_held(day: TradingDay) -> None:
    swap(day._executor._worker.holdings, "at_most", lambda _contract, wanted, **_: wanted)


def nothing_from_the_day(day: TradingDay) -> None:
    """Take nothing from the day itself: its simulation lacks the safeguard."""
    del day
