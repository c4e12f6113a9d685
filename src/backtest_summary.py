"""The results of a backtest in words, for a terminal; no figure without what it stands on."""

from collections import Counter
from collections.abc import Iterator, Sequence

from src.backtest import GENERATED, DayResult, TradeResult
from src.backtest_figures import FEW, Figures, Prediction
from src.words import count, money

_CAUTIONS_SHOWN = 4
SIMULATED = "SIMULATED: no order left this machine, no money moved."


def summary(days: Sequence[DayResult], found: Figures, assumptions: Sequence[str]) -> str:
    """Return the whole summary, one fact a line; `assumptions` say how the days were traded."""
    return "\n".join(_lines(days, found, assumptions)) + "\n"


def _lines(days: Sequence[DayResult], found: Figures, assumptions: Sequence[str]) -> Iterator[str]:
    yield SIMULATED
    yield ""
    kinds = Counter(day.kind for day in days)
    mix = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    yield f"Days            {found.days} ({mix}), {span(days)}"
    yield from (f"Assumed         {each}" for each in assumptions)
    cautions = list(dict.fromkeys(day.caution for day in days if day.caution))
    yield from (f"Caution         {each}" for each in cautions[:_CAUTIONS_SHOWN])
    if (more := len(cautions) - _CAUTIONS_SHOWN) > 0:
        yield f"Caution         {more} more, in backtest_days.csv"
    yield (
        f"Looks           {found.looks} for an entry: {found.priced} could be priced, "
        f"{found.qualified} met every criterion"
    )
    yield f"Trades          {found.trades} finished, on {found.days_traded} of {found.days} days"
    if found.open_trades:
        yield (
            f"Not finished    {found.open_trades}: no official closes are known; not counted below"
        )
    if not found.trades:
        yield from ("", _best(days), "", SIMULATED)
        return
    yield ""
    yield from _money(found)
    yield ""
    yield from _reasons(found)
    if found.prediction:
        yield ""
        yield from _prediction(found.prediction)
    yield ""
    yield SIMULATED


def span(days: Sequence[DayResult]) -> str:
    """Return the first and the last of the days in words; generated ones by their seeds."""
    if days[0].kind == GENERATED:
        return f"{days[0].name} to {days[-1].name}"
    return f"{min(day.day for day in days)} to {max(day.day for day in days)}"


def _best(days: Sequence[DayResult]) -> str:
    known = [(day.best, day) for day in days if day.best is not None]
    if not known:
        return "Nothing traded, and no moment could be priced in full."
    best, day = max(known, key=lambda pair: pair[0])
    return f"Nothing traded. The best moment promised {money(best)} a spread, on {day.day}."


def few(n: int) -> str:
    """Return the warning that goes with a ratio of `n` trades; empty where there are enough."""
    return "" if n >= FEW else f"; {count(n, 'trade')}, too few to mean much"


def _money(found: Figures) -> Iterator[str]:
    known = found.statistics
    n = known.trades
    over = f"{count(n, 'trade')}, fees of ${found.fees:,.2f} paid"
    yield f"P&L             {money(known.total)} over {over}"
    spread = "" if found.deviation is None else f", standard deviation ${found.deviation:,.2f}"
    yield (
        f"A trade         mean {money(known.average or 0)}, median {money(found.median or 0)}"
        f"{spread} (n = {n})"
    )
    best, worst = money(known.best), money(known.worst)
    yield f"Extremes        best {best}, worst {worst} (n = {n})"
    deepest = max(-point.drawdown for point in found.points)
    yield f"Drawdown        ${deepest:z,.2f} at the deepest, day by day (n = {found.days} days)"
    yield f"Won             {known.wins} of {n} ({known.wins / n:.0%}{few(n)})"
    if known.profit_factor is None:
        yield f"Profit factor   none: nothing was lost (n = {n})"
    else:
        yield f"Profit factor   {known.profit_factor:.2f} (n = {n}{few(n)})"


def _reasons(found: Figures) -> Iterator[str]:
    yield f"{'Exit':<18}{'trades':>7}{'P&L':>14}{'mean':>12}"
    for reason, each in found.statistics.by_reason.items():
        mean = each.total / each.trades
        yield f"{reason:<18}{each.trades:>7}{money(each.total):>14}{money(mean):>12}"


def _prediction(known: Prediction) -> Iterator[str]:
    yield (
        f"Predicted       edge {money(known.edge)} a trade, {money(known.kept)} where SPY's evening"
        f" costs nothing; realised {money(known.realised)} (n = {known.n})"
    )
    if known.unpredicted:
        left_out = count(known.unpredicted, "trade")
        yield f"                {left_out} left out here: no volatility made the prices, so no edge"
    yield f"Noise           {noise(known)}"
    for line, of in ((known.line, "edge"), (known.kept_line, "its upper end")):
        if line:
            yield (
                f"Calibration     realised = {money(line.intercept)} + {line.slope:.2f} x {of}, "
                f"left over ${line.residual:,.2f} (n = {known.n}{few(known.n)})"
            )


def noise(known: Prediction) -> str:
    """Return in one sentence whether what was realised lies within the noise of the prediction."""
    if known.error is None or known.kept_error is None:
        return (
            f"The one trade brought {money(known.difference)} against its edge: one tells nothing "
            "of the noise."
        )
    where = "within"
    if not known.is_within_noise:
        where = f"{'above' if known.above else 'below'} and NOT within"
    return (
        f"What was realised is {where} the noise of this range: {money(known.difference)} from the "
        f"edge (standard error ${known.error:,.2f}), {money(known.kept_difference)} from its upper "
        f"end (${known.kept_error:,.2f}); n = {known.n}, two standard errors are noise"
        f"{few(known.n)}."
    )


def trade_line(day: DayResult) -> Iterator[str]:
    """Yield one line for each trade of a day."""
    for trade in day.trades:
        pnl = "P&L not known" if trade.pnl is None else f"P&L {money(trade.pnl)}"
        yield (
            f"{trade.day} {trade.entry:%H:%M} {trade.spreads} x "
            f"{trade.spy_strike:g}/{trade.spx_strike:g} (gap {trade.strike_gap:+.2f}) credit "
            f"{money(trade.credit)}, {_edge(trade)}, {trade.reason or 'open'}, {pnl}"
        )


def _edge(trade: TradeResult) -> str:
    if trade.edge is None or trade.kept is None:
        return "edge not known"
    return f"edge {money(trade.edge)} to {money(trade.kept)}"
