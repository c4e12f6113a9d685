"""Live quotes from Interactive Brokers: streams of SPX, of SPY, and of the options asked for."""

import asyncio
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from brokers.ibkr_contracts import IbkrContracts, NotListed
from brokers.ibkr_link import IbkrLink
from src.models import NEW_YORK, OptionContract, Quote, Session
from src.ports import Clock, OfficialCloses, RetryLater

if TYPE_CHECKING:
    from brokers.ibkr_link import IB, Contract, Ticker

_LIVE = 1
_KINDS = {2: "frozen", 3: "delayed", 4: "delayed and frozen"}
_SUBSCRIBE = (
    "subscribe to live data at Interactive Brokers (Client Portal, Settings, Market Data "
    "Subscriptions), let the paper account share it, and log in to TWS again"
)
_ELSEWHERE = "another session of this user has the live data; end it (a TWS, a phone, a browser)"
_MENDS = dict.fromkeys((354, 10089, 10090, 10167, 10168), _SUBSCRIBE) | {10197: _ELSEWHERE}
"""What a person can do about an error of a stream, by its code."""
_ONE_SIDE = 0.5
"""Real seconds that the second side of a market may come after the first."""
_LOOK_AGAIN = 0.05
"""Real seconds after which a stream is looked at also when nothing came."""
_CLOSES_ARE_KNOWN = timedelta(minutes=1)
_AFTER_HOURS_ARE_NEAR = timedelta(minutes=30)
_NOTICES = range(2100, 2200)


def _as_it_is(moment: datetime) -> datetime:
    return moment


@dataclass(eq=False)
class _Stream:
    """One subscription; `request` is its number at TWS in the connection of `generation`."""

    name: str
    contract: "Contract"
    has_sides: bool
    generation: int = -1
    request: int = 0
    ticker: "Ticker | None" = None
    problem: str = ""

    def begin(self, ib: "IB", generation: int) -> None:
        """Subscribe, and forget what was known: only what comes now counts."""
        if self.ticker is not None and self.generation == generation:
            ib.cancelMktData(self.contract)
        self.ticker = ib.reqMktData(self.contract)
        self.ticker.bid = self.ticker.ask = self.ticker.last = math.nan
        self.ticker.time = None
        self.request = ib.wrapper.ticker2ReqId["mktData"][self.ticker]
        self.generation, self.problem = generation, ""

    def speaks(self, generation: int) -> bool:
        """Whether it is subscribed in this connection, and has said something but errors."""
        return self.generation == generation and not self.problem and self.sides > 0

    @property
    def sides(self) -> int:
        """How many of bid and ask, or of last alone, TWS has spoken of."""
        if self.ticker is None or self.ticker.time is None:
            return 0
        seen = (self.ticker.bid, self.ticker.ask) if self.has_sides else (self.ticker.last,)
        return sum(not math.isnan(each) for each in seen)

    @property
    def is_settled(self) -> bool:
        return bool(self.problem) or self.sides == (2 if self.has_sides else 1)


class _LastBeforeClose(NamedTuple):
    at: datetime
    price: float


