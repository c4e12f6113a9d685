"""The limits that no decision may pass, and the breaker that ends a day."""

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from src.day_record import ControlMode, DayRecord, SetBy
from src.messages import Message, daily_loss
from src.models import MULTIPLIER, SPY_PER_SPREAD, ExitReason, SpreadPosition, TradeSetup
from src.ports import Account
from src.settings import Settings

Alert = Callable[[datetime, Message], None]
"""Takes a moment, a title and a sentence."""
Close = Callable[[SpreadPosition, ExitReason, str, datetime], None]
"""Takes a position, why it is closed, in words, and the moment."""

_BROAD_BASED = Decimal("0.15")
_NARROW = Decimal("0.20")
_FLOOR = Decimal("0.10")


class Verdict(NamedTuple):
    """Whether a position may be opened; `reasons` names every limit that forbids it."""

    allowed: bool
    reasons: tuple[str, ...]


class Exposure(NamedTuple):
    """Where the day stands. `day_pnl` is realised and unrealised dollars, None if not known."""

    open_spreads: int
    day_pnl: Decimal | None
    mode: ControlMode
    in_doubt: str = ""
    """A difference between what is recorded and what the broker says; empty when there is none."""
    bar: str = ""
    """Why this account may open nothing today, from before the first tick; empty when it may."""


class RiskManager:
    """Limits of the settings, applied to the state of the day."""

    def __init__(self, settings: Settings) -> None:
        self._rules = settings.strategy
        self.daily_limit = Decimal(str(settings.strategy.max_daily_loss))
        """The loss, in positive dollars, at which the day is over."""

    def can_open_position(self, spreads: int, exposure: Exposure, account: Account) -> Verdict:
        """Return whether so many more spreads may be opened, with every reason against it."""
        rules = self._rules
        reasons: list[str] = []
        if exposure.mode is not ControlMode.NORMAL:
            reasons.append(f"trading mode is {exposure.mode.label} (only normal may open)")
        if exposure.in_doubt:
            reasons.append(f"the record and the broker differ: {exposure.in_doubt}")
        if exposure.bar:
            reasons.append(f"the account: {exposure.bar}")
        total = exposure.open_spreads + spreads
        if spreads < 1:
            reasons.append(f"spreads to open: {spreads} (at least 1)")
        if total > rules.max_spreads:
            reasons.append(f"open spreads: {total} (at most {rules.max_spreads})")
        if exposure.day_pnl is None:
            reasons.append("today's loss: not known, so taken as the worst")
        elif exposure.day_pnl <= -self.daily_limit:
            reasons.append(
                f"today's loss: ${-exposure.day_pnl:,.2f} (limit ${self.daily_limit:,.2f})"
            )
        margin = Decimal(str(rules.capital_per_spread)) * spreads
        if account.available < margin:
            reasons.append(f"margin: ${margin:,.2f} needed (available ${account.available:,.2f})")
        at_risk = Decimal(str(rules.max_position_loss)) * spreads
        allowed_risk = Decimal(str(rules.max_position_size)) * account.equity
        if at_risk > allowed_risk:
            reasons.append(
                f"account value: ${at_risk:,.2f} at risk (limit ${allowed_risk:,.2f}, "
                f"{rules.max_position_size:.0%} of ${account.equity:,.2f})"
            )
        return Verdict(not reasons, tuple(reasons))

    def emergency_close_all(
        self,
        positions: Sequence[SpreadPosition],
        text: str,
        now: datetime,
        *,
        record: DayRecord,
        alert: Alert,
        close: Close,
    ) -> None:
        """End the day: no more trading, even after a restart, and everything open is closed.

        `text` says what happened. Alert and halt are committed together, before the first order,
        so that no crash can lose one of them.
        """
        alert(now, daily_loss(text))
        record.raise_control(ControlMode.HALT, text, now, SetBy.BREAKER)
        for position in positions:
            close(position, ExitReason.DAILY_LOSS, text, now)


def reg_t_margin(setup: TradeSetup, spreads: int, *, narrow: bool = False) -> Decimal:
    """Return the strategy-based margin in dollars of the short SPY calls, uncovered.

    Per contract 100 x (premium + max(15% of the price less what the call is out of the money,
    10% of the price)); 20% where a broker treats SPY as a narrow index. The long SPXW call gives
    no relief under Regulation T. Source: Cboe rule 10.3, FINRA rule 4210.
    """
    price, strike = Decimal(str(setup.spy_price)), Decimal(str(setup.spy_contract.strike))
    premium = Decimal(str(setup.spy_call.bid or 0.0))
    share = _NARROW if narrow else _BROAD_BASED
    out_of_the_money = max(strike - price, Decimal(0))
    per_share = premium + max(share * price - out_of_the_money, _FLOOR * price)
    return (per_share * MULTIPLIER * SPY_PER_SPREAD * spreads).quantize(Decimal("0.01"))
