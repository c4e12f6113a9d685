"""A table over the same tapes: which entry rules would have traded, and what became of it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import product
from pathlib import Path

from brokers.tape import Tape
from scripts.backtest_days import Plan, results
from src.backtest import DayResult, TradeResult
from src.backtest_figures import finished
from src.fees import fee_schedule
from src.models import MULTIPLIER, SPY_PER_SPREAD, ExitReason, OptionContract, Session, Side
from src.ports import MendInput
from src.settlement import ExpirationValue, calculate_expiration_value
from src.words import count, money
from utils.market_calendar import MarketCalendar

_PROFITS, _STRIKES = ("credit", "edge"), ("atm", "matched")
_OUT = "strategy.pin_band_percent=50"
_HEAD = ("expected_profit", "strike_rule", "qualified", "trades", "exit check", "close", "16:15")
_STAMPED_BEFORE = timedelta(minutes=1)
_WIDTHS = (17, 13, 24, 8, 24, 24, 24)


def table(plan: Plan, tapes: Sequence[Path], jobs: int) -> Iterator[str]:
    """Yield the table, line by line. Raises MendInput where there are no tapes."""
    if not tapes:
        raise MendInput("--compare-rules compares on tapes: name a folder of them.")
    check = plan.settings.trading_hours.exit_check
    yield f"{len(tapes)} tapes; dollars after fees, one spread a trade; n is the number of trades."
    yield f"'exit check': what is open is closed from {check:%H:%M} on, where there are quotes."
    yield "'close': held, both legs settled at the official closes."
    yield "'16:15': SPXW settled, the SPY calls bought at their last ask after the close."
    yield "".join(name.ljust(width) for name, width in zip(_HEAD, _WIDTHS, strict=True))
    for profit, strikes in product(_PROFITS, _STRIKES):
        changed = plan.settings.changed(
            f"strategy.expected_profit={profit}",
            f"strategy.strike_rule={strikes}",
            "strategy.max_spreads=1",
        )
        ruled = replace(plan, settings=changed)
        looked = list(results(replace(ruled, bar="it is only looked"), tapes, jobs))
        days = list(results(ruled, tapes, jobs))
        out = list(results(replace(plan, settings=changed.changed(_OUT)), tapes, jobs))
        trades = str(sum(len(day.trades) for day in days))
        outcomes = (at_the_check(out), *to_the_end(ruled, days, tapes))
        cells = (profit, strikes, _qualified(looked), trades, *map(_amount, outcomes))
        yield "".join(cell.ljust(width) for cell, width in zip(cells, _WIDTHS, strict=True))


def _qualified(days: Sequence[DayResult]) -> str:
    moments, priced = sum(each.qualified for each in days), sum(each.priced for each in days)
    on = sum(1 for each in days if each.qualified)
    return f"{moments} of {priced} ({count(on, 'day')})"


def _amount(results: Sequence[float]) -> str:
    return f"{money(sum(results))} (n = {len(results)})" if results else "- (n = 0)"


def at_the_check(days: Sequence[DayResult]) -> list[float]:
    """Return the dollars of the trades that were closed; one that had to expire is left out."""
    return [t.pnl or 0.0 for t in finished(days) if t.reason != ExitReason.EXPIRED]


def to_the_end(
    plan: Plan, days: Sequence[DayResult], tapes: Sequence[Path]
) -> tuple[list[float], list[float]]:
    """Return the dollars of every trade settled at the closes, and bought back after hours.

    A trade whose day has no official closes, or no quote after hours, is left out.
    """
    calendar = MarketCalendar(plan.cache)
    at_close: list[float] = []
    after_hours: list[float] = []
    for day, path in zip(days, tapes, strict=True):
        session, closes = calendar.session_on(day.day), plan.closes.get(day.day)
        if not day.trades or session is None or closes is None:
            continue
        tape = Tape.load(path)
        for trade in day.trades:
            value = calculate_expiration_value(
                closes.spy,
                closes.spx,
                trade.spy_strike,
                trade.spx_strike,
                spy_short=SPY_PER_SPREAD * trade.spreads,
                spx_long=trade.spreads,
            )
            at_close.append(trade.credit + float(value.total))
            bought = _bought_after_the_close(plan, trade, value, tape, session)
            after_hours += [] if bought is None else [bought]
    return at_close, after_hours


def _bought_after_the_close(
    plan: Plan, trade: TradeResult, value: ExpirationValue, tape: Tape, session: Session
) -> float | None:
    """Return the dollars of a trade whose SPY calls are bought after hours, None without a quote.

    A capture after the close carries the stamp of the last trade before it.
    """
    series = tape.options.get(OptionContract("SPY", trade.day, trade.spy_strike))
    quote = series.newest(session.spy_options_close) if series else None
    if quote is None or not quote.ask or quote.at < session.close - _STAMPED_BEFORE:
        return None
    calls = SPY_PER_SPREAD * trade.spreads
    schedule = fee_schedule(plan.settings.fees)
    fee = schedule.fee("SPY", calls, side=Side.BUY, price=Decimal(str(quote.ask)))
    return trade.credit + float(value.spx_cash) - MULTIPLIER * calls * quote.ask - float(fee)
