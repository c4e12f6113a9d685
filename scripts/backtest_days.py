"""The days of a backtest: which there are, what is known of them, and how one is traded."""

import csv
import gzip
import io
import math
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from brokers.backtest_market import BacktestMarket, FillModel
from brokers.tape import SUFFIXES, date_of, sidecar_of
from brokers.tape_sidecar import read_sidecar
from scripts.embedded_exchange import embedded_exchange
from scripts.simulated_days import Market, generated, recorded
from src.backtest import GENERATED, DayMarket, DayResult, Engine
from src.exports import check_range
from src.models import Session
from src.ports import Broker, Clock, MendInput, OfficialCloses, QuoteSource
from src.settings import Settings
from src.words import count
from utils.market_calendar import MarketCalendar
from utils.market_clock import VirtualClock

Day = Path | int
"""A tape, or the seed of a generated day."""

CAUTIONS = {
    "prints": (
        "tapes of prints: fills are against derived quotes (the ask is the last trade, the bid a "
        "tick below it), which is better than any real market"
    ),
    "averages": (
        "tapes of averages: fills are against quotes derived from the mean bid and ask of each "
        "minute, not against quotes of one moment"
    ),
    "bars": "tapes of bars hold last prices only: nothing can trade on them",
    "unknown": "tapes that do not tell what their quotes are",
    GENERATED: "generated days prove nothing about markets; dislocations are put in on purpose",
}
_COLUMNS = ("date", "spy_close", "spx_close")


@dataclass(frozen=True)
class Plan:
    """How days are traded: the same for all of them, and handed to every process.

    `closes` are official closes by day, `bar` a reason to open nothing, `cache` the folder in
    which the calendar keeps its years.
    """

    settings: Settings
    cache: Path
    model: FillModel
    closes: Mapping[date, OfficialCloses]
    bar: str = ""


def tapes_in(places: Sequence[Path], first: date | None, last: date | None) -> list[Path]:
    """Return the tapes of folders, and tapes named by themselves, in the order of their days.

    Raises MendInput for a folder without tapes, a range that holds none, and a day given twice.
    """
    check_range(first, last)
    found: dict[date, Path] = {}
    for place in places:
        for path in _tapes_of(place):
            day = date_of(path)
            if day in found:
                raise MendInput(f"{path}: {found[day]} is of the same day; give one of them.")
            found[day] = path
    chosen = [d for d in sorted(found) if (first or date.min) <= d <= (last or date.max)]
    if places and not chosen:
        raise MendInput(
            f"None of the {len(found)} tapes ({min(found)} to {max(found)}) lies in the range "
            "that --from and --to name."
        )
    return [found[d] for d in chosen]


def _tapes_of(place: Path) -> list[Path]:
    if not place.is_dir():
        return [place]  # a tape that is missing or has no such name is refused when it is read
    paths = sorted(each for each in place.iterdir() if each.name.endswith(SUFFIXES))
    tapes = [each for each in paths if each.name[:1].isdigit()]
    if not tapes:
        raise MendInput(
            f"{place}: this folder holds no tape (YYYY-MM-DD.csv.gz); record some with "
            "scripts/main.py, or try generated days with --generated 0:20."
        )
    return tapes


def known_closes(tapes: Sequence[Path], file: Path | None) -> dict[date, OfficialCloses]:
    """Return the official closes that the tapes' JSON files and a table tell; the table counts."""
    found = {}
    for path in tapes:
        day = date_of(path)
        if closes := read_sidecar(sidecar_of(path), day).closes:
            found[day] = closes
    return found | (read_closes(file) if file else {})


def read_closes(file: Path) -> dict[date, OfficialCloses]:
    """Read a table of official closes, CSV or CSV.gz. Raises MendInput, with its line."""
    try:
        content = file.read_bytes()
        text = (gzip.decompress(content) if file.suffix == ".gz" else content).decode("utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise MendInput(f"{file}: the closes cannot be read ({error}).") from error
    reader = csv.DictReader(io.StringIO(text))
    if missing := [name for name in _COLUMNS if name not in (reader.fieldnames or ())]:
        raise MendInput(f"{file}, line 1: no column {' or '.join(missing)}.")
    found = {}
    for line, row in enumerate(reader, start=2):
        if row["spy_close"] and row["spx_close"]:
            try:
                day, spy, spx = (
                    date.fromisoformat(row["date"]),
                    float(row["spy_close"]),
                    float(row["spx_close"]),
                )
            except ValueError as error:
                raise MendInput(f"{file}, line {line}: {error}.") from error
            if not all(math.isfinite(each) and each > 0 for each in (spy, spx)):
                raise MendInput(f"{file}, line {line}: a close must be a positive number.")
            found[day] = OfficialCloses(round(spy, 2), round(spx, 2), f"closes of {file.name}")
    return found


def without_closes(plan: Plan, tapes: Sequence[date]) -> str:
    """Return in words how days end whose official closes nobody told; empty if there are none."""
    unknown = sum(day not in plan.closes for day in tapes)
    if not unknown:
        return ""
    return (
        f"no official closes are known of {unknown} of {count(len(tapes), 'tape')}: what is held "
        "to the end is settled by a tape's own last rows, and its SPY may be of after the close; "
        "name them with --closes"
    )


class DayTrader:
    """Trades one day after another by a plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._calendar = MarketCalendar(plan.cache)
        self._engine = Engine(plan.settings, self._broker, VirtualClock, bar=plan.bar)

    def trade(self, day: Day) -> DayResult:
        """Trade a tape or a generated day. Raises MendInput for a tape that cannot be played."""
        return self._engine.trade(self.market(day))

    def market(self, day: Day) -> DayMarket:
        """Return a day as this plan sees it."""
        if isinstance(day, int):
            found, kind, name = generated(day, self._calendar), GENERATED, f"seed {day}"
        else:
            found, name = recorded(day, self._calendar), day.name
            kind = read_sidecar(sidecar_of(day), found.session.day).kind
        notes = () if kind == GENERATED else found.labels
        caution = "; ".join(filter(None, (CAUTIONS.get(kind, ""), *notes)))
        return DayMarket(
            found.session,
            name,
            kind,
            self._source(found),
            caution,
            closes_before=found.closes_before,
        )

    def _source(self, found: Market) -> Callable[[Clock], QuoteSource]:
        def source(clock: Clock) -> QuoteSource:
            plan = self._plan
            return BacktestMarket(
                found.source(clock), clock, found.session, plan.model, plan.closes
            )

        return source

    def _broker(self, source: QuoteSource, clock: Clock, session: Session) -> Broker:
        plan = self._plan
        return embedded_exchange(plan.settings, source, clock, session, latency=plan.model.latency)


def results(plan: Plan, days: Sequence[Day], jobs: int) -> Iterator[DayResult]:
    """Trade days in so many processes; yield what became of them, in their order."""
    jobs = min(jobs, len(days))
    if jobs == 1:
        trader = DayTrader(plan)
        yield from map(trader.trade, days)
        return
    chunk = max(1, min(16, len(days) // (4 * jobs)))
    pool = ProcessPoolExecutor(jobs, initializer=_begin, initargs=(plan,))
    try:
        yield from pool.map(_trade, days, chunksize=chunk)
    finally:
        pool.shutdown(cancel_futures=True)


_TRADERS: list[DayTrader] = []
"""The one trader of a process that others started."""


def _begin(plan: Plan) -> None:
    """Prepare a process. Ctrl-C is heard by the one that a person started, and by no other."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _TRADERS[:] = [DayTrader(plan)]


def _trade(day: Day) -> DayResult:
    return _TRADERS[0].trade(day)
