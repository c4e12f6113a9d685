"""The journal forgets nothing, counts nothing twice, and knows what follows from its fills."""

import sqlite3
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from src.database import Store, open_database
from src.day_record import DayRecord
from src.journal import Journal
from src.models import Answer, Fill, Leg, OptionContract, OrderIntent, OrderOutcome, Purpose, Side
from src.order_records import OrderStatus, SpreadPlan, from_cents, to_cents
from src.ports import OrderReport, OrderState
from src.settlement import calculate_expiration_value
from tests.fakes.builders import DAY, at, spxw_call, spy_call

OTHER_DAY = date(2026, 3, 10)


@pytest.fixture
def store() -> Store:
    return a_store(None)


@pytest.fixture
def journal(store: Store) -> Journal:
    journal = Journal(store, DAY)
    journal.record_plan(a_plan())
    return journal


def a_store(path: Path | None) -> Store:
    store = Store(open_database(path, durable=False))
    for day in (DAY, OTHER_DAY):
        DayRecord(store, day).begin_session("paper", "a test", "key", at("09:30", day))
    return store


def a_plan(spread_no: int = 1, day: date = DAY, wanted: int = 1) -> SpreadPlan:
    return SpreadPlan(
        session=day,
        spread_no=spread_no,
        spy_contract=spy_call(day=day),
        spx_contract=spxw_call(day=day),
        wanted=wanted,
        started_at=at("09:41", day),
        spx_worst=Decimal("25.70"),
        spy_floor=Decimal("402.15"),
        stage="entering",
    )


def an_intent(
    leg: Leg = Leg.SPX,
    side: Side = Side.BUY,
    quantity: int = 1,
    *,
    purpose: Purpose = Purpose.OPEN,
    attempt: int = 1,
    spread_no: int = 1,
    day: date = DAY,
) -> OrderIntent:
    contract: OptionContract = spy_call(day=day) if leg is Leg.SPY else spxw_call(day=day)
    return OrderIntent(
        session=day,
        spread_no=spread_no,
        leg=leg,
        purpose=purpose,
        attempt=attempt,
        contract=contract,
        side=side,
        quantity=quantity,
        limit=Decimal("23.40"),
        created_at=at("09:41:01", day),
    )


def a_fill(
    intent: OrderIntent, quantity: int, price: str, fee: str = "0.65", number: int = 1
) -> Fill:
    return Fill(
        fill_id=f"{intent.client_order_id}-f{number}",
        client_order_id=intent.client_order_id,
        contract=intent.contract,
        side=intent.side,
        quantity=quantity,
        price=Decimal(price),
        fee=Decimal(fee),
        at=at("09:41:02", intent.session),
    )


def a_report(
    intent: OrderIntent, *fills: Fill, state: OrderState = OrderState.FILLED, text: str = ""
) -> OrderReport:
    return OrderReport(intent.client_order_id, "X1", state, fills, text)


def trade(
    journal: Journal, intent: OrderIntent, quantity: int, price: str, fee: str = "0.65"
) -> None:
    journal.record_intent(intent)
    journal.apply(a_report(intent, a_fill(intent, quantity, price, fee)))


def open_worked_example(journal: Journal) -> None:
    trade(journal, an_intent(), 1, "23.40")
    trade(journal, an_intent(Leg.SPY, Side.SELL, 10), 10, "2.98", "1.50")


def status(journal: Journal) -> OrderStatus:
    return journal.orders()[-1].status


# Orders.


def test_an_intent_is_committed_at_once(tmp_path: Path) -> None:
    path = tmp_path / "trades.db"
    journal = Journal(a_store(path), DAY)
    journal.record_plan(a_plan())
    journal.record_intent(an_intent())
    other = sqlite3.connect(path)
    assert other.execute("SELECT client_order_id, state FROM orders").fetchall() == [
        ("2026-03-09-1-spx-open-1", "intent")
    ]
    other.close()


def test_an_order_is_read_back_as_it_was_meant(journal: Journal) -> None:
    intent = an_intent(Leg.SPY, Side.SELL, 10, attempt=3)
    journal.record_intent(intent)
    (record,) = journal.orders()
    assert record.intent == intent
    assert (record.status, record.filled, record.paid) == (OrderStatus.INTENT, 0, Decimal(0))


def test_an_id_cannot_be_meant_twice(journal: Journal) -> None:
    journal.record_intent(an_intent())
    with pytest.raises(sqlite3.IntegrityError):
        journal.record_intent(an_intent())


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer.ACCEPTED, OrderStatus.WORKING),
        (Answer.REFUSED, OrderStatus.REFUSED),
        (Answer.UNKNOWN, OrderStatus.UNKNOWN),
    ],
)
def test_an_answer_is_recorded_with_the_brokers_words(
    journal: Journal, answer: Answer, expected: OrderStatus
) -> None:
    intent = an_intent()
    journal.record_intent(intent)
    journal.record_outcome(OrderOutcome(intent.client_order_id, answer, "X1", "42", "so it is"))
    (record,) = journal.orders()
    assert (record.status, record.note) == (expected, "42 so it is")


