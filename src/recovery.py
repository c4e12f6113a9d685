"""Brings the record up to date with the broker, and names what still differs.

The broker's fills are the truth. One that arrives late, of an order that was given up, counts;
an order of ours that this record never saw is adopted by its id. Positions that are not ours are
never touched.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from src import messages
from src.day_record import DayRecord
from src.herald import Herald
from src.journal import Journal
from src.models import (
    SPY_PER_SPREAD,
    Fill,
    Leg,
    OptionContract,
    OrderIntent,
    Purpose,
    SpreadPosition,
)
from src.order_executor import OrderExecutor
from src.order_records import add_up
from src.ports import Broker, Holding, RetryLater

Held = OptionContract | None
"""What can be held: an option, or None for shares of SPY."""
LONG_CUT_OFF = timedelta(minutes=5)
"""How long a broker may be out of reach with a position open before that is urgent."""
_OUR_ID = re.compile(r"(\d{4}-\d\d-\d\d)-(\d+)-(spy|spx)-(open|close)-(\d+)")


class Recovery:
    """Compares one session's record with one broker."""

    def __init__(
        self,
        broker: Broker,
        journal: Journal,
        executor: OrderExecutor,
        record: DayRecord,
        herald: Herald,
    ) -> None:
        self._broker = broker
        self._journal = journal
        self._executor = executor
        self._record = record
        self._herald = herald
        self.is_cut_off = False
        """Whether the broker could not be asked at the last comparison."""
        self._cut_off_since: datetime | None = None
        self._held: Mapping[Held, int] | None = None
        self._positions: Sequence[SpreadPosition] = ()
        self._found = ""
        self._has_agreed = False
        self._prefix = f"{journal.session}-"
        self._foreign: dict[OptionContract, int] = {}

    def compare(self, now: datetime, *, expired: bool) -> str:
        """Take over what the broker knows; return what then still differs, empty if nothing does.

        Once contracts have `expired` only shares are compared that no expiry of ours could have
        brought: a broker books expiries in its own time. A difference that two comparisons in a
        row have found is kept in the record, until one finds none.
        """
        self.is_cut_off = False
        found = self._compared(now, expired=expired)
        self._cut_off_since = (self._cut_off_since or now) if self.is_cut_off else None
        return found

    def alert(self, found: str, now: datetime) -> None:
        """Let a person hear what the last comparison found."""
        since = self._cut_off_since
        if since is None:
            self._herald.alert(now, messages.differ(found, now))
            return
        is_held = any(each.is_open for each in self._journal.positions())
        is_urgent = is_held and now - since >= LONG_CUT_OFF
        self._herald.alert(now, messages.cut_off(found, now, is_urgent=is_urgent))

    def _compared(self, now: datetime, *, expired: bool) -> str:
        try:
            self._executor.look_up_open_orders()
            self._end_forgotten_orders(now)
            fills = self._broker.fills(self._journal.session)
            has_news = not self._journal.has_fills(fills)
            if has_news:
                self._take_fills(fills, now)
            held = None if expired else held_contracts(self._broker.holdings())
            if has_news:
                self._take_closings_of_others(fills, held, now)
            if held is None:
                self._keep_what_is_unexplained(now)
                found = self._closings_nobody_booked(fills), self._shares_nobody_sold()
                return "; ".join(filter(None, found))
            self._compare_holdings(held)
            self._keep(self._found, now)
        except RetryLater as error:
            self.is_cut_off = True
            if self._held is None and self._record.difference():
                # An earlier process has found it, and what it knew of it is gone.
                self._executor.expect_besides(None)
            return f"the broker cannot be asked ({error})"
        return self._found

    def _compare_holdings(self, held: Mapping[Held, int]) -> None:
        positions = self._journal.positions()
        # Two sides that stand as they were compared last, at most ticks, differ in nothing new.
        if positions is not self._positions or held != self._held:
            self._note_foreign(held)
            self._found = difference(positions, held)
            self._positions = positions
        self._held = held

    def is_bare(self, position: SpreadPosition) -> bool:
        """Whether the broker holds too few of our SPXW calls for a position's short SPY calls.

        So it may be while the record still counts on them, when nobody knows whose calls went.
        """
        held = self._held
        if held is None or self.is_cut_off or not position.spy_short:
            return False
        spx = position.spx_contract
        lacking = self._journal.held(spx) - held.get(spx, 0)
        if lacking <= 0:
            return False
        short = min(position.spy_short, -held.get(position.spy_contract, 0))
        return short > SPY_PER_SPREAD * (position.spx_long - lacking)

    def _keep(self, found: str, now: datetime) -> None:
        # To agree again and again is no news, and this is asked at every tick.
        if found or not self._has_agreed:
            self._record.saw_difference(found, now)
        self._has_agreed = not found

    def _keep_what_is_unexplained(self, now: datetime) -> None:
        """Look again at a difference that fills which came after the close may explain."""
        if self._held is not None and self._record.difference():
            self._record.set_difference(difference(self._journal.positions(), self._held), now)

    def _note_foreign(self, held: Mapping[Held, int]) -> None:
        """Take what is held besides the record for the user's own, unless it may be a late fill.

        While a spread goes in or out, a difference in its contracts is one of ours on its way, as
        long as an order of ours could make it; but one that has become smaller was such a fill,
        and is no longer taken for the user's.
        """
        moving = {
            contract
            for plan in self._journal.plans()
            if plan.stage in {"entering", "exiting"}
            for contract in (plan.spy_contract, plan.spx_contract)
        }
        for contract in dict.fromkeys((*self._foreign, *held)):
            if contract is None:
                continue
            found = held.get(contract, 0) - self._journal.held(contract)
            known = self._foreign.get(contract, 0)
            shrinks = min(known, 0) <= found <= max(known, 0)
            if contract not in moving or shrinks or not self._may_be_ours(contract, found):
                self._foreign[contract] = found
        self._executor.expect_besides(self._foreign)

    def _may_be_ours(self, contract: OptionContract, difference: int) -> bool:
        """Whether fills of ours that are not told yet could make this difference in a contract.

        Where positions lag, those that are told could as well.
        """
        return self._broker.positions_lag_seconds > 0 or any(
            each.intent.contract == contract
            and each.intent.side.sign * difference > 0
            and each.filled < each.intent.quantity
            for each in self._journal.orders()
        )

    def _end_forgotten_orders(self, now: datetime) -> None:
        """Cancel every order of ours that is alive at the broker and over, or unknown, to us."""
        reports = self._broker.open_orders()
        if not reports:
            return
        alive = {each.intent.client_order_id for each in self._journal.live_orders()}
        for report in reports:
            order = report.client_order_id
            if self._is_ours(order) and order not in alive:
                self._herald.alert(now, messages.forgotten_order(order))
                self._journal.commit()
                self._broker.cancel(order)

    def _take_fills(self, every: Sequence[Fill], now: datetime) -> None:
        fills = [each for each in every if self._is_ours(each)]
        for fill in fills:
            order = fill.client_order_id
            if not self._journal.knows(order):
                note = "found at the broker, not in the record"
                # Put up first, and so committed with what is adopted: no crash can part them.
                self._herald.alert(now, messages.adopted_order(order))
                self._journal.adopt(_intent_of(fill), _contracts_of(order, fills), note)
            if self._journal.record_fill(fill):
                words = f"{fill.side} {fill.quantity} {fill.contract} at {fill.price:.2f}"
                self._herald.tell(now, "fill", f"Fill found at the broker: {words}.")
        self._correct_fees(every, now)

    def _correct_fees(self, every: Sequence[Fill], now: datetime) -> None:
        """Take the fees that the broker has told since, closings of others included."""
        corrected = [
            (before, fill)
            for fill in every
            if (before := self._journal.correct_fee(fill)) is not None
        ]
        if corrected:
            before = sum((each for each, _ in corrected), Decimal(0))
            told = sum((fill.fee for _, fill in corrected), Decimal(0))
            words = f"${told:.2f}, not ${before:.2f} as estimated"
            self._herald.tell(
                now, "fee", f"Fees of {len(corrected)} fills told by the broker: {words}."
            )

    def _take_closings_of_others(
        self, fills: Sequence[Fill], held: Mapping[Held, int] | None, now: datetime
    ) -> None:
        """Book what the exchange, or the user by hand, has closed of our positions.

        Only what explains the difference to what is `held` is booked. Once that is no longer told
        (None), whatever may have been ours is.
        """
        of_contract: dict[tuple[Leg, OptionContract], list[tuple[SpreadPosition, int]]] = {}
        for each in self._journal.positions():
            of_spy, of_spx = (Leg.SPY, each.spy_contract), (Leg.SPX, each.spx_contract)
            of_contract.setdefault(of_spy, []).append((each, -each.spy_short))
            of_contract.setdefault(of_spx, []).append((each, each.spx_long))
        for (leg, contract), parts in of_contract.items():
            ours = sum(held_by_it for _, held_by_it in parts)
            gone = None if held is None else self._journal.held(contract) - held.get(contract, 0)
            others = [
                each
                for each in fills
                if each.contract == contract
                and not self._is_ours(each)
                and each.side.sign * ours < 0
                and not self._journal.has_fill(each.fill_id)
            ]
            closed = -sum(each.side.sign * each.quantity for each in others)
            if closed and gone in {None, closed} and abs(closed) <= abs(ours):
                for position, fill in divided(others, parts):
                    self._book(position, leg, fill, now)

    def _closings_nobody_booked(self, fills: Sequence[Fill]) -> str:
        """Return the fills of others in what was ours, of which expiry hides the meaning.

        Of a position that is closed too, unless this process has compared it while it could.
        """
        has_compared = self._held is not None
        asked = [each for each in self._journal.positions() if each.is_open or not has_compared]
        ours = {each.spy_contract for each in asked} | {each.spx_contract for each in asked}
        return "; ".join(
            f"{each.side} {each.quantity} {each.contract} at {each.price:.2f} was not our order"
            for each in fills
            if each.contract in ours
            and not self._is_ours(each)
            and not self._journal.has_fill(each.fill_id)
        )

    def _shares_nobody_sold(self) -> str:
        """Return the SPY shares sold short that only an assignment before the close can have left.

        They stay when it came too late in the day to be seen while contracts could be compared.
        Where calls of ours were short to the end, their own assignment is told with expiry.
        """
        orders = [each for each in self._journal.orders() if each.intent.leg is Leg.SPY]
        held_to_expiry = sum([each.intent.side.sign * each.filled for each in orders])
        if not orders or held_to_expiry:
            return ""
        left = assigned_shares(held_contracts(self._broker.holdings()))
        return "" if left in self._record.difference() else left

    def _book(self, position: SpreadPosition, leg: Leg, fill: Fill, now: datetime) -> None:
        intent = OrderIntent(
            session=self._journal.session,
            spread_no=position.spread_no,
            leg=leg,
            purpose=Purpose.CLOSE,
            attempt=self._journal.next_attempt(position.spread_no, leg, Purpose.CLOSE),
            contract=fill.contract,
            side=fill.side,
            quantity=fill.quantity,
            limit=fill.price,
            created_at=fill.at,
        )
        contracts = (position.spy_contract, position.spx_contract)
        words = f"{fill.side} {fill.quantity} {fill.contract} at {fill.price:.2f}"
        self._herald.alert(now, messages.closed_by_others(fill.fill_id, words))
        self._journal.adopt(intent, contracts, "closed by somebody else")
        self._journal.record_fill(replace(fill, client_order_id=intent.client_order_id))

    def _is_ours(self, one: Fill | str) -> bool:
        order = one if isinstance(one, str) else one.client_order_id
        return order.startswith(self._prefix) and _OUR_ID.fullmatch(order) is not None


