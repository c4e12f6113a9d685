"""Real money: each thing that is missing stops it, and with all of them the day begins."""

import io
import logging
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import time_machine

from scripts.main import main
from tests.fakes.alpaca_exchange import AlpacaExchange
from tests.fakes.alpaca_server import AlpacaServer, running
from tests.fakes.rehearsal import DAY, Stage, a_moment
from tests.fakes.tws_faults import Feed
from tests.fakes.tws_server import FakeTws
from utils import machine_checks
from utils.market_calendar import MarketCalendar

ACCOUNT = "U1234567"
CLOSED = "No position is open.\n"
Live = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def known_days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("days")
    machine_checks.calendar(DAY, MarketCalendar(folder))
    return folder


@pytest.fixture
def data(known_days: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(known_days, tmp_path / "data"))


@pytest.fixture
def live(
    data: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Live]:
    """Give what runs the program on the day, and put back what a run changes in this process."""
    level, handler = logging.getLogger().level, signal.getsignal(signal.SIGTERM)
    monkeypatch.setenv("LIVE_ACCOUNT_ID", ACCOUNT)

    def run(*settings: str, mode: str = "--live") -> tuple[int, str, str]:
        pairs = ("strategy.min_entry_credit=200", *settings)
        options = [part for each in pairs for part in ("--set", each)]
        code = main([mode, "--once", "--data-dir", str(data), *options])
        out, err = capfd.readouterr()
        return code, out, err

    with time_machine.travel(a_moment("09:41").astimezone(UTC)):
        yield run
    logging.getLogger().setLevel(level)
    signal.signal(signal.SIGTERM, handler)


@contextmanager
def a_tws(account: str = ACCOUNT) -> Iterator[FakeTws]:
    with FakeTws(accounts=account) as server:
        stage = Stage.begin("09:41", 1.0)
        server.now = server.book.now = lambda: datetime.now(UTC)
        stage.show(lambda c, q: server.quote(c, q.bid, q.ask), server.level)
        yield server


def at(server: FakeTws) -> tuple[str, ...]:
    return "broker.name=ibkr", f"broker.ibkr.port={server.port}"


REAL = ("broker.paper_trading=false", f"broker.live_account={ACCOUNT}")


def test_a_live_day_begins_when_nothing_is_missing(live: Live) -> None:
    with a_tws() as server:
        # The market of the stage is one that cannot be, or there would be nothing to trade.
        code, out, err = live(*at(server), *REAL, "strategy.vol_gap_blocks=never")
    assert (code, err) == (0, "")
    assert f"LIVE, REAL MONEY: Interactive Brokers live account {ACCOUNT}." in out
    assert "Entry FILLED" in out
    assert sorted(server.book.net().values()) == [-20, 2]


def test_with_real_money_nothing_is_entered_on_quotes_that_cannot_both_be_true(live: Live) -> None:
    with a_tws() as server:
        code, out, err = live(*at(server), *REAL)
    assert (code, err) == (0, "")
    assert "QUOTES THAT CANNOT BOTH BE TRUE" in out
    assert "not believed" in out
    assert server.book.orders == []


class Terminal(io.StringIO):
    """A person at the keyboard, who types these words."""

    def isatty(self) -> bool:
        return True


def test_on_a_terminal_the_typed_account_takes_the_place_of_the_configured_one(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(f"{ACCOUNT}\n"))
    with a_tws() as server:
        code, out, err = live(*at(server), "broker.paper_trading=false")
    assert (code, err) == (0, "")
    assert "LIVE, REAL MONEY" in out


@pytest.mark.parametrize("typed", ["U7654321", "", "yes"])
def test_another_word_on_the_terminal_stops_it(
    live: Live, monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(f"{typed}\n"))
    with a_tws() as server:
        told = refused(live(*at(server), *REAL), server)
    assert f"asked for on the terminal, and {typed or 'nothing'} was typed." in told


def refused(answer: tuple[int, str, str], server: FakeTws) -> str:
    """Return the one sentence with which no real money was traded."""
    code, out, told = answer
    assert code == 3, told
    assert "LIVE" not in out
    assert told.startswith("optionsarbitrage: ")
    assert told.count("\n") == 1
    assert ".." not in told
    assert server.book.orders == []
    return told


def test_a_config_for_paper_stops_it_before_the_broker_is_asked(live: Live) -> None:
    with a_tws() as server:
        told = refused(live(*at(server), f"broker.live_account={ACCOUNT}"), server)
        assert server.received == []
    assert "broker.paper_trading is true. Set it to false in the config file." in told


