"""A recorded session as the market: at each moment of the clock, what was known then."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta

from brokers.tape import Tape
from brokers.tape_sidecar import read_sidecar
from src.models import NEW_YORK, OptionContract, Quote
from src.ports import Clock, OfficialCloses

__all__ = ["ReplayMarket", "Tape"]

_NEAR_THE_CLOSE = timedelta(minutes=5)
_SPX_CLOSE_PUBLISHED = timedelta(minutes=20)


class ReplayMarket:
    """A tape as a source of quotes; implements QuoteSource.

    The clock may go anywhere, also back. `close` is the exchange's closing time on that day, in
    New York.
    """

    def __init__(self, tape: Tape, clock: Clock, close: time = time(16)) -> None:
        self.tape = tape
        self.date = tape.date
        self.name = f"tape {tape.date} ({tape.kind}; {tape.sidecar.source})"
        self.cadence_seconds = tape.sidecar.cadence_seconds
        self._clock = clock
        self._close = datetime.combine(tape.date, close, tzinfo=NEW_YORK)

    def prices(self) -> Mapping[str, Quote]:
        """Return the newest SPY and SPX rows that were known at this moment."""
        now = self._clock.now()
        found = ((symbol, series.newest(now)) for symbol, series in self.tape.prices.items())
        return {symbol: quote for symbol, quote in found if quote is not None}

    def quotes(self, contracts: Iterable[OptionContract]) -> Mapping[OptionContract, Quote]:
        """Return the newest row of exactly these contracts; those without a market are left out."""
        now = self._clock.now()
        answer = {}
        for contract in contracts:
            series = self.tape.options.get(contract)
            quote = series.newest(now) if series else None
            if quote is not None:
                answer[contract] = quote
        return answer

    def official_closes(self, day: date) -> OfficialCloses | None:
        """Return the closes that the tape's JSON file tells, else those its last rows suggest.

        By rows, SPX is the last one up to 20 minutes after the close, by when the official value
        is out, and SPY the last one up to the close; `source` says that this SPY is not official.
        None before the close, for a later day, and where either has no row later than five
        minutes before the close. Of an earlier day this tape's JSON file tells what its day knew;
        where it tells nothing of that, the file of the earlier day's tape in the same folder.
        """
        if day < self.date:
            return self._earlier(day)
        if day != self.date or self._clock.now() < self._close:
            return None
        return self.tape.sidecar.closes or self._closes_by_rows()

    def _earlier(self, day: date) -> OfficialCloses | None:
        if (told := self.tape.sidecar.before) is not None:
            return told.get(day)
        return read_sidecar(self.tape.path.with_name(f"{day}.json"), day).closes

    def _closes_by_rows(self) -> OfficialCloses | None:
        spx = self._last("SPX", self._close + _SPX_CLOSE_PUBLISHED)
        spy = self._last("SPY", self._close)
        if spx is None or spy is None or spx.last is None or spy.last is None:
            return None
        caution = " and holds an after-hours value" if self.tape.kind == "quotes" else ""
        source = (
            f"tape {self.date}: SPX by its row of {spx.at:%H:%M:%S}; the SPY close is not official "
            f"but only the tape's last SPY row, stamped {spy.at:%H:%M:%S}{caution}"
        )
        return OfficialCloses(spy.last, spx.last, source)

    def _last(self, symbol: str, until: datetime) -> Quote | None:
        series = self.tape.prices.get(symbol)
        quote = series.newest(until) if series else None
        return quote if quote and quote.at >= self._close - _NEAR_THE_CLOSE else None
