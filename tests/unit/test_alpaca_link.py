"""The way to Alpaca: keys, time-outs, errors without words, paging, calls a minute."""

import os
import socket
from collections.abc import Callable, Iterator
from datetime import timedelta
from threading import Event
from typing import Any

import pytest

from brokers import alpaca_pages as pages
from brokers.alpaca_link import AlpacaLink, NotAsked, Refusal, Unanswered
from brokers.alpaca_reply import error_words, moment, number
from src.models import Answer, Purpose, Side
from src.ports import MendInput, RetryLater, StopTrading
from tests.fakes.alpaca_desk import SPX, AlpacaDesk, Waiting, a_desk
from tests.fakes.alpaca_server import HTML
from tests.fakes.builders import DAY, a_clock

ACCOUNT = "/v2/account"


@pytest.fixture
def desk() -> Iterator[AlpacaDesk]:
    with a_desk() as found:
        yield found


def ask(link: AlpacaLink) -> object:
    return link.trading("/account", what="the account")


# Keys.


@pytest.mark.parametrize(
    "reply", [(401, {"message": "unauthorized"}), (403, {"message": "forbidden."}), (403, None)]
)
def test_wrong_keys_are_said_in_one_sentence(desk: AlpacaDesk, reply: tuple[int, object]) -> None:
    desk.server.wrong_keys = reply
    link = desk.new_link("PKWRONG", "wrong")
    with pytest.raises(MendInput, match=r"does not accept the keys.*broker\.api_key"):
        ask(link)


@pytest.mark.parametrize("reply", [(401, {"message": "unauthorized"}), (403, {"message": "x"})])
def test_keys_that_were_accepted_once_are_not_called_wrong_for_one_refusal(
    desk: AlpacaDesk, reply: tuple[int, object]
) -> None:
    ask(desk.link)
    desk.server.wrong_keys, desk.server.keys = reply, ("PKNEW", "new")
    with pytest.raises(Refusal):
        ask(desk.link)


@pytest.mark.parametrize(("key", "paper"), [("AKLIVE", True), ("PKPAPER", False)])
def test_keys_of_the_other_kind_of_account_stop_the_run(
    desk: AlpacaDesk, key: str, *, paper: bool
) -> None:
    with pytest.raises(StopTrading, match=f"begins with {key[:2]}"):
        desk.new_link(key, paper=paper)
    assert desk.server.requests == []


def test_keys_that_the_other_server_accepts_stop_the_run(desk: AlpacaDesk) -> None:
    with a_desk() as other:
        desk.server.keys = ("PKNOBODY", "x")
        link = AlpacaLink(
            *other.server.keys,
            paper=True,
            clock=desk.clock,
            patience=desk.patience,
            trading_url=desk.server.url,
            other_url=other.server.url,
        )
        desk.links.append(link)
        with pytest.raises(StopTrading, match="belong to a live account"):
            ask(link)


@pytest.mark.parametrize(("key", "secret"), [("", "x"), ("PK1", "")])
def test_a_missing_key_is_named(desk: AlpacaDesk, key: str, secret: str) -> None:
    with pytest.raises(MendInput, match=r"broker\.api_"):
        desk.new_link(key, secret)


def test_an_account_without_opra_is_told_what_to_do(desk: AlpacaDesk) -> None:
    desk.server.has_opra = False
    with pytest.raises(MendInput, match=r"OPRA.*broker\.alpaca\.feed"):
        desk.market.quotes([SPX])


# Addresses.


@pytest.mark.parametrize("tail", ["", "/", "/v2", "/v2/"])
def test_the_address_may_be_written_as_the_dashboard_shows_it(desk: AlpacaDesk, tail: str) -> None:
    ask(desk.new_link(url=desk.server.url + tail))
    assert desk.server.sent("GET", ACCOUNT)


@pytest.mark.parametrize("url", ["http://", "127.0.0.1:80", "http://[::1", "ftp://x"])
def test_an_address_that_is_none_is_a_setting_to_mend(desk: AlpacaDesk, url: str) -> None:
    with pytest.raises(MendInput, match=r"broker\.alpaca"):
        ask(desk.new_link(url=url))


def test_alpacas_own_addresses_are_used_when_none_is_given() -> None:
    def link(*, paper: bool) -> AlpacaLink:
        return AlpacaLink("XK", "x", paper=paper, clock=a_clock(), patience=Waiting())

    paper, live = link(paper=True), link(paper=False)
    assert paper.trading_url == "https://paper-api.alpaca.markets"
    assert live.trading_url == "https://api.alpaca.markets"
    assert paper.data_url == live.data_url == "https://data.alpaca.markets"


