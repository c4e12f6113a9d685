"""A whole trading day on a scripted market, played in one line."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

from brokers.simulated_client import ExchangeRules, SimulatedBroker
from src.database import Store, open_database
from src.fees import FeeSchedule
from src.models import Session
from src.ports import Notifier, OfficialCloses
from src.settings import Settings
from src.trading_day import TradingDay
from tests.fakes.builders import DAY, ScriptedMarket, a_clock, a_market, a_session, at
from utils.scheduler import run_day

Happening = Callable[[ScriptedMarket], None]


@dataclass
class PlayedDay:
    """A day with its market, clock, exchange and database; `happen` maps "HH:MM" to a change.

    What happens does so when the clock first reaches its minute, before the tick.
    """

    folder: Path
    session: Session = field(default_factory=a_session)
    settings: Settings = field(default_factory=Settings.defaults)
    happen: dict[str, Happening] = field(default_factory=dict)
    start: str = "09:25"
    notifier: Notifier | None = None
    mode: str = "demo"
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock = a_clock(self.start, self.session.day)
        self.market = a_market(self.clock, self.session.day)
        self.market.closes = OfficialCloses(599.0, 5990.0, "scripted")
        self.say: Callable[[datetime, str], None] = self.remember
        self.store = Store(open_database(self.folder / "trades.db", durable=False))
        self.broker = self._exchange()
        self.day = self._new_day()

    def remember(self, moment: datetime, text: str) -> None:
        self.said.append(f"{moment:%H:%M:%S} {text}")

    def _exchange(self) -> SimulatedBroker:
        rules = ExchangeRules(FeeSchedule(), Decimal(100_000), Decimal(25_000), 5.0)
        file = self.folder / "exchange.json"
        return SimulatedBroker(self.market, self.clock, self.session, rules, file)

    def _new_day(self) -> TradingDay:
        day = TradingDay(
            session=self.session,
            mode=self.mode,
            settings=self.settings,
            source=self.market,
            broker=self.broker,
            clock=self.clock,
            store=self.store,
            folder=self.folder,
            say=self.say,
            notifier=self.notifier,
        )
        day.begin("test", self.clock.now())
        return day

    def restart(self, at_time: str | None = None) -> None:
        """Begin anew as another process would: only the files are left, perhaps much later."""
        if at_time:
            self.clock.sleep((self.at(at_time) - self.clock.now()).total_seconds())
        self.broker = self._exchange()
        self.day = self._new_day()

    def at(self, moment: str) -> datetime:
        return at(moment, self.session.day)

    def tick(self) -> datetime | None:
        self._let_happen()
        return self.day.tick(self.clock.now())

    def run(self, until: str | None = None) -> "PlayedDay":
        """Play to the end, or until the first tick at or after a moment."""
        end = self.at(until) if until else None

        def tick(now: datetime) -> datetime | None:
            if end and now >= end:
                return None
            self._let_happen()
            return self.day.tick(now)

        moments = [self.at(each) for each in self.happen]
        run_day(_also_at(tick, moments), self.clock, longest_nap=None)
        return self

    def _let_happen(self) -> None:
        for moment in sorted(self.happen):
            if self.clock.now() >= self.at(moment):
                self.happen.pop(moment)(self.market)

    def column(self, query: str) -> list[object]:
        return [row[0] for row in self.store.read(query)]

    def one(self, query: str) -> object:
        (value,) = self.column(query)
        return value

    def telling(self, words: str) -> list[str]:
        return [line for line in self.said if words in line]


def _also_at(
    tick: Callable[[datetime], datetime | None], moments: Sequence[datetime]
) -> Callable[[datetime], datetime | None]:
    """Return the tick, called at these moments too, so that what happens is not seen late."""

    def earlier(now: datetime) -> datetime | None:
        wake = tick(now)
        coming = [each for each in moments if each > now]
        return min([wake, *coming]) if wake else None

    return earlier


def levels(spy: float, spx: float) -> Happening:
    """Return a move of the two underlyings."""

    def move(market: ScriptedMarket) -> None:
        market.spy, market.spx = spy, spx

    return move


def a_half_day() -> Session:
    return a_session("13:00", date(2026, 11, 27))


__all__ = ["DAY", "PlayedDay", "a_half_day", "levels"]
