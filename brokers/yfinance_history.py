"""Past days from Yahoo: minutes of SPY and SPX for a month, daily closes before. No options."""

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta

from brokers.history import MINUTE, About, bar_row
from brokers.history_pace import Pace
from brokers.tape_file import TapeRow
from brokers.yfinance_client import CLOSES, PRICES, TooManyRequests, Yahoo
from src.models import OptionContract, Session
from src.ports import Clock, OfficialCloses, RetryLater

MINUTES_ARE_KEPT = timedelta(days=29)
"""Yahoo keeps minutes for 30 days, today among them, and gives at most 7 days of them at once."""
Bars = list[tuple[datetime, float]]
_NO_OPTIONS = "no options: Yahoo has no history of them, so this tape cannot trade"
_MINUTES = "Yahoo's one-minute bars: each row is the last price of a minute, stamped at its end."
_DAILY = "Yahoo's daily bars: one row a symbol, its close; Yahoo keeps minutes for 30 days only."


def _tries(error: RetryLater) -> int:
    return 4 if isinstance(error, TooManyRequests) else 2


class YfinanceHistory:
    """Yahoo's history of prices; implements History. One day is asked for at a time."""

    name = "Yahoo Finance historical bars"
    first_day: date | None = None

    def __init__(self, yahoo: Yahoo, pace: Pace, clock: Clock) -> None:
        self._yahoo = yahoo
        self._pace = pace
        self._clock = clock

    def prices(self, session: Session) -> list[TapeRow]:
        """Return minutes of SPY and SPX, or the two closes of a day long ago."""
        found: list[TapeRow] = []
        for symbol, names in PRICES.items():
            bars = self._first_told(names, lambda name: self._minutes(name, session))
            found += (bar_row(symbol, end, close) for end, close in bars)
        return found

    def batches(
        self, session: Session, prices: Sequence[TapeRow]
    ) -> list[tuple[OptionContract, ...]]:
        """Return none: Yahoo has options of today and later only."""
        del session, prices
        return []

    def options(self, session: Session, batch: Sequence[OptionContract]) -> list[TapeRow]:
        """Return nothing."""
        del session, batch
        return []

    def complete(self, session: Session, rows: Sequence[TapeRow]) -> tuple[list[TapeRow], About]:
        """Return the closes of the daily bars, as rows where there are no others."""
        del rows
        closes = {
            symbol: self._bars(name, session.day, "1d")
            for symbol, name in zip(("SPY", "SPX"), CLOSES, strict=True)
        }
        last = {symbol: bars[-1][1] for symbol, bars in closes.items() if bars}
        official = None
        if len(last) == len(closes):
            source = "Yahoo Finance, daily bars of SPY and ^GSPC; not the exchanges' own record"
            official = OfficialCloses(last["SPY"], last["SPX"], source)
        if self._has_minutes(session.day):
            return [], About("bars", _MINUTES, (_NO_OPTIONS,), closes=official)
        daily = [bar_row(symbol, session.close, close) for symbol, close in last.items()]
        return daily, About("bars", _DAILY, (_NO_OPTIONS,), cadence=None, closes=official)

    def _has_minutes(self, day: date) -> bool:
        return self._clock.now().date() - day <= MINUTES_ARE_KEPT

    def _minutes(self, name: str, session: Session) -> Bars:
        if not self._has_minutes(session.day):
            return []
        bars = self._bars(name, session.day, "1m")
        return [(at + MINUTE, close) for at, close in bars if session.open <= at < session.close]

    def _bars(self, name: str, day: date, interval: str) -> Bars:
        return self._pace.patiently(lambda: self._yahoo.bars(name, day, interval), tries=_tries)

    @staticmethod
    def _first_told(names: Sequence[str], ask: Callable[[str], Bars]) -> Bars:
        """Return what the first name that is known brings; raises what the last one raised."""
        for name in names[:-1]:
            try:
                if found := ask(name):
                    return found
            except RetryLater:
                continue
        return ask(names[-1])
