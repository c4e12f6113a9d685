"""Quotes become a priced setup, or every reason why there is none."""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from src.models import OptionContract, Quote, Right, Session, TradeSetup
from src.ports import Clock, QuoteSource, RetryLater
from src.settings import Settings


class Fault(StrEnum):
    """What can be wrong with the market's answer; each makes a setup impossible."""

    PRICE = "price"
    INDEX = "index"
    CONTRACT = "contract"
    QUOTE = "quote"
    WIDTH = "width"
    AGE = "age"
    SOURCE = "source"


class NoSetup(NamedTuple):
    """A market moment that cannot be traded, and every reason why.

    The prices are given where they are known and sound, so that the ratio can still be judged.
    """

    timestamp: datetime
    faults: tuple[tuple[Fault, str], ...]
    spy_price: float | None = None
    spx_price: float | None = None

    @property
    def reason(self) -> str:
        """All reasons in one line."""
        return "; ".join(text for _, text in self.faults)


Faults = list[tuple[Fault, str]]

SPY_STRIKE_STEP = 1.0
SPX_STRIKE_STEP = 5.0
PARITY_STRIKES = 4
"""Strikes on either side of the index of which calls and puts are asked for its level."""
LONGEST_CADENCE = 300.0
"""Seconds: whatever a recording says, an older quote is never taken for the newest."""


def nearest_strike(level: float, step: float, lean: float = math.inf) -> float:
    """Return the strike on the grid nearest to a level; of two equally near the one nearer `lean`.

    Without a `lean` that is the higher one.
    """
    below = math.floor(level / step) * step
    above = below + step
    if level - below == above - level:
        return below if lean - below < above - lean else above
    return below if level - below < above - level else above


class QuoteLimits(NamedTuple):
    """What a quote must satisfy: ages in seconds, widths per share, a jump as a fraction.

    `max_age` is longer on a recording with few quotes, `max_lag`, between an option and its
    underlying, is not.
    """

    max_age: float
    max_lag: float
    max_skew: float
    max_jump: float
    max_spy_spread: float
    max_spx_spread: float

    def age_faults(self, name: str, quote: Quote, now: datetime) -> Faults:
        """Return why the quote is too old, if it is. A quote from the future is no better."""
        age = (now - quote.at).total_seconds()
        if age > self.max_age:
            limit = _seconds(self.max_age)
            return [(Fault.AGE, f"{name} is {_seconds(age)} old (at most {limit})")]
        if age < -self.max_skew:
            return [(Fault.AGE, f"{name} is stamped {_seconds(-age)} in the future")]
        return []

    def market_faults(self, contract: OptionContract, quote: Quote | None, now: datetime) -> Faults:
        """Return everything that is wrong with an option's market."""
        if quote is None or (quote.bid is None and quote.ask is None):
            return [(Fault.CONTRACT, f"no quote for {contract} ({contract.symbol})")]
        name = f"the {contract} quote"
        if quote.bid is None or quote.ask is None:
            side = "bid" if quote.bid is None else "ask"
            return [(Fault.QUOTE, f"{name} has no {side}"), *self.age_faults(name, quote, now)]
        faults = self.age_faults(name, quote, now)
        shown = f"{quote.bid:.2f} x {quote.ask:.2f}"
        if not (math.isfinite(quote.bid) and math.isfinite(quote.ask)):
            return [*faults, (Fault.QUOTE, f"{name} is not a number: {shown}")]
        if quote.bid <= 0 or quote.ask <= 0:
            faults.append((Fault.QUOTE, f"{name} has a zero side: {shown}"))
        if quote.bid > quote.ask:
            faults.append((Fault.QUOTE, f"{name} is crossed: {shown}"))
        widest = self.max_spy_spread if contract.root == "SPY" else self.max_spx_spread
        # Half a cent of tolerance: 1.05 - 1.00 is a hair above 0.05 in floating point.
        if quote.ask - quote.bid > widest + 0.005:
            faults.append((Fault.WIDTH, f"{name} is too wide: {shown} (at most {widest:.2f})"))
        return faults

    def skew_faults(self, one: str, first: Quote, other: str, second: Quote) -> Faults:
        """Return why two quotes were not true at the same moment, if they were not."""
        return _apart(one, first.at, other, second.at, self.max_skew)

    def lag_faults(self, name: str, priced: datetime, quote: Quote) -> Faults:
        """Return why an option's quote is not of its underlying's moment, if it is not."""
        return _apart(f"the {name} price", priced, "its call's quote", quote.at, self.max_lag)


