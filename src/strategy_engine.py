"""To trade or not, and how much. Pure: the same facts give the same decision."""

from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal
from functools import lru_cache

from src.fees import FeeSchedule
from src.market_data import Fault, NoSetup
from src.models import MULTIPLIER, SPY_PER_SPREAD, Criterion, EntryDecision, Session, TradeSetup
from src.pricing import expected_profit, strike_gap_value
from src.settings import Settings
from src.words import UNKNOWN, money

DEFAULT_FEES = FeeSchedule()


@dataclass(frozen=True, slots=True)
class Capacity:
    """What there is to trade with: spreads already open, free capital and account, in dollars."""

    open_spreads: int
    capital: Decimal
    account_value: Decimal


def calculate_entry_credit(
    spy_bid: float, spx_ask: float, fees: FeeSchedule = DEFAULT_FEES
) -> float:
    """Return the net credit of one spread in dollars, positive when received.

    Ten SPY calls sold at the bid, one SPXW call bought at the ask, both prices per share, less
    the fees of opening.
    """
    gross = SPY_PER_SPREAD * MULTIPLIER * spy_bid - MULTIPLIER * spx_ask
    opening = fees.opening(Decimal(str(spy_bid)), Decimal(str(spx_ask)))
    return round(gross - float(opening), 2)


def calculate_position_size(capacity: Capacity, settings: Settings) -> int:
    """Return how many spreads may be opened now, possibly none.

    The least of: spreads still free, free capital over capital a spread, and the share of the
    account that may be at risk over the largest loss of a position.
    """
    rules = settings.strategy
    free = rules.max_spreads - capacity.open_spreads
    by_capital = capacity.capital / Decimal(str(rules.capital_per_spread))
    at_risk = Decimal(str(rules.max_position_size)) * capacity.account_value
    by_loss = at_risk / Decimal(str(rules.max_position_loss))
    return max(0, min(free, int(by_capital), int(by_loss)))


def should_enter_trade(
    market: TradeSetup | NoSetup,
    *,
    now: datetime,
    session: Session,
    capacity: Capacity,
    settings: Settings,
    fees: FeeSchedule = DEFAULT_FEES,
) -> EntryDecision:
    """Evaluate all six criteria, also those behind one that fails, and size the position."""
    setup = market if isinstance(market, TradeSetup) else None
    credit = profit = None
    if setup:
        # A setup has both sides of both quotes: that is what makes it one.
        credit = calculate_entry_credit(setup.spy_call.bid or 0.0, setup.spx_call.ask or 0.0, fees)
        profit = expected_profit(credit, setup)
    clock = f"{now:%H:%M:%S}"
    criteria = (
        _market_open(now, clock, session),
        _entry_window(now, clock, session, settings),
        _contracts_available(market),
        _ratio(market, settings),
        _spreads(market, settings),
        _profit(setup, credit, profit, settings),
    )
    size = calculate_position_size(capacity, settings)
    return EntryDecision(
        timestamp=now,
        should_trade=size > 0 and all(each.passed for each in criteria),
        criteria=criteria,
        entry_credit=credit,
        expected_profit=profit,
        risk=settings.strategy.max_position_loss * size,
        position_size=size,
        setup=setup,
    )


@lru_cache(maxsize=8)
def _window(session: Session, first: time, last: time) -> tuple[datetime, datetime, str]:
    """Return two times of a session, and both in words: the same at each look of a day."""
    start, end = session.at(first), session.at(last)
    return start, end, _span(start, end)


@lru_cache(maxsize=8)
def _span(start: datetime, end: datetime) -> str:
    return f"{start:%H:%M} to {end:%H:%M}"


def _market_open(now: datetime, clock: str, session: Session) -> Criterion:
    passed = session.open <= now < session.close
    return Criterion("market open", passed, clock, _span(session.open, session.close))


def _entry_window(now: datetime, clock: str, session: Session, settings: Settings) -> Criterion:
    hours, rules = settings.trading_hours, settings.strategy
    start, end, limit = _window(session, hours.entry_start, hours.entry_end)
    if session.is_half_day and not rules.trade_half_days:
        return Criterion("entry window", passed=False, seen="a half day", limit="full days only")
    return Criterion("entry window", start <= now <= end, clock, limit)


def _contracts_available(market: TradeSetup | NoSetup) -> Criterion:
    name, limit = "0DTE contracts", "SPY and SPXW calls of today, quoted"
    if isinstance(market, TradeSetup):
        seen = f"{market.spy_contract} and {market.spx_contract}"
        return Criterion(name, passed=True, seen=seen, limit=limit)
    missing = [text for fault, text in market.faults if fault is not Fault.WIDTH]
    return Criterion(name, not missing, "; ".join(missing) or "both quoted", limit)


def _ratio(market: TradeSetup | NoSetup, settings: Settings) -> Criterion:
    rules = settings.strategy
    limit = f"{rules.min_ratio:g} to {rules.max_ratio:g}"
    if market.spy_price is None or market.spx_price is None:
        return Criterion("ratio", passed=False, seen=UNKNOWN, limit=limit)
    ratio = market.spx_price / market.spy_price
    seen = f"{ratio:.4f}"
    if isinstance(market, TradeSetup) and market.spx_uncertainty:
        seen += f" (give or take {market.spx_uncertainty / market.spy_price:.4f})"
    return Criterion("ratio", rules.min_ratio <= ratio <= rules.max_ratio, seen, limit)


def _spreads(market: TradeSetup | NoSetup, settings: Settings) -> Criterion:
    data = settings.market_data
    limit = f"SPY at most {data.max_spy_spread:.2f}, SPX at most {data.max_spx_spread:.2f}"
    if isinstance(market, TradeSetup):
        spy = (market.spy_call.ask or 0.0) - (market.spy_call.bid or 0.0)
        spx = (market.spx_call.ask or 0.0) - (market.spx_call.bid or 0.0)
        return Criterion("spreads", passed=True, seen=f"SPY {spy:.2f}, SPX {spx:.2f}", limit=limit)
    wide = [text for fault, text in market.faults if fault is Fault.WIDTH]
    return Criterion("spreads", passed=False, seen="; ".join(wide) or UNKNOWN, limit=limit)


def _profit(
    setup: TradeSetup | None, credit: float | None, profit: float | None, settings: Settings
) -> Criterion:
    least = settings.strategy.min_entry_credit
    limit = f"above ${least:,.2f}"
    if setup is None or credit is None or profit is None:
        return Criterion("expected profit", passed=False, seen=UNKNOWN, limit=limit)
    gap = strike_gap_value(setup)
    seen = f"{money(profit)} = credit {money(credit)} less value of the strike gap {money(gap)}"
    return Criterion("expected profit", profit > least, seen, limit)
