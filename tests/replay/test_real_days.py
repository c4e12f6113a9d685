"""Whole recorded days, and the minutes of which the credit was reckoned independently."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from brokers.replay_market import ReplayMarket, Tape
from scripts.main import main
from src.market_data import MarketDataCollector, NoSetup
from src.models import EntryDecision
from src.settings import Settings
from src.strategy_engine import Capacity, should_enter_trade
from tests.conftest import REAL_DATA
from tests.fakes.builders import a_clock, a_session, at

pytestmark = pytest.mark.real_data
PATHS = sorted((REAL_DATA / "tapes").glob("*.csv.gz"))
BARE = ("--set", "strategy.strike_rule=atm", "--set", "strategy.expected_profit=credit")
"""The settings with which the recorded days trade: the bare credit at the money."""
ROOM = Capacity(0, Decimal(100_000), Decimal(100_000))


def decisions(path: Path, rule: str) -> Iterator[EntryDecision]:
    """Yield the decision of every minute of the entry window, without ever trading."""
    tape = Tape.load(path)
    session = a_session(day=tape.date)
    clock = a_clock("09:35", tape.date)
    settings = Settings.defaults().changed(f"strategy.strike_rule={rule}")
    collector = MarketDataCollector(ReplayMarket(tape, clock), clock, session, settings)
    while clock.now() <= at("10:00", tape.date):
        yield should_enter_trade(
            collector.get_trade_setup(),
            now=clock.now(),
            session=session,
            capacity=ROOM,
            settings=settings,
        )
        clock.sleep(60)


def minutes(found: Iterator[EntryDecision]) -> list[str]:
    return [f"{each.timestamp:%H:%M}" for each in found]


def with_credit_above_400(path: Path, rule: str) -> list[EntryDecision]:
    return [each for each in decisions(path, rule) if (each.entry_credit or 0) > 400]


def test_the_known_credits_of_26_january_are_found(tapes: Path) -> None:
    found = with_credit_above_400(tapes / "2026-01-26.csv.gz", "atm")
    assert minutes(iter(found)) == ["09:55"], "calls of 09:45 are not those of SPY at 09:47"
    assert [each.entry_credit for each in found] == [407.85]
    gaps = [round(each.setup.strike_gap, 1) for each in found if each.setup]
    assert gaps == [6.1]


def test_no_credit_of_26_january_outlives_its_strike_gap(tapes: Path) -> None:
    path = tapes / "2026-01-26.csv.gz"
    for rule in ("atm", "matched"):
        assert not [each for each in decisions(path, rule) if each.should_trade]


def test_the_known_credits_of_28_january_are_found(tapes: Path) -> None:
    found = with_credit_above_400(tapes / "2026-01-28.csv.gz", "atm")
    known = ["09:35", "09:36", "09:42", "09:44", "09:52", "09:54", "09:59"]
    assert minutes(iter(found)) == known
    assert all(5.0 <= each.setup.strike_gap <= 6.3 for each in found if each.setup)


def test_matched_strikes_of_28_january_pay_at_most_a_little_more_than_400(tapes: Path) -> None:
    found = with_credit_above_400(tapes / "2026-01-28.csv.gz", "matched")
    assert minutes(iter(found)) == ["09:42", "09:43", "09:55"]
    assert not [each for each in found if each.should_trade]


@pytest.mark.parametrize("moment", ["14:14:19", "14:14:20", "14:14:23"])
def test_a_quote_of_hours_ago_makes_no_setup(tapes: Path, moment: str) -> None:
    tape = Tape.load(tapes / "2026-07-28.csv.gz")
    clock = a_clock(moment, tape.date)
    # Wide open but for the age: the credit of 517.85 dollars is one leg's past.
    settings = Settings.defaults().changed(
        "market_data.max_leg_skew_seconds=60", "strategy.strike_rule=atm"
    )
    market = ReplayMarket(tape, clock)
    answer = MarketDataCollector(market, clock, a_session(day=tape.date), settings)
    found = answer.get_trade_setup()
    assert isinstance(found, NoSetup)
    assert "old" in found.reason


@dataclass(frozen=True)
class Played:
    """What a replayed day left behind."""

    output: str
    database: sqlite3.Connection

    def column(self, query: str) -> list[object]:
        return [row[0] for row in self.database.execute(query)]


@pytest.fixture
def play(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator["Player"]:
    for name in ("OPTIONSARB_BROKER__API_KEY", "ALPACA_API_KEY"):
        monkeypatch.delenv(name, raising=False)  # the machine's own keys are no part of a test
    player = Player(tmp_path, capsys)
    yield player
    player.close()


class Player:
    """Plays tapes into a folder of its own."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._folder = folder
        self._capsys = capsys
        self._open: list[sqlite3.Connection] = []

    def __call__(self, tape: Path, *options: str, folder: str = "data") -> Played:
        place = self._folder / folder
        code = main(["--replay", str(tape), "--data-dir", str(place), *options])
        output = self._capsys.readouterr()
        assert code == 0, output.err
        connection = sqlite3.connect(place / "trades.db")
        self._open.append(connection)
        return Played(output.out, connection)

    def tape_of(self, folder: str, day: str) -> Path:
        return self._folder / folder / "tapes" / f"{day}.csv.gz"

    def close(self) -> None:
        for each in self._open:
            each.close()


