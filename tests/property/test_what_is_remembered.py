"""What a journal remembers of its own writes is what a new one reads."""

from collections.abc import Callable
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from src.database import Store, open_database
from src.day_record import DayRecord
from src.journal import Journal
from src.models import Answer, Fill, Leg, OrderIntent, OrderOutcome, Purpose, Side
from src.order_records import OrderStatus, SpreadPlan
from src.ports import OrderReport, OrderState
from tests.fakes.builders import DAY, at, spxw_call, spy_call

ORDERS, SPREADS, FILLS = range(3), (1, 2), ("", "f1", "f2")

Act = Callable[[Journal, Store], object]
numbers = st.sampled_from(ORDERS)
intents = st.builds(
    lambda spread_no, number: OrderIntent(
        session=DAY,
        spread_no=spread_no,
        leg=Leg.SPY if number else Leg.SPX,
        purpose=Purpose.OPEN,
        attempt=number + 1,
        contract=spy_call() if number else spxw_call(),
        side=Side.SELL if number else Side.BUY,
        quantity=10,
        limit=Decimal("23.4"),
        created_at=at("09:41"),
    ),
    st.sampled_from(SPREADS),
    numbers,
)
fills = st.builds(
    lambda intent, name, quantity, cents: Fill(
        fill_id=f"{intent.client_order_id}-{name}",
        client_order_id=intent.client_order_id,
        contract=intent.contract,
        side=intent.side,
        quantity=quantity,
        price=Decimal(cents) / 100,
        fee=Decimal("0.15"),
        at=at("09:42"),
    ),
    intents,
    st.sampled_from(FILLS),
    st.integers(1, 3),
    st.integers(1, 5000),
)
acts = st.one_of(
    st.builds(lambda each: lambda journal, _: journal.record_intent(each), intents),
    st.builds(
        lambda each, answer: (
            lambda journal, _: journal.record_outcome(
                OrderOutcome(each.client_order_id, answer, "X1", "", "as it came")
            )
        ),
        intents,
        st.sampled_from(Answer),
    ),
    st.builds(
        lambda each, status, note: (
            lambda journal, _: journal.record_status(each.client_order_id, status, note)
        ),
        intents,
        st.sampled_from(OrderStatus),
        st.sampled_from(("", "a note")),
    ),
    st.builds(
        lambda fill, state: (
            lambda journal, _: journal.apply(
                OrderReport(fill.client_order_id, "X1", state, (fill,), "")
            )
        ),
        fills,
        st.sampled_from(OrderState),
    ),
    st.builds(lambda fill: lambda journal, _: journal.record_fill(fill), fills),
    # Neither of these commits, so that a rollback takes them away again.
    st.builds(
        lambda no, stage: lambda journal, _: journal.set_stage(no, stage),
        st.sampled_from(SPREADS),
        st.sampled_from(("entering", "held", "exiting", "closed")),
    ),
    st.builds(lambda fill: lambda journal, _: journal._write_fill(fill), fills),
    st.just(lambda _, store: store.rollback()),
)


@given(acts=st.lists(acts, max_size=12))
def test_after_any_writes_and_rollbacks_a_new_journal_reads_the_same(acts: list[Act]) -> None:
    store = Store(open_database(None))
    DayRecord(store, DAY).begin_session("paper", "a test", "key", at("09:30"))
    journal = Journal(store, DAY)
    for number in SPREADS:
        journal.record_plan(a_plan(number))
    for act in acts:
        _try(act, journal, store)
        assert _known(journal) == _known(Journal(store, DAY))
    store.connection.close()


def _try(act: Act, journal: Journal, store: Store) -> None:
    """Do it, if the record allows it; what was written up to its refusal is rolled back."""
    try:
        act(journal, store)
    except (LookupError, store.connection.IntegrityError):
        store.rollback()


def _known(journal: Journal) -> tuple[object, ...]:
    return (
        list(journal.orders()),
        list(journal.live_orders()),
        list(journal.plans()),
        list(journal.positions()),
        list(journal.open_positions()),
        (journal.held(spy_call()), journal.held(spxw_call())),
        sorted(journal._fills.get().fees),
        journal._fills.get().of_orders,
    )


def a_plan(number: int) -> SpreadPlan:
    return SpreadPlan(
        session=DAY,
        spread_no=number,
        spy_contract=spy_call(),
        spx_contract=spxw_call(),
        wanted=1,
        started_at=at("09:41"),
        spx_worst=Decimal("25.70"),
        spy_floor=Decimal("402.15"),
        stage="entering",
    )
