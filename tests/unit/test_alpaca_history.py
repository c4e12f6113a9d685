"""Past days from Alpaca, by the real library, over a real socket, into tapes."""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from brokers.replay_market import ReplayMarket
from src.models import OptionContract, Session
from src.ports import MendInput, RetryLater
from tests.fakes.alpaca_server import AlpacaServer
from tests.fakes.builders import DAY, a_clock, a_session, at, spxw_call, spy_call
from tests.fakes.history import Backfill, alpaca_history
from tests.fakes.past_market import PastMarket

MARKET = PastMarket()
OPTIONS = "/v1beta1/options/bars"
STOCKS = "/v2/stocks/bars"
TUESDAY = DAY + timedelta(days=1)


@pytest.fixture
def alpaca(tmp_path: Path) -> Iterator[tuple[AlpacaServer, Backfill]]:
    with alpaca_history(tmp_path) as both:
        yield both


def asked(server: AlpacaServer) -> list[str]:
    """What was asked for, one word a request."""
    return [
        f"{each.path.rpartition('/')[0].rpartition('/')[2]} {each.query['symbols'].split(',')[0]}"
        for each in server.requests
    ]


def told(backfill: Backfill) -> dict[str, object]:
    found: dict[str, object] = json.loads((backfill.folder / f"{DAY}.json").read_text())
    return found


def test_a_day_becomes_a_tape_of_last_prices_without_quotes(
    alpaca: tuple[AlpacaServer, Backfill],
) -> None:
    _, backfill = alpaca
    backfill.run()
    tape = backfill.tape
    assert tape.kind == "bars"
    for contract in (spy_call(598.0), spxw_call(6000.0)):
        rows = tape.options[contract].rows
        expected = [(start + timedelta(minutes=1), p) for start, p, _ in MARKET.trades(contract)]
        assert [(row[0], row[5]) for row in rows] == expected
        assert {row[1:5] for row in rows} == {(None, None, None, None)}
    assert [row[5] for row in tape.prices["SPY"].rows] == [p for _, p in MARKET.closes("SPY")]
    assert backfill.files() == {f"{DAY}.csv.gz", f"{DAY}.json"}


def test_spx_is_reckoned_by_parity_and_the_tape_says_so(
    alpaca: tuple[AlpacaServer, Backfill],
) -> None:
    _, backfill = alpaca
    backfill.run()
    tape = backfill.tape
    estimates = {row[0]: row[5] for row in tape.prices["SPX"].rows}
    assert len(estimates) >= 385
    for start, level in MARKET.closes("SPX"):
        estimate = estimates.get(start + timedelta(minutes=1))
        assert estimate is None or abs(estimate - level) <= 0.15
    assert any("estimate: put-call parity" in label for label in tape.sidecar.labels)
    closes = tape.sidecar.closes
    assert closes is not None
    assert closes.spy == MARKET.closes("SPY")[-1][1]
    assert "not official" in closes.source


def test_strikes_reach_beyond_all_that_the_day_touched(
    alpaca: tuple[AlpacaServer, Backfill],
) -> None:
    server, backfill = alpaca
    backfill.run()
    wanted = {s for each in server.sent("GET", OPTIONS) for s in each.query["symbols"].split(",")}
    spy = [price for _, price in MARKET.closes("SPY")]
    strikes = sorted(int(each[-8:]) / 1000 for each in wanted if each.startswith("SPY"))
    assert strikes[0] <= min(spy) - 2
    assert strikes[-1] >= max(spy) + 2
    assert {each.query["timeframe"] for each in server.sent("GET", OPTIONS)} == {"1Min"}
    assert {each.query["adjustment"] for each in server.sent("GET", STOCKS)} == {"raw"}


def test_small_pages_are_followed_to_the_same_bytes(
    alpaca: tuple[AlpacaServer, Backfill], tmp_path: Path
) -> None:
    server, backfill = alpaca
    backfill.run()
    whole = backfill.path.read_bytes()
    server.past.page_size = 997
    few = len(server.requests)
    again = Backfill(backfill.history, tmp_path / "again", backfill.clock)
    again.folder.mkdir()
    again.run()
    assert again.path.read_bytes() == whole
    assert len(server.requests) > 2 * few


def test_a_list_without_an_end_is_given_up(alpaca: tuple[AlpacaServer, Backfill]) -> None:
    server, backfill = alpaca
    server.fail(
        "GET", OPTIONS, "made", times=10_000, edit=lambda _: {"bars": {}, "next_page_token": "x"}
    )
    with pytest.raises(RetryLater, match="no end"):
        backfill.run()


