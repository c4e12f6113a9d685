"""Many parameter sets on many days at once, to the same cents as the trading day itself.

The engine reckons on tables of days (`day_table`) what `trading_day` would do on a paper exchange
that fills an order when the quote that it was meant for is still there. It follows entries,
checks, stops, the daily limit, exits and settlement. It leaves out everything that goes wrong:
orders that fill in parts, late, or not at all; quotes that fail as a position is closed; a price
that jumps; two positions at once; faults of a broker. A day on which that would matter gets a
`Doubt` instead of a result: play it with the trading day itself.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import IntEnum
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from src.day_table import ANY_SIZE, DayTable
from src.models import ExitReason
from src.ports import MendInput
from src.sweep_rules import MINUTE, Packed, Rules, pack


class Doubt(IntEnum):
    """Why the sweep does not say how a day ended under a parameter set."""

    NONE = 0
    NEAR_LIMIT = 1
    TOO_FEW = 2
    NO_WAY_OUT = 3
    SECOND = 4
    JUMP = 5
    NO_CLOSES = 6
    FUNDS = 7

    @property
    def words(self) -> str:
        """The reason in words."""
        return _WORDS[self]


_WORDS = {
    Doubt.NONE: "none",
    Doubt.NEAR_LIMIT: "the profit exceeds its limit by so little that an order may not fill",
    Doubt.TOO_FEW: "an entry quote shows fewer contracts than are ordered, or is off the grid",
    Doubt.NO_WAY_OUT: "a leg could not be closed at once: no sound quote, no bid, or too few",
    Doubt.SECOND: "a second position may have been opened beside the first",
    Doubt.JUMP: "a price jumped by more than is believed at once",
    Doubt.NO_CLOSES: "a position expired and the closing prices are not known",
    Doubt.FUNDS: "an order may have been refused for want of money",
}
REASONS = (
    ExitReason.DAILY_LOSS,
    ExitReason.ASSIGNMENT_RISK,
    ExitReason.MAX_LOSS,
    ExitReason.PRE_EXPIRATION,
    ExitReason.PIN_RISK,
    ExitReason.EXPIRED,
)


class Trade(NamedTuple):
    """One trade: minutes since the open of entry and exit, why it ended, spreads, and cents."""

    entry: int
    exit: int
    reason: ExitReason
    spreads: int
    pnl: int


class Stack(NamedTuple):
    """Tables of sessions of one length, joined for the engine; shapes as in `DayTable`.

    By day and minute: `spy`, `spx`, `offer`, `slack`, `spx_cost`, `room_in`, `pair` (a row of the
    pairs of all days) and, by spreads, `entry`. By pair: `strike` (of SPY), `settled`, `room_out`
    by minute and `value` by spreads and minute. By day: `calm`, whether no two prices differ by as
    much as a jump, and `shared`, whether two minutes may be told the very same quote.
    """

    spy: NDArray[np.float64]
    spx: NDArray[np.float64]
    offer: NDArray[np.float64]
    slack: NDArray[np.int32]
    spx_cost: NDArray[np.int32]
    room_in: NDArray[np.int32]
    pair: NDArray[np.int32]
    entry: NDArray[np.int32]
    value: NDArray[np.int32]
    room_out: NDArray[np.int32]
    strike: NDArray[np.float64]
    settled: NDArray[np.int32]
    calm: NDArray[np.bool_]
    shared: NDArray[np.bool_]

    @classmethod
    def of(cls, tables: Sequence[DayTable], jump: float) -> "Stack":
        """Join tables of one length; `jump` is the fraction by which a price may differ."""
        counts = [len(each.settled) for each in tables]
        starts = np.cumsum([0, *counts[:-1]])
        pairs = [
            np.where(each.pair < 0, -1, each.pair + start)
            for each, start in zip(tables, starts, strict=True)
        ]

        def joined(name: str) -> NDArray[Any]:
            return np.stack([getattr(each, name) for each in tables])

        return cls(
            spy=joined("spy"),
            spx=joined("spx"),
            offer=joined("offer"),
            slack=joined("slack"),
            spx_cost=joined("spx_cost"),
            room_in=joined("room_in"),
            pair=np.stack(pairs).astype(np.int32),
            entry=np.ascontiguousarray(joined("entry").transpose(1, 0, 2)),
            value=np.ascontiguousarray(np.concatenate([each.value for each in tables], axis=1)),
            room_out=np.concatenate([each.room_out for each in tables]),
            strike=np.concatenate([each.pair_strikes[:, 0] for each in tables]),
            settled=np.concatenate([each.settled for each in tables]),
            calm=np.array([_is_calm(each, jump) for each in tables]),
            shared=np.array([each.max_age >= MINUTE for each in tables]),
        )

    @property
    def close(self) -> int:
        """The last row: minutes from the open to the close."""
        return int(self.spy.shape[1]) - 1


def fixed_pair_stack(  # noqa: PLR0913 - the columns of a quote file
    *,
    spy: NDArray[np.float64],
    spx: NDArray[np.float64],
    spy_strike: NDArray[np.float64],
    spx_strike: NDArray[np.float64],
    spy_bid: NDArray[np.float64],
    spy_ask: NDArray[np.float64],
    spx_bid: NDArray[np.float64],
    spx_ask: NDArray[np.float64],
    fees: int,
) -> Stack:
    """Return days whose two strikes are fixed, from arrays by day and minute (strikes by day).

    Every quote counts as sound and as large as any order; the credit of one spread is what its
    offer is worth. `fees` are cents for opening one spread, and as much for closing it.
    """
    sold, bought = _cents(spy_bid), _cents(spx_ask)
    credit = 1000 * sold - 100 * bought - fees
    shape, count = spy.shape, len(spy)
    settled = 100 * np.maximum(_cents(spx[:, -1]) - _cents(spx_strike), 0)
    settled -= 1000 * np.maximum(_cents(spy[:, -1]) - _cents(spy_strike), 0)
    return Stack(
        spy=spy,
        spx=spx,
        offer=credit / 100,
        slack=credit,
        spx_cost=100 * bought,
        room_in=np.full(shape, ANY_SIZE, np.int32),
        pair=np.repeat(np.arange(count, dtype=np.int32), shape[1]).reshape(shape),
        entry=credit[None],
        value=(100 * _cents(spx_bid) - 1000 * _cents(spy_ask) - fees)[None],
        room_out=np.full(shape, ANY_SIZE, np.int32),
        strike=np.ascontiguousarray(spy_strike, np.float64),
        settled=settled,
        calm=np.ones(count, np.bool_),
        shared=np.zeros(count, np.bool_),
    )


class Outcome(NamedTuple):
    """What became of each parameter set (row) on each day (column).

    `pnl` is cents after all fees; it and `trades` are zero where there is a `doubt`. `detail` holds
    the first trades of each day, as far as they were asked for.
    """

    pnl: NDArray[np.int64]
    trades: NDArray[np.int16]
    doubt: NDArray[np.int8]
    detail: NDArray[np.int32]

    def trades_of(self, row: int, day: int) -> tuple[Trade, ...]:
        """Return the trades of one set on one day, as far as they were asked for."""
        count = min(int(self.trades[row, day]), self.detail.shape[2])
        return tuple(
            Trade(entry, out, REASONS[reason], spreads, pnl)
            for entry, out, reason, spreads, pnl in self.detail[row, day, :count].tolist()
        )


def sweep(
    stack: Stack, sets: Sequence[Rules] | Packed, *, threads: int = 1, detail: int = 0
) -> Outcome:
    """Play every parameter set on every day of the stack.

    `threads` share the sets between them; up to `detail` trades a day are kept one by one. Raises
    MendInput where numba is not installed.
    """
    try:
        from src.sweep_kernel import play  # noqa: PLC0415 - numba takes half a second to import
    except ImportError as error:
        raise MendInput(
            f"A sweep needs numba ({error}): pip install -r requirements.txt."
        ) from error

    packed = sets if isinstance(sets, np.ndarray) else pack(sets)
    count, days = len(packed), len(stack.spy)
    outcome = Outcome(
        pnl=np.zeros((count, days), np.int64),
        trades=np.zeros((count, days), np.int16),
        doubt=np.zeros((count, days), np.int8),
        detail=np.zeros((count, days, detail, len(Trade._fields)), np.int32),
    )
    bounds = np.linspace(0, count, min(threads, max(count, 1)) + 1).astype(int).tolist()

    def part(start: int, stop: int) -> None:
        play(stack, packed, start, stop, outcome)

    if len(bounds) == 2:
        part(*bounds)
        return outcome
    with ThreadPoolExecutor(len(bounds) - 1) as pool:
        for each in [pool.submit(part, *pair) for pair in pairwise(bounds)]:
            each.result()
    return outcome


def _is_calm(table: DayTable, jump: float) -> bool:
    """Whether no two prices of the day differ by as much as a jump, whichever are looked at."""
    for prices in (table.spy, table.spx):
        known = prices[~np.isnan(prices)]
        if len(known) and float(known.max() / known.min()) - 1 > jump * (1 - 1e-9):
            return False
    return True


def _cents(prices: NDArray[np.float64]) -> NDArray[np.int32]:
    return np.rint(100 * prices).astype(np.int32)
