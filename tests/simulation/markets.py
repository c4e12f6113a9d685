"""The two views of a generated market: the exchange's own, and what the day is told of it."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from typing import TypeVar

from src.models import OptionContract, Quote
from src.ports import OfficialCloses, QuoteSource, RetryLater
from tests.simulation.world import World

K = TypeVar("K")
TIMEOUT = 2.0
"""True seconds until a call that nobody answers is given up."""


class OwnMarket:
    """What the exchange itself sees: no faults of feeds, but halts and thin books."""

    def __init__(self, source: QuoteSource, world: World) -> None:
        self.name, self.cadence_seconds = source.name, source.cadence_seconds
        self._source, self._world = source, world

    def prices(self) -> Mapping[str, Quote]:
        return self._source.prices()

    def official_closes(self, day: date) -> OfficialCloses | None:
        return self._source.official_closes(day)

    def quotes(self, contracts: Iterable[OptionContract]) -> Mapping[OptionContract, Quote]:
        found = self._source.quotes(contracts)
        world = self._world
        if not world.is_troubled:
            return found
        if world.active("no trades"):
            return {}
        thin = world.active("partial fills")
        if (
            thin is None
            and not world.active("SPY calls halted")
            and not (world.active("SPXW calls halted"))
        ):
            return found
        result = {}
        for contract, quote in found.items():
            if not world.active(f"{contract.root} calls halted"):
                result[contract] = (
                    quote._replace(bid_size=thin.n, ask_size=thin.n) if thin else quote
                )
        return result


class SeenMarket:
    """What the day sees of the market."""

    def __init__(self, source: QuoteSource, world: World) -> None:
        self.name, self.cadence_seconds = source.name, source.cadence_seconds
        self._source, self._world = source, world

    def prices(self) -> Mapping[str, Quote]:
        if not self._world.is_troubled:
            return self._source.prices()
        self._connect()
        found = self._as_old(self._source.prices)
        jump = self._world.active("quotes jump")
        spy = found.get("SPY")
        if jump and spy and spy.last:
            factor = (0.98, 1.0, 1.03)[jump.n + 1]
            return {**found, "SPY": spy._replace(last=round(spy.last * factor, 2))}
        return found

    def official_closes(self, day: date) -> OfficialCloses | None:
        self._connect()
        return self._source.official_closes(day)

    def quotes(self, contracts: Iterable[OptionContract]) -> Mapping[OptionContract, Quote]:
        world = self._world
        if not world.is_troubled:
            return self._source.quotes(contracts)
        self._connect()
        wanted = tuple(contracts)
        found = self._as_old(lambda: self._source.quotes(wanted))
        if world.active("no quotes"):
            return {}
        shown = {}
        for contract, quote in found.items():
            other = "SPXW" if contract.root == "SPY" else "SPY"
            gone = f"{other} quotes only", f"{contract.root} calls halted"
            if not (world.active(gone[0]) or world.active(gone[1])):
                shown[contract] = self._as_shown(contract, quote)
        return shown

    def _as_shown(self, contract: OptionContract, quote: Quote) -> Quote:
        world = self._world
        if world.active("zero quotes"):
            quote = quote._replace(bid=0.0)
        if world.active("crossed quotes"):
            quote = quote._replace(bid=quote.ask, ask=quote.bid)
        jump = world.active("quotes jump")
        if jump and contract.root == "SPY" and quote.bid and quote.ask:
            factor = (0.5, 1.5, 2.0)[jump.n + 1]
            bid, ask = round(quote.bid * factor, 2), round(quote.ask * factor, 2)
            quote = quote._replace(bid=bid, ask=ask)
        return quote

    def _connect(self) -> None:
        if self._world.active("source hangs"):
            self._world.pass_time(TIMEOUT)
            raise RetryLater(f"no answer in {TIMEOUT:g} s")
        if self._world.active("source fails"):
            raise RetryLater("connection refused")

    def _as_old(self, ask: Callable[[], Mapping[K, Quote]]) -> Mapping[K, Quote]:
        """Return what the source said when it began to repeat itself."""
        lasts = self._world.lasts("old quotes")
        if lasts < 0:
            return ask()
        clock = self._world.time
        now, clock.moment = clock.moment, clock.moment - timedelta(seconds=lasts)
        try:
            return ask()
        finally:
            clock.moment = now
