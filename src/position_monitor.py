"""What an open position is worth now, and whether it must be closed."""

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from src.assignment import pin_band
from src.day_record import ControlMode
from src.fees import FeeSchedule
from src.market_data import MarketDataCollector
from src.models import (
    MULTIPLIER,
    ExitReason,
    ExitSignal,
    Severity,
    Side,
    SpreadPosition,
)
from src.ports import RetryLater
from src.settings import Settings
from src.timetable import Timetable

DEFAULT_EXIT_THRESHOLD = 10.0


def should_exit(spy_price: float, strike: float, threshold: float = DEFAULT_EXIT_THRESHOLD) -> bool:
    """Whether SPY is so far above the strike (all in dollars) that the calls go back at once."""
    return spy_price > strike + threshold


class LiveValue(NamedTuple):
    """What a position would bring if it were closed now.

    `pnl` is dollars for the whole trade at prices that can be traded (SPY ask, SPXW bid), exit
    fees included; None when a quote is missing or not sound. `spy_price` is None likewise.
    `unknown` says why.
    """

    pnl: Decimal | None
    spy_price: float | None
    unknown: str = ""


class DayState(NamedTuple):
    """What concerns every position: the day's P&L in dollars (None: not known), the wishes."""

    day_pnl: Decimal | None
    mode: ControlMode
    close_asked: bool


def _urgency(signal: ExitSignal) -> int:
    return list(Severity).index(signal.severity)


class PositionMonitor:
    """Looks at positions through one collector, by the limits of the settings."""

    def __init__(
        self,
        collector: MarketDataCollector,
        timetable: Timetable,
        settings: Settings,
        fees: FeeSchedule,
    ) -> None:
        self._collector = collector
        self._rules = settings.strategy
        self._exit_check = timetable.exit_check
        self._must_be_flat = timetable.must_be_flat
        self._fees = fees
        self._position_limit = Decimal(str(settings.strategy.max_position_loss))
        self._day_limit = Decimal(str(settings.strategy.max_daily_loss))

    def value(self, position: SpreadPosition) -> LiveValue:
        """Return what closing the position now would bring."""
        missing: list[str] = []
        spy_price: float | None = None
        try:
            prices, faults = self._collector.get_current_prices(("SPY",))
            spy_price = prices.get("SPY")
            pnl = position.cash + self._proceeds(position, missing)
        except RetryLater as error:
            return LiveValue(None, spy_price, f"{self._collector.source.name}: {error}")
        unknown = [text for _, text in faults] + missing
        return LiveValue(None if missing else pnl, spy_price, "; ".join(unknown))

    def _proceeds(self, position: SpreadPosition, missing: list[str]) -> Decimal:
        """Return the dollars that closing brings; name in `missing` what has no price."""
        spy_call, spx_call = position.spy_contract, position.spx_contract
        quotes = self._collector.get_options_quotes((spy_call, spx_call))
        total = Decimal(0)
        for contract, held in ((spy_call, -position.spy_short), (spx_call, position.spx_long)):
            if held == 0:
                continue
            quote = self._collector.tradable(contract, quotes)
            if quote is None:
                missing.append(f"no current quote for {contract}")
                continue
            price = Decimal(str(quote.ask if held < 0 else quote.bid))
            side = Side.BUY if held < 0 else Side.SELL
            fee = self._fees.fee(contract.root, abs(held), side=side, price=price)
            total += MULTIPLIER * held * price - fee
        return total

    def check_exit_conditions(
        self, position: SpreadPosition, value: LiveValue, day: DayState, now: datetime
    ) -> list[ExitSignal]:
        """Return every reason to close the position now, the most urgent first.

        A price that is not known raises no signal that would need it: nothing is liquidated on
        missing data.
        """
        signals = self._wishes(day)
        if self._must_be_flat and now >= self._exit_check:
            text = f"the broker takes no orders soon after {self._exit_check:%H:%M}"
            signals.append(ExitSignal(ExitReason.PRE_EXPIRATION, Severity.HIGH, text))
        if position.spy_short and value.spy_price is not None:
            signals += self._price_signals(value.spy_price, position.spy_contract.strike, now)
        limit = self._position_limit * max(position.spreads_opened, 1)
        if value.pnl is not None and value.pnl < -limit:
            text = f"loss ${-value.pnl:,.2f} at prices that can be traded (limit ${limit:,.2f})"
            signals.append(ExitSignal(ExitReason.MAX_LOSS, Severity.HIGH, text))
        return sorted(signals, key=_urgency) if signals else signals

    def _wishes(self, day: DayState) -> list[ExitSignal]:
        signals: list[ExitSignal] = []
        if day.day_pnl is not None and day.day_pnl < -self._day_limit:
            text = f"the day's loss is ${-day.day_pnl:,.2f} (limit ${self._day_limit:,.2f})"
            signals.append(ExitSignal(ExitReason.DAILY_LOSS, Severity.HIGH, text))
        if day.close_asked or day.mode >= ControlMode.CLOSE:
            signals.append(ExitSignal(ExitReason.MANUAL, Severity.HIGH, "a person asked for it"))
        return signals

    def _price_signals(self, spy: float, strike: float, now: datetime) -> list[ExitSignal]:
        rules = self._rules
        signals: list[ExitSignal] = []
        if should_exit(spy, strike, rules.exit_threshold):
            level = strike + rules.exit_threshold
            text = f"SPY {spy:.2f} is above {level:.2f}, ${rules.exit_threshold:g} over the strike"
            signals.append(ExitSignal(ExitReason.ASSIGNMENT_RISK, Severity.HIGH, text))
        if now < self._exit_check:
            return signals
        band = strike - pin_band(strike, rules).low
        clock = f"{self._exit_check:%H:%M}"
        if spy > strike:
            text = f"SPY {spy:.2f} is in the money at {strike:g} after {clock}"
            signals.append(ExitSignal(ExitReason.PRE_EXPIRATION, Severity.MEDIUM, text))
        elif strike - spy <= band:
            text = f"SPY {spy:.2f} is within ${band:.2f} of the strike {strike:g} after {clock}"
            signals.append(ExitSignal(ExitReason.PIN_RISK, Severity.MEDIUM, text))
        return signals
