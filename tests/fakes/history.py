"""A backfill in one line: a source of history over a real socket, and the folder it fills."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path

from brokers.alpaca_history import AlpacaHistory
from brokers.alpaca_link import AlpacaLink
from brokers.history import History, bar_row, contracts_near
from brokers.history_pace import Pace
from brokers.ibkr_contracts import IbkrContracts
from brokers.ibkr_history import REQUESTS, IbkrHistory
from brokers.ibkr_link import IbkrLink
from brokers.tape import Tape
from scripts.fetch_days import Fetching, fetch
from src.models import Session
from tests.fakes.alpaca_exchange import AlpacaExchange
from tests.fakes.alpaca_server import KEYS, AlpacaServer, running
from tests.fakes.builders import DAY, a_session
from tests.fakes.past_market import PastMarket
from tests.fakes.tws_server import FakeTws
from utils.console import Console
from utils.market_clock import VirtualClock
from utils.progress import Progress

LONG_AFTER = a_session().close + timedelta(days=30)


class WaitingClock(VirtualClock):
    """A clock that leaps over every wait, and tells a test of it."""

    def __init__(self, start: datetime = LONG_AFTER) -> None:
        super().__init__(start)
        self.waits: list[float] = []
        self.on_wait: Callable[[], None] = lambda: None

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.on_wait()
        super().sleep(seconds)


@dataclass
class Backfill:
    """A source and a folder; `run` fetches into it as backfill.py does."""

    history: History
    folder: Path
    clock: WaitingClock
    derives: bool = False
    plan: dict[str, object] = field(default_factory=lambda: {"strikes": 1})

    def run(self, *sessions: Session) -> None:
        quiet = Progress(len(sessions), StringIO())
        fetching = Fetching(
            self.history, self.folder, self.plan, Console(), quiet, derives=self.derives
        )
        fetch(fetching, sessions or (a_session(),))

    @property
    def path(self) -> Path:
        return self.folder / f"{DAY}.csv.gz"

    @property
    def tape(self) -> Tape:
        return Tape.load(self.path)

    def files(self) -> set[str]:
        return {each.name for each in self.folder.iterdir()}


@contextmanager
def alpaca_history(folder: Path, *markets: PastMarket) -> Iterator[tuple[AlpacaServer, Backfill]]:
    """Serve past sessions from a fake Alpaca; by default the one of the worked example."""
    clock = WaitingClock()
    with running(AlpacaExchange(clock.now)) as server:
        server.past.markets = list(markets) or [PastMarket()]
        link = AlpacaLink(
            *KEYS,
            paper=True,
            clock=clock,
            patience=lambda: 2.0,
            trading_url=server.url,
            data_url=server.url,
        )
        history = AlpacaHistory(link, Pace(clock, lambda _: None), strikes=2)
        try:
            yield server, Backfill(history, folder, clock)
        finally:
            link.close()


@contextmanager
def ibkr_history(
    folder: Path, *markets: PastMarket, now: datetime = LONG_AFTER, averages: bool = False
) -> Iterator[tuple[FakeTws, Backfill]]:
    """Serve past sessions from a fake TWS that lists every option that is asked for."""
    clock = WaitingClock(now)
    with FakeTws(now=clock.now) as server:
        server.history.markets = list(markets) or [PastMarket()]
        listed = [
            option
            for market in server.history.markets
            for option in contracts_near(
                market.session.day,
                [
                    bar_row(name, at, last)
                    for name in ("SPY", "SPX")
                    for at, last in market.closes(name)
                ],
                6,
                puts=False,
            )
        ]
        server.do(lambda: [server.book.list_option(each) for each in listed])
        link = IbkrLink("127.0.0.1", server.port, 18, "", paper=True, patience=lambda: 2.0)
        pace = Pace(clock, lambda _: None, limit=REQUESTS, first_wait=30.0)
        history = IbkrHistory(link, IbkrContracts(link), clock, pace, strikes=2, averages=averages)
        try:
            yield server, Backfill(history, folder, clock)
        finally:
            link.close()