@pytest.mark.parametrize("path", PATHS, ids=[each.name[:10] for each in PATHS])
def test_every_recorded_day_is_played_to_its_end(play: Player, path: Path) -> None:
    day = play(path)
    assert day.output.splitlines()[0].startswith("SIMULATED")
    assert day.output.splitlines()[-1].startswith("SIMULATED")
    assert day.column("SELECT phase FROM sessions") == ["reported"]
    assert day.column("SELECT trades_count FROM daily_summary") == [0]


def test_28_january_trades_at_the_money_and_is_settled_to_the_cent(
    play: Player, tapes: Path
) -> None:
    day = play(tapes / "2026-01-28.csv.gz", *BARE)
    assert day.column("SELECT entry_time FROM trades") == ["2026-01-28T09:35:00-05:00"]
    assert "It is blind to the gap between the strikes" in day.output
    # Two spreads: 20 SPY calls sold at 1.96, 2 SPXW bought at 13.00, 2 x 2.15 of fees.
    assert day.column("SELECT entry_credit FROM trades") == [1315.70]
    # SPX closed at 6976.28 and SPY at 695.42: both calls expired out of the money.
    assert day.column("SELECT final_pnl FROM trades") == [1315.70]
    # The tape's option prints end at 12:46: nothing could be bought back at 15:48.
    assert day.column("SELECT exit_reason FROM trades") == ["EXPIRED"]
    assert day.column("SELECT note FROM trades") == ["not carried out: PIN_RISK"]
    known = day.column("SELECT max(at) FROM checks WHERE pnl IS NOT NULL")
    assert known == ["2026-01-28T12:40:00-05:00"]


def test_a_recording_of_a_replay_replays_to_the_same_orders_and_cents(
    play: Player, tapes: Path
) -> None:
    options = BARE
    first = play(tapes / "2026-01-28.csv.gz", *options, folder="first")
    second = play(play.tape_of("first", "2026-01-28"), *options, folder="second")
    for query in (
        "SELECT client_order_id || state || limit_cents FROM orders ORDER BY rowid",
        "SELECT fill_id || at || price_cents FROM fills ORDER BY rowid",
        "SELECT at || ' ' || data FROM decisions ORDER BY id",
        "SELECT at || ' ' || text FROM checks ORDER BY id",
        "SELECT final_pnl FROM trades",
    ):
        assert first.column(query) == second.column(query)


def test_a_day_played_twice_is_recorded_once(play: Player, tapes: Path) -> None:
    options = BARE
    play(tapes / "2026-01-28.csv.gz", *options)
    again = play(tapes / "2026-01-28.csv.gz", *options)
    assert again.column("SELECT final_pnl FROM trades") == [1315.70]


def test_a_wider_window_lets_snapshot_days_be_judged(play: Player, tapes: Path) -> None:
    """With limits for a feed whose chains come seconds apart, a snapshot is judged once."""
    day = play(
        tapes / "2026-07-22.csv.gz",
        *("--set", "trading_hours.entry_end=15:00"),
        *("--set", "market_data.max_quote_age_seconds=60"),
        *("--set", "market_data.max_leg_skew_seconds=45"),
    )
    priced = day.column("SELECT at FROM decisions WHERE entry_credit IS NOT NULL")
    assert priced == ["2026-07-22T10:33:00-04:00", "2026-07-22T14:33:00-04:00"]