def test_only_an_intent_and_an_unknown_answer_are_in_doubt() -> None:
    doubtful = {each for each in OrderStatus if each.is_in_doubt}
    assert doubtful == {OrderStatus.INTENT, OrderStatus.UNKNOWN}


def test_what_may_still_fill_is_not_final() -> None:
    alive = {each for each in OrderStatus if not each.is_final}
    assert alive == {
        OrderStatus.INTENT,
        OrderStatus.UNKNOWN,
        OrderStatus.WORKING,
        OrderStatus.CANCELLING,
    }


def test_the_broker_can_end_a_cancel_but_not_forget_it(journal: Journal) -> None:
    intent = an_intent()
    journal.record_intent(intent)
    journal.record_status(intent.client_order_id, OrderStatus.CANCELLING)
    journal.apply(a_report(intent, state=OrderState.WORKING))
    assert status(journal) is OrderStatus.CANCELLING
    journal.apply(a_report(intent, state=OrderState.CANCELLED))
    assert status(journal) is OrderStatus.CANCELLED


def test_a_rejection_that_comes_later_keeps_the_brokers_words(journal: Journal) -> None:
    intent = an_intent()
    journal.record_intent(intent)
    journal.record_outcome(OrderOutcome(intent.client_order_id, Answer.ACCEPTED, "X1"))
    journal.apply(a_report(intent, state=OrderState.REJECTED, text="no margin"))
    (record,) = journal.orders()
    assert (record.status, record.note) == (OrderStatus.REJECTED, "no margin")


def test_orders_are_told_in_the_order_in_which_they_were_meant(journal: Journal) -> None:
    journal.record_plan(a_plan(2))
    every = [
        an_intent(attempt=10),
        an_intent(attempt=9, spread_no=2),
        an_intent(Leg.SPY, Side.SELL, 10),
    ]
    for each in every:
        journal.record_intent(each)
    assert [each.intent for each in journal.orders()] == every
    assert [each.intent for each in journal.orders(2)] == [every[1]]


def test_orders_of_another_session_are_not_seen(store: Store, journal: Journal) -> None:
    other = Journal(store, OTHER_DAY)
    other.record_plan(a_plan(day=OTHER_DAY))
    other.record_intent(an_intent(day=OTHER_DAY))
    assert journal.orders() == []
    assert [each.session for each in other.plans()] == [OTHER_DAY]


# Fills.


def test_the_same_report_twice_changes_nothing(journal: Journal) -> None:
    intent = an_intent(Leg.SPY, Side.SELL, 10)
    journal.record_intent(intent)
    report = a_report(intent, a_fill(intent, 4, "2.98"), state=OrderState.WORKING)
    assert len(journal.apply(report)) == 1
    before = journal.position(a_plan())
    assert journal.apply(report) == []
    assert journal.position(a_plan()) == before


def test_a_growing_report_adds_only_what_is_new(journal: Journal) -> None:
    intent = an_intent(Leg.SPY, Side.SELL, 10)
    journal.record_intent(intent)
    first, second = a_fill(intent, 4, "2.98"), a_fill(intent, 6, "2.97", number=2)
    journal.apply(a_report(intent, first, state=OrderState.WORKING))
    assert journal.apply(a_report(intent, first, second)) == [second]
    (record,) = journal.orders()
    assert (record.filled, record.paid) == (10, Decimal("29.74"))
    assert record.status is OrderStatus.FILLED


def test_a_fill_counts_even_after_the_order_was_thought_over(journal: Journal) -> None:
    intent = an_intent()
    journal.record_intent(intent)
    journal.record_status(intent.client_order_id, OrderStatus.CANCELLED, "never reached the broker")
    journal.apply(a_report(intent, a_fill(intent, 1, "23.40")))
    assert journal.position(a_plan()).spx_long == 1
    assert status(journal) is OrderStatus.FILLED


def test_a_fill_of_a_fraction_of_a_cent_is_refused_and_not_rounded(journal: Journal) -> None:
    intent = an_intent()
    journal.record_intent(intent)
    with pytest.raises(ValueError, match="whole number of cents"):
        journal.apply(a_report(intent, a_fill(intent, 1, "23.405")))


@pytest.mark.parametrize(("dollars", "cents"), [("0", 0), ("23.4", 2340), ("-0.01", -1)])
def test_dollars_and_cents_are_the_same_money(dollars: str, cents: int) -> None:
    assert to_cents(Decimal(dollars)) == cents
    assert from_cents(cents) == Decimal(dollars)


# Positions.


def test_a_position_is_what_its_fills_made_it(journal: Journal) -> None:
    open_worked_example(journal)
    (position,) = journal.positions()
    assert (position.spy_short, position.spx_long, position.spreads_opened) == (10, 1, 1)
    assert position.entry_cash == position.cash == Decimal("637.85")
    assert position.fees == Decimal("2.15")
    assert (position.trade_id, position.opened_at) == ("2026-03-09-1", at("09:41"))
    assert position.uncovered == 0


