"""Yahoo Finance as a source of prices: delayed, unofficial, for a labelled paper day only.

Yahoo promises nobody anything: it changes, limits and refuses without notice. So all that is asked
of the library are three questions (`Yahoo`), every answer may be empty or have holes, and no order
for real money is ever priced from here (`is_real_time`).
"""

import logging
import math
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from threading import Thread
from typing import Any, Protocol

from src.models import NEW_YORK, OptionContract, Quote, Session
from src.ports import Clock, MendInput, OfficialCloses, RetryLater
from utils.option_symbols import parse_symbol

PRICES = {"SPY": ("SPY",), "SPX": ("^SPX", "^GSPC")}
"""The symbols under which Yahoo may know a price, the better one first."""
CHAINS = {"SPY": "SPY", "SPXW": "^SPX"}
CLOSES = ("SPY", "^GSPC")
KEPT_SECONDS = 15.0
"""For how long an answer serves: an order is looked at every second, and Yahoo counts requests."""
QUIET_SECONDS = 120.0
"""For how long nothing is asked after Yahoo has refused for too many requests."""
OPTIONS_DELAY = timedelta(minutes=15)
"""By how much Yahoo's option quotes are late, as its help pages say."""
_AHEAD = timedelta(seconds=2)
"""By how much Yahoo's clock may differ from ours."""
_MINUTE = timedelta(minutes=1)
_CLOSES_PUBLISHED = timedelta(minutes=20)
_STRANGE = (OSError, LookupError, ValueError, TypeError, AttributeError, RuntimeError)
"""What the library lets through: no network, no JSON, an answer of another form."""
_NOWHERE = logging.NullHandler()

Patience = Callable[[], float]
"""Real seconds that the next call may take; raises RetryLater when there are none left."""


class TooManyRequests(RetryLater):
    """Yahoo answers nothing for a while."""


class Yahoo(Protocol):
    """The three questions. Each raises RetryLater when it is not answered."""

    def quote(self, symbol: str) -> Mapping[str, Any]:
        """Return `regularMarketPrice` and `regularMarketTime` (seconds, or a moment)."""

    def chain(self, symbol: str, day: date) -> tuple[Mapping[str, Any], list[Mapping[str, Any]]]:
        """Return the underlying's quote and the rows of all options that expire on a day.

        Of the quote `exchangeDataDelayedBy` (minutes) is looked at as well, of a row
        `contractSymbol`, `bid`, `ask` and `lastPrice`.
        """

    def bars(self, symbol: str, day: date, interval: str) -> list[tuple[datetime, float]]:
        """Return the beginnings and unadjusted closes of a day's bars, of "1m" or "1d"."""


