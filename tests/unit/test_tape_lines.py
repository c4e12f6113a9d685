"""The tape of a day becomes lines that begin and end where it does."""

import gzip
from datetime import timedelta
from pathlib import Path

import pytest

from brokers.tape_lines import read_lines, tape_of, tapes_in
from brokers.tape_recorder import TapeWriter
from src.models import Quote
from src.ports import MendInput
from src.tape_lines import MOST, cost_line, credit_line, price_line
from tests.fakes.builders import DAY, at, spxw_call, spy_call
from tests.fakes.tapes import RICH, SPXW, a_tape

STRIKES = (600.0, 6000.0)


def test_the_credit_is_what_the_worked_example_brings_before_fees(tmp_path: Path) -> None:
    found = read_lines(a_tape(tmp_path), DAY, STRIKES)
    assert found.credit
    assert found.cost
    # 10 x 100 x 2.98 - 100 x 23.40, and 10 x 100 x 3.02 - 100 x 23.00
    assert set(found.credit.values) == {640.0}
    assert set(found.cost.values) == {720.0}
    assert found.bids
    assert found.asks
    assert [set(each.values) for each in found.bids] == [{RICH[0]}, {SPXW[0]}]
    assert [set(each.values) for each in found.asks] == [{RICH[1]}, {SPXW[1]}]
    assert set(found.prices["SPY"].values) == {600.25}
    assert found.what == "quotes: a test"


@pytest.mark.parametrize("strikes", [None, (601.0, 6000.0)])
def test_without_both_legs_on_the_tape_only_prices_are_shown(
    tmp_path: Path, strikes: tuple[float, float] | None
) -> None:
    found = read_lines(a_tape(tmp_path), DAY, strikes)
    assert found.calls is None
    assert found.credit is None
    assert set(found.prices) == {"SPY", "SPX"}


def test_there_is_no_credit_before_both_legs_were_seen_nor_while_one_has_no_market() -> None:
    spy = [Quote(at("09:31"), 3.0, 3.1), Quote(at("09:33")), Quote(at("09:34"), 2.0, 2.1)]
    spx = [Quote(at("09:32"), 23.0, 23.4)]
    assert credit_line(spy, spx).values == (None, 660.0, None, -340.0)
    assert cost_line(spy, spx).values == (None, 800.0, None, -200.0)


def test_a_long_line_is_thinned_and_keeps_its_newest_point() -> None:
    quotes = [Quote(at("09:30") + timedelta(seconds=n), last=float(n)) for n in range(5 * MOST + 3)]
    line = price_line(quotes)
    assert MOST / 2 < len(line.times) <= MOST
    assert line.times[-1] == quotes[-1].at
    assert list(line.times) == sorted(line.times)


def test_a_tape_that_is_being_recorded_is_shown_as_far_as_it_is_whole(tmp_path: Path) -> None:
    writer = TapeWriter(tmp_path / "tapes" / f"{DAY}.csv.gz", {"source": "a test"})
    writer.write("SPY", Quote(at("09:35"), last=600.25), at("09:35"))
    writer.write(spy_call().symbol, Quote(at("09:35"), *RICH), at("09:35"))
    writer.write(spxw_call().symbol, Quote(at("09:35"), *SPXW), at("09:35"))
    writer.flush()
    path = tape_of(tmp_path, DAY)
    assert path
    assert path.name == f"{DAY}.csv.part"
    with path.open("a") as file:
        file.write(f"{at('09:36').isoformat()},SPY,,,,,601")
    found = read_lines(path, DAY, STRIKES)
    assert found.prices["SPY"].values == (600.25,)
    assert found.credit
    assert found.credit.values == (640.0,)
    assert "being recorded" in found.what


def test_days_are_told_newest_first_and_other_files_are_no_days(tmp_path: Path) -> None:
    assert tapes_in(tmp_path) == []
    folder = tmp_path / "tapes"
    a_tape(folder)
    for name in ("2026-03-10.csv.part", "2026-13-40.csv", "2026-03-11.json", "2026-03-12.csv.bak"):
        (folder / name).touch()
    assert [str(each) for each in tapes_in(tmp_path)] == ["2026-03-10", str(DAY)]
    assert tape_of(tmp_path, DAY) == folder / f"{DAY}.csv.gz"


def test_a_tape_that_is_not_sound_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / f"{DAY}.csv.gz"
    path.write_bytes(gzip.compress(b"timestamp,symbol\n")[:-4])
    with pytest.raises(MendInput, match="cut off"):
        read_lines(path, DAY, None)
