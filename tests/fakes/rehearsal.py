"""A generated day as the market of a fake broker, and the program rehearsing at it as a process."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from types import MappingProxyType

from brokers.synthetic_market import SyntheticMarket
from src.models import NEW_YORK, OptionContract, Quote, Session
from utils.market_clock import ScaledClock

PROJECT = Path(__file__).resolve().parents[2]
DAY = date(2026, 6, 1)
SEED = 4
"""A day on which there is something to trade from 9:40 on."""
REACH = 6
"""Strikes on each side of the money that are shown."""
BEAT = 0.02
Show = Callable[[OptionContract, Quote], None]
Level = Callable[[str, float], None]


def a_moment(clock: str) -> datetime:
    """Return a New York moment of the day that is rehearsed."""
    return datetime.combine(DAY, time.fromisoformat(clock), NEW_YORK)


@dataclass
class Stage:
    """The clock and the market that a fake broker lives by."""

    clock: ScaledClock
    market: SyntheticMarket

    @classmethod
    def begin(cls, start: str, speed: float) -> "Stage":
        clock = ScaledClock(a_moment(start), speed)
        session = Session(DAY, a_moment("09:30"), a_moment("16:00"))
        return cls(clock, SyntheticMarket(session, SEED, clock, dislocation=True))

    @contextmanager
    def shown(self, show: Show, level: Level, beat: float = BEAT) -> Iterator[None]:
        """Show the market at the fake broker, every `beat` real seconds, until the block ends."""
        ended = threading.Event()

        def keep_showing() -> None:
            while not ended.wait(beat):
                self.show(show, level)

        self.show(show, level)
        thread = threading.Thread(target=keep_showing)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def show(self, show: Show, level: Level) -> None:
        prices = self.market.prices()
        for name, price in prices.items():
            if price.last:
                level(name, price.last)
        wanted = [
            OptionContract(root, DAY, strike, right)
            for root, step, name in (("SPY", 1.0, "SPY"), ("SPXW", 5.0, "SPX"))
            for right in ("C", "P")
            for strike in _around(prices[name].last or 0.0, step)
            if root == "SPXW" or right == "C"
        ]
        for contract, quote in self.market.quotes(wanted).items():
            show(contract, quote)


def _around(level: float, step: float) -> list[float]:
    middle = round(level / step) * step
    return [middle + step * n for n in range(-REACH, REACH + 1)]


def run_main(
    folder: Path,
    start: str,
    speed: float,
    *arguments: str,
    timeout: float = 120,
    environ: Mapping[str, str] = MappingProxyType({}),
) -> subprocess.CompletedProcess[str]:
    """Run the program to its end, as a person would rehearse."""
    command = [
        *(sys.executable, "scripts/main.py", "--paper", "--data-dir", str(folder)),
        *("--start-at", f"{DAY}T{start}:00", "--speed", f"{speed:g}"),
        *arguments,
    ]
    return subprocess.run(
        command,
        cwd=PROJECT,
        env={**os.environ, "HOME": str(folder), **environ},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


__all__ = ["DAY", "Stage", "a_moment", "run_main"]
