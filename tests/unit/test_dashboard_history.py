"""The history adds up, and never mixes modes."""

from datetime import date
from pathlib import Path

import pytest

from src.dashboard_history import ROLLING, History, figures, history, modes
from src.database import Store, snapshot
from tests.fakes.ledger import Ledger
from tests.fakes.years import many_days, weekdays


def traded(*results: float, mode: str = "paper", expected: float | None = 450.0) -> Ledger:
    """Return a record of one trade a day with these results."""
    ledger = Ledger(weekdays(date(2026, 11, 20), len(results))[0], mode)
    days = weekdays(date(2026, 11, 20), len(results))
    for day, pnl in zip(days, results, strict=True):
        if day != ledger.day:
            ledger.begin(day, mode)
        add(ledger, day, pnl, mode, expected)
    return ledger


def past(ledger: Ledger, mode: str = "paper") -> History:
    return history(Store(ledger.connection), mode)


def add(
    ledger: Ledger, day: date, pnl: float | None, mode: str, expected: float | None, no: int = 1
) -> None:
    ledger._sql(
        "INSERT INTO trades (trade_id, date, spy_strike, spx_strike, entry_credit, exit_reason,"
        " final_pnl, entry_time, spreads, mode, expected_profit) VALUES (?, ?, 600, 6000, 637.85,"
        " 'EXPIRED', ?, ?, 2, ?, ?)",
        *(f"{day}-{no}", str(day), pnl, f"{day}T09:35:00-05:00", mode, expected),
    )


def test_equity_drawdown_and_win_rate_follow_from_the_trades() -> None:
    found = past(traded(100.10, -250.20, 50.05))
    assert [each.equity for each in found.traded] == [100.10, -150.10, -100.05]
    assert [each.drawdown for each in found.traded] == [0.0, -250.20, -200.15]
    assert [each.win_rate for each in found.traded] == [1.0, 0.5, pytest.approx(2 / 3)]
    assert float(found.statistics.total) == found.traded[-1].equity
    assert float(found.statistics.max_drawdown) == -min(each.drawdown for each in found.traded)


def test_several_trades_of_a_day_are_one_point() -> None:
    ledger = traded(100.0)
    add(ledger, date(2026, 11, 20), -300.0, "paper", 450.0, no=2)
    (point,) = past(ledger).traded
    assert (point.pnl, point.equity, point.drawdown) == (-200.0, -200.0, -300.0)


def test_the_recent_win_rate_is_told_only_of_enough_trades() -> None:
    found = past(traded(*[10.0] * (ROLLING - 1), -10.0, -10.0)).traded
    assert [each.recent for each in found[: ROLLING - 1]] == [None] * (ROLLING - 1)
    assert found[-2].recent == pytest.approx((ROLLING - 1) / ROLLING)
    assert found[-1].recent == pytest.approx((ROLLING - 2) / ROLLING)


def test_modes_are_never_mixed_and_the_newest_comes_first() -> None:
    ledger = traded(100.0, 100.0, mode="paper")
    ledger.begin(date(2026, 11, 23), "live")
    add(ledger, date(2026, 11, 23), -40.0, "live", 450.0)
    assert modes(Store(ledger.connection)) == ["live", "paper"]
    assert float(past(ledger, "live").statistics.total) == -40.0
    assert float(past(ledger).statistics.total) == 200.0


def test_a_prediction_is_of_the_whole_trade_and_one_that_was_lost_is_left_out() -> None:
    found = past(traded(100.0, 200.0))
    assert {each.predicted for each in found.promises} == {900.0}
    assert past(traded(100.0, expected=None)).promises == ()


def test_a_trade_that_is_still_open_counts_as_such_only() -> None:
    ledger = traded(100.0)
    add(ledger, date(2026, 11, 20), None, "paper", 450.0, no=2)
    found = past(ledger)
    assert (found.statistics.trades, found.still_open, len(found.traded)) == (1, 1, 1)


def test_where_nothing_was_traded_nothing_is_drawn() -> None:
    found = past(Ledger())
    assert (found.days, found.traded, found.edge) == (1, (), None)
    assert ("win rate", "unknown") in figures(found)


def test_what_was_expected_is_compared_with_what_came_of_it() -> None:
    found = past(traded(100.0, 200.0, 330.0))
    assert found.edge
    assert (found.edge.n, found.edge.predicted, found.edge.realised) == (3, 900.0, 210.0)
    # All three were expected to bring the same: no line follows from that.
    assert found.line is None


def test_years_of_trades_add_up_to_the_cent(tmp_path: Path) -> None:
    with snapshot(many_days(tmp_path, days=250)) as store:
        found = history(store, "paper")
        (total,) = store.read("SELECT sum(round(final_pnl * 100)) FROM trades").fetchone()
    assert found.traded[-1].equity == total / 100
    assert len(found.traded) == found.days == 250
