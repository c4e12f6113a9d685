"""Orders at Interactive Brokers whose state is not what the library says it is."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from brokers.ibkr_orders import fill_id
from src.models import Answer, OptionContract, OrderOutcome, Purpose, Side
from src.ports import OrderReport, OrderState, RetryLater
from tests.fakes.builders import DAY, spxw_call, spy_call
from tests.fakes.tws_desk import TwsDesk, a_sale, a_tws_desk, an_intent, wait_for
from tests.fakes.tws_wire import WireOrder


@pytest.fixture
def desk() -> Iterator[TwsDesk]:
    with a_tws_desk() as desk:
        yield desk


def report_of(desk: TwsDesk, attempt: int = 1) -> OrderReport:
    report = desk.broker.order(an_intent(attempt=attempt).client_order_id)
    assert report is not None
    return report


def sent(desk: TwsDesk) -> list[list[str]]:
    return [fields for fields in desk.server.received if fields[0] == "3"]


def working(desk: TwsDesk, limit: str = "20.00") -> WireOrder:
    """Send an order that does not fill at once; return what TWS keeps of it."""
    assert desk.broker.submit(an_intent(limit=limit)).answer is Answer.ACCEPTED
    return desk.server.book.orders[-1]


# What goes over the socket.


def test_an_order_says_everything_that_tws_would_otherwise_guess(desk: TwsDesk) -> None:
    desk.broker.submit(an_intent(limit="0.30", side=Side.SELL, purpose=Purpose.CLOSE))
    (order,) = desk.server.book.orders
    assert (order.tif, order.account, order.order_type) == ("DAY", "DU1234567", "LMT")
    assert (order.ref, order.open_close) == ("2026-03-09-1-spx-close-1", "C")
    assert (order.action, order.quantity) == ("SELL", 1)
    (fields,) = sent(desk)
    assert fields[19] == "0.30", "the price travels as it was written"
    assert fields[13] == "SPXW"


def test_the_library_is_not_asked_for_an_order_that_expires_on_another_day(desk: TwsDesk) -> None:
    tomorrow = OptionContract("SPXW", DAY.replace(day=10), 6000.0)
    desk.server.quote(tomorrow, 23.0, 23.4)
    outcome = desk.broker.submit(an_intent(tomorrow))
    assert (outcome.answer, outcome.code) == (Answer.REFUSED, "not-today")
    assert sent(desk) == []


def test_a_price_off_the_market_rule_is_refused_before_it_is_sent(desk: TwsDesk) -> None:
    outcome = desk.broker.submit(an_intent(limit="23.35"))
    assert (outcome.answer, outcome.code) == (Answer.REFUSED, "step")
    assert "0.1" in outcome.text
    assert "109" in outcome.text
    assert sent(desk) == []
    assert desk.broker.submit(an_intent(limit="2.95", attempt=2)).answer is Answer.ACCEPTED


def test_an_unknown_market_rule_leaves_the_judgement_to_tws(desk: TwsDesk) -> None:
    desk.server.faults.muted.add(91)
    assert desk.broker.submit(an_intent()).answer is Answer.ACCEPTED
    off = desk.broker.submit(an_intent(limit="23.35", attempt=2))
    assert (off.answer, off.code) == (Answer.REFUSED, "110")


# Refusals.


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (201, "Order rejected - reason: margin"),
        (320, "Unable to parse field"),
        (387, "Unsupported order type"),
        (451, "exceeds the value limit"),
        (10043, "Invalid NonGuaranteed value"),
    ],
)
def test_a_plain_no_is_refused_with_the_words_of_tws(desk: TwsDesk, code: int, words: str) -> None:
    desk.server.faults.rejections.append((code, words))
    outcome = desk.broker.submit(an_intent())
    assert (outcome.answer, outcome.code, outcome.text) == (Answer.REFUSED, str(code), words)
    assert desk.broker.open_orders() == []


def test_a_read_only_api_refuses_although_the_library_calls_the_order_active(
    desk: TwsDesk,
) -> None:
    desk.server.faults.read_only = True
    outcome = desk.broker.submit(an_intent())
    assert (outcome.answer, outcome.code) == (Answer.REFUSED, "321")
    assert "Read-Only" in outcome.text


def test_an_order_over_the_margin_is_refused_with_both_sums(desk: TwsDesk) -> None:
    desk.server.book.cash = 50_000.0
    outcome = desk.broker.submit(a_sale())
    assert (outcome.answer, outcome.code) == (Answer.REFUSED, "201")
    assert "50000.00" in outcome.text


def test_a_code_that_nobody_knows_is_no_refusal(desk: TwsDesk) -> None:
    desk.server.faults.rejections.append((10999, "Something new"))
    outcome = desk.broker.submit(an_intent())
    assert (outcome.answer, outcome.code) == (Answer.UNKNOWN, "10999")
    assert desk.broker.order(outcome.client_order_id) is None


def test_an_error_about_an_order_that_is_open_nevertheless_means_accepted(desk: TwsDesk) -> None:
    desk.server.faults.no_answer = True
    desk.server.faults.notices.append((10999, "Something new"))
    outcome = desk.broker.submit(an_intent(limit="20.00"))
    assert outcome.answer is Answer.ACCEPTED
    assert outcome.broker_order_id == report_of(desk).broker_order_id


# Lies about the end of an order.


@pytest.mark.parametrize("code", [10349, 399, 404, 105, 10999])
def test_an_order_that_the_library_calls_cancelled_still_works(desk: TwsDesk, code: int) -> None:
    order = working(desk)
    desk.server.do(lambda: desk.server.broadcast([4, 2, order.order_id, code, "words", ""]))
    assert report_of(desk).state is OrderState.WORKING
    assert len(desk.broker.open_orders()) == 1


def test_a_notice_with_the_acknowledgement_is_no_refusal(desk: TwsDesk) -> None:
    desk.server.faults.notices.append((10349, "Order TIF was set to DAY based on order preset"))
    assert desk.broker.submit(an_intent(limit="20.00")).answer is Answer.ACCEPTED
    assert report_of(desk).state is OrderState.WORKING


def test_an_order_known_as_cancelled_by_10349_that_fills_is_filled(desk: TwsDesk) -> None:
    desk.server.faults.notices.append((10349, "Order TIF was set to DAY based on order preset"))
    desk.broker.submit(an_intent(limit="20.00"))
    desk.server.quote(spxw_call(), 19.60, 20.00)
    assert (report_of(desk).state, report_of(desk).filled) == (OrderState.FILLED, 1)


def test_a_cancellation_that_came_too_late_is_a_fill(desk: TwsDesk) -> None:
    working(desk)
    desk.server.faults.fill_on_cancel = True
    desk.broker.cancel(an_intent().client_order_id)
    report = report_of(desk)
    assert (report.state, report.filled) == (OrderState.FILLED, 1)


def test_a_cancellation_that_is_not_heeded_leaves_the_order_working(desk: TwsDesk) -> None:
    working(desk)
    desk.server.faults.ignore_cancel = True
    desk.broker.cancel(an_intent().client_order_id)
    assert report_of(desk).state is OrderState.WORKING


def test_an_order_of_another_client_cannot_be_cancelled_by_us(desk: TwsDesk) -> None:
    other = desk.new_link(client_id=99)
    desk.new_broker(other).submit(an_intent(limit="20.00"))
    with pytest.raises(RetryLater, match="client 99"):
        desk.broker.cancel(an_intent().client_order_id)
    assert [each.client_order_id for each in desk.broker.open_orders()] == [
        an_intent().client_order_id
    ]


def test_an_order_of_an_earlier_run_is_found_and_cancelled(desk: TwsDesk) -> None:
    working(desk)
    broker = desk.restarted()
    broker.cancel(an_intent().client_order_id)
    report = broker.order(an_intent().client_order_id)
    assert report is not None
    assert report.state is OrderState.CANCELLED


def test_an_end_that_only_tws_itself_tells_counts_without_a_completed_order(
    desk: TwsDesk,
) -> None:
    working(desk)
    desk.server.faults.lose_completed = True
    desk.broker.cancel(an_intent().client_order_id)
    # What TWS says of the cancellation may still be counted among the open orders once.
    wait_for(lambda: report_of(desk).state is OrderState.CANCELLED)


def test_an_order_that_has_vanished_is_in_doubt_and_works(desk: TwsDesk) -> None:
    order = working(desk)
    desk.server.faults.lose_completed = True

    def vanish() -> None:
        order.status = "Cancelled"

    desk.server.do(vanish)
    assert report_of(desk).state is OrderState.WORKING
    desk.server.faults.lose_completed = False
    assert report_of(desk).state is OrderState.CANCELLED


def test_a_completed_order_whose_executions_are_not_told_yet_works(desk: TwsDesk) -> None:
    desk.broker.submit(an_intent())
    executions = desk.server.do(desk.server.book.executions.copy)
    desk.server.do(desk.server.book.executions.clear)
    assert report_of(desk).state is OrderState.WORKING
    desk.server.do(lambda: desk.server.book.executions.extend(executions))
    assert report_of(desk).state is OrderState.FILLED


@pytest.mark.parametrize("fault", ["duplicate_status", "no_status"])
def test_statuses_may_come_twice_or_never(desk: TwsDesk, fault: str) -> None:
    setattr(desk.server.faults, fault, True)
    desk.patience = 1.5
    assert desk.broker.submit(an_intent()).answer is Answer.ACCEPTED
    assert (report_of(desk).state, report_of(desk).filled) == (OrderState.FILLED, 1)


# What is not known.


def outcome_of_a_drop(desk: TwsDesk, fault: str) -> OrderOutcome:
    desk.link.ready()
    setattr(desk.server.faults, fault, True)
    return desk.broker.submit(an_intent(limit="20.00"))


def test_a_connection_that_breaks_before_the_order_arrived_leaves_nothing(desk: TwsDesk) -> None:
    assert outcome_of_a_drop(desk, "drop_before_order").answer is Answer.UNKNOWN
    assert desk.broker.order(an_intent().client_order_id) is None
    assert desk.server.book.orders == []


def test_a_connection_that_breaks_after_the_order_arrived_leaves_an_order(desk: TwsDesk) -> None:
    assert outcome_of_a_drop(desk, "drop_after_order").answer is Answer.UNKNOWN
    assert report_of(desk).state is OrderState.WORKING
    assert desk.broker.submit(an_intent(limit="20.00")).answer is Answer.REFUSED
    assert len(desk.server.book.orders) == 1


def test_an_order_that_is_not_answered_is_unknown_and_found_afterwards(desk: TwsDesk) -> None:
    desk.server.faults.no_answer = True
    outcome = desk.broker.submit(an_intent(limit="20.00"))
    assert outcome.answer is Answer.UNKNOWN
    assert report_of(desk).state is OrderState.WORKING


def test_a_duplicate_reference_is_refused_by_us_since_tws_would_take_it(desk: TwsDesk) -> None:
    desk.broker.submit(an_intent())
    broker = desk.restarted()
    outcome = broker.submit(an_intent())
    assert (outcome.answer, outcome.code) == (Answer.REFUSED, "duplicate")
    assert len(desk.server.book.orders) == 1


# Fills and what they cost.


def test_part_fills_add_up_and_the_account_is_never_short_by_them(desk: TwsDesk) -> None:
    desk.broker.submit(an_intent())
    desk.server.quote(spy_call(), 2.98, 3.02, sizes=(4, 4))
    desk.broker.submit(a_sale())
    seen = []
    for _ in range(3):
        report = desk.broker.order(a_sale().client_order_id)
        assert report is not None
        seen.append((report.filled, report.state))
        desk.server.refresh()
    assert seen == [
        (4, OrderState.WORKING),
        (8, OrderState.WORKING),
        (10, OrderState.FILLED),
    ]
    assert [each.net for each in desk.server.book.executions] == [1, -4, -8, -10]


def test_a_corrected_execution_replaces_the_earlier_one(desk: TwsDesk) -> None:
    desk.broker.submit(an_intent())
    (before,) = desk.broker.fills(DAY)
    (execution,) = desk.server.book.executions

    def correct() -> None:
        stem = execution.exec_id.removesuffix("01")
        corrected = type(execution)(**{**vars(execution), "exec_id": f"{stem}02", "price": 23.3})
        desk.server.book.executions.append(corrected)

    desk.server.do(correct)
    (after,) = desk.broker.fills(DAY)
    assert after.fill_id == before.fill_id
    assert (before.price, after.price) == (Decimal("23.4"), Decimal("23.3"))
    assert report_of(desk).filled == 1


@pytest.mark.parametrize(
    ("exec_id", "stays"),
    [
        ("0000e1a7.65a00000.01.01", "0000e1a7.65a00000.01"),
        ("0000e1a7.65a00000.01.02", "0000e1a7.65a00000.01"),
        ("E.01", "E.01"),
        ("0000e1a7.65a00000.02", "0000e1a7.65a00000.02"),
        ("F-7", "F-7"),
        ("abc.123", "abc.123"),
    ],
)
def test_a_fill_has_the_id_that_corrections_leave_alone(exec_id: str, stays: str) -> None:
    assert fill_id(exec_id) == stays


def test_the_fee_is_the_schedules_until_the_commission_report_comes(desk: TwsDesk) -> None:
    desk.server.faults.late_commissions = True
    desk.server.quote(spy_call(), 2.98, 3.02)
    desk.broker.submit(an_intent())
    desk.broker.submit(a_sale())
    found = desk.broker.fills(DAY)
    assert all(each.fee_is_estimate for each in found)
    fees = {each.contract.root: each.fee for each in found}
    assert fees == {"SPXW": Decimal("0.65"), "SPY": Decimal("1.50")}
    desk.server.do(desk.server.desk.release_commissions)
    wait_for(lambda: {e.fee for e in desk.broker.fills(DAY)} == {Decimal("0.65"), Decimal("6.5")})
    assert not any(each.fee_is_estimate for each in desk.broker.fills(DAY))


def test_an_order_of_which_only_the_execution_is_told_was_taken(desk: TwsDesk) -> None:
    desk.server.faults.executions_only = True
    outcome = desk.broker.submit(an_intent())
    assert outcome.answer is Answer.ACCEPTED
    assert outcome.broker_order_id == str(desk.server.book.orders[0].perm_id)


def test_a_fill_of_somebody_else_is_told_under_its_own_reference(desk: TwsDesk) -> None:
    other = desk.new_broker(desk.new_link(client_id=99))
    other.submit(an_intent(attempt=7))
    assert [each.client_order_id for each in desk.broker.fills(DAY)] == ["2026-03-09-1-spx-open-7"]


def test_an_order_by_hand_is_open_and_its_fill_is_told_without_a_reference(desk: TwsDesk) -> None:
    listing = desk.server.book.list_option(spxw_call())
    by_hand = WireOrder(0, 0, listing, quantity=1, limit=20.0, account="DU1234567", perm_id=77)
    desk.server.do(lambda: desk.server.book.orders.append(by_hand))
    assert [(e.client_order_id, e.broker_order_id) for e in desk.broker.open_orders()] == [
        ("", "77")
    ]
    assert [(e.contract, e.unfilled) for e in desk.broker.open_orders()] == [(spxw_call(), 1)]
    desk.server.do(lambda: desk.server.desk.fill(by_hand, 1, 20.0))
    assert [each.client_order_id for each in desk.broker.fills(DAY)] == [""]


def test_a_series_settled_in_the_morning_is_held_under_its_own_name(desk: TwsDesk) -> None:
    friday = DAY.replace(day=20)
    listing = desk.server.book.list_option(OptionContract("SPX", friday, 6000.0))
    listing.expiry = "20260319"

    def hold() -> None:
        desk.server.book.held[listing.con_id] = 1
        desk.server.book.held[756733] = -1000

    desk.server.do(hold)
    held = {each.symbol: (each.quantity, each.contract) for each in desk.broker.holdings()}
    assert held == {
        "SPX260320C06000000": (1, OptionContract("SPX", friday, 6000.0)),
        "SPY": (-1000, None),
    }


# Margin.


def test_a_what_if_within_the_margin_refuses_nothing_and_sends_nothing(desk: TwsDesk) -> None:
    assert desk.broker.refusal(a_sale()) == ""
    assert desk.server.book.orders == []


def test_a_what_if_over_the_margin_names_both_sums(desk: TwsDesk) -> None:
    desk.server.book.cash = 50_000.0
    words = desk.broker.refusal(a_sale())
    assert "90000.00" in words
    assert "50000.00" in words


@pytest.mark.parametrize("fault", ["what_if_empty", "read_only"])
def test_a_what_if_without_an_answer_is_no_permission(desk: TwsDesk, fault: str) -> None:
    desk.link.ready()
    setattr(desk.server.faults, fault, True)
    with pytest.raises(RetryLater):
        desk.broker.refusal(a_sale())


def test_a_what_if_that_is_never_answered_is_no_permission(desk: TwsDesk) -> None:
    desk.link.ready()
    desk.server.faults.muted.add(3)
    with pytest.raises(RetryLater, match="what-if"):
        desk.broker.refusal(a_sale())


def test_tws_tells_no_assignments(desk: TwsDesk) -> None:
    assert desk.broker.activities(DAY) == []
    assert desk.broker.must_be_flat_by(desk.session) == desk.session.close
