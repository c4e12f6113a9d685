"""What must hold at every moment of a day, judged by what the exchange itself knows.

(a) Short SPY calls, held and being sold, are at most ten for each SPXW call held; after an act of
the exchange itself they are so again within `MEND`. (b) No leg has two live orders, and no order
is sent twice or before it is committed. (c) Never more spreads than the limit. (d) Nothing is
opened outside the window, in a mode above normal, past the daily loss, upon quotes that are not
sound, or while the record and the exchange differ. (e) Once quiet, the record and the exchange
agree: every contract and every cent. (f) A trade's P&L is its fills, fees and settlements. (g) No
SPY call is short after the close without an alert. (h) A wish to close is carried out or an alert
says why not, and the day comes to its end and is reported. (i) What a user must know of is put up
exactly once. (j) Never more is closed than was ours. (x) The program does not fall over.
"""

from datetime import datetime, timedelta
from decimal import Decimal

from src.control import ControlMode
from src.database import Store
from src.models import SPY_PER_SPREAD, Leg, OrderIntent, Purpose, Session, Side
from src.settings import Settings
from tests.simulation.exchange import FaultyExchange
from tests.simulation.world import Violation, World

MEND = timedelta(minutes=20)
"""How long after the last disturbance a position that the exchange itself uncovered may stay so."""
OBEY = timedelta(seconds=2)
"""How soon a mode that a person sets binds: one second, and the call that was under way."""
_UNSOUND = (
    *("old quotes", "zero quotes", "crossed quotes", "no quotes", "source fails", "source hangs"),
    *("SPY quotes only", "SPXW quotes only"),
)
OBEYED = timedelta(minutes=10)
"""How long after the last disturbance a wish to close may stay without effect and without alert."""


