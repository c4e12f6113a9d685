"""Orders and the account at Interactive Brokers."""

from collections.abc import Callable
from concurrent.futures import Future
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from brokers.ibkr_checks import Examination
from brokers.ibkr_contracts import IbkrContracts, Listing, option_of
from brokers.ibkr_link import IbkrLink, SendFailed, TwsError
from brokers.ibkr_orders import Bookkeeper, Sent, Sheet, read_executions, read_sheet, unfilled
from brokers.ibkr_sending import Hearing, Word
from src.fees import FeeSchedule
from src.models import Answer, Fill, OrderIntent, OrderOutcome, Purpose, Session
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
    StopTrading,
)

if TYPE_CHECKING:
    from brokers.ibkr_link import IB, LimitOrder, Trade, WhatIf

_TAGS = "AccountType,NetLiquidation,TotalCashValue,InitMarginReq,AvailableFunds"
_UNSET = Decimal("1e300")


def _as_it_is(moment: datetime) -> datetime:
    return moment


class IbkrBroker:
    """One account at Interactive Brokers, over one link. `stamp` turns TWS's times into the day's.

    Interactive Brokers takes two orders with the same `orderRef` without a word, so `submit`
    itself refuses a reference that is known from open, completed or executed orders of the day.
    What others do under our references cannot be seen; the fixed client id keeps them out.
    """

    name = "Interactive Brokers"

    def __init__(
        self,
        link: IbkrLink,
        contracts: IbkrContracts,
        clock: Clock,
        fees: FeeSchedule,
        stamp: Callable[[datetime], datetime] = _as_it_is,
    ) -> None:
        # TWS shows an order at once or never had it; ten seconds cover a slow answer of its own
        # servers. Positions follow executions within a moment, and an order is only called over
        # once its executions are told.
        self.lookup_grace_seconds = 10.0
        self.positions_lag_seconds = 2.0
        self._link = link
        self._contracts = contracts
        self._clock = clock
        self.stamp = stamp
        self._books = Bookkeeper(fees, stamp)
        self._sent: dict[str, Sent] = {}
        self._used: set[str] = set()
        self._read_in = -1

    # Orders.

    def submit(self, intent: OrderIntent) -> OrderOutcome:
        """Send a limit order for the day, once, and wait for the word of TWS on it.

        Refused means that nothing can fill: it was never sent (code "not-sent", "duplicate",
        "not-listed", "not-today", "step"), or TWS said no, with its code and words.
        """
        reference = intent.client_order_id

        def refused(code: str, text: str) -> OrderOutcome:
            return OrderOutcome(reference, Answer.REFUSED, code=code, text=text)

        try:
            if fault := self._fault(intent):
                return refused(*fault)
            listing = self._contracts.option(intent.contract)
            if off := listing.off_step(intent.limit):
                return refused("step", off)
            order = self._order(intent)
            self._link.ready()
        except RetryLater as error:
            return refused("not-sent", str(error))
        except (MendInput, StopTrading) as error:
            return refused("not-sent", str(error))
        return self._outcome(reference, self._send(intent, listing, order))

    def _fault(self, intent: OrderIntent) -> tuple[str, str] | None:
        self._link.ready()
        if self._read_in != self._link.generation:
            self._read()
        if intent.client_order_id in self._used:
            return "duplicate", f"order {intent.client_order_id} was sent before"
        today = self._clock.now().date()
        if intent.contract.expiry != today:
            return "not-today", f"{intent.contract.symbol} does not expire today, {today}"
        return None

    def _order(self, intent: OrderIntent) -> "LimitOrder":
        return self._link.limit_order(
            action=intent.side.name,
            totalQuantity=intent.quantity,
            lmtPrice=intent.limit,
            tif="DAY",
            orderRef=intent.client_order_id,
            account=self._link.account_id,
            openClose="O" if intent.purpose is Purpose.OPEN else "C",
        )

    def _send(self, intent: OrderIntent, listing: Listing, order: "LimitOrder") -> Word:
        sent = Sent(intent.quantity)
        hearing = Hearing(listing.contract, order, sent)

        def begin(ib: "IB", answer: "Future[Word]") -> None:
            self._used.add(intent.client_order_id)
            self._sent[intent.client_order_id] = sent
            hearing.begin(ib, answer)

        try:
            return self._link.send(begin)
        except (RetryLater, MendInput, StopTrading) as error:
            return Word(taken=False, code="not-sent", text=str(error))
        except TimeoutError:
            return hearing.word("time-out", "TWS said nothing in time")
        except SendFailed as error:
            return hearing.word("library", str(error))

    def _outcome(self, reference: str, word: Word) -> OrderOutcome:
        if word.taken is None and word.code.isdigit():
            word = self._looked_into(reference, word)
        answer = {True: Answer.ACCEPTED, False: Answer.REFUSED, None: Answer.UNKNOWN}[word.taken]
        number = str(word.number) if word.number else ""
        return OrderOutcome(reference, answer, number, word.code, word.text)

    def _looked_into(self, reference: str, word: Word) -> Word:
        """Return what an answer that may mean anything has meant, if that can be seen."""
        try:
            report = self.order(reference)
        except RetryLater:
            return word
        if report is None:
            return word
        if report.state in {OrderState.CANCELLED, OrderState.REJECTED} and not report.fills:
            return Word(taken=False, number=word.number, code=word.code, text=word.text)
        known = report.broker_order_id != "0" and "neither open" not in report.text
        return Word(taken=True, number=int(report.broker_order_id)) if known else word

    def cancel(self, client_order_id: str) -> None:
        """Ask for a cancellation, if the order is open now.

        Raises RetryLater, also for an order of another client id: TWS cancels an order only for
        the one that sent it.
        """
        found = self._link.ask("open orders", lambda ib: ib.reqAllOpenOrdersAsync(), drops=True)
        for trade in found:
            if trade.order.orderRef == client_order_id:
                self._cancel(trade)

    def _cancel(self, trade: "Trade") -> None:
        order = trade.order
        if order.clientId != self._link.client_id or order.orderId <= 0:
            raise RetryLater(
                f"order {order.orderRef} was sent by client {order.clientId} and can only be "
                "cancelled by it, or by hand in TWS"
            )

        async def job(ib: "IB") -> None:
            ib.cancelOrder(order)

        self._link.ask("cancellation", job)

    def order(self, client_order_id: str) -> OrderReport | None:
        """Return what became of an order, from fresh answers; None if TWS never heard of it."""
        return self._books.report(client_order_id, self._read(), self._sent.get(client_order_id))

    def open_orders(self) -> list[OrderReport]:
        """Return every order that can still fill, other clients' and manual ones too.

        Such a one without a reference of its own goes by the number that TWS gave it.
        """
        found = self._link.ask("open orders", lambda ib: ib.reqAllOpenOrdersAsync(), drops=True)
        if not found:
            return []
        sheet = self._read()
        mine = {
            each.order.permId or -each.order.orderId: each
            for each in sheet.open
            if each.order.account in {"", self._link.account_id}
        }
        return [report for each in mine.values() if (report := self._open(each, sheet))]

    def _open(self, trade: "Trade", sheet: Sheet) -> OrderReport | None:
        """Return what is told of an order that is open, None where its fills end it."""
        reference = trade.order.orderRef
        report: OrderReport | None = OrderReport("", str(trade.order.permId), OrderState.WORKING)
        if reference:
            report = self._books.report(reference, sheet, self._sent.get(reference))
        if report is None or report.state.is_final:
            return None
        return report._replace(contract=option_of(trade.contract), unfilled=unfilled(trade))

    def fills(self, session: date) -> list[Fill]:
        """Return the account's fills in options of a session; TWS tells those of today only.

        `client_order_id` is the order's reference, empty for an order without one.
        """
        executions = self._link.ask("executions", read_executions)
        mine = [
            each for each in executions if each.execution.acctNumber in {"", self._link.account_id}
        ]
        return [fill for fill in self._books.fills(mine) if fill.at.date() == session]

    def _read(self) -> Sheet:
        async def job(ib: "IB") -> tuple[int, Sheet]:
            generation = self._link.generation
            sheet = await read_sheet(ib)
            # After a restart TWS may hand out numbers again, and an order under the number of
            # an open one would change that one. The library knows the open ones by itself.
            mine = (e.execution for e in sheet.executions)
            used = [e.orderId for e in mine if e.clientId == self._link.client_id]
            used += [each.trade.order.orderId for each in self._sent.values() if each.trade]
            self._link.number_orders_above(ib, max(used, default=0))
            return generation, sheet

        self._read_in, sheet = self._link.ask("orders", job, drops=True)
        self._used |= sheet.references()
        return sheet

    # The account.

    def holdings(self) -> list[Holding]:
        """Return the account's positions: options by contract, everything else by symbol."""
        rows = self._link.ask("positions", lambda ib: ib.reqPositionsAsync(), drops=True)
        newest = {row.contract.conId: row for row in rows if row.account == self._link.account_id}
        held = []
        for row in newest.values():
            option, quantity = option_of(row.contract), round(row.position)
            contract = row.contract
            plain = contract.symbol if contract.secType == "STK" else contract.localSymbol
            symbol = option.symbol if option else plain
            if quantity:
                held.append(Holding(symbol, quantity, option))
        return held

    def account(self) -> Account:
        """Return equity, cash and margin in dollars.

        `margin_used` is the initial margin, or more where TWS says that less is available than
        cash less margin: what can be lost against is the smaller of the two.
        """
        values = self._values()
        equity, cash = (self._dollars(values, tag) for tag in ("NetLiquidation", "TotalCashValue"))
        margin = self._dollars(values, "InitMarginReq")
        if "AvailableFunds" in values:
            margin = max(margin, cash - self._dollars(values, "AvailableFunds"))
        return Account(self._link.account_id, equity, cash, margin)

    def account_type(self) -> str:
        """Return what TWS calls the account, e.g. INDIVIDUAL; empty if it does not say."""
        return self._values().get("AccountType", ("", ""))[0]

    def _values(self) -> dict[str, tuple[str, str]]:
        self._link.ready()
        account = self._link.account_id

        rows = self._link.ask("account values", lambda ib: self._link.account_summary(ib, _TAGS))
        return {tag: (value, money) for whose, tag, value, money in rows if whose == account}

    def _dollars(self, values: dict[str, tuple[str, str]], tag: str) -> Decimal:
        value, currency = values.get(tag, ("", ""))
        if not value:
            raise RetryLater(f"TWS did not tell {tag} of account {self._link.account_id}")
        if currency not in {"", "USD"}:
            raise MendInput(
                f"account {self._link.account_id} is kept in {currency}, but this program "
                "reckons in dollars; trade in an account whose base currency is USD"
            )
        amount = _number(value)
        if amount is None:
            raise RetryLater(f"TWS tells {value!r} as {tag} of account {self._link.account_id}")
        return amount

    def refusal(self, intent: OrderIntent) -> str:
        """Return why an order would be refused for margin, by TWS's own what-if; empty if not.

        Raises RetryLater when TWS does not answer, answers without numbers, or cannot say
        because its API is read-only: whoever asks must take that for a refusal.
        """
        contract, order = self._contracts.option(intent.contract).contract, self._order(intent)
        try:
            state = self._link.ask(
                f"what-if of {intent}", lambda ib: ib.whatIfOrderAsync(contract, order)
            )
        except TwsError as error:
            if error.code in {201, 203, 460}:
                return f"{error.code}: {error.words}"
            raise
        return self._short_of(state, intent)

    def _short_of(self, state: "WhatIf", intent: OrderIntent) -> str:
        change = _number(getattr(state, "initMarginChange", ""))
        after = _number(getattr(state, "initMarginAfter", ""))
        equity = _number(getattr(state, "equityWithLoanAfter", ""))
        if change is None:
            words = getattr(state, "warningText", "") or "no words"
            raise RetryLater(f"the what-if of {intent} came back without margin ({words})")
        if after is not None and equity is not None and after > equity:
            return (
                f"{intent} needs an initial margin of {after:.2f} dollars in all, and the account "
                f"would have {equity:.2f}"
            )
        available = self._dollars(self._values(), "AvailableFunds")
        if change > available:
            return f"{intent} needs {change:.2f} dollars of margin, {available:.2f} are available"
        return ""

    def activities(self, since: date) -> list[Activity]:
        """Return nothing: the API of TWS tells no assignments, exercises or settlements.

        Shares from an assignment show in `holdings`; cash settlement shows in the account.
        """
        del since
        return []

    def must_be_flat_by(self, session: Session) -> datetime:
        """Return the close of SPXW. When IBKR itself would liquidate is published nowhere."""
        return session.close

    def capabilities(self) -> tuple[Check, ...]:
        """Return what this account can do for the strategy, by what-ifs; no order is sent."""
        return self._examination().capabilities()

    def diagnose(self) -> tuple[Check, ...]:
        """Return what the doctor wants to know of the connection and the account."""
        return self._examination().diagnose()

    def _examination(self) -> Examination:
        return Examination(self, self._link, self._contracts, self._clock)


def _number(text: str) -> Decimal | None:
    try:
        value = Decimal(str(text))
    except ArithmeticError:  # not a number
        return None
    return value if value.is_finite() and abs(value) < _UNSET else None
