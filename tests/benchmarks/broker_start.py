"""How long a start at a broker takes: `python tests/benchmarks/broker_start.py [ROUNDS]`.

Compares, in turn within one run, the program rehearsing at a fake broker on loopback, from the
start of the process to its first decision, with two that only import third-party libraries: those
which that path imports, and those which a whole day uses, pandas and the calendar's included.
Memory is what each holds at that moment (resident set). All three find their byte code and the
year's calendar kept, as every start but the first does.
"""

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT))

from src.models import OptionContract, Quote  # noqa: E402
from tests.fakes.alpaca_exchange import AlpacaExchange  # noqa: E402
from tests.fakes.alpaca_server import KEYS, running  # noqa: E402
from tests.fakes.rehearsal import DAY, Stage  # noqa: E402
from tests.fakes.tws_server import FakeTws  # noqa: E402

ROUNDS = 7
OWN = "pydantic_settings, yaml, dotenv, schedule, filelock"
ALPACA = "alpaca.trading.client, alpaca.data.historical.option, alpaca.data.historical.stock"
LATER = "pandas, pandas_market_calendars, apprise"
"""What the same day uses besides, later or at its first start of the year."""
SPEED = 1.0
UNHEARD_OF = 1e9
"""Dollars that no spread earns."""
BEAT = 1.0
"""Seconds between two quotes: the fake shall not compete for the processor."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Seconds from the start to a line of output, and megabytes held then."""

    seconds: float
    megabytes: float


def measured(command: list[str], until: str, environ: Mapping[str, str]) -> Figures:
    """Start a process, wait for a line that holds `until`, look at its memory, and end it."""
    begin = time.perf_counter()
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **environ},
    ) as process:
        if process.stdout is None:
            raise RuntimeError("the process has no output to read")
        said = []
        for line in process.stdout:
            said.append(line)
            if until in line:
                seconds = time.perf_counter() - begin
                told = subprocess.run(
                    ["ps", "-o", "rss=", "-p", str(process.pid)],
                    capture_output=True,
                    text=True,
                    check=True,
                )
                process.send_signal(signal.SIGTERM)
                process.stdout.read()
                return Figures(seconds, int(told.stdout) / 1024)
    raise RuntimeError(f"it never said {until!r}: {''.join(said)}")


def imports(libraries: str) -> Figures:
    """Return the figures of a process that only imports these."""
    code = f"import {libraries}\nimport time\nprint('imported', flush=True)\ntime.sleep(60)"
    return measured([sys.executable, "-W", "ignore", "-c", code], "imported", {})


def first_decision(settings: Mapping[str, str], environ: Mapping[str, str]) -> Figures:
    """Return the figures of the program, in a data folder in which the calendar is kept."""
    with tempfile.TemporaryDirectory() as folder:
        keep_the_calendar(Path(folder))
        command = [sys.executable, str(PROJECT / "scripts" / "main.py"), "--paper"]
        command += ["--data-dir", folder, "--start-at", f"{DAY}T09:41:00", "--speed", f"{SPEED:g}"]
        command += [part for each in settings.items() for part in ("--set", "=".join(each))]
        # An account that no round trades in is the same for the next one.
        command += ["--set", f"strategy.min_entry_credit={UNHEARD_OF}"]
        return measured(command, "Decision:", environ)


def keep_the_calendar(folder: Path) -> None:
    """Put the year's calendar where a start finds it, as every start but the first does."""
    from utils.market_calendar import MarketCalendar  # noqa: PLC0415 - heavy

    MarketCalendar(folder).session_on(DAY)


@contextmanager
def alpaca() -> Iterator[Callable[[], Figures]]:
    """Stand a fake Alpaca, and give what measures a start at it."""
    stage = Stage.begin("09:41", SPEED)
    exchange = AlpacaExchange(stage.clock.now)
    with running(exchange) as server:

        def show(contract: OptionContract, quote: Quote) -> None:
            with server.lock:
                exchange.quote(contract, quote.bid, quote.ask)

        def level(name: str, price: float) -> None:
            if name == "SPY":
                with server.lock:
                    exchange.quote_spy(price - 0.01, price + 0.01)

        settings = {
            "broker.alpaca.trading_url": server.url,
            "broker.alpaca.data_url": server.url,
        }
        keys = {"ALPACA_API_KEY": KEYS[0], "ALPACA_SECRET_KEY": KEYS[1]}
        with stage.shown(show, level, BEAT):
            yield lambda: first_decision(settings, keys)


@contextmanager
def ibkr() -> Iterator[Callable[[], Figures]]:
    """Stand a fake TWS, and give what measures a start at it."""
    stage = Stage.begin("09:41", SPEED)
    with FakeTws(stage.clock.now) as server:
        settings = {"broker.name": "ibkr", "broker.ibkr.port": str(server.port)}
        with stage.shown(lambda c, q: server.quote(c, q.bid, q.ask), server.level, BEAT):
            yield lambda: first_decision(settings, {})


def main() -> None:
    """Print medians and ratios."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    with tempfile.TemporaryDirectory() as byte_code:
        # Kept for all alike, wherever and however this command is run.
        os.environ.update(PYTHONDONTWRITEBYTECODE="", PYTHONPYCACHEPREFIX=byte_code)
        for name, stand, library in (("alpaca", alpaca, ALPACA), ("ibkr", ibkr, "ib_async")):
            with stand() as start:
                compared(name, start, f"{OWN}, {library}", rounds)


def compared(name: str, start: Callable[[], Figures], libraries: str, rounds: int) -> None:
    """Print what a start takes, and what importing takes, after a first round that is dropped."""
    rounds_of = [
        (start(), imports(libraries), imports(f"{libraries}, {LATER}")) for _ in range(rounds + 1)
    ][1:]
    for what in ("seconds", "megabytes"):
        figures = [tuple(getattr(each, what) for each in one) for one in rounds_of]
        mine, path, day = (statistics.median(side) for side in zip(*figures, strict=True))
        to_path, to_day = (
            statistics.median(one[0] / one[other] for one in figures) for other in (1, 2)
        )
        print(
            f"{name}: to the first decision {mine:.2f} {what}; importing what that needs "
            f"{path:.2f}, ratio {to_path:.2f}; what a whole day uses {day:.2f}, "
            f"ratio {to_day:.2f}"
        )


if __name__ == "__main__":
    main()
