"""The margin for the short calls is asked for before anything is short."""

import pytest

from src.legging import Status
from src.models import Leg, Purpose
from src.ports import RetryLater
from tests.fakes.trading_desk import Desk


@pytest.fixture
def desk() -> Desk:
    return Desk()


def calls(desk: Desk) -> list[str]:
    return [f"{name} {about[11:]}".strip() for name, about in desk.broker.calls if "-spy-" in about]


def test_the_margin_is_asked_for_once_before_the_first_sale_of_spy(desk: Desk) -> None:
    desk.enter()
    asked = [call for call in calls(desk) if call.split()[0] in {"refusal", "submit"}]
    assert asked == ["refusal 1-spy-open-1", "submit 1-spy-open-1"]


def test_a_refusal_sells_the_spxw_call_again_and_sends_no_sale_of_spy(desk: Desk) -> None:
    desk.broker.refusals.append("$123,000 of margin needed, $80,000 available")
    result = desk.enter()
    assert result.status is Status.UNWOUND
    assert desk.held() == {}
    assert desk.orders(Leg.SPY) == []
    assert [each.filled for each in desk.orders(Leg.SPX, Purpose.CLOSE)] == [1]
    (alert,) = desk.alerts
    assert alert[1] == "The SPY calls would be refused"
    assert alert[2].startswith("$123,000 of margin needed, $80,000 available. No SPY call is sold;")


def test_a_broker_that_does_not_answer_counts_as_one_that_refuses(desk: Desk) -> None:
    def silent(call: str, about: str) -> None:
        del about
        if call == "refusal":
            raise RetryLater("no answer in 10 s")

    desk.broker.before = silent
    assert desk.enter().status is Status.UNWOUND
    assert desk.held() == {}
    assert "cannot be asked (no answer in 10 s)" in desk.alerts[0][2]


def test_an_entry_that_goes_on_after_its_first_sale_asks_no_more(desk: Desk) -> None:
    desk.enter()
    desk.broker.calls.clear()
    desk.go_on()
    assert "refusal" not in [name for name, _ in desk.broker.calls]
