"""What the doctor and the morning find out at Interactive Brokers, without an order."""

from collections.abc import Iterator

import pytest

from src.ports import Check, Verdict
from tests.fakes.tws_desk import TwsDesk, a_tws_desk
from tests.fakes.tws_faults import Feed


@pytest.fixture
def desk() -> Iterator[TwsDesk]:
    with a_tws_desk() as desk:
        yield desk


def rows(desk: TwsDesk) -> dict[str, Check]:
    return {each.name: each for each in desk.broker.diagnose()}


def test_a_healthy_account_has_no_row_that_fails_and_gets_no_order(desk: TwsDesk) -> None:
    found = rows(desk)
    assert {name: each.verdict for name, each in found.items()} == dict.fromkeys(
        (
            *("connection", "broker's clock", "account", "market data", "today's contracts"),
            *("price steps", "index options", "uncovered calls", "last order today"),
        ),
        Verdict.OK,
    )
    assert desk.server.book.orders == []
    assert "DU1234567, paper, INDIVIDUAL" in found["account"].found


def test_without_tws_there_is_one_row_that_says_so(desk: TwsDesk) -> None:
    desk.server.faults.logged_out = True
    (row,) = desk.broker.diagnose()
    assert row.verdict is Verdict.FAIL
    assert "logged out" in row.found


def test_an_account_that_may_not_sell_uncovered_calls_fails_with_the_words_of_tws(
    desk: TwsDesk,
) -> None:
    desk.server.book.cash = 50_000.0
    row = rows(desk)["uncovered calls"]
    assert row.verdict is Verdict.FAIL
    assert "90000.00" in row.found
    assert row.mend


def test_a_read_only_api_is_found_and_mended(desk: TwsDesk) -> None:
    desk.link.ready()
    desk.server.faults.read_only = True
    row = rows(desk)["index options"]
    assert row.verdict is Verdict.FAIL
    assert "Read-Only API" in row.mend


def test_delayed_data_fail_and_what_depends_on_prices_is_skipped(desk: TwsDesk) -> None:
    desk.server.faults.feed = Feed.DELAYED
    found = rows(desk)
    assert found["market data"].verdict is Verdict.FAIL
    assert found["uncovered calls"].verdict is Verdict.SKIP
    assert found["account"].verdict is Verdict.OK


@pytest.mark.parametrize(
    ("skew", "verdict"), [(0, Verdict.OK), (10, Verdict.WARN), (-300, Verdict.FAIL)]
)
def test_a_clock_that_is_off_is_judged_by_how_much(
    desk: TwsDesk, skew: float, verdict: Verdict
) -> None:
    desk.server.faults.clock_skew = skew
    assert rows(desk)["broker's clock"].verdict is verdict


def test_a_price_rule_that_is_not_the_exchanges_is_named(desk: TwsDesk) -> None:
    desk.server.book.rules[109] = [(0.0, 0.25)]
    row = rows(desk)["price steps"]
    assert row.verdict is Verdict.FAIL
    assert "market rule 109" in row.found


def test_a_day_without_an_expiry_is_a_row_and_no_crash(desk: TwsDesk) -> None:
    for each in desk.server.book.listings.values():
        if each.trading_class == "SPXW":
            each.expiry = "20260310"
    found = rows(desk)
    assert Verdict.FAIL in {found["today's contracts"].verdict, found["market data"].verdict}
