"""Past days from Interactive Brokers, by the real library, over a real socket, into tapes."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from src.models import Session
from src.ports import MendInput, RetryLater
from tests.fakes.builders import DAY, a_session, at, spxw_call, spy_call
from tests.fakes.history import Backfill, ibkr_history
from tests.fakes.past_market import PastMarket
from tests.fakes.tws_history import SPREAD
from tests.fakes.tws_server import FakeTws

MARKET = PastMarket()
THAT_EVENING = at("17:00")
PACING = (
    162,
    "Historical Market Data Service error message:Historical data request pacing violation",
)


@pytest.fixture
def today(tmp_path: Path) -> Iterator[tuple[FakeTws, Backfill]]:
    with ibkr_history(tmp_path, now=THAT_EVENING) as both:
        yield both


def test_an_earlier_day_has_prices_and_no_options_and_says_why(tmp_path: Path) -> None:
    with ibkr_history(tmp_path) as (server, backfill):
        backfill.run()
        tape = backfill.tape
        assert [row[5] for row in tape.prices["SPX"].rows] == [p for _, p in MARKET.closes("SPX")]
        assert [row[5] for row in tape.prices["SPY"].rows] == [p for _, p in MARKET.closes("SPY")]
        assert tape.prices["SPY"].seen[0] == at("09:31")
        assert tape.options == {}
        assert any("no history of expired options" in label for label in tape.sidecar.labels)
        closes = tape.sidecar.closes
        assert closes is not None
        assert closes.spx == MARKET.closes("SPX")[-1][1]
        assert {name for _, name, _, _ in server.history.asked} == {"SPY", "SPX"}


def test_options_of_the_day_itself_have_the_minutes_in_which_they_traded(
    today: tuple[FakeTws, Backfill],
) -> None:
    server, backfill = today
    server.history.markets = [PastMarket(untraded=frozenset({5, 6}))]
    backfill.run()
    tape = backfill.tape
    rows = tape.options[spxw_call(6000.0)].rows
    assert [row[0] for row in rows[3:7]] == [at(t) for t in ("09:34", "09:35", "09:38", "09:39")]
    assert rows[4][5] == MARKET.option(spxw_call(6000.0), 4)
    assert {row[1:5] for row in rows} == {(None, None, None, None)}
    assert tape.kind == "bars"


def test_averages_of_both_sides_are_quotes_only_when_asked_for_and_labelled(tmp_path: Path) -> None:
    with ibkr_history(tmp_path, now=THAT_EVENING, averages=True) as (_, backfill):
        backfill.run()
        tape = backfill.tape
        call = spxw_call(6000.0)
        first = tape.options[call].rows[0]
        middle = MARKET.option(call, 0)
        assert first[1] == pytest.approx(middle - SPREAD / 2)
        assert first[2] == pytest.approx(middle + SPREAD / 2)
        assert tape.kind == "averages"
        assert any("averages over each minute" in label for label in tape.sidecar.labels)


@pytest.mark.parametrize("averages", [False, True])
def test_no_more_is_asked_within_ten_minutes_than_tws_allows(
    tmp_path: Path,
    averages: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    with ibkr_history(tmp_path, now=THAT_EVENING, averages=averages) as (server, backfill):
        backfill.run()
        asked = server.history.asked
        for n, (since, *_) in enumerate(asked):
            window = [cost for at_, _, _, cost in asked[n:] if at_ - since < timedelta(minutes=10)]
            assert sum(window) <= 60
        assert sum(cost for *_, cost in asked) > 60 or not averages
        assert backfill.path.exists()


def test_a_pacing_violation_is_waited_out(today: tuple[FakeTws, Backfill]) -> None:
    server, backfill = today
    server.history.refusals = [PACING, PACING]
    backfill.run()
    assert backfill.clock.waits[:2] == [30.0, 60.0]
    assert spy_call(600.0) in backfill.tape.options


def test_a_data_subscription_that_is_missing_is_said_at_once(
    today: tuple[FakeTws, Backfill],
) -> None:
    server, backfill = today
    words = "Historical Market Data Service error message:No market data permissions for CBOE IND"
    server.history.refusals = [(162, words)]
    with pytest.raises(MendInput, match=r"No market data permissions.*subscription"):
        backfill.run()
    assert backfill.clock.waits == []


def test_another_error_ends_the_fetch_and_keeps_what_is_there(
    today: tuple[FakeTws, Backfill],
) -> None:
    server, backfill = today
    server.history.refusals = [(366, "No historical data query found for ticker id")]
    with pytest.raises(RetryLater, match="366"):
        backfill.run()
    assert backfill.files() == {f"{DAY}.csv.fetching"}
    backfill.run()
    assert spxw_call(6000.0) in backfill.tape.options


def test_a_day_that_is_completed_after_its_options_expired_says_so(
    today: tuple[FakeTws, Backfill],
) -> None:
    server, backfill = today

    server.history.most = 25
    with pytest.raises(RetryLater):
        backfill.run()
    server.history.most = None
    backfill.clock.sleep(86_400)
    backfill.run()
    tape = backfill.tape
    assert 0 < len(tape.options) < 40
    assert any("not all options" in label for label in tape.sidecar.labels)


def test_strikes_that_are_not_listed_are_left_out(today: tuple[FakeTws, Backfill]) -> None:
    server, backfill = today
    gone = spxw_call(6000.0)

    def delist() -> None:
        book = server.book
        book.listings = {k: v for k, v in book.listings.items() if v.strike != gone.strike}

    server.do(delist)
    backfill.run()
    assert gone not in backfill.tape.options
    assert spxw_call(6005.0) in backfill.tape.options


def test_a_day_without_data_leaves_no_file(tmp_path: Path) -> None:
    tuesday = DAY + timedelta(days=1)
    with ibkr_history(tmp_path) as (_, backfill):
        backfill.run(Session(tuesday, at("09:30", tuesday), at("16:00", tuesday)))
        assert backfill.files() == set()


def test_a_half_day_is_asked_for_up_to_its_own_close(tmp_path: Path) -> None:
    session = a_session("13:00")
    with ibkr_history(tmp_path, PastMarket(session)) as (_, backfill):
        backfill.run(session)
        assert backfill.tape.prices["SPX"].seen[-1] == at("13:00")
