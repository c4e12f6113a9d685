"""Alpaca's answers to orders: what is known, what is refused, what is in doubt."""

import json
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from src.models import Answer, OrderOutcome, Purpose, Side
from src.ports import OrderState, RetryLater
from tests.fakes.alpaca_desk import SPX, SPY, AlpacaDesk, a_desk
from tests.fakes.alpaca_server import HTML
from tests.fakes.builders import DAY

ORDERS = "/v2/orders"


@pytest.fixture
def desk() -> Iterator[AlpacaDesk]:
    with a_desk() as found:
        yield found


def posts(desk: AlpacaDesk) -> int:
    return len(desk.server.sent("POST", ORDERS))


# What is sent.


def test_a_price_goes_out_as_a_number_of_two_places_on_the_grid(desk: AlpacaDesk) -> None:
    desk.broker.submit(desk.intent(SPY, Side.BUY, 1, "0.30000000000000004"))
    desk.broker.submit(desk.intent(SPX, Side.BUY, 1, "23.47"))
    bodies = [each.raw.decode() for each in desk.server.sent("POST", ORDERS)]
    assert '"limit_price": 0.3' in bodies[0]
    assert "0.30" not in bodies[0]
    assert json.loads(bodies[1])["limit_price"] == 23.4


@pytest.mark.parametrize(
    ("side", "purpose", "intent"),
    [
        (Side.BUY, Purpose.OPEN, "buy_to_open"),
        (Side.BUY, Purpose.CLOSE, "buy_to_close"),
        (Side.SELL, Purpose.OPEN, "sell_to_open"),
        (Side.SELL, Purpose.CLOSE, "sell_to_close"),
    ],
)
def test_every_order_says_whether_it_opens_or_closes(
    desk: AlpacaDesk, side: Side, purpose: Purpose, intent: str
) -> None:
    order = desk.intent(SPX, side, 1, "23.40", purpose)
    desk.broker.submit(order)
    (sent,) = desk.server.sent("POST", ORDERS)
    assert sent.body["position_intent"] == intent
    assert (sent.body["type"], sent.body["time_in_force"]) == ("limit", "day")
    assert sent.body["client_order_id"] == order.client_order_id


def test_a_price_below_one_tick_is_never_sent(desk: AlpacaDesk) -> None:
    outcome = desk.broker.submit(desk.intent(SPX, Side.BUY, 1, "0.02"))
    assert (outcome.answer, outcome.code) == (Answer.REFUSED, "not-sent")
    assert posts(desk) == 0


# A definite no.


def test_the_naked_leg_is_refused_in_alpacas_own_words(desk: AlpacaDesk) -> None:
    outcome = desk.broker.submit(desk.sale())
    assert (outcome.answer, outcome.code) == (Answer.REFUSED, "40310000")
    assert outcome.text == "account not eligible to trade uncovered option contracts"


def test_an_order_after_the_cut_off_is_refused() -> None:
    with a_desk("15:16") as desk:
        outcome = desk.broker.submit(desk.intent())
    assert (outcome.answer, outcome.code) == (Answer.REFUSED, "42210000")
    assert "expires soon" in outcome.text


@pytest.mark.parametrize("body", ["", HTML, '{"message":"forbidden."}', "[]", "null", '{"code":'])
def test_a_403_without_a_code_is_still_a_no(desk: AlpacaDesk, body: str) -> None:
    desk.server.fail("POST", ORDERS, status=403, body=body)
    outcome = desk.broker.submit(desk.intent())
    assert outcome.answer is Answer.REFUSED
    assert outcome.text
    assert outcome.code == "HTTP 403"


def test_an_order_for_which_there_is_no_time_is_not_sent(desk: AlpacaDesk) -> None:
    desk.patience.left = 0
    outcome = desk.broker.submit(desk.intent())
    assert (outcome.answer, outcome.code) == (Answer.REFUSED, "not-sent")
    assert posts(desk) == 0


# Doubt.


