"""When the first source does not answer the next one does, as far as it may."""

import pytest

from brokers.fallback_source import FallbackSource, is_real_time
from src.ports import OfficialCloses, RetryLater
from tests.fakes.builders import DAY, ScriptedMarket, a_clock, a_market, spy_call
from utils.market_clock import VirtualClock

SPY = spy_call()


class RealTimeMarket(ScriptedMarket):
    is_real_time = True


def a_source(name: str, clock: VirtualClock, *, real_time: bool = False) -> ScriptedMarket:
    market = RealTimeMarket(clock) if real_time else a_market(clock)
    market.name = name
    market.quote(SPY, 2.98, 3.02)
    return market


class Pair:
    """A real-time source with a delayed one behind it, and what was said."""

    def __init__(self, *, second_in_real_time: bool = False, delayed_quotes: bool = False) -> None:
        clock = a_clock()
        self.first = a_source("first", clock, real_time=True)
        self.second = a_source("second", clock, real_time=second_in_real_time)
        self.second.spy = 599.0
        self.said: list[str] = []
        self.source = FallbackSource(
            self.first, self.second, say=self.said.append, delayed_quotes=delayed_quotes
        )

    def spy(self) -> float | None:
        return self.source.prices()["SPY"].last


def test_the_first_source_answers_as_long_as_it_can() -> None:
    pair = Pair()
    pair.second.down = True
    assert pair.spy() == 600.25
    assert pair.source.quotes([SPY])[SPY].bid == 2.98
    assert (pair.source.name, pair.said) == ("first", [])


def test_prices_come_from_the_next_source_and_it_is_said_once_and_in_the_name() -> None:
    pair = Pair()
    pair.first.down = True
    assert [pair.spy(), pair.spy()] == [599.0, 599.0]
    assert pair.said == ["The prices now come from second (first: the source does not answer)."]
    assert pair.source.name == "first (prices from second)"
    pair.first.down = False
    assert pair.spy() == 600.25
    assert pair.said[1:] == ["The prices now come from first."]
    assert pair.source.name == "first"


def test_option_quotes_never_come_from_a_delayed_source() -> None:
    pair = Pair()
    pair.first.down = True
    with pytest.raises(RetryLater, match="first: the source does not answer"):
        pair.source.quotes([SPY])
    assert is_real_time(pair.source)


def test_option_quotes_may_come_from_another_source_in_real_time() -> None:
    pair = Pair(second_in_real_time=True)
    pair.first.down = True
    assert pair.source.quotes([SPY])[SPY].ask == 3.02
    assert pair.source.name == "first (option quotes from second)"
    assert is_real_time(pair.source)


def test_on_a_labelled_paper_day_option_quotes_may_be_delayed_and_then_nothing_is_real_time() -> (
    None
):
    pair = Pair(delayed_quotes=True)
    pair.first.down = True
    assert pair.source.quotes([SPY])[SPY].ask == 3.02
    assert not is_real_time(pair.source)


def test_a_source_that_says_nothing_of_itself_is_not_in_real_time() -> None:
    assert not is_real_time(a_market(a_clock()))
    assert not is_real_time(FallbackSource(a_market(a_clock())))


def test_when_no_source_answers_each_is_named_with_its_reason() -> None:
    pair = Pair()
    pair.first.down = pair.second.down = True
    with pytest.raises(RetryLater, match=r"first: the source .*; second: the source does not"):
        pair.source.prices()
    assert pair.said == []


def test_closes_come_from_the_first_source_that_knows_them() -> None:
    pair = Pair()
    assert pair.source.official_closes(DAY) is None
    pair.second.closes = OfficialCloses(601.0, 6010.0, "second")
    assert pair.source.official_closes(DAY) == pair.second.closes
    pair.first.closes = OfficialCloses(601.5, 6014.0, "first")
    assert pair.source.official_closes(DAY) == pair.first.closes


@pytest.mark.parametrize(("delayed_quotes", "cadence"), [(False, None), (True, 60.0)])
def test_the_cadence_is_that_of_the_sources_that_may_give_quotes(
    delayed_quotes: bool,  # noqa: FBT001 - a parameter of the test
    cadence: float | None,
) -> None:
    pair = Pair(delayed_quotes=delayed_quotes)
    pair.second.cadence_seconds = 60.0
    assert (
        FallbackSource(pair.first, pair.second, delayed_quotes=delayed_quotes).cadence_seconds
        == cadence
    )
