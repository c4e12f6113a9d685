"""A past session, minute by minute, as every source of history may tell it."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from src.models import OptionContract, Session
from tests.fakes.builders import a_session

MINUTE = timedelta(minutes=1)
RATIO = 10.03


@dataclass
class PastMarket:
    """SPX swings around 6002.50 by thirty points; a call and a put differ by S - K exactly.

    `silent` minutes (counted from the open) have no bar of anything, `untraded` ones none of an
    option. Volumes are of whole contracts.
    """

    session: Session = field(default_factory=a_session)
    silent: frozenset[int] = frozenset()
    untraded: frozenset[int] = frozenset()
    _told: dict[OptionContract, list[tuple[datetime, float, int]]] = field(default_factory=dict)

    def minutes(self) -> Iterator[tuple[int, datetime]]:
        """Yield the number and the beginning of each minute up to the close."""
        count = (self.session.close - self.session.open) // MINUTE
        for number in range(count):
            if number not in self.silent:
                yield number, self.session.open + number * MINUTE

    def spx(self, number: int) -> float:
        """Return the level at the end of a minute, on the grid of a tenth."""
        return round(6002.5 + 30 * math.sin(number / 60), 1)

    def spy(self, number: int) -> float:
        return round(self.spx(number) / RATIO, 2)

    def option(self, contract: OptionContract, number: int) -> float:
        """Return the last trade of a minute, on a grid of a cent."""
        level = self.spy(number) if contract.root == "SPY" else self.spx(number)
        sign = 1 if contract.right == "C" else -1
        scale = 0.1 if contract.root == "SPY" else 1.0
        left = (390 - number) / 390
        time_value = (
            20 * scale * left * math.exp(-(((level - contract.strike) / (60 * scale)) ** 2))
        )
        inner = max(sign * (level - contract.strike), 0.0)
        return round(inner + round(time_value, 1 if scale == 1 else 2), 2)

    def closes(self, symbol: str) -> list[tuple[datetime, float]]:
        """Return beginning and close of the bars of SPY or SPX."""
        level = self.spy if symbol == "SPY" else self.spx
        return [(at, level(number)) for number, at in self.minutes()]

    def trades(self, contract: OptionContract) -> list[tuple[datetime, float, int]]:
        """Return beginning, close and volume of the bars of an option; none below a nickel."""
        if contract not in self._told:
            self._told[contract] = [
                (at, price, 1 + number % 7)
                for number, at in self.minutes()
                if number not in self.untraded and (price := self.option(contract, number)) >= 0.05
            ]
        return self._told[contract]
