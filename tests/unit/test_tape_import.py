"""Files from elsewhere on their way to tapes: columns, symbols, times, and what is refused."""

import gzip
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from brokers.foreign_rows import Foreign, column_map
from brokers.replay_market import ReplayMarket
from brokers.tape import Tape
from brokers.tape_import import Wanted, import_day, read_foreign, there_already
from src.ports import MendInput
from tests.fakes.builders import DAY, a_clock, a_session, at, spxw_call, spy_call
from tests.fakes.parquet import write_parquet

SESSION = a_session()
CALL = spxw_call(6000.0)
QUOTES = Foreign({}, "quotes")
TEN = timedelta(minutes=10)


def write(folder: Path, *lines: str, name: str = "vendor.csv") -> Path:
    path = folder / name
    text = "\n".join(lines) + "\n"
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


def imported(
    path: Path, foreign: Foreign, folder: Path, *, adds: bool = False, derives: bool = False
) -> Tape:
    folder.mkdir(exist_ok=True)
    wanted = Wanted(folder, foreign, TEN, adds=adds, derives=derives)
    import_day(read_foreign(path, foreign), SESSION, wanted)
    return Tape.load(folder / f"{DAY}.csv.gz")


def lines(*rows: str) -> tuple[str, ...]:
    return ("timestamp,symbol,bid,ask", *rows)


def test_columns_are_found_by_the_map_and_by_their_own_names(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "ts,ticker,bid,offer,qty",
        f"{DAY}T09:40:00-04:00,O:{CALL.symbol},23.0,23.4,7",
        f"{DAY}T09:40:00-04:00,SPY,600.2,600.3,",
        f"{DAY}T09:40:00-04:00,I:SPX,6002.4,6002.6,",
    )
    foreign = Foreign(column_map("timestamp=ts, symbol=ticker,ask=offer,ask_size=qty"), "quotes")
    tape = imported(path, foreign, tmp_path / "tapes")
    assert tape.kind == "quotes"
    assert tape.options[CALL].rows == [(at("09:40"), 23.0, 23.4, None, 7, None)]
    assert [series.rows[0][5] for series in tape.prices.values()] == [6002.5, 600.25]
    assert "vendor.csv" in tape.sidecar.source


@pytest.mark.parametrize(
    ("stamp", "zone"),
    [
        (f"{DAY}T09:40:00-04:00", None),
        (f"{DAY}T13:40:00Z", None),
        (f"{DAY} 09:40:00", "America/New_York"),
        (f"{DAY} 08:40:00", "America/Chicago"),
        ("1773063600", None),
        ("1773063600000", None),
        ("1773063600000000", None),
        ("1773063600000000000", None),
    ],
)
def test_a_moment_is_read_in_each_of_its_usual_forms(
    tmp_path: Path, stamp: str, zone: str | None
) -> None:
    path = write(tmp_path, *lines(f"{stamp},{CALL.symbol},23.0,23.4"))
    foreign = Foreign({}, "quotes", zone=ZoneInfo(zone) if zone else None)
    assert imported(path, foreign, tmp_path / "tapes").options[CALL].seen == [at("09:40")]


def test_bars_that_are_stamped_at_their_beginning_are_known_at_their_end(tmp_path: Path) -> None:
    path = write(tmp_path, "t,close", f"{DAY}T09:40:00-04:00,600.25")
    foreign = Foreign({"timestamp": "t", "last": "close"}, "bars", "SPY", bar=timedelta(minutes=1))
    tape = imported(path, foreign, tmp_path / "tapes")
    assert tape.prices["SPY"].rows == [(at("09:41"), None, None, None, None, 600.25)]
    assert "SPX is missing altogether" in tape.sidecar.labels


def test_an_option_may_be_named_by_four_columns(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "timestamp,root,expiry,strike,right,bid,ask",
        f"{DAY}T09:40:00-04:00,SPXW,{DAY},6000,call,23.0,23.4",
        f"{DAY}T09:40:00-04:00,SPY,{DAY},600.0,P,1.0,1.1",
    )
    tape = imported(path, QUOTES, tmp_path / "tapes")
    assert {each.symbol for each in tape.options} == {CALL.symbol, "SPY260309P00600000"}


