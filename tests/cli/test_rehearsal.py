"""Days rehearsed at fake brokers, over real sockets, by the program as a process of its own."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from src.models import OptionContract, Quote
from tests.fakes.alpaca_exchange import AlpacaExchange
from tests.fakes.alpaca_server import KEYS, AlpacaServer, running
from tests.fakes.rehearsal import DAY, Stage, run_main
from tests.fakes.tws_server import FakeTws

SPEED = 6.0
EASY = "strategy.min_entry_credit=200"
"""Whichever second of the dislocation the program meets, there is something to trade."""
Run = Callable[..., CompletedProcess[str]]


@contextmanager
def at_tws(server: FakeTws, folder: Path, start: str) -> Iterator[Run]:
    """Let the server live at a moment of the day, and the program start at it."""
    stage = Stage.begin(start, SPEED)
    server.now = server.book.now = stage.clock.now

    def rehearse(*arguments: str) -> CompletedProcess[str]:
        settings = ("broker.name=ibkr", f"broker.ibkr.port={server.port}")
        options = [part for each in (*settings, EASY) for part in ("--set", each)]
        return run_main(folder, start, SPEED, *options, *arguments)

    with stage.shown(lambda c, q: server.quote(c, q.bid, q.ask), server.level):
        yield rehearse


@contextmanager
def at_alpaca(server: AlpacaServer, folder: Path, start: str) -> Iterator[Run]:
    exchange, stage = server.exchange, Stage.begin(start, SPEED)
    exchange.now = stage.clock.now

    def rehearse(*arguments: str) -> CompletedProcess[str]:
        settings = (
            f"broker.alpaca.trading_url={server.url}",
            f"broker.alpaca.data_url={server.url}",
        )
        options = [part for each in (*settings, EASY) for part in ("--set", each)]
        keys = {"ALPACA_API_KEY": KEYS[0], "ALPACA_SECRET_KEY": KEYS[1]}
        return run_main(folder, start, SPEED, *options, *arguments, environ=keys)

    def level(name: str, price: float) -> None:
        with server.lock:
            if name == "SPY":
                exchange.quote_spy(price - 0.01, price + 0.01)

    def show(contract: OptionContract, quote: Quote) -> None:
        with server.lock:
            exchange.quote(contract, quote.bid, quote.ask)

    with stage.shown(show, level):
        yield rehearse


@pytest.fixture
def tws() -> Iterator[FakeTws]:
    with FakeTws() as server:
        yield server


@pytest.fixture
def alpaca() -> Iterator[AlpacaServer]:
    with running(AlpacaExchange(Stage.begin("09:30", 1).clock.now)) as server:
        yield server


def rows(folder: Path, query: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(folder / "trades.db") as connection:
        return connection.execute(query).fetchall()


def test_a_day_at_interactive_brokers_goes_from_process_to_process(
    tws: FakeTws, tmp_path: Path
) -> None:
    with at_tws(tws, tmp_path, "09:40") as rehearse:
        entered = rehearse("--once")
    assert entered.returncode == 0, entered.stderr
    assert "REHEARSAL at 6 times real speed: Interactive Brokers paper account" in entered.stdout
    assert "Entry FILLED: short 20 SPY" in entered.stdout, entered.stdout
    assert sorted(tws.book.net().values()) == [-20, 2]
    with at_tws(tws, tmp_path, "15:50") as rehearse:
        left = rehearse("--once")
    assert "the position is flat" in left.stdout, left.stdout + left.stderr
    assert set(tws.book.net().values()) <= {0}
    with at_tws(tws, tmp_path, "16:20") as rehearse:
        ended = rehearse("--once")
    assert ended.returncode == 0, ended.stderr
    assert rows(tmp_path, "SELECT mode FROM trades") == [("rehearsal",)]
    assert (tmp_path / "reports" / f"{DAY}.txt").exists()
    # The record and the broker agree to the cent.
    (recorded,) = rows(tmp_path, "SELECT round(final_pnl, 2) FROM trades")[0]
    assert recorded == pytest.approx(tws.book.cash - 1_000_000.0, abs=0.005)


def test_a_day_on_alpacas_quotes_trades_on_the_embedded_exchange_and_says_so(
    alpaca: AlpacaServer, tmp_path: Path
) -> None:
    with at_alpaca(alpaca, tmp_path, "09:40") as rehearse:
        entered = rehearse("--once")
    assert entered.returncode == 0, entered.stderr
    assert "Orders go to the embedded exchange, SIMULATED." in entered.stdout
    assert "Entry FILLED" in entered.stdout
    assert alpaca.sent("POST", "/v2/orders") == []


def test_alpaca_is_told_beforehand_to_refuse_the_trade_and_no_order_is_sent(
    alpaca: AlpacaServer, tmp_path: Path
) -> None:
    with at_alpaca(alpaca, tmp_path, "09:40") as rehearse:
        refused = rehearse("--set", "broker.execution=broker")
    assert refused.returncode == 3
    assert "uncovered calls" in refused.stderr
    assert "No position is open." in refused.stderr
    assert alpaca.sent("POST", "/v2/orders") == []