DOUBTFUL: dict[str, dict[str, Any]] = {
    "504 after acceptance": {"status": 504, "after": True},
    "504 before": {"status": 504, "body": HTML},
    "500 with an empty body": {"status": 500},
    "503 with HTML": {"status": 503, "body": HTML},
    "429": {"status": 429, "body": '{"message":"rate limit exceeded"}'},
    "408": {"status": 408},
    "422 that nobody can read": {"status": 422, "body": HTML},
    "200 that is HTML": {"status": 200, "body": HTML, "after": True},
    "200 that is empty": {"status": 200, "after": True},
    "200 that is cut off": {"status": 200, "body": '{"id": "', "after": True},
    "200 that is a list": {"status": 200, "body": "[]", "after": True},
    "200 without an id": {"status": 200, "body": "{}", "after": True},
    "302 to elsewhere": {"status": 302, "after": True},
    "200 of another order": {"status": 200, "body": '{"id":"1","client_order_id":"x"}'},
    "422 duplicate id": {"status": 422, "body": '{"code":40010001,"message":"must be unique"}'},
}


@pytest.mark.parametrize("fault", DOUBTFUL)
def test_an_answer_that_is_no_clear_no_is_a_doubt_and_nothing_is_sent_twice(
    desk: AlpacaDesk, fault: str
) -> None:
    desk.server.fail("POST", ORDERS, **DOUBTFUL[fault])
    outcome = desk.broker.submit(desk.intent())
    assert outcome.answer is Answer.UNKNOWN
    assert posts(desk) == 1


@pytest.mark.parametrize("kind", ["hang", "reset"])
@pytest.mark.parametrize("after", [False, True])
def test_a_lost_answer_is_a_doubt_that_the_order_itself_ends(
    desk: AlpacaDesk, kind: str, *, after: bool
) -> None:
    desk.patience.seconds = 0.1
    desk.server.fail("POST", ORDERS, kind, after=after)
    order = desk.intent()
    assert desk.broker.submit(order).answer is Answer.UNKNOWN
    assert posts(desk) == 1
    desk.patience.seconds = 5
    report = desk.broker.order(order.client_order_id)
    assert (report is not None) == after


def test_an_answer_in_drops_ends_with_the_ticks_time_and_is_a_doubt(desk: AlpacaDesk) -> None:
    desk.server.fail("POST", ORDERS, "drip")
    desk.patience.left = 5
    order = desk.intent()
    assert desk.broker.submit(order).answer is Answer.UNKNOWN
    desk.patience.left = None
    assert desk.report(order).state is OrderState.FILLED


def test_nothing_listening_is_a_doubt(desk: AlpacaDesk) -> None:
    desk.link.close()
    link = desk.new_link(url="http://127.0.0.1:9")
    desk.broker._link = link
    assert desk.broker.submit(desk.intent()).answer is Answer.UNKNOWN


def test_an_order_that_the_library_could_not_read_is_accepted_and_found(desk: AlpacaDesk) -> None:
    words = {"asset_class": "us_index", "status": "thinking", "time_in_force": "eon", "new": [1]}
    desk.server.fail("POST", ORDERS, "edit", edit=lambda row: {**row, **words})
    order = desk.intent(limit="20.00")
    assert desk.broker.submit(order).answer is Answer.ACCEPTED
    desk.server.fail("GET", f"{ORDERS}:", "edit", edit=lambda row: {**row, **words})
    assert desk.report(order).state is OrderState.WORKING


def test_an_id_that_was_taken_is_refused_to_the_client_that_knows_it(desk: AlpacaDesk) -> None:
    order = desk.intent(limit="20.00")
    desk.broker.submit(order)
    again = desk.broker.submit(order)
    assert (again.answer, again.code) == (Answer.REFUSED, "40010001")


def test_an_id_that_was_taken_by_an_order_nobody_knows_is_a_doubt(desk: AlpacaDesk) -> None:
    order = desk.intent(limit="20.00")
    desk.broker.submit(order)
    desk.restart()
    again: OrderOutcome = desk.broker.submit(order)
    assert (again.answer, again.code) == (Answer.UNKNOWN, "40010001")
    assert desk.report(order).state is OrderState.WORKING


# Not knowing is never "there is none".


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 504])
def test_an_order_is_unknown_only_if_alpaca_says_so_itself(desk: AlpacaDesk, status: int) -> None:
    desk.broker.account()
    desk.server.fail("GET", f"{ORDERS}:", status=status, body=HTML)
    with pytest.raises(RetryLater):
        desk.broker.order("2026-03-09-1-spx-open-1")