def held_contracts(holdings: Iterable[Holding]) -> dict[Held, int]:
    """Return what is held by contract; shares of SPY stand under None."""
    held: dict[Held, int] = {}
    for holding in holdings:
        if holding.contract is not None or holding.symbol == "SPY":
            held[holding.contract] = held.get(holding.contract, 0) + holding.quantity
    return held


def difference(positions: Sequence[SpreadPosition], held: Mapping[Held, int]) -> str:
    """Return by name what the record and the broker disagree on; empty when they agree.

    Only what could be ours is compared: contracts that the record names, and SPY shares sold
    short, which an assignment of ours would have left. The user's own positions are not touched.
    """
    found = [
        f"{contract.symbol}: recorded {ours:+d}, at the broker {held.get(contract, 0):+d}"
        for contract, ours in add_up(positions).items()
        if held.get(contract, 0) != ours
    ]
    found.sort()
    return "; ".join(filter(None, (*found, assigned_shares(held))))


def assigned_shares(held: Mapping[Held, int]) -> str:
    """Return in words the SPY shares sold short, empty if there are none."""
    shares = held.get(None, 0)
    if shares >= 0:
        return ""
    return f"{shares:+d} SPY shares at the broker, as an assignment leaves them"


def _intent_of(fill: Fill) -> OrderIntent:
    match = _OUR_ID.fullmatch(fill.client_order_id)
    if match is None:
        raise ValueError(f"{fill.client_order_id} is no order id of ours")
    return OrderIntent(
        session=date.fromisoformat(match[1]),
        spread_no=int(match[2]),
        leg=Leg(match[3]),
        purpose=Purpose(match[4]),
        attempt=int(match[5]),
        contract=fill.contract,
        side=fill.side,
        quantity=fill.quantity,
        limit=fill.price,
        created_at=fill.at,
    )


