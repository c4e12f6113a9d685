"""A contract at Alpaca is counted once, whoever tells of it first."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brokers.alpaca_client import AlpacaBroker
from brokers.alpaca_orders import AlpacaOrder, Print, Unit, in_cents, read_order, units
from src.models import MULTIPLIER, Fill, OrderIntent, Side
from src.ports import OrderState
from tests.fakes.alpaca_desk import SPX, SPY, AlpacaDesk, a_desk
from tests.fakes.alpaca_exchange import Order
from tests.fakes.builders import DAY, at


@pytest.fixture
def desk() -> Iterator[AlpacaDesk]:
    with a_desk() as found:
        found.exchange.allows_naked = True
        yield found


def working_sale(desk: AlpacaDesk) -> tuple[OrderIntent, Order]:
    """Return a sale of ten SPY calls that nobody takes."""
    intent = desk.sale(limit="3.10")
    desk.broker.submit(intent)
    return intent, next(iter(desk.exchange.orders.values()))


def ids(fills: object) -> set[str]:
    assert isinstance(fills, list | tuple)
    return {each.fill_id for each in fills}


def paid(fills: list[Fill] | tuple[Fill, ...]) -> Decimal:
    return sum((each.quantity * each.price for each in fills), Decimal(0))


def test_prints_that_come_later_than_the_order_add_nothing(desk: AlpacaDesk) -> None:
    intent, order = working_sale(desk)
    desk.exchange.fill(order, 4, Decimal("3.10"))
    desk.exchange.fill(order, 6, Decimal("3.12"))
    desk.exchange.hidden_activities = 2
    early = desk.report(intent)
    assert (early.state, early.filled) == (OrderState.FILLED, 10)
    assert paid(early.fills) == 4 * Decimal("3.10") + 6 * Decimal("3.12")
    desk.exchange.hidden_activities = 0
    assert desk.report(intent) == early, "what was told stays told"
    desk.restart()
    late = desk.report(intent)
    assert ids(late.fills) == ids(early.fills)
    assert paid(late.fills) == paid(early.fills)


def test_a_restart_between_two_partial_fills_counts_each_contract_once(desk: AlpacaDesk) -> None:
    intent, order = working_sale(desk)
    desk.exchange.fill(order, 4, Decimal("3.10"))
    seen = ids(desk.report(intent).fills)
    assert len(seen) == 4
    desk.restart()
    desk.exchange.fill(order, 6, Decimal("3.11"))
    for lag in (2, 1, 0):
        desk.exchange.hidden_activities = lag
        desk.restart()
        fills = desk.report(intent).fills
        assert len(fills) == 10
        assert seen < ids(fills)
        assert ids(fills) == ids(desk.broker.fills(DAY))


def test_prints_may_be_ahead_of_the_order(desk: AlpacaDesk) -> None:
    intent, order = working_sale(desk)
    desk.exchange.fill(order, 4, Decimal("3.10"))
    desk.exchange.fill(order, 6, Decimal("3.12"))
    desk.server.fail(
        "GET",
        "/v2/orders:",
        "edit",
        edit=lambda row: {**row, "filled_qty": "4", "filled_avg_price": "3.1", "status": "new"},
    )
    assert desk.report(intent).filled == 10
    assert desk.report(intent).filled == 10


@pytest.mark.parametrize(
    "strange",
    [{"cum_qty": None}, {"cum_qty": "10"}, {"cum_qty": 999}, {"cum_qty": "x"}, {"qty": 5.0}],
)
def test_a_running_count_that_cannot_be_right_counts_nothing_twice(
    desk: AlpacaDesk, strange: dict[str, object]
) -> None:
    intent, order = working_sale(desk)
    desk.exchange.fill(order, 5, Decimal("3.10"))
    desk.exchange.fill(order, 5, Decimal("3.12"))
    for row in desk.exchange.activities:
        row.update(strange)
    report = desk.report(intent)
    assert (report.state, report.filled) == (OrderState.FILLED, 10)
    assert paid(report.fills) == Decimal("31.10")


def test_a_final_word_waits_until_the_contracts_it_speaks_of_are_told(desk: AlpacaDesk) -> None:
    intent, order = working_sale(desk)
    desk.exchange.fill(order, 10, Decimal("3.10"))
    desk.exchange.hidden_activities = 1
    desk.server.fail(
        "GET", "/v2/orders:", "edit", edit=lambda row: {**row, "filled_avg_price": None}
    )
    report = desk.report(intent)
    assert (report.state, report.filled) == (OrderState.WORKING, 0)
    report = desk.report(intent)
    assert (report.state, report.filled) == (OrderState.FILLED, 10)


def test_a_fill_after_the_cancellation_is_told(desk: AlpacaDesk) -> None:
    intent, order = working_sale(desk)
    desk.broker.cancel(intent.client_order_id)
    desk.wait(1)
    assert desk.report(intent).state is OrderState.CANCELLED
    desk.exchange.fill(order, 3, Decimal("3.10"))
    report = desk.report(intent)
    assert (report.state, report.filled) == (OrderState.CANCELLED, 3)


def test_the_average_of_a_fraction_of_a_cent_is_told_in_whole_cents(desk: AlpacaDesk) -> None:
    intent, order = working_sale(desk)
    desk.exchange.fill(order, 10, Decimal("3.105"))
    fills = desk.report(intent).fills
    assert {each.price for each in fills} == {Decimal("3.10"), Decimal("3.11")}
    assert paid(fills) == Decimal("31.05")
    assert sum(in_cents(Decimal("2.9833"), 3)) == Decimal("8.95")


def test_the_fee_of_an_order_does_not_depend_on_how_it_was_filled(desk: AlpacaDesk) -> None:
    intent, order = working_sale(desk)
    desk.exchange.fill(order, 3, Decimal("3.10"))
    desk.report(intent)
    desk.exchange.fill(order, 7, Decimal("3.10"))
    fills = desk.report(intent).fills
    fee = desk.exchange.fees.fee("SPY", 10, side=Side.SELL, price=Decimal("3.10"))
    assert sum(each.fee for each in fills) == fee
    assert sum(each.cash for each in fills) == 31 * MULTIPLIER - fee


def test_fills_of_others_are_told_under_their_own_id(desk: AlpacaDesk) -> None:
    body = {
        "symbol": SPX.symbol,
        "side": "buy",
        "qty": 1,
        "limit_price": 23.4,
        "type": "limit",
        "time_in_force": "day",
        "client_order_id": "by-hand",
        "position_intent": "buy_to_open",
    }
    desk.exchange.submit(body)
    (fill,) = desk.broker.fills(DAY)
    assert (fill.client_order_id, fill.contract, fill.quantity) == ("by-hand", SPX, 1)


def test_fills_of_shares_and_of_other_days_are_left_out(desk: AlpacaDesk) -> None:
    working_sale(desk)
    desk.exchange.fill(next(iter(desk.exchange.orders.values())), 1, Decimal("3.10"))
    share = {**desk.exchange.activities[0], "id": "1::1", "symbol": "SPY", "order_id": "x"}
    desk.exchange.activities.append(share)
    assert len(desk.broker.fills(DAY)) == 1
    assert desk.broker.fills(DAY + timedelta(days=1)) == []


def test_a_print_whose_order_is_not_shown_is_told_without_an_id(desk: AlpacaDesk) -> None:
    _, order = working_sale(desk)
    desk.exchange.fill(order, 2, Decimal("3.10"))
    del desk.exchange.orders[order.order_id]
    fills = desk.broker.fills(DAY)
    assert [(each.client_order_id, each.contract, each.quantity) for each in fills] == [
        ("", SPY, 1),
        ("", SPY, 1),
    ]
    assert desk.broker.fills(DAY) == fills


def test_the_legs_of_somebodys_combination_are_told_each_as_its_own(desk: AlpacaDesk) -> None:
    _, order = working_sale(desk)
    desk.exchange.fill(order, 1, Decimal("3.10"))
    other = {**desk.exchange.activities[0], "id": "2::2", "symbol": SPX.symbol, "side": "buy"}
    desk.exchange.activities.append(other)
    order.extra = {"symbol": "", "asset_class": "", "order_class": "mleg", "legs": []}
    told = {(each.contract, each.side, each.quantity) for each in desk.broker.fills(DAY)}
    assert told == {(SPY, Side.SELL, 1), (SPX, Side.BUY, 1)}


def test_an_order_of_yesterday_that_fills_today_tells_only_todays(desk: AlpacaDesk) -> None:
    _, order = working_sale(desk)
    desk.exchange.fill(order, 4, Decimal("3.10"))
    desk.clock.sleep(timedelta(days=1).total_seconds())
    desk.exchange.fill(order, 3, Decimal("3.20"))
    desk.restart()
    tomorrow = desk.broker.fills(DAY + timedelta(days=1))
    assert [each.price for each in tomorrow] == [Decimal("3.20")] * 3
    assert len(desk.broker.fills(DAY)) == 4
    assert not ids(tomorrow) & ids(desk.broker.fills(DAY))


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_whatever_is_seen_when_each_contract_is_counted_once(data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=6))
    prices = [Decimal(data.draw(st.integers(290, 310))).scaleb(-2) for _ in sizes]
    ends = list(accumulate(sizes))
    every = [
        Print(f"p{n}", "o", SPY, Side.SELL, size, price, at("09:41"), end)
        for n, (size, price, end) in enumerate(zip(sizes, prices, ends, strict=True))
    ]
    recorded: dict[int, Unit] = {}
    told: dict[int, Unit] = {}
    for _ in range(data.draw(st.integers(1, 6))):
        if data.draw(st.booleans()):
            told = {}  # a new process
        seen = data.draw(st.lists(st.sampled_from(every), unique=True))
        told = units(order_of(every[: data.draw(st.integers(0, len(every)))]), seen, told)
        recorded = {**told, **recorded}
    assert set(recorded) <= set(range(1, ends[-1] + 1))
    final = units(order_of(every), every, {})
    recorded = {**final, **recorded}
    assert set(recorded) == set(range(1, ends[-1] + 1))
    whole = sum((n * price for n, price in zip(sizes, prices, strict=True)), Decimal(0))
    assert sum((each.price for each in final.values()), Decimal(0)) == whole


def order_of(prints: list[Print]) -> AlpacaOrder:
    """Return the order of thirty as it is told after these prints."""
    filled = sum(each.quantity for each in prints)
    paid_ = sum((each.quantity * each.price for each in prints), Decimal(0))
    found = read_order(
        {
            "id": "o",
            "symbol": SPY.symbol,
            "side": "sell",
            "qty": "30",
            "filled_qty": str(filled),
            "filled_avg_price": str(paid_ / filled) if filled else None,
            "updated_at": "2026-03-09T13:41:00Z",
        }
    )
    assert found is not None
    return found


def test_many_fills_come_page_by_page(desk: AlpacaDesk) -> None:
    _, order = working_sale(desk)
    desk.server.page_size = 3
    for _ in range(10):
        desk.exchange.fill(order, 1, Decimal("3.10"))
    assert len(desk.broker.fills(DAY)) == 10
    tokens = [e.query.get("page_token") for e in desk.server.sent("GET", "/v2/account/activities")]
    assert len(set(tokens)) == len(tokens) == 5


def test_positions_that_lag_are_told_as_alpaca_tells_them(desk: AlpacaDesk) -> None:
    desk.exchange.frozen_positions = []
    desk.broker.submit(desk.intent())
    assert desk.broker.holdings() == []
    assert desk.broker.positions_lag_seconds >= 10
    desk.exchange.frozen_positions = None
    assert [each.contract for each in desk.broker.holdings()] == [SPX]


@pytest.mark.parametrize(("qty", "side"), [("10", "short"), ("-10", "short"), (-10, "")])
def test_a_short_position_is_negative_however_it_is_written(
    desk: AlpacaDesk, qty: object, side: str
) -> None:
    row = {"symbol": SPY.symbol, "qty": qty, "side": side, "asset_class": "us_index"}
    desk.exchange.frozen_positions = [row]
    (holding,) = desk.broker.holdings()
    assert (holding.contract, holding.quantity) == (SPY, -10)


def test_shares_are_a_holding_without_a_contract(desk: AlpacaDesk) -> None:
    desk.exchange.shares = -1000
    (holding,) = desk.broker.holdings()
    assert (holding.symbol, holding.quantity, holding.contract) == ("SPY", -1000, None)


def test_fills_are_stamped_in_the_days_clock(desk: AlpacaDesk) -> None:
    order = desk.intent()
    desk.broker.submit(order)
    desk.broker = AlpacaBroker(
        desk.link,
        desk.session,
        desk.clock,
        desk.exchange.fees,
        stamp=lambda moment: moment + timedelta(days=1),
    )
    (fill,) = desk.report(order).fills
    assert fill.at == desk.clock.now() + timedelta(days=1)
    assert desk.broker.fills(DAY) == []
    assert desk.broker.fills(DAY + timedelta(days=1)) == [fill]
