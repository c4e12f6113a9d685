"""What the trading day may rely on, whatever the broker: every client passes this suite.

A subclass gives the fixture `venue`: a broker with a fresh account whose market the test moves.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Protocol

import pytest

from src.models import Answer, Fill, Leg, OptionContract, OrderIntent, OrderOutcome, Purpose, Side
from src.ports import Broker, OrderReport, OrderState
from tests.fakes.builders import DAY, spxw_call, spy_call


class Venue(Protocol):
    """A broker and the market behind it. Nothing trades but against a quote that was given."""

    broker: Broker

    def now(self) -> datetime:
        """Return the present moment of the venue."""

    def quote(
        self,
        contract: OptionContract,
        bid: float,
        ask: float,
        *,
        sizes: tuple[int, int] | None = None,
    ) -> None:
        """Show this market from now on, with so many contracts at the bid and at the ask."""

    def wait(self, seconds: float) -> None:
        """Let time pass, so that the broker can act; sizes are shown anew."""


class BrokerContract:
    """Inherit this and give the fixture `venue`."""

    attempts = 0

    @pytest.fixture
    def venue(self) -> Venue:
        raise NotImplementedError

    def intent(
        self,
        venue: Venue,
        contract: OptionContract,
        side: Side,
        quantity: int,
        limit: str,
        purpose: Purpose = Purpose.OPEN,
    ) -> OrderIntent:
        self.attempts += 1
        return OrderIntent(
            session=DAY,
            spread_no=1,
            leg=Leg.SPY if contract.root == "SPY" else Leg.SPX,
            purpose=purpose,
            attempt=self.attempts,
            contract=contract,
            side=side,
            quantity=quantity,
            limit=Decimal(limit),
            created_at=venue.now(),
        )

    def buy_spx(self, venue: Venue, limit: str = "23.40", quantity: int = 1) -> OrderIntent:
        return self.intent(venue, spxw_call(), Side.BUY, quantity, limit)

    def sell_spy(self, venue: Venue, limit: str = "2.98", quantity: int = 10) -> OrderIntent:
        return self.intent(venue, spy_call(), Side.SELL, quantity, limit)

    def taken(self, venue: Venue, intent: OrderIntent) -> OrderOutcome:
        outcome = venue.broker.submit(intent)
        assert outcome.answer is Answer.ACCEPTED, f"{outcome.code} {outcome.text}"
        return outcome

    def report(self, venue: Venue, intent: OrderIntent) -> OrderReport:
        report = venue.broker.order(intent.client_order_id)
        assert report is not None
        return report

    def held(self, venue: Venue) -> dict[OptionContract, int]:
        every = venue.broker.holdings()
        return {each.contract: each.quantity for each in every if each.contract and each.quantity}

    # Taking orders.

    def test_has_a_name_for_people(self, venue: Venue) -> None:
        assert venue.broker.name

    def test_an_accepted_order_is_found_by_our_id(self, venue: Venue) -> None:
        intent = self.buy_spx(venue, "20.00")
        outcome = self.taken(venue, intent)
        assert outcome.client_order_id == intent.client_order_id
        assert outcome.broker_order_id
        report = self.report(venue, intent)
        assert report.client_order_id == intent.client_order_id
        assert report.broker_order_id == outcome.broker_order_id
        assert (report.state, report.fills) == (OrderState.WORKING, ())

    def test_a_refused_order_says_why_and_leaves_nothing_behind(self, venue: Venue) -> None:
        too_much = self.buy_spx(venue, quantity=100_000)
        outcome = venue.broker.submit(too_much)
        venue.wait(1)
        assert outcome.answer is Answer.REFUSED
        assert outcome.text
        assert venue.broker.open_orders() == []
        assert self.held(venue) == {}

    def test_an_id_is_taken_only_once(self, venue: Venue) -> None:
        intent = self.buy_spx(venue)
        self.taken(venue, intent)
        venue.wait(1)
        assert venue.broker.submit(intent).answer is Answer.REFUSED
        venue.wait(1)
        assert self.held(venue) == {spxw_call(): 1}

    def test_an_id_that_was_never_sent_is_not_known(self, venue: Venue) -> None:
        assert venue.broker.order("2026-03-09-7-spx-open-1") is None

    # Filling.

    def test_an_order_at_the_market_fills_with_price_fee_and_time(self, venue: Venue) -> None:
        intent = self.buy_spx(venue)
        before = venue.now()
        self.taken(venue, intent)
        venue.wait(1)
        report = self.report(venue, intent)
        (fill,) = report.fills
        assert (report.state, report.filled) == (OrderState.FILLED, 1)
        assert fill.client_order_id == intent.client_order_id
        assert (fill.contract, fill.side, fill.quantity) == (spxw_call(), Side.BUY, 1)
        assert fill.price == Decimal("23.40")
        assert fill.fee >= 0
        assert timedelta(0) <= fill.at - before <= timedelta(seconds=60)

    def test_an_order_below_the_market_works_until_the_market_comes(self, venue: Venue) -> None:
        intent = self.buy_spx(venue, "23.00")
        self.taken(venue, intent)
        venue.wait(1)
        assert self.report(venue, intent).state is OrderState.WORKING
        venue.quote(spxw_call(), 22.60, 23.00)
        venue.wait(1)
        assert self.report(venue, intent).state is OrderState.FILLED

    def test_a_fill_is_never_worse_than_the_limit(self, venue: Venue) -> None:
        bought, sold = self.buy_spx(venue, "24.00"), self.sell_spy(venue, "2.90")
        self.taken(venue, bought)
        venue.wait(1)
        self.taken(venue, sold)
        venue.wait(1)
        assert all(each.price <= Decimal("24.00") for each in self.report(venue, bought).fills)
        assert all(each.price >= Decimal("2.90") for each in self.report(venue, sold).fills)

    def test_partial_fills_are_cumulative_and_each_has_its_own_id(self, venue: Venue) -> None:
        self.taken(venue, self.buy_spx(venue))
        venue.wait(1)
        venue.quote(spy_call(), 2.98, 3.02, sizes=(4, 4))
        intent = self.sell_spy(venue)
        self.taken(venue, intent)
        seen: list[tuple[Fill, ...]] = []
        for _ in range(6):
            report = self.report(venue, intent)
            seen.append(report.fills)
            assert report.state is (
                OrderState.FILLED if report.filled == 10 else OrderState.WORKING
            )
            venue.wait(1)
        for earlier, later in pairwise(seen):
            assert later[: len(earlier)] == earlier, "what was told stays told"
        assert sum(each.quantity for each in seen[-1]) == 10
        assert len({each.fill_id for each in seen[-1]}) == len(seen[-1]) > 1

    def test_the_same_question_twice_has_the_same_answer(self, venue: Venue) -> None:
        intent = self.buy_spx(venue)
        self.taken(venue, intent)
        venue.wait(1)
        assert self.report(venue, intent) == self.report(venue, intent)

    def test_the_fills_of_a_session_are_those_of_its_orders(self, venue: Venue) -> None:
        first, second = self.buy_spx(venue), self.sell_spy(venue)
        for each in (first, second):
            self.taken(venue, each)
            venue.wait(1)
        told = {each.fill_id: each for each in venue.broker.fills(DAY)}
        reported = [*self.report(venue, first).fills, *self.report(venue, second).fills]
        assert told == {each.fill_id: each for each in reported}
        assert venue.broker.fills(DAY - timedelta(days=1)) == []

    # Cancelling.

    def test_a_cancelled_order_fills_no_more(self, venue: Venue) -> None:
        intent = self.buy_spx(venue, "20.00")
        self.taken(venue, intent)
        venue.broker.cancel(intent.client_order_id)
        venue.wait(1)
        venue.quote(spxw_call(), 19.00, 19.40)
        venue.wait(1)
        report = self.report(venue, intent)
        assert (report.state, report.fills) == (OrderState.CANCELLED, ())

    def test_a_cancelled_order_keeps_what_it_has_filled(self, venue: Venue) -> None:
        self.taken(venue, self.buy_spx(venue))
        venue.wait(1)
        venue.quote(spy_call(), 2.98, 3.02, sizes=(4, 4))
        intent = self.sell_spy(venue)
        self.taken(venue, intent)
        venue.quote(spy_call(), 2.90, 2.94)
        venue.wait(1)
        venue.broker.cancel(intent.client_order_id)
        venue.wait(1)
        report = self.report(venue, intent)
        assert (report.state, report.filled) == (OrderState.CANCELLED, 4)

    def test_cancelling_what_is_over_or_unknown_changes_nothing(self, venue: Venue) -> None:
        intent = self.buy_spx(venue)
        self.taken(venue, intent)
        venue.wait(1)
        venue.broker.cancel(intent.client_order_id)
        venue.broker.cancel("2026-03-09-7-spx-open-1")
        venue.wait(1)
        assert self.report(venue, intent).state is OrderState.FILLED

    def test_open_orders_are_those_that_can_still_fill(self, venue: Venue) -> None:
        working, cancelled = self.buy_spx(venue, "20.00"), self.buy_spx(venue, "20.10")
        filled = self.buy_spx(venue)
        for each in (working, cancelled, filled):
            self.taken(venue, each)
        venue.broker.cancel(cancelled.client_order_id)
        venue.wait(1)
        assert [each.client_order_id for each in venue.broker.open_orders()] == [
            working.client_order_id
        ]

    def test_an_open_order_tells_what_it_may_still_do(self, venue: Venue) -> None:
        self.taken(venue, self.buy_spx(venue))
        venue.wait(1)
        venue.quote(spy_call(), 2.98, 3.02, sizes=(4, 4))
        selling, buying = self.sell_spy(venue), self.buy_spx(venue, "20.00")
        self.taken(venue, selling)
        self.taken(venue, buying)
        filled = self.report(venue, selling).filled
        assert 0 < filled < 10
        assert {
            each.client_order_id: (each.contract, each.unfilled)
            for each in venue.broker.open_orders()
        } == {
            selling.client_order_id: (spy_call(), filled - 10),
            buying.client_order_id: (spxw_call(), 1),
        }

    # The account.

    def test_holdings_are_long_positive_and_short_negative(self, venue: Venue) -> None:
        self.taken(venue, self.buy_spx(venue))
        venue.wait(1)
        self.taken(venue, self.sell_spy(venue))
        venue.wait(1)
        assert self.held(venue) == {spxw_call(): 1, spy_call(): -10}

    def test_what_was_closed_is_no_longer_held(self, venue: Venue) -> None:
        self.taken(venue, self.buy_spx(venue))
        venue.wait(1)
        back = self.intent(venue, spxw_call(), Side.SELL, 1, "23.00", Purpose.CLOSE)
        self.taken(venue, back)
        venue.wait(1)
        assert self.held(venue) == {}

    def test_cash_moves_by_the_fills_and_their_fees(self, venue: Venue) -> None:
        before = venue.broker.account()
        self.taken(venue, self.buy_spx(venue))
        venue.wait(1)
        after = venue.broker.account()
        assert after.account_id == before.account_id
        moved = sum((each.cash for each in venue.broker.fills(DAY)), Decimal(0))
        assert after.cash - before.cash == moved
        assert moved <= Decimal(-2340)

    def test_short_calls_hold_margin(self, venue: Venue) -> None:
        self.taken(venue, self.buy_spx(venue))
        venue.wait(1)
        before = venue.broker.account()
        self.taken(venue, self.sell_spy(venue))
        venue.wait(1)
        after = venue.broker.account()
        assert after.margin_used > before.margin_used
        assert after.available == after.cash - after.margin_used
