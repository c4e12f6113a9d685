"""What trading costs: dollars an order, by the schedule of the settings; expiry is free.

The figures, their dates and where they come from stand in `config/config.yaml`, section fees.
What a broker reports of a fill counts more than what is reckoned here.
"""

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal

from src.models import MULTIPLIER, SPY_PER_SPREAD, Side
from src.settings_sections import Fees
from src.ticks import CENT

_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Charge:
    """One line of a broker's sheet, reckoned for an order as a whole.

    `steps` are pairs of a premium in dollars a share and the dollars a contract that hold from
    there on, the lowest first. `per_million` is dollars for each million that a sale brings,
    `minimum` dollars an order. `root` is the only one charged; empty: both.
    """

    steps: tuple[tuple[Decimal, Decimal], ...] = ()
    per_million: Decimal = _NOTHING
    minimum: Decimal = _NOTHING
    root: str = ""
    sales_only: bool = False
    rounded_up: bool = False

    def of(self, root: str, contracts: int, side: Side, price: Decimal) -> Decimal:
        """Return the charge in dollars for so many contracts at one price."""
        if not contracts or self.root not in ("", root) or (self.sales_only and side is Side.BUY):
            return _NOTHING
        rates = [rate for start, rate in self.steps if price >= start]
        value = contracts * MULTIPLIER * price
        exact = (
            contracts * (rates[-1] if rates else _NOTHING) + self.per_million * value / 1_000_000
        )
        charged = max(exact, self.minimum)
        return charged.quantize(CENT, rounding=ROUND_CEILING) if self.rounded_up else charged


@dataclass(frozen=True, slots=True)
class FeeSchedule:
    """Dollars a contract, and what a broker's sheet charges besides.

    The default opens one spread for 2.15: ten SPY calls and one SPXW.
    """

    spy_per_contract: Decimal = Decimal("0.15")
    spxw_per_contract: Decimal = Decimal("0.65")
    charges: tuple[Charge, ...] = ()

    def fee(
        self, root: str, contracts: int, *, side: Side, price: Decimal, filled_before: int = 0
    ) -> Decimal:
        """Return the fee of one fill, in whole cents, positive when paid.

        `price` is dollars per share. With `filled_before`, the contracts of the same order that
        filled earlier, an order costs the same at one price in however many parts it fills.
        """
        whole = self._order(root, filled_before + contracts, side, price)
        if not filled_before:
            return whole
        return whole - self._order(root, filled_before, side, price)

    def _order(self, root: str, contracts: int, side: Side, price: Decimal) -> Decimal:
        rate = self.spy_per_contract if root == "SPY" else self.spxw_per_contract
        charged = rate * contracts
        for each in self.charges:
            charged += each.of(root, contracts, side, price)
        return charged.quantize(CENT, rounding=ROUND_HALF_UP)

    def opening(self, spy_price: Decimal, spx_price: Decimal) -> Decimal:
        """Return what it costs to open one spread at these prices, in dollars per share.

        Two orders, each filled at once: of several spreads each costs no more, and an order that
        has to be replaced can cost more where the broker has a minimum.
        """
        sold = self.fee("SPY", SPY_PER_SPREAD, side=Side.SELL, price=spy_price)
        return sold + self.fee("SPXW", 1, side=Side.BUY, price=spx_price)

    def closing(self, spy_price: Decimal, spx_price: Decimal) -> Decimal:
        """Return what it costs to close one spread through the market, likewise."""
        bought = self.fee("SPY", SPY_PER_SPREAD, side=Side.BUY, price=spy_price)
        return bought + self.fee("SPXW", 1, side=Side.SELL, price=spx_price)


def fee_schedule(fees: Fees) -> FeeSchedule:
    """Return the schedule that the settings name."""
    return {"flat": _flat, "alpaca": _alpaca, "ibkr": _ibkr}[fees.schedule](fees)


def _flat(fees: Fees) -> FeeSchedule:
    return FeeSchedule(_exact(fees.spy_per_contract), _exact(fees.spxw_per_contract))


def _alpaca(fees: Fees) -> FeeSchedule:
    """No commission on SPY, one on index options, and Cboe's fee passed on undiscounted."""
    sheet = fees.alpaca
    exchange = _spxw_exchange(sheet.spxw_exchange_below_1, sheet.spxw_exchange_from_1)
    # Alpaca rounds each of the others' fees up to a cent.
    charges = (exchange, *_of_others(fees, rounded_up=True))
    return FeeSchedule(_exact(sheet.spy_commission), _exact(sheet.spxw_commission), charges)


def _ibkr(fees: Fees) -> FeeSchedule:
    """IBKR Pro, tiered pricing, up to 10,000 contracts a month."""
    sheet = fees.ibkr
    commission = Charge(
        (
            (_NOTHING, _exact(sheet.commission_below_5_cents)),
            (Decimal("0.05"), _exact(sheet.commission_below_10_cents)),
            (Decimal("0.10"), _exact(sheet.commission)),
        ),
        minimum=_exact(sheet.minimum_per_order),
    )
    exchange = _spxw_exchange(sheet.spxw_exchange_below_1, sheet.spxw_exchange_from_1)
    charges = (commission, exchange, *_of_others(fees, rounded_up=False))
    return FeeSchedule(_NOTHING, _NOTHING, charges)


def _spxw_exchange(below: float, from_one: float) -> Charge:
    return Charge(((_NOTHING, _exact(below)), (Decimal(1), _exact(from_one))), root="SPXW")


def _of_others(fees: Fees, *, rounded_up: bool) -> tuple[Charge, ...]:
    """Return what clearing and the regulators take, whoever the broker is."""
    rates = fees.regulatory

    def each(dollars: float, *, sales_only: bool = False) -> Charge:
        steps = ((_NOTHING, _exact(dollars)),)
        return Charge(steps, sales_only=sales_only, rounded_up=rounded_up)

    return (
        each(rates.occ_per_contract),
        each(rates.orf_per_contract),
        each(rates.taf_per_contract_sold, sales_only=True),
        # Section 31(b) of the Securities Exchange Act leaves out options on broad indexes.
        Charge(
            per_million=_exact(rates.sec_per_million_sold),
            root="SPY",
            sales_only=True,
            rounded_up=rounded_up,
        ),
    )


def _exact(dollars: float) -> Decimal:
    return Decimal(str(dollars))
