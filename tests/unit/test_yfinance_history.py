"""Past days from Yahoo, asked of a Ticker with the forms of yfinance, into tapes."""

from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from brokers.history_pace import Pace
from brokers.yfinance_client import YfinanceLink
from brokers.yfinance_history import YfinanceHistory
from src.ports import RetryLater
from tests.fakes.builders import DAY, a_session, at
from tests.fakes.history import LONG_AFTER, Backfill, WaitingClock
from tests.fakes.past_market import PastMarket

MARKET = PastMarket()
SOON = a_session().close + timedelta(days=3)


class PastYahoo:
    """Ticker.history of past days: one-minute bars of the last 30 days only, daily ones always."""

    def __init__(self, clock: WaitingClock, market: PastMarket = MARKET) -> None:
        self.clock, self.market = clock, market
        self.asked: list[tuple[str, str, str]] = []
        self.unknown: set[str] = set()
        self.failures: list[Exception] = []

    def __call__(self, symbol: str) -> SimpleNamespace:
        def history(*, start: str, end: str, interval: str, auto_adjust: bool) -> pd.DataFrame:
            assert not auto_adjust, "a tape holds the prices that were paid"
            self.asked.append((symbol, start, interval))
            if self.failures:
                raise self.failures.pop(0)
            begin, until = (datetime.fromisoformat(each).date() for each in (start, end))
            day = self.market.session.day
            bars = self._bars(symbol, interval) if begin <= day < until else []
            if interval == "1m":
                assert (until - begin).days <= 7, "more than seven days of minutes at once"
                if (self.clock.now().date() - begin).days >= 30:
                    bars = []
            index = pd.DatetimeIndex(
                [pd.Timestamp(start) for start, _ in bars], tz="America/New_York"
            )
            return pd.DataFrame({"Close": [close for _, close in bars]}, index=index)

        return SimpleNamespace(history=history)

    def _bars(self, symbol: str, interval: str) -> list[tuple[datetime, float]]:
        if symbol in self.unknown:
            return []
        bars = self.market.closes("SPY" if symbol == "SPY" else "SPX")
        midnight = self.market.session.open.replace(hour=0, minute=0)
        return [(midnight, bars[-1][1])] if interval == "1d" else bars


def yahoo(folder: Path, now: datetime = SOON, **more: Any) -> tuple[PastYahoo, Backfill]:  # noqa: ANN401
    clock = WaitingClock(now)
    ticker = PastYahoo(clock, **more)
    pace = Pace(clock, lambda _: None, first_wait=15.0)
    history = YfinanceHistory(YfinanceLink(lambda: 5.0, ticker), pace, clock)
    return ticker, Backfill(history, folder, clock)


def test_the_last_month_is_told_minute_by_minute(tmp_path: Path) -> None:
    _, backfill = yahoo(tmp_path)
    backfill.run()
    tape = backfill.tape
    assert [row[5] for row in tape.prices["SPX"].rows] == [p for _, p in MARKET.closes("SPX")]
    assert tape.prices["SPY"].seen[0] == at("09:31")
    assert tape.prices["SPY"].seen[-1] == at("16:00")
    assert tape.sidecar.cadence_seconds == 60
    assert any("no options" in label for label in tape.sidecar.labels)


def test_an_earlier_day_has_its_closes_and_says_so(tmp_path: Path) -> None:
    ticker, backfill = yahoo(tmp_path, LONG_AFTER)
    backfill.run()
    tape = backfill.tape
    closes = tape.sidecar.closes
    assert closes is not None
    assert (closes.spy, closes.spx) == (MARKET.closes("SPY")[-1][1], MARKET.closes("SPX")[-1][1])
    assert tape.prices["SPX"].seen == [at("16:00")]
    assert "daily bars" in tape.note
    assert tape.sidecar.cadence_seconds is None
    assert {interval for _, _, interval in ticker.asked} == {"1d"}


def test_where_yahoo_knows_no_spx_the_other_name_of_the_index_is_asked(tmp_path: Path) -> None:
    ticker, backfill = yahoo(tmp_path)
    ticker.unknown = {"^SPX"}
    backfill.run()
    assert ("^GSPC", str(DAY), "1m") in ticker.asked
    assert len(backfill.tape.prices["SPX"].rows) == 390


def test_what_is_missing_at_yahoo_is_a_gap(tmp_path: Path) -> None:
    _, backfill = yahoo(tmp_path, market=PastMarket(silent=frozenset(range(10, 20))))
    backfill.run()
    assert "SPX lacks 10 of 390 minutes: 09:41-09:50" in backfill.tape.sidecar.labels


def test_an_index_that_yahoo_does_not_tell_is_missing_altogether(tmp_path: Path) -> None:
    ticker, backfill = yahoo(tmp_path)
    ticker.unknown = {"^SPX", "^GSPC"}
    backfill.run()
    assert "SPX is missing altogether" in backfill.tape.sidecar.labels
    assert backfill.tape.sidecar.closes is None


def test_yahoo_is_left_alone_for_a_while_when_it_wants_to_be(tmp_path: Path) -> None:
    from yfinance.exceptions import YFRateLimitError  # noqa: PLC0415 - heavy

    ticker, backfill = yahoo(tmp_path)
    ticker.failures = [YFRateLimitError(), YFRateLimitError()]
    backfill.run()
    assert backfill.clock.waits == [15.0, 30.0]
    ticker.failures = [YFRateLimitError() for _ in range(99)]
    backfill.path.unlink()
    with pytest.raises(RetryLater, match="too many requests"):
        backfill.run()