@dataclass(eq=False)
class IbkrMarket:
    """Quotes that are live, or RetryLater with the words of TWS: delayed and frozen never count.

    The time of a quote is when it was last known to be the market, on the clock of this machine,
    as `stamp` turns it into the day's:

    - the moment of its last tick, if that is at most `fresh` old on the day's clock, which may be
      a fast one;
    - else, if the last tick is at most `quiet` old on the machine's, the moment at which TWS
      answers a question for the time: nothing new came over a link that lives, so the quote has
      not changed. Not so while TWS says that a data farm is broken: then only ticks count;
    - else the stream is begun anew. A stream that lives answers with the whole market at once; a
      dead one does not, and is said to be so.

    So a quiet market is never called stale, and a dead stream is not called fresh for longer
    than `quiet`.
    """

    link: IbkrLink
    contracts: IbkrContracts
    clock: Clock
    session: Session | None = None
    stamp: Callable[[datetime], datetime] = _as_it_is
    fresh: timedelta = timedelta(seconds=1)
    quiet: timedelta = timedelta(seconds=5)
    most_streams: int = 60
    name: str = "Interactive Brokers"
    cadence_seconds: float | None = None
    _streams: dict[str, _Stream] = field(default_factory=dict, init=False)
    _spy_at_close: _LastBeforeClose | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.link.listeners.append(self._hear)

    def close(self) -> None:
        """Listen no more; the streams end with the connection."""
        self.link.listeners.remove(self._hear)

    def prices(self) -> Mapping[str, Quote]:
        """Return the last prices of SPY and SPX. Raises RetryLater where they are not live."""
        streams = {name: self._underlying(name) for name in ("SPY", "SPX")}
        times = self._settle(list(streams.values()))
        found = {
            name: Quote(times[stream], last=stream.ticker.last)
            for name, stream in streams.items()
            if stream.ticker and _price(stream.ticker.last) is not None
        }
        self._remember_close(found.get("SPY"))
        return found

    def quotes(self, contracts: Iterable[OptionContract]) -> Mapping[OptionContract, Quote]:
        """Return the quotes of those contracts that are listed. Raises RetryLater.

        A side without a market is None, a bid that nobody makes zero. Sizes are contracts.
        """
        streams: dict[OptionContract, _Stream] = {}
        for each in contracts:
            try:
                streams[each] = self._option(each)
            except NotListed:
                continue
        times = self._settle(list(streams.values()))
        return {each: _quote(stream, times[stream]) for each, stream in streams.items()}

    def official_closes(self, day: date) -> OfficialCloses | None:
        """Return the closes of the session, from a minute after its close on; else None.

        SPX is the index's last value, which stands still after the close. SPY is the last trade
        seen before the close; if none was seen in its last minute, the last trade within half
        an hour after it, which `source` says.
        """
        session, now = self.session, self.clock.now()
        if session is None or day != session.day or now < session.close + _CLOSES_ARE_KNOWN:
            return None
        try:
            levels = self.prices()
        except RetryLater:
            return None
        spx, spy, seen = levels.get("SPX"), levels.get("SPY"), self._spy_at_close
        if spx is None or spx.last is None:
            return None
        source = f"Interactive Brokers: SPX index at {now:%H:%M}"
        if seen is not None and session.close - seen.at <= _CLOSES_ARE_KNOWN:
            return OfficialCloses(seen.price, spx.last, f"{source}, SPY at {seen.at:%H:%M:%S}")
        if spy is None or spy.last is None or now > session.close + _AFTER_HOURS_ARE_NEAR:
            return None
        return OfficialCloses(spy.last, spx.last, f"{source}, SPY last trade, maybe after hours")

    # Streams.

    def _underlying(self, name: str) -> _Stream:
        if name not in self._streams:
            self._streams[name] = _Stream(name, self.contracts.underlying(name), has_sides=False)
        return self._streams[name]

    def _option(self, option: OptionContract) -> _Stream:
        name = option.symbol
        # The last asked for goes to the end, so that the first is the longest unasked.
        stream = self._streams.pop(name, None)
        if stream is None:
            stream = _Stream(str(option), self.contracts.option(option).contract, has_sides=True)
        self._streams[name] = stream
        return stream

    def _settle(self, streams: Sequence[_Stream]) -> Mapping[_Stream, datetime]:
        """Bring streams to the present; return when each was last known to be true."""
        if not streams:
            return {}
        now = self.clock.now()

        async def job(ib: "IB") -> dict[_Stream, datetime]:
            for each in streams:
                if not each.speaks(self.link.data_generation):
                    each.begin(ib, self.link.data_generation)
            await _wait_for(ib, streams)
            proofs = await self._prove(ib, streams, now)
            self._prune(ib, streams)
            return proofs

        if self.link.is_up and all(self._is_fresh(each, now) for each in streams):
            times = {each: at for each in streams if (at := _tick_time(each))}
        else:
            names = ", ".join(each.name for each in streams)
            times = self.link.ask(f"quotes of {names}", job)
        for each in streams:
            self._judge(each)
        return {each: self.stamp(at).astimezone(NEW_YORK) for each, at in times.items()}

    def _is_fresh(self, stream: _Stream, now: datetime) -> bool:
        """Whether nothing need be asked: the library's thread keeps such a stream up to date."""
        at = _tick_time(stream)
        return (
            at is not None
            and stream.speaks(self.link.data_generation)
            and stream.is_settled
            and now - self.stamp(at) <= self.fresh
        )

    async def _prove(
        self, ib: "IB", streams: Sequence[_Stream], now: datetime
    ) -> dict[_Stream, datetime]:
        """Return for each stream the moment, on this machine's clock, for which it speaks."""
        times = {each: _tick_time(each) for each in streams}
        old = [e for e, at in times.items() if at and now - self.stamp(at) > self.fresh]
        if old and not self.link.broken_farms:
            await ib.reqCurrentTimeAsync()
            proof = ib.wrapper.lastTime
            silent = [e for e in old if proof - (times[e] or proof) > self.quiet]
            times |= {each: proof for each in old if each not in silent}
            for each in silent:
                each.begin(ib, self.link.data_generation)
            await _wait_for(ib, silent)
            times |= {each: _tick_time(each) for each in silent}
        return {each: at for each, at in times.items() if at is not None}

    def _judge(self, stream: _Stream) -> None:
        """Raise RetryLater unless a stream is live and has said something."""
        ticker, problem = stream.ticker, stream.problem
        if problem:
            raise RetryLater(f"no live quotes of {stream.name}: TWS answers {problem}")
        if ticker is None or not stream.sides:
            raise RetryLater(f"TWS sends no quotes of {stream.name}")
        if ticker.marketDataType != _LIVE:
            kind = _KINDS.get(ticker.marketDataType, f"of type {ticker.marketDataType}")
            raise RetryLater(
                f"the quotes of {stream.name} are {kind}, not live; subscribe to live data, or "
                "end the session that uses it elsewhere"
            )

    def _prune(self, ib: "IB", asked: Sequence[_Stream]) -> None:
        """Give up the streams that were not asked for longest: TWS grants a hundred."""
        for name in list(self._streams)[: max(0, len(self._streams) - self.most_streams)]:
            stream = self._streams[name]
            if stream.has_sides and stream not in asked:
                del self._streams[name]
                if stream.ticker is not None and stream.generation == self.link.data_generation:
                    ib.cancelMktData(stream.contract)

    def _hear(self, request: int, code: int, words: str) -> None:
        if request > 0 and code not in _NOTICES:
            for stream in list(self._streams.values()):
                if stream.request == request and stream.generation == self.link.data_generation:
                    mend = f"; {_MENDS[code]}" if code in _MENDS else ""
                    stream.problem = f"{code}, {words.rstrip('.')}{mend}"

    def _remember_close(self, spy: Quote | None) -> None:
        if spy and spy.last and self.session and spy.at <= self.session.close:
            self._spy_at_close = _LastBeforeClose(spy.at, spy.last)


