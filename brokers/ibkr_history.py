"""Past days from Interactive Brokers: minutes of SPY and SPX, and of options until they expire."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from brokers.history import MINUTE, About, bar_row, contracts_near, portions
from brokers.history_pace import Pace
from brokers.ibkr_contracts import IbkrContracts, NotListed
from brokers.ibkr_link import IbkrLink, TwsError
from brokers.tape_file import TapeRow
from src.models import NEW_YORK, OptionContract, Quote, Session
from src.ports import Clock, MendInput, OfficialCloses, RetryLater

if TYPE_CHECKING:
    from brokers.ibkr_link import Contract

REQUESTS = 60
"""Within ten minutes; one for BID_ASK counts twice. IBKR's page on historical data limitations."""
_BATCH = 10
_NO_DATA, _NOT_SUBSCRIBED, _COMPETING = 162, 354, 10197
_GONE = (
    "no options: they have expired, and Interactive Brokers has no history of expired options "
    "(it can be fetched on the day itself, after the close); this tape cannot trade"
)
_IN_PART = "not all options: the rest had expired before they could be fetched"
_AVERAGES = (
    "DERIVED QUOTES: bid and ask are averages over each minute (BID_ASK bars), not one moment's"
)
_NOTE = "Interactive Brokers' one-minute bars, stamped at their end"


class IbkrHistory:
    """Bars by reqHistoricalData; implements History.

    With `averages` options get the average bid and ask of each minute, else the last trade of a
    minute in which there was one.
    """

    name = "IBKR historical bars"
    first_day: date | None = None

    def __init__(
        self,
        link: IbkrLink,
        contracts: IbkrContracts,
        clock: Clock,
        pace: Pace,
        strikes: int,
        *,
        averages: bool,
    ) -> None:
        self._link = link
        self._contracts = contracts
        self._clock = clock
        self._pace = pace
        self._strikes = strikes
        self._averages = averages

    def prices(self, session: Session) -> list[TapeRow]:
        """Return the minutes of SPY and SPX."""
        return [
            bar_row(name, end, close)
            for name in ("SPY", "SPX")
            for end, bar in self._minutes(name, self._contracts.underlying(name), session, "TRADES")
            if (close := _price(bar.close)) and end <= session.close
        ]

    def batches(
        self, session: Session, prices: Sequence[TapeRow]
    ) -> list[tuple[OptionContract, ...]]:
        """Return the calls of both roots, as long as they have not expired: today's."""
        if session.day != self._clock.now().date():
            return []
        return portions(contracts_near(session.day, prices, self._strikes, puts=False), _BATCH)

    def options(self, session: Session, batch: Sequence[OptionContract]) -> list[TapeRow]:
        """Return the minutes of some contracts; those that are not listed have none."""
        found: list[TapeRow] = []
        for option in batch:
            try:
                listed = self._contracts.option(option).contract
            except NotListed:
                continue
            shown = "BID_ASK" if self._averages else "TRADES"
            for end, bar in self._minutes(option.symbol, listed, session, shown):
                if self._averages:
                    # Of these bars the open is the average bid, and the close the average ask.
                    bid, ask = _price(bar.open), _price(bar.close)
                    quote = Quote(end, bid=bid if ask else bid or None, ask=ask or None)
                    found.append(TapeRow(option.symbol, quote, end))
                elif bar.volume > 0 and (close := _price(bar.close)):
                    found.append(bar_row(option.symbol, end, close))
        return found

    def complete(self, session: Session, rows: Sequence[TapeRow]) -> tuple[list[TapeRow], About]:
        """Return no more rows, and what the tape is."""
        closes = self._closes(session)
        if not any(row.symbol not in {"SPY", "SPX"} for row in rows):
            return [], About("bars", f"{_NOTE}.", (_GONE,), closes=closes)
        late = (_IN_PART,) if session.day != self._clock.now().date() else ()
        if self._averages:
            return [], About("averages", f"{_NOTE}.", (_AVERAGES, *late), closes=closes)
        note = f"{_NOTE}; options by their last trade, minutes without one left out."
        return [], About("bars", note, late, closes=closes)

    def _closes(self, session: Session) -> OfficialCloses | None:
        found: dict[str, float] = {}
        for name in ("SPY", "SPX"):
            contract = self._contracts.underlying(name)
            for bar in self._bars(f"the close of {name}", contract, session, "1 day", "TRADES"):
                if bar.date == session.day and (close := _price(bar.close)):
                    found[name] = close
        if len(found) < 2:
            return None
        source = "Interactive Brokers' daily bars; not the exchanges' own record"
        return OfficialCloses(found["SPY"], found["SPX"], source)

    def _minutes(
        self, name: str, contract: "Contract", session: Session, shown: str
    ) -> list[tuple[datetime, Any]]:
        """Return the bars of the session with their ends, in New York."""
        bars = self._bars(f"the history of {name}", contract, session, "1 min", shown)
        begun = [(bar.date.astimezone(NEW_YORK), bar) for bar in bars]
        last = session.spy_options_close
        return [(at + MINUTE, bar) for at, bar in begun if session.open <= at < last]

    def _bars(
        self, what: str, contract: "Contract", session: Session, size: str, shown: str
    ) -> list[Any]:
        end = f"{session.spy_options_close.astimezone(UTC):%Y%m%d-%H:%M:%S}"

        def ask() -> list[Any]:
            self._pace.spend(2 if shown == "BID_ASK" else 1)
            return self._link.ask(
                what,
                lambda ib: ib.reqHistoricalDataAsync(
                    contract,
                    endDateTime=end,
                    durationStr="1 D",
                    barSizeSetting=size,
                    whatToShow=shown,
                    useRTH=True,
                    formatDate=2,
                    timeout=0,  # the link's own patience ends it
                ),
            )

        return self._pace.patiently(_without_refusals(ask), tries=_tries)


def _without_refusals(ask: Callable[[], list[Any]]) -> Callable[[], list[Any]]:
    """Return a question to which "no data" is an answer, and "not allowed" a final one."""

    def answered() -> list[Any]:
        try:
            return ask()
        except TwsError as error:
            words = error.words.lower()
            if error.code == _NO_DATA and "returned no data" in words:
                return []
            if error.code in {_NOT_SUBSCRIBED, _COMPETING} or "permission" in words:
                raise MendInput(
                    f"{error}. The account needs the market data subscription of what is asked "
                    "for, in no other session at the same time."
                ) from error
            raise

    return answered


def _tries(error: RetryLater) -> int:
    """Return how often to ask: five times after a pacing violation, twice after a silence."""
    if isinstance(error, TwsError):
        return 5 if "pacing" in error.words.lower() else 1
    return 2


def _price(value: float) -> float | None:
    """Return a price; what is not positive stands for one that is not there, but a bid of 0."""
    return value if value >= 0 else None
