"""Real data on its way to tapes: what is sound stays as it is, and two sources agree."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from brokers.foreign_rows import Foreign
from brokers.tape import Tape
from brokers.tape_cleaning import clean
from brokers.tape_file import TapeRow
from brokers.tape_import import Wanted, import_day, read_foreign
from src.models import Quote
from utils.market_calendar import MarketCalendar

DATA = Path(__file__).parents[3] / "shared" / "market-data"
pytestmark = pytest.mark.real_data
QUOTES = sorted((DATA / "tapes").glob("2026-0[78]-*.csv.gz"))
MINUTES = DATA / "underlying_1min_2026Jan-Feb.csv.gz"


@pytest.fixture(scope="module")
def calendar() -> MarketCalendar:
    return MarketCalendar()


def rows_of(tape: Tape) -> list[TapeRow]:
    named = {**tape.prices, **{each.symbol: series for each, series in tape.options.items()}}
    return [
        TapeRow(symbol, Quote(*row), seen)
        for symbol, series in named.items()
        for seen, row in zip(series.seen, series.rows, strict=True)
    ]


@pytest.mark.parametrize("path", QUOTES, ids=[path.name for path in QUOTES])
def test_real_two_sided_quotes_are_clean(path: Path, calendar: MarketCalendar) -> None:
    tape = Tape.load(path)
    session = calendar.session_on(tape.date)
    assert session
    before = rows_of(tape)
    after = clean(before, session)
    assert sorted((r.symbol, r.seen, r.quote[:3]) for r in after.rows) == sorted(
        (r.symbol, r.seen, r.quote[:3]) for r in before
    )
    assert all("price of 0" in label for label in after.labels), after.labels


@pytest.mark.skipif(not MINUTES.exists(), reason="the minute bars are not beside the checkout")
def test_imported_minute_bars_are_those_of_the_recorded_session(
    tmp_path: Path, calendar: MarketCalendar
) -> None:
    day = date(2026, 1, 26)
    session = calendar.session_on(day)
    assert session
    foreign = Foreign({"last": "close"}, "bars", bar=timedelta(minutes=1))
    wanted = Wanted(tmp_path, foreign, timedelta(minutes=10))
    assert import_day(read_foreign(MINUTES, foreign), session, wanted)
    imported = Tape.load(tmp_path / f"{day}.csv.gz")
    recorded = Tape.load(DATA / "tapes" / f"{day}.csv.gz")
    for symbol in ("SPY", "SPX"):
        mine = {row[0]: row[5] for row in imported.prices[symbol].rows}
        theirs = {row[0]: row[5] for row in recorded.prices[symbol].rows}
        both = mine.keys() & theirs.keys()
        assert len(both) >= 380
        assert all(mine[at] == pytest.approx(theirs[at]) for at in both)
