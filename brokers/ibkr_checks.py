"""What is looked at before trading at Interactive Brokers. Sends no order, only what-ifs."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from brokers.ibkr_contracts import IbkrContracts, Listing, NotListed
from brokers.ibkr_link import IbkrLink, TwsError
from brokers.ibkr_market import IbkrMarket
from src.market_data import SPX_STRIKE_STEP, SPY_STRIKE_STEP, nearest_strike
from src.models import SPY_PER_SPREAD, Leg, OptionContract, OrderIntent, Purpose, Quote, Side
from src.ports import Account, Check, Clock, MendInput, RetryLater, StopTrading, Verdict
from src.ticks import limit_for, tick_size
from src.words import ended

_READ_ONLY = 321
_SKEW_IS_ODD, _SKEW_IS_WRONG = 2.0, 30.0
"""Seconds that the broker's clock may differ; it tells whole seconds."""
_PRICES_TO_COMPARE = (Decimal("0.05"), Decimal("2.95"), Decimal("3.00"), Decimal("25.00"))


class AskedBroker(Protocol):
    """What the checks ask of the client."""

    def account(self) -> Account:
        """Return the account."""

    def account_type(self) -> str:
        """Return what TWS calls it."""

    def refusal(self, intent: OrderIntent) -> str:
        """Return what a what-if says against an order."""

    @property
    def stamp(self) -> Callable[[datetime], datetime]:
        """What turns TWS's times into the day's."""


