"""The charts of the reports: P&L over a day, and the result of session after session."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from itertools import accumulate
from typing import NamedTuple

from src.models import NEW_YORK, ExitReason
from src.report_chart import Bar, Bars
from src.report_records import DayFacts
from src.trade_statistics import Row

SESSIONS = 30
"""Sessions in the chart of a daily report."""


def day_chart(day: DayFacts) -> Bars | None:
    """Return the P&L of all trades of a day at each check, from entry to exit; None without any.

    It is what closing everything would have brought, exit fees included; from the exit on it is
    the result. Where a part is not known, the whole is not.
    """
    if not day.trades or not day.checks:
        return None
    lives = [_life(trade, day) for trade in day.trades]
    moments = sorted({moment for life in lives for moment in life.moments()})
    bars = [
        Bar(f"{moment:%H:%M}", _sum([life.worth(moment) for life in lives]), _mark(day, moment))
        for moment in moments
    ]
    note = "at prices that could be traded, after fees"
    return Bars("P&L over the day, dollars", bars, "look", note)


class _Life(NamedTuple):
    """A trade from its entry to its exit, with what it was worth at each look, in order."""

    entry: datetime
    exit: datetime | None
    looks: tuple[datetime, ...]
    values: tuple[float | None, ...]
    result: float | None

    def moments(self) -> Iterator[datetime]:
        """Yield every moment at which something is known of the trade."""
        yield self.entry
        yield from self.looks
        if self.exit:
            yield self.exit

    def worth(self, moment: datetime) -> float | None:
        """Return the dollars that were last seen by a moment; from the exit on, the result."""
        if self.exit and moment >= self.exit:
            return self.result
        seen = bisect_right(self.looks, moment)
        if not seen:
            # What it was worth between its entry and the first look nobody saw.
            return 0.0 if moment < self.entry else None
        return self.values[seen - 1]


def _life(trade: Row, day: DayFacts) -> _Life:
    mine = sorted(
        (_moment(check["at"]), check["id"], check["pnl"])
        for check in day.checks
        if trade["trade_id"] == f"{day.session}-{check['spread_no']}"
    )
    return _Life(
        entry=_moment(trade["entry_time"]),
        exit=_moment(trade["exit_time"]) if trade["exit_time"] else None,
        looks=tuple(at for at, _, _ in mine),
        values=tuple(pnl for _, _, pnl in mine),
        result=trade["final_pnl"],
    )


def _sum(parts: Sequence[float | None]) -> float | None:
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None


def _mark(day: DayFacts, moment: datetime) -> str:
    """Return what happened at a moment, with the numbers of the trades where there are several."""
    happened: dict[str, list[str]] = {}
    for trade in day.trades:
        number = trade["trade_id"].rpartition("-")[2]
        if _moment(trade["entry_time"]) == moment:
            happened.setdefault("entry", []).append(number)
        if trade["exit_time"] and _moment(trade["exit_time"]) == moment:
            is_held = trade["exit_reason"] == ExitReason.EXPIRED
            happened.setdefault("settlement" if is_held else "exit", []).append(number)
    several = len(day.trades) > 1
    return " and ".join(
        f"{what} of {', '.join(numbers)}" if several else what for what, numbers in happened.items()
    )


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(NEW_YORK)


def cumulative_chart(days: Sequence[Row], title: str) -> Bars | None:
    """Return the running total of the results of days, which starts at 0; None for less than two.

    `days` are rows of `daily_summary`, of one mode, in order.
    """
    if len(days) < 2:
        return None
    cents = accumulate(round(100 * day["total_pnl"]) for day in days)
    labels = [day["date"] for day in days]
    bars = [Bar(label, level / 100) for label, level in zip(labels, cents, strict=True)]
    return Bars(title, bars, "session")


def month_of(day: date, history: Sequence[Row]) -> list[Row]:
    """Return the rows of a day's month."""
    return [row for row in history if row["date"].startswith(f"{day:%Y-%m}")]
