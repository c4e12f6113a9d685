"""What prices imply, in sentences for the console, the report and the page of a moment."""

from src.judgement import Valuation
from src.words import money

CONTRADICTION = "QUOTES THAT CANNOT BOTH BE TRUE"


def volatility_line(valuation: Valuation) -> str:
    """Return both legs' volatilities and their gap in a sentence."""
    if valuation.spy_vol is None or valuation.spx_vol is None:
        return "No volatility makes these prices."
    return (
        f"Implied volatility: SPY {valuation.spy_vol:.1%}, SPXW {valuation.spx_vol:.1%} a year, "
        f"gap {valuation.vol_gap_points:+.1f} points."
    )


def risk_line(valuation: Valuation, limit: float | None = None) -> str:
    """Return the level of risk and what it follows from, in a sentence."""
    against = f" against a limit of ${limit:,.0f}" if limit else ""
    return (
        f"Risk {valuation.risk_level}: at the worst {money(valuation.ordinary)} on the closes of "
        f"99 of 100 days, {money(valuation.worst)} with the worst close and evening seen{against}."
    )
