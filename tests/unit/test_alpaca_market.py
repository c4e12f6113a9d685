"""Prices from Alpaca: what the market shows, and SPX as its options imply it."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from brokers.alpaca_market import AlpacaMarket
from src.models import OptionContract, Quote
from src.parity import implied_level
from src.ports import MendInput, RetryLater
from tests.fakes.alpaca_desk import SPX, SPY, AlpacaDesk, a_desk
from tests.fakes.alpaca_server import HTML
from tests.fakes.builders import DAY, at


@pytest.fixture
def desk() -> Iterator[AlpacaDesk]:
    with a_desk() as found:
        found.quote_spx_options(6020.3)
        yield found


def estimating(desk: AlpacaDesk) -> AlpacaMarket:
    return AlpacaMarket(desk.link, desk.session, desk.clock, estimates_closes=True)


# Quotes.


def test_a_quote_is_the_servers_with_the_servers_time(desk: AlpacaDesk) -> None:
    desk.clock.sleep(3)
    quote = desk.market.quotes([SPY])[SPY]
    assert (quote.bid, quote.ask, quote.bid_size, quote.ask_size) == (2.98, 3.02, 50, 60)
    assert quote.at == at("09:41")


def test_times_are_translated_into_the_days_clock(desk: AlpacaDesk) -> None:
    market = AlpacaMarket(
        desk.link, desk.session, desk.clock, stamp=lambda moment: moment + timedelta(hours=1)
    )
    assert market.quotes([SPY])[SPY].at == at("10:41")
    assert market.prices()["SPY"].at == market.prices()["SPX"].at == at("10:41")


def test_more_than_a_hundred_contracts_are_asked_for_in_batches(desk: AlpacaDesk) -> None:
    many = [OptionContract("SPY", DAY, 500.0 + n) for n in range(250)]
    assert set(desk.market.quotes(many)) == {SPY}
    sizes = [
        len(each.query["symbols"].split(","))
        for each in desk.server.sent("GET", "/v1beta1/options/quotes/latest")
    ]
    assert sizes == [100, 100, 50]


def test_no_contracts_are_no_question(desk: AlpacaDesk) -> None:
    assert desk.market.quotes([]) == {}
    assert desk.server.requests == []


def test_a_contract_without_a_quote_is_left_out(desk: AlpacaDesk) -> None:
    unknown = OptionContract("SPY", DAY, 999.0)
    assert set(desk.market.quotes([SPY, unknown])) == {SPY}


@pytest.mark.parametrize(
    ("shown", "expected"),
    [((0.0, 0.05), (0.0, 0.05)), ((None, 0.05), (None, 0.05)), ((1.0, 0.0), (1.0, None))],
)
def test_a_bid_of_nothing_is_a_market_without_buyers_and_an_ask_of_nothing_none(
    desk: AlpacaDesk, shown: tuple[float | None, float], expected: tuple[float | None, float | None]
) -> None:
    desk.exchange.quote(SPY, *shown)
    quote = desk.market.quotes([SPY])[SPY]
    assert (quote.bid, quote.ask) == expected


def test_a_quote_without_a_time_is_no_quote(desk: AlpacaDesk) -> None:
    path = "/v1beta1/options/quotes/latest"
    row = {"bp": 2.98, "ap": 3.02}
    desk.server.fail("GET", path, "edit", edit=lambda _: {"quotes": {SPY.symbol: row}})
    assert desk.market.quotes([SPY]) == {}


@pytest.mark.parametrize("body", ["", HTML, "[]", "{}", '{"quotes":[]}'])
def test_quotes_that_cannot_be_read_are_not_an_empty_market(desk: AlpacaDesk, body: str) -> None:
    desk.server.fail("GET", "/v1beta1/options/quotes/latest", status=200, body=body)
    with pytest.raises(RetryLater):
        desk.market.quotes([SPY])


def test_quotes_come_from_the_feed_of_the_settings_and_are_labelled(desk: AlpacaDesk) -> None:
    desk.server.has_opra = False
    with pytest.raises(MendInput):
        desk.market.quotes([SPY])
    derived = AlpacaMarket(desk.link, desk.session, desk.clock, feed="indicative")
    assert derived.quotes([SPY])
    assert "indicative option quotes" in derived.labels
    assert desk.market.labels == ("SPX by put-call parity",)
    assert "indicative" in derived.name


def test_losing_opra_during_the_day_is_told_as_a_failure_that_may_pass(desk: AlpacaDesk) -> None:
    desk.market.quotes([SPY])
    desk.server.has_opra = False
    with pytest.raises(RetryLater, match="OPRA"):
        desk.market.quotes([SPY])


# Prices.


def test_spy_is_the_middle_of_its_market(desk: AlpacaDesk) -> None:
    spy = desk.market.prices()["SPY"]
    assert spy.last == pytest.approx(600.25)
    assert spy.uncertainty == pytest.approx(0.01)


def test_spy_is_its_last_trade_when_the_market_shown_is_one_venues_only(desk: AlpacaDesk) -> None:
    desk.exchange.quote_spy(590.00, 612.00)
    desk.exchange.spy_trade = (600.31, desk.clock.now())
    assert desk.market.prices()["SPY"].last == 600.31


def test_without_a_spy_price_nothing_is_known(desk: AlpacaDesk) -> None:
    desk.exchange.spy = desk.exchange.spy_trade = None
    assert desk.market.prices() == {}


def test_spx_is_what_its_options_imply_give_or_take_their_spreads(desk: AlpacaDesk) -> None:
    spx = desk.market.prices()["SPX"]
    assert spx.last == pytest.approx(6020.3, abs=0.01)
    assert spx.uncertainty == pytest.approx(0.1)


def test_spx_is_as_old_as_the_oldest_quote_behind_it(desk: AlpacaDesk) -> None:
    desk.clock.sleep(1)
    call = OptionContract("SPXW", DAY, 6020.0)
    desk.exchange.quote(call, 12.25, 12.35)
    assert desk.market.prices()["SPX"].at == at("09:41")


def test_a_pair_that_saw_another_market_is_left_out(desk: AlpacaDesk) -> None:
    stale = OptionContract("SPXW", DAY, 6020.0, "P")
    desk.exchange.quote(stale, 1.0, 1.1, at=at("09:30"))
    spx = desk.market.prices()["SPX"]
    assert spx.last == pytest.approx(6020.3, abs=0.01)
    assert spx.at == at("09:41")


def test_one_wrong_market_does_not_move_the_median(desk: AlpacaDesk) -> None:
    desk.exchange.quote(OptionContract("SPXW", DAY, 6020.0), 16.25, 16.35)
    assert desk.market.prices()["SPX"].last == pytest.approx(6020.3, abs=0.01)


def test_two_pairs_are_too_few() -> None:
    quote = Quote(at("09:41"), 10.0, 10.1)
    pairs = {
        OptionContract("SPXW", DAY, strike, right): quote
        for strike in (6000.0, 6005.0)
        for right in ("C", "P")
    }
    assert implied_level(pairs) is None
    assert implied_level({}) is None


def test_without_puts_only_spy_is_known(desk: AlpacaDesk) -> None:
    for symbol in [each for each in desk.exchange.markets if "P0" in each]:
        del desk.exchange.markets[symbol]
    assert set(desk.market.prices()) == {"SPY"}


def test_the_morning_settled_series_is_never_looked_at(desk: AlpacaDesk) -> None:
    for strike in range(5980, 6065, 5):
        for right in ("C", "P"):
            contract = OptionContract("SPX", DAY, float(strike), "C" if right == "C" else "P")
            desk.exchange.quote(contract, 500.0, 500.1)
    chain = desk.market.chain("SPXW", 5000, 7000)
    assert {each.root for each in chain} == {"SPXW"}
    asked = desk.server.sent("GET", "/v1beta1/options/snapshots/SPX")[-1].query
    assert asked["root_symbol"] == "SPXW"
    assert asked["expiration_date"] == "2026-03-09"


def test_a_chain_is_whole_however_small_the_pages(desk: AlpacaDesk) -> None:
    whole = desk.market.chain("SPXW", 5000, 7000)
    desk.server.page_size = 3
    assert desk.market.chain("SPXW", 5000, 7000) == whole
    assert desk.market.chain("SPY", 599, 601).keys() == {SPY}
    assert SPX in whole


# Closes.


def at_the_close(desk: AlpacaDesk, when: str = "16:02") -> None:
    begin = (at("15:59:59") - desk.clock.now()).total_seconds()
    desk.clock.sleep(begin)
    desk.exchange.advance()
    desk.clock.sleep((at(when) - desk.clock.now()).total_seconds())
    desk.exchange.spy_close = 600.40


def test_alpaca_knows_no_official_close_of_spx(desk: AlpacaDesk) -> None:
    at_the_close(desk)
    assert desk.market.official_closes(DAY) is None


def test_an_estimated_close_says_that_it_is_one(desk: AlpacaDesk) -> None:
    at_the_close(desk)
    closes = estimating(desk).official_closes(DAY)
    assert closes is not None
    assert closes.spy == 600.40
    assert closes.spx == pytest.approx(6020.3, abs=0.01)
    assert "not official" in closes.source
    assert "15:59:59" in closes.source


def test_no_close_is_estimated_before_it_or_from_quotes_that_are_older(desk: AlpacaDesk) -> None:
    desk.exchange.spy_close = 600.40
    assert estimating(desk).official_closes(DAY) is None
    desk.clock.sleep((at("16:02") - desk.clock.now()).total_seconds())
    assert estimating(desk).official_closes(DAY) is None
    assert estimating(desk).official_closes(DAY - timedelta(days=1)) is None


def test_without_a_daily_bar_no_close_is_known(desk: AlpacaDesk) -> None:
    at_the_close(desk)
    desk.exchange.spy_close = None
    assert estimating(desk).official_closes(DAY) is None
    desk.server.fail("GET", "/v2/stocks/bars", status=403, body='{"message":"subscription"}')
    assert estimating(desk).official_closes(DAY) is None
