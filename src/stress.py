"""What a position can cost at the end of the day: moves of SPX, of the closing ratio, assignments.

SPXW pays cash against the close at 16:00. SPY calls are exercised for shares, by themselves when in
the money at the close and by their holders' wish until 17:30, when SPXW is gone: then the price of
SPY alone decides what the short calls cost.
"""

from enum import StrEnum
from typing import NamedTuple

from src.models import MULTIPLIER, SPY_PER_SPREAD, TradeSetup
from src.ratio import BASIS_POINT

LARGEST_MOVE = 0.03
MOVES = (-LARGEST_MOVE, -0.02, -0.01, -0.005, 0.0, 0.005, 0.01, 0.02, LARGEST_MOVE)
"""Of SPX up to the close, as fractions. With the move to the SPX strike they hold the worst of all
moves up to the largest one: the further SPX rises, the more a SPY that closes dear costs."""
ORDINARY_BP = 10.5
BASES_BP = (-93.0, -ORDINARY_BP, 0.0, ORDINARY_BP, 50.0)
"""The closing ratio against that of now, in basis points, below 0 where SPY closes dear: the worst
since 2021 (9 April 2025, and 26 June 2026 the other way), and what 99 of 100 days keep within."""
AFTER_HOURS = 0.0106
"""SPY from 16:00 to 17:30 at the worst: the largest move of 460 days of 2024 and 2025."""


class Risk(StrEnum):
    """What the stressed losses amount to, against the loss that a spread may make.

    LOW: no stress loses more than the limit. MEDIUM: the closes of 99 of 100 days do not, whatever
    SPX does, with every call assigned that is in the money; the rarer ones and the hours after the
    close do. HIGH: an ordinary close can.
    """

    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"


class Stressed(NamedTuple):
    """Dollars a spread, the least of each set: ordinary closes, and everything."""

    ordinary: float
    worst: float


class Package(NamedTuple):
    """One spread as it stands: dollars received net of fees, strikes, and SPX over SPY."""

    credit: float
    spy_strike: float
    spx_strike: float
    spx: float
    ratio: float

    @classmethod
    def of(cls, setup: TradeSetup, credit: float) -> "Package":
        """Return the spread that a setup would open."""
        strikes = setup.spy_contract.strike, setup.spx_contract.strike
        return cls(credit, *strikes, setup.spx_price, setup.ratio)

    def profit(self, spx_close: float, cover: float, assigned: int = SPY_PER_SPREAD) -> float:
        """Return the result in dollars when so many SPY calls are assigned and covered.

        `cover` is dollars a share paid for the SPY shares that are delivered. SPXW pays its
        intrinsic value at the close. Exit fees are none: expiry and settlement are free.
        """
        received = MULTIPLIER * max(spx_close - self.spx_strike, 0.0)
        return self.credit + received - MULTIPLIER * assigned * (cover - self.spy_strike)

    def at_close(self, move: float, basis_bp: float) -> float:
        """Return the result where all calls in the money are assigned and covered at the close.

        `move` is SPX's to the close, a fraction; SPY closes at SPX over the ratio moved by
        `basis_bp`.
        """
        spx = self.spx * (1.0 + move)
        spy = self.spy_close(spx, basis_bp)
        return self.profit(spx, max(spy, self.spy_strike))

    def after_hours(
        self, move: float, basis_bp: float, after: float, assigned: int = SPY_PER_SPREAD
    ) -> float:
        """Return the result where SPY moves by `after` (a fraction) until 17:30.

        Holders exercise what is in the money then, so many calls of it; the shares are covered at
        that price.
        """
        spx = self.spx * (1.0 + move)
        spy = self.spy_close(spx, basis_bp) * (1.0 + after)
        return self.profit(spx, max(spy, self.spy_strike), assigned)

    def spy_close(self, spx: float, basis_bp: float) -> float:
        """Return SPY's close beside SPX's, with the ratio moved by so many basis points."""
        return spx / (self.ratio * (1.0 + basis_bp * BASIS_POINT))

    def stressed(self) -> Stressed:
        """Return the least results, exact for all moves of SPX up to 3%, not for those shown only.

        At a given close of SPX the result falls as SPY rises, so the dearest SPY of each set is
        the worst; with that given it is made of straight lines between the bends at the two
        strikes, so that its least value lies at a bend or at an end.
        """
        ordinary = min([self.at_close(move, -ORDINARY_BP) for move in self._bends(-ORDINARY_BP)])
        rarest = min(BASES_BP)
        worst = min(
            [
                self.after_hours(move, rarest, AFTER_HOURS)
                for move in self._bends(rarest, AFTER_HOURS)
            ]
        )
        return Stressed(round(ordinary, 2), round(min(ordinary, worst), 2))

    def _bends(self, basis_bp: float, after: float = 0.0) -> list[float]:
        """Return the moves at which the result may be least."""
        moved = self.ratio * (1.0 + basis_bp * BASIS_POINT) / (1.0 + after)
        bends = (self.spx_strike / self.spx - 1.0, self.spy_strike * moved / self.spx - 1.0)
        return [-LARGEST_MOVE, LARGEST_MOVE, *(x for x in bends if abs(x) < LARGEST_MOVE)]


def risk_of(stressed: Stressed, limit: float) -> Risk:
    """Return the level of risk; `limit` is the positive dollars that a spread may lose."""
    if stressed.worst >= -limit:
        return Risk.LOW
    return Risk.MEDIUM if stressed.ordinary >= -limit else Risk.HIGH
