"""An account at Alpaca as the place where orders go."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from brokers import alpaca_checks as checks
from brokers import alpaca_pages as pages
from brokers.alpaca_activities import ACTIVITY_TYPES, read_activity
from brokers.alpaca_link import AlpacaLink, NotAsked, Refusal
from brokers.alpaca_margin import why_too_little
from brokers.alpaca_orders import (
    AlpacaOrder,
    Print,
    Unit,
    read_order,
    read_print,
    units,
    without_order,
)
from brokers.alpaca_reply import Row, moment, number, option, rows, text
from src.fees import FeeSchedule
from src.models import Answer, Fill, OrderIntent, OrderOutcome, Session
from src.ports import (
    Account,
    Activity,
    Check,
    Clock,
    Holding,
    MendInput,
    OrderReport,
    OrderState,
    RetryLater,
)

NO_NEWS = {"new", "accepted", "pending_new", "partially_filled", "filled"}
_A_NO = {400, 401, 403, 404, 405, 422}
"""The statuses by which the server says that it did not take an order."""
_TWICE = "40010001"
_LONGEST_CHAIN = 10


class AlpacaBroker:
    """One account at Alpaca; implements Broker.

    `stamp` translates the server's times into the day's clock. Fees are those of the schedule:
    Alpaca tells them, if at all, a day later. For how a fill gets its id see `alpaca_orders`.
    """

    name = "Alpaca"

    def __init__(
        self,
        link: AlpacaLink,
        session: Session,
        clock: Clock,
        fees: FeeSchedule,
        *,
        stamp: Callable[[datetime], datetime] = lambda moment: moment,
        feed: str = "opra",
    ) -> None:
        self._link = link
        self._session = session
        self._clock = clock
        self._fees = fees
        self._stamp = stamp
        self._feed = feed
        self._ids: dict[str, str] = {}
        self._told: dict[str, dict[int, Unit]] = {}
        # An order whose answer was lost may be found only after a while; a minute is long.
        self.lookup_grace_seconds = 60.0
        # Orders and positions have been seen to disagree for that long.
        self.positions_lag_seconds = 10.0
        self.name = f"Alpaca, {'paper' if link.paper else 'live'} account"

    # Orders.

    def submit(self, intent: OrderIntent) -> OrderOutcome:
        """Send one day limit order, once.

        Refused is only what the server itself said no to, or what never left this machine
        ("not-sent"). Time-outs, lost connections, 429, 5xx and answers that cannot be read are
        unknown. So is 422/40010001, an id that was used before, unless this client knows that
        order: it never sends an id twice, so the id's first order may be this very one, delivered
        twice on its way. Calling that refused would leave an order alive that nobody watches;
        unknown, it is looked up by its id and adopted.
        """
        order = intent.client_order_id
        try:
            row = self._link.submit(intent)
        except (NotAsked, MendInput) as error:
            return OrderOutcome(order, Answer.REFUSED, code="not-sent", text=str(error))
        except Refusal as refusal:
            answer = Answer.REFUSED if self._is_a_no(refusal, order) else Answer.UNKNOWN
            words = refusal.words or f"HTTP {refusal.status} without a word"
            code = refusal.code or f"HTTP {refusal.status}"
            return OrderOutcome(order, answer, code=code, text=words)
        except RetryLater as error:
            return OrderOutcome(order, Answer.UNKNOWN, text=str(error))
        order_id, echo = text(row, "id"), text(row, "client_order_id")
        if not order_id or echo not in {"", order}:
            said = "Alpaca took an order, but its answer does not name this one"
            return OrderOutcome(order, Answer.UNKNOWN, text=said)
        self._ids[order] = order_id
        return OrderOutcome(order, Answer.ACCEPTED, order_id)

    def _is_a_no(self, refusal: Refusal, order: str) -> bool:
        if refusal.status == 422:
            if refusal.code == _TWICE:
                return order in self._ids
            return refusal.is_readable  # else it may be that code
        return refusal.status in _A_NO

    def cancel(self, client_order_id: str) -> None:
        """Ask for an order's cancellation; it may still fill until `order` says otherwise."""
        if client_order_id not in self._ids:
            order = self._find(client_order_id)
            if order is None:
                return
            self._follow(order)
        self._link.cancel(self._ids[client_order_id])

    def order(self, client_order_id: str) -> OrderReport | None:
        """Look an order up by our id; None only if the server says that it knows none."""
        order = self._find(client_order_id)
        return self._report(order) if order else None

    def open_orders(self) -> list[OrderReport]:
        """Return every order of the account that can still fill."""
        found = pages.orders(self._link, "open", lambda _: False, what="the open orders")
        reports = [self._report(each) for each in found]
        return [each for each in reports if not each.state.is_final]

    def _find(self, client_order_id: str) -> AlpacaOrder | None:
        return self._look("/orders:by_client_order_id", {"client_order_id": client_order_id})

    def _look(self, path: str, params: Mapping[str, str]) -> AlpacaOrder | None:
        try:
            row = self._link.trading(path, params, what="the order", urgent=True)
        except Refusal as refusal:
            if refusal.status == 404 and refusal.is_readable:
                return None
            raise
        return _order_of(row)

    def _by_id(self, order_id: str) -> AlpacaOrder | None:
        return self._look(f"/orders/{order_id}", {})

    def _follow(self, order: AlpacaOrder) -> list[AlpacaOrder]:
        """Return an order and those that somebody put in its place, the living one last."""
        every = [order]
        while every[-1].status == "replaced" and every[-1].replaced_by:
            if len(every) == _LONGEST_CHAIN:
                raise RetryLater(f"order {order.client_order_id} was replaced without an end")
            order_id = every[-1].replaced_by
            if (successor := self._by_id(order_id)) is None:
                raise RetryLater(f"order {order_id}, put in the place of another, is not shown")
            every.append(successor)
        if order.client_order_id:
            self._ids[order.client_order_id] = every[-1].order_id
        return every

    def _report(self, order: AlpacaOrder) -> OrderReport:
        every = self._follow(order)
        prints = self._prints_of(every)
        fills = [
            fill for each in every for fill in self._fills_of(each, prints, order.client_order_id)
        ]
        last = every[-1]
        told = len(self._told.get(last.order_id, {}))
        state = OrderState.WORKING if last.contract is None else last.state(told)
        return OrderReport(
            client_order_id=order.client_order_id,
            broker_order_id=last.order_id,
            state=state,
            fills=tuple(fills),
            text="" if last.status in NO_NEWS else f"Alpaca calls it {last.status}",
            contract=last.contract,
            unfilled=last.unfilled,
        )

    # Fills.

    def fills(self, session: date) -> list[Fill]:
        """Return all fills of a session in options, ours and others'.

        Others' have their own client order id, or none where it cannot be told.
        """

        def is_before(moment: datetime | None) -> bool:
            return moment is not None and self._stamp(moment).date() < session

        listed = pages.orders(
            self._link, "all", lambda each: is_before(each.submitted_at), what="the orders"
        )
        orders = {each.order_id: each for each in listed}
        prints = self._prints(lambda row: is_before(moment(row.get("transaction_time"))))
        today = [each for each in prints if self._stamp(each.at).date() == session]
        for order_id in {each.order_id for each in today} - orders.keys():
            if order := self._by_id(order_id):
                orders[order_id] = order
        found = []
        for order_id in orders.keys() | {each.order_id for each in today}:
            printed = [each for each in today if each.order_id == order_id]
            order = orders.get(order_id)
            if order is None or order.contract is None:
                for part, its in without_order(printed):
                    found += self._fills_of(part, its, order.client_order_id if order else "")
                continue
            if is_before(order.submitted_at):
                order = replace(order, average=None)  # what it filled on other days is not told
            found += self._fills_of(order, printed, _first_id(order, orders))
        found.sort(key=lambda each: (each.at, each.fill_id))
        return [each for each in found if each.at.date() == session]

    def _fills_of(
        self, order: AlpacaOrder, prints: list[Print], client_order_id: str
    ) -> list[Fill]:
        mine = [each for each in prints if each.order_id == order.order_id]
        contract = order.contract or next((each.contract for each in mine), None)
        side = order.side or next((each.side for each in mine), None)
        if contract is None or side is None:
            return []
        told = units(order, mine, self._told.get(order.order_id, {}))
        self._told[order.order_id] = told
        return [
            Fill(
                fill_id=f"{order.order_id}:{k}",
                client_order_id=client_order_id,
                contract=contract,
                side=side,
                quantity=1,
                price=unit.price,
                fee=self._fees.fee(
                    contract.root, 1, side=side, price=unit.price, filled_before=k - 1
                ),
                at=self._stamp(unit.at),
                fee_is_estimate=True,
            )
            for k, unit in told.items()
        ]

    def _prints_of(self, orders: list[AlpacaOrder]) -> list[Print]:
        """Return the prints of some orders, if there are contracts that were not told yet."""
        if all(len(self._told.get(each.order_id, {})) >= each.filled for each in orders):
            return []
        begin = orders[0].submitted_at

        def is_older(row: Row) -> bool:
            at = moment(row.get("transaction_time"))
            return at is not None and begin is not None and at < begin

        return self._prints(is_older, urgent=True)

    def _prints(self, is_older: Callable[[Row], bool], *, urgent: bool = False) -> list[Print]:
        every = pages.activities(
            self._link, "FILL", is_older, stamp="transaction_time", urgent=urgent
        )
        return [each for row in every if (each := read_print(row))]

    # The account.

    def holdings(self) -> list[Holding]:
        """Return all positions, options and shares; short ones negative."""
        every = rows(self._link.trading("/positions", what="the positions", urgent=True))
        if every is None:
            raise RetryLater("Alpaca's answer to the positions cannot be read")
        return [_holding(row) for row in every]

    def account(self) -> Account:
        """Return the account in dollars; what is free is the broker's options buying power.

        Raises MendInput, or StopTrading, when the keys are refused at the first contact.
        """
        row = self._account_row()
        equity, cash = number(row.get("equity")), number(row.get("cash"))
        if equity is None or cash is None:
            raise RetryLater("Alpaca's answer to the account cannot be read")
        free = number(row.get("options_buying_power"))
        margin = number(row.get("initial_margin")) or Decimal(0)
        return Account(
            account_id=text(row, "account_number") or text(row, "id"),
            equity=equity,
            cash=cash,
            margin_used=margin if free is None else max(cash - free, Decimal(0)),
        )

    def _account_row(self) -> Row:
        row = self._link.trading("/account", what="the account")
        if not isinstance(row, dict):
            raise RetryLater("Alpaca's answer to the account cannot be read")
        return row

    def activities(self, since: date) -> list[Activity]:
        """Return assignments, exercises, expiries and settlements booked since a day.

        Alpaca books them after the close, on paper the next day, and tells them only when asked.
        """

        def is_older(row: Row) -> bool:
            # By when it was booked, which is a day later than the day that it is about.
            booked = moment(row.get("created_at"))
            return booked is not None and self._stamp(booked).date() < since - timedelta(days=1)

        every = pages.activities(
            self._link, ACTIVITY_TYPES, is_older, stamp="created_at", urgent=False
        )
        found = [each for row in every if (each := read_activity(row)) and each.day >= since]
        return sorted(found, key=lambda each: (each.day, each.activity_id))

    # What the broker can do.

    def capabilities(self) -> tuple[Check, ...]:
        """Return what this account can do for the strategy; sends no order. Raises RetryLater."""
        account = self._account_row()
        return checks.capabilities(self._link, account, self._session, self._feed)

    def diagnose(self) -> tuple[Check, ...]:
        """Return rows for the doctor: keys, data, clock, calendar, then the account. Never raises.

        A day that only takes its quotes from Alpaca asks the market's `diagnose` instead.
        """
        return (
            *checks.diagnose_market(
                self._link, self._session, self._clock, stamp=self._stamp, feed=self._feed
            ),
            *checks.diagnose_account(self._link, self._session),
        )

    def refusal(self, intent: OrderIntent) -> str:
        """Return why an order has too little money behind it, by an upper bound of Reg T."""
        free = number(self._account_row().get("options_buying_power"))
        if free is None:
            return ""
        held = sum(e.quantity for e in self.holdings() if e.contract == intent.contract)
        return why_too_little(intent, held, free)

    def must_be_flat_by(self, session: Session) -> datetime:
        """Return 15:15 in New York, or as long before an early close.

        From then on Alpaca takes no order on what expires today, and soon sells it out itself:
        from 15:30, for SPY from 15:45. Whether the gate holds for SPXW, and for closing orders, is
        not published; both are taken to be closed.
        """
        return session.at(checks.LAST_ORDER)


def _order_of(row: object) -> AlpacaOrder:
    order = read_order(row) if isinstance(row, dict) else None
    if order is None:
        raise RetryLater("Alpaca's answer to the order cannot be read")
    return order


def _first_id(order: AlpacaOrder, orders: Mapping[str, AlpacaOrder]) -> str:
    """Return the client order id of the order that an order stands in the place of."""
    for _ in range(_LONGEST_CHAIN):
        if order.replaces not in orders:
            break
        order = orders[order.replaces]
    return order.client_order_id


def _holding(row: Row) -> Holding:
    quantity = number(row.get("qty"))
    if quantity is None:
        raise RetryLater(f"Alpaca's position in {text(row, 'symbol')} has no quantity")
    # A part of a share is a position as well; only options and SPY matter here.
    count = int(quantity.to_integral_value(rounding="ROUND_UP"))
    side = text(row, "side").lower()
    if side in {"long", "short"}:
        count = abs(count) if side == "long" else -abs(count)
    symbol = text(row, "symbol")
    return Holding(symbol, count, option(symbol))
