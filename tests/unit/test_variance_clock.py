import pytest

from src.models import Session
from src.variance_clock import annual, variance_left, years_left
from tests.fakes.builders import HALF_DAY, a_session, at

FULL = a_session()


@pytest.mark.parametrize(
    ("clock", "left"),
    [
        *(("09:35", 0.954), ("09:45", 0.902), ("10:00", 0.819), ("12:00", 0.441)),
        *(("14:00", 0.231), ("15:00", 0.131), ("15:45", 0.063)),
    ],
)
def test_the_variance_that_is_left_has_the_shape_of_the_day(clock: str, left: float) -> None:
    assert variance_left(at(clock), FULL) == pytest.approx(left, abs=0.0015)


@pytest.mark.parametrize(
    ("clock", "left"), [("08:00", 1.0), ("09:30", 1.0), ("16:00", 0.0), ("16:10", 0.0)]
)
def test_all_variance_lies_between_the_open_and_the_close(clock: str, left: float) -> None:
    assert variance_left(at(clock), FULL) == left


def test_what_is_left_only_falls() -> None:
    shares = [variance_left(at(f"{h:02}:{m:02}"), FULL) for h in range(9, 17) for m in range(60)]
    assert shares == sorted(shares, reverse=True)


def test_a_half_day_runs_through_the_same_shape_faster() -> None:
    half: Session = a_session("13:00", HALF_DAY)
    middle = variance_left(at("11:15", HALF_DAY), half)
    assert middle == pytest.approx(variance_left(at("12:45"), FULL))


def test_one_price_is_15_percent_a_year_on_this_clock() -> None:
    """On an even clock to the same close it would be 34% (calendar time)."""
    years = years_left(at("09:35"), FULL)
    assert annual(0.009158732, years) == pytest.approx(0.149, abs=0.001)
    assert annual(0.009158732, 6.42 / 8760) == pytest.approx(0.338, abs=0.001)


def test_at_the_close_there_is_no_volatility_to_speak_of() -> None:
    assert annual(0.01, years_left(at("16:00"), FULL)) == 0.0
