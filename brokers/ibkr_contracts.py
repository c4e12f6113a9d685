"""Contracts as Interactive Brokers lists them: looked up with their class, and checked after."""

from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from brokers.ibkr_link import IbkrLink, TwsError
from src.models import MULTIPLIER, OptionContract
from src.ports import MendInput, RetryLater
from utils.option_symbols import parse_symbol

if TYPE_CHECKING:
    from brokers.ibkr_link import Contract, ContractDetails

_ROUTE = "SMART"
_NOT_FOUND = 200
Steps = tuple[tuple[Decimal, Decimal], ...]
"""From which price on which step holds, in dollars a share, lowest price first."""


class NotListed(MendInput):
    """There is no such contract at Interactive Brokers, or not exactly one."""


class Listing(NamedTuple):
    """A contract that was looked up and is the one that was meant. `steps` None: not told."""

    contract: "Contract"
    rule: str
    steps: Steps | None

    def off_step(self, price: Decimal) -> str:
        """Return why a price is no price of this contract, empty if it is or nobody knows."""
        steps = [step for low, step in self.steps or () if price >= low]
        if not steps or price % steps[-1] == 0:
            return ""
        return f"{price} is no multiple of {steps[-1]}, the step of market rule {self.rule}"


class IbkrContracts:
    """Looks contracts up once. What is listed does not change within a day."""

    def __init__(self, link: IbkrLink) -> None:
        self._link = link
        self._underlyings: dict[str, Contract] = {}
        self._options: dict[OptionContract, Listing] = {}
        self._rules: dict[str, Steps] = {}
        self._silent: dict[str, int] = {}

    def underlying(self, name: str) -> "Contract":
        """Return the SPX index or the SPY stock. Raises NotListed, RetryLater."""
        if name not in self._underlyings:
            index, stock = self._link.index_and_stock()
            wanted = index if name == "SPX" else stock
            found = {
                each.contract.conId: each.contract
                for each in self._details(name, wanted)
                if each.contract
                and each.contract.symbol == name
                and each.contract.secType == wanted.secType
            }
            if len(found) != 1:
                raise NotListed(f"{name}: TWS lists {len(found)} contracts of this kind, not one")
            (contract,) = found.values()
            contract.exchange = wanted.exchange
            self._underlyings[name] = contract
        return self._underlyings[name]

    def option(self, option: OptionContract) -> Listing:
        """Return an option's listing. Raises NotListed, RetryLater."""
        if option not in self._options:
            symbol = "SPY" if option.root == "SPY" else "SPX"
            wanted = self._link.option(
                symbol, f"{option.expiry:%Y%m%d}", option.strike, option.right, option.root
            )
            faults: list[str] = []
            fitting: dict[int, ContractDetails] = {}
            for each in self._details(option.symbol, wanted):
                if fault := _misfit(each, option):
                    faults.append(fault)
                elif each.contract:
                    fitting[each.contract.conId] = each
            if len(fitting) != 1:
                why = "; ".join(faults) or f"{len(fitting)} contracts match"
                raise NotListed(f"{option.symbol} is not listed as it should be: {why}")
            (details,) = fitting.values()
            self._options[option] = self._listing(details)
        listing = self._options[option]
        if listing.steps is None and self._silent.get(listing.rule) != self._link.generation:
            listing = Listing(listing.contract, listing.rule, self._steps(listing.rule))
            self._options[option] = listing
        return listing

    def _details(self, name: str, wanted: "Contract") -> "list[ContractDetails]":
        try:
            return self._link.ask(
                f"the listing of {name}", lambda ib: ib.reqContractDetailsAsync(wanted)
            )
        except TwsError as error:
            if error.code != _NOT_FOUND:
                raise
            raise NotListed(f"{name} is not listed ({error.words})") from error

    def _listing(self, details: "ContractDetails") -> Listing:
        contract = details.contract
        if contract is None:
            raise NotListed("TWS gave details without a contract")
        contract.exchange = _ROUTE
        routes, rules = details.validExchanges.split(","), details.marketRuleIds.split(",")
        by_route = dict(zip(routes, rules, strict=False))
        rule = by_route.get(_ROUTE, "")
        return Listing(contract, rule, self._steps(rule))

    def _steps(self, rule: str) -> Steps | None:
        if rule in self._rules or not rule.isdigit() or rule == "0":
            return self._rules.get(rule)
        try:
            found = self._link.ask(
                f"market rule {rule}", lambda ib: ib.reqMarketRuleAsync(int(rule))
            )
        except RetryLater:
            found = None
        if not found:
            self._silent[rule] = self._link.generation
            return None
        rows = sorted((Decimal(str(e.lowEdge)), Decimal(str(e.increment))) for e in found)
        self._rules[rule] = tuple(row for row in rows if row[1] > 0)
        return self._rules[rule]


def _misfit(details: "ContractDetails", option: OptionContract) -> str:
    """Return why a listing is not the option that was meant, empty if it is."""
    found = details.contract
    if found is None:
        return "details without a contract"
    day = f"{option.expiry:%Y%m%d}"
    checks = (
        ("security type", found.secType, found.secType == "OPT"),
        ("class", found.tradingClass, found.tradingClass == option.root),
        ("last trading day", found.lastTradeDateOrContractMonth, _day(found) == day),
        ("expiration", details.realExpirationDate, details.realExpirationDate in {"", day}),
        ("right", found.right, found.right[:1] == option.right),
        ("strike", found.strike, abs(found.strike - option.strike) < 1e-6),
        ("multiplier", found.multiplier, found.multiplier == str(MULTIPLIER)),
        (
            "symbol",
            found.localSymbol,
            not found.localSymbol  # its class is told, and is looked at above
            or found.localSymbol.split()[:1] == [option.root]
            or found.localSymbol.replace(" ", "") == option.symbol,
        ),
    )
    return ", ".join(f"{name} is {value!r}" for name, value, holds in checks if not holds)


def _day(contract: "Contract") -> str:
    return contract.lastTradeDateOrContractMonth[:8]


def option_of(contract: "Contract") -> OptionContract | None:
    """Return the option that a position or an execution is in, None where it is in none.

    The local symbol comes first: of a series settled in the morning it carries the day of
    expiry, while the other fields carry the day before.
    """
    if contract.secType != "OPT":
        return None
    root = contract.tradingClass or contract.symbol
    mills = round(contract.strike * 1000)
    for text in (
        contract.localSymbol,
        f"{root}{_day(contract)[2:]}{contract.right[:1]}{mills:08d}",
    ):
        try:
            return parse_symbol(text)
        except ValueError:
            continue
    return None