class Invariants:
    """Looks at one exchange after every step; raises Violation."""

    def __init__(
        self,
        exchange: FaultyExchange,
        world: World,
        session: Session,
        settings: Settings,
        store: Store,
    ) -> None:
        self._exchange, self._world, self._session = exchange, world, session
        self._rules = settings
        self._store = store
        hours = settings.trading_hours
        self._entry = session.at(hours.entry_start), session.at(hours.entry_end)
        self._patience = timedelta(seconds=3 * settings.execution.leg_deadline_seconds + 30)
        data = settings.market_data
        self._oldest = data.max_quote_age_seconds + data.max_leg_skew_seconds + 1.5
        self._ids: set[str] = set()
        self.began: dict[int, datetime] = {}
        self._seen = -1
        self.modes: list[tuple[datetime, ControlMode]] = []
        self.was_lost = False
        self.halt_file = session.close, session.close
        self.naked_since: datetime | None = None
        exchange.on_submit = self.before_submission

    # At every step.

    def look(self) -> None:
        """Check what is held and at work."""
        if self._seen != self._exchange.changes or self.naked_since is not None:
            self._seen = self._exchange.changes
            self._exposure()
        if self.modes:
            self._obeyed()

    def _exposure(self) -> None:
        """(a) covered; (b) one live order a leg; (c) the limit of spreads; never reversed."""
        if self._world.time.moment >= self._session.close:
            return  # SPXW is over: what is short now is told by (g)
        held = {"SPY": 0, "SPXW": 0}
        for contract, quantity in self._exchange.inner._state.options.items():
            held[contract.root] += quantity
        selling = buying = buying_spx = 0
        live: set[tuple[int, Leg]] = set()
        working = [
            (each.intent, each.remaining)
            for each in self._exchange.inner._state.orders.values()
            if not each.state.is_final
        ]
        working += [(each, each.quantity) for each in self._exchange.on_the_way]
        for intent, remaining in working:
            key = (intent.spread_no, intent.leg)
            if key in live:
                self._fail("b", f"two orders of spread {key[0]} are alive on the {key[1]} leg")
            live.add(key)
            if intent.leg is Leg.SPY:
                selling += remaining if intent.side is Side.SELL else 0
                buying += remaining if intent.side is Side.BUY else 0
            elif intent.side is Side.BUY:
                buying_spx += remaining
        short = selling - held["SPY"]
        self._covered(short, held["SPXW"])
        limit = self._rules.strategy.max_spreads
        if held["SPXW"] + buying_spx > limit or short > SPY_PER_SPREAD * limit:
            self._fail(
                "c", f"{held['SPXW']} SPXW held, {buying_spx} being bought, limit {limit} spreads"
            )
        if self._exchange.is_past_knowing:
            return
        if held["SPXW"] < 0 or held["SPY"] > 0 or buying > -held["SPY"]:
            self._fail("j", f"more was closed than was ours: {held}, buying back {buying}")

    def _obeyed(self) -> None:
        """(h) a wish to close is carried out, or somebody hears why it is not."""
        now = self._world.time.moment
        if not any(self._exchange.inner._state.options.values()) or self._exchange.own_acts:
            return
        asked = next((at for at, mode in self.modes if mode >= ControlMode.CLOSE), None)
        if asked is None or now >= self._session.close:
            return
        since = max(asked, self._world.last_disturbance)
        if now - since < OBEYED:
            return
        # What was put up before the clock was set right bears the time that it showed then.
        set_right, wrong_by = self._world.corrected
        offset = self._world.offset
        if now - set_right < OBEYED:
            offset = min(offset, wrong_by)
        then = (now - OBEYED + offset).isoformat()
        # The newest first: as a rule it is the answer, and this is asked at every step.
        heard = self._store.connection.execute(
            "SELECT 1 FROM (SELECT at, level FROM notifications ORDER BY id DESC)"
            " WHERE at > ? AND level IN ('warning', 'error', 'urgent') LIMIT 1",
            (then,),
        ).fetchone()
        if not heard:
            self._fail("h", f"still held, {now - since} after the wish to close, and no alert")

    def _covered(self, short: int, long: int) -> None:
        if short <= SPY_PER_SPREAD * long:
            self.naked_since = None
            return
        text = f"{short} SPY calls short or being sold, {long} SPXW calls held"
        if not self._exchange.own_acts:
            self._fail("a", text)
        if short <= SPY_PER_SPREAD * (long + self._exchange.foreign_cover()):
            # Calls of the same kind that the user bought stand where the exchange took ours: an
            # account that holds what is recorded looks whole, and as long as it does it is covered.
            self.naked_since = None
            return
        now = self._world.time.moment
        self.naked_since = self.naked_since or now
        since = max(self.naked_since, self._world.last_disturbance)
        if now - since > MEND:
            self._fail("a", f"{text}, for {now - self.naked_since}, after an act of the exchange")

    # Before every order.

    def before_submission(self, intent: OrderIntent) -> None:
        """(b) nothing is sent twice; (d) nothing is opened when it must not be."""
        order = intent.client_order_id
        if order in self._ids and not self.was_lost:
            self._fail("b", f"{order} was sent twice")
        self._ids.add(order)
        known = self._store.connection.execute(
            "SELECT count(*) FROM orders WHERE client_order_id = ?", (order,)
        ).fetchone()[0]
        if not known or self._store.connection.in_transaction:
            self._fail("b", f"{order} was sent before it was committed")
        if intent.purpose is Purpose.OPEN:
            self._opening(intent)

    def _opening(self, intent: OrderIntent) -> None:
        now = intent.created_at
        is_new = intent.spread_no not in self.began
        began = self.began.setdefault(intent.spread_no, now)
        start, end = self._entry
        if is_new and not start <= now <= end + self._patience:
            self._fail("d", f"spread {intent.spread_no} was begun at {now:%H:%M:%S}")
        if now - began > self._patience:
            self._fail("d", f"{intent} was sent at {now:%H:%M:%S}, long after {began:%H:%M:%S}")
        mode = self.mode_in_force()
        if mode is not ControlMode.NORMAL:
            self._fail("d", f"{intent} was sent in mode {mode.label}")
        if is_new:
            self._seen_soundly(intent)
            self._not_past_the_loss(intent)
            self._not_in_doubt(intent)

    def mode_in_force(self) -> ControlMode:
        """Return the strongest mode that has been set long enough to bind."""
        then = self._world.time.moment - OBEY
        first, last = self.halt_file
        if first <= then and self._world.time.moment < last:
            return ControlMode.HALT
        return max((m for at, m in self.modes if at <= then), default=ControlMode.NORMAL)

    def _seen_soundly(self, intent: OrderIntent) -> None:
        for kind in _UNSOUND:
            lasted = self._world.lasts(kind)
            # What began with this very order was not there when it was decided upon.
            if lasted > 0.5 and not (kind == "old quotes" and self._look_fresh(lasted)):
                self._fail("d", f"{intent} was sent upon {kind}")

    def _look_fresh(self, lasted: float) -> bool:
        """Whether quotes that have stood still for so many seconds look fresh to the machine.

        It tells their age by its own clock alone, and for one that is behind those are fresh that
        have stood still for as long as it is behind: nothing in them tells. A clock that is ahead
        excuses nothing.
        """
        behind = -min(self._world.offset.total_seconds(), 0.0)
        return min(lasted, abs(lasted - behind)) <= self._oldest

    def _not_past_the_loss(self, intent: OrderIntent) -> None:
        cash: dict[int, Decimal] = {}
        held: dict[int, int] = {}
        for each in self._exchange.inner._state.orders.values():
            no = each.intent.spread_no
            for fill in each.fills:
                cash[no] = cash.get(no, Decimal(0)) + fill.cash
                held[no] = held.get(no, 0) + abs(fill.quantity) * (
                    1 if each.intent.purpose is Purpose.OPEN else -1
                )
        lost = -sum((cash[no] for no in cash if held[no] == 0), Decimal(0))
        limit = Decimal(str(self._rules.strategy.max_daily_loss))
        if lost >= limit and not any(held.values()):
            self._fail("d", f"{intent} was sent past the daily loss: ${lost} of ${limit}")

    def _not_in_doubt(self, intent: OrderIntent) -> None:
        recorded = dict(
            self._store.connection.execute(
                "SELECT o.symbol, sum(CASE o.side WHEN 'buy' THEN 1 ELSE -1 END * f.quantity)"
                " FROM fills f JOIN orders o USING (client_order_id) WHERE o.session = ?"
                " GROUP BY o.symbol",
                (self._session.day.isoformat(),),
            ).fetchall()
        )
        held = {each.symbol: n for each, n in self._exchange.inner._state.options.items() if n}
        if {k: n for k, n in recorded.items() if n} != held:
            self._fail("d", f"{intent} was sent while the record has {recorded} and we hold {held}")

    def _fail(self, name: str, text: str) -> None:
        raise Violation(name, text)
