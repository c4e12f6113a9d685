"""Answers in the shapes that yfinance documents, and a Ticker that plays them."""

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pandas as pd

from src.models import OptionContract
from tests.fakes.builders import DAY, at, spxw_call, spy_call

SEEN = at("09:40:30")


def metadata(
    price: float | None, when: datetime | None = SEEN, late: int | None = None
) -> dict[str, Any]:
    """What `Ticker.get_history_metadata()` returns, as far as it is looked at.

    The quote that comes with a chain has the same names, and by how many minutes it is late.
    """
    found: dict[str, Any] = {"currency": "USD", "exchangeTimezoneName": "America/New_York"}
    if price is not None:
        found["regularMarketPrice"] = price
    if when is not None:
        found["regularMarketTime"] = int(when.timestamp())
    if late is not None:
        found["exchangeDataDelayedBy"] = late
    return found


def row(contract: OptionContract, **values: object) -> dict[str, Any]:
    """One option of a chain; Yahoo leaves out what it does not know."""
    return {
        "contractSymbol": contract.symbol,
        "lastTradeDate": pd.Timestamp(SEEN).tz_convert("UTC"),
        "strike": contract.strike,
        "contractSize": "REGULAR",
        "currency": "USD",
        **values,
    }


def options(underlying: Mapping[str, Any] | None, *rows: Mapping[str, Any]) -> SimpleNamespace:
    """What `Ticker.option_chain(day)` returns: two tables and the underlying's quote."""
    columns = ["contractSymbol", "lastTradeDate", "strike", "lastPrice", "bid", "ask", "volume"]
    calls = pd.DataFrame(list(rows)).reindex(columns=columns)
    return SimpleNamespace(
        calls=calls, puts=pd.DataFrame([]).reindex(columns=columns), underlying=underlying
    )


def bars(closes: Mapping[date, float]) -> pd.DataFrame:
    """What `Ticker.history(interval="1d")` returns: stamped at midnight of the exchange."""
    index = pd.DatetimeIndex([pd.Timestamp(day, tz="America/New_York") for day in closes])
    return pd.DataFrame({"Close": list(closes.values())}, index=index)


def minutes(closes: Mapping[str, float]) -> pd.DataFrame:
    """What `Ticker.history(interval="1m")` returns: stamped at the beginning of each minute."""
    index = pd.DatetimeIndex([pd.Timestamp(at(clock)) for clock in closes])
    return pd.DataFrame({"Close": list(closes.values())}, index=index)


class LazyMetadata(Mapping[str, Any]):
    """The mapping of `get_history_metadata()`: one of its keys costs another request."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        self._told = told

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401 - as in the library
        assert key != "tradingPeriods", "this would ask Yahoo once more"
        return self._told[key]

    def __iter__(self) -> Iterator[str]:
        return iter([*self._told, "tradingPeriods"])

    def __len__(self) -> int:
        return len(self._told) + 1


class RecordedYahoo:
    """The library's Ticker for the symbols that are recorded; an exception is raised."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers: dict[tuple[str, str], Any] = {
            ("SPY", "quote"): metadata(600.25),
            ("^SPX", "quote"): metadata(6002.50),
            ("SPY", "chain"): options(
                metadata(600.25, late=0), row(spy_call(), bid=2.98, ask=3.02)
            ),
            ("^SPX", "chain"): options(
                metadata(6002.50, SEEN - timedelta(minutes=15), late=15),
                row(OptionContract("SPX", DAY, 6000.0), bid=99.0, ask=99.5),
                row(spxw_call(), bid=23.0, ask=23.4, lastPrice=23.1),
            ),
            ("SPY", "close"): bars({DAY: 601.5}),
            ("^GSPC", "close"): bars({DAY: 6014.25}),
        }

    def __call__(self, symbol: str) -> SimpleNamespace:
        def answer(what: str) -> Callable[..., Any]:
            def give(*_: object, **__: object) -> object:
                self.asked.append(f"{what} {symbol}")
                found = self.answers[symbol, what]
                if isinstance(found, Exception):
                    raise found
                return found() if callable(found) else found

            return give

        told: list[Any] = []

        def history(*, period: str = "", interval: str = "", **about: object) -> pd.DataFrame:
            if not period:
                what = "close" if interval == "1d" else "minutes"
                found: pd.DataFrame = answer(what)(**about)
                return found
            told.append(answer("quote")())
            return bars({})

        def metadata_of_history() -> LazyMetadata | None:
            return LazyMetadata(told[-1]) if told and told[-1] is not None else None

        return SimpleNamespace(
            history=history,
            get_history_metadata=metadata_of_history,
            option_chain=answer("chain"),
        )
