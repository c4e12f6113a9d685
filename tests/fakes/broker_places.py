"""Fake brokers as a command line reaches them, and the program run at them as a process."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from src.models import OptionContract, Quote
from tests.fakes.alpaca_exchange import AlpacaExchange
from tests.fakes.alpaca_server import running
from tests.fakes.rehearsal import DAY, PROJECT, Stage, a_moment
from tests.fakes.tws_server import FakeTws

KEYS = ("PKTOPSECRETKEY", "topsecret-of-the-key")
SECRETS = (*KEYS, "topsecret-of-the-proxy")


@dataclass
class Place:
    """A fake broker, and how the program is pointed to it."""

    server: Any
    settings: tuple[str, ...]
    orders: Callable[[], int]
    live_by: Callable[[Stage], None]
    show: Callable[[OptionContract, Quote], None]
    level: Callable[[str, float], None]

    def command(self, folder: Path, start: str, speed: float, *more: str) -> list[str]:
        stage = Stage.begin(start, speed)
        self.live_by(stage)
        stage.show(self.show, self.level)
        pairs = (*self.settings, "logging.level=DEBUG", "strategy.min_entry_credit=200")
        return [
            *(sys.executable, "scripts/main.py", "--paper", "--data-dir", str(folder)),
            *("--start-at", f"{DAY}T{start}:00", "--speed", f"{speed:g}"),
            *(part for each in pairs for part in ("--set", each)),
            *more,
        ]


@contextmanager
def at_tws(**fields: Any) -> Iterator[Place]:  # noqa: ANN401
    with FakeTws(**fields) as server:

        def live_by(stage: Stage) -> None:
            server.now = server.book.now = stage.clock.now

        yield Place(
            server,
            ("broker.name=ibkr", f"broker.ibkr.port={server.port}"),
            lambda: len(server.book.orders),
            live_by,
            lambda contract, quote: server.quote(contract, quote.bid, quote.ask),
            server.level,
        )


@contextmanager
def at_alpaca() -> Iterator[Place]:
    exchange = AlpacaExchange(lambda: a_moment("09:40"))
    with running(exchange) as server:
        server.keys = KEYS

        def level(name: str, price: float) -> None:
            if name == "SPY":
                exchange.quote_spy(price - 0.01, price + 0.01)

        yield Place(
            server,
            (f"broker.alpaca.trading_url={server.url}", f"broker.alpaca.data_url={server.url}"),
            lambda: len(server.sent("POST", "/v2/orders")),
            lambda stage: setattr(exchange, "now", stage.clock.now),
            lambda contract, quote: exchange.quote(contract, quote.bid, quote.ask),
            level,
        )


def surroundings(folder: Path, more: Mapping[str, str]) -> dict[str, str]:
    keys = {"ALPACA_API_KEY": KEYS[0], "ALPACA_SECRET_KEY": KEYS[1]}
    own = {name: text for name, text in os.environ.items() if not name.upper().endswith("_PROXY")}
    return {**own, **keys, "HOME": str(folder), **more}


def ran(
    command: list[str], folder: Path, environ: Mapping[str, str] = MappingProxyType({})
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command,
        cwd=PROJECT,
        env=surroundings(folder, environ),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@contextmanager
def started(command: list[str], folder: Path) -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen(
        command,
        cwd=PROJECT,
        env=surroundings(folder, {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        try:
            yield program
        finally:
            program.kill()


def one_after_another(
    commands: Mapping[Path, list[str]], environs: Mapping[Path, Mapping[str, str]]
) -> "dict[Path, subprocess.CompletedProcess[str]]":
    """Run several commands in one process, each with streams of its own."""
    runs = [
        {
            "arguments": command[2:],
            "environ": surroundings(folder, environs[folder]),
            "folder": str(folder),
        }
        for folder, command in commands.items()
    ]
    subprocess.run(
        [sys.executable, "-m", "tests.fakes.one_after_another"],
        cwd=PROJECT,
        input=json.dumps(runs),
        text=True,
        timeout=240,
        check=True,
    )
    return {
        folder: subprocess.CompletedProcess(
            command,
            int((folder / "code").read_text()),
            (folder / "out").read_text(encoding="utf-8"),
            (folder / "err").read_text(encoding="utf-8"),
        )
        for folder, command in commands.items()
    }
