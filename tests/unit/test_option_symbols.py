from datetime import date

import pytest

from src.models import OptionContract
from utils.option_symbols import padded, parse_symbol

SPXW_6000 = OptionContract("SPXW", date(2025, 1, 17), 6000.0)
SPY_600 = OptionContract("SPY", date(2025, 1, 17), 600.0)


@pytest.mark.parametrize(
    ("text", "contract"),
    [
        ("SPXW  250117C06000000", SPXW_6000),
        ("SPXW250117C06000000", SPXW_6000),
        ("SPY   250117C00600000", SPY_600),
        ("SPY250117C00600000", SPY_600),
        ("SPY260716P00751500", OptionContract("SPY", date(2026, 7, 16), 751.5, "P")),
    ],
)
def test_a_symbol_names_its_contract_padded_or_compact(text: str, contract: OptionContract) -> None:
    assert parse_symbol(text) == contract


def test_the_padded_form_has_the_standards_21_characters() -> None:
    assert padded(SPXW_6000) == "SPXW  250117C06000000"
    assert padded(SPY_600) == "SPY   250117C00600000"


def test_the_am_settled_root_is_another_contract_than_the_pm_settled_one() -> None:
    assert parse_symbol("SPX260320C06900000") != parse_symbol("SPXW260320C06900000")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not an option symbol"),
        ("SPY", "not an option symbol"),
        ("spy250117C00600000", "not an option symbol"),
        ("SPY250117X00600000", "not an option symbol"),
        ("SPY250117C0060000", "not an option symbol"),
        ("SPY250117C00600000\n", "not an option symbol"),
        ("SPY \uff1250117C00600000", "not an option symbol"),
        ("SPY  250117C00600000", "a padded root has 6 characters"),
        ("SPY251317C00600000", "the expiry is not a date"),
        ("SPY250229C00600000", "the expiry is not a date"),
        ("SPY250117C00000000", "the strike is zero"),
    ],
)
def test_what_is_no_symbol_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_symbol(text)
