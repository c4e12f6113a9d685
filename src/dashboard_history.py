"""What the finished trades of one mode amount to over time, for the dashboard's pictures."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby
from typing import NamedTuple

from src.backtest_figures import Line, calibration
from src.database import Store
from src.period_figures import Edge, edge
from src.trade_statistics import FinishedTrade, Statistics, finished_trades, summarise
from src.words import money

ROLLING = 30
"""Trades over which the recent win rate is counted: fewer say little."""


class TradedDay(NamedTuple):
    """The account after one traded day, in dollars since the beginning; `drawdown` is 0 or below.

    `win_rate` is that of all trades so far, `recent` that of the last `ROLLING`, None before that
    many; both from 0 to 1.
    """

    day: str
    pnl: float
    equity: float
    drawdown: float
    win_rate: float
    recent: float | None


class Promise(NamedTuple):
    """What a trade was expected to bring, and what it brought; dollars a trade."""

    trade_id: str
    predicted: float
    realised: float


@dataclass(frozen=True, slots=True)
class History:
    """The finished trades of one mode. `days` is how many sessions were worked on, traded or not.

    `still_open` trades hold contracts, or wait for their settlement, and count nowhere else.
    `edge` compares the means of what was expected and what came of it, `line` is the result on what
    was expected; None where there are too few trades.
    """

    mode: str
    days: int
    still_open: int
    statistics: Statistics
    traded: tuple[TradedDay, ...]
    promises: tuple[Promise, ...]
    edge: Edge | None
    line: Line | None


def modes(store: Store) -> list[str]:
    """Return the modes in which sessions were worked on, the one of the newest session first."""
    rows = store.read("SELECT mode FROM sessions GROUP BY mode ORDER BY max(session) DESC")
    return [str(row["mode"]) for row in rows]


def history(store: Store, mode: str) -> History:
    """Return what all sessions of one mode amount to; no other mode is ever mixed in."""
    (days,) = store.read("SELECT count(*) FROM sessions WHERE mode = ?", (mode,)).fetchone()
    rows = store.read(
        "SELECT trade_id, date, mode, final_pnl, exit_reason, expected_profit, spreads FROM trades"
        " WHERE mode = ? ORDER BY date, entry_time, trade_id",
        (mode,),
    ).fetchall()
    trades = finished_trades(rows)
    promises = tuple(
        Promise(row["trade_id"], row["expected_profit"] * row["spreads"], row["final_pnl"])
        for row in rows
        if row["final_pnl"] is not None and row["expected_profit"] is not None
    )
    pairs = [(each.predicted, each.realised) for each in promises]
    return History(
        mode=mode,
        days=days,
        still_open=len(rows) - len(trades),
        statistics=summarise(trades),
        traded=tuple(_by_day(trades)),
        promises=promises,
        edge=edge(pairs),
        line=calibration(pairs),
    )


def figures(past: History) -> list[tuple[str, str]]:
    """Return the figures of a mode with their names."""
    known = past.statistics
    factor = known.profit_factor
    return [
        ("sessions", f"{past.days:,}"),
        ("finished trades", f"{known.trades:,}"),
        ("win rate", "unknown" if known.win_rate is None else f"{known.win_rate:.1%}"),
        ("total", money(known.total)),
        ("average a trade", money(known.average)),
        ("best", money(known.best)),
        ("worst", money(known.worst)),
        ("deepest fall", f"${known.max_drawdown:,.2f}"),
        ("won over lost dollars", "no loss yet" if factor is None else f"{factor:.2f}"),
    ]


def _by_day(trades: Sequence[FinishedTrade]) -> Iterator[TradedDay]:
    # Counted in whole cents, so that ten years add up.
    cents = [round(100 * each.pnl) for each in trades]
    levels = list(accumulate(cents))
    peaks = list(accumulate(levels, max, initial=0))[1:]
    wins = [0, *accumulate(int(each > 0) for each in cents)]
    end = 0
    for day, of_day in groupby(trades, key=lambda each: each.day):
        start, end = end, end + len(list(of_day))
        deepest = min(levels[n] - peaks[n] for n in range(start, end))
        recent = (wins[end] - wins[end - ROLLING]) / ROLLING if end >= ROLLING else None
        yield TradedDay(
            day=day.isoformat(),
            pnl=sum(cents[start:end]) / 100,
            equity=levels[end - 1] / 100,
            drawdown=deepest / 100,
            win_rate=wins[end] / end,
            recent=recent,
        )
