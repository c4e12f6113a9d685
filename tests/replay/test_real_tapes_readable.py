from datetime import date, datetime
from pathlib import Path

import pytest

from brokers.replay_market import ReplayMarket, Tape
from src.models import NEW_YORK, OptionContract

TAPES = Path(__file__).parents[3] / "shared" / "market-data" / "tapes"
pytestmark = pytest.mark.real_data
PATHS = sorted(TAPES.glob("*.csv.gz"))


class SetClock:
    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment

    def sleep(self, seconds: float) -> None:
        raise AssertionError(seconds)


def market(day: date, hour: int, minute: int, second: int = 0) -> ReplayMarket:
    clock = SetClock(datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=NEW_YORK))
    return ReplayMarket(Tape.load(TAPES / f"{day}.csv.gz"), clock)


@pytest.mark.parametrize("path", PATHS, ids=[path.name for path in PATHS])
def test_a_recorded_session_is_read_whole(path: Path) -> None:
    tape = Tape.load(path)
    assert tape.kind in {"prints", "quotes"}
    assert tape.prices.keys() == {"SPY", "SPX"}
    assert {contract.root for contract in tape.options} == {"SPY", "SPXW"}
    assert {contract.expiry for contract in tape.options} == {tape.date}


@pytest.mark.parametrize(
    ("day", "moment", "spy", "spx", "spy_bid", "spx_ask"),
    [
        (date(2026, 7, 16), (14, 18, 32), (751.23, 751), (7537.30, 7535), 0.97, 9.10),
        (date(2026, 7, 21), (10, 32, 22), (746.985, 747), (7495.34, 7495), 1.14, 11.20),
        (date(2026, 7, 30), (14, 14, 32), (740.21, 740), (7426.11, 7425), 1.24, 7.50),
    ],
)
def test_a_known_moment_has_its_known_quotes(
    day: date,
    moment: tuple[int, int, int],
    spy: tuple[float, int],
    spx: tuple[float, int],
    spy_bid: float,
    spx_ask: float,
) -> None:
    source = market(day, *moment)
    prices = source.prices()
    assert (prices["SPY"].last, prices["SPX"].last) == (spy[0], spx[0])
    spy_call, spx_call = (OptionContract("SPY", day, spy[1]), OptionContract("SPXW", day, spx[1]))
    quotes = source.quotes([spy_call, spx_call])
    assert quotes[spy_call].bid == spy_bid
    assert quotes[spx_call].ask == spx_ask


def test_the_spx_close_of_delayed_chains_is_the_official_one() -> None:
    closes = market(date(2026, 7, 30), 16, 30).official_closes(date(2026, 7, 30))
    assert closes is not None
    assert closes.spx == 7437.63
    assert closes.spy == 743.25
    assert "not official" in closes.source


def test_a_session_without_rows_near_its_end_has_no_closes() -> None:
    assert market(date(2026, 8, 5), 16, 30).official_closes(date(2026, 8, 5)) is None


def test_a_day_of_one_minute_prints_tells_its_cadence() -> None:
    assert market(date(2026, 1, 28), 9, 35).cadence_seconds == 60
