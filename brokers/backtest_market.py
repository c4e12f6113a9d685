"""A day's quotes as a backtest trades on them: how orders fill, and which closes are official."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal, NamedTuple

from src.models import OptionContract, Quote, Session
from src.ports import Clock, OfficialCloses, QuoteSource
from src.ticks import tick_size

Fills = Literal["touch", "worse", "partial"]


class FillModel(NamedTuple):
    """How orders are taken to fill. None of these knows what our own order would have moved.

    touch: whole, at the bid or the ask of the moment, whatever the quote's size. worse: the market
    is one tick wider on both sides than recorded, for the decision as well as for the fill.
    partial: no more trades against one quote than its size, `assumed_size` contracts where the
    source knows none; a new quote offers as much again. An order meets the market at the first
    look after `latency` seconds.
    """

    fills: Fills = "touch"
    latency: float = 0.0
    assumed_size: int = 5

    def __str__(self) -> str:
        words = {
            "touch": "whole orders at the bid or ask",
            "worse": "whole orders in a market one tick wider on both sides than recorded",
            "partial": f"no more than a quote's size ({self.assumed_size} where it is not known)",
        }[self.fills]
        delay = f", {self.latency:g} s after they are sent" if self.latency else ", without delay"
        return f"{self.fills}: {words}{delay}"


@dataclass(frozen=True, slots=True)
class BacktestMarket:
    """A source as a fill model sees it; implements QuoteSource.

    `closes` are official ones by their day. They count before what the source itself tells, that
    of the session from its close on.
    """

    inner: QuoteSource
    clock: Clock
    session: Session
    model: FillModel
    closes: Mapping[date, OfficialCloses]

    @property
    def name(self) -> str:
        """The source's own name."""
        return self.inner.name

    @property
    def cadence_seconds(self) -> float | None:
        """The source's own cadence."""
        return self.inner.cadence_seconds

    def prices(self) -> Mapping[str, Quote]:
        """Return the source's prices."""
        return self.inner.prices()

    def quotes(self, contracts: Iterable[OptionContract]) -> Mapping[OptionContract, Quote]:
        """Return the source's quotes as the fill model makes them."""
        every = self.inner.quotes(contracts)
        return {contract: self._as_traded(contract, quote) for contract, quote in every.items()}

    def official_closes(self, day: date) -> OfficialCloses | None:
        """Return the closes that were told for a day, else those that the source suggests."""
        told = self.closes.get(day)
        if told and (day < self.session.day or self.clock.now() >= self.session.close):
            return told
        return self.inner.official_closes(day)

    def _as_traded(self, contract: OptionContract, quote: Quote) -> Quote:
        if self.model.fills == "partial":
            size = self.model.assumed_size
            bids = size if quote.bid_size is None else quote.bid_size
            asks = size if quote.ask_size is None else quote.ask_size
            return quote._replace(bid_size=bids, ask_size=asks)
        if self.model.fills == "worse":
            quote = quote._replace(
                bid=_moved(contract, quote.bid, -1), ask=_moved(contract, quote.ask, 1)
            )
        return quote._replace(bid_size=None, ask_size=None)


def _moved(contract: OptionContract, price: float | None, ticks: int) -> float | None:
    """Return a price so many ticks away, never below zero; what is not known stays so."""
    if price is None:
        return None
    exact = Decimal(str(price))
    return max(float(exact + ticks * tick_size(contract, exact)), 0.0)
