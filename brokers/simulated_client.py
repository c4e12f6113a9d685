"""The embedded paper exchange: orders meet real or generated quotes, and nothing else.

A purchase fills at the ask once its limit reaches it, a sale at the bid. No more contracts trade
against one quote than it showed, where sizes are known. Orders are looked at whenever the client
calls, against the quote of that moment. Margin is the configured reservation for each spread's
ten short SPY calls. At expiry SPXW pays cash at the SPX close, and SPY calls in the money are
assigned.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from operator import attrgetter
from pathlib import Path

from brokers.exchange_state import ExchangeOrder, ExchangeState
from src.fees import FeeSchedule
from src.models import (
    MULTIPLIER,
    SPY_PER_SPREAD,
    Answer,
    Fill,
    OptionContract,
    OrderIntent,
    OrderOutcome,
    Quote,
    Session,
    Side,
)
from src.ports import (
    Account,
    Activity,
    Check,
    Clock,
    Holding,
    OrderReport,
    OrderState,
    QuoteSource,
    RetryLater,
    Verdict,
)
from src.ticks import CENT, is_on_grid

_SYMBOL = attrgetter("symbol")


@dataclass(frozen=True, slots=True)
class ExchangeRules:
    """How the account is charged and held. Dollars; the quote age in seconds.

    An order meets the market at the first look after `latency` seconds.
    """

    fees: FeeSchedule
    starting_cash: Decimal
    margin_per_spread: Decimal
    max_quote_age: float
    latency: float = 0.0


class SimulatedBroker:
    """An account at the embedded exchange. With a state file it survives the process."""

    name = "embedded paper exchange"
    lookup_grace_seconds = 0.0
    positions_lag_seconds = 0.0

    def __init__(
        self,
        source: QuoteSource,
        clock: Clock,
        session: Session,
        rules: ExchangeRules,
        state_file: Path | None = None,
    ) -> None:
        self._source = source
        self._clock = clock
        self._session = session
        self._rules = rules
        self._file = state_file
        if state_file and state_file.exists():
            self._state = ExchangeState.load(state_file, session.day)
        else:
            self._state = ExchangeState(rules.starting_cash, session.day)
        # Every call asks what is on the book, and at most calls nothing is.
        self._may_have_work = True
        # Only what an earlier session has left can expire before the close.
        self._has_leftovers = any(each.expiry < session.day for each in self._state.options)

    # The client's side.

    def submit(self, intent: OrderIntent) -> OrderOutcome:
        """Take an order onto the book, or refuse it with a code and a sentence."""
        self._advance()
        if refusal := self._refusal(intent):
            code, text = refusal
            return OrderOutcome(intent.client_order_id, Answer.REFUSED, code=code, text=text)
        number = f"X{len(self._state.orders) + 1}"
        order = ExchangeOrder(intent, number)
        self._state.orders[intent.client_order_id] = order
        self._may_have_work = True
        self._match(order, self._clock.now(), self._quotes([order]))
        self._save()
        return OrderOutcome(intent.client_order_id, Answer.ACCEPTED, number)

    def cancel(self, client_order_id: str) -> None:
        """Take an order off the book, unless it is over or not known."""
        self._advance()
        order = self._state.orders.get(client_order_id)
        if order and order.state is OrderState.WORKING:
            order.state, order.text = OrderState.CANCELLED, "cancelled by the client"
            self._save()

    def order(self, client_order_id: str) -> OrderReport | None:
        """Return an order by its client's id."""
        self._advance()
        order = self._state.orders.get(client_order_id)
        return order.report() if order else None

    def open_orders(self) -> list[OrderReport]:
        """Return the orders on the book."""
        self._advance()
        return [order.report() for order in self._working()]

    def fills(self, session: date) -> list[Fill]:
        """Return the fills of this session; earlier ones are not kept."""
        self._advance()
        every = self._state.orders.values()
        return [fill for order in every for fill in order.fills if order.intent.session == session]

    def holdings(self) -> list[Holding]:
        """Return the account's options and shares."""
        self._advance()
        held = [Holding(each.symbol, n, each) for each, n in self._state.options.items() if n]
        return held + ([Holding("SPY", self._state.shares)] if self._state.shares else [])

    def account(self) -> Account:
        """Return cash, margin, and equity with every option at the middle of its market."""
        self._advance()
        quotes, options = self._quotes([]), self._state.options
        marks = sum(
            (MULTIPLIER * held * _mid(quotes.get(each)) for each, held in options.items()),
            Decimal(0),
        )
        price = self._source.prices().get("SPY") if self._state.shares else None
        shares = self._state.shares * Decimal(str(price.last if price and price.last else 0))
        return Account(
            account_id="PAPER",
            equity=(self._state.cash + marks + shares).quantize(CENT),
            cash=self._state.cash,
            margin_used=self._margin(),
        )

    def capabilities(self) -> tuple[Check, ...]:
        """Return that everything can be done here: it is an exchange inside this program."""
        return (Check("account", Verdict.OK, "the embedded exchange takes both legs."),)

    def refusal(self, intent: OrderIntent) -> str:
        """Return why there is not money enough for an order, empty if there is."""
        self._advance()
        found = self._no_funds(intent)
        return found[1] if found else ""

    def activities(self, since: date) -> list[Activity]:
        """Return nothing: this exchange settles what expires the same day, before its report."""
        del since
        return []

    def must_be_flat_by(self, session: Session) -> datetime:
        """Return the close: this exchange takes orders to the last moment, and never liquidates."""
        return session.close

    # The exchange's side.

    def _refusal(self, intent: OrderIntent) -> tuple[str, str] | None:
        contract, now = intent.contract, self._clock.now()
        if intent.client_order_id in self._state.orders:
            return "duplicate", f"client order id {intent.client_order_id} was used before"
        if contract.expiry != self._session.day or not self._is_trading(contract, now):
            return "closed", f"{contract.symbol} does not trade at {now:%H:%M:%S}"
        if intent.quantity < 1:
            return "quantity", f"quantity {intent.quantity} is not positive"
        if not is_on_grid(contract, intent.limit):
            return "tick", f"{intent.limit} is not on the price grid of {contract.root}"
        return self._no_funds(intent)

    def _no_funds(self, intent: OrderIntent) -> tuple[str, str] | None:
        held = self._state.options.get(intent.contract, 0)
        cost = intent.quantity * MULTIPLIER * intent.limit
        free = self._state.cash - self._margin()
        if intent.side is Side.BUY:
            closes = held <= -intent.quantity
            if not closes and cost > free:
                return "funds", f"{cost} dollars needed, {free} available"
            return None
        shorts = max(intent.quantity - max(held, 0), 0)
        if shorts and intent.contract.root != "SPY":
            return "uncovered", f"{shorts} SPXW calls would be short without cover"
        margin = self._margin_of(shorts)
        if margin > free + cost:
            return "margin", f"{margin} dollars of margin needed, {free + cost} available"
        return None

    def _margin(self) -> Decimal:
        short = sum(-n for each, n in self._state.options.items() if each.root == "SPY" and n < 0)
        selling = sum(
            order.remaining
            for order in self._working()
            if order.intent.side is Side.SELL and order.intent.contract.root == "SPY"
        )
        return self._margin_of(short + selling)

    def _margin_of(self, short_calls: int) -> Decimal:
        return (self._rules.margin_per_spread * short_calls / SPY_PER_SPREAD).quantize(CENT)

    def _is_trading(self, contract: OptionContract, now: datetime) -> bool:
        spy = contract.root == "SPY"
        end = self._session.spy_options_close if spy else self._session.close
        return self._session.open <= now < end

    def _quotes(self, working: Iterable[ExchangeOrder]) -> Mapping[OptionContract, Quote]:
        """Return the markets of what is held and of what is at work."""
        wanted = {*self._state.options, *[each.intent.contract for each in working]}
        if not wanted:
            return {}
        try:
            return self._source.quotes(sorted(wanted, key=_SYMBOL))
        except RetryLater:
            return {}  # no market is seen, so nothing trades

    def _advance(self) -> None:
        now = self._clock.now()
        if working := self._working():
            quotes = self._quotes(working)
            for order in working:
                if not self._is_trading(order.intent.contract, now):
                    order.state, order.text = OrderState.EXPIRED, "the market has closed"
                    self._save()
                else:
                    self._match(order, now, quotes)
        if (self._has_leftovers or now >= self._session.close) and self._state.options:
            self._settle(now)

    def _working(self) -> list[ExchangeOrder]:
        """Return the orders on the book."""
        if not self._may_have_work:
            return []
        every = self._state.orders.values()
        working = [each for each in every if each.state is OrderState.WORKING]
        self._may_have_work = bool(working)
        return working

    def _match(
        self, order: ExchangeOrder, now: datetime, quotes: Mapping[OptionContract, Quote]
    ) -> None:
        intent, latency = order.intent, self._rules.latency
        if latency and (now - intent.created_at).total_seconds() < latency:
            return
        quote = quotes.get(intent.contract)
        if quote is None or (now - quote.at).total_seconds() > self._rules.max_quote_age:
            return
        buying = intent.side is Side.BUY
        price, size = (quote.ask, quote.ask_size) if buying else (quote.bid, quote.bid_size)
        if not price or (quote.bid is not None and quote.ask is not None and quote.bid > quote.ask):
            return
        exact = Decimal(str(price)).quantize(CENT, rounding=ROUND_HALF_UP)
        if exact > intent.limit if buying else exact < intent.limit:
            return
        key = f"{intent.contract.symbol} {intent.side} {quote.at.isoformat()}"
        room = order.remaining
        if size is not None:
            room = min(room, size - self._state.taken.get(key, 0))
        if room < 1:
            return
        self._state.taken[key] = self._state.taken.get(key, 0) + room
        self._fill(order, room, exact, now)

    def _fill(self, order: ExchangeOrder, quantity: int, price: Decimal, now: datetime) -> None:
        intent = order.intent
        fill = Fill(
            fill_id=f"{intent.client_order_id}-f{len(order.fills) + 1}",
            client_order_id=intent.client_order_id,
            contract=intent.contract,
            side=intent.side,
            quantity=quantity,
            price=price,
            fee=self._rules.fees.fee(
                intent.contract.root,
                quantity,
                side=intent.side,
                price=price,
                filled_before=intent.quantity - order.remaining,
            ),
            at=now,
        )
        order.fills.append(fill)
        if order.remaining == 0:
            order.state = OrderState.FILLED
        held = self._state.options.get(intent.contract, 0)
        self._state.options[intent.contract] = held + intent.side.sign * quantity
        self._state.cash += fill.cash
        self._save()

    def _has_expired(self, contract: OptionContract, now: datetime) -> bool:
        if contract.expiry != self._session.day:
            return contract.expiry < self._session.day
        return now >= self._session.close and not self._is_trading(contract, now)

    def _settle(self, now: datetime) -> None:
        """Exchange what has expired for cash (SPXW) or shares (SPY), once the closes are known."""
        for contract in [each for each in self._state.options if self._has_expired(each, now)]:
            closes = self._source.official_closes(contract.expiry)
            if closes is None:
                continue
            held = self._state.options.pop(contract)
            strike = Decimal(str(contract.strike))
            close = Decimal(str(closes.spy if contract.root == "SPY" else closes.spx))
            points = max(close.quantize(CENT) - strike, Decimal(0))
            if contract.root != "SPY":
                self._state.cash += (MULTIPLIER * held * points).quantize(CENT)
            elif points >= CENT:
                self._state.shares += MULTIPLIER * held
                self._state.cash -= (MULTIPLIER * held * strike).quantize(CENT)
            self._save()

    def _save(self) -> None:
        if self._file:
            self._state.save(self._file)


def _mid(quote: Quote | None) -> Decimal:
    if quote is None or quote.bid is None or quote.ask is None:
        return Decimal(0)
    return Decimal(str(quote.bid + quote.ask)) / 2
