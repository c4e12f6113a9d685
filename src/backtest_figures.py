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


class Forecast(NamedTuple):
    """What was predicted of a trade and what came of it, in dollars.

    `edge` counts the pay for SPY's hours after the close as a cost, `kept` does not: no moment's
    quotes tell how much of it is one. A position that is bought back before the close gives back
    in its price what of that pay was real; one that expires keeps it unless SPY moves by 17:30.
    """

    edge: float
    kept: float
    realised: float


class Prediction(NamedTuple):
    """Predicted against realised dollars, means over `n` finished trades.

    `edge` and `kept` are the ends of the range that was predicted, `error` and `kept_error` the
    standard errors of the mean differences from them, None for a single trade. `unpredicted` trades
    had no edge that could be reckoned. `line` is realised on edge, `kept_line` on the upper end,
    None where fewer than three trades, or equal predictions, make none.
    """

    n: int
    edge: float
    kept: float
    realised: float
    error: float | None
    kept_error: float | None
    line: Line | None
    kept_line: Line | None
    unpredicted: int = 0

    @property
    def difference(self) -> float:
        """Mean realised less mean edge, dollars a trade."""
        return self.realised - self.edge

    @property
    def kept_difference(self) -> float:
        """Mean realised less the upper end of the range."""
        return self.realised - self.kept

    @property
    def below(self) -> bool | None:
        """Whether what was realised is more than two standard errors below the range."""
        return None if self.error is None else self.difference < -2 * self.error

    @property
    def above(self) -> bool | None:
        """Whether it is as much above the range."""
        return None if self.kept_error is None else self.kept_difference > 2 * self.kept_error

    @property
    def is_within_noise(self) -> bool | None:
        """Whether it is neither; None where nobody can tell."""
        return None if self.error is None else not (self.below or self.above)


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
    predicted = forecasts(trades)
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
        prediction=prediction(predicted, len(trades) - len(predicted)),
        points=tuple(_points(days)),
    )


def forecasts(trades: Iterable[TradeResult]) -> list[Forecast]:
    """Return what was predicted of the finished trades that had an edge."""
    return [
        Forecast(trade.edge, trade.kept, trade.pnl)
        for trade in trades
        if trade.edge is not None and trade.kept is not None and trade.pnl is not None
    ]


def prediction(found: Sequence[Forecast], unpredicted: int = 0) -> Prediction | None:
    """Compare what was predicted with what came of it; None without a trade."""
    if not found:
        return None
    return Prediction(
        n=len(found),
        edge=fmean(each.edge for each in found),
        kept=fmean(each.kept for each in found),
        realised=fmean(each.realised for each in found),
        error=_error([each.realised - each.edge for each in found]),
        kept_error=_error([each.realised - each.kept for each in found]),
        line=calibration([(each.edge, each.realised) for each in found]),
        kept_line=calibration([(each.kept, each.realised) for each in found]),
        unpredicted=unpredicted,
    )


def _error(gaps: Sequence[float]) -> float | None:
    """Return the standard error of a mean, None for a single value."""
    return stdev(gaps) / math.sqrt(len(gaps)) if len(gaps) > 1 else None


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
