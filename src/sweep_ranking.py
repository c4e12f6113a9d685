"""What a sweep found, the best first, and how much of that is owed to having looked often.

The best of many parameter sets looks good by luck alone. The deflated Sharpe ratio tells how
likely it is that a set earns anything beyond that luck.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from src.sweep import Doubt, Outcome
from src.sweep_grid import Grid

FEWEST_TRADES = 30
"""Below so many trades a ratio says nothing, and is not reckoned."""

_EULER = 0.5772156649015329
_CENTS = 100


@dataclass(frozen=True, slots=True)
class Row:
    """One parameter set. Money is dollars after fees.

    `days` are those that could be followed, `doubtful` the others, which count nowhere. `wins` are
    trading days that ended above zero; `drawdown` is the deepest fall of the sum over the days.
    `sharpe` is mean over deviation of the followed days' results, flat days included, not
    annualised; `deflated` the probability that it is more than luck. Both are None below
    `FEWEST_TRADES` trades, and where every day is alike.
    """

    place: int
    trades: int
    days: int
    doubtful: int
    total: float
    per_trade: float | None
    wins: int
    worst_day: float
    drawdown: float
    sharpe: float | None
    deflated: float | None


def deflated_sharpe(
    sharpe: float, tried: Sequence[float], days: int, skew: float, kurtosis: float
) -> float:
    """Return the probability that a Sharpe ratio is above what luck gives the best of many.

    DSR = Z[(SR - SR0) sqrt(T - 1) / sqrt(1 - g3 SR + (g4 - 1) / 4 SR^2)] with SR0 = sqrt(V)
    ((1 - e) Z^-1[1 - 1/N] + e Z^-1[1 - 1/(N exp 1)]): Z the standard normal distribution, T the
    number of returns (`days`), g3 their skewness, g4 their kurtosis (3 for a normal one), V the
    variance of the N ratios that were `tried`, e the Euler-Mascheroni constant. All ratios are per
    return. Source: Bailey and Lopez de Prado, The Deflated Sharpe Ratio, Journal of Portfolio
    Management 40 (5), 2014. The N tries count as independent: neighbours in a grid are not, so
    the truth is less strict than this.
    """
    normal, count = NormalDist(), len(tried)
    luck = 0.0
    if count > 1:
        highest = (1 - _EULER) * normal.inv_cdf(1 - 1 / count)
        highest += _EULER * normal.inv_cdf(1 - 1 / (count * math.e))
        luck = math.sqrt(float(np.var(tried, ddof=1))) * highest
    spread = max(1 - skew * sharpe + (kurtosis - 1) / 4 * sharpe**2, 1e-12)
    return normal.cdf((sharpe - luck) * math.sqrt(max(days - 1, 0)) / math.sqrt(spread))


def ranking(outcome: Outcome) -> list[Row]:
    """Return every parameter set, by its probability of being more than luck, then its total.

    Sets without a ratio follow those with one.
    """
    followed = [outcome.doubt[place] == Doubt.NONE for place in range(len(outcome.pnl))]
    results = [outcome.pnl[place, known] / _CENTS for place, known in enumerate(followed)]
    traded = [int(each.sum()) for each in outcome.trades]
    ratios = [
        _sharpe(each) if count >= FEWEST_TRADES else None
        for each, count in zip(results, traded, strict=True)
    ]
    tried = [each for each in ratios if each is not None]
    rows = [
        _row(place, results[place], outcome, ratios[place], tried)
        for place in range(len(outcome.pnl))
    ]
    return sorted(rows, key=_rank)


def _rank(row: Row) -> tuple[bool, float, float, int]:
    chance = row.deflated if row.deflated is not None else 0.0
    return row.deflated is None, -chance, -row.total, row.place


def _row(
    place: int,
    results: NDArray[np.float64],
    outcome: Outcome,
    sharpe: float | None,
    tried: Sequence[float],
) -> Row:
    trades = int(outcome.trades[place].sum())
    total = round(float(results.sum()), 2)
    path = np.concatenate(([0.0], np.cumsum(results)))
    chance = None
    if sharpe is not None:
        moments = (results - results.mean()) / results.std()
        skew, kurtosis = float((moments**3).mean()), float((moments**4).mean())
        chance = deflated_sharpe(sharpe, tried, len(results), skew, kurtosis)
    return Row(
        place=place,
        trades=trades,
        days=len(results),
        doubtful=outcome.pnl.shape[1] - len(results),
        total=total,
        per_trade=round(total / trades, 2) if trades else None,
        wins=int((results > 0).sum()),
        worst_day=round(float(results.min()), 2) + 0.0 if len(results) else 0.0,
        drawdown=round(float((np.maximum.accumulate(path) - path).max()), 2),
        sharpe=sharpe,
        deflated=chance,
    )


def _sharpe(results: NDArray[np.float64]) -> float | None:
    deviation = float(results.std(ddof=1)) if len(results) > 1 else 0.0
    return float(results.mean()) / deviation if deviation > 0 else None


def doubts(outcome: Outcome) -> Counter[Doubt]:
    """Return how often each doubt kept the sweep from following a set through a day."""
    kinds, counts = np.unique(outcome.doubt, return_counts=True)
    found = zip(kinds.tolist(), counts.tolist(), strict=True)
    return Counter({Doubt(kind): count for kind, count in found if kind})


CSV_COLUMNS = (
    *("rank", "trades", "days", "days_not_followed", "total_pnl", "pnl_per_trade"),
    *("days_won", "worst_day", "max_drawdown", "sharpe_per_day", "deflated_sharpe"),
)


def csv_rows(grid: Grid, rows: Sequence[Row]) -> list[list[object]]:
    """Return a table with a header, a row a parameter set; figures that are not known are empty."""
    keys = [each.key for each in grid.axes]
    table: list[list[object]] = [[*keys, *CSV_COLUMNS]]
    for rank, row in enumerate(rows, start=1):
        values = grid.sets[row.place].values
        table.append(
            [
                *(values[key] for key in keys),
                *(rank, row.trades, row.days, row.doubtful, f"{row.total:.2f}"),
                "" if row.per_trade is None else f"{row.per_trade:.2f}",
                *(row.wins, f"{row.worst_day:.2f}", f"{row.drawdown:.2f}"),
                "" if row.sharpe is None else f"{row.sharpe:.4f}",
                "" if row.deflated is None else f"{row.deflated:.4f}",
            ]
        )
    return table
