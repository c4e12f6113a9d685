"""What a tape's quotes imply, as `backfill.py verify` tells it."""

from pathlib import Path

from brokers.tape_verify import verify
from src.models import OptionContract
from tests.fakes.builders import DAY, a_session, at
from tests.fakes.tapes import a_tape, rows_at, write_tape


def remarks(tmp_path: Path, *rows: str) -> tuple[str, ...]:
    write_tape(tmp_path / f"{DAY}.csv.gz", *rows)
    (found,) = verify(tmp_path, lambda day: a_session(day=day))
    assert found.fault == ""
    return found.remarks


def a_put(root: str, strike: float, bid: float, ask: float) -> str:
    symbol = OptionContract(root, DAY, strike, "P").symbol
    return f"{at('09:41').isoformat()},{symbol},{bid},{ask},,,"


def test_both_legs_volatilities_are_told_on_the_trading_time_clock(tmp_path: Path) -> None:
    (told,) = remarks(tmp_path, *rows_at(at("09:41")))
    assert told == (
        "implied volatility near the money, median: SPY 19.8% a year (n = 1); "
        "SPXW 15.1% a year (n = 1)"
    )


def test_a_put_is_worth_the_volatility_of_its_call(tmp_path: Path) -> None:
    # By parity: the call of 2.98 x 3.02 less SPY at 600.25, plus the strike of 600.
    prices = rows_at(at("09:41"))[:2]
    (told,) = remarks(tmp_path, *prices, a_put("SPY", 600.0, 2.73, 2.77))
    assert told == "implied volatility near the money, median: SPY 19.8% a year (n = 1)"


def test_what_is_offered_below_its_exercise_value_is_counted(tmp_path: Path) -> None:
    rows = rows_at(at("09:41"), spy_quote=(0.22, 0.24))
    _, told = remarks(tmp_path, *rows)
    assert told.startswith("offered below what exercise would bring: 1 of 2 two-sided quotes")
    rows = rows_at(at("09:41"), spy_quote=(0.22, 0.25))
    assert len(remarks(tmp_path, *rows)) == 1, "at its exercise value it is not below"


def test_quotes_outside_the_session_imply_nothing(tmp_path: Path) -> None:
    assert remarks(tmp_path, *rows_at(at("16:00"))) == ()


def test_a_whole_day_is_one_sentence(tmp_path: Path) -> None:
    a_tape(tmp_path)
    (found,) = verify(tmp_path, lambda day: a_session(day=day))
    assert len(found.remarks) == 1
    assert "(n = 390)" in found.remarks[0]