def test_what_belongs_on_no_tape_is_left_out_and_counted(tmp_path: Path) -> None:
    later = spxw_call(6000.0, DAY + timedelta(days=1))
    path = write(
        tmp_path,
        "timestamp,symbol,last,volume",
        f"{DAY}T09:40:00-04:00,{CALL.symbol},23.0,5",
        f"{DAY}T09:41:00-04:00,{CALL.symbol},23.0,0",
        f"{DAY}T09:40:00-04:00,{later.symbol},23.0,5",
        f"{DAY}T09:40:00-04:00,QQQ,500.0,5",
        f"{DAY}T09:40:00-04:00,SPX260309C06000000,500.0,5",
    )
    file = read_foreign(path, Foreign({}, "bars"))
    assert len(file.days[DAY]) == 1
    assert dict(file.left_out) == {
        "of other symbols than SPY, SPX and their options": 2,
        "of options that do not expire that day": 1,
        "of bars without a trade (carried forward)": 1,
    }


def test_a_parquet_file_is_read_as_a_csv_is(tmp_path: Path) -> None:
    select = (
        f"SELECT TIMESTAMPTZ '{DAY} 09:40:00-04:00' AS ts, '{CALL.symbol}' AS symbol, "
        "23.0 AS bid, 23.4 AS ask, 7.0::DOUBLE AS bid_size"
    )
    path = write_parquet(tmp_path / "vendor.parquet", select)
    tape = imported(path, Foreign({"timestamp": "ts"}, "quotes"), tmp_path / "tapes")
    assert tape.options[CALL].rows == [(at("09:40"), 23.0, 23.4, 7, None, None)]


@pytest.mark.parametrize("empty", ["", "nan", "NaN", "null", "None", "N/A"])
def test_what_a_file_does_not_know_is_not_known(tmp_path: Path, empty: str) -> None:
    path = write(tmp_path, *lines(f"{DAY}T09:40:00-04:00,{CALL.symbol},{empty},23.4"))
    tape = imported(path, QUOTES, tmp_path / "tapes")
    assert tape.options[CALL].rows[0][1:3] == (None, 23.4)
    assert f"only asks are known of {CALL.symbol}" in tape.sidecar.labels


def test_trades_become_quotes_only_when_asked_for_and_the_tape_says_so(tmp_path: Path) -> None:
    path = write(tmp_path, "timestamp,symbol,last", f"{DAY}T09:40:00-04:00,{CALL.symbol},23.4")
    foreign = Foreign({}, "bars")
    plain = imported(path, foreign, tmp_path / "plain")
    assert plain.options[CALL].rows[0][1:] == (None, None, None, None, 23.4)
    assert plain.kind == "bars"
    made = imported(path, foreign, tmp_path / "made", derives=True)
    assert made.options[CALL].rows[0][1:] == (23.3, 23.4, None, None, 23.4)
    assert made.kind == "prints"
    assert any("DERIVED QUOTES" in label for label in made.sidecar.labels)


def test_a_carried_market_is_too_old_to_trade_on_in_a_replay(tmp_path: Path) -> None:
    rows = (f"{DAY}T10:{n:02d}:00-04:00,{CALL.symbol},23.0,23.4" for n in range(40))
    tape = imported(write(tmp_path, *lines(*rows)), QUOTES, tmp_path / "tapes")
    quote = ReplayMarket(tape, a_clock("10:35")).quotes([CALL])[CALL]
    assert quote.at == at("10:00")
    assert any("carried forward" in label for label in tape.sidecar.labels)


def test_a_second_file_joins_the_first_when_it_is_added(tmp_path: Path) -> None:
    folder = tmp_path / "tapes"
    quotes = write(tmp_path, *lines(f"{DAY}T09:40:00-04:00,{CALL.symbol},23.0,23.4"))
    spy = write(tmp_path, "timestamp,last", f"{DAY}T09:40:00-04:00,600.25", name="spy.csv.gz")
    imported(quotes, QUOTES, folder)
    other = Foreign({}, "bars", "SPY")
    with pytest.raises(MendInput, match=r"there is a tape of that day already.*--add"):
        imported(spy, other, folder)
    tape = imported(spy, other, folder, adds=True)
    assert tape.kind == "quotes"
    assert tape.prices["SPY"].rows[0][5] == 600.25
    assert tape.options[CALL].rows[0][2] == 23.4
    assert "vendor.csv" in tape.sidecar.source
    assert "spy.csv.gz" in tape.sidecar.source