def test_a_limit_of_requests_is_waited_for(alpaca: tuple[AlpacaServer, Backfill]) -> None:
    server, backfill = alpaca
    server.counts, server.remaining = True, 2

    def refill() -> None:
        # The server counts anew each minute.
        if sum(backfill.clock.waits) >= 60:
            server.remaining = 200

    backfill.clock.on_wait = refill
    backfill.run()
    assert sum(backfill.clock.waits) >= 60
    assert backfill.path.exists()
    assert all(later >= wait for wait, later in pairwise(backfill.clock.waits))


@pytest.mark.parametrize(
    "fault",
    [{"status": 429}, {"status": 500}, {"status": 503}, {"kind": "reset"}],
    ids=lambda fault: str(fault.get("status", fault.get("kind"))),
)
def test_a_server_in_trouble_is_asked_again(
    alpaca: tuple[AlpacaServer, Backfill], fault: dict[str, object]
) -> None:
    server, backfill = alpaca
    server.fail("GET", OPTIONS, **{"times": 2, **fault})  # type: ignore[arg-type] # its fields
    backfill.run()
    assert backfill.path.exists()


@pytest.mark.parametrize("answer", [[], {"bars": 7}, {"bars": {"SPY": "none"}}])
def test_an_answer_that_cannot_be_read_is_no_empty_day(
    alpaca: tuple[AlpacaServer, Backfill], answer: object
) -> None:
    server, backfill = alpaca
    server.fail("GET", STOCKS, "edit", edit=lambda _: answer)
    with pytest.raises(RetryLater, match="cannot be read"):
        backfill.run()
    assert not backfill.path.exists()


@pytest.mark.parametrize("status", [400, 422, 403])
def test_a_question_that_is_refused_is_not_repeated(
    alpaca: tuple[AlpacaServer, Backfill], status: int
) -> None:
    server, backfill = alpaca
    body = '{"message": "subscription does not permit querying recent SIP data"}'
    server.fail("GET", STOCKS, times=99, status=status, body=body)
    with pytest.raises(MendInput, match="subscription does not"):
        backfill.run()
    assert len(server.requests) == 1


def test_an_interrupted_day_is_completed_and_not_begun_anew(
    alpaca: tuple[AlpacaServer, Backfill], tmp_path: Path
) -> None:
    server, backfill = alpaca
    backfill.run()
    whole = backfill.path.read_bytes()
    first = asked(server)
    other = Backfill(backfill.history, tmp_path / "other", backfill.clock)
    other.folder.mkdir()
    server.requests.clear()
    # SPY and the first options arrive; from then on the server is down.
    server.past.page_size = 10**6
    count = 0

    def down(payload: object) -> object:
        nonlocal count
        count += 1
        if count > 1:
            raise ConnectionError
        return payload

    server.fail("GET", OPTIONS, "edit", times=10_000, edit=down)
    with pytest.raises(RetryLater, match=rf"{DAY} could not be fetched: .*[^.]\. Before it 0 days"):
        other.run()
    assert other.files() == {f"{DAY}.csv.fetching"}
    server.faults.clear()
    server.requests.clear()
    other.run()
    assert other.path.read_bytes() == whole
    assert "stocks SPY" not in asked(server)[:1]
    assert len(server.requests) < len(first)


def test_a_day_that_is_there_is_not_asked_for_again(alpaca: tuple[AlpacaServer, Backfill]) -> None:
    server, backfill = alpaca
    backfill.run()
    whole = backfill.path.read_bytes()
    server.requests.clear()
    backfill.run()
    assert server.requests == []
    assert backfill.path.read_bytes() == whole


def test_a_day_that_was_fetched_with_other_options_is_kept_and_told(
    alpaca: tuple[AlpacaServer, Backfill], capsys: pytest.CaptureFixture[str]
) -> None:
    server, backfill = alpaca
    backfill.plan = {"source": "Alpaca", "strikes": 2, "derive-quotes": False}
    backfill.run()
    whole = backfill.path.read_bytes()
    server.requests.clear()
    capsys.readouterr()
    backfill.plan = {"source": "Alpaca", "strikes": 4, "derive-quotes": True}
    backfill.run()
    told = capsys.readouterr().out
    made = "as bars, without quotes (made with --strikes 2, without --derive-quotes); remove it"
    assert f"{DAY}  there already {made} to fetch it again" in told
    assert "1 there already, made with other options." in told
    assert server.requests == []
    assert backfill.path.read_bytes() == whole


def test_what_another_plan_has_left_is_begun_anew(alpaca: tuple[AlpacaServer, Backfill]) -> None:
    server, backfill = alpaca
    left = backfill.folder / f"{DAY}.csv.fetching"
    left.write_text('# {"strikes": 99}\n# done prices\n')
    backfill.run()
    assert asked(server)[0] == "stocks SPY"
    assert backfill.path.exists()


