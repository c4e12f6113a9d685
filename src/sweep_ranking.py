"""What a sweep found, the best first, and how much of that is owed to having looked often.

The best of many parameter sets looks good by luck alone. The deflated Sharpe ratio tells how
likely it is that a set earns anything beyond that luck.
"""

import csv
import io
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from src.sweep import Doubt, Outcome
from src.sweep_grid import Grid

FEWEST_TRADES = 30
"""Below so many trades a ratio says nothing, and is not reckoned."""

_EULER = 0.5772156649015329
_CENTS, _TINY = 100, 1e-12


@dataclass(frozen=True, slots=True)
class Row:
    """One parameter set. Money is dollars after fees.

    `days` are those that could be followed, `doubtful` the others, which count nowhere. `wins` are
    trading days that ended above zero; `drawdown` is the deepest fall of the sum over the days.
    `sharpe` is mean over deviation of the followed days' results, flat days included, not
    annualised; `deflated` the probability that it is more than luck. Both are None below
    `FEWEST_TRADES` trades, and where every day is alike; `deflated` also where no other set has a
    ratio that tells how far luck spreads them.
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


class Tries(NamedTuple):
    """How many sets were tried, and the variance of their Sharpe ratios by day."""

    number: int
    variance: float


def deflated_sharpe(
    sharpe: float, tries: Tries, days: int, skew: float = 0.0, kurtosis: float = 3.0
) -> float:
    """Return the probability that a Sharpe ratio is above what luck gives the best of many.

    DSR = Z[(SR - SR0) sqrt(T - 1) / sqrt(1 - g3 SR + (g4 - 1) / 4 SR^2)] with SR0 = sqrt(V)
    ((1 - e) Z^-1[1 - 1/N] + e Z^-1[1 - 1/(N exp 1)]): Z the standard normal distribution, T the
    number of returns (`days`), g3 their skewness, g4 their kurtosis (3 for a normal one), V the
    variance of the ratios of all N `tries`, e the Euler-Mascheroni constant. All ratios are per
    return. Source: Bailey and Lopez de Prado, The Deflated Sharpe Ratio, Journal of Portfolio
    Management 40 (5), 2014. The tries count as independent; neighbours in a grid are not, so that
    the truth is a little kinder.
    """
    normal, luck = NormalDist(), 0.0
    if tries.number > 1:
        highest = (1 - _EULER) * normal.inv_cdf(1 - 1 / tries.number)
        highest += _EULER * normal.inv_cdf(1 - 1 / (tries.number * math.e))
        luck = math.sqrt(tries.variance) * highest
    spread = max(1 - skew * sharpe + (kurtosis - 1) / 4 * sharpe**2, _TINY)
    return normal.cdf((sharpe - luck) * math.sqrt(max(days - 1, 0)) / math.sqrt(spread))


def ranking(outcome: Outcome) -> list[Row]:
    """Return every parameter set, the highest total first."""
    followed = outcome.doubt == Doubt.NONE
    results = [outcome.pnl[place, days] / _CENTS for place, days in enumerate(followed)]
    ratios = [
        _sharpe(each) if trades >= FEWEST_TRADES else None
        for each, trades in zip(results, outcome.trades.sum(axis=1).tolist(), strict=True)
    ]
    known = [each for each in ratios if each is not None]
    variance = float(np.var(known, ddof=1)) if len(known) > 1 else 0.0
    # One ratio of many tells nothing of how far luck spreads them.
    tries = Tries(len(ratios), variance) if len(known) > 1 or len(ratios) == 1 else None
    rows = [
        _row(place, results[place], outcome, ratios[place], tries) for place in range(len(results))
    ]
    return sorted(rows, key=lambda row: (-row.total, row.place))


def _row(
    place: int,
    results: NDArray[np.float64],
    outcome: Outcome,
    sharpe: float | None,
    tries: Tries | None,
) -> Row:
    trades = int(outcome.trades[place].sum())
    total = round(float(results.sum()), 2)
    path = np.concatenate(([0.0], np.cumsum(results)))
    return Row(
        place=place,
        trades=trades,
        days=len(results),
        doubtful=outcome.pnl.shape[1] - len(results),
        total=total,
        per_trade=round(total / trades, 2) if trades else None,
        wins=int((results > 0).sum()),
        worst_day=round(float(results.min(initial=0.0)), 2),
        drawdown=round(float((np.maximum.accumulate(path) - path).max()), 2),
        sharpe=sharpe,
        deflated=_deflated(results, sharpe, tries),
    )


def _deflated(
    results: NDArray[np.float64], sharpe: float | None, tries: Tries | None
) -> float | None:
    if sharpe is None or tries is None:
        return None
    away = (results - results.mean()) / results.std()
    skew, kurtosis = float((away**3).mean()), float((away**4).mean())
    return deflated_sharpe(sharpe, tries, len(results), skew, kurtosis)


def _sharpe(results: NDArray[np.float64]) -> float | None:
    deviation = float(results.std(ddof=1)) if len(results) > 1 else 0.0
    return float(results.mean()) / deviation if deviation > 0 else None


def doubts(outcome: Outcome) -> Counter[Doubt]:
    """Return how often each doubt kept the sweep from following a set through a day."""
    kinds, counts = np.unique(outcome.doubt, return_counts=True)
    found = zip(kinds.tolist(), counts.tolist(), strict=True)
    return Counter({Doubt(kind): count for kind, count in found if kind})


CSV_COLUMNS = (
    *("trades", "days", "days_not_followed", "total_pnl", "pnl_per_trade"),
    *("days_won", "worst_day", "max_drawdown", "sharpe_per_day", "deflated_sharpe"),
)


def csv_text(grid: Grid, rows: Sequence[Row]) -> str:
    """Return a table, a row a parameter set; what is not known is an empty cell."""
    keys = [each.key for each in grid.axes]
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(("rank", *keys, *CSV_COLUMNS))
    for rank, row in enumerate(rows, start=1):
        values = grid.sets[row.place].values
        figures = (
            *(row.trades, row.days, row.doubtful, f"{row.total:.2f}"),
            *(_shown(row.per_trade, 2), row.wins, f"{row.worst_day:.2f}", f"{row.drawdown:.2f}"),
            *(_shown(row.sharpe, 4), _shown(row.deflated, 4)),
        )
        writer.writerow((rank, *(values[key] for key in keys), *figures))
    return text.getvalue()


def _shown(value: float | None, places: int) -> str:
    return "" if value is None else f"{value:z.{places}f}"
