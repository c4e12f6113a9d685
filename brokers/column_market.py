"""A day of which one pair of calls is known minute by minute, as columns; a source of quotes."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta

from src.backtest_watch import Columns
from src.models import OptionContract, Quote, Session
from src.ports import Clock, OfficialCloses


class ColumnMarket:
    """A day's columns as a market; implements QuoteSource. A row counts until the next one."""

    name = "columns"
    cadence_seconds: float | None = 60.0

    def __init__(self, columns: Columns, session: Session, clock: Clock) -> None:
        self.columns = columns
        self._session = session
        self._clock = clock
        self._last = len(columns.spy) - 1
        self._now = session.open
        self._row = 0
        self._at = session.open

    def prices(self) -> Mapping[str, Quote]:
        """Return SPY and SPX of this minute."""
        row, columns = self._look(), self.columns
        return {
            "SPY": Quote(self._at, None, None, None, None, float(columns.spy[row])),
            "SPX": Quote(self._at, None, None, None, None, float(columns.spx[row])),
        }

    def quotes(self, contracts: Iterable[OptionContract]) -> Mapping[OptionContract, Quote]:
        """Return the markets of the two calls at this minute; no other contract has one."""
        row, columns = self._look(), self.columns
        found = {}
        for contract in contracts:
            if contract == columns.spy_contract:
                found[contract] = self._market(columns.spy_bid[row], columns.spy_ask[row])
            elif contract == columns.spx_contract:
                found[contract] = self._market(columns.spx_bid[row], columns.spx_ask[row])
        return found

    def official_closes(self, day: date) -> OfficialCloses | None:
        """Return the last row from the close on; None before."""
        if day != self._session.day or self._clock.now() < self._session.close:
            return None
        spy, spx = float(self.columns.spy[-1]), float(self.columns.spx[-1])
        return OfficialCloses(spy, spx, "the last row")

    def _market(self, bid: float, ask: float) -> Quote:
        return Quote(self._at, float(bid), float(ask))

    def _look(self) -> int:
        """Return the row of the clock's minute, and note its moment."""
        now = self._clock.now()
        if now is not self._now:
            minutes = int((now - self._session.open).total_seconds() // 60)
            self._now, self._row = now, max(0, min(minutes, self._last))
            self._at = self._session.open + timedelta(minutes=self._row)
        return self._row
