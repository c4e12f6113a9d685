"""Yahoo's answers, in the shapes that yfinance documents, become quotes with honest times."""

import logging
import threading
from dataclasses import replace
from datetime import date, timedelta

import pandas as pd
import pytest
from yfinance.exceptions import YFPricesMissingError, YFRateLimitError

from brokers.fallback_source import is_real_time
from brokers.yfinance_client import YfinanceLink, YfinanceMarket
from src.models import OptionContract, Quote
from src.ports import OfficialCloses, RetryLater
from tests.fakes.builders import DAY, a_clock, a_session, at, spxw_call, spy_call
from tests.fakes.yahoo import SEEN, RecordedYahoo, bars, metadata, minutes, options, row
from utils.market_clock import VirtualClock

SPY, SPXW = spy_call(), spxw_call()


@pytest.fixture
def yahoo() -> RecordedYahoo:
    return RecordedYahoo()


def a_market(
    yahoo: RecordedYahoo, clock: VirtualClock | None = None, patience: float = 5.0
) -> YfinanceMarket:
    link = YfinanceLink(lambda: patience, yahoo)
    return YfinanceMarket(link, clock or a_clock(), a_session())


# Prices


def test_prices_carry_the_time_at_which_they_were_true(yahoo: RecordedYahoo) -> None:
    assert a_market(yahoo).prices() == {
        "SPY": Quote(SEEN, last=600.25),
        "SPX": Quote(SEEN, last=6002.50),
    }


@pytest.mark.parametrize(
    "when", [pd.Timestamp(SEEN), SEEN, SEEN.timestamp(), str(SEEN.timestamp())]
)
def test_a_time_is_understood_in_each_form_that_yahoo_gives_it(
    yahoo: RecordedYahoo, when: object
) -> None:
    yahoo.answers["SPY", "quote"] = metadata(600.25) | {"regularMarketTime": when}
    assert a_market(yahoo).prices()["SPY"] == Quote(SEEN, last=600.25)


@pytest.mark.parametrize(
    "answer",
    [
        metadata(None),
        metadata(600.25, None),
        metadata(float("nan")),
        metadata(0.0),
        metadata(600.25) | {"regularMarketTime": pd.NaT},
        metadata(600.25) | {"regularMarketTime": "yesterday"},
        metadata(600.25) | {"regularMarketPrice": None},
    ],
)
def test_a_price_without_a_number_or_a_time_is_not_known(
    yahoo: RecordedYahoo, answer: object
) -> None:
    yahoo.answers["SPY", "quote"] = answer
    assert a_market(yahoo).prices().keys() == {"SPX"}


def test_the_s_and_p_is_looked_for_under_its_other_name(yahoo: RecordedYahoo) -> None:
    yahoo.answers["^SPX", "quote"] = metadata(None)
    yahoo.answers["^GSPC", "quote"] = metadata(6002.25)
    assert a_market(yahoo).prices()["SPX"] == Quote(SEEN, last=6002.25)


@pytest.mark.parametrize("nothing", [{}, None])
def test_nothing_at_all_is_no_answer(yahoo: RecordedYahoo, nothing: object) -> None:
    yahoo.answers["SPY", "quote"] = nothing
    with pytest.raises(RetryLater, match="SPY: Yahoo sent nothing"):
        a_market(yahoo).prices()


def test_times_can_be_translated_to_the_clock_of_the_day(yahoo: RecordedYahoo) -> None:
    late = a_market(yahoo, a_clock("09:56"))
    market = replace(late, stamp=lambda moment: moment + timedelta(minutes=15))
    assert market.prices()["SPY"].at == SEEN + timedelta(minutes=15)
    assert market.quotes([SPY])[SPY].at == SEEN


# Chains


def test_an_option_quote_is_a_quarter_of_an_hour_old_however_new_its_underlying_is(
    yahoo: RecordedYahoo,
) -> None:
    then = SEEN - timedelta(minutes=15)
    assert a_market(yahoo).quotes([SPY, SPXW]) == {
        SPY: Quote(then, 2.98, 3.02),
        SPXW: Quote(then, 23.0, 23.4, last=23.1),
    }


def test_an_underlying_that_does_not_say_how_late_it_is_makes_its_options_no_newer(
    yahoo: RecordedYahoo,
) -> None:
    yahoo.answers["SPY", "chain"].underlying = metadata(600.25)
    assert a_market(yahoo).quotes([SPY])[SPY].at == SEEN - timedelta(minutes=15)


