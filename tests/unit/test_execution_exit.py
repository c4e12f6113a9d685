"""How a spread is worked out of the market, and what stays when it does not take it."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest

from src.legging import Status
from src.models import Leg, Purpose, Side
from src.settings import Settings
from tests.fakes.builders import spxw_call, spy_call
from tests.fakes.scripted_broker import Cancel, Submission, quiet
from tests.fakes.trading_desk import CASH, Desk


@pytest.fixture
def desk() -> Desk:
    return Desk()


def entered(desk: Desk, spreads: int = 1) -> Desk:
    assert desk.enter(spreads).status is Status.FILLED
    return desk


def test_spy_is_bought_back_before_spx_is_sold(desk: Desk) -> None:
    entered(desk)
    result = desk.leave()
    assert result.status is Status.FILLED
    assert desk.traded()[2:] == [
        ("SPY", Side.BUY, 10, Decimal("3.02")),
        ("SPXW", Side.SELL, 1, Decimal("23.00")),
    ]
    assert desk.held() == {}
    assert desk.position().cash == desk.exchange.account().cash - CASH


def test_spx_is_kept_while_a_sale_of_the_users_own_may_fill(desk: Desk) -> None:
    entered(desk)
    theirs = replace(desk.orders(Leg.SPY)[0].intent, spread_no=99, limit=Decimal(9))
    desk.exchange.submit(theirs)
    desk.leave()
    assert desk.held() == {spxw_call(): 1}, "ten more calls would be uncovered without it"
    desk.exchange.cancel(theirs.client_order_id)
    desk.leave()
    assert desk.held() == {}


def test_a_purchase_of_the_users_own_keeps_nothing(desk: Desk) -> None:
    entered(desk)
    sold = desk.orders(Leg.SPY)[0].intent
    desk.exchange.submit(replace(sold, spread_no=99, side=Side.BUY, limit=Decimal("0.01")))
    desk.leave()
    assert desk.held() == {}


def test_an_exit_without_a_market_stays_open_and_pending(desk: Desk) -> None:
    entered(desk)
    desk.market.options.clear()
    result = desk.leave()
    assert result.status is Status.PENDING
    assert len(desk.broker.submitted) == 2, "nothing is sent blindly"
    assert desk.position().is_open
    assert desk.held() == {spxw_call(): 1, spy_call(): -10}


def test_a_patient_exit_without_a_market_is_an_alert_every_minute() -> None:
    desk = Desk(settings=Settings.defaults().changed("execution.leg_deadline_seconds=185"))
    entered(desk)
    desk.market.options.clear()
    start = desk.clock.now()
    assert desk.leave().status is Status.PENDING
    after = [round((at - start).total_seconds()) for at, _, _ in desk.alerts]
    assert after == [60, 120, 180]
    (text,) = {text for _, _, text in desk.alerts}
    assert text.startswith("There is no quote that could be traded. The program goes on trying.")


def test_an_exit_is_tried_again_at_the_price_of_the_day_after_the_market_ran_away(
    desk: Desk,
) -> None:
    entered(desk)
    desk.market.quote(spy_call(), 2.98, 3.02, sizes=(1, 0))
    desk.clock.on_sleep = lambda: desk.market.quote(spy_call(), 3.96, 4.00)
    assert desk.leave().status is Status.PENDING, "more than 25 % above the first ask"
    assert desk.leave().status is Status.FILLED
    assert ("SPY", Side.BUY, 10, Decimal("4.00")) in desk.traded()


def test_buying_back_follows_the_ask_within_the_slippage_allowed(desk: Desk) -> None:
    """25 % above 3.02 is 3.775: at 3.77 it is bought, at 3.78 not."""
    for ask, status in ((3.77, Status.FILLED), (3.78, Status.UNWOUND)):
        desk = entered(Desk())
        desk.market.quote(spy_call(), 2.98, 3.02, sizes=(1, 0))
        desk.clock.on_sleep = partial(desk.market.quote, spy_call(), ask - 0.04, ask)
        assert desk.leave().spy.status is status


def test_spx_that_nobody_bids_for_is_kept_once_spy_is_bought_back(desk: Desk) -> None:
    entered(desk)
    desk.market.quote(spy_call(), 0.01, 0.02)
    desk.market.quote(spxw_call(), 0.0, 0.05)
    start = desk.clock.now()
    result = desk.leave()
    assert (result.status, result.spy.status) == (Status.PARTIAL, Status.FILLED)
    assert desk.held() == {spxw_call(): 1, spy_call(): 0} or desk.held() == {spxw_call(): 1}
    assert [each.leg for each in desk.broker.submitted[2:]] == [Leg.SPY]
    assert desk.clock.now() - start <= timedelta(seconds=32), "the exit does not wait for ever"
    assert desk.leave().status is Status.PENDING, "and can be tried again"


def test_of_a_partial_purchase_of_spy_the_spx_that_still_covers_is_kept(desk: Desk) -> None:
    entered(desk, spreads=2)
    desk.market.quote(spy_call(), 2.98, 3.02, sizes=(1, 13))
    no_sellers = partial(desk.market.quote, spy_call(), 2.98, 3.02, sizes=(1, 0))
    desk.after("submit", "spy-close", no_sellers)
    assert desk.leave().status is Status.PARTIAL
    assert desk.held() == {spy_call(): -7, spxw_call(): 1}
    desk.broker.after = quiet
    desk.market.quote(spy_call(), 2.98, 3.02)
    assert desk.leave().status is Status.FILLED
    assert desk.held() == {}


def test_an_exit_that_the_broker_refuses_says_so(desk: Desk) -> None:
    entered(desk)
    desk.broker.submissions.append(Submission.REFUSED)
    result = desk.leave()
    assert (result.status, result.spy.text) == (Status.REJECTED, "403 not today")
    assert desk.held() == {spxw_call(): 1, spy_call(): -10}


def test_an_exit_does_not_add_an_order_to_one_that_may_still_fill(desk: Desk) -> None:
    entered(desk)
    desk.market.quote(spy_call(), 2.98, 3.02, sizes=(1, 0))
    desk.broker.cancels.extend([Cancel.LOST] * 1000)
    assert desk.leave().status is Status.PENDING
    desk.leave()
    assert desk.working("SPY", Side.BUY) == 10, "twenty would leave ten calls too many"
    desk.market.quote(spy_call(), 2.98, 3.02)
    assert desk.leave().status is Status.FILLED
    assert desk.held() == {}


def test_an_exit_goes_on_with_what_an_earlier_order_has_bought_meanwhile(desk: Desk) -> None:
    entered(desk)
    desk.market.quote(spy_call(), 2.98, 3.02, sizes=(1, 0))
    desk.broker.cancels.extend([Cancel.LOST] * 2)
    desk.leave()
    desk.market.quote(spy_call(), 2.98, 3.02, sizes=(9, 4))
    assert desk.leave().status is Status.FILLED
    assert desk.held() == {}


def test_what_an_earlier_order_left_over_is_bought_in_full(desk: Desk) -> None:
    entered(desk)
    desk.market.quote(spy_call(), 2.98, 3.02, sizes=(9, 4))
    desk.broker.cancels.extend([Cancel.LOST] * 2)
    desk.after(
        "submit", "spy-close", partial(desk.market.quote, spy_call(), 2.98, 3.02, sizes=(9, 0))
    )
    assert desk.leave().status is Status.PARTIAL
    assert desk.position().spy_short == 6
    desk.market.quote(spy_call(), 3.01, 3.05)
    assert desk.leave().status is Status.FILLED
    assert [each.intent.quantity for each in desk.orders(Leg.SPY, Purpose.CLOSE)] == [10, 6]
    assert desk.held() == {}


def is_bought_back_in(desk: Desk, lag: float) -> float:
    """Return after how many seconds the second order is sent, the first having been taken back."""
    entered(desk)
    desk.broker.positions_lag_seconds = lag
    desk.market.quote(spy_call(), 2.98, 3.02, sizes=(1, 0))
    desk.clock.on_sleep = lambda: desk.market.quote(spy_call(), 2.99, 3.03, sizes=(1, 0))
    desk.leave()
    first, second, *_ = desk.orders(Leg.SPY, Purpose.CLOSE)
    return (second.intent.created_at - first.intent.created_at).total_seconds()


def test_a_broker_whose_positions_do_not_lag_is_not_waited_for(desk: Desk) -> None:
    assert is_bought_back_in(desk, 0.0) == desk.settings.execution.reprice_seconds + 1


def test_the_next_purchase_waits_until_the_positions_are_younger_than_the_last_ones_end(
    desk: Desk,
) -> None:
    assert is_bought_back_in(desk, 8.0) == desk.settings.execution.reprice_seconds + 1 + 8


def test_an_entry_that_was_repriced_does_not_slow_the_exit_down(desk: Desk) -> None:
    desk.market.quote(spxw_call(), 23.00, 23.40, sizes=(1, 0))
    desk.clock.on_sleep = lambda: desk.market.quote(
        spxw_call(), 23.10, 23.50, sizes=(1, 1 if "cancel" in dict(desk.broker.calls) else 0)
    )
    entered(desk)
    assert len(desk.orders(Leg.SPX)) == 2
    desk.broker.positions_lag_seconds = 20.0
    start = desk.clock.now()
    assert desk.leave().status is Status.FILLED
    assert desk.clock.now() == start


def test_calls_that_the_user_is_short_at_our_strike_are_not_bought_back_for_ours(
    desk: Desk,
) -> None:
    entered(desk)
    desk.executor.expect_besides({spy_call(): -4})
    desk.exchange._state.options[spy_call()] = -9  # four of the user's, five of ours are gone
    desk.leave()
    assert ("SPY", Side.BUY, 5, Decimal("3.02")) in desk.traded()


def test_where_spxw_calls_are_missing_the_rest_may_be_the_users_and_is_kept(desk: Desk) -> None:
    entered(desk, 2)
    desk.exchange._state.options[spxw_call()] = 1
    desk.leave()
    assert desk.held() == {spxw_call(): 1}
