"""The embedded exchange behind a line that fails, with a will of its own."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal

from brokers.simulated_client import SimulatedBroker
from src.models import (
    MULTIPLIER,
    Answer,
    Fill,
    OptionContract,
    OrderIntent,
    OrderOutcome,
    Purpose,
    Session,
    Side,
)
from src.ports import (
    Account,
    Activity,
    Check,
    Holding,
    OrderReport,
    OrderState,
    QuoteSource,
    RetryLater,
)
from src.ticks import CENT
from tests.simulation.faults import Anchor
from tests.simulation.markets import TIMEOUT
from tests.simulation.world import World

ARRIVAL = "what was on its way arrives"
GRACE = 10.0
"""Seconds within which a submission arrives, if it ever does."""
LAG = 20.0
"""Seconds by which positions lag at most on a day that has the fault of that name."""


def _unheeded(intent: OrderIntent) -> None:
    del intent


class FaultyExchange:
    """A broker whose calls fail as the world says; what it did itself is in `inner`.

    Everything of `inner` is ours: what the user trades besides is kept apart in `foreign`.
    """

    name = "simulated exchange"
    lookup_grace_seconds = GRACE
    positions_lag_seconds = 0.0

    def __init__(self, inner: SimulatedBroker, market: QuoteSource, world: World) -> None:
        self.inner, self.world = inner, world
        self.foreign: dict[OptionContract, int] = {}
        self.foreign_shares = 0
        self.changes = 0
        """Counts whatever may matter to an invariant."""
        inner._save = self._changed  # type: ignore[method-assign] # it is called at each change
        self.has_raced = False
        """Whether the exchange acted while an order of ours was on its way or on its book."""
        self._is_submitting = False
        self.others: list[Fill] = []
        self.own_acts: list[tuple[datetime, str, OptionContract, int]] = []
        self.submitted: list[OrderIntent] = []
        self.on_submit: Callable[[OrderIntent], None] = _unheeded
        self._market = market
        world.acts[ARRIVAL] = lambda _: self.look()
        self._late: list[tuple[datetime, OrderIntent]] = []
        self._late_cancels: list[tuple[datetime, str]] = []
        self._hidden: dict[str, datetime] = {}
        self._reports: dict[str, list[OrderReport]] = {}
        self._calls = 0
        self._remembered = 0
        self._past: list[tuple[datetime, int, tuple[tuple[OptionContract, int], ...]]] = []
        self._untold: set[OptionContract] = set()
        """In which contracts the exchange acted later than the positions that it told last."""

    # What the day calls.

    def submit(self, intent: OrderIntent) -> OrderOutcome:
        world = self.world
        self.on_submit(intent)
        self._is_submitting = True
        world.reached(Anchor.ENTRY if intent.purpose is Purpose.OPEN else Anchor.EXIT)
        world.crash_point("crash before a call")
        self._is_submitting = False
        self._advance()
        self.has_raced |= intent.purpose is Purpose.CLOSE and intent.contract in self._untold
        self.submitted.append(intent)
        outcome = self._submit(intent)
        world.note("submit", (intent, outcome.answer, outcome.text))
        self._remember()
        world.on_step()
        world.crash_point("crash after a call")
        return outcome

    def _submit(self, intent: OrderIntent) -> OrderOutcome:
        world, order = self.world, intent.client_order_id
        unknown = OrderOutcome(order, Answer.UNKNOWN, text="no answer")
        if world.active("broker away") or world.take("never arrived"):
            world.pass_time(TIMEOUT)
            return unknown
        if fault := world.take("accepted late"):
            moment = world.time.moment + timedelta(seconds=fault.length)
            self._late.append((moment, intent))
            self._changed()
            world.happens_at(moment, ARRIVAL)
            world.pass_time(min(TIMEOUT, fault.length))
            return unknown
        halted = world.active(f"{intent.contract.root} calls halted")
        if halted or world.take("refused"):
            return OrderOutcome(order, Answer.REFUSED, code="42210000", text="not now")
        outcome = self.inner.submit(intent)
        return unknown if world.take("answer lost") else outcome

    def cancel(self, client_order_id: str) -> None:
        self._enter("cancel", client_order_id)
        world = self.world
        if fault := world.take("slow cancel"):
            moment = world.time.moment + timedelta(seconds=fault.length)
            self._late_cancels.append((moment, client_order_id))
            world.happens_at(moment, ARRIVAL)
        elif not world.take("lost cancel"):
            self.inner._advance()
            order = self.inner._state.orders.get(client_order_id)
            is_working = order is not None and not order.state.is_final
            if order and is_working and (fault := world.take("fill after cancel")):
                # It traded a moment before the cancel came; that is told only later.
                intent = order.intent
                self._hidden[client_order_id] = world.time.moment + timedelta(seconds=fault.length)
                self._reports[client_order_id] = [
                    order.report()._replace(state=OrderState.CANCELLED, text="cancelled")
                ]
                self.inner._fill(order, order.remaining, intent.limit, world.time.moment)
            else:
                self.inner.cancel(client_order_id)
        self._leave()

    def order(self, client_order_id: str) -> OrderReport | None:
        self._enter("order", client_order_id)
        report = self.inner.order(client_order_id)
        if report:
            report = self._as_told(report)
        self._leave()
        return report

    def open_orders(self) -> list[OrderReport]:
        self._enter("open orders", "")
        found = [
            self._as_told(each)
            for each in self.inner.open_orders()
            if not self._is_hidden(each.client_order_id)
        ]
        self._leave()
        return found

    def fills(self, session: date) -> list[Fill]:
        self._enter("fills", "")
        found = self.inner.fills(session)
        if self._hidden:
            found = [each for each in found if not self._is_hidden(each.client_order_id)]
        self._leave()
        return [*found, *self.others]

    def holdings(self) -> list[Holding]:
        self._enter("holdings", "")
        self.inner._advance()
        lag = self.world.active("positions lag") if self.world.is_troubled else None
        state = self.inner._state
        shares, options = state.shares, state.options
        self._untold = set()
        if lag:
            then = self.world.time.moment - timedelta(seconds=lag.n)
            shares, held = self._held_at(then)
            options = dict(held)
            self._untold = {contract for at, _, contract, _ in self.own_acts if at > then}
        if self.foreign:
            options = dict(options)
            for contract, quantity in self.foreign.items():
                options[contract] = options.get(contract, 0) + quantity
        found = [Holding(each.symbol, n, each) for each, n in options.items() if n]
        shares += self.foreign_shares
        self._leave()
        return [*found, Holding("SPY", shares)] if shares else found

    def account(self) -> Account:
        self._enter("account", "")
        found = self.inner.account()
        self._leave()
        return found

    def capabilities(self) -> tuple[Check, ...]:
        return self.inner.capabilities()

    def refusal(self, intent: OrderIntent) -> str:
        self._enter("refusal", intent.client_order_id)
        found = self.inner.refusal(intent)
        self._leave()
        return found

    def activities(self, since: date) -> list[Activity]:
        del since
        return []

    def must_be_flat_by(self, session: Session) -> datetime:
        return self.inner.must_be_flat_by(session)

    # How the line fails.

    def _enter(self, call: str, about: str) -> None:
        world = self.world
        world.note("call", (call, about))
        if world.has_armed:
            world.crash_point("crash before a call")
        if world.is_troubled and world.active("broker away"):
            world.pass_time(TIMEOUT)
            raise RetryLater(f"no answer in {TIMEOUT:g} s")
        if self._late or self._late_cancels:
            self._advance()

    def _leave(self) -> None:
        world = self.world
        if self.changes != self._remembered:  # a question alone is no step
            self._remember()
            world.on_step()
        if world.has_armed:
            world.crash_point("crash after a call")

    def _is_hidden(self, client_order_id: str) -> bool:
        until = self._hidden.get(client_order_id)
        return until is not None and self.world.time.moment < until

    def _as_told(self, report: OrderReport) -> OrderReport:
        order = report.client_order_id
        if self._is_hidden(order):
            return self._reports[order][0]
        known = self._reports.setdefault(order, [])
        if not known or known[-1] != report:
            known.append(report)
        if self.world.active("repeated reports"):
            self._calls += 1
            # Every other time an old one, and the new one with each of its fills twice.
            if self._calls % 2:
                return known[max(len(known) - 2, 0)]
            return report._replace(fills=report.fills * 2)
        return report

    # What the exchange does when nobody calls.

    def _advance(self) -> None:
        """Bring the exchange up to true time: what was under way arrives, orders meet quotes."""
        now = self.world.time.moment
        if self._late or self._late_cancels:
            arrived = [each for each in self._late if each[0] <= now]
            self._late = [each for each in self._late if each[0] > now]
            self._changed()
            for _, intent in arrived:
                outcome = self.inner.submit(intent)
                self.world.note("arrives late", (intent, outcome.answer, outcome.text))
            cancels = [each for each in self._late_cancels if each[0] <= now]
            self._late_cancels = [each for each in self._late_cancels if each[0] > now]
            for _, order in cancels:
                self.inner.cancel(order)

    def _changed(self) -> None:
        self.changes += 1

    def look(self) -> None:
        """Let orders that are at work meet the market of this moment."""
        if self._late or self._late_cancels or self.inner._may_have_work:
            self._advance()
            self.inner._advance()
            self._remember()

    @property
    def has_working(self) -> bool:
        """Whether any order is on the book."""
        return bool(self.inner._working())

    @property
    def is_past_knowing(self) -> bool:
        """Whether nobody could know what is ours.

        The exchange closed what an order of ours was just closing, or had closed it later than the
        positions tell that we close by, or closed what the user held as well.
        """
        return self.has_raced or bool(self.own_acts and self.foreign)

    @property
    def is_short(self) -> bool:
        """Whether a SPY call of ours is short and can still be bought back."""
        if self.world.time.moment >= self.inner._session.spy_options_close:
            return False
        return any(n < 0 for each, n in self.inner._state.options.items() if each.root == "SPY")

    @property
    def on_the_way(self) -> list[OrderIntent]:
        """Orders that were sent and have not arrived yet, and will be taken when they do.

        One whose id was used before a record was lost is refused on its arrival.
        """
        known = self.inner._state.orders
        return [intent for _, intent in self._late if intent.client_order_id not in known]

    def _remember(self) -> None:
        """Keep what was held, for answers that lag behind."""
        if self.changes != self._remembered:
            self._remembered = self.changes
            state = self.inner._state
            self._past.append((self.world.time.moment, state.shares, tuple(state.options.items())))

    def _held_at(self, then: datetime) -> tuple[int, tuple[tuple[OptionContract, int], ...]]:
        found = (each for each in reversed(self._past) if each[0] <= then)
        return next(((shares, held) for _, shares, held in found), (0, ()))

    # What it does by itself.

    def foreign_cover(self) -> int:
        """Return the user's own long calls in the SPXW contracts that we trade."""
        ours = {each.contract for each in self.submitted}
        return sum(
            max(n, 0) for each, n in self.foreign.items() if each in ours and each.root == "SPXW"
        )

    def liquidate(self, root: str, contracts: int) -> None:
        """Close up to so many contracts of one leg at the middle of the market."""
        for contract, held in self._held(root):
            n = min(contracts, abs(held)) * (1 if held > 0 else -1)
            quote = self._market.quotes((contract,)).get(contract)
            price = Decimal(str(quote.ask if quote and quote.ask else 1)).quantize(CENT)
            self._act("liquidated", contract, n)
            fill = Fill(
                fill_id=f"liquidation-{len(self.others) + 1}",
                client_order_id="",
                contract=contract,
                side=Side.SELL if n > 0 else Side.BUY,
                quantity=abs(n),
                price=price,
                fee=Decimal(0),
                at=self.world.time.moment,
            )
            self.others.append(fill)
            self.inner._state.cash += fill.cash
            return

    def assign(self, contracts: int) -> None:
        """Assign up to so many short SPY calls: they are gone, and the shares sold."""
        for contract, held in self._held("SPY"):
            if held > 0:
                continue  # nobody is assigned what he holds
            n = max(held, -contracts)
            state = self.inner._state
            state.shares += n * MULTIPLIER
            state.cash -= n * MULTIPLIER * Decimal(str(contract.strike))
            self._act("assigned", contract, n)
            return

    def _held(self, root: str) -> list[tuple[OptionContract, int]]:
        every = self.inner._state.options.items()
        return [(each, n) for each, n in every if n and each.root == root]

    def _act(self, what: str, contract: OptionContract, n: int) -> None:
        self.inner._state.options[contract] -= n
        self.has_raced |= self._is_submitting or self.has_working or bool(self._late)
        self.own_acts.append((self.world.time.moment, what, contract, n))
        self._changed()
        self._remember()