# No network.


def test_nothing_listening_is_one_sentence(desk: AlpacaDesk) -> None:
    with pytest.raises(Unanswered, match=r"^nothing listens at 127\.0\.0\.1:9: see "):
        ask(desk.new_link(url="http://127.0.0.1:9"))


def test_a_name_that_nobody_knows_is_one_sentence(desk: AlpacaDesk) -> None:
    with pytest.raises(Unanswered, match=r"nowhere\.invalid cannot be resolved"):
        ask(desk.new_link(url="http://nowhere.invalid"))


def test_a_server_without_tls_is_one_sentence(desk: AlpacaDesk) -> None:
    with pytest.raises(Unanswered, match="no secure connection"):
        ask(desk.new_link(url=desk.server.url.replace("http:", "https:")))


def test_a_proxy_that_is_not_there_is_named(
    desk: AlpacaDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [each for each in os.environ if each.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with pytest.raises(Unanswered, match="proxy"):
        ask(desk.new_link(url="http://alpaca.invalid"))


def test_a_server_that_takes_no_connection_is_given_up(desk: AlpacaDesk) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(2)]
        try:
            for each in waiting:
                each.setblocking(False)  # noqa: FBT003 - the standard library's
                each.connect_ex(full.getsockname())
            desk.patience.seconds = 0.1
            with pytest.raises(Unanswered, match=r"within 0\.1 s"):
                ask(desk.new_link(url=f"http://127.0.0.1:{full.getsockname()[1]}"))
        finally:
            for each in waiting:
                each.close()


# Time.


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_name_that_is_looked_up_for_ever_is_given_up_in_time(
    desk: AlpacaDesk, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    system, is_over = socket.getaddrinfo, Event()

    def never_answers(host: str, *rest: Any) -> Any:  # noqa: ANN401 - as the system's
        if host == "slow.example":
            is_over.wait(30)
            raise socket.gaierror(socket.EAI_AGAIN, "no answer")
        return system(host, *rest)

    monkeypatch.setattr(socket, "getaddrinfo", never_answers)
    link = desk.new_link(url=f"{scheme}://slow.example")
    desk.patience.seconds = 0.05
    words = "slow.example took no connection within 0.05 s: check the network and its DNS"
    with pytest.raises(Unanswered, match=words):
        ask(link)
    is_over.set()


def test_a_call_that_is_never_answered_ends(desk: AlpacaDesk) -> None:
    desk.patience.seconds = 0.1
    desk.server.fail("GET", ACCOUNT, "hang")
    with pytest.raises(Unanswered, match=r"did not answer within 0\.1 s"):
        ask(desk.link)


def test_an_answer_in_drops_lasts_no_longer_than_the_tick(desk: AlpacaDesk) -> None:
    desk.patience.left = 4
    desk.server.fail("GET", ACCOUNT, "drip")
    with pytest.raises(Unanswered, match="time of this tick is used up"):
        ask(desk.link)


def test_no_call_begins_when_the_ticks_time_is_used_up(desk: AlpacaDesk) -> None:
    desk.patience.left = 0
    with pytest.raises(NotAsked):
        ask(desk.link)
    assert desk.server.requests == []


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_nothing_is_sent_twice_by_the_library(desk: AlpacaDesk, status: int) -> None:
    desk.server.fail("GET", ACCOUNT, status=status, body=HTML, times=9)
    with pytest.raises(Refusal, match=f"HTTP {status}"):
        ask(desk.link)
    assert len(desk.server.requests) == 1


def test_a_lost_connection_is_one_sentence_and_the_next_call_works(desk: AlpacaDesk) -> None:
    desk.server.fail("GET", ACCOUNT, "reset")
    with pytest.raises(Unanswered, match="was lost"):
        ask(desk.link)
    assert ask(desk.link)


# Words.


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ('{"code":40310000,"message":"no"}', "40310000", "no"),
        ('{"message":"forbidden."}', "", "forbidden."),
        ("{}", "", "{}"),
        ("", "", ""),
        (HTML, "", "502 Bad Gateway"),
        ("[" * 100_000, "", "[" * 300),
        ('{"code":null,"message":null}', "", '{"code":null,"message":null}'),
    ],
)
def test_an_error_always_has_words_and_reading_it_never_fails(
    body: str, code: str, words: str
) -> None:
    assert error_words(body) == (code, words)


@pytest.mark.parametrize("value", [None, "", "x", True, [], {}, "NaN", float("inf")])
def test_what_is_no_number_is_not_known(value: object) -> None:
    assert number(value) is None


