"""Alpaca's quotes as the market: SPY and option quotes as they are, SPX reckoned from options."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta

from brokers import alpaca_checks as checks
from brokers import alpaca_pages as pages
from brokers.alpaca_link import AlpacaLink, Refusal
from brokers.alpaca_reply import Row, by_symbol, day_of, level, moment, number, option
from src.models import OptionContract, Quote, Session
from src.parity import TOGETHER, implied_level
from src.ports import Check, Clock, MendInput, OfficialCloses, RetryLater, Verdict

_BATCH = 100
"""Symbols in one request, at most."""
_RATIO = 10.03
"""SPX over SPY, only to know which strikes to ask for: 0.3% off is 20 points."""
_REACH = 40.0
_AT_THE_CLOSE = timedelta(minutes=1)
_WIDEST_SPY = 0.0005
"""Fraction: a wider market in SPY is one venue's, and its last trade says more."""
_BAR_IS_COMPLETE = timedelta(minutes=1)


class AlpacaMarket:
    """Quotes over REST; implements QuoteSource.

    `labels` name what is not the market's own price. `feed` is opra or indicative. With
    `estimates_closes` a day's SPX close may be reckoned from the last quotes before the close,
    which is good enough for a paper day on the embedded exchange, and for nothing else. `stamp`
    translates the server's times into the day's clock, on which quotes that lie no further apart
    than `together` are one moment's.
    """

    cadence_seconds: float | None = None

    def __init__(
        self,
        link: AlpacaLink,
        session: Session,
        clock: Clock,
        *,
        feed: str = "opra",
        stamp: Callable[[datetime], datetime] = lambda moment: moment,
        estimates_closes: bool = False,
        together: timedelta = TOGETHER,
    ) -> None:
        self._link = link
        self._session = session
        self._clock = clock
        self._feed = feed
        self._stamp = stamp
        self._estimates_closes = estimates_closes
        self._together = together
        derived = ("indicative option quotes",) if feed != "opra" else ()
        self.labels: tuple[str, ...] = (*derived, "SPX by put-call parity")
        self.name = f"Alpaca ({feed} quotes, SPX by put-call parity)"

    def prices(self) -> Mapping[str, Quote]:
        """Return SPY by its market, or its last trade, and SPX by parity, as far as known.

        Raises RetryLater; at the first contact MendInput when the keys, or the subscription, do
        not reach the data.
        """
        spy = self._spy()
        if spy is None or spy.last is None:
            return {}
        spx = implied_level(self._near(spy.last * _RATIO), self._together)
        return {"SPY": spy, "SPX": spx} if spx else {"SPY": spy}

    def quotes(self, contracts: Iterable[OptionContract]) -> Mapping[OptionContract, Quote]:
        """Return the newest quote of each contract that has one; raises as `prices`."""
        wanted = {each.symbol: each for each in contracts}
        symbols = list(wanted)
        found: dict[OptionContract, Quote] = {}
        for first in range(0, len(symbols), _BATCH):
            params = {"symbols": ",".join(symbols[first : first + _BATCH]), "feed": self._feed}
            answer = self._link.options(
                "/options/quotes/latest", params, what=f"{self._feed} option quotes"
            )
            page = by_symbol(answer, "quotes")
            if page is None:
                raise RetryLater("Alpaca's answer to the option quotes cannot be read")
            for symbol in page.keys() & wanted.keys():
                if quote := self._quote(page[symbol]):
                    found[wanted[symbol]] = quote
        return found

    def official_closes(self, day: date) -> OfficialCloses | None:
        """Return the closes of a day, or None while they are not known.

        Alpaca has no index values, so SPX is never official: without `estimates_closes` the
        answer is None. With it SPY is the close of the daily bar, and SPX the level that SPXW
        quotes of the last minute imply; `source` says so.
        """
        now = self._clock.now()
        if not self._estimates_closes or day != self._session.day:
            return None
        if now < self._session.close + _BAR_IS_COMPLETE:
            return None
        spy = self._daily_close(day)
        if spy is None:
            return None
        begin = self._session.close - _AT_THE_CLOSE
        last = {
            contract: quote
            for contract, quote in self._near(spy * _RATIO).items()
            if quote.at >= begin
        }
        spx = implied_level(last, self._together)
        if spx is None or spx.last is None:
            return None
        source = (
            f"Alpaca: SPY by its daily bar; SPX is not official but an estimate by put-call parity"
            f" on SPXW quotes of {spx.at:%H:%M:%S}, give or take {spx.uncertainty:.2f}"
        )
        return OfficialCloses(spy, round(spx.last, 2), source)

    def chain(self, root: str, low: float, high: float) -> dict[OptionContract, Quote]:
        """Return the quotes of all calls and puts of SPY or SPXW between two strikes, for today.

        SPXW is listed under SPX, as the AM-settled series is, which is left out.
        """
        day = self._session.day
        filters: dict[str, str | int | float] = {
            "feed": self._feed,
            "root_symbol": root,
            "expiration_date": day.isoformat(),
            "strike_price_gte": low,
            "strike_price_lte": high,
        }
        underlying = "SPX" if root == "SPXW" else root
        found: dict[OptionContract, Quote] = {}
        for symbol, row in pages.chain(self._link, underlying, filters).items():
            contract, latest = option(symbol), row.get("latestQuote")
            if contract is None or (contract.root, contract.expiry) != (root, day):
                continue
            quote = self._quote(latest) if isinstance(latest, dict) else None
            if quote and low <= contract.strike <= high:
                found[contract] = quote
        return found

    def diagnose(self) -> tuple[Check, ...]:
        """Return rows for the doctor: keys, data, clock, calendar, prices. Never raises."""
        return (
            *checks.diagnose_market(
                self._link, self._session, self._clock, stamp=self._stamp, feed=self._feed
            ),
            checks.alone("prices", self._look_at_prices),
        )

    def _look_at_prices(self) -> Check:
        found = self.prices()
        spy, spx = found.get("SPY"), found.get("SPX")
        if spy is None or spy.last is None:
            return Check("prices", Verdict.WARN, "no SPY price.", "Ask again in market hours.")
        if spx is None or spx.last is None:
            words = f"SPY {spy.last:.2f}; SPXW quotes that imply SPX are missing."
            return Check("prices", Verdict.WARN, words, "Ask again in market hours.")
        words = f"SPY {spy.last:.2f}, SPX {spx.last:.2f} by parity, to {spx.uncertainty:.2f}."
        return Check("prices", Verdict.OK, words)

    def _near(self, spx: float) -> dict[OptionContract, Quote]:
        return self.chain("SPXW", round(spx - _REACH), round(spx + _REACH))

    def _spy(self) -> Quote | None:
        row = self._stock("/stocks/quotes/latest", "quotes")
        at = moment(row.get("t"))
        bid, ask = level(row.get("bp")), level(row.get("ap"))
        if at and bid and ask and 0 <= ask - bid <= _WIDEST_SPY * ask:
            return Quote(self._stamp(at), last=(bid + ask) / 2, uncertainty=(ask - bid) / 2)
        row = self._stock("/stocks/trades/latest", "trades")
        at, last = moment(row.get("t")), level(row.get("p"))
        return Quote(self._stamp(at), last=last) if at and last else None

    def _stock(self, path: str, name: str) -> Row:
        answer = self._link.stocks(path, {"symbols": "SPY"}, what="the SPY price")
        page = by_symbol(answer, name)
        if page is None:
            raise RetryLater("Alpaca's answer to the SPY price cannot be read")
        return page.get("SPY", {})

    def _daily_close(self, day: date) -> float | None:
        params: dict[str, str | int | float] = {
            "symbols": "SPY",
            "timeframe": "1Day",
            "start": day.isoformat(),
            "end": (day + timedelta(days=1)).isoformat(),
            "limit": 10,
        }
        try:
            answer = self._link.stocks("/stocks/bars", params, what="the SPY close")
        except (Refusal, MendInput):
            return None  # without a subscription the last quarter of an hour is barred
        bars = answer.get("bars") if isinstance(answer, dict) else None
        rows = bars.get("SPY") if isinstance(bars, dict) else None
        for row in rows if isinstance(rows, list) else ():
            at = moment(row.get("t"))
            if day in {at.date() if at else None, day_of(row.get("t"))}:
                return level(row.get("c"))
        return None

    def _quote(self, row: Row) -> Quote | None:
        """Return a quote with the server's time; a bid of nothing is a market without buyers."""
        at = moment(row.get("t"))
        if at is None:
            return None
        bid, ask = level(row.get("bp")), level(row.get("ap"))
        return Quote(
            at=self._stamp(at),
            bid=bid,
            ask=ask or None,
            bid_size=_size(row.get("bs")),
            ask_size=_size(row.get("as")),
        )


def _size(value: object) -> int | None:
    found = number(value)
    return None if found is None else int(found)