def test_a_tape_from_elsewhere_is_kept(
    alpaca: tuple[AlpacaServer, Backfill], capsys: pytest.CaptureFixture[str]
) -> None:
    server, backfill = alpaca
    backfill.path.write_bytes(b"recorded")
    (backfill.folder / f"{DAY}.json").write_text('{"source": "IBKR", "kind": "recorded"}')
    backfill.run()
    assert backfill.path.read_bytes() == b"recorded"
    assert server.requests == []
    assert "from another source, and kept: IBKR" in capsys.readouterr().out


def test_a_damaged_tape_is_not_taken_for_a_day_that_is_done(
    alpaca: tuple[AlpacaServer, Backfill],
) -> None:
    _, backfill = alpaca
    backfill.run()
    backfill.path.write_bytes(backfill.path.read_bytes()[:-9])
    with pytest.raises(MendInput, match=r"does not match the checksum.*Remove it"):
        backfill.run()


def test_quotes_are_derived_only_when_asked_for_and_said(
    alpaca: tuple[AlpacaServer, Backfill],
) -> None:
    _, backfill = alpaca
    backfill.derives = True
    backfill.run()
    tape = backfill.tape
    assert tape.kind == "prints"
    assert any(label.startswith("DERIVED QUOTES") for label in tape.sidecar.labels)
    market = ReplayMarket(tape, a_clock("11:00"))
    spy, spx = spy_call(600.0), spxw_call(6000.0)
    quotes = market.quotes([spy, spx])
    assert quotes[spy].ask == quotes[spy].last == MARKET.option(spy, 89)
    assert quotes[spy].bid == round(MARKET.option(spy, 89) - 0.01, 2)
    assert quotes[spx].bid == round(MARKET.option(spx, 89) - 0.1, 2)


def test_missing_minutes_are_gaps_that_the_tape_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    market = PastMarket(silent=frozenset({44, 45, 46, 100}))
    with alpaca_history(tmp_path, market) as (_, backfill):
        backfill.run()
        assert "SPY 10:15-10:17" in told(backfill)["gaps"]  # type: ignore[operator] # a list
        assert "SPY lacks 4 of 390 minutes: 10:15-10:17, 11:11" in backfill.tape.sidecar.labels
    assert "SPY lacks 4 of 390 minutes" in capsys.readouterr().out


def test_minutes_without_a_trade_are_left_out_and_spx_is_not_known_then(tmp_path: Path) -> None:
    market = PastMarket(untraded=frozenset(range(60, 70)))
    with alpaca_history(tmp_path, market) as (_, backfill):
        backfill.run()
        tape = backfill.tape
    first, last = at("10:31"), at("10:40")
    for series in (tape.prices["SPX"], tape.options[spxw_call(6000.0)]):
        assert not [seen for seen in series.seen if first <= seen <= last]
    assert any("SPX lacks 10 of 390 minutes: 10:31-10:40" in x for x in tape.sidecar.labels)


def test_a_half_day_ends_with_its_own_close(tmp_path: Path) -> None:
    session = a_session("13:00")
    with alpaca_history(tmp_path, PastMarket(session)) as (_, backfill):
        backfill.run(session)
        assert backfill.tape.prices["SPY"].seen[-1] == at("13:00")
        assert not any("lacks" in label for label in backfill.tape.sidecar.labels)


def test_a_session_without_data_leaves_no_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with alpaca_history(tmp_path) as (_, backfill):
        empty = Session(TUESDAY, at("09:30", TUESDAY), at("16:00", TUESDAY))
        backfill.run(a_session(), empty)
        assert backfill.files() == {f"{DAY}.csv.gz", f"{DAY}.json"}
    said = capsys.readouterr().out
    assert f"{TUESDAY}  nothing" in said
    assert "2 sessions: 1 fetched, 1 without data" in said


def test_one_thing_is_told_in_the_singular(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with alpaca_history(tmp_path) as (_, backfill):
        backfill.run()
        backfill.run()
    assert "1 session: 1 there already." in capsys.readouterr().out


def test_options_before_their_history_are_not_asked_for(
    alpaca: tuple[AlpacaServer, Backfill],
) -> None:
    server, backfill = alpaca
    early = date(2024, 1, 16)
    with pytest.raises(MendInput, match="begin on 2024-02-01"):
        backfill.run(a_session(day=early))
    assert server.requests == []


def test_a_strike_that_was_never_listed_is_missing_and_nothing_else(tmp_path: Path) -> None:
    gone = OptionContract("SPXW", DAY, 6005.0)
    with alpaca_history(tmp_path) as (server, backfill):
        server.past.unknown = {gone.symbol}
        backfill.run()
        assert gone not in backfill.tape.options
        assert spxw_call(6000.0) in backfill.tape.options
