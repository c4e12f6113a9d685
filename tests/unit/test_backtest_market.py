"""How the orders of a backtest fill, by the model that was chosen."""

from datetime import date, timedelta

import pytest

from brokers.backtest_market import BacktestMarket, FillModel
from src.models import OptionContract, Quote
from src.ports import OfficialCloses
from tests.fakes.builders import DAY, ScriptedMarket, a_clock, a_session, at, spxw_call, spy_call
from utils.market_clock import VirtualClock

TOLD = OfficialCloses(600.0, 6000.0, "a table")


def seen(model: FillModel, contract: OptionContract, quote: Quote) -> Quote:
    """Return a quote as a backtest trades on it."""
    clock = a_clock()
    market = ScriptedMarket(clock)
    market.fixed[contract] = quote
    return BacktestMarket(market, clock, a_session(), model, {}).quotes([contract])[contract]


def test_touch_fills_whole_orders_at_the_recorded_prices() -> None:
    quote = seen(FillModel(), spy_call(), Quote(at("09:41"), 2.98, 3.02, 4, 3))
    assert (quote.bid, quote.ask) == (2.98, 3.02)
    assert (quote.bid_size, quote.ask_size) == (None, None), "any size trades"


@pytest.mark.parametrize(
    ("contract", "bid", "ask", "worse"),
    [
        (spy_call(), 2.98, 3.02, (2.97, 3.03)),
        (spxw_call(), 23.00, 23.40, (22.90, 23.50)),
        (spxw_call(), 2.90, 2.95, (2.85, 3.00)),
        (spy_call(), 0.0, 0.01, (0.0, 0.02)),
    ],
)
def test_worse_is_one_tick_of_each_contract_wider_on_both_sides_and_never_below_zero(
    contract: OptionContract, bid: float, ask: float, worse: tuple[float, float]
) -> None:
    quote = seen(FillModel("worse"), contract, Quote(at("09:41"), bid, ask))
    assert (quote.bid, quote.ask) == pytest.approx(worse)


def test_a_side_that_nobody_quotes_stays_unknown() -> None:
    quote = seen(FillModel("worse"), spy_call(), Quote(at("09:41"), None, 0.02))
    assert (quote.bid, quote.ask) == (None, 0.03)


def test_partial_keeps_known_sizes_and_assumes_the_others() -> None:
    model = FillModel("partial", assumed_size=7)
    assert seen(model, spy_call(), Quote(at("09:41"), 2.98, 3.02, 4, None))[3:5] == (4, 7)


def test_a_table_of_closes_counts_before_the_source_and_only_from_the_close_on() -> None:
    clock, session = VirtualClock(at("15:59:59")), a_session()
    market = ScriptedMarket(clock, closes=OfficialCloses(1.0, 1.0, "the source"))
    told = BacktestMarket(market, clock, session, FillModel(), {DAY: TOLD})
    assert told.official_closes(DAY) != TOLD
    clock.sleep(1)
    assert told.official_closes(DAY) == TOLD


def test_the_closes_of_earlier_days_are_known_all_day_and_those_of_later_ones_never() -> None:
    clock = a_clock()
    day, later = date(2026, 3, 6), DAY + timedelta(days=1)
    market = ScriptedMarket(clock)
    known = BacktestMarket(market, clock, a_session(), FillModel(), {day: TOLD, later: TOLD})
    assert known.official_closes(day) == TOLD
    assert known.official_closes(later) is None


def test_a_model_says_in_words_what_it_takes_for_granted() -> None:
    assert str(FillModel()) == "touch: whole orders at the bid or ask, without delay"
    assert str(FillModel("worse", 0.5)).endswith("than recorded, 0.5 s after they are sent")
    assert "(5 where it is not known)" in str(FillModel("partial"))
