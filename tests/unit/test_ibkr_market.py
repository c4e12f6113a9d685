"""Quotes of Interactive Brokers: live or refused, and true at the time that they carry."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from brokers.ibkr_contracts import NotListed
from brokers.ibkr_market import IbkrMarket
from src.models import OptionContract
from src.ports import MendInput, RetryLater
from tests.fakes.builders import DAY, a_session, at, spxw_call, spy_call
from tests.fakes.tws_book import option_listing
from tests.fakes.tws_desk import TwsDesk, a_tws_desk, wait_for
from tests.fakes.tws_faults import Feed

MOMENT = timedelta(seconds=2)


@pytest.fixture
def desk() -> Iterator[TwsDesk]:
    with a_tws_desk() as desk:
        yield desk


def watching(desk: TwsDesk, *, fresh: float = 1.0, quiet: float = 5.0) -> IbkrMarket:
    """Return a market that believes a silence for so many seconds."""
    return IbkrMarket(
        desk.link,
        desk.contracts,
        desk.clock,
        desk.session,
        desk.clock.stamp,
        timedelta(seconds=fresh),
        timedelta(seconds=quiet),
    )


# Prices.


def test_prices_and_quotes_come_from_the_streams(desk: TwsDesk) -> None:
    prices = desk.market.prices()
    assert (prices["SPY"].last, prices["SPX"].last) == (600.25, 6002.50)
    quotes = desk.market.quotes([spxw_call(), spy_call()])
    assert (quotes[spxw_call()].bid, quotes[spxw_call()].ask) == (23.00, 23.40)
    assert (quotes[spy_call()].bid_size, quotes[spy_call()].ask_size) == (500, 500)
    assert all(abs(each.at - at("09:41")) < MOMENT for each in [*prices.values(), *quotes.values()])


def test_a_change_is_seen_without_asking_again(desk: TwsDesk) -> None:
    desk.market.quotes([spxw_call()])
    desk.server.quote(spxw_call(), 24.00, 24.40)
    wait_for(lambda: desk.market.quotes([spxw_call()])[spxw_call()].bid == 24.00)
    assert len([fields for fields in desk.server.received if fields[0] == "1"]) == 1


def test_a_bid_that_nobody_makes_is_zero_and_an_ask_that_nobody_makes_is_unknown(
    desk: TwsDesk,
) -> None:
    desk.server.quote(spxw_call(), None, 0.05)
    desk.server.quote(spy_call(), 2.98, None)
    quotes = desk.market.quotes([spxw_call(), spy_call()])
    assert (quotes[spxw_call()].bid, quotes[spxw_call()].bid_size) == (0.0, None)
    assert (quotes[spxw_call()].ask, quotes[spxw_call()].ask_size) == (0.05, 500)
    assert (quotes[spy_call()].bid, quotes[spy_call()].ask) == (2.98, None)


def test_a_market_without_either_side_is_empty(desk: TwsDesk) -> None:
    desk.server.quote(spxw_call(), None, None)
    quote = desk.market.quotes([spxw_call()])[spxw_call()]
    assert (quote.bid, quote.ask, quote.last) == (None, None, None)


def test_a_contract_that_is_not_listed_is_left_out(desk: TwsDesk) -> None:
    unlisted = spxw_call(6005.0)
    assert set(desk.market.quotes([unlisted, spy_call()])) == {spy_call()}


# Live or not.


@pytest.mark.parametrize(
    ("feed", "words"),
    [
        (Feed.DELAYED, "10167|delayed"),
        (Feed.FROZEN, "frozen, not live"),
        (Feed.DELAYED_OFF, "10168"),
        (Feed.NONE, "354.*not subscribed"),
        (Feed.COMPETING, "10197.*competing"),
        (Feed.DEAD, "did not answer|sends no quotes"),
    ],
)
def test_what_is_not_live_is_no_quote(desk: TwsDesk, feed: Feed, words: str) -> None:
    desk.server.faults.feed = feed
    with pytest.raises(RetryLater, match=words):
        desk.market.quotes([spxw_call()])
    with pytest.raises(RetryLater, match=words):
        desk.market.prices()


def test_data_that_become_live_again_are_taken_again(desk: TwsDesk) -> None:
    desk.server.faults.feed = Feed.COMPETING
    with pytest.raises(RetryLater, match="10197"):
        desk.market.quotes([spxw_call()])
    desk.server.faults.feed = Feed.LIVE
    assert desk.market.quotes([spxw_call()])[spxw_call()].bid == 23.00


def test_a_competing_session_that_begins_later_is_noticed(desk: TwsDesk) -> None:
    desk.market.quotes([spxw_call()])

    def compete() -> None:
        desk.server.faults.feed = Feed.COMPETING
        for client in desk.server.clients:
            for request in client.streams:
                client.send([4, 2, request, 10197, "No market data during competing session", ""])

    desk.server.do(compete)
    with pytest.raises(RetryLater, match="10197"):
        wait_for(lambda: desk.market.quotes([spxw_call()]) == {})


# Quiet or dead.


def test_a_quiet_market_is_current(desk: TwsDesk) -> None:
    market = watching(desk, fresh=0)
    market.quotes([spxw_call()])
    last_tick = market._streams[spxw_call().symbol].ticker
    assert last_tick is not None
    assert last_tick.time is not None
    quote = market.quotes([spxw_call()])[spxw_call()]
    assert quote.at > desk.clock.stamp(last_tick.time)
    assert len([fields for fields in desk.server.received if fields[0] == "1"]) == 1


def test_a_market_that_is_silent_for_long_is_asked_whether_it_lives(desk: TwsDesk) -> None:
    market = watching(desk, fresh=0, quiet=0)
    first = market.quotes([spxw_call()])[spxw_call()]
    second = market.quotes([spxw_call()])[spxw_call()]
    assert (second.bid, second.ask) == (23.00, 23.40)
    assert second.at > first.at
    begun = [fields for fields in desk.server.received if fields[0] in {"1", "2"}]
    assert [fields[0] for fields in begun[:3]] == ["1", "2", "1"]


def test_a_stream_that_has_died_silently_is_not_current(desk: TwsDesk) -> None:
    market = watching(desk, fresh=0, quiet=60)
    market.quotes([spxw_call()])
    desk.server.faults.feed = Feed.DEAD
    market.quiet = timedelta(0)
    with pytest.raises(RetryLater):
        market.quotes([spxw_call()])
    with pytest.raises(RetryLater):
        market.quotes([spxw_call()])


def test_a_quote_over_a_broken_farm_keeps_the_time_of_its_last_tick(desk: TwsDesk) -> None:
    market = watching(desk, fresh=0)
    market.quotes([spxw_call()])
    ticker = market._streams[spxw_call().symbol].ticker
    assert ticker is not None
    assert ticker.time is not None
    desk.server.say(2103, "Market data farm connection is broken:usopt")
    wait_for(lambda: "usopt" in desk.link.broken_farms)
    told = ticker.time
    quote = market.quotes([spxw_call()])[spxw_call()]
    assert abs(quote.at - desk.clock.stamp(told)) < timedelta(milliseconds=20)
    desk.server.say(2104, "Market data farm connection is OK:usopt")
    wait_for(lambda: not desk.link.broken_farms)


def test_no_quote_is_believed_while_tws_has_lost_its_servers(desk: TwsDesk) -> None:
    desk.market.quotes([spxw_call()])
    desk.server.say(1100)
    wait_for(lambda: desk.link._cut == "1100")
    with pytest.raises(RetryLater, match="1100"):
        desk.market.quotes([spxw_call()])


def test_streams_are_begun_anew_after_data_were_lost_and_after_a_drop(desk: TwsDesk) -> None:
    desk.market.quotes([spxw_call()])
    desk.server.say(1101)
    wait_for(lambda: desk.link.data_generation == 2)
    (client,) = desk.server.clients
    desk.server.do(client.streams.clear)
    desk.server.quote(spxw_call(), 24.00, 24.40)
    assert desk.market.quotes([spxw_call()])[spxw_call()].bid == 24.00
    desk.server.drop()
    desk.server.quote(spxw_call(), 25.00, 25.40)
    wait_for(lambda: desk.market.quotes([spxw_call()])[spxw_call()].bid == 25.00)


def test_streams_that_nobody_asks_for_are_given_up(desk: TwsDesk) -> None:
    desk.market.most_streams = 3
    for step in range(6):
        desk.server.quote(spy_call(600.0 + step), 2.98, 3.02)
        desk.market.quotes([spy_call(600.0 + step)])
    (client,) = desk.server.clients
    wait_for(lambda: len(client.streams) == 3)


# The closes.


def test_the_closes_are_known_a_minute_after_the_close(desk: TwsDesk) -> None:
    desk.clock.set(at("15:59:40"))
    desk.market.prices()
    desk.server.level("SPX", 6010.00)
    desk.server.level("SPY", 601.90)
    desk.clock.set(at("16:00:30"))
    assert desk.market.official_closes(DAY) is None
    desk.clock.set(at("16:01"))
    wait_for(lambda: desk.market.prices()["SPX"].last == 6010.00)
    closes = desk.market.official_closes(DAY)
    assert closes is not None
    assert (closes.spx, closes.spy) == (6010.00, 600.25)
    assert "SPY at 15:59" in closes.source


def test_a_close_that_was_not_watched_says_that_it_may_be_after_hours(desk: TwsDesk) -> None:
    desk.clock.set(at("16:05"))
    closes = desk.market.official_closes(DAY)
    assert closes is not None
    assert "after hours" in closes.source
    desk.clock.set(at("17:00"))
    assert desk.market.official_closes(DAY) is None
    assert desk.market.official_closes(DAY - timedelta(days=1)) is None


def test_without_data_no_close_is_known(desk: TwsDesk) -> None:
    desk.clock.set(at("16:05"))
    desk.server.faults.feed = Feed.NONE
    assert desk.market.official_closes(DAY) is None


def test_a_half_day_closes_early(desk: TwsDesk) -> None:
    desk.clock.set(at("13:02"))
    market = IbkrMarket(desk.link, desk.contracts, desk.clock, a_session("13:00"), desk.clock.stamp)
    assert market.official_closes(DAY) is not None


# Contracts.


def test_of_two_series_with_one_strike_the_one_of_the_afternoon_is_taken(desk: TwsDesk) -> None:
    morning = desk.server.book.list_option(OptionContract("SPX", DAY, 6000.0))
    afternoon = desk.server.book.list_option(spxw_call())
    found = desk.contracts.option(spxw_call()).contract
    assert found.conId == afternoon.con_id != morning.con_id
    assert (found.exchange, found.localSymbol) == ("SMART", "SPXW  260309C06000000")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"multiplier": "10"}, "multiplier"),
        ({"trading_class": "SPX"}, "class"),
        ({"local_symbol": "SPX   260309C06000000"}, "symbol"),
        ({"real_expiry": "20260310"}, "expiration"),
        ({"expiry": "20260310"}, "last trading day"),
        ({"strike": 6005.0}, "strike"),
        ({"right": "P"}, "right"),
    ],
)
def test_a_listing_that_is_not_what_was_asked_for_is_refused(
    desk: TwsDesk, change: dict[str, object], words: str
) -> None:
    listing = option_listing(1, spxw_call())
    for name, value in change.items():
        setattr(listing, name, value)
    desk.server.book.mistaken = listing
    with pytest.raises(MendInput, match=words):
        desk.contracts.option(spxw_call())


def test_two_listings_that_both_fit_are_one_too_many(desk: TwsDesk) -> None:
    desk.server.book.listings[1] = option_listing(1, spxw_call())
    with pytest.raises(NotListed, match="2 contracts match"):
        desk.contracts.option(spxw_call())


def test_the_rule_is_the_one_of_the_route_and_not_the_first(desk: TwsDesk) -> None:
    listing = desk.server.book.list_option(spxw_call())
    listing.valid_exchanges, listing.market_rules = "CBOE,SMART,IBUSOPT", "26,109,26"
    assert desk.contracts.option(spxw_call()).rule == "109"
