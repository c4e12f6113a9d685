"""Whatever text is on record, a spreadsheet shows it and runs none of it."""

import csv
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from src.exports import DIALECTS, FORMULA_STARTS, Sheet, csv_text

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
STARTS = st.sampled_from(["", " ", *FORMULA_STARTS])
AMOUNTS = st.decimals(-1_000_000, 1_000_000, places=2)
NAMES = st.sampled_from(sorted(DIALECTS))


@settings(deadline=None)
@given(TEXTS, STARTS, NAMES)
def test_a_text_comes_back_as_it_was_or_behind_an_apostrophe(
    text: str, start: str, name: str
) -> None:
    text = start + text
    written = csv_text(Sheet("any", ("note", "last"), [(text, "x")]), DIALECTS[name])
    _, body = written.removeprefix("\ufeff").split("\r\n", 1)
    ((found, last),) = csv.reader([body.removesuffix("\r\n")], delimiter=DIALECTS[name].separator)
    assert last == "x"
    assert found.removeprefix("'") == text.removeprefix("'")
    assert not found.lstrip(" ").startswith(FORMULA_STARTS)


@settings(deadline=None)
@given(AMOUNTS, NAMES)
def test_an_amount_is_a_number_with_two_decimals_in_the_signs_of_its_country(
    amount: Decimal, name: str
) -> None:
    dialect = DIALECTS[name]
    written = csv_text(Sheet("any", ("cash", "last"), [(amount, 1)]), dialect)
    cell = written.split("\r\n")[1].removesuffix(f"{dialect.separator}1")
    whole, decimals = cell.split(dialect.decimal)
    assert len(decimals) == 2
    assert Decimal(f"{whole}.{decimals}") == amount
    assert cell != f"-0{dialect.decimal}00"