def test_closing_moves_the_cash_and_not_the_entry_cash(journal: Journal) -> None:
    open_worked_example(journal)
    trade(journal, an_intent(Leg.SPY, Side.BUY, 10, purpose=Purpose.CLOSE), 10, "3.02", "1.50")
    trade(journal, an_intent(Leg.SPX, Side.SELL, purpose=Purpose.CLOSE), 1, "23.00")
    position = journal.position(a_plan())
    assert not position.is_open
    assert position.entry_cash == Decimal("637.85")
    # 637.85 - 3020.00 - 1.50 + 2300.00 - 0.65
    assert position.cash == Decimal("-84.30")
    assert position.fees == Decimal("4.30")


def test_a_settled_position_is_over_and_brought_what_expiry_paid(journal: Journal) -> None:
    open_worked_example(journal)
    position = journal.position(a_plan())
    value = calculate_expiration_value(605.40, 6050.00, 600, 6000)
    journal.record_settlement(position, value, (605.40, 6050.00), "a test", at("16:20"))
    settled = journal.position(a_plan())
    assert not settled.is_open
    # 637.85 + 100 x 50.00 - 1000 x 5.40
    assert settled.cash == Decimal("237.85")
    assert settled.entry_cash == Decimal("637.85")


def test_a_leg_is_settled_only_once(journal: Journal) -> None:
    open_worked_example(journal)
    position = journal.position(a_plan())
    for closes in ((605.40, 6050.00), (700.00, 7000.00)):
        value = calculate_expiration_value(*closes, 600, 6000)
        journal.record_settlement(position, value, closes, "a test", at("16:20"))
    assert journal.position(a_plan()).cash == Decimal("237.85")


def test_a_leg_that_is_no_longer_held_is_not_settled(store: Store, journal: Journal) -> None:
    open_worked_example(journal)
    trade(journal, an_intent(Leg.SPY, Side.BUY, 10, purpose=Purpose.CLOSE), 10, "3.02")
    position = journal.position(a_plan())
    value = calculate_expiration_value(605.40, 6050.00, 600, 6000, spy_short=0)
    journal.record_settlement(position, value, (605.40, 6050.00), "a test", at("16:20"))
    assert [row["leg"] for row in store.read("SELECT leg FROM settlements")] == ["spx"]


def test_the_spreads_of_a_session_are_kept_apart(journal: Journal) -> None:
    open_worked_example(journal)
    journal.record_plan(a_plan(2))
    trade(journal, an_intent(spread_no=2), 1, "24.00")
    first, second = journal.positions()
    assert (first.spx_long, first.cash) == (1, Decimal("637.85"))
    assert (second.spx_long, second.cash) == (1, Decimal("-2400.65"))


# Plans.


def test_a_plan_is_read_back_as_it_was_made(journal: Journal) -> None:
    assert journal.plans() == [a_plan()]
    assert journal.plan(1) == a_plan()


def test_a_plan_that_was_never_made_is_an_error(journal: Journal) -> None:
    with pytest.raises(KeyError):
        journal.plan(7)


def test_spreads_are_numbered_from_one_in_each_session(store: Store, journal: Journal) -> None:
    assert journal.next_spread_no() == 2
    assert Journal(store, OTHER_DAY).next_spread_no() == 1


def test_a_stage_is_that_of_one_spread(journal: Journal) -> None:
    journal.record_plan(a_plan(2))
    for stage in ("held", "exiting", "closed"):
        journal.set_stage(2, stage)
        assert [each.stage for each in journal.plans()] == ["entering", stage]


def test_a_stage_that_does_not_exist_is_refused(journal: Journal) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        journal.set_stage(1, "undecided")


def test_a_journal_of_a_session_that_was_not_begun_is_refused() -> None:
    journal = Journal(Store(open_database(None)), DAY)
    with pytest.raises(sqlite3.IntegrityError):
        journal.record_plan(a_plan())


# Fees.


def test_a_fee_that_the_broker_tells_later_replaces_the_estimate_once(journal: Journal) -> None:
    intent = an_intent()
    estimated = replace(a_fill(intent, 1, "23.40", "0.65"), fee_is_estimate=True)
    told = replace(a_fill(intent, 1, "23.40", "1.27"), fee_is_estimate=False)
    journal.record_intent(intent)
    journal.apply(a_report(intent, estimated))
    assert journal.correct_fee(told) == Decimal("0.65")
    assert journal.correct_fee(told) is None
    (position,) = journal.positions()
    assert (position.fees, position.cash) == (Decimal("1.27"), Decimal("-2341.27"))


def test_an_estimate_never_replaces_a_fee_that_the_broker_has_told(journal: Journal) -> None:
    intent = an_intent()
    trade(journal, intent, 1, "23.40", "1.27")
    estimated = replace(a_fill(intent, 1, "23.40", "0.65"), fee_is_estimate=True)
    assert journal.correct_fee(estimated) is None
    assert journal.positions()[0].fees == Decimal("1.27")


def test_a_fee_of_a_fill_that_is_not_recorded_corrects_nothing(journal: Journal) -> None:
    assert journal.correct_fee(a_fill(an_intent(), 1, "23.40")) is None
