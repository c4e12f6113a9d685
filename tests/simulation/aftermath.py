"""What must hold once a day is over, judged by the exchange's own books."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from src.database import Store
from src.models import Session, SpreadPosition
from src.ports import OfficialCloses
from src.settlement import settle
from tests.simulation.exchange import FaultyExchange
from tests.simulation.world import Violation

_FILLS = (
    "SELECT fill_id, f.quantity, price_cents, fee_cents"
    " FROM fills f JOIN orders o USING (client_order_id) WHERE o.session = ?"
)


class Aftermath:
    """Compares the record of a finished day with the exchange; raises Violation."""

    def __init__(
        self,
        store: Store,
        exchange: FaultyExchange,
        session: Session,
        closes: OfficialCloses,
        start_cash: Decimal,
        *,
        was_lost: bool,
        was_short: bool,
        can_deliver: bool,
    ) -> None:
        self._rows = store.connection.execute
        self._exchange, self._session, self._closes = exchange, session, closes
        self._start_cash, self._was_lost = start_cash, was_lost
        self._was_short, self._can_deliver = was_short, can_deliver
        self._day = session.day.isoformat()

    def check(self, positions: Sequence[SpreadPosition]) -> None:
        """Check the invariants of a day that is quiet again."""
        self._reported()
        self._fills()
        self._trades(positions)
        acted = bool(self._exchange.own_acts)
        if not (self._was_assigned or self._exchange.is_past_knowing or (acted and self._was_lost)):
            self._cents(positions)
        self._doubts()
        self._alerts()
        self._notifications()

    @property
    def _was_assigned(self) -> bool:
        return any(what == "assigned" for _, what, _, _ in self._exchange.own_acts)

    def _reported(self) -> None:
        """(h) the day is reported."""
        row = self._rows("SELECT phase FROM sessions WHERE session = ?", (self._day,)).fetchone()
        if row is None or row[0] != "reported":
            raise Violation("h", f"the day ended {row[0] if row else 'unrecorded'}, not reported")

    def _fills(self) -> None:
        """(e) every contract: the record has the fills of the exchange, and no others."""
        mine = [f for o in self._exchange.inner._state.orders.values() for f in o.fills]
        theirs = {
            each.fill_id: (each.quantity, int(each.price * 100), int(each.fee * 100))
            for each in (*mine, *self._exchange.others)
        }
        ours: dict[str, tuple[int, int, int]] = {}
        for fill_id, quantity, price, fee in self._rows(_FILLS, (self._day,)):
            # What others closed of several spreads at once is recorded in parts.
            whole = fill_id.partition("/")[0]
            before, _, paid = ours.get(whole, (0, price, 0))
            ours[whole] = before + quantity, price, paid + fee
        is_hopeless = self._was_lost and self._exchange.own_acts
        if ours != theirs and not (self._exchange.is_past_knowing or is_hopeless):
            missing = sorted(set(theirs) - set(ours))
            extra = sorted(set(ours) - set(theirs))
            text = f"fills not recorded: {missing}, recorded but not true: {extra}"
            raise Violation("e", text if missing or extra else f"{theirs} recorded as {ours}")
        open_ = [
            row[0]
            for row in self._rows(
                "SELECT client_order_id FROM orders WHERE session = ? AND state IN"
                " ('intent', 'unknown', 'working', 'cancelling')",
                (self._day,),
            )
        ]
        if open_:
            raise Violation("e", f"orders are still open in the record: {open_}")

    def _trades(self, positions: Sequence[SpreadPosition]) -> None:
        """(f) each trade's P&L is its fills less its fees and its settlement."""
        truth = self._truth_by_spread(positions)
        for spread_no, cents in truth.items():
            row = self._rows(
                "SELECT final_pnl, exit_reason FROM trades WHERE trade_id = ?",
                (f"{self._day}-{spread_no}",),
            ).fetchone()
            if row is None:
                raise Violation("f", f"spread {spread_no} traded, and there is no trade of it")
            if self._exchange.own_acts:
                continue
            if row[0] is None or round(row[0] * 100) != cents:
                raise Violation("f", f"spread {spread_no} made {cents} cents, recorded {row[0]}")
            if row[1] is None:
                raise Violation("f", f"spread {spread_no} has no reason why it ended")

    def _truth_by_spread(self, positions: Sequence[SpreadPosition]) -> Mapping[int, int]:
        held: dict[int, dict[str, int]] = {}
        cash: dict[int, Decimal] = {}
        for order in self._exchange.inner._state.orders.values():
            if not order.fills:
                continue
            no, root = order.intent.spread_no, order.intent.contract.root
            legs = held.setdefault(no, {"SPY": 0, "SPXW": 0})
            for fill in order.fills:
                legs[root] += fill.side.sign * fill.quantity
                cash[no] = cash.get(no, Decimal(0)) + fill.cash
        result = {}
        for no, legs in held.items():
            position = next((each for each in positions if each.spread_no == no), None)
            if position is None:
                raise Violation("e", f"spread {no} traded, and there is no plan of it")
            left = _with(position, -legs["SPY"], legs["SPXW"])
            result[no] = int((cash[no] + settle(left, self._closes).total) * 100)
        return result

    def _cents(self, positions: Sequence[SpreadPosition]) -> None:
        """(e) every cent: the account has grown by what the record says."""
        self._exchange.inner._advance()
        state = self._exchange.inner._state
        worth = state.cash + state.shares * Decimal(str(self._closes.spy))
        recorded = sum((each.cash for each in positions), Decimal(0))
        if worth - self._start_cash != recorded:
            raise Violation(
                "e", f"the account grew by {worth - self._start_cash}, recorded {recorded}"
            )
        if any(state.options.values()):
            raise Violation("e", f"options are left after expiry: {state.options}")

    def _doubts(self) -> None:
        """(e) the day ends in doubt where something is gone that nobody sold, and only there."""
        row = self._rows(
            "SELECT text FROM events WHERE session = ? AND kind = 'difference'"
            " ORDER BY id DESC LIMIT 1",
            (self._day,),
        ).fetchone()
        doubt = row[0] if row else ""
        has_cause = (
            self._exchange.own_acts
            or self._exchange.foreign
            or self._exchange.foreign_shares
            # By a clock that is behind at the close, what has expired is missing before its time.
            or "clock steps" in self._exchange.world.struck
        )
        if doubt and not has_cause:
            raise Violation("e", f"the day ended in doubt without a cause: {doubt}")
        assigned = [
            at
            for at, what, _, _ in self._exchange.own_acts
            if what == "assigned" and at < self._session.close - timedelta(minutes=20)
        ]
        if assigned and not (doubt or self._exchange.is_past_knowing or self._was_lost):
            raise Violation("e", f"calls were assigned at {assigned[0]}, and nobody doubts the day")

    def _alerts(self) -> None:
        """(g) shares that came of an exercise, and acts of the exchange, are alerted."""
        titles = self._rows(
            "SELECT title FROM notifications WHERE session = ?"
            " AND level IN ('warning', 'error', 'urgent') AND title NOT GLOB 'closed *'",
            (self._day,),
        ).fetchall()
        if self._was_short and not titles:
            raise Violation("g", "SPY calls were short after the close, and nobody was alerted")
        if self._exchange.inner._state.shares and not titles:
            raise Violation("g", "SPY calls were assigned, and nobody was alerted")
        before_close = [
            each
            for each in self._exchange.own_acts
            if each[0] < self._session.close - timedelta(minutes=20)
        ]
        if before_close and not titles:
            raise Violation("h", f"{before_close} happened, and nobody was alerted")

    def _notifications(self) -> None:
        """(i) what a user must know of was put up exactly once."""
        titles = self._titles()
        twice = self._rows(
            "SELECT title, text FROM notifications WHERE session = ?"
            " GROUP BY title, text HAVING count(*) > 1",
            (self._day,),
        ).fetchone()
        if twice:
            raise Violation("i", f"put up more than once: {twice[0]}: {twice[1]}")
        waiting = self._rows(
            "SELECT title FROM notifications WHERE session = ? AND delivered_at IS NULL",
            (self._day,),
        ).fetchone()
        if waiting and self._can_deliver:
            raise Violation("i", f"never delivered: {waiting[0]}")
        if sum(each.startswith("result of ") for each in titles) != 1:
            raise Violation("i", "the result of the day was not put up exactly once")
        if self._was_lost:
            return  # with what had been put up before
        trades = self._rows("SELECT trade_id, exit_reason FROM trades WHERE date = ?", (self._day,))
        for row in trades.fetchall():
            opened = titles.count(f"opened {row[0]}")
            closed = titles.count(f"closed {row[0]}")
            if opened > 1 or closed > 1:
                raise Violation("i", f"{row[0]}: put up {opened} times opened, {closed} closed")
            told = sum(str(row[0]) in each for each in titles)
            expired = self._rows(
                "SELECT 1 FROM settlements WHERE session || '-' || spread_no = ?", (row[0],)
            ).fetchone()
            if not told or not (closed or expired):
                raise Violation("i", f"nobody was told of the end of {row[0]} ({row[1]})")
        breaker = self._rows(
            "SELECT count(*) FROM control WHERE set_by = 'breaker' AND session = ?", (self._day,)
        ).fetchone()[0]
        told = titles.count("Daily loss limit")
        if told > 1 or told < breaker:
            raise Violation("i", f"the daily loss was put up {told} times, breaker {breaker}")

    def _titles(self) -> list[str]:
        rows = self._rows("SELECT title FROM notifications WHERE session = ?", (self._day,))
        return [row[0] for row in rows]


def _with(position: SpreadPosition, short: int, long: int) -> SpreadPosition:
    return replace(position, spy_short=short, spx_long=long)