class Examination:
    """One look at one connection; what an earlier row has found is used by the later ones."""

    def __init__(
        self, broker: AskedBroker, link: IbkrLink, contracts: IbkrContracts, clock: Clock
    ) -> None:
        self._broker = broker
        self._link = link
        self._contracts = contracts
        self._clock = clock
        self._prices: dict[str, Quote] = {}
        self._quotes: dict[OptionContract, Quote] = {}
        self._listings: dict[str, Listing] = {}
        self._options: dict[str, OptionContract] = {}
        self._is_read_only = False

    def capabilities(self) -> tuple[Check, ...]:
        """Return what the account can do for the strategy."""
        return (
            _row("account", self._account),
            _row("market data", self._market_data),
            _row("today's contracts", self._todays_contracts),
            _row("price steps", self._price_steps),
            _row("index options", lambda: self._what_if("SPXW", Side.BUY, 1)),
            _row("uncovered calls", lambda: self._what_if("SPY", Side.SELL, SPY_PER_SPREAD)),
            Check(
                "last order today",
                Verdict.OK,
                "SPXW until the close, SPY options a quarter of an hour longer; Interactive "
                "Brokers may liquidate earlier and publishes no time.",
            ),
        )

    def diagnose(self) -> tuple[Check, ...]:
        """Return the connection and the clock, then the capabilities."""
        connection = _row("connection", self._connection)
        if connection.verdict is Verdict.FAIL:
            return (connection,)
        return (connection, _row("broker's clock", self._clock_skew), *self.capabilities())

    # Rows.

    def _connection(self) -> Check:
        self._link.ready()
        link = self._link
        found = (
            f"TWS at {link.place}, server version {link.server_version}, client {link.client_id}."
        )
        return Check("connection", Verdict.OK, found)

    def _clock_skew(self) -> Check:
        before = self._clock.now()
        told = self._link.ask("the time", lambda ib: ib.reqCurrentTimeAsync())
        after, there = self._clock.now(), self._broker.stamp(told)
        # Between the question and the answer any time is right.
        skew = (there - min(max(there, before), after)).total_seconds()
        found = f"{abs(skew):.1f} s {'ahead of' if skew > 0 else 'behind'} this machine's."
        verdict = Verdict.OK
        if abs(skew) > _SKEW_IS_ODD:
            verdict = Verdict.FAIL if abs(skew) > _SKEW_IS_WRONG else Verdict.WARN
        mend = "" if verdict is Verdict.OK else "Let this machine set its clock by the network."
        return Check("broker's clock", verdict, found, mend)

    def _account(self) -> Check:
        account = self._broker.account()
        kind = "paper" if self._link.paper else "real money"
        found = (
            f"{account.account_id}, {kind}, {self._broker.account_type() or 'type not told'}, "
            f"equity ${account.equity:,.2f}, available ${account.available:,.2f}."
        )
        return Check("account", Verdict.OK, found)

    def _market_data(self) -> Check:
        market = IbkrMarket(self._link, self._contracts, self._clock, stamp=self._broker.stamp)
        try:
            self._prices = dict(market.prices())
            self._options = self._at_the_money()
            self._quotes = dict(market.quotes(self._options.values()))
        finally:
            market.close()
        missing = [str(each) for each in self._options.values() if each not in self._quotes]
        if missing:
            return Check("market data", Verdict.WARN, f"live, but not of {', '.join(missing)}.")
        return Check("market data", Verdict.OK, "SPX, SPY and their options are live.")

    def _at_the_money(self) -> dict[str, OptionContract]:
        today = self._clock.now().date()
        spy, spx = (self._prices[name].last or 0.0 for name in ("SPY", "SPX"))
        strike = nearest_strike(spy, SPY_STRIKE_STEP)
        matched = nearest_strike(spx / spy * strike, SPX_STRIKE_STEP)
        return {
            "SPY": OptionContract("SPY", today, strike),
            "SPXW": OptionContract("SPXW", today, matched),
        }

    def _todays_contracts(self) -> Check:
        if not self._options:
            return _skipped("today's contracts", "no prices to choose strikes by.")
        try:
            for root, option in self._options.items():
                self._listings[root] = self._contracts.option(option)
        except NotListed as error:
            mend = "See whether both expire today."
            return Check("today's contracts", Verdict.FAIL, ended(str(error)), mend)
        found = ", ".join(each.contract.localSymbol for each in self._listings.values())
        return Check("today's contracts", Verdict.OK, f"{found}.")

    def _price_steps(self) -> Check:
        if len(self._listings) < len(self._options) or not self._options:
            return _skipped("price steps", "no contracts to ask for.")
        for root, listing in self._listings.items():
            if listing.steps is None:
                found = f"TWS does not tell the price steps of {root}."
                return Check("price steps", Verdict.WARN, found)
            for price in _PRICES_TO_COMPARE:
                ours = price + tick_size(self._options[root], price)
                if off := listing.off_step(ours):
                    mend = f"Orders in {root} at such prices will not be sent."
                    return Check("price steps", Verdict.FAIL, f"{off}.", mend)
        return Check("price steps", Verdict.OK, "as at the exchange.")

    def _what_if(self, root: str, side: Side, quantity: int) -> Check:
        name = "index options" if root == "SPXW" else "uncovered calls"
        option = self._options.get(root)
        if option is None or root not in self._listings:
            return _skipped(name, "no contract to ask for.")
        if self._is_read_only:
            return _skipped(name, "the API is read-only.")
        intent = self._intent(option, side, quantity)
        try:
            words = self._broker.refusal(intent)
        except TwsError as error:
            mend = "See the account's trading permissions."
            if error.code == _READ_ONLY:
                self._is_read_only = True
                mend = "Switch off Read-Only API in TWS (Configure, API, Settings)."
            return Check(name, Verdict.FAIL, ended(str(error)), mend)
        if words:
            mend = "Have the account approved for it, or fund it."
            return Check(name, Verdict.FAIL, ended(f"TWS would refuse: {words}"), mend)
        return Check(name, Verdict.OK, f"TWS would take the order: {intent}.")

    def _intent(self, option: OptionContract, side: Side, quantity: int) -> OrderIntent:
        quote = self._quotes.get(option)
        price = (quote.ask if side is Side.BUY else quote.bid) if quote else None
        now = self._clock.now()
        return OrderIntent(
            session=now.date(),
            spread_no=0,
            leg=Leg.SPY if option.root == "SPY" else Leg.SPX,
            purpose=Purpose.OPEN,
            attempt=0,
            contract=option,
            side=side,
            quantity=quantity,
            limit=limit_for(option, side, price or 1.0),
            created_at=now,
        )


def _row(name: str, look: Callable[[], Check]) -> Check:
    try:
        return look()
    except (RetryLater, MendInput, StopTrading) as error:
        return Check(name, Verdict.FAIL, ended(str(error)))


def _skipped(name: str, why: str) -> Check:
    return Check(name, Verdict.SKIP, why)