def test_a_file_of_earlier_minutes_that_is_added_is_no_disorder(tmp_path: Path) -> None:
    def minutes(name: str, *times: str) -> Path:
        rows = (f"{DAY}T{time}:00-04:00,{CALL.symbol},23.0,23.4" for time in times)
        return write(tmp_path, *lines(*rows), name=name)

    folder = tmp_path / "tapes"
    imported(minutes("late.csv", "10:00", "10:01"), QUOTES, folder)
    early = imported(minutes("early.csv", "09:40", "09:41"), QUOTES, folder, adds=True)
    assert early.options[CALL].seen == [at("09:40"), at("09:41"), at("10:00"), at("10:01")]
    assert [each for each in early.sidecar.labels if "out of time order" in each] == []
    mixed = imported(minutes("mixed.csv", "09:51", "09:50"), QUOTES, folder, adds=True)
    assert "1 row out of time order, sorted" in mixed.sidecar.labels


def test_a_file_that_is_on_the_tape_already_changes_nothing(tmp_path: Path) -> None:
    path = write(tmp_path, *lines(f"{DAY}T09:40:00-04:00,{CALL.symbol},23.0,23.4"))
    imported(path, QUOTES, tmp_path / "tapes")
    content = (tmp_path / "tapes" / f"{DAY}.csv.gz").read_bytes()
    file = read_foreign(path, QUOTES)
    assert import_day(file, SESSION, Wanted(tmp_path / "tapes", QUOTES, TEN)) is None
    assert (tmp_path / "tapes" / f"{DAY}.csv.gz").read_bytes() == content


def test_a_file_that_was_imported_with_other_options_is_kept_and_told(tmp_path: Path) -> None:
    folder, foreign = tmp_path / "tapes", Foreign({}, "bars")
    path = write(tmp_path, "timestamp,symbol,last", f"{DAY}T09:40:00-04:00,{CALL.symbol},23.4")
    imported(path, foreign, folder)
    file = read_foreign(path, foreign)
    same = Wanted(folder, foreign, TEN)
    assert there_already(file, SESSION, same) == "there already from this file"
    told = there_already(file, SESSION, replace(same, derives=True))
    made = "as bars, without quotes (made without --derive-quotes)"
    assert told == f"there already from this file {made}; remove it to import it again"
    zoned = replace(same, foreign=replace(foreign, zone=ZoneInfo("UTC")))
    assert "made without --zone" in there_already(file, SESSION, zoned)
    # A tape from before the options were noted tells its kind only.
    sidecar = folder / f"{DAY}.json"
    sidecar.write_text(json.dumps({**json.loads(sidecar.read_text()), "plans": {}}))
    assert made in there_already(file, SESSION, replace(zoned, derives=True))


def test_a_recorded_tape_is_never_mixed_with_what_comes_from_elsewhere(tmp_path: Path) -> None:
    folder = tmp_path / "tapes"
    path = write(tmp_path, *lines(f"{DAY}T09:40:00-04:00,{CALL.symbol},23.0,23.4"))
    imported(path, QUOTES, folder)
    (folder / f"{DAY}.json").write_text('{"kind": "recorded", "source": "TWS"}')
    with pytest.raises(MendInput, match=r"is recorded .TWS., not imported"):
        imported(path, QUOTES, folder, adds=True)


def test_quotes_and_bars_are_not_mixed(tmp_path: Path) -> None:
    folder = tmp_path / "tapes"
    imported(
        write(tmp_path, *lines(f"{DAY}T09:40:00-04:00,{CALL.symbol},23.0,23.4")), QUOTES, folder
    )
    bars = write(
        tmp_path, "timestamp,symbol,last", f"{DAY}T09:41:00-04:00,{CALL.symbol},23.4", name="b.csv"
    )
    with pytest.raises(MendInput, match="holds quotes, and bars are not mixed"):
        imported(bars, Foreign({}, "bars"), folder, adds=True)


