"""What the quotes of a tape imply: whether its options and its underlyings belong together."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from brokers.tape import Tape
from src.models import OptionContract, Session
from src.pricing_arrays import Floats, implied_total_vols
from src.variance_clock import annual, years_left
from src.words import count

_UNDERLYING = {"SPY": "SPY", "SPXW": "SPX"}
_NEAR = 0.003
"""How far from the money a strike may lie, as a fraction, for its volatility to count."""


class _Quoted(NamedTuple):
    """One two-sided quote: prices per share of the call that it is worth, trading time in years."""

    level: float
    strike: float
    middle: float
    ask: float
    years: float


def volatilities(tape: Tape, session: Session) -> tuple[str, ...]:
    """Return what a tape's quotes within the session imply, a sentence each; none without quotes.

    Medians by root of the annual volatilities on the trading-time clock, of strikes within 0.3% of
    the money; and how many asks lie below what exercise would bring, which no volatility explains:
    mostly the option and its underlying are of different moments there.
    """
    found = {root: list(_quoted(tape, session, root)) for root in _UNDERLYING}
    every = [quote for quotes in found.values() for quote in quotes]
    if not every:
        return ()
    told = "; ".join(filter(None, (_median(root, quotes) for root, quotes in found.items())))
    cheap = int(np.isnan(_total_vols(every, [each.ask for each in every])).sum())
    lines = [f"implied volatility near the money, median: {told}"] if told else []
    if cheap:
        lines.append(
            f"offered below what exercise would bring: {cheap:,} of "
            f"{count(len(every), 'two-sided quote')}; option and underlying may be of two moments"
        )
    return tuple(lines)


def _quoted(tape: Tape, session: Session, root: str) -> Iterator[_Quoted]:
    levels = tape.prices.get(_UNDERLYING[root])
    if levels is None:
        return
    for contract, series in tape.options.items():
        if contract.root != root:
            continue
        for seen, (_, bid, ask, *_rest) in zip(series.seen, series.rows, strict=True):
            price = levels.newest(seen)
            if bid and ask and price and price.last and session.open <= seen < session.close:
                worth = _as_call(contract, price.last)
                yield _Quoted(
                    price.last,
                    contract.strike,
                    (bid + ask) / 2 + worth,
                    ask + worth,
                    years_left(seen, session),
                )


def _as_call(contract: OptionContract, level: float) -> float:
    """Return what makes a price one of a call: for a put by parity, at no interest for a day."""
    return level - contract.strike if contract.right == "P" else 0.0


def _total_vols(quotes: list[_Quoted], prices: list[float]) -> Floats:
    # To the hundredth of a cent: what a sum of prices leaves beside it is no price.
    return implied_total_vols(
        [each.level for each in quotes], [each.strike for each in quotes], np.round(prices, 4)
    )


def _median(root: str, quotes: list[_Quoted]) -> str:
    near = [each for each in quotes if abs(each.strike / each.level - 1.0) <= _NEAR]
    vols = _total_vols(near, [each.middle for each in near])
    yearly = [
        annual(vol, each.years)
        for vol, each in zip(vols.tolist(), near, strict=True)
        if not np.isnan(vol)
    ]
    return f"{root} {np.median(yearly):.1%} a year (n = {len(yearly):,})" if yearly else ""