@pytest.mark.parametrize(
    "written",
    ["2026-03-09T13:41:00.123456789Z", "2026-03-09t09:41:00.123456-04:00"],
)
def test_time_stamps_with_nanoseconds_and_offsets_are_the_same_moment(written: str) -> None:
    assert str(moment(written)) == "2026-03-09 09:41:00.123456-04:00"


@pytest.mark.parametrize("value", [None, 7, "", "noon", "2026-03-09T09:41:00"])
def test_a_time_stamp_without_a_zone_is_not_known(value: object) -> None:
    assert moment(value) is None


# Pages.


def endless(desk: AlpacaDesk) -> dict[str, Callable[[], object]]:
    return {
        "/v2/options/contracts": lambda: pages.contracts(desk.link, "SPX", "SPXW", DAY),
        "/v1beta1/options/snapshots/SPX": lambda: pages.chain(desk.link, "SPX", {}),
        "/v2/account/activities": lambda: pages.activities(
            desk.link, "FILL", lambda _: False, stamp="x", urgent=False
        ),
        "/v2/orders": lambda: pages.orders(desk.link, "all", lambda _: False, what="the orders"),
    }


@pytest.mark.parametrize("path", ["chain", "activities", "orders"])
def test_a_list_that_never_ends_is_given_up(desk: AlpacaDesk, path: str) -> None:
    count = iter(range(10**9))

    def more(_: object) -> object:
        if path == "chain":
            return {"snapshots": {}, "next_page_token": str(next(count))}
        return [
            {"id": str(next(count)), "submitted_at": "2026-03-09T13:41:00Z"} for _ in range(500)
        ]

    names = {
        "chain": "/v1beta1/options/snapshots/SPX",
        "activities": "/v2/account/activities",
        "orders": "/v2/orders",
    }
    desk.server.fail("GET", names[path], "made", edit=more, times=10**9)
    with pytest.raises(RetryLater, match="no end"):
        endless(desk)[names[path]]()
    assert len(desk.server.requests) <= pages.MOST_PAGES


@pytest.mark.parametrize("path", ["/v2/options/contracts", "/v1beta1/options/snapshots/SPX"])
def test_a_page_that_comes_again_is_given_up_at_once(desk: AlpacaDesk, path: str) -> None:
    page = {"snapshots": {}, "option_contracts": [], "next_page_token": "same"}
    desk.server.fail("GET", path, "made", edit=lambda _: page, times=9)
    with pytest.raises(RetryLater, match="same page"):
        endless(desk)[path]()
    assert len(desk.server.requests) == 2


def test_all_contracts_are_found_however_small_the_pages(desk: AlpacaDesk) -> None:
    desk.quote_spx_options()
    whole = pages.contracts(desk.link, "SPX", "SPXW", DAY)
    desk.server.page_size = 3
    assert pages.contracts(desk.link, "SPX", "SPXW", DAY) == whole
    assert len(whole) == 34


# Calls a minute.


def test_the_last_calls_of_a_minute_are_kept_for_exits(desk: AlpacaDesk) -> None:
    desk.server.counts, desk.server.remaining = True, 21
    desk.broker.account()
    with pytest.raises(RetryLater, match="more calls"):
        desk.broker.account()
    opening = desk.broker.submit(desk.intent())
    assert (opening.answer, opening.code) == (Answer.REFUSED, "not-sent")
    closing = desk.intent(SPX, Side.SELL, 1, "23.40", Purpose.CLOSE)
    assert desk.broker.submit(closing).code != "not-sent"
    desk.broker.holdings()
    desk.broker.order(closing.client_order_id)


def test_nothing_is_sent_once_the_calls_are_used_up_until_the_next_minute(
    desk: AlpacaDesk,
) -> None:
    desk.server.counts, desk.server.remaining = True, 1
    desk.broker.holdings()
    sent = len(desk.server.requests)
    with pytest.raises(RetryLater, match="no more calls"):
        desk.broker.holdings()
    assert len(desk.server.requests) == sent
    desk.server.remaining = 200
    desk.clock.sleep(timedelta(seconds=61).total_seconds())
    desk.broker.holdings()


def test_being_throttled_once_stops_the_calls(desk: AlpacaDesk) -> None:
    desk.server.fail("GET", "/v2/positions", status=429, body="")
    for _ in range(3):
        with pytest.raises(RetryLater):
            desk.broker.holdings()
    assert len(desk.server.requests) == 1


def test_a_server_that_takes_few_calls_is_not_thereby_used_up(desk: AlpacaDesk) -> None:
    desk.server.counts, desk.server.limit, desk.server.remaining = True, 10, 9
    desk.broker.account()
    desk.broker.account()