GOOD = f"{DAY}T09:40:00-04:00,{CALL.symbol},23.0,23.4"


@pytest.mark.parametrize(
    ("content", "foreign", "words"),
    [
        (lines("noon,SPY,1,2"), QUOTES, "line 2: 'noon' is no time"),
        (lines(f"{DAY} 09:40:00,SPY,1,2"), QUOTES, "line 2: .* no offset from UTC; say --zone"),
        (lines(GOOD, GOOD.replace("23.0", "-1")), QUOTES, "line 3: -1 is negative"),
        (lines(GOOD.replace("23.0", "abc")), QUOTES, "line 2: 'abc' is no number"),
        (lines(GOOD + ",9"), QUOTES, "line 2: 5 fields, where 4 are needed"),
        (lines(GOOD.replace(CALL.symbol, "SPXW26x")), QUOTES, "line 2: 'SPXW26X' is not an option"),
        (lines(*[GOOD.replace("23.0", "x")] * 9), QUOTES, "...and 4 more. Nothing was imported"),
        (("a,b", "1,2"), QUOTES, "no column tells timestamp.*The file has a, b"),
        (("timestamp,bid,ask", "1,2,3"), QUOTES, "no column tells symbol"),
        (("timestamp,symbol,bid", "1,2,3"), QUOTES, "no column tells bid and ask"),
        (lines(GOOD), Foreign({}, "bars", "SPY"), "no column tells last"),
        (("timestamp,symbol,last", f"{DAY},SPY,1"), QUOTES, "no column tells bid and ask"),
        (
            ("timestamp,symbol,bid,ask,seen", f"{GOOD},{DAY}T09:39:00-04:00"),
            QUOTES,
            "line 2: seen .* lies before",
        ),
        (lines(GOOD), Foreign({"bid": "bidd"}, "quotes"), "'bidd' for bid.*nearest: bid"),
        (
            ("timestamp,symbol,open,high,low,close", f"{DAY}T09:40:00-04:00,SPY,1,2,3,4"),
            Foreign({"bid": "low", "ask": "high"}, "quotes"),
            "the low of a bar is no bid of one moment",
        ),
        (
            ("timestamp,symbol,last,bid,ask", f"{DAY}T09:40:00-04:00,{CALL.symbol},4,1,2"),
            Foreign({}, "prints"),
            "--kind prints has last prices only",
        ),
        (("",), QUOTES, "the file is empty"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused_in_words(
    tmp_path: Path, content: tuple[str, ...], foreign: Foreign, words: str
) -> None:
    path = write(tmp_path, *content)
    with pytest.raises(MendInput, match=words) as refusal:
        read_foreign(path, foreign)
    assert "vendor.csv" in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("timestamp", "not of the form meaning=column"),
        ("timestamp=", "not of the form meaning=column"),
        ("timestmap=t", "'timestmap' is no column of a tape .nearest: timestamp"),
        ("bid=a,bid=b", "bid is given twice, as a and b"),
    ],
)
def test_a_map_that_cannot_be_meant_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(MendInput, match=words):
        column_map(text)


def test_times_of_another_zone_are_noticed_where_no_row_lies_in_the_session(tmp_path: Path) -> None:
    path = write(tmp_path, *lines(f"{DAY}T03:40:00-04:00,{CALL.symbol},23.0,23.4"))
    with pytest.raises(MendInput, match=r"all rows lie outside the session .*--zone"):
        imported(path, QUOTES, tmp_path / "tapes")
    assert list((tmp_path / "tapes").iterdir()) == []


def test_only_same_day_options_of_both_roots_are_on_a_tape(tmp_path: Path) -> None:
    path = write(tmp_path, *lines(GOOD, GOOD.replace(CALL.symbol, spy_call().symbol)))
    assert set(imported(path, QUOTES, tmp_path / "tapes").options) == {CALL, spy_call()}
