"""The safeguards of a day, each with a way to take it out, so that its absence can be found.

Taking a safeguard away is the experiment, see `removals.py`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from src.ports import Account
from src.trading_day import TradingDay
from tests.simulation import removals
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


class Unlocked(Simulation):
    """A data directory without a lock: a second start runs while the first decides."""

    def __init__(self, plan: DayPlan) -> None:
        super().__init__(plan)
        self._is_doubled = False
        self._ask_account = self.exchange.account
        removals.swap(self.exchange, "account", self._account)

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
    Safeguard("an order is committed before it is sent", "b", removals.commit_before_send, 3),
    Safeguard(
        "an unknown outcome is looked up and not sent again",
        "abce",
        removals.lookup_instead_of_resend,
        5,
        (_at_entry("accepted late", length=4.0),),
    ),
    Safeguard(
        "an order that is not found yet is waited for",
        "abcde",
        removals.grace,
        5,
        (_at_entry("accepted late", length=8.0),),
    ),
    Safeguard("SPXW is bought first", "a", removals.spxw_first, 3),
    Safeguard(
        "SPY is bought back first",
        "a",
        removals.spy_back_first,
        5,
        (_at_entry("operator: close", 200.0),),
    ),
    Safeguard(
        "a leg has a deadline", "dh", removals.deadline, 5, (_at_entry("no trades", length=900.0),)
    ),
    Safeguard(
        "a cancel counts once it is confirmed",
        "abce",
        removals.confirmed_cancel,
        5,
        (_at_entry("no trades", length=20.0), _at_entry("lost cancel")),
    ),
    Safeguard("a fill counts once", "e", removals.idempotent_fills, 3),
    Safeguard(
        "old quotes are not traded on",
        "d",
        removals.stale_quote_check,
        10,
        (_at_entry("no trades", length=45.0), _at_entry("old quotes", 50.0, 900.0)),
    ),
    Safeguard(
        "the record is compared with the broker at start",
        "abcdehi",
        removals.reconciliation,
        5,
        (_at_entry("long calls liquidated", 200.0, n=1),),
    ),
    Safeguard("a mode outlives the process", "d", removals.persisted_mode, 5, _HALT_BEFORE_A_CRASH),
    Safeguard(
        "a mode forbids opening",
        "d",
        removals.mode_forbids_opening,
        5,
        (_in_the_morning("operator: reduce-only", 200.0),),
    ),
    Safeguard(
        "the mode is asked while an entry waits",
        "d",
        removals.mode_is_asked_while_an_entry_waits,
        5,
        (_at_entry("operator: halt"), _at_entry("no trades", length=10.0)),
    ),
    Safeguard(
        "a wish to close is attended to",
        "h",
        removals.closing_on_a_wish,
        5,
        (_at_entry("operator: close", 200.0),),
    ),
    Safeguard(
        "an event is put up once",
        "i",
        removals.one_notice_an_event,
        5,
        (Fault("no trades", Anchor.CLOSE, -900.0, 1200.0),),
    ),
    Safeguard(
        "what was begun is finished",
        "acefhi",
        removals.finishing_what_was_begun,
        10,
        (
            _at_entry("crash", 2.0, 1.0),
            _at_entry("no trades", length=5.0),
            _at_entry("operator: close", 300.0),
        ),
    ),
    Safeguard(
        "late fills are taken from the broker",
        "e",
        removals.taking_late_fills,
        20,
        (_at_entry("no trades", length=40.0), _at_entry("fill after cancel", 26.0, 9.0)),
    ),
    Safeguard(
        "nothing is sent again before the last fills are in",
        "acj",
        removals.waiting_for_the_last_fills,
        5,
        (_at_entry("no trades", length=20.0), _at_entry("fill after cancel", length=9.0)),
    ),
    Safeguard(
        "nothing is sent again on positions older than the last order's end",
        "acj",
        removals.waiting_for_positions,
        5,
        (
            _at_entry("no trades", length=7.0),
            _at_entry("fill after cancel", length=9.0),
            _at_entry("positions lag", length=100.0, n=15),
        ),
    ),
    Safeguard(
        "no more is closed than is held",
        "j",
        removals.closing_no_more_than_is_held,
        5,
        (_at_entry("assigned early", 100.0, n=4), _at_entry("operator: close", 200.0)),
    ),
    Safeguard(
        "nothing is opened while record and broker differ",
        "d",
        removals.doubt_forbids_opening,
        20,
        (
            _at_entry("partial fills", length=50.0, n=1),
            _at_entry("no trades", 0.5, 31.0),
            _at_entry("assigned early", 55.0, n=3),
        ),
    ),
    Safeguard(
        "nothing is opened past the daily loss",
        "d",
        removals.nothing_from_the_day,
        10,
        (_at_entry("SPY calls halted", length=75.0),),
        settings=("strategy.max_daily_loss=20", "strategy.max_spreads=3"),
        simulation=AnyLoss,
    ),
    Safeguard(
        "one program a data directory",
        "abcdefhix",
        removals.nothing_from_the_day,
        5,
        simulation=Unlocked,
    ),
    Safeguard(
        "nothing is opened outside the entry window",
        "d",
        removals.nothing_from_the_day,
        5,
        settings=("trading_hours.entry_end=09:36",),
        simulation=AnyHour,
    ),
    Safeguard(
        "no more spreads than the limit",
        "c",
        removals.nothing_from_the_day,
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
