from datetime import date
from decimal import Decimal

import pytest

from src.trade_statistics import (
    FinishedTrade,
    ReasonTotal,
    Statistics,
    finished_trades,
    summarise,
)


def trades(*results: str, reason: str = "EXPIRED") -> list[FinishedTrade]:
    day = date(2026, 1, 26)
    return [
        FinishedTrade(f"{day}-{number}", day, "paper", Decimal(pnl), reason)
        for number, pnl in enumerate(results, start=1)
    ]


def test_no_trade_has_no_average_no_rate_and_no_best() -> None:
    assert summarise([]) == Statistics()
    assert summarise([]).win_rate is None
    assert summarise([]).average is None
    assert summarise([]).total == 0


def test_totals_are_exact_to_the_cent() -> None:
    found = summarise(trades("637.85", "-2.15", "-4992.15", "0.10", "0.20"))
    assert found.total == Decimal("-4356.15")
    assert found.average == Decimal("-871.23")
    assert (found.best, found.worst) == (Decimal("637.85"), Decimal("-4992.15"))


def test_an_average_is_rounded_to_the_cent() -> None:
    assert summarise(trades("1.00", "0.00", "0.00")).average == Decimal("0.33")


@pytest.mark.parametrize(
    ("results", "wins", "rate"),
    [
        (("1.00", "-1.00"), 1, 0.5),
        (("0.01",), 1, 1.0),
        (("0.00", "5.00", "-1.00", "2.00"), 2, 0.5),
        (("0.00",), 0, 0.0),
    ],
)
def test_a_trade_is_won_when_it_brought_more_than_nothing(
    results: tuple[str, ...], wins: int, rate: float
) -> None:
    found = summarise(trades(*results))
    assert (found.wins, found.win_rate) == (wins, rate)


@pytest.mark.parametrize(
    ("results", "fall"),
    [
        (("5.00", "3.00"), "0.00"),
        (("-5.00",), "5.00"),
        (("10.00", "-4.00", "2.00", "-7.00", "20.00", "-3.00"), "9.00"),
        (("-1.00", "-2.00", "5.00", "-2.50"), "3.00"),
    ],
)
def test_drawdown_is_the_deepest_fall_of_the_running_total_from_nothing(
    results: tuple[str, ...], fall: str
) -> None:
    assert summarise(trades(*results)).max_drawdown == Decimal(fall)


def test_profit_factor_is_dollars_won_over_dollars_lost() -> None:
    assert summarise(trades("300.00", "-100.00", "-50.00")).profit_factor == pytest.approx(2.0)
    assert summarise(trades("-50.00")).profit_factor == 0.0


def test_profit_factor_without_a_loss_is_not_a_number_at_all() -> None:
    assert summarise(trades("300.00", "0.00")).profit_factor is None


def test_each_exit_reason_has_its_own_count_and_total() -> None:
    found = summarise(
        [*trades("637.85", "10.00"), *trades("-800.00", reason="MAX_LOSS"), *trades("1", reason="")]
    )
    assert found.by_reason == {
        "": ReasonTotal(1, Decimal(1)),
        "EXPIRED": ReasonTotal(2, Decimal("647.85")),
        "MAX_LOSS": ReasonTotal(1, Decimal("-800.00")),
    }


def test_a_trade_without_a_final_result_is_not_finished() -> None:
    row = {
        "trade_id": "2026-01-26-1",
        "date": "2026-01-26",
        "mode": "live",
        "final_pnl": None,
        "exit_reason": None,
    }
    assert finished_trades([row]) == []
    (trade,) = finished_trades([{**row, "final_pnl": -0.1}])
    assert trade == FinishedTrade(
        "2026-01-26-1", date(2026, 1, 26), "live", Decimal("-0.10"), exit_reason=""
    )
