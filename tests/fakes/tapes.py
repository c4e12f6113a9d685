"""A tape of a whole session, made of a few numbers."""

import gzip
import json
from datetime import date, datetime, timedelta
from pathlib import Path

from brokers.tape_rows import COLUMNS
from src.models import OptionContract, Session
from tests.fakes.builders import DAY, a_session, spxw_call, spy_call

CADENCE = timedelta(minutes=1)
RICH = (2.98, 3.02)
"""A market of the SPY call at which one spread brings 637.85 dollars: the worked example."""
FAIR = (2.38, 2.42)
"""A market of the SPY call at which a spread brings nearly nothing."""
SPXW = (23.00, 23.40)


def a_tape(
    folder: Path,
    *,
    spy_quote: tuple[float, float] = RICH,
    day: date = DAY,
    close: str = "16:00",
) -> Path:
    """Write a session in which nothing moves, one row a minute and symbol; return its path.

    SPY stands at 600.25 and SPX at 6002.50, so that both calls, 600 and 6000, are in the money
    and the position is closed at the exit check.
    """
    session = a_session(close, day)
    folder.mkdir(parents=True, exist_ok=True)
    told = {"kind": "quotes", "source": "a test", "cadence_seconds": CADENCE.total_seconds()}
    told |= {"closes": {"SPY": 600.25, "SPX": 6002.5}}
    (folder / f"{day}.json").write_text(json.dumps(told))
    rows = (row for at in _minutes(session) for row in rows_at(at, spy_quote))
    return write_tape(folder / f"{day}.csv.gz", *rows)


def rows_at(at: datetime, spy_quote: tuple[float, float] = RICH) -> list[str]:
    """Return the four rows of one moment."""
    return [
        _price_row(at, "SPY", 600.25),
        _price_row(at, "SPX", 6002.5),
        _quote_row(at, spy_call(day=at.date()), spy_quote),
        _quote_row(at, spxw_call(day=at.date()), SPXW),
    ]


def write_tape(path: Path, *rows: str) -> Path:
    """Write rows below the header of a tape; return its path."""
    text = "\n".join((",".join(COLUMNS), *rows)) + "\n"
    path.write_bytes(gzip.compress(text.encode(), mtime=0))
    return path


def _minutes(session: Session) -> list[datetime]:
    count = (session.spy_options_close - session.open) // CADENCE
    return [session.open + n * CADENCE for n in range(count + 1)]


def _price_row(at: datetime, symbol: str, last: float) -> str:
    return f"{at.isoformat()},{symbol},,,,,{last}"


def _quote_row(at: datetime, contract: OptionContract, quote: tuple[float, float]) -> str:
    bid, ask = quote
    return f"{at.isoformat()},{contract.symbol},{bid},{ask},,,"