@dataclass
class YfinanceLink:
    """The three questions, asked of yfinance; `ticker` makes its Ticker of a symbol."""

    patience: Patience
    ticker: Callable[[str], Any] | None = None

    def quote(self, symbol: str) -> Mapping[str, Any]:
        """Return what comes with the newest bars of a symbol."""
        found: Mapping[str, Any] = self._ask(symbol, _newest)
        if all(each is None for each in found.values()):
            raise RetryLater(f"{symbol}: Yahoo sent nothing")
        return found

    def chain(self, symbol: str, day: date) -> tuple[Mapping[str, Any], list[Mapping[str, Any]]]:
        """Return the options of a symbol that expire on a day, calls and puts."""
        answer = self._ask(symbol, lambda each: each.option_chain(day.isoformat()))
        tables = [each for each in (answer.calls, answer.puts) if each is not None]
        rows = [row for table in tables for row in table.to_dict("records")]
        return dict(answer.underlying or {}), rows

    def bars(self, symbol: str, day: date, interval: str) -> list[tuple[datetime, float]]:
        """Return the bars of a day that have a close."""
        end = day + timedelta(days=1)
        table = self._ask(
            symbol,
            lambda each: each.history(
                start=day.isoformat(), end=end.isoformat(), interval=interval, auto_adjust=False
            ),
        )
        every = (
            (at.to_pydatetime().astimezone(NEW_YORK), _positive(close))
            for at, close in table["Close"].items()
        )
        return [(at, close) for at, close in every if close and at.date() == day]

    def _ask(self, symbol: str, question: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - untyped
        """Ask in a thread: the library waits half a minute for some answers, whatever it is told.

        A thread that is given up ends by itself, and what it brings is dropped.
        """
        try:
            import yfinance  # noqa: PLC0415 - heavy, and only here
            from yfinance.exceptions import YFException, YFRateLimitError  # noqa: PLC0415
        except ImportError as error:
            raise MendInput(
                f"yfinance is not installed ({error}): run pip install -r requirements.txt"
            ) from error
        # What it logs of its own is told by its answer, and it would write it on the terminal.
        logging.getLogger("yfinance").addHandler(_NOWHERE)
        seconds, made = self.patience(), self.ticker or yfinance.Ticker
        answer: Future[Any] = Future()

        def run() -> None:
            try:
                answer.set_result(question(made(symbol)))
            except (YFException, *_STRANGE) as error:
                answer.set_exception(error)

        Thread(target=run, daemon=True).start()
        try:
            return answer.result(timeout=seconds)
        except TimeoutError as error:
            raise RetryLater(f"no answer for {symbol} within {seconds:g} seconds") from error
        except YFRateLimitError as error:
            raise TooManyRequests(f"{symbol}: too many requests, says Yahoo") from error
        except (YFException, *_STRANGE) as error:
            raise RetryLater(f"{symbol}: {' '.join(str(error).split())[:200]}") from error


def _newest(ticker: Any) -> Mapping[str, Any]:  # noqa: ANN401 - untyped library
    """Return the newest price and its time, which come with a few days' bars.

    The bars are asked for first, because the metadata alone are silent about a failure, and only
    these two are read: to list them all would ask Yahoo once more.
    """
    ticker.history(period="5d", interval="1d")
    told = ticker.get_history_metadata() or {}
    return {key: told.get(key) for key in ("regularMarketPrice", "regularMarketTime")}


def _same(moment: datetime) -> datetime:
    return moment


@dataclass
class YfinanceMarket:
    """Yahoo as a source of quotes; implements QuoteSource.

    A bid or an ask is 15 minutes old, and Yahoo tells no time of it: it carries the time of its
    underlying's price, less what that is newer. So a paper day on these quotes needs a `clock` that
    is 15 minutes late, and gets the prices of that moment, from bars of a minute where the newest
    ones lie ahead of it. `stamp` turns Yahoo's time into the clock's.
    """

    yahoo: Yahoo
    clock: Clock
    session: Session
    stamp: Callable[[datetime], datetime] = _same
    name: str = "Yahoo Finance (delayed up to 15 minutes, unofficial)"
    cadence_seconds: float | None = 60.0
    is_real_time: bool = field(default=False, init=False)
    _kept: dict[object, tuple[datetime, Any]] = field(default_factory=dict, init=False)
    _quiet_until: datetime | None = field(default=None, init=False)

    def prices(self) -> Mapping[str, Quote]:
        """Return the newest prices that have a time. Raises RetryLater."""
        answer = {}
        for name, symbols in PRICES.items():
            found = (quote for each in symbols if (quote := self._price(each)))
            if quote := next(found, None):
                answer[name] = quote
        return answer

    def _price(self, symbol: str) -> Quote | None:
        told = self._once(("quote", symbol), partial(self.yahoo.quote, symbol))
        at, last = _moment(told), _positive(told.get("regularMarketPrice"))
        if not at or not last:
            return None
        if self.stamp(at) <= self.clock.now() + _AHEAD:
            return Quote(self.stamp(at), last=last)
        ask = partial(self.yahoo.bars, symbol, at.date(), "1m")
        bars = self._once(("bars", symbol, at.date()), ask)
        ends = ((self.stamp(start + _MINUTE), close) for start, close in bars)
        known = [(end, close) for end, close in ends if end <= self.clock.now()]
        return Quote(known[-1][0], last=known[-1][1]) if known else None

    def quotes(self, contracts: Iterable[OptionContract]) -> Mapping[OptionContract, Quote]:
        """Return the quotes of these contracts that the chains of their days hold."""
        wanted = set(contracts)
        answer: dict[OptionContract, Quote] = {}
        for root, day in sorted({(each.root, each.expiry) for each in wanted}):
            if root in CHAINS:
                chain = self._chain(CHAINS[root], day)
                answer |= {each: quote for each, quote in chain.items() if each in wanted}
        return answer

    def _chain(self, symbol: str, day: date) -> Mapping[OptionContract, Quote]:
        key = ("chain", symbol, day)
        underlying, rows = self._once(key, partial(self.yahoo.chain, symbol, day))
        at = _moment(underlying)
        if at is None:
            return {}
        late = timedelta(minutes=_positive(underlying.get("exchangeDataDelayedBy")) or 0)
        at -= max(OPTIONS_DELAY - late, timedelta(0))
        named = ((_contract(row.get("contractSymbol")), row) for row in rows)
        quotes = {each: _quote(self.stamp(at), row) for each, row in named if each}
        return {each: quote for each, quote in quotes.items() if not quote.is_empty}

    def official_closes(self, day: date) -> OfficialCloses | None:
        """Return the closes of a day's bars; None until 20 minutes after the close.

        Before that the bar of a day shows its newest price for a close.
        """
        now = self.clock.now()
        is_over = day < self.session.day or (
            day == self.session.day and now >= self.session.close + _CLOSES_PUBLISHED
        )
        if not is_over:
            return None
        spy, spx = (
            self._once(("close", each, day), partial(self.yahoo.bars, each, day, "1d"))
            for each in CLOSES
        )
        if not spy or not spx:
            return None
        source = f"Yahoo Finance, bars of {day} of SPY and ^GSPC; not the exchanges' own record"
        return OfficialCloses(spy[-1][1], spx[-1][1], source)

    def _once(self, key: object, ask: Callable[[], Any]) -> Any:  # noqa: ANN401 - untyped library
        """Ask, unless the answer of a moment ago still serves or Yahoo wants to be left alone."""
        now = self.clock.now()
        asked, answer = self._kept.get(key, (None, None))
        if asked and timedelta(0) <= now - asked < timedelta(seconds=KEPT_SECONDS):
            return answer
        if self._quiet_until and now < self._quiet_until:
            raise RetryLater(f"too many requests; nothing is asked until {self._quiet_until:%H:%M}")
        try:
            answer = ask()
        except TooManyRequests:
            self._quiet_until = now + timedelta(seconds=QUIET_SECONDS)
            raise
        self._kept[key] = (now, answer)
        return answer


def _contract(symbol: object) -> OptionContract | None:
    try:
        return parse_symbol(str(symbol))
    except ValueError:
        return None


def _quote(at: datetime, row: Mapping[str, Any]) -> Quote:
    """Return a row's market; where both sides are zero Yahoo has none."""
    bid, ask = _number(row.get("bid")), _positive(row.get("ask"))
    sound = bid if bid is not None and bid >= 0 and (bid > 0 or ask) else None
    return Quote(at, bid=sound, ask=ask, last=_positive(row.get("lastPrice")))


def _moment(told: Mapping[str, Any]) -> datetime | None:
    """Return when a price was true, in New York: None where Yahoo does not tell."""
    at = told.get("regularMarketTime")
    if isinstance(at, datetime):
        return at.astimezone(NEW_YORK) if at == at and at.tzinfo else None  # noqa: PLR0124 - NaT
    seconds = _positive(at)
    return datetime.fromtimestamp(seconds, UTC).astimezone(NEW_YORK) if seconds else None


def _number(value: object) -> float | None:
    try:
        number = float(value)  # type: ignore[arg-type]  # whatever it is, it is tried
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _positive(value: object) -> float | None:
    number = _number(value)
    return number if number is not None and number > 0 else None