@pytest.mark.parametrize(
    ("named", "settings", "reason"),
    [
        ("", REAL, "LIVE_ACCOUNT_ID is not set. Set it to the id of the account"),
        (
            "U7654321",
            REAL,
            f"and the broker says that this is the account {ACCOUNT}; correct the one",
        ),
        (ACCOUNT, REAL[:1], "broker.live_account is empty; put the id there to allow a start"),
        (
            ACCOUNT,
            (REAL[0], "broker.live_account=U7654321"),
            f"broker.live_account is U7654321, and the account is {ACCOUNT}.",
        ),
        (ACCOUNT, (*REAL, "broker.ibkr.account=U7654321"), ""),
    ],
)
def test_each_name_of_the_account_must_be_the_brokers_own(
    live: Live,
    monkeypatch: pytest.MonkeyPatch,
    named: str,
    settings: tuple[str, ...],
    reason: str,
) -> None:
    monkeypatch.setenv("LIVE_ACCOUNT_ID", named)
    with a_tws() as server:
        answer = live(*at(server), *settings)
        if not reason:
            assert answer[0] == 2
            assert "broker.ibkr.account is U7654321" in answer[2]
            assert server.book.orders == []
            return
        told = refused(answer, server)
    assert reason in told
    assert told.count("No real money is traded") == 1


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("read_only", True, "index options: "),
        ("feed", Feed.NONE, "market data: no live quotes"),
        ("feed", Feed.DELAYED, "market data: no live quotes"),
        ("clock_skew", 300.0, "broker's clock: "),
        ("what_if_rejection", (201, "No trading permissions"), "uncovered calls: TWS would refuse"),
    ],
)
def test_a_fault_that_the_doctor_finds_stops_it(
    live: Live, name: str, value: object, reason: str
) -> None:
    with a_tws() as server:
        setattr(server.faults, name, value)
        told = refused(live(*at(server), *REAL), server)
    assert "No real money is traded. The doctor found a fault: " in told
    assert reason in told
    assert told.endswith(CLOSED)


def test_a_fault_that_the_doctor_finds_leaves_no_open_position_alone(live: Live) -> None:
    with a_tws() as server:
        assert live(*at(server), *REAL, "strategy.vol_gap_blocks=never")[0] == 0
        sent = len(server.book.orders)
        server.faults.what_if_rejection = (201, "No trading permissions")
        code, out, err = live(*at(server), *REAL)
    assert (code, err) == (0, "")
    assert "Nothing is opened today, what is held is watched. The doctor found a fault: " in out
    assert out.count("uncovered calls: TWS would refuse") == 1
    assert len(server.book.orders) == sent


def test_an_open_position_is_no_reason_to_act_in_another_account(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    with a_tws() as server:
        assert live(*at(server), *REAL, "strategy.vol_gap_blocks=never")[0] == 0
        sent = len(server.book.orders)
        monkeypatch.setenv("LIVE_ACCOUNT_ID", "U7654321")
        code, _, err = live(*at(server), *REAL)
        assert (code, len(server.book.orders)) == (3, sent)
    assert "correct the one that is wrong" in err
    assert "A POSITION IS OPEN" in err


@pytest.mark.parametrize(
    ("mode", "account", "settings", "reason"),
    [
        ("--live", "DU1234567", REAL, "this run is for real money, but DU1234567 at "),
        ("--live", ACCOUNT, (*REAL, "broker.ibkr.port=7497"), "7497 is the port of TWS for paper"),
        ("--live", ACCOUNT, (*REAL, "broker.ibkr.port=4002"), "4002 is the port of Gateway for"),
        ("--paper", ACCOUNT, (), f"this run is for paper, but {ACCOUNT} at "),
        ("--paper", ACCOUNT, ("broker.ibkr.port=7496",), "7496 is the port of TWS for real money"),
        ("--paper", ACCOUNT, ("broker.ibkr.port=4001",), "4001 is the port of Gateway for real"),
    ],
)
def test_an_account_and_a_port_of_the_other_kind_are_refused(
    live: Live, mode: str, account: str, settings: tuple[str, ...], reason: str
) -> None:
    with a_tws(account) as server:
        told = refused(live(*at(server), *settings, mode=mode), server)
    assert reason in told
    assert told.endswith(CLOSED)


# Alpaca.


@pytest.mark.parametrize(
    ("mode", "key", "settings", "reason"),
    [
        ("--live", "PKPAPER", REAL, "broker.api_key begins with PK: it is a paper account's key"),
        ("--paper", "AKREAL", (), "broker.api_key begins with AK: it is a key for real money"),
        (
            "--live",
            "AKREAL",
            (*REAL, "broker.alpaca.feed=indicative"),
            "quotes: broker.alpaca.feed",
        ),
        ("--live", "AKREAL", REAL, "The doctor found a fault: uncovered calls: Alpaca takes no"),
    ],
)
def test_at_alpaca_only_a_real_accounts_key_comes_as_far_as_the_uncovered_calls(
    live: Live,
    monkeypatch: pytest.MonkeyPatch,
    mode: str,
    key: str,
    settings: tuple[str, ...],
    reason: str,
) -> None:
    monkeypatch.setenv("ALPACA_API_KEY", key)
    monkeypatch.setenv("ALPACA_SECRET_KEY", "topsecret-of-the-key")
    with an_alpaca(key) as server:
        urls = (f"broker.alpaca.trading_url={server.url}", f"broker.alpaca.data_url={server.url}")
        code, out, told = live(*urls, *settings, mode=mode)
        asked = [each for each in server.requests if key.startswith("PK")]
        assert (code, asked, server.sent("POST", "/v2/orders")) == (3, [], [])
    assert reason in told
    assert told.count("\n") == 1
    assert "LIVE" not in out
    assert "topsecret" not in out + told


@contextmanager
def an_alpaca(key: str) -> Iterator[AlpacaServer]:
    exchange = AlpacaExchange(lambda: a_moment("09:41"))
    exchange.account_number = ACCOUNT
    with running(exchange) as server:
        server.keys = (key, "topsecret-of-the-key")
        stage = Stage.begin("09:41", 1.0)
        exchange.quote_spy(704.99, 705.01)
        stage.show(lambda c, q: exchange.quote(c, q.bid, q.ask), lambda *_: None)
        yield server
