"""Past days from Alpaca: minute bars of SPY and of options. There are no past option quotes."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

from brokers.alpaca_link import AlpacaLink, NotAsked, Params, Refusal, Unanswered
from brokers.alpaca_reply import Row, day_of, level, moment, rows, text
from brokers.history import MINUTE, About, bar_row, contracts_near, portions
from brokers.history_pace import Pace
from brokers.tape_file import TapeRow
from src.models import OptionContract, Quote, Session
from src.parity import implied_level
from src.ports import MendInput, OfficialCloses, RetryLater
from utils.option_symbols import parse_symbol

BATCH = 50
"""Symbols in one request; Alpaca takes 100. A day's bars of so many fill a few pages."""
_PAGE = 10_000
_MOST_PAGES = 200
_PATIENT, _BRIEF = 7, 4
"""Tries; the waits between them begin with two seconds and double."""
_NOTE = (
    "Alpaca's one-minute bars: each row is the last trade of a minute, stamped at its end; minutes "
    "without a trade are left out. Alpaca has no past option quotes and no index values."
)
_PARITY = (
    "SPX is no index value but an estimate: put-call parity of SPXW trades within the same minute"
)
_NOT_ADJUSTED: Params = {"adjustment": "raw", "feed": "sip"}


class AlpacaHistory:
    """Alpaca's history of bars; implements History. `strikes` is how far beyond a day's range."""

    name = "Alpaca historical bars"
    first_day: date | None = date(2024, 2, 1)
    """From when on Alpaca has options."""

    def __init__(self, link: AlpacaLink, pace: Pace, strikes: int) -> None:
        self._link = link
        self._pace = pace
        self._strikes = strikes

    def prices(self, session: Session) -> list[TapeRow]:
        """Return SPY's minutes up to a quarter of an hour after the close."""
        found = self._bars("stocks", ("SPY",), session, _NOT_ADJUSTED)
        return found["SPY"]

    def batches(
        self, session: Session, prices: Sequence[TapeRow]
    ) -> list[tuple[OptionContract, ...]]:
        """Return SPY and SPXW calls, and the SPXW puts that tell the index."""
        return portions(contracts_near(session.day, prices, self._strikes, puts=True), BATCH)

    def options(self, session: Session, batch: Sequence[OptionContract]) -> list[TapeRow]:
        """Return the minutes of some contracts in which there was a trade."""
        symbols = tuple(each.symbol for each in batch)
        return [row for found in self._bars("options", symbols, session).values() for row in found]

    def complete(self, session: Session, rows: Sequence[TapeRow]) -> tuple[list[TapeRow], About]:
        """Return SPX minute by minute as the options imply it, and what the tape is."""
        spx = _implied(rows, session)
        closes = self._closes(session, spx)
        labels = (_PARITY,) if spx else ("SPX is not known: too few pairs of SPXW trades",)
        return spx, About("bars", _NOTE, labels, closes=closes)

    def _closes(self, session: Session, spx: Sequence[TapeRow]) -> OfficialCloses | None:
        spy = self._daily_close(session)
        last = spx[-1] if spx and spx[-1].seen == session.close else None
        if spy is None or last is None or last.quote.last is None:
            return None
        source = (
            "Alpaca: SPY by its daily bar; SPX is not official but an estimate by put-call parity "
            f"of SPXW trades up to {last.seen:%H:%M}"
        )
        return OfficialCloses(spy, last.quote.last, source)

    def _daily_close(self, session: Session) -> float | None:
        day = session.day
        span: Params = {"start": day.isoformat(), "end": (day + timedelta(days=1)).isoformat()}
        params = {"symbols": "SPY", "timeframe": "1Day", "limit": 10, **span, **_NOT_ADJUSTED}
        page = self._ask("stocks", params, "the SPY close")
        for row in _bars_of(page, "the SPY close").get("SPY", ()):
            at = moment(row.get("t"))
            if day in {at.date() if at else None, day_of(row.get("t"))}:
                return level(row.get("c")) or None
        return None

    def _bars(
        self, kind: str, symbols: Sequence[str], session: Session, more: Params | None = None
    ) -> dict[str, list[TapeRow]]:
        what = "the SPY bars" if kind == "stocks" else "the option bars"
        end = session.spy_options_close
        params: dict[str, str | int | float] = {
            "symbols": ",".join(symbols),
            "timeframe": "1Min",
            "start": _utc(session.open),
            "end": _utc(end - MINUTE),
            "limit": _PAGE,
            **(more or {}),
        }
        found: dict[str, list[TapeRow]] = defaultdict(list)
        for _ in range(_MOST_PAGES):
            page = self._ask(kind, params, what)
            for symbol, bars in _bars_of(page, what).items():
                for bar in bars:
                    at, close = moment(bar.get("t")), level(bar.get("c"))
                    traded = level(bar.get("v"))
                    if at and close and traded and symbol in symbols and session.open <= at < end:
                        found[symbol].append(bar_row(symbol, at + MINUTE, close))
            token = text(page, "next_page_token")
            if not token:
                return found
            if token == params.get("page_token"):
                break
            params["page_token"] = token
        raise RetryLater(f"Alpaca's list of {what} has no end")

    def _ask(self, kind: str, params: Params, what: str) -> Row:
        call = self._link.stocks if kind == "stocks" else self._link.options
        try:
            answer = self._pace.patiently(
                lambda: call(f"/{kind}/bars", params, what=what), tries=_tries
            )
        except Refusal as refusal:
            if 400 <= refusal.status < 500 and refusal.status != 429:
                raise MendInput(f"{refusal}.") from refusal
            raise
        if not isinstance(answer, dict):
            raise RetryLater(f"Alpaca's answer to {what} cannot be read")
        return answer


def _tries(error: RetryLater) -> int:
    """Return how often to ask: a limit lasts a minute, a server in trouble is given a few seconds.

    What was refused for another reason is refused again.
    """
    if isinstance(error, NotAsked) or (isinstance(error, Refusal) and error.status == 429):
        return _PATIENT
    in_trouble = isinstance(error, Refusal) and error.status >= 500
    return _BRIEF if in_trouble or isinstance(error, Unanswered) else 1


def _bars_of(page: Row, what: str) -> Mapping[str, list[Row]]:
    bars = page.get("bars")
    if bars is None:
        return {}
    found = {symbol: rows(each) for symbol, each in bars.items()} if isinstance(bars, dict) else {}
    if not isinstance(bars, dict) or None in found.values():
        raise RetryLater(f"Alpaca's answer to {what} cannot be read")
    return {symbol: each for symbol, each in found.items() if each is not None}


def _implied(found: Sequence[TapeRow], session: Session) -> list[TapeRow]:
    """Return SPX for every minute with three pairs of trades, up to the close."""
    minutes: dict[datetime, dict[OptionContract, Quote]] = defaultdict(dict)
    for row in found:
        if row.symbol.startswith("SPXW") and row.seen <= session.close:
            last = row.quote.last
            both = Quote(row.quote.at, bid=last, ask=last)
            minutes[row.seen][parse_symbol(row.symbol)] = both
    told = ((at, implied_level(quotes)) for at, quotes in sorted(minutes.items()))
    return [bar_row("SPX", at, round(each.last, 2)) for at, each in told if each and each.last]


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
