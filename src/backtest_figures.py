"""What a series of traded days amounts to; every figure goes with the number it stands on."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate
from statistics import fmean, median, stdev
from typing import NamedTuple

from src.backtest import GENERATED, MODE, DayResult, TradeResult
from src.ticks import CENT
from src.trade_statistics import FinishedTrade, Statistics, summarise

FEW = 30
"""Below so many trades a ratio says little, and is not shown without saying so."""


class Line(NamedTuple):
    """Least squares: realised = intercept + slope x predicted, dollars a trade, over `n` trades.

    `residual` is the standard deviation of what the line leaves, dollars.
    """

    slope: float
    intercept: float
    residual: float
    n: int


class Prediction(NamedTuple):
    """Predicted against realised dollars of the finished trades.

    `error` is the standard error of the mean difference, None for a single trade. `line` is None
    where fewer than three trades, or equal predictions, make none.
    """

    n: int
    predicted: float
    realised: float
    error: float | None
    line: Line | None

    @property
    def difference(self) -> float:
        """Mean realised less mean predicted, dollars a trade."""
        return self.realised - self.predicted

    @property
    def is_within_noise(self) -> bool | None:
        """Whether the difference is below two standard errors; None where nobody can tell."""
        return None if self.error is None else abs(self.difference) <= 2 * self.error


class Point(NamedTuple):
    """The account after one day, in dollars since the beginning; `drawdown` is 0 or negative.

    `label` is the day's date, or what tells a generated day from the others.
    """

    label: str
    pnl: float
    equity: float
    drawdown: float


@dataclass(frozen=True, slots=True)
class Figures:
    """The results of many days; money is dollars after fees, and per trade unless it says day.

    `open_trades` hold contracts whose closes are not known: they count nowhere else. The middle
    and the spread of P&L are None where too few trades have one.
    """

    days: int
    days_traded: int
    looks: int
    priced: int
    qualified: int
    open_trades: int
    fees: float
    median: float | None
    deviation: float | None
    statistics: Statistics
    prediction: Prediction | None
    points: tuple[Point, ...]

    @property
    def trades(self) -> int:
        """Finished trades."""
        return self.statistics.trades


def finished(days: Iterable[DayResult]) -> list[TradeResult]:
    """Return the trades whose result is known, in the order of the days."""
    return [trade for day in days for trade in day.trades if trade.pnl is not None]


def figures(days: Sequence[DayResult]) -> Figures:
    """Return what these days, in their order, amount to."""
    trades = finished(days)
    results = [trade.pnl or 0.0 for trade in trades]
    return Figures(
        days=len(days),
        days_traded=sum(1 for day in days if day.trades),
        looks=sum(day.looks for day in days),
        priced=sum(day.priced for day in days),
        qualified=sum(day.qualified for day in days),
        open_trades=sum(len(day.trades) for day in days) - len(trades),
        fees=round(sum(trade.fees for trade in trades), 2),
        median=median(results) if results else None,
        deviation=stdev(results) if len(results) > 1 else None,
        statistics=summarise(
            [
                FinishedTrade(t.trade_id, t.day, MODE, Decimal(str(t.pnl)).quantize(CENT), t.reason)
                for t in trades
            ]
        ),
        prediction=prediction([(t.predicted, t.pnl or 0.0) for t in trades]),
        points=tuple(_points(days)),
    )


def prediction(pairs: Sequence[tuple[float, float]]) -> Prediction | None:
    """Compare what was predicted with what came of it; None without a trade."""
    if not pairs:
        return None
    gaps = [realised - predicted for predicted, realised in pairs]
    return Prediction(
        n=len(pairs),
        predicted=fmean(predicted for predicted, _ in pairs),
        realised=fmean(realised for _, realised in pairs),
        error=stdev(gaps) / math.sqrt(len(gaps)) if len(gaps) > 1 else None,
        line=calibration(pairs),
    )


def calibration(pairs: Sequence[tuple[float, float]]) -> Line | None:
    """Return the least-squares line of realised on predicted; None where there is none."""
    if len(pairs) < 3:
        return None
    mean_x, mean_y = fmean(x for x, _ in pairs), fmean(y for _, y in pairs)
    spread = sum((x - mean_x) ** 2 for x, _ in pairs)
    if spread < 1e-9:
        return None
    slope = sum((x - mean_x) * (y - mean_y) for x, y in pairs) / spread
    intercept = mean_y - slope * mean_x
    left = sum((y - intercept - slope * x) ** 2 for x, y in pairs)
    return Line(slope, intercept, math.sqrt(left / (len(pairs) - 2)), len(pairs))


def _points(days: Sequence[DayResult]) -> Iterable[Point]:
    cents = [round(100 * day.pnl) for day in days]
    levels = list(accumulate(cents))
    peaks = accumulate(levels, max, initial=0)
    for day, pnl, level, peak in zip(days, cents, levels, list(peaks)[1:], strict=True):
        label = day.name if day.kind == GENERATED else str(day.day)
        yield Point(label, pnl / 100, level / 100, (level - peak) / 100)
