"""Tapes as Parquet: the same columns, the same day, the same refusals."""

from pathlib import Path

import pytest

from brokers.tape import Tape
from src.ports import MendInput
from tests.fakes.builders import DAY, at, spxw_call
from tests.fakes.parquet import parquet_of, write_parquet
from tests.fakes.tapes import a_tape, write_tape

CALL = spxw_call().symbol
TOMORROW = "'2026-03-10T09:40:00-04:00'"


def tape(folder: Path, select: str) -> Path:
    return write_parquet(folder / f"{DAY}.parquet", select)


def row(**changed: str) -> str:
    """Return a SELECT of one sound row, but for what is changed."""
    columns = {
        "timestamp": f"'{DAY}T09:40:00-04:00'",
        "symbol": f"'{CALL}'",
        "bid": "23.0",
        "ask": "23.4",
        "bid_size": "10",
        "ask_size": "NULL",
        "last": "CAST(NULL AS DOUBLE)",
        **changed,
    }
    return "SELECT " + ", ".join(f"{value} AS {name}" for name, value in columns.items())


def test_a_tape_is_the_same_day_as_csv_and_as_parquet(tmp_path: Path) -> None:
    csv = a_tape(tmp_path / "csv")
    (tmp_path / "parquet").mkdir()
    path = parquet_of(csv, tmp_path / "parquet" / f"{DAY}.parquet")
    (path.parent / f"{DAY}.json").write_bytes((csv.parent / f"{DAY}.json").read_bytes())
    first, second = Tape.load(csv), Tape.load(path)
    assert second.sidecar == first.sidecar
    for mine, other in ((first.prices, second.prices), (first.options, second.options)):
        assert list(mine) == list(other)
        assert [e.rows for e in mine.values()] == [e.rows for e in other.values()]
        assert [e.seen for e in mine.values()] == [e.seen for e in other.values()]


@pytest.mark.parametrize(
    "stamp",
    [
        f"'{DAY}T09:40:00-04:00'",
        f"TIMESTAMPTZ '{DAY} 09:40:00-04:00'",
        f"TIMESTAMPTZ '{DAY} 13:40:00+00:00'",
    ],
)
def test_a_moment_may_be_text_or_a_time_with_a_zone(tmp_path: Path, stamp: str) -> None:
    (found,) = Tape.load(tape(tmp_path, row(timestamp=stamp))).options[spxw_call()].rows
    assert found == (at("09:40"), 23.0, 23.4, 10, None, None)


def test_microseconds_and_every_digit_of_a_price_survive(tmp_path: Path) -> None:
    stamp = f"TIMESTAMPTZ '{DAY} 09:40:00.123456-04:00'"
    select = row(
        timestamp=stamp, bid="CAST(0.1 AS DOUBLE) + CAST(0.2 AS DOUBLE)", bid_size="10.0::DOUBLE"
    )
    (found,) = Tape.load(tape(tmp_path, select)).options[spxw_call()].rows
    assert found[:4] == (at("09:40:00.123456"), 0.1 + 0.2, 23.4, 10)


@pytest.mark.parametrize(
    ("select", "words"),
    [
        (row(timestamp=f"TIMESTAMP '{DAY} 09:40:00'"), "row 1: timestamp .* no offset"),
        (row(bid="-1.0"), "row 1: bid -1.0 is negative"),
        (row(bid="CAST('nan' AS DOUBLE)"), "row 1: bid 'nan' is no number"),
        (row(bid="CAST('inf' AS DOUBLE)"), "row 1: bid 'inf' is no number"),
        (row(symbol="'QQQ'"), "row 1: symbol is unknown"),
        (row(symbol="NULL"), "row 1: symbol is unknown"),
        (row(bid_size="1.5"), "row 1: bid_size '1.5' is no whole number"),
        (f"{row()} UNION ALL {row(timestamp=TOMORROW)}", "row 2: .* not on"),
        (row() + " LIMIT 0", "the tape holds no rows"),
        ("SELECT 1 AS a, 2 AS b", "the columns are 'a,b'"),
    ],
)
def test_a_bad_one_is_refused_in_words(tmp_path: Path, select: str, words: str) -> None:
    with pytest.raises(MendInput, match=words):
        Tape.load(tape(tmp_path, select))


@pytest.mark.parametrize("content", [b"", b"PAR1", b"no parquet at all, whatever its name says"])
def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / f"{DAY}.parquet"
    path.write_bytes(content)
    with pytest.raises(MendInput, match="no sound Parquet file"):
        Tape.load(path)


def test_one_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    csv = a_tape(tmp_path / "csv")
    path = parquet_of(csv, tmp_path / f"{DAY}.parquet")
    content = path.read_bytes()
    for length in (len(content) - 1, len(content) // 2, 12):
        path.write_bytes(content[:length])
        with pytest.raises(MendInput, match="no sound Parquet file"):
            Tape.load(path)


def test_one_that_is_missing_is_named_with_its_neighbours(tmp_path: Path) -> None:
    write_tape(tmp_path / "2026-03-10.csv.gz", "x")
    with pytest.raises(MendInput, match=r"no such tape.*2026-03-10.csv.gz"):
        Tape.load(tmp_path / f"{DAY}.parquet")