def _apart(one: str, first: datetime, other: str, second: datetime, limit: float) -> Faults:
    apart = abs((first - second).total_seconds())
    if apart <= limit:
        return []
    words = f"{one} and {other} are {_seconds(apart)} apart in time (at most {_seconds(limit)})"
    return [(Fault.AGE, words)]


def _seconds(value: float) -> str:
    """Return a span and its limit in the same unit, so that they can be compared."""
    return f"{value:,.1f}".removesuffix(".0") + " s"


class MarketDataCollector:
    """Asks one source, and judges what it answers by the limits of the settings."""

    def __init__(
        self, source: QuoteSource, clock: Clock, session: Session, settings: Settings
    ) -> None:
        self.source = source
        self._clock = clock
        self._session = session
        self._rule = settings.strategy.strike_rule
        self._seen: dict[str, float] = {}
        self._contracts: dict[tuple[float, float], tuple[OptionContract, OptionContract]] = {}
        self._spx_uncertainty = 0.0
        self._priced: tuple[datetime, datetime] | None = None
        data = settings.market_data
        self._index_is_trusted = session.open + timedelta(
            minutes=data.spx_index_trusted_after_minutes
        )
        self.limits = QuoteLimits(
            # A recording that holds one quote in five minutes has nothing newer to offer.
            max_age=max(
                data.max_quote_age_seconds, min(source.cadence_seconds or 0.0, LONGEST_CADENCE)
            ),
            max_lag=data.max_quote_age_seconds,
            max_skew=data.max_leg_skew_seconds,
            max_jump=data.max_jump_percent / 100,
            max_spy_spread=data.max_spy_spread,
            max_spx_spread=data.max_spx_spread,
        )

    def get_current_prices(
        self, names: Sequence[str] = ("SPY", "SPX")
    ) -> tuple[Mapping[str, float], tuple[tuple[Fault, str], ...]]:
        """Return the newest prices that are sound, and what is wrong with the others.

        Raises RetryLater when the source cannot be reached.
        """
        answer = self.source.prices()
        now = self._clock.now()  # after the answer: a slow source is not one from the future
        sound: dict[str, float] = {}
        faults: Faults = []
        for name in names:
            quote = answer.get(name)
            if quote is None or quote.last is None:
                faults.append((Fault.PRICE, f"no {name} price"))
            elif not math.isfinite(quote.last) or quote.last <= 0:
                faults.append((Fault.PRICE, f"the {name} price is {quote.last}"))
            elif old := self.limits.age_faults(f"the {name} price", quote, now):
                faults.extend(old)
            elif jump := self._jump(name, quote.last):
                faults.append((Fault.PRICE, jump))
            else:
                sound[name] = quote.last
        if len(sound) == 2:
            spy, spx = answer["SPY"], answer["SPX"]
            self._spx_uncertainty, self._priced = spx.uncertainty, (spy.at, spx.at)
            faults += self.limits.skew_faults("the SPY", spy, "SPX prices", spx)
        return sound, tuple(faults)

    def _jump(self, name: str, price: float) -> str:
        """Return why a price is not believed yet; the next look at the same price believes it."""
        before = self._seen.get(name, price)
        self._seen[name] = price
        if abs(price / before - 1) <= self.limits.max_jump:
            return ""
        return f"the {name} price jumped from {before:.2f} to {price:.2f}, not confirmed yet"

    def get_atm_strikes(self, spy_price: float, spx_price: float) -> tuple[float, float]:
        """Return the SPY strike nearest to the SPY price, and the SPX strike that goes with it.

        `matched`: nearest to ratio x SPY strike, so that the gap between the strikes is at most
        half a step of the grid. `atm`: nearest to the SPX price; of two equally near strikes the
        one that matches better.
        """
        spy_strike = nearest_strike(spy_price, SPY_STRIKE_STEP)
        match = spx_price / spy_price * spy_strike
        level = spx_price if self._rule == "atm" else match
        return spy_strike, nearest_strike(level, SPX_STRIKE_STEP, lean=match)

    def contracts(
        self, spy_strike: float, spx_strike: float
    ) -> tuple[OptionContract, OptionContract]:
        """Return the two calls that expire today: SPY, and SPXW (never the AM-settled SPX)."""
        key = spy_strike, spx_strike
        if key not in self._contracts:
            day = self._session.day
            pair = OptionContract("SPY", day, spy_strike), OptionContract("SPXW", day, spx_strike)
            self._contracts[key] = pair
        return self._contracts[key]

    def get_options_quotes(
        self, contracts: Iterable[OptionContract]
    ) -> Mapping[OptionContract, Quote]:
        """Return the newest quotes of these contracts, unjudged. Raises RetryLater."""
        return self.source.quotes(contracts)

    def get_trade_setup(self) -> TradeSetup | NoSetup:
        """Return what could be traded at this moment, or every reason why nothing can."""
        now = self._clock.now()
        try:
            return self._collect(now)
        except RetryLater as error:
            return NoSetup(now, ((Fault.SOURCE, f"{self.source.name}: {error}"),))

    def _collect(self, now: datetime) -> TradeSetup | NoSetup:
        prices, price_faults = self.get_current_prices()
        spy_price, spx_price = prices.get("SPY"), prices.get("SPX")
        if spy_price is None or spx_price is None:
            return NoSetup(now, price_faults, spy_price, spx_price)
        if now < self._index_is_trusted and not self._spx_uncertainty:
            told = self._spx_by_parity(spx_price)
            if told is None:
                words = (
                    f"SPX is not known before {self._index_is_trusted:%H:%M}: the index still "
                    "counts shares that have not opened, and the SPXW quotes do not tell it"
                )
                return NoSetup(now, (*price_faults, (Fault.INDEX, words)), spy_price)
            spx_price = told
        spy_call, spx_call = self.contracts(*self.get_atm_strikes(spy_price, spx_price))
        quotes = self.get_options_quotes((spy_call, spx_call))
        spy_quote, spx_quote = quotes.get(spy_call), quotes.get(spx_call)
        faults, answered = list(price_faults), self._clock.now()
        faults += self.limits.market_faults(spy_call, spy_quote, answered)
        faults += self.limits.market_faults(spx_call, spx_quote, answered)
        if spy_quote and spx_quote:
            faults += self.limits.skew_faults("the SPY", spy_quote, "SPXW quotes", spx_quote)
            if self._priced and not faults:
                faults += self.limits.lag_faults("SPY", self._priced[0], spy_quote)
                faults += self.limits.lag_faults("SPX", self._priced[1], spx_quote)
        if faults or spy_quote is None or spx_quote is None:
            return NoSetup(now, tuple(faults), spy_price, spx_price)
        return TradeSetup(
            timestamp=now,
            spy_price=spy_price,
            spx_price=spx_price,
            spy_contract=spy_call,
            spx_contract=spx_call,
            spy_call=spy_quote,
            spx_call=spx_quote,
            spx_uncertainty=self._spx_uncertainty,
        )

    def _spx_by_parity(self, index: float) -> float | None:
        """Return SPX by the quotes of its options, where they tell it, and note how sure that is.

        In the first minutes the index counts shares that have not opened at yesterday's price, so
        that by itself it may be off by anything.
        """
        from src.parity import implied_level  # noqa: PLC0415 - few days look so early

        middle = nearest_strike(index, SPX_STRIKE_STEP)
        day, near = self._session.day, range(-PARITY_STRIKES, PARITY_STRIKES + 1)
        rights: tuple[Right, Right] = ("C", "P")
        wanted = [
            OptionContract("SPXW", day, middle + SPX_STRIKE_STEP * step, right)
            for step in near
            for right in rights
        ]
        now = self._clock.now()
        fresh = {
            contract: quote
            for contract, quote in self.get_options_quotes(wanted).items()
            if not self.limits.age_faults("", quote, now)
        }
        level = implied_level(fresh, timedelta(seconds=self.limits.max_skew))
        if level is None or level.last is None:
            return None
        self._spx_uncertainty = level.uncertainty
        self._priced = self._priced and (self._priced[0], level.at)
        return round(level.last, 2)

    def tradable(
        self, contract: OptionContract, quotes: Mapping[OptionContract, Quote]
    ) -> Quote | None:
        """Return the contract's quote if an order may be priced from it, else None.

        Widths do not matter here: an exit must be possible in a wide market. A bid of zero is a
        market in which one can only buy.
        """
        quote = quotes.get(contract)
        if quote is None or quote.bid is None or quote.ask is None:
            return None
        if self.limits.age_faults(contract.symbol, quote, self._clock.now()):
            return None
        return quote if 0 <= quote.bid <= quote.ask and quote.ask > 0 else None
