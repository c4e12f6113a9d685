"""What a person reads when a broker cannot be used: what is wrong, what to do, what is held."""

import json
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from brokers.ibkr_link import IbkrLink
from tests.cli.player import refusal, wait_for
from tests.fakes.alpaca_server import AlpacaServer
from tests.fakes.broker_places import (
    KEYS,
    SECRETS,
    Place,
    at_alpaca,
    at_tws,
    one_after_another,
    ran,
    started,
)
from tests.fakes.rehearsal import DAY
from tests.fakes.tws_faults import Feed
from tests.fakes.tws_server import FakeTws
from utils import machine_checks
from utils.market_calendar import MarketCalendar
from utils.market_clock import WallClock

SPEED = 20.0
CLOSED = "No position is open."
OPEN = "A POSITION IS OPEN and stays recorded (2026-06-01-1: short 20 SPY "


@dataclass(frozen=True)
class Trouble:
    """A fault at a broker, and what the program says to it.

    In settings and environment {closed} is a port at which nothing listens, {silent} one that
    takes connections and says nothing.
    """

    code: int
    words: tuple[str, ...]
    fault: Callable[[Any], object] = lambda _: None
    settings: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def known_days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory in which the calendar is at hand, as after the first run."""
    folder = tmp_path_factory.mktemp("days")
    calendar = MarketCalendar(folder)
    for day in (DAY, WallClock().now().date()):
        machine_checks.calendar(day, calendar)
    return folder


@pytest.fixture
def data(known_days: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(known_days, tmp_path / "data"))


@pytest.fixture
def ports() -> Iterator[dict[str, int]]:
    with socket.socket() as shut, socket.socket() as mute:
        for each in (shut, mute):
            each.bind(("127.0.0.1", 0))
        mute.listen(8)
        yield {"closed": shut.getsockname()[1], "silent": mute.getsockname()[1]}


def all_of_them(
    troubles: Mapping[str, tuple[Callable[[], AbstractContextManager[Place]], Trouble]],
    folder: Path,
    ports: Mapping[str, int],
    known_days: Path,
) -> None:
    """Have every trouble, and look at all that the program says and does.

    What waits between its tries runs beside the others.
    """
    commands: dict[Path, list[str]] = {}
    environs: dict[Path, dict[str, str]] = {}
    places: dict[Path, Place] = {}
    with ExitStack() as stack:
        for name, (world, trouble) in troubles.items():
            home = folder / name.replace(" ", "-")
            shutil.copytree(known_days, home)
            places[home] = place = stack.enter_context(world())
            more = [part for each in trouble.settings for part in ("--set", each.format(**ports))]
            commands[home] = place.command(home, "09:40", 1.0, "--once", *more)
            environs[home] = {key: text.format(**ports) for key, text in trouble.environ.items()}
            undo = trouble.fault(place.server)
            if isinstance(undo, IbkrLink):
                stack.callback(undo.close)
        both = dict(zip(commands, (each for _, each in troubles.values()), strict=True))
        slow = [home for home, trouble in both.items() if trouble.code == 4]
        quick = {home: command for home, command in commands.items() if home not in slow}
        with ThreadPoolExecutor(len(slow)) as pool:
            waiting = {
                home: pool.submit(ran, commands[home], home, environs[home]) for home in slow
            }
            answers = one_after_another(quick, environs)
        answers |= {home: each.result() for home, each in waiting.items()}
    for home, trouble in both.items():
        answer = answers[home]
        told = refusal(answer, trouble.code)
        assert told.count("\n") == 1, "one paragraph"
        assert ".." not in told, told
        assert told.rstrip().endswith(f". {CLOSED}")
        assert [each for each in trouble.words if each.format(**ports) not in told] == [], told
        assert places[home].orders() == 0
        says_nothing_secret(home, answer.stdout, answer.stderr)


def says_nothing_secret(folder: Path, *texts: str) -> None:
    log = folder / "logs" / "trading.log"
    every = (*texts, log.read_text(encoding="utf-8"))
    assert [each for each in SECRETS for text in every if each in text] == []


# Interactive Brokers.


def faults(**fields: object) -> Callable[[FakeTws], None]:
    def set_them(server: FakeTws) -> None:
        for name, value in fields.items():
            setattr(server.faults, name, value)

    return set_them


def somebody_else(server: FakeTws) -> IbkrLink:
    other = IbkrLink("127.0.0.1", server.port, 17, "", paper=True, patience=lambda: 5.0)
    other.ready()
    return other


def unlist(server: FakeTws) -> None:
    options = [key for key, each in server.book.listings.items() if each.sec_type == "OPT"]
    server.do(lambda: [server.book.listings.pop(key) for key in options])


SUBSCRIBE = "subscribe to live data at Interactive Brokers"
AT_TWS = {
    "not running": Trouble(
        4,
        ("TWS or IB Gateway does not answer at 127.0.0.1:{closed}; start it", "broker.ibkr.port"),
        settings=("broker.ibkr.port={closed}",),
    ),
    "logged out": Trouble(
        4,
        ("answers but is logged out; log in to it again. It was tried 3 times",),
        faults(logged_out=True),
        settings=("broker.timeout_seconds=2",),
    ),
    "another port": Trouble(
        4,
        ("something listens at 127.0.0.1:{silent} but does not greet like TWS", "ibkr.port"),
        settings=("broker.ibkr.port={silent}", "broker.timeout_seconds=2"),
    ),
    "no name": Trouble(
        4,
        ("cannot be reached at tws.invalid:", "see broker.ibkr.host and the network"),
        settings=("broker.ibkr.host=tws.invalid",),
    ),
    "client id in use": Trouble(
        3, ("another program is connected", "as client 17", "broker.ibkr.client_id"), somebody_else
    ),
    "no data": Trouble(3, ("354, Requested market data", SUBSCRIBE), faults(feed=Feed.NONE)),
    "no late data": Trouble(
        3, ("10168, Requested market data", SUBSCRIBE), faults(feed=Feed.DELAYED_OFF)
    ),
    "late data": Trouble(3, ("10167, Displaying", SUBSCRIBE), faults(feed=Feed.DELAYED)),
    "competing session": Trouble(
        3, ("10197, No market data", "another session of this user"), faults(feed=Feed.COMPETING)
    ),
    "not approved": Trouble(
        3,
        ("TWS would refuse: 201: Order rejected", "Have the account approved for it"),
        faults(what_if_rejection=(201, "Order rejected - reason:No trading permissions.")),
    ),
    "read-only": Trouble(3, ("Read-Only mode", "Switch off Read-Only API"), faults(read_only=True)),
    "no expiry": Trouble(3, ("260601", "is not listed", "expire today"), unlist),
}


# Alpaca.


def server_with(**fields: object) -> Callable[[AlpacaServer], None]:
    def set_them(server: AlpacaServer) -> None:
        for name, value in fields.items():
            setattr(server, name, value)

    return set_them


def account_with(**fields: object) -> Callable[[AlpacaServer], None]:
    def set_them(server: AlpacaServer) -> None:
        for name, value in fields.items():
            setattr(server.exchange, name, value)

    return set_them


PROXY = "http://me:topsecret-of-the-proxy@127.0.0.1:{closed}"
AT_ALPACA = {
    "no network": Trouble(
        4,
        ("nothing listens at 127.0.0.1:{closed}: see broker.alpaca.trading_url", "tried 3 times"),
        settings=("broker.alpaca.trading_url=http://127.0.0.1:{closed}",),
    ),
    "no name": Trouble(
        4,
        ("the name api.alpaca.invalid cannot be resolved: check the network",),
        settings=("broker.alpaca.trading_url=https://api.alpaca.invalid",),
    ),
    "no proxy": Trouble(
        4,
        ("the proxy on the way to api.alpaca.invalid refused or failed: check HTTPS_PROXY",),
        settings=("broker.alpaca.trading_url=https://api.alpaca.invalid",),
        environ={"HTTPS_PROXY": PROXY},
    ),
    "server down": Trouble(
        4,
        ("Alpaca refused the account (HTTP 503)", "start again"),
        lambda server: server.fail("GET", "/v2/account", times=9, status=503, body="<h1>x</h1>"),
    ),
    "wrong keys": Trouble(
        2,
        ("does not accept the keys at http://127.0.0.1", "HTTP 401", "broker.api_secret to valid"),
        server_with(keys=("PKOTHER", "other")),
    ),
    "wrong keys that are repeated": Trouble(
        2,
        ("HTTP 403, no such key: [hidden]", "set broker.api_key"),
        server_with(
            keys=("PKOTHER", "other"),
            wrong_keys=(403, {"message": f"no such key: {KEYS[0]}"}),
        ),
    ),
    "no subscription": Trouble(
        2,
        ("OPRA agreement is not signed", "or set broker.alpaca.feed to indicative"),
        server_with(has_opra=False),
    ),
    "no options level": Trouble(
        3,
        ("options level: 1; buying the SPXW call needs 2. Apply for options level 3",),
        account_with(level=1),
        settings=("broker.execution=broker",),
    ),
    "blocked": Trouble(
        3,
        ("account: it may not trade (account_closed). Ask Alpaca",),
        account_with(status="ACCOUNT_CLOSED"),
        settings=("broker.execution=broker",),
    ),
    # A proxy that is shut does no harm where NO_PROXY excepts the server.
    "clock minutes off": Trouble(
        3,
        (
            "clock: 2",
            " s apart from Alpaca's. Let this machine set its clock",
        ),
        server_with(clock_is_off=timedelta(minutes=-4)),
        environ={"HTTP_PROXY": PROXY, "NO_PROXY": "localhost,127.0.0.1"},
    ),
    "no expiry": Trouble(
        3,
        (f"Alpaca lists no SPY and no SPXW option that expires on {DAY}",),
        lambda server: server.exchange.markets.clear(),
    ),
}


def test_each_trouble_at_a_broker_is_one_sentence_and_an_exit_code(
    tmp_path: Path, ports: dict[str, int], known_days: Path
) -> None:
    every: dict[str, tuple[Callable[[], AbstractContextManager[Place]], Trouble]]
    every = {f"ibkr {name}": (at_tws, each) for name, each in AT_TWS.items()}
    every |= {f"alpaca {name}": (at_alpaca, each) for name, each in AT_ALPACA.items()}
    all_of_them(every, tmp_path, ports, known_days)


# With a position open.


@contextmanager
def held(place: Place, folder: Path) -> Iterator[None]:
    """Let the program enter, and end."""
    entered = ran(place.command(folder, "09:40", SPEED, "--once"), folder)
    assert "Entry FILLED" in entered.stdout, entered.stdout + entered.stderr
    orders = place.orders()
    yield
    assert place.orders() == orders, "nothing is opened"


def interrupted(program: "subprocess.Popen[str]", ending: signal.Signals) -> str:
    program.send_signal(ending)
    _, told = program.communicate(timeout=30)
    assert program.returncode == 130
    assert told.startswith("optionsarbitrage: Interrupted. " + OPEN)
    assert told.count("\n") == 1
    return told


def test_a_position_at_interactive_brokers_is_not_left_while_tws_is_away(
    data: Path, ports: dict[str, int]
) -> None:
    with at_tws() as place, held(place, data):
        away = ("--set", f"broker.ibkr.port={ports['closed']}")
        with started(place.command(data, "09:45", 1.0, *away), data) as program:
            said = wait_for(program, "POSITION IS OPEN")
            told = interrupted(program, signal.SIGTERM)
        assert "start it, log in" in said
        assert "nothing is opened, and it is tried again until 16:15." in said
        # Another program has taken our place: that is for a person to end.
        with closing(somebody_else(place.server)):
            refused = ran(place.command(data, "09:46", 1.0), data)
        told = refusal(refused, 3)
        assert "as client 17; if it is a running day of this program, let it run" in told
        assert OPEN in told
        # Logged out at first: it goes on as soon as somebody has logged in.
        place.server.faults.logged_out = True
        short = ("--once", "--set", "broker.timeout_seconds=2")
        with started(place.command(data, "10:30", 1.0, *short), data) as program:
            wait_for(program, "logged out; log in to it again.")
            place.server.faults.logged_out = False
            place.server.faults.feed = Feed.NONE
            said, told = program.communicate(timeout=30)
        assert (program.returncode, told) == (0, "")
        assert "Nothing is opened today, what is held is watched. market data: no live" in said
        assert "Check 2026-06-01-1: SPY not known, P&L not known; hold" in said


def test_a_position_on_alpacas_quotes_is_watched_on_when_its_keys_expire(data: Path) -> None:
    with at_alpaca() as place, held(place, data):
        keys = place.server.keys
        place.server.keys = ("PKOTHER", "other")
        told = refusal(ran(place.command(data, "10:30", 1.0), data), 2)
        assert "set broker.api_key and broker.api_secret" in told
        assert OPEN in told
        place.server.keys = keys
        nowhere = ("--set", "broker.alpaca.trading_url=https://api.alpaca.invalid")
        with started(place.command(data, "10:35", 1.0, *nowhere), data) as program:
            wait_for(program, "nothing is opened, and it is tried again until 16:15.")
            interrupted(program, signal.SIGINT)
        with started(place.command(data, "10:40", 300.0), data) as program:
            wait_for(program, "Check 2026-06-01-1")
            place.server.keys = ("PKOTHER", "other")
            wait_for(program, "(HTTP 401): unauthorized. (the keys are no longer valid")
            wait_for(program, "Check 2026-06-01-1: SPY not known, P&L not known; hold")
            interrupted(program, signal.SIGTERM)


def test_a_position_on_alpacas_quotes_is_watched_on_when_they_are_no_longer_delivered(
    data: Path,
) -> None:
    with at_alpaca() as place, held(place, data):
        place.server.has_opra = False
        with started(place.command(data, "10:30", 300.0), data) as program:
            wait_for(program, "Nothing is opened today, what is held is watched. market data: ")
            wait_for(program, "the account has no OPRA quotes. Subscribe to them")
            wait_for(program, "Check 2026-06-01-1: SPY not known, P&L not known; hold")
            place.server.has_opra = True
            assert "P&L not known" not in wait_for(program, "$").splitlines()[-1]
            interrupted(program, signal.SIGTERM)


# The doctor.


def test_the_doctor_has_a_row_for_a_trouble_and_says_the_position(data: Path) -> None:
    with at_tws() as tws, at_alpaca() as alpaca:
        tws.server.now = lambda: datetime.now(UTC)
        tws.server.faults.clock_skew = 300.0
        alpaca.server.keys = ("PKOTHER", "other")
        with ThreadPoolExecutor(2) as pool:
            both = ((*tws.settings, "broker.timeout_seconds=1"), alpaca.settings)
            clock, keys = pool.map(lambda settings: rows_of_the_doctor(data, settings), both)
    assert clock["broker's clock"].startswith("fail: 300.") or "299." in clock["broker's clock"]
    assert "ahead of this machine's. Let this machine" in clock["broker's clock"]
    assert clock["record"].endswith("no position is open. ")
    assert keys["broker"].startswith("fail: Alpaca does not accept the keys at http://127.0.0.1")
    assert keys["record"] == "ok: nothing is recorded yet: no position is open. "


def rows_of_the_doctor(folder: Path, settings: tuple[str, ...]) -> dict[str, str]:
    command = [sys.executable, "scripts/doctor.py", "--json", "--data-dir", str(folder)]
    answer = ran([*command, *(part for each in settings for part in ("--set", each))], folder)
    assert (answer.returncode, answer.stderr) == (3, "")
    assert [each for each in SECRETS if each in answer.stdout] == []
    rows = json.loads(answer.stdout)["checks"]
    return {row["name"]: f"{row['verdict']}: {row['found']} {row['mend']}" for row in rows}
