from datetime import date
from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from src.models import OptionContract
from utils.option_symbols import padded, parse_symbol

RIGHTS: list[Literal["C", "P"]] = ["C", "P"]
CONTRACTS = st.builds(
    OptionContract,
    root=st.from_regex(r"[A-Z][A-Z0-9]{0,5}", fullmatch=True),
    expiry=st.dates(date(2000, 1, 1), date(2099, 12, 31)),
    strike=st.integers(1, 99_999_999).map(lambda mills: mills / 1000),
    right=st.sampled_from(RIGHTS),
)


@given(CONTRACTS)
def test_a_contract_survives_both_spellings_of_its_symbol(contract: OptionContract) -> None:
    assert parse_symbol(contract.symbol) == contract
    assert parse_symbol(padded(contract)) == contract
    assert len(padded(contract)) == 21
