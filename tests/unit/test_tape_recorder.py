import gzip
import hashlib
import json
import tempfile
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brokers.replay_market import ReplayMarket, Tape
from brokers.tape_recorder import RecordingSource, TapeWriter
from src.models import NEW_YORK, OptionContract, Quote
from src.ports import MendInput, OfficialCloses

DAY = date(2026, 1, 26)
OPEN = datetime(2026, 1, 26, 9, 30, tzinfo=NEW_YORK)
CALLS = tuple(
    OptionContract(root, DAY, strike)
    for root, strike in (("SPY", 691.0), ("SPXW", 6930.0), ("SPXW", 6935.0))
)
SPY_CALL, SPX_CALL, _ = CALLS
CLOSES = OfficialCloses(spy=691.5, spx=6938.03, source="the exchange")
FACTS: Mapping[str, object] = {"source": "a broker", "note": "seen by the program"}


class SetClock:
    """A clock that stands where a test puts it."""

    def __init__(self) -> None:
        self.moment = OPEN

    def now(self) -> datetime:
        return self.moment

    def sleep(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


class ScriptedSource:
    """A source that answers what a test lays out for it."""

    name = "a broker"
    cadence_seconds: float | None = 60.0

    def __init__(self) -> None:
        self.now_prices: dict[str, Quote] = {}
        self.now_quotes: dict[OptionContract, Quote] = {}
        self.closes: OfficialCloses | None = None

    def prices(self) -> Mapping[str, Quote]:
        return self.now_prices

    def quotes(self, contracts: Iterable[OptionContract]) -> Mapping[OptionContract, Quote]:
        return {each: self.now_quotes[each] for each in contracts if each in self.now_quotes}

    def official_closes(self, day: date) -> OfficialCloses | None:
        return self.closes if day == DAY else None


class Desk:
    """A scripted source that is recorded into a folder."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / f"{DAY}.csv.gz"
        self.part = folder / f"{DAY}.csv.part"
        self.clock = SetClock()
        self.source = ScriptedSource()
        self.start()

    def start(self, **facts: object) -> None:
        self.writer = TapeWriter(self.path, {**FACTS, **facts})
        self.recording = RecordingSource(self.source, self.writer, self.clock)

    def see(self, seconds: float, spy: float | None, *calls: tuple[float, float]) -> None:
        self.clock.moment = now = OPEN + timedelta(seconds=seconds)
        self.source.now_prices = {} if spy is None else {"SPY": Quote(now, last=spy)}
        pairs = zip(CALLS, calls, strict=False)
        self.source.now_quotes = {each: Quote(now, bid, ask) for each, (bid, ask) in pairs}
        self.recording.prices()
        self.recording.quotes(CALLS)

    def rows(self) -> list[str]:
        return gzip.decompress(self.path.read_bytes()).decode().splitlines()

    def replay(self) -> ReplayMarket:
        return ReplayMarket(Tape.load(self.path), self.clock)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "tapes")


PRICES = st.none() | st.floats(0, 1e6) | st.sampled_from([2.98, 23.4, -0.0, float("nan"), -1.0])
SIZES = st.none() | st.integers(0, 9999)
# Old quotes as well as new ones, and now and then one that a fast clock stamps ahead of ours.
AGES = st.sampled_from([0.0, 0.0, 0.25, 1.5, 60.0, 90_000.0, -0.3])
SIGHTS = st.tuples(AGES, PRICES, PRICES, SIZES, SIZES, PRICES)
ANSWERS = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("SPY", "SPX", *(each.symbol for each in CALLS)), SIGHTS)
)
DAYS = st.lists(st.tuples(st.sampled_from([0.5, 1.0, 60.0]), ANSWERS), min_size=1, max_size=12)
STARTS_ANEW = st.integers(0, 12)


@settings(deadline=None, max_examples=60)
@given(DAYS, STARTS_ANEW)
def test_a_replay_gives_at_the_same_moments_the_very_same_answers(
    day: list[tuple[float, dict[str, tuple[float, ...]]]], restart: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        desk = Desk(Path(folder))
        seen = []
        for number, (wait, answer) in enumerate(day):
            if number == restart:
                desk.start()
            desk.clock.sleep(wait)
            now = desk.clock.now()
            told = {
                name: Quote(now - timedelta(seconds=age), *numbers)  # type: ignore[arg-type] # mixed
                for name, (age, *numbers) in answer.items()
            }
            desk.source.now_prices = {k: v for k, v in told.items() if k in ("SPY", "SPX")}
            desk.source.now_quotes = {c: told[c.symbol] for c in CALLS if c.symbol in told}
            seen.append((now, desk.recording.prices(), desk.recording.quotes(CALLS)))
        if desk.writer.finish(CLOSES) is None:
            assert all(not prices and not quotes for _, prices, quotes in seen)
            return
        replay = desk.replay()
        for moment, prices, quotes in seen:
            desk.clock.moment = moment
            assert replay.prices() == prices
            assert replay.quotes(CALLS) == quotes
        desk.clock.moment = OPEN.replace(hour=16)
        assert replay.official_closes(DAY) == CLOSES
        assert replay.cadence_seconds == desk.source.cadence_seconds


def test_sound_quotes_are_handed_on_as_they_are(desk: Desk) -> None:
    desk.see(60, 691.02, (2.97, 2.98), (23.3, 23.4))
    assert desk.recording.prices() == desk.source.prices()
    assert desk.recording.quotes(CALLS) == desk.source.quotes(CALLS)
    desk.source.closes = CLOSES
    assert desk.recording.official_closes(DAY) == CLOSES


def test_the_tape_has_the_columns_of_every_tape(desk: Desk) -> None:
    desk.see(60, 691.02, (2.97, 2.98))
    assert desk.writer.finish(CLOSES) == desk.path
    assert desk.rows() == [
        "timestamp,symbol,bid,ask,bid_size,ask_size,last",
        "2026-01-26T09:31:00-05:00,SPY,,,,,691.02",
        "2026-01-26T09:31:00-05:00,SPY260126C00691000,2.97,2.98,,,",
    ]
    assert not desk.part.exists()


def test_a_column_tells_when_a_late_quote_was_seen(desk: Desk) -> None:
    desk.clock.moment = OPEN + timedelta(seconds=62)
    desk.source.now_prices = {"SPY": Quote(OPEN + timedelta(seconds=60), last=691.0)}
    desk.recording.prices()
    desk.writer.finish(None)
    assert desk.rows()[0].endswith(",last,seen")
    assert desk.rows()[1] == "2026-01-26T09:31:00-05:00,SPY,,,,,691,2026-01-26T09:31:02-05:00"


def test_the_json_tells_what_the_tape_is(desk: Desk) -> None:
    desk.see(60, 691.02)
    desk.writer.finish(CLOSES)
    told = json.loads((desk.path.parent / f"{DAY}.json").read_text())
    assert told.pop("sha256") == hashlib.sha256(desk.path.read_bytes()).hexdigest()
    assert told == {
        "date": "2026-01-26",
        "kind": "recorded",
        "source": "a broker",
        "note": "seen by the program",
        "cadence_seconds": 60.0,
        "rows": 1,
        "closes": {"SPY": 691.5, "SPX": 6938.03, "source": "the exchange"},
    }


def test_a_quote_that_was_seen_twice_is_written_once(desk: Desk) -> None:
    desk.see(60, 691.02)
    desk.recording.prices()
    desk.clock.sleep(5)
    desk.recording.prices()
    desk.writer.finish(None)
    assert len(desk.rows()) == 2


def test_a_contract_that_never_had_a_market_leaves_no_row(desk: Desk) -> None:
    desk.see(60, None)
    desk.see(120, None)
    assert desk.writer.finish(CLOSES) is None
    assert not desk.path.exists()


def test_a_market_that_is_gone_is_gone_in_the_replay_too(desk: Desk) -> None:
    desk.see(60, 691.02, (2.97, 2.98), (23.3, 23.4))
    desk.see(120, 691.02, (2.97, 2.98))
    desk.see(180, 691.02, (2.97, 2.98))
    desk.writer.finish(None)
    empty = [line for line in desk.rows() if line.endswith(",,,,,")]
    assert empty == ["2026-01-26T09:32:00-05:00,SPXW260126C06930000,,,,,"]
    assert desk.replay().quotes([SPX_CALL]) == {}


def test_every_row_is_on_the_disk_as_soon_as_it_was_seen(desk: Desk) -> None:
    desk.see(60, 691.02)
    assert "SPY,,,,,691.02" in desk.part.read_text()


def test_after_a_killed_process_the_next_one_goes_on(desk: Desk) -> None:
    desk.see(60, 691.02, (2.97, 2.98), (23.3, 23.4))
    before = desk.part.read_bytes()
    desk.start()
    desk.see(120, 691.05, (3.01, 3.02))
    assert desk.part.read_bytes().startswith(before)
    desk.writer.finish(None)
    assert len(desk.rows()) == 1 + 3 + 2 + 1  # header, first look, second look, the market gone
    assert desk.replay().quotes(CALLS).keys() == {SPY_CALL}


@pytest.mark.parametrize("kept", [10, 40, -1, -4, -10])
def test_a_row_that_was_torn_by_a_kill_is_left_out(desk: Desk, kept: int) -> None:
    desk.see(60, 691.02)
    row = "2026-01-26T09:31:30-05:00,SPY,,,,,691.15,2026-01-26T09:31:30-05:00"
    with desk.part.open("a") as file:
        file.write(row[:kept])
    desk.start()
    desk.see(120, 691.20)
    desk.writer.finish(None)
    assert [line.split(",")[-1] for line in desk.rows()[1:]] == ["691.02", "691.2"]


def test_a_kill_between_the_tape_and_the_removal_of_its_part_doubles_nothing(desk: Desk) -> None:
    desk.see(60, 691.02)
    part = desk.part.read_bytes()
    desk.writer.finish(CLOSES)
    tape = desk.path.read_bytes()
    desk.part.write_bytes(part)
    desk.start()
    desk.writer.finish(None)
    assert desk.path.read_bytes() == tape
    assert desk.replay().tape.sidecar.closes == CLOSES


def test_what_is_seen_after_the_end_joins_the_tape(desk: Desk) -> None:
    desk.see(60, 691.02)
    desk.writer.finish(CLOSES)
    desk.see(120, 691.05)
    desk.writer.finish(None)
    assert len(desk.rows()) == 3
    assert desk.replay().tape.sidecar.closes == CLOSES


def test_the_same_day_gives_the_same_bytes(tmp_path: Path) -> None:
    desks = [Desk(tmp_path / name) for name in ("one", "two")]
    for desk in desks:
        desk.see(60, 691.02, (2.97, 2.98))
        desk.writer.finish(CLOSES)
    assert desks[0].path.read_bytes() == desks[1].path.read_bytes()


def test_two_markets_do_not_share_a_tape(desk: Desk) -> None:
    desk.see(60, 691.02)
    desk.writer.finish(CLOSES)
    desk.see(120, 691.04)
    desk.start(source="generated day, seed 8")
    desk.see(60, 600.0)
    desk.writer.finish(None)
    assert [line.split(",")[-1] for line in desk.rows()[1:]] == ["600"]
    kept = sorted(each.name for each in desk.path.parent.glob("*.bak"))
    assert kept == [f"{DAY}.csv.gz.bak", f"{DAY}.csv.part.bak", f"{DAY}.json.bak"]


def test_a_tape_that_cannot_be_read_is_not_overwritten(desk: Desk) -> None:
    desk.path.parent.mkdir()
    desk.path.write_bytes(b"something else")
    with pytest.raises(MendInput, match="no gzip file"):
        desk.start()
    assert desk.path.read_bytes() == b"something else"


def test_a_tape_is_recorded_under_the_name_of_its_session(tmp_path: Path) -> None:
    with pytest.raises(MendInput, match="recorded as"):
        TapeWriter(tmp_path / "2026-01-26.csv", FACTS)
    with pytest.raises(MendInput, match="named after its session"):
        TapeWriter(tmp_path / "today.csv.gz", FACTS)
