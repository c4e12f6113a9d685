"""What trading costs: dollars a contract, the same in and out; expiry and settlement are free."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from src.models import SPY_PER_SPREAD
from src.ticks import CENT


@dataclass(frozen=True, slots=True)
class FeeSchedule:
    """Dollars a contract. The default opens one spread for 2.15: ten SPY calls and one SPXW."""

    spy_per_contract: Decimal = Decimal("0.15")
    spxw_per_contract: Decimal = Decimal("0.65")

    def fee(self, root: str, contracts: int) -> Decimal:
        """Return the fee of one fill, rounded to cents, positive when paid."""
        rate = self.spy_per_contract if root == "SPY" else self.spxw_per_contract
        return (rate * contracts).quantize(CENT, rounding=ROUND_HALF_UP)

    @property
    def per_spread(self) -> Decimal:
        """What it costs to open, or to close, one spread."""
        return self.fee("SPY", SPY_PER_SPREAD) + self.fee("SPXW", 1)
