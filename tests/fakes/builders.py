"""A session, a setup, a market and a clock, each in one line."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from src.models import NEW_YORK, OptionContract, Quote, Session, TradeSetup
from src.ports import OfficialCloses, RetryLater
from utils.market_clock import VirtualClock

DAY = date(2026, 3, 9)
HALF_DAY = date(2026, 11, 27)


def at(clock: str, day: date = DAY) -> datetime:
    """Return the New York moment of a "HH:MM" or "HH:MM:SS"."""
    return datetime.combine(day, time.fromisoformat(clock), tzinfo=NEW_YORK)


def a_session(close: str = "16:00", day: date = DAY) -> Session:
    return Session(day, at("09:30", day), at(close, day))


def a_clock(clock: str = "09:41", day: date = DAY) -> VirtualClock:
    return VirtualClock(at(clock, day))


def spy_call(strike: float = 600.0, day: date = DAY) -> OptionContract:
    return OptionContract("SPY", day, strike)


def spxw_call(strike: float = 6000.0, day: date = DAY) -> OptionContract:
    return OptionContract("SPXW", day, strike)


def a_setup(
    *,
    when: datetime | None = None,
    spy: float = 600.25,
    spx: float = 6002.50,
    spy_strike: float = 600.0,
    spx_strike: float = 6000.0,
    spy_quote: tuple[float, float] = (2.98, 3.02),
    spx_quote: tuple[float, float] = (23.00, 23.40),
) -> TradeSetup:
    """Return the worked example: one spread brings 637.85 dollars."""
    moment = when or at("09:41")
    return TradeSetup(
        timestamp=moment,
        spy_price=spy,
        spx_price=spx,
        spy_contract=spy_call(spy_strike, moment.date()),
        spx_contract=spxw_call(spx_strike, moment.date()),
        spy_call=Quote(moment, *spy_quote),
        spx_call=Quote(moment, *spx_quote),
    )


@dataclass
class ScriptedMarket:
    """A source of quotes that says what a test tells it to; quotes are true at this moment.

    `age` makes every quote that much older; `down` makes the source unreachable.
    """

    clock: VirtualClock
    spy: float | None = 600.25
    spx: float | None = 6002.50
    options: dict[OptionContract, Quote] = field(default_factory=dict)
    closes: OfficialCloses | None = None
    cadence_seconds: float | None = None
    name: str = "scripted market"
    age: timedelta = timedelta(0)
    down: bool = False
    fixed: dict[OptionContract, Quote] = field(default_factory=dict)

    def quote(
        self,
        contract: OptionContract,
        bid: float | None,
        ask: float | None,
        *,
        sizes: tuple[int, int] | None = None,
    ) -> None:
        """Set a contract's market from now on."""
        bid_size, ask_size = sizes or (None, None)
        self.options[contract] = Quote(self.clock.now(), bid, ask, bid_size, ask_size)

    def freeze(self, contract: OptionContract, quote: Quote) -> None:
        """Give a contract this very quote, with its own time, whenever it is asked for."""
        self.fixed[contract] = quote

    def prices(self) -> Mapping[str, Quote]:
        self._reach()
        now = self.clock.now() - self.age
        levels = {"SPY": self.spy, "SPX": self.spx}
        return {name: Quote(now, last=last) for name, last in levels.items() if last is not None}

    def quotes(self, contracts: Iterable[OptionContract]) -> Mapping[OptionContract, Quote]:
        self._reach()
        now = self.clock.now() - self.age
        answer = {}
        for each in contracts:
            if each in self.fixed:
                answer[each] = self.fixed[each]
            elif each in self.options:
                q = self.options[each]
                answer[each] = Quote(now, q.bid, q.ask, q.bid_size, q.ask_size, q.last)
        return answer

    def official_closes(self, day: date) -> OfficialCloses | None:  # noqa: ARG002 - the port's
        return self.closes

    def _reach(self) -> None:
        if self.down:
            raise RetryLater("the source does not answer")


def a_market(clock: VirtualClock, day: date = DAY) -> ScriptedMarket:
    """Return the worked example as a market: SPY 600 call 2.98 x 3.02, SPXW 6000 23.00 x 23.40."""
    market = ScriptedMarket(clock)
    market.quote(spy_call(day=day), 2.98, 3.02)
    market.quote(spxw_call(day=day), 23.00, 23.40)
    return market
