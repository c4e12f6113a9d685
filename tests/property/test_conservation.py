"""Whatever market and broker do: nothing is lost, and no short call is without its cover."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from src.models import OptionContract, Quote, Side
from src.ports import Account, OfficialCloses
from src.settlement import settle
from tests.fakes.builders import DAY, a_clock, spxw_call, spy_call
from tests.fakes.scripted_broker import Cancel, Lookup, Submission, quiet
from tests.fakes.trading_desk import CASH, Desk, NoticedClock
from utils.market_clock import VirtualClock


@dataclass(frozen=True)
class Moment:
    """One stretch of a random market: the SPY bid in cents, the SPXW bid in dimes, the sizes."""

    spy_bid: int
    spx_bid: int
    size: int
    there: bool


class RandomMarket:
    """Goes through its moments, five seconds each, and starts again after the last."""

    name = "random market"
    cadence_seconds: float | None = None

    def __init__(self, clock: VirtualClock, moments: list[Moment]) -> None:
        self.clock = clock
        self.moments = moments
        self.start = clock.now()
        self.closes: OfficialCloses | None = None

    def prices(self) -> Mapping[str, Quote]:
        now = self.clock.now()
        return {"SPY": Quote(now, last=600.25), "SPX": Quote(now, last=6002.50)}

    def quotes(self, contracts: Iterable[OptionContract]) -> Mapping[OptionContract, Quote]:
        now: datetime = self.clock.now()
        moment = self.moments[int((now - self.start).total_seconds() / 5) % len(self.moments)]
        if not moment.there:
            return {}
        spy, spx = moment.spy_bid / 100, moment.spx_bid / 10
        every = {
            spy_call(): Quote(now, spy, round(spy + 0.02, 2), moment.size, moment.size),
            spxw_call(): Quote(now, spx, round(spx + 0.4, 2), moment.size, moment.size),
        }
        return {each: every[each] for each in contracts if each in every}

    def official_closes(self, day: date) -> OfficialCloses | None:  # noqa: ARG002 - the port's
        return self.closes


MOMENTS = st.lists(
    st.builds(
        Moment,
        spy_bid=st.integers(240, 330),
        spx_bid=st.one_of(st.integers(225, 260), st.integers(0, 60)),
        size=st.integers(0, 12),
        there=st.sampled_from([True, True, True, False]),
    ),
    min_size=1,
    max_size=12,
)


def faults(kind: type[Submission] | type[Lookup] | type[Cancel]) -> st.SearchStrategy[list[Any]]:
    """Behaviours in runs: a broker that is down is down for a while."""
    runs = st.tuples(st.sampled_from(list(kind)), st.sampled_from([1, 1, 2, 40, 200]))
    return st.lists(runs, max_size=5).map(lambda each: [how for how, n in each for _ in range(n)])


class Killed(BaseException):
    """The process is gone."""


class Watched(Desk):
    """A desk that proves after every call and every wait that each short call is covered."""

    def __init__(self, moments: list[Moment], kills: list[int], *, back: bool) -> None:
        clock = NoticedClock(a_clock().now())
        self.random_market = RandomMarket(clock, moments)
        super().__init__(clock=clock, market=self.random_market)
        self.broker.before = self.die_when_it_is_time
        self.broker.after = lambda _call, _about: self.prove()
        clock.on_sleep = self.prove
        self.kills = kills
        self.back = back

    def die_when_it_is_time(self, _call: str, _about: str) -> None:
        if len(self.broker.calls) in self.kills:
            raise Killed

    def survive(self, act: Callable[[], object]) -> None:
        """Do something; what is killed loses what was not committed, and perhaps some time."""
        began = self.clock.now()
        try:
            act()
        except Killed:
            self.store.rollback()
            if self.back:
                self.clock._now = began

    def prove(self) -> None:
        held = self.held()
        short, long = -held.get(spy_call(), 0), held.get(spxw_call(), 0)
        exposed = short + self.working("SPY", Side.SELL)
        cover = long - self.working("SPXW", Side.SELL)
        assert exposed <= 10 * cover, f"{exposed} SPY calls short or for sale, {cover} SPXW calls"
        assert self.working("SPY", Side.BUY) <= short, "more is bought back than is short"
        assert short >= 0
        assert cover >= 0

    def account(self) -> Account:
        return self.exchange.account()


@settings(deadline=None, max_examples=120)
@given(
    moments=MOMENTS,
    submissions=faults(Submission),
    lookups=faults(Lookup),
    cancels=faults(Cancel),
    grace=st.sampled_from([0.0, 3.0, 20.0]),
    spreads=st.integers(1, 3),
    exits=st.integers(0, 4),
    kills=st.lists(st.integers(1, 150), max_size=3),
    back=st.booleans(),
    closes=st.tuples(st.integers(59_000, 61_000), st.integers(590_000, 610_000)),
)
def test_contracts_and_cash_are_conserved_and_short_calls_are_covered_at_every_moment(
    *,
    moments: list[Moment],
    submissions: list[Submission],
    lookups: list[Lookup],
    cancels: list[Cancel],
    grace: float,
    spreads: int,
    exits: int,
    kills: list[int],
    back: bool,
    closes: tuple[int, int],
) -> None:
    desk = Watched(moments, kills, back=back)
    desk.broker.lookup_grace_seconds = grace
    # What arrives later than the broker's grace is beyond what can be guarded against: an order is
    # late only where it is waited for, and by a process that lives to ask for it at once.
    may_be_late = grace > 0 and not kills
    on_time = [each for each in submissions if may_be_late or each is not Submission.LATE]
    desk.broker.submissions.extend(on_time)
    desk.broker.lookups.extend(lookups)
    desk.broker.cancels.extend(cancels)

    desk.survive(lambda: desk.enter(spreads))
    while desk.plan().stage == "entering":
        desk.clock.sleep(60)
        desk.survive(desk.go_on)
    for _ in range(exits):
        desk.survive(desk.leave)
        desk.clock.sleep(10)
    settle_everything_in_flight(desk)

    position, account, held = desk.position(), desk.account(), desk.held()
    assert held.get(spy_call(), 0) == -position.spy_short
    assert held.get(spxw_call(), 0) == position.spx_long
    assert account.cash == CASH + position.cash
    assert account.cash == CASH + sum((each.cash for each in desk.exchange.fills(DAY)), Decimal(0))

    expire(desk, OfficialCloses(closes[0] / 100, closes[1] / 100, "a test"))
    final, after = desk.position(), desk.account()
    assert not final.is_open
    assert after.equity == CASH + final.cash, "the day's result is what the account has gained"


def settle_everything_in_flight(desk: Desk) -> None:
    """Let the broker recover, and hear from it what became of every order."""
    desk.broker.before = quiet
    desk.broker.submissions.clear()
    desk.broker.lookups.clear()
    desk.broker.cancels.clear()
    for record in desk.journal.orders():
        if not record.status.is_final:
            desk.broker.cancel(record.intent.client_order_id)
    desk.clock.sleep(600)  # longer than what a clock that went back lost
    # An order is given up only after it was looked for again and again for the whole grace.
    for _ in range(round(desk.broker.lookup_grace_seconds) + 2):
        desk.executor.look_up_open_orders()
        desk.clock.sleep(1)
    assert all(each.status.is_final for each in desk.journal.orders())


def expire(desk: Watched, closes: OfficialCloses) -> None:
    """Let the session end at these prices, at the exchange and in the journal."""
    desk.random_market.closes = closes
    desk.random_market.prices = lambda: {  # type: ignore[method-assign] # the evening's price
        "SPY": Quote(desk.clock.now(), last=closes.spy)
    }
    evening = desk.session.spy_options_close
    desk.clock.sleep((evening - desk.clock.now()).total_seconds())
    position = desk.position()
    value = settle(position, closes)
    desk.journal.record_settlement(
        position, value, (closes.spy, closes.spx), closes.source, evening
    )