def test_a_day_whose_clock_is_late_sees_prices_and_quotes_of_one_moment(
    yahoo: RecordedYahoo,
) -> None:
    # 09:40:30 on the wall; SPX is late by itself, SPY is not.
    yahoo.answers["^SPX", "quote"] = metadata(6002.5, at("09:25:28"))
    yahoo.answers["SPY", "minutes"] = minutes(
        {"09:23": 600.1, "09:24": 600.2, "09:25": 600.3, "09:40": 603.0}
    )
    market = a_market(yahoo, a_clock("09:25:30"))
    assert market.prices() == {
        "SPY": Quote(at("09:25"), last=600.2),
        "SPX": Quote(at("09:25:28"), last=6002.5),
    }
    assert {quote.at for quote in market.quotes([SPY, SPXW]).values()} == {at("09:25:30")}


@pytest.mark.parametrize("bars_", [{}, {"09:25": 600.3}, {"09:23": float("nan")}])
def test_a_price_that_lies_ahead_of_the_clock_is_not_known(
    yahoo: RecordedYahoo, bars_: dict[str, float]
) -> None:
    yahoo.answers["SPY", "minutes"] = minutes(bars_)
    yahoo.answers["^SPX", "quote"] = metadata(6002.5, at("09:25:28"))
    assert a_market(yahoo, a_clock("09:25:30")).prices().keys() == {"SPX"}


def test_the_spx_contract_that_settles_in_the_morning_is_not_taken_for_spxw(
    yahoo: RecordedYahoo,
) -> None:
    chain = options(metadata(6002.5), row(OptionContract("SPX", DAY, 6000.0), bid=99, ask=99.5))
    yahoo.answers["^SPX", "chain"] = chain
    assert a_market(yahoo).quotes([SPXW]) == {}


def test_contracts_that_yahoo_does_not_list_are_left_out(yahoo: RecordedYahoo) -> None:
    assert a_market(yahoo).quotes([spy_call(700.0), OptionContract("XSP", DAY, 600.0)]) == {}


@pytest.mark.parametrize(
    "chain",
    [
        options(metadata(600.25)),
        options(None, row(SPY, bid=2.98, ask=3.02)),
        options({}, row(SPY, bid=2.98, ask=3.02)),
        options(metadata(600.25, None), row(SPY, bid=2.98, ask=3.02)),
        options(metadata(600.25), row(SPY)),
        options(metadata(600.25), row(SPY, bid=0.0, ask=0.0)),
        options(metadata(600.25), row(SPY, bid=float("nan"), ask=float("nan"))),
        options(metadata(600.25), row(SPY, bid=2.98, ask=3.02) | {"contractSymbol": "SPY?"}),
        options(metadata(600.25), row(SPY, bid=2.98, ask=3.02) | {"contractSymbol": None}),
    ],
)
def test_a_chain_with_holes_gives_no_quote_rather_than_a_false_one(
    yahoo: RecordedYahoo, chain: object
) -> None:
    yahoo.answers["SPY", "chain"] = chain
    assert a_market(yahoo).quotes([SPY]) == {}


def test_an_empty_answer_of_the_library_is_an_empty_chain(yahoo: RecordedYahoo) -> None:
    chain = options(None)
    chain.calls = chain.puts = None
    yahoo.answers["SPY", "chain"] = chain
    assert a_market(yahoo).quotes([SPY]) == {}


@pytest.mark.parametrize(
    ("bid", "ask", "seen"),
    [(2.98, float("nan"), (2.98, None)), (0.0, 0.01, (0.0, 0.01)), (float("nan"), 3, (None, 3.0))],
)
def test_a_side_that_is_missing_is_not_known(
    yahoo: RecordedYahoo, bid: float, ask: float, seen: tuple[float | None, float | None]
) -> None:
    yahoo.answers["SPY", "chain"] = options(metadata(600.25), row(SPY, bid=bid, ask=ask))
    quote = a_market(yahoo).quotes([SPY])[SPY]
    assert (quote.bid, quote.ask) == seen


# Closes


def test_the_closes_are_known_twenty_minutes_after_the_close_and_say_where_they_are_from(
    yahoo: RecordedYahoo,
) -> None:
    source = f"Yahoo Finance, bars of {DAY} of SPY and ^GSPC; not the exchanges' own record"
    market = a_market(yahoo, a_clock("16:20"))
    assert market.official_closes(DAY) == OfficialCloses(601.5, 6014.25, source)


