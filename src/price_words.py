"""What prices imply, in sentences for the console, the report and the page of a moment."""

from src.judgement import Valuation
from src.words import money

CONTRADICTION = "QUOTES THAT CANNOT BOTH BE TRUE"
NOT_BELIEVED = "not believed: quotes that cannot both be true"
"""What the expected profit says of itself where such quotes forbid an entry."""


def volatility_line(valuation: Valuation) -> str:
    """Return both legs' volatilities and their gap in a sentence."""
    if valuation.spy_vol is None or valuation.spx_vol is None:
        return "No volatility makes these prices."
    return (
        f"Implied volatility: SPY {valuation.spy_vol:.1%}, SPXW {valuation.spx_vol:.1%} a year, "
        f"gap {valuation.vol_gap_points:+.1f} points."
    )


def risk_line(valuation: Valuation, limit: float | None = None) -> str:
    """Return the level of risk, what it follows from, and that it decides nothing."""
    against = f" (limit ${limit:,.0f})" if limit else ""
    return (
        f"Risk {valuation.risk_level}: an ordinary close (99 of 100 days) "
        f"{_at_worst(valuation.ordinary)}, the worst close and evening seen "
        f"{_at_worst(valuation.worst)}{against}; told only, it forbids no entry."
    )


def _at_worst(dollars: float) -> str:
    return f"can cost ${-dollars:,.2f}" if dollars < 0 else f"leaves at least {money(dollars)}"
