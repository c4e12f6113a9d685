from datetime import date

import pytest

from src.assignment import dividend_owed, pin_band, what_assignment_means
from src.dividends import Dividend
from src.settings import Settings
from tests.fakes.builders import a_setup, at

EX_DATE = date(2026, 3, 20)
EVE = date(2026, 3, 19)
TABLE = (Dividend(EX_DATE, 1.797), Dividend(date(2026, 6, 18), 1.904, is_known=False))
RULES = Settings.defaults().strategy


@pytest.mark.parametrize(
    ("strike", "low", "high"), [(400.0, 398.5, 401.5), (600.0, 598.5, 601.5), (800.0, 798.0, 802.0)]
)
def test_the_pin_band_is_the_wider_of_dollars_and_percent(
    strike: float, low: float, high: float
) -> None:
    assert pin_band(strike, RULES) == (low, high)


def test_an_assignment_is_told_in_shares_and_dollars() -> None:
    words = what_assignment_means(a_setup(), 2, TABLE)
    for part in ("All 20 SPY calls", "short 2,000 SPY shares", "sold at 600", "$1,200,000"):
        assert part in words
    assert "each dollar by which spy rises" in words.lower()
    assert "ex-dividend" not in words


@pytest.mark.parametrize(
    ("clock_day", "dollars"), [(EVE, "owes $1,797"), (date(2026, 6, 17), "owes about $1,904")]
)
def test_on_the_eve_of_an_ex_date_the_shares_owe_the_dividend_too(
    clock_day: date, dollars: str
) -> None:
    setup = a_setup(when=at("09:41", clock_day))
    assert dollars in what_assignment_means(setup, 1, TABLE)


def test_only_the_trading_day_before_the_ex_date_owes() -> None:
    assert dividend_owed(date(2026, 3, 18), TABLE) is None
    assert dividend_owed(EX_DATE, TABLE) is None
    monday = (Dividend(date(2026, 6, 22), 1.9),)
    assert dividend_owed(date(2026, 6, 19), monday) == monday[0]
