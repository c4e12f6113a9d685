"""What an account at Alpaca can do, holds and is booked overnight."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest

from brokers.alpaca_client import AlpacaBroker
from brokers.alpaca_margin import most_margin
from src.fees import FeeSchedule
from src.models import OptionContract, Purpose, Side
from src.ports import ActivityKind, Check, RetryLater, Verdict
from tests.fakes.alpaca_desk import SPX, SPY, AlpacaDesk, a_desk
from tests.fakes.builders import DAY, HALF_DAY, a_session, at

YESTERDAY = DAY - timedelta(days=3)


@pytest.fixture
def desk() -> Iterator[AlpacaDesk]:
    with a_desk() as found:
        yield found


def row(checks: tuple[Check, ...], name: str) -> Check:
    return next(each for each in checks if each.name == name)


# Activities.


def test_what_happened_overnight_is_told_with_its_day_sign_and_cash(desk: AlpacaDesk) -> None:
    old = OptionContract("SPY", YESTERDAY, 600.0).symbol
    index = OptionContract("SPXW", YESTERDAY, 6000.0).symbol
    desk.exchange.book("OPASN", YESTERDAY, symbol=old, qty="10", description="Assignment")
    desk.exchange.book("OPTRD", YESTERDAY, symbol="SPY", qty="-1000", net_amount="600000")
    desk.exchange.book("OPCSH", YESTERDAY, symbol=index, qty="-1", net_amount="2050.00")
    desk.exchange.book("OPEXP", YESTERDAY, symbol=old, qty="10")
    desk.exchange.book("OPEXC", YESTERDAY, symbol=old, qty="-2")
    desk.exchange.book("DIV", YESTERDAY, symbol="SPY", net_amount="1.02")
    told = {each.kind: each for each in desk.broker.activities(YESTERDAY)}
    assert set(told) == set(ActivityKind)
    assert all(each.day == YESTERDAY for each in told.values())
    assigned, shares = told[ActivityKind.ASSIGNED], told[ActivityKind.SHARES]
    assert (assigned.contract, assigned.quantity) == (OptionContract("SPY", YESTERDAY, 600.0), 10)
    assert (shares.contract, shares.quantity, shares.cash) == (None, -1000, Decimal(600_000))
    cash = told[ActivityKind.CASH_SETTLED]
    assert (cash.quantity, cash.cash) == (-1, Decimal("2050.00"))
    assert cash.contract == OptionContract("SPXW", YESTERDAY, 6000.0)


def test_shares_that_moved_without_an_amount_cost_their_price(desk: AlpacaDesk) -> None:
    fields = {"symbol": "SPY", "qty": "-1000", "price": "600"}
    desk.exchange.book("OPTRD", YESTERDAY, **fields)
    del desk.exchange.activities[0]["net_amount"]
    (told,) = desk.broker.activities(YESTERDAY)
    assert told.cash == Decimal(600_000)


def test_what_was_booked_before_or_taken_back_is_left_out(desk: AlpacaDesk) -> None:
    desk.exchange.book("OPEXP", YESTERDAY - timedelta(days=9), symbol=SPY.symbol, qty="1")
    desk.exchange.book("OPEXP", YESTERDAY, symbol=SPY.symbol, qty="1", status="canceled")
    assert desk.broker.activities(YESTERDAY) == []


def test_many_activities_come_page_by_page(desk: AlpacaDesk) -> None:
    for _ in range(250):
        desk.exchange.book("OPEXP", YESTERDAY, symbol=SPY.symbol, qty="1")
    told = desk.broker.activities(YESTERDAY)
    assert len({each.activity_id for each in told}) == 250


def test_activities_that_cannot_be_asked_for_are_not_none(desk: AlpacaDesk) -> None:
    desk.server.fail("GET", "/v2/account/activities", status=504)
    with pytest.raises(RetryLater):
        desk.broker.activities(YESTERDAY)


# Capabilities.


def test_the_ratio_spread_is_refused_in_plain_words_before_anything_is_sent(
    desk: AlpacaDesk,
) -> None:
    found = row(desk.broker.capabilities(), "uncovered calls")
    assert found.verdict is Verdict.FAIL
    assert "40310000" in found.found
    assert "covers nothing in SPY" in found.found
    assert "broker.execution" in found.mend
    assert desk.server.sent("POST", "/") == []


def test_a_sound_account_fails_in_nothing_else(desk: AlpacaDesk) -> None:
    verdicts = {each.name: each.verdict for each in desk.broker.capabilities()}
    assert verdicts.pop("uncovered calls") is Verdict.FAIL
    assert set(verdicts.values()) == {Verdict.OK}
    assert set(verdicts) == {
        *("account", "options level", "index options", "margin", "market data"),
        "last order today",
    }


def test_what_an_account_lacks_is_named_each_by_itself(desk: AlpacaDesk) -> None:
    desk.exchange.level = 1
    desk.exchange.cash = Decimal(1000)
    desk.exchange.status = "ACCOUNT_UPDATED"
    del desk.exchange.markets[SPX.symbol]
    checks = desk.broker.capabilities()
    for name in ("options level", "margin", "account", "index options"):
        assert row(checks, name).verdict is Verdict.FAIL
        assert row(checks, name).mend


def test_an_account_without_opra_is_told_at_the_start(desk: AlpacaDesk) -> None:
    desk.server.has_opra = False
    found = row(desk.broker.capabilities(), "market data")
    assert found.verdict is Verdict.FAIL
    assert "OPRA agreement is not signed" in found.found


@pytest.mark.parametrize(("paper", "verdict"), [(True, Verdict.WARN), (False, Verdict.FAIL)])
def test_indicative_quotes_will_do_for_paper_and_never_for_money(
    desk: AlpacaDesk, verdict: Verdict, *, paper: bool
) -> None:
    desk.server.keys = ("XK", "x")
    link = desk.new_link("XK", "x", paper=paper)
    broker = AlpacaBroker(link, desk.session, desk.clock, FeeSchedule(), feed="indicative")
    assert row(broker.capabilities(), "market data").verdict is verdict


@pytest.mark.parametrize("day", [DAY, HALF_DAY])
def test_everything_is_sold_before_alpaca_does_it(desk: AlpacaDesk, day: object) -> None:
    half = day == HALF_DAY
    session = a_session("13:00", HALF_DAY) if half else a_session()
    expected = at("12:15", HALF_DAY) if half else at("15:15")
    assert desk.broker.must_be_flat_by(session) == expected


# Margin.


def test_the_margin_of_uncovered_calls_is_reckoned_on_the_safe_side() -> None:
    # SPY is at most 603 when the 600 call costs 3: 20% of it and the premium, ten times.
    assert most_margin(SPY, 10, Decimal(3)) == Decimal("123600.00")
    assert most_margin(SPX, 1, Decimal(20)) == Decimal("92300.00")


def test_an_order_beyond_the_buying_power_is_told_before_it_is_sent(desk: AlpacaDesk) -> None:
    desk.exchange.cash = Decimal(100_000)
    assert "120600.00 dollars of margin" in desk.broker.refusal(desk.sale(limit="3.00"))
    assert desk.broker.refusal(desk.intent()) == ""
    assert "premium" in desk.broker.refusal(desk.intent(quantity=100))


def test_closing_needs_no_buying_power(desk: AlpacaDesk) -> None:
    desk.exchange.cash = Decimal(1)
    desk.exchange.positions = {SPY.symbol: -10, SPX.symbol: 1}
    back = desk.intent(SPY, Side.BUY, 10, "3.00", Purpose.CLOSE)
    away = desk.intent(SPX, Side.SELL, 1, "23.00", Purpose.CLOSE)
    desk.exchange.cash = Decimal(200_000)
    assert desk.broker.refusal(back) == desk.broker.refusal(away) == ""


# The doctor.


def test_the_doctor_finds_nothing_wrong_with_a_sound_account_but_its_coverage(
    desk: AlpacaDesk,
) -> None:
    failed = [each.name for each in desk.broker.diagnose() if each.verdict is not Verdict.OK]
    assert failed == ["uncovered calls"]
    assert desk.server.sent("POST", "/") == desk.server.sent("DELETE", "/") == []


@pytest.mark.parametrize(
    ("seconds", "verdict"),
    [(1, Verdict.OK), (-5, Verdict.WARN), (5, Verdict.WARN), (300, Verdict.FAIL)],
)
def test_a_clock_that_is_off_is_seen(desk: AlpacaDesk, seconds: int, verdict: Verdict) -> None:
    desk.server.clock_is_off = timedelta(seconds=seconds)
    assert row(desk.broker.diagnose(), "clock").verdict is verdict


@pytest.mark.parametrize(
    "calendar", [[], [{"date": "2026-03-09", "open": "09:30", "close": "13:00"}]]
)
def test_a_calendar_that_differs_is_seen(desk: AlpacaDesk, calendar: list[dict[str, str]]) -> None:
    desk.server.calendar = calendar
    assert row(desk.broker.diagnose(), "calendar").verdict is Verdict.FAIL


def test_each_row_of_the_doctor_stands_alone(desk: AlpacaDesk) -> None:
    desk.server.fail("GET", "/v2/clock", status=500, body="x")
    desk.server.fail("GET", "/v2/options/contracts", "reset")
    desk.server.has_opra = False
    verdicts = {each.name: each.verdict for each in desk.broker.diagnose()}
    failed = {name for name, verdict in verdicts.items() if verdict is Verdict.FAIL}
    broken = {"index options", "market data", "uncovered calls"}
    assert failed == {*broken, "today's contracts"}  # without quotes nobody can tell
    assert verdicts["clock"] is Verdict.WARN


def test_the_doctor_never_fails_itself_when_nothing_answers(desk: AlpacaDesk) -> None:
    desk.server.wrong_keys, desk.server.keys = (401, {"message": "unauthorized"}), ("PKX", "x")
    checks = desk.broker.diagnose()
    assert row(checks, "keys").verdict is Verdict.FAIL
    assert "broker.api_key" in row(checks, "keys").found


def test_a_day_that_only_takes_quotes_asks_nothing_about_orders(desk: AlpacaDesk) -> None:
    desk.quote_spx_options()
    names = {each.name: each.verdict for each in desk.market.diagnose()}
    assert set(names) == {
        *("keys", "account", "market data", "today's contracts", "clock", "calendar", "prices")
    }
    assert set(names.values()) == {Verdict.OK}


def test_prices_that_are_missing_before_the_open_are_no_failure(desk: AlpacaDesk) -> None:
    assert row(desk.market.diagnose(), "prices").verdict is Verdict.WARN
    desk.exchange.spy = desk.exchange.spy_trade = None
    assert row(desk.market.diagnose(), "prices").verdict is Verdict.WARN


def test_what_is_free_is_alpacas_options_buying_power(desk: AlpacaDesk) -> None:
    desk.exchange.positions = {SPY.symbol: -10}
    account = desk.broker.account()
    assert account.account_id == "PA3FAKE00001"
    assert account.available == Decimal(1_000_000 - 120_000)


def test_numbers_may_be_written_as_numbers(desk: AlpacaDesk) -> None:
    def numbers(told: dict[str, object]) -> dict[str, object]:
        return {**told, "cash": 5.1, "equity": 7, "options_buying_power": None}

    desk.server.fail("GET", "/v2/account", "edit", edit=numbers)
    account = desk.broker.account()
    assert (account.cash, account.equity) == (Decimal("5.1"), Decimal(7))
    assert account.margin_used == 0
