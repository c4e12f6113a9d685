from datetime import date
from pathlib import Path

import pytest

from src.dividends import Dividend, first_after, last_before, load_dividends
from src.ports import MendInput


def a_table(folder: Path, *rows: str, header: str = "ex_date,amount,what") -> Path:
    path = folder / "dividends.csv"
    path.write_text("\n".join((header, *rows)) + "\n", encoding="utf-8")
    return path


def test_the_table_of_the_project_is_sound_and_in_order() -> None:
    found = load_dividends()
    assert [each.ex_date for each in found] == sorted(each.ex_date for each in found)
    assert Dividend(date(2026, 6, 18), 1.904) in found
    assert all(1.0 < each.amount < 3.0 for each in found)


def test_an_amount_that_is_not_named_yet_is_the_last_one_and_marked_as_unknown(
    tmp_path: Path,
) -> None:
    found = load_dividends(a_table(tmp_path, "2026-09-18,,expected", "2026-06-18,1.904,paid"))
    assert found == (
        Dividend(date(2026, 6, 18), 1.904),
        Dividend(date(2026, 9, 18), 1.904, is_known=False),
    )


def test_the_dividend_of_a_day_is_the_last_one_up_to_it() -> None:
    table = (Dividend(date(2026, 3, 20), 1.797), Dividend(date(2026, 6, 18), 1.904))
    assert last_before(date(2026, 3, 19), table) is None
    assert last_before(date(2026, 3, 20), table) == table[0]
    assert first_after(date(2026, 3, 20), table) == table[1]
    assert first_after(date(2026, 6, 18), table) is None


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("18.9.2026,1.9,", "line 2: ex_date is '18.9.2026'"),
        ("2026-09-18,two,", "line 2: amount is 'two'"),
        ("2026-09-18,-1.9,", "line 2: amount is '-1.9'"),
        ("2026-09-18,nan,", "line 2: amount is 'nan'"),
    ],
)
def test_a_row_that_cannot_be_read_is_named_with_its_line_and_value(
    tmp_path: Path, row: str, words: str
) -> None:
    with pytest.raises(MendInput, match=words):
        load_dividends(a_table(tmp_path, row))


def test_a_table_without_its_columns_or_without_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MendInput, match="the columns ex_date and amount are needed"):
        load_dividends(a_table(tmp_path, "2026-09-18", header="when"))
    with pytest.raises(MendInput, match="cannot be read"):
        load_dividends(tmp_path / "none.csv")
