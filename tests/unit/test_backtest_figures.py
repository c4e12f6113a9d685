"""What many days amount to, and how it is told: no figure without what it stands on."""

from datetime import date, datetime, timedelta

import pytest

from src.backtest import DayResult, TradeResult
from src.backtest_figures import FEW, Forecast, Prediction, calibration, figures, prediction
from src.backtest_summary import SIMULATED, noise, summary, trade_line
from src.models import NEW_YORK

FIRST = date(2026, 3, 9)


def a_trade(
    pnl: float | None, edge: float | None = 400.0, n: int = 0, evening: float = 0.0
) -> TradeResult:
    day = FIRST + timedelta(days=n)
    entry = datetime(day.year, day.month, day.day, 9, 41, tzinfo=NEW_YORK)
    return TradeResult(
        trade_id=f"{day}-1",
        day=day,
        entry=entry,
        exit=entry.replace(hour=15, minute=45),
        reason="PIN_RISK",
        spreads=1,
        spy_strike=600.0,
        spx_strike=6000.0,
        spy_price=600.25,
        spx_price=6002.5,
        strike_gap=2.5,
        credit=437.85,
        quoted_credit=437.85,
        expected=437.85,
        edge=edge,
        pnl=pnl,
        fees=4.30,
        parts={"strike gap": 125.0, "after hours": evening, "fees in": -2.15},
    )


def a_day(*trades: TradeResult, n: int = 0, kind: str = "quotes", best: float = 1.0) -> DayResult:
    return DayResult(
        day=FIRST + timedelta(days=n),
        name=f"tape {n}",
        kind=kind,
        caution="fills are against derived quotes" if kind == "prints" else "",
        looks=26,
        priced=20,
        qualified=len(trades),
        best=best,
        note="",
        trades=trades,
    )


def days_of(*results: float) -> list[DayResult]:
    return [a_day(a_trade(pnl, n=n), n=n) for n, pnl in enumerate(results)]


def told(days: list[DayResult]) -> str:
    return summary(days, figures(days), ("fills touch",))


def test_the_account_rises_and_falls_by_each_day_and_the_drawdown_is_below_its_highest() -> None:
    points = figures(days_of(100.0, -250.5, 50.0, 200.0)).points
    assert [point.equity for point in points] == [100.0, -150.5, -100.5, 99.5]
    assert [point.drawdown for point in points] == [0.0, -250.5, -200.5, -0.5]


def test_a_loss_on_the_first_day_is_a_drawdown_from_nothing() -> None:
    assert [point.drawdown for point in figures(days_of(-10.0, 5.0)).points] == [-10.0, -5.0]


def test_cents_add_up_exactly() -> None:
    assert figures(days_of(*[0.1] * 10)).points[-1].equity == 1.0


def test_a_trade_whose_closes_are_not_known_counts_nowhere_and_is_named() -> None:
    days = [a_day(a_trade(None), a_trade(50.0))]
    found = figures(days)
    assert (found.trades, found.open_trades, float(found.statistics.total)) == (1, 1, 50.0)
    assert "Not finished    1" in told(days)


def test_the_calibration_line_goes_through_points_that_lie_on_one() -> None:
    line = calibration([(100.0, 30.0), (200.0, 50.0), (300.0, 70.0)])
    assert line is not None
    assert (line.slope, line.intercept) == pytest.approx((0.2, 10.0))
    assert line.n == 3
    assert line.residual == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("pairs", [[(1.0, 2.0), (2.0, 3.0)], [(5.0, 1.0), (5.0, 2.0), (5.0, 3.0)]])
def test_too_few_or_equal_predictions_make_no_line(pairs: list[tuple[float, float]]) -> None:
    assert calibration(pairs) is None


def predicted(offset: float, evening: float = 0.0) -> Prediction:
    """Return four trades that brought -3, -1, 1, 3 and an offset more than their edges."""
    found = prediction(
        [
            Forecast(100.0 + n, 100.0 + n + evening, 100.0 + n + gap + offset)
            for n, gap in enumerate((-3, -1, 1, 3))
        ]
    )
    assert found is not None
    assert found.error == found.kept_error == pytest.approx(1.2910, abs=1e-4)
    return found


