"""The safeguards of a day, each with a way to take it out, so that its absence can be found.

Here alone the program is altered: taking a safeguard away is the experiment.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from src.control import ControlMode
from src.legging import LegResult, LegTask, SpreadResult, Status
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
from src.ports import Account
from src.trading_day import TradingDay
from tests.simulation.faults import Anchor, Fault
from tests.simulation.runner import Simulation
from tests.simulation.sessions import DayPlan, draw_day

Removal = Callable[[TradingDay], None]


@dataclass(frozen=True, slots=True)
class Safeguard:
    """Something that keeps the day safe; without it one of `letters` is violated soon.

    `faults` are those of every day, none are drawn; `settings` are set on every day. `within` is
    the number of seeds of which at least one finds the violation.
    """

    name: str
    letters: str
    remove: Removal
    within: int
    faults: tuple[Fault, ...] = ()
    settings: tuple[str, ...] = ()
    simulation: type[Simulation] = Simulation


def _at_entry(kind: str, at: float = 0.0, length: float = 0.0, n: int = 0) -> Fault:
    return Fault(kind, Anchor.ENTRY, at, length, n)


def _in_the_morning(kind: str, at: float, length: float = 0.0) -> Fault:
    return Fault(kind, Anchor.OPEN, at, length)


def _swap(owner: object, name: str, other: object) -> None:
    """Put something else where the program has a safeguard, which must be there."""
    assert hasattr(owner, name)
    setattr(owner, name, other)


# What is taken away.


def _commit_before_send(day: TradingDay) -> None:
    journal, store = day.journal, day._store
    record = journal.record_intent

    def uncommitted(intent: OrderIntent) -> None:
        commit = store.commit
        _swap(store, "commit", _nothing)
        try:
            record(intent)
        finally:
            _swap(store, "commit", commit)

    _swap(journal, "record_intent", uncommitted)


def _nothing() -> None:
    """Do nothing."""


def _lookup_instead_of_resend(day: TradingDay) -> None:
    journal = day.journal
    record = journal.record_outcome

    def believes_that_it_never_arrived(outcome: OrderOutcome) -> None:
        record(outcome)
        if outcome.answer is Answer.UNKNOWN:
            journal.record_status(outcome.client_order_id, OrderStatus.CANCELLED)

    _swap(journal, "record_outcome", believes_that_it_never_arrived)


def _grace(day: TradingDay) -> None:
    day._broker.lookup_grace_seconds = 0.0


def _spxw_first(day: TradingDay) -> None:
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

    _swap(executor, "continue_entry", spy_first)


def _spy_back_first(day: TradingDay) -> None:
    executor, journal = day._executor, day.journal
    close = executor.close_position

    def spxw_first(position: SpreadPosition, why: str) -> SpreadResult:
        plan = journal.plan(position.spread_no)
        task = executor._closing_task(plan, Leg.SPX, Side.SELL, position.spx_long)
        executor._worker.work(plan, task, executor._price_to_sell_spx)
        return close(position, why)

    _swap(executor, "close_position", spxw_first)


def _deadline(day: TradingDay) -> None:
    executor = day._executor
    executor._rules = executor._rules.model_copy(update={"leg_deadline_seconds": 100_000.0})
    executor._worker._rules = executor._rules


def _confirmed_cancel(day: TradingDay) -> None:
    journal = day.journal
    record = journal.record_status

    def at_once(order: str, status: OrderStatus, note: str = "") -> None:
        done = OrderStatus.CANCELLED if status is OrderStatus.CANCELLING else status
        record(order, done, note)

    _swap(journal, "record_status", at_once)
    _swap(journal, "apply", lambda _report: [])


def _idempotent_fills(day: TradingDay) -> None:
    journal = day.journal
    write = journal._write_fill
    count = 0

    def every_time(fill: Fill) -> bool:
        nonlocal count
        count += 1
        return write(replace(fill, fill_id=f"{fill.fill_id}-{count}"))

    _swap(journal, "_write_fill", every_time)


def _stale_quote_check(day: TradingDay) -> None:
    collector = day._collector
    collector.limits = replace(collector.limits, max_age=1e9, max_skew=1e9)


def _reconciliation(day: TradingDay) -> None:
    _swap(day._recovery, "compare", _agrees)


def _agrees(now: datetime, *, expired: bool) -> str:
    del now, expired
    return ""


def _taking_late_fills(day: TradingDay) -> None:
    _swap(day._recovery, "_take_fills", lambda _fills, _now: None)


def _doubt_forbids_opening(day: TradingDay) -> None:
    compare = day._recovery.compare

    def keeps_it_quiet(now: datetime, *, expired: bool) -> str:
        compare(now, expired=expired)
        return ""

    _swap(day._recovery, "compare", keeps_it_quiet)


def _persisted_mode(day: TradingDay) -> None:
    store = day._store
    store.write("DELETE FROM control")
    store.commit()


def _mode_forbids_opening(day: TradingDay) -> None:
    _swap(day.control, "mode", lambda: ControlMode.NORMAL)


def _mode_is_asked_while_an_entry_waits(day: TradingDay) -> None:
    day._executor._worker._may_open = lambda: True


def _closing_on_a_wish(day: TradingDay) -> None:
    _swap(day, "_close_is_wished", lambda: False)
    _swap(day._monitor, "_wishes", lambda _day: [])


def _one_notice_an_event(day: TradingDay) -> None:
    record = day.record
    notify = record.notify
    count = 0

    def again_and_again(at: datetime, key: str, title: str, text: str) -> bool:
        nonlocal count
        count += 1
        return notify(at, f"{key} {count}", title, text) or notify(at, key, title, text)

    _swap(record, "notify", again_and_again)


def _finishing_what_was_begun(day: TradingDay) -> None:
    _swap(day._book, "finish", lambda _now: None)


def _daily_loss_is_told(day: TradingDay) -> None:
    alert = day._alert

    def silent(at: datetime, title: str, text: str) -> None:
        if title != "Daily loss limit":
            alert(at, title, text)

    day._alert = silent


def _nothing_from_the_day(day: TradingDay) -> None:
    """Take nothing from the day itself: its simulation lacks the safeguard."""
    del day


class Unlocked(Simulation):
    """A data directory without a lock: a second start runs while the first decides."""

    def __init__(self, plan: DayPlan) -> None:
        super().__init__(plan)
        self._is_doubled = False
        self._ask_account = self.exchange.account
        _swap(self.exchange, "account", self._account)

    def _account(self) -> Account:
        """Let a second program do the same tick while this one waits for its answer."""
        answer = self._ask_account()
        if not (self._is_doubled or self.connection.in_transaction):
            self._is_doubled = True
            second = self.new_day()
            second.begin("simulation", self.clock.now())
            second.tick(self.clock.now())
            self._is_doubled = False
        return answer


class _Looser(Simulation):
    """A day that knows other limits than the invariants."""

    changes: tuple[str, ...] = ()

    def new_day(self) -> TradingDay:
        kept = self.settings
        self.settings = kept.changed(*self.changes)
        try:
            return super().new_day()
        finally:
            self.settings = kept


class AnyHour(_Looser):
    """A longer entry window."""

    changes = ("trading_hours.entry_end=10:00",)


class AnySize(_Looser):
    """More spreads."""

    changes = ("strategy.max_spreads=3",)


class AnyLoss(_Looser):
    """No daily loss limit."""

    changes = ("strategy.max_daily_loss=1000000",)


_HALT_BEFORE_A_CRASH = (
    Fault("operator: halt", Anchor.OPEN, 200.0),
    Fault("crash", Anchor.OPEN, 250.0, 1.0),
)

SAFEGUARDS: Sequence[Safeguard] = (
    Safeguard("an order is committed before it is sent", "b", _commit_before_send, 3),
    Safeguard(
        "an unknown outcome is looked up and not sent again",
        "abce",
        _lookup_instead_of_resend,
        5,
        (_at_entry("accepted late", length=4.0),),
    ),
    Safeguard(
        "an order that is not found yet is waited for",
        "abcde",
        _grace,
        5,
        (_at_entry("accepted late", length=8.0),),
    ),
    Safeguard("SPXW is bought first", "a", _spxw_first, 3),
    Safeguard(
        "SPY is bought back first", "a", _spy_back_first, 5, (_at_entry("operator: close", 200.0),)
    ),
    Safeguard("a leg has a deadline", "dh", _deadline, 5, (_at_entry("no trades", length=900.0),)),
    Safeguard(
        "a cancel counts once it is confirmed",
        "abce",
        _confirmed_cancel,
        5,
        (_at_entry("no trades", length=20.0), _at_entry("lost cancel")),
    ),
    Safeguard("a fill counts once", "e", _idempotent_fills, 3),
    Safeguard(
        "old quotes are not traded on",
        "d",
        _stale_quote_check,
        10,
        (_at_entry("no trades", length=45.0), _at_entry("old quotes", 50.0, 900.0)),
    ),
    Safeguard(
        "the record is compared with the broker at start",
        "abcdehi",
        _reconciliation,
        5,
        (_at_entry("long calls liquidated", 200.0, n=1),),
    ),
    Safeguard("a mode outlives the process", "d", _persisted_mode, 5, _HALT_BEFORE_A_CRASH),
    Safeguard(
        "a mode forbids opening",
        "d",
        _mode_forbids_opening,
        5,
        (_in_the_morning("operator: reduce-only", 200.0),),
    ),
    Safeguard(
        "the mode is asked while an entry waits",
        "d",
        _mode_is_asked_while_an_entry_waits,
        5,
        (_at_entry("operator: halt"), _at_entry("no trades", length=10.0)),
    ),
    Safeguard(
        "a wish to close is attended to",
        "h",
        _closing_on_a_wish,
        5,
        (_at_entry("operator: close", 200.0),),
    ),
    Safeguard(
        "an event is put up once",
        "i",
        _one_notice_an_event,
        5,
        (Fault("no trades", Anchor.CLOSE, -900.0, 1200.0),),
    ),
    Safeguard(
        "what was begun is finished",
        "acefhi",
        _finishing_what_was_begun,
        10,
        (_at_entry("crash", 2.0, 1.0), _at_entry("no trades", length=5.0)),
    ),
    Safeguard(
        "late fills are taken from the broker",
        "e",
        _taking_late_fills,
        20,
        (_at_entry("no trades", length=40.0), _at_entry("fill after cancel", 26.0, 9.0)),
    ),
    Safeguard(
        "one program a data directory",
        "abcdefhix",
        _nothing_from_the_day,
        5,
        simulation=Unlocked,
    ),
    Safeguard(
        "nothing is opened outside the entry window",
        "d",
        _nothing_from_the_day,
        5,
        settings=("trading_hours.entry_end=09:36",),
        simulation=AnyHour,
    ),
    Safeguard(
        "no more spreads than the limit",
        "c",
        _nothing_from_the_day,
        5,
        settings=("strategy.max_spreads=1",),
        simulation=AnySize,
    ),
)


def without(safeguard: Safeguard) -> Callable[[DayPlan], Simulation]:
    """Return what makes a simulation that lacks the safeguard."""

    class Without(safeguard.simulation):  # type: ignore[name-defined, misc] # one of two classes
        def new_day(self) -> TradingDay:
            day: TradingDay = super().new_day()
            safeguard.remove(day)
            return day

    return Without


def day_for(safeguard: Safeguard, seed: int) -> DayPlan:
    """Return the day of a seed on which the safeguard matters."""
    plan = draw_day(seed, ())
    return replace(plan, faults=safeguard.faults, settings=plan.settings + safeguard.settings)
