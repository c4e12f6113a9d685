from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from src.models import Fill, OptionContract, Side, SpreadPosition
from src.ports import Holding
from src.recovery import difference, divided, held_contracts
from tests.fakes.builders import DAY, at, spxw_call, spy_call
from tests.fakes.ledger import a_position

SPY, SPXW = spy_call(), spxw_call()
POSITION = a_position(day=DAY)


def holding(contract: OptionContract, quantity: int) -> Holding:
    return Holding(contract.symbol, quantity, contract)


def found(positions: list[SpreadPosition], *holdings: Holding) -> str:
    return difference(positions, held_contracts(holdings))


def test_the_record_and_the_broker_agree_on_a_spread() -> None:
    assert found([POSITION], holding(SPY, -10), holding(SPXW, 1)) == ""


def test_nothing_recorded_and_nothing_held_is_agreement() -> None:
    assert found([]) == ""


def test_spreads_at_the_same_strikes_are_added_up() -> None:
    second = replace(POSITION, spread_no=2)
    assert found([POSITION, second], holding(SPY, -20), holding(SPXW, 2)) == ""


def test_a_holding_that_the_broker_reports_in_parts_is_added_up() -> None:
    parts = (holding(SPY, -4), holding(SPY, -6), holding(SPXW, 1))
    assert found([POSITION], *parts) == ""


@pytest.mark.parametrize(
    ("spy", "spxw", "words"),
    [
        (-9, 1, "SPY260309C00600000: recorded -10, at the broker -9"),
        (-11, 1, "SPY260309C00600000: recorded -10, at the broker -11"),
        (-10, 0, "SPXW260309C06000000: recorded +1, at the broker +0"),
        (-10, -1, "SPXW260309C06000000: recorded +1, at the broker -1"),
    ],
)
def test_a_leg_that_differs_is_named_with_both_counts(spy: int, spxw: int, words: str) -> None:
    assert found([POSITION], holding(SPY, spy), holding(SPXW, spxw)) == words


def test_every_difference_is_named() -> None:
    assert found([POSITION], Holding("SPY", -1000)) == (
        "SPXW260309C06000000: recorded +1, at the broker +0; "
        "SPY260309C00600000: recorded -10, at the broker +0; "
        "-1000 SPY shares at the broker, as an assignment leaves them"
    )


def test_a_position_that_is_recorded_as_closed_must_be_gone_at_the_broker() -> None:
    closed = replace(POSITION, spy_short=0, spx_long=0)
    assert found([closed]) == ""
    assert found([closed], holding(SPY, -10)) == (
        "SPY260309C00600000: recorded +0, at the broker -10"
    )


@pytest.mark.parametrize(
    "other",
    [
        holding(spy_call(610), 5),
        holding(OptionContract("SPY", DAY, 600.0, "P"), 5),
        holding(OptionContract("QQQ", DAY, 600.0), -3),
        holding(OptionContract("SPY", DAY + timedelta(1), 600.0), -10),
        Holding("AAPL", 100),
    ],
    ids=["another strike", "a put", "another root", "another expiry", "shares of another company"],
)
def test_what_the_user_holds_besides_is_not_touched(other: Holding) -> None:
    assert found([], other) == ""
    assert found([POSITION], holding(SPY, -10), holding(SPXW, 1), other) == ""


def test_short_spy_shares_are_a_difference_because_an_assignment_leaves_them() -> None:
    words = "-1000 SPY shares at the broker, as an assignment leaves them"
    assert found([], Holding("SPY", -1000)) == words
    assert found([], Holding("SPY", -1000), Holding("SPY", 1000)) == ""


def test_spy_shares_that_the_user_owns_are_none_of_our_business() -> None:
    assert found([], Holding("SPY", 100)) == ""


# What others close of several spreads at once.


def a_sale_of_others(quantity: int) -> Fill:
    return Fill(
        "L7", "", spxw_call(), Side.SELL, quantity, Decimal("4.60"), Decimal("1.30"), at("11:00")
    )


def divide(quantity: int) -> list[tuple[str, str, int, Decimal]]:
    parts = [(a_position(day=DAY, spread_no=no), 1) for no in (1, 2)]
    return [
        (position.trade_id, fill.fill_id, fill.quantity, fill.fee)
        for position, fill in divided([a_sale_of_others(quantity)], parts)
    ]


def test_what_closed_two_spreads_is_divided_and_its_own_id_comes_last() -> None:
    assert divide(2) == [
        (f"{DAY}-1", "L7/1", 1, Decimal(0)),
        (f"{DAY}-2", "L7", 1, Decimal("1.30")),
    ]


def test_what_closed_one_of_two_spreads_is_that_ones_alone() -> None:
    assert divide(1) == [(f"{DAY}-1", "L7", 1, Decimal("1.30"))]