@pytest.mark.parametrize("clock", ["09:41", "15:59:59", "16:19"])
def test_the_bar_of_a_day_that_is_not_over_is_no_close(yahoo: RecordedYahoo, clock: str) -> None:
    assert a_market(yahoo, a_clock(clock)).official_closes(DAY) is None
    assert yahoo.asked == []


def test_the_close_of_a_day_to_come_is_not_known(yahoo: RecordedYahoo) -> None:
    assert a_market(yahoo, a_clock("17:00")).official_closes(DAY + timedelta(days=1)) is None


@pytest.mark.parametrize("closes", [{}, {date(2026, 3, 6): 599.0}, {DAY: float("nan")}])
def test_a_bar_that_is_missing_leaves_the_closes_open(
    yahoo: RecordedYahoo, closes: dict[date, float]
) -> None:
    yahoo.answers["^GSPC", "close"] = bars(closes) if closes else pd.DataFrame({"Close": []})
    assert a_market(yahoo, a_clock("17:00")).official_closes(DAY) is None


# Yahoo does not answer


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (YFRateLimitError(), "SPY: too many requests, says Yahoo"),
        (YFPricesMissingError("SPY", ""), "SPY: $SPY: possibly delisted; no price data found"),
        (ValueError("Expiration `2026-03-09` cannot be found."), "SPY: Expiration"),
        (ConnectionError("Could not resolve host"), "SPY: Could not resolve host"),
        (KeyError("chart"), "SPY: 'chart'"),
        (TypeError("'NoneType' object is not subscriptable"), "SPY: 'NoneType'"),
    ],
)
@pytest.mark.parametrize("what", ["quote", "chain"])
def test_whatever_the_library_raises_is_tried_again_later(
    yahoo: RecordedYahoo, failure: Exception, words: str, what: str
) -> None:
    yahoo.answers["SPY", what] = failure
    market = a_market(yahoo)
    with pytest.raises(RetryLater) as caught:
        market.prices() if what == "quote" else market.quotes([SPY])
    assert str(caught.value).startswith(words)


def test_what_the_library_logs_does_not_reach_the_terminal(yahoo: RecordedYahoo) -> None:
    a_market(yahoo).prices()
    # Python writes on standard error what no handler takes.
    handlers = logging.getLogger("yfinance").handlers
    assert [type(each) for each in handlers] == [logging.NullHandler]


def test_a_call_ends_when_its_time_is_used_up_whatever_the_library_does(
    yahoo: RecordedYahoo,
) -> None:
    released = threading.Event()
    yahoo.answers["SPY", "quote"] = lambda: released.wait(10)
    with pytest.raises(RetryLater, match=r"no answer for SPY within 0\.05 seconds"):
        a_market(yahoo, patience=0.05).prices()
    released.set()


def test_an_answer_serves_for_a_while_so_that_a_working_order_asks_little(
    yahoo: RecordedYahoo,
) -> None:
    clock = a_clock()
    market = a_market(yahoo, clock)
    for _ in range(15):
        market.quotes([SPY, SPXW])
        clock.sleep(1)
    assert sorted(yahoo.asked) == ["chain SPY", "chain ^SPX"]
    market.quotes([SPY])
    assert yahoo.asked[2:] == ["chain SPY"]


def test_after_too_many_requests_yahoo_is_left_alone_for_two_minutes(yahoo: RecordedYahoo) -> None:
    clock = a_clock()
    market = a_market(yahoo, clock)
    yahoo.answers["SPY", "quote"] = YFRateLimitError()
    for _ in range(4):
        with pytest.raises(RetryLater, match="too many requests"):
            market.prices()
        clock.sleep(30)
    assert yahoo.asked == ["quote SPY"]
    yahoo.answers["SPY", "quote"] = metadata(600.25)
    assert market.prices().keys() == {"SPY", "SPX"}


# No money


def test_yahoo_says_of_itself_that_it_is_delayed_and_cannot_be_told_otherwise(
    yahoo: RecordedYahoo,
) -> None:
    market = a_market(yahoo)
    assert not is_real_time(market)
    assert "delayed" in market.name
    with pytest.raises(TypeError, match="is_real_time"):
        YfinanceMarket(market.yahoo, market.clock, market.session, is_real_time=True)  # type: ignore[call-arg]  # that is what is proved
