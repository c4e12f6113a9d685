"""What was found out about one moment of the market: rules, prices, risk. Types only."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Criterion(NamedTuple):
    """One entry rule as it was evaluated: the number that was seen against its limit."""

    name: str
    passed: bool
    seen: str
    limit: str

    def __str__(self) -> str:
        return f"{self.name}: {self.seen} (limit {self.limit})"


class CreditSplit(NamedTuple):
    """Where the credit of one spread comes from: dollars, whole cents, positive when received.

    strike_gap + ratio + after_hours + vol_gap + bid_ask + fees_in = credit, to the cent, and
    credit - strike_gap - ratio - after_hours + spread_out + fees_out = edge.
    """

    credit: float
    """Net of the fees of opening."""
    strike_gap: float
    """Fair pay for an SPX strike that lies above ratio x SPY strike."""
    ratio: float
    """Fair pay for ten SPY calls standing against `ratio` of them; negative above a ratio of 10."""
    after_hours: float
    """Pay for what may happen to SPY between 16:00 and 17:30, as far as that can be told."""
    vol_gap: float
    """The rest of what SPY's higher volatility brings; negative where SPXW's is the higher one."""
    bid_ask: float
    """From the middles of both markets to the prices that are traded: not positive."""
    fees_in: float
    """Not positive, like what is expected to be paid on the way out."""
    spread_out: float
    fees_out: float
    edge: float
    """What is left: the expected profit."""

    @property
    def fair_value(self) -> float:
        """What one volatility for both legs makes the package worth: strike gap and ratio."""
        return round(self.strike_gap + self.ratio, 2)

    @property
    def not_earned(self) -> float:
        """What of the credit is no profit: credit less edge."""
        return round(self.credit - self.edge, 2)


class Valuation(NamedTuple):
    """What a setup is worth and what it can cost.

    Volatilities are those that the middles of the markets imply, up to the close: `total` ones
    sigma x sqrt(time), the others annual on the trading-time clock, as fractions. They are None
    where no volatility makes the price. `ordinary` and `worst` are dollars a spread at the end of
    the day under the two sets of stresses, `risk_level` is what they amount to. Between `pin_low`
    and `pin_high`, dollars of SPY at the close, nobody can foresee what will be exercised.
    `contradiction` is why both quotes cannot be true, empty where they can.
    """

    expected_ratio: float
    spy_total_vol: float | None
    spx_total_vol: float | None
    spy_vol: float | None
    spx_vol: float | None
    split: CreditSplit | None
    ordinary: float
    worst: float
    risk_level: str
    pin_low: float
    pin_high: float
    contradiction: str = ""

    @property
    def vol_gap_points(self) -> float | None:
        """SPY's annual volatility less SPXW's, in percentage points."""
        if self.spy_vol is None or self.spx_vol is None:
            return None
        return 100 * (self.spy_vol - self.spx_vol)

    def to_dict(self) -> dict[str, object]:
        """Return the valuation in plain types, for the database and for tools."""
        return {**self._asdict(), "split": self.split._asdict() if self.split else None}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Valuation":
        """Return the valuation that `to_dict` described."""
        split = CreditSplit(**data["split"]) if data["split"] else None
        return cls(**{**data, "split": split})