@pytest.mark.parametrize("body", ["", HTML, "{}", "null", '[["x"]]', '"text"'])
def test_a_list_that_cannot_be_read_is_never_taken_for_an_empty_one(
    desk: AlpacaDesk, body: str
) -> None:
    questions = {
        "/v2/positions": desk.broker.holdings,
        "/v2/orders": desk.broker.open_orders,
        "/v2/account/activities": lambda: desk.broker.activities(DAY),
        "/v2/account": desk.broker.account,
    }
    for path, question in questions.items():
        desk.server.faults.clear()
        desk.server.fail("GET", path, status=200, body=body)
        with pytest.raises(RetryLater):
            question()


# States.


@pytest.mark.parametrize(
    ("word", "state"),
    [
        *[
            (word, OrderState.WORKING)
            for word in (
                *("new", "accepted", "pending_new", "partially_filled", "pending_cancel", "held"),
                *("pending_replace", "pending_review", "stopped", "suspended", "calculated"),
                *("accepted_for_bidding", "replaced", "filled", "", "a word of tomorrow"),
            )
        ],
        ("canceled", OrderState.CANCELLED),
        ("expired", OrderState.EXPIRED),
        ("done_for_day", OrderState.EXPIRED),
        ("rejected", OrderState.REJECTED),
    ],
)
def test_a_word_that_does_not_end_an_order_leaves_it_alive(
    desk: AlpacaDesk, word: str, state: OrderState
) -> None:
    order = desk.intent(limit="20.00")
    desk.broker.submit(order)
    desk.server.fail("GET", f"{ORDERS}:", "edit", edit=lambda row: {**row, "status": word})
    assert desk.report(order).state is state


def test_an_order_cancelled_before_it_was_ever_looked_up_is_found_first(desk: AlpacaDesk) -> None:
    order = desk.intent(limit="20.00")
    desk.broker.submit(order)
    desk.restart()
    desk.broker.cancel(order.client_order_id)
    assert desk.report(order).state is OrderState.WORKING, "it is asynchronous"
    desk.wait(1)
    assert desk.report(order).state is OrderState.CANCELLED


def test_a_cancellation_that_cannot_be_asked_for_says_so(desk: AlpacaDesk) -> None:
    order = desk.intent(limit="20.00")
    desk.broker.submit(order)
    desk.server.fail("DELETE", ORDERS, status=500)
    with pytest.raises(RetryLater):
        desk.broker.cancel(order.client_order_id)


def test_an_order_that_somebody_replaced_is_followed_and_cancelled(desk: AlpacaDesk) -> None:
    order = desk.intent(limit="20.00", quantity=2)
    desk.broker.submit(order)
    (at_alpaca,) = desk.exchange.orders.values()
    desk.exchange.fill(at_alpaca, 1, Decimal("20.00"))
    new = desk.exchange.replace(at_alpaca.order_id, "21.00")
    report = desk.report(order)
    assert (report.state, report.filled) == (OrderState.WORKING, 1)
    assert report.broker_order_id == new.order_id
    desk.exchange.fill(new, 1, Decimal("21.00"))
    report = desk.report(order)
    assert (report.state, report.filled) == (OrderState.FILLED, 2)
    assert set(desk.broker.fills(DAY)) == set(report.fills)


def test_a_replaced_order_is_cancelled_where_it_lives_now(desk: AlpacaDesk) -> None:
    order = desk.intent(limit="20.00")
    desk.broker.submit(order)
    (at_alpaca,) = desk.exchange.orders.values()
    new = desk.exchange.replace(at_alpaca.order_id, "20.10")
    desk.restart()
    desk.broker.cancel(order.client_order_id)
    desk.wait(1)
    assert new.status == "canceled"
    assert desk.report(order).state is OrderState.CANCELLED


def test_times_are_those_of_new_york_to_the_microsecond(desk: AlpacaDesk) -> None:
    order = desk.intent()
    desk.broker.submit(order)
    (fill,) = desk.report(order).fills
    assert fill.at == desk.clock.now()
    assert isinstance(fill.at, datetime)
    assert str(fill.at.tzinfo) == "America/New_York"