@pytest.mark.parametrize(
    ("offset", "is_within"), [(-2.6, False), (-2.5, True), (2.5, True), (2.6, False)]
)
def test_a_prediction_is_within_the_noise_up_to_two_standard_errors(
    offset: float, *, is_within: bool
) -> None:
    assert predicted(offset).is_within_noise is is_within


@pytest.mark.parametrize(
    ("offset", "words"),
    [
        (-2.6, "is below and NOT within the noise"),
        (-2.5, "is within the noise"),
        (5.0, "is within the noise"),
        (12.5, "is within the noise"),
        (12.6, "is above and NOT within the noise"),
    ],
)
def test_between_the_edge_and_the_evening_s_pay_beside_it_nothing_is_a_surprise(
    offset: float, words: str
) -> None:
    told = noise(predicted(offset, evening=10.0))
    assert words in told
    assert "n = 4" in told


def test_the_edge_is_compared_whatever_the_decision_went_by() -> None:
    found = figures(
        [a_day(a_trade(10.0, edge=-20.0, evening=50.0), a_trade(20.0, edge=0.0, evening=10.0))]
    ).prediction
    assert found is not None
    assert (found.edge, found.kept, found.realised) == (-10.0, 20.0, 15.0)


def test_both_ends_of_the_range_have_a_calibration_line() -> None:
    edges_alike = [a_trade(110.0 + n, edge=0.0, evening=200.0 + 2 * n, n=n) for n in range(4)]
    text = told([a_day(*edges_alike)])
    assert "realised = +$10.00 + 0.50 x its upper end, left over $0.00" in text
    assert "x edge" not in text, "equal edges make no line"


def test_a_trade_without_an_edge_is_left_out_of_the_comparison_and_counted() -> None:
    days = [a_day(a_trade(10.0), a_trade(20.0, edge=None))]
    found = figures(days).prediction
    assert found is not None
    assert (found.n, found.unpredicted) == (1, 1)
    assert "1 trade left out here" in told(days)
    assert figures([a_day(a_trade(20.0, edge=None))]).prediction is None


def test_one_trade_tells_nothing_of_the_noise() -> None:
    found = prediction([Forecast(100.0, 100.0, -300.0)])
    assert found is not None
    assert found.is_within_noise is None
    assert "one tells nothing of the noise" in told(days_of(-300.0))


def test_below_thirty_trades_every_ratio_says_that_it_means_little() -> None:
    text = told(days_of(*[100.0, -50.0] * 5))
    ratios = [line for line in text.splitlines() if line.startswith(("Won", "Profit", "Calib"))]
    assert len(ratios) == 2  # equal predictions make no calibration line
    assert all("10 trades, too few to mean much" in line for line in ratios)


def test_from_thirty_trades_on_no_warning_is_needed() -> None:
    text = told(days_of(*[100.0, -50.0] * (FEW // 2)))
    assert "too few" not in text
    assert "Won             15 of 30 (50%)" in text
    assert "Profit factor   2.00 (n = 30)" in text


def test_the_first_and_the_last_line_say_that_it_is_simulated() -> None:
    for days in (days_of(1.0), [a_day()]):
        lines = told(days).splitlines()
        assert lines[0] == lines[-1] == SIMULATED


def test_what_must_be_known_of_the_quotes_is_told_once() -> None:
    text = told([a_day(n=n, kind="prints") for n in range(3)])
    assert text.count("fills are against derived quotes") == 1
    assert "3 (3 prints)" in text


def test_a_series_without_a_trade_names_its_best_moment() -> None:
    text = told([a_day(n=0, best=-5.0), a_day(n=1, best=111.5)])
    assert "The best moment promised +$111.50 a spread, on 2026-03-10." in text


def test_a_trade_is_told_in_one_line() -> None:
    (line,) = trade_line(a_day(a_trade(-12.5, evening=50.0)))
    assert line == (
        "2026-03-09 09:41 1 x 600/6000 (gap +2.50) credit +$437.85, edge +$400.00 to +$450.00, "
        "PIN_RISK, P&L -$12.50"
    )
