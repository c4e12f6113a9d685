"""To trade or not, and how much. Pure: the same facts give the same decision."""

from datetime import datetime, time
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from src.credit_split import value_setup
from src.fees import FeeSchedule
from src.judgement import Criterion, Valuation
from src.market_data import Fault, NoSetup
from src.models import MULTIPLIER, SPY_PER_SPREAD, EntryDecision, Session, TradeSetup
from src.outlook import Outlook, outlook
from src.price_words import NOT_BELIEVED
from src.ratio import BASIS_POINT
from src.settings import Settings
from src.words import UNKNOWN, money

DEFAULT_FEES = FeeSchedule()
BLIND = (
    "strategy.expected_profit is credit: the bare credit is judged. It is blind to the gap between "
    "the strikes, to SPX over SPY not being 10, to what may happen to SPY between 16:00 and 17:30, "
    "and to what getting out costs. The edge is reckoned and shown beside it."
)
"""What a person who chose the bare credit is told each day."""


class Capacity(NamedTuple):
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
    expected: Outlook | None = None,
) -> EntryDecision:
    """Evaluate all six criteria, also those behind one that fails, and size the position.

    `expected` is what was known of the day before its first quote; by default what its date says.
    """
    rules = settings.strategy
    expected = expected or outlook(session.day, rules)
    setup = market if isinstance(market, TradeSetup) else None
    credit = profit = valuation = None
    if setup:
        # A setup has both sides of both quotes: that is what makes it one.
        credit = calculate_entry_credit(setup.spy_call.bid or 0.0, setup.spx_call.ask or 0.0, fees)
        valuation = value_setup(
            setup, credit, expected.ratio, session=session, settings=rules, fees=fees
        )
        profit = _expected_profit(credit, valuation, settings)
    clock = f"{now:%H:%M:%S}"
    criteria = (
        _market_open(now, clock, session),
        _entry_window(now, clock, session, settings),
        _contracts_available(market),
        _ratio(market, expected, settings),
        _spreads(market, settings),
        _profit(credit, valuation, expected, settings),
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
        valuation=valuation,
    )


def _expected_profit(credit: float, valuation: Valuation, settings: Settings) -> float | None:
    """Return dollars a spread, None for an edge that cannot be reckoned."""
    if settings.strategy.expected_profit == "credit":
        return credit
    return valuation.split.edge if valuation.split else None


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


def _ratio(market: TradeSetup | NoSetup, expected: Outlook, settings: Settings) -> Criterion:
    """Judge SPX over SPY by its fixed limits, and by the ratio that is expected today."""
    rules, today = settings.strategy, expected.ratio
    limit = (
        f"{rules.min_ratio:g} to {rules.max_ratio:g}, "
        f"and within {today.band_bp:g} bp of {today.value:.4f}"
    )
    if market.spy_price is None or market.spx_price is None:
        return Criterion("ratio", passed=False, seen=UNKNOWN, limit=limit)
    ratio = market.spx_price / market.spy_price
    distance = today.distance_bp(ratio)
    seen, unsure = f"{ratio:.4f} ({distance:+.1f} bp)", 0.0
    if isinstance(market, TradeSetup) and market.spx_uncertainty:
        unsure = market.spx_uncertainty / market.spy_price
        seen += f" (give or take {unsure:.4f})"
    # What SPX may be off by must not carry the ratio out of the gate either.
    near = abs(distance) + unsure / today.value / BASIS_POINT <= today.band_bp
    return Criterion("ratio", rules.min_ratio <= ratio <= rules.max_ratio and near, seen, limit)


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
    credit: float | None, valuation: Valuation | None, expected: Outlook, settings: Settings
) -> Criterion:
    rules = settings.strategy
    limit = f"above ${rules.min_entry_credit:,.2f}"
    if credit is None or valuation is None:
        return Criterion("expected profit", passed=False, seen=UNKNOWN, limit=limit)
    profit, seen = _expected_profit(credit, valuation, settings), _in_parts(credit, valuation)
    if rules.expected_profit == "credit":
        seen = f"{money(credit)}, the bare credit; as an edge {seen}"
    passed = profit is not None and profit > rules.min_entry_credit
    if valuation.contradiction and _is_blocked(expected, settings):
        passed, seen = False, f"{seen}; {NOT_BELIEVED}"
    return Criterion("expected profit", passed, seen, limit)


def _is_blocked(expected: Outlook, settings: Settings) -> bool:
    """Whether two quotes that cannot both be true forbid an entry."""
    when = settings.strategy.vol_gap_blocks
    return when == "always" or (when == "live" and expected.is_live)


def _in_parts(credit: float, valuation: Valuation) -> str:
    """Return the edge and what it leaves away of the credit, in one line."""
    split = valuation.split
    if split is None:
        return f"{UNKNOWN}: {valuation.contradiction}"
    out = split.spread_out + split.fees_out
    return (
        f"{money(split.edge)} = credit {money(credit)} less strike gap and ratio "
        f"{money(split.fair_value)}, after hours {money(split.after_hours)}, "
        f"getting out {money(-out)}"
    )