async def _wait_for(ib: "IB", streams: Sequence[_Stream]) -> None:
    """Wait until every stream has spoken of both sides, or for a moment longer of one.

    Whoever calls sets the deadline.
    """
    loop = asyncio.get_running_loop()
    since: dict[_Stream, float] = {}
    while waiting := [each for each in streams if not each.is_settled]:
        for each in waiting:
            if each.sides:
                since.setdefault(each, loop.time())
        if all(loop.time() - since.get(each, loop.time()) > _ONE_SIDE for each in waiting):
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(ib.updateEvent, _LOOK_AGAIN)


def _tick_time(stream: _Stream) -> datetime | None:
    return stream.ticker.time if stream.ticker else None


def _price(value: float) -> float | None:
    return value if math.isfinite(value) and value > 0 else None


def _size(value: float) -> int | None:
    return round(value) if math.isfinite(value) and value > 0 else None


def _quote(stream: _Stream, at: datetime) -> Quote:
    """Return a ticker's market. TWS says -1 for a side that nobody offers, nothing if unknown.

    Where there are sellers and no buyers, the bid is zero: one can only buy.
    """
    ticker = stream.ticker
    if ticker is None:
        return Quote(at)
    bid, ask = _price(ticker.bid), _price(ticker.ask)
    if bid is None and ask is not None and ticker.bid <= 0:
        bid = 0.0
    return Quote(
        at,
        bid,
        ask,
        _size(ticker.bidSize) if bid else None,
        _size(ticker.askSize) if ask else None,
        _price(ticker.last),
    )