def _contracts_of(order: str, fills: Sequence[Fill]) -> tuple[OptionContract, OptionContract]:
    """Return both calls of an order's spread; strike 0 for the one that was never traded."""
    spread = order.rsplit("-", 3)[0]
    expiry = fills[0].contract.expiry
    found = {"SPY": OptionContract("SPY", expiry, 0.0), "SPXW": OptionContract("SPXW", expiry, 0.0)}
    for each in fills:
        if each.client_order_id.rsplit("-", 3)[0] == spread:
            found[each.contract.root] = each.contract
    return found["SPY"], found["SPXW"]


def divided(
    fills: Sequence[Fill], parts: Sequence[tuple[SpreadPosition, int]]
) -> list[tuple[SpreadPosition, Fill]]:
    """Return which position each fill of others has closed, and how much of it.

    What closed several is divided among them, each part under an id of its own. The last one of a
    fill bears its own id and its fee: with that the fill is known, and not before.
    """
    left = {position.trade_id: abs(held) for position, held in parts}
    found: list[tuple[SpreadPosition, Fill]] = []
    for fill in fills:
        rest = fill.quantity
        for number, (position, _) in enumerate(parts, start=1):
            quantity = min(rest, left[position.trade_id])
            if not quantity:
                continue
            left[position.trade_id] -= quantity
            rest -= quantity
            part = fill if rest == 0 else replace(fill, fill_id=f"{fill.fill_id}/{number}")
            fee = fill.fee if rest == 0 else Decimal(0)
            found.append((position, replace(part, quantity=quantity, fee=fee)))
    return found
