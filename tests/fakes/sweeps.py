"""The same day twice: by the trading day itself, and by the sweep."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

from brokers.simulated_client import SimulatedBroker
from brokers.synthetic_market import SyntheticMarket
from scripts.embedded_exchange import embedded_exchange
from src.backtest import DayMarket, Engine
from src.day_table import DayTable, day_table
from src.models import ExitReason, Session
from src.ports import Clock, MendInput, QuoteSource
from src.settings import Settings
from src.sweep import Doubt, Stack, Trade, sweep
from src.sweep_rules import judged_minutes, looked_minutes, minute_of, rules_of
from utils.market_calendar import MarketCalendar
from utils.market_clock import VirtualClock

MOST_TRADES = 50
_calendar = cache(MarketCalendar)


def generated_market(seed: int, *, dislocated: bool, session: Session | None = None) -> DayMarket:
    """Return a generated day whose quotes show their sizes."""
    found = session or _calendar().next_session(date(2026, 1, 1) + timedelta(days=seed * 37 % 360))

    def source(clock: Clock) -> SyntheticMarket:
        return SyntheticMarket(found, seed, clock, dislocation=True if dislocated else None)

    return DayMarket(found, f"seed {seed}", "generated", source)


def settings_of_chance(chance: random.Random) -> Settings:
    """Return settings under which days of all sorts trade, and end in all ways."""
    choices: dict[str, tuple[object, ...]] = {
        "strategy.strike_rule": ("atm", "matched"),
        "strategy.expected_profit": ("edge", "credit", "credit"),
        "strategy.vol_gap_blocks": ("live", "always", "never"),
        "strategy.ratio_gate_bp": (10, 10, 5),
        "strategy.min_entry_credit": (0, 20, 50, 100, 200, 300, 400),
        "strategy.exit_threshold": (0.5, 1, 2, 5, 10),
        "strategy.max_position_loss": (100, 200, 300, 500, 500, 1000, 6000),
        "strategy.max_daily_loss": (200, 400, 1000, 2000),
        "strategy.max_spreads": (1, 2, 3),
        "strategy.capital_per_spread": (25000, 25000, 25000, 49000),
        "strategy.pin_band_dollars": (0, 1.5),
        "strategy.pin_band_percent": (0, 0.25),
        "strategy.trade_half_days": ("true",),
        "trading_hours.entry_start": ("09:21", "09:30", "09:35", "09:45", "10:30"),
        "trading_hours.entry_end": ("10:40", "11:00", "11:20"),
        "trading_hours.exit_check": ("14:30", "15:30", "15:45", "15:50", "15:52"),
        "trading_hours.entry_check_seconds": (60, 60, 120, 300),
        "trading_hours.monitor_interval_seconds": (60, 300, 300, 420, 900),
        "trading_hours.final_interval_seconds": (60, 60, 120, 300),
        "market_data.max_jump_percent": (2, 2, 2, 0.3),
        "fees.schedule": ("flat", "alpaca", "ibkr"),
    }
    texts = [f"{key}={chance.choice(values)}" for key, values in choices.items()]
    try:
        return Settings.defaults().changed(*texts)
    except MendInput:
        return settings_of_chance(chance)


@dataclass(frozen=True, slots=True)
class Pair:
    """What became of a day: by the trading day, and by the sweep unless it has a doubt."""

    exact: tuple[Trade, ...]
    swept: tuple[Trade, ...]
    pnl: int
    doubt: Doubt

    @property
    def agree(self) -> bool:
        """Whether all that the sweep says is so, to the minute and the cent."""
        if self.doubt:
            return True
        return self.swept == self.exact and self.pnl == sum(each.pnl for each in self.exact)


def both(market: DayMarket, settings: Settings) -> Pair:
    """Play a day by both engines."""
    rules = rules_of(settings, market.session)
    outcome = sweep(Stack.of([a_table(market, settings)], rules.jump), [rules], detail=MOST_TRADES)
    doubt = Doubt(int(outcome.doubt[0, 0]))
    swept, pnl = outcome.trades_of(0, 0), int(outcome.pnl[0, 0])
    return Pair(exactly(market, settings), swept, pnl, doubt)


def a_table(market: DayMarket, settings: Settings) -> DayTable:
    """Return the day's table for these settings alone."""
    rules = rules_of(settings, market.session)
    close = minute_of(market.session, market.session.close)
    return day_table(
        market,
        settings,
        VirtualClock(market.session.open),
        judged=judged_minutes([rules], close),
        looked=looked_minutes([rules], close),
        least=rules.least,
        spreads=rules.most_spreads,
    )


def exactly(market: DayMarket, settings: Settings) -> tuple[Trade, ...]:
    """Return the trades that the trading day itself makes on a new account."""

    def broker(source: QuoteSource, clock: Clock, session: Session) -> SimulatedBroker:
        return embedded_exchange(settings, source, clock, session)

    return tuple(_trades(market, Engine(settings, broker, VirtualClock)))


def _trades(market: DayMarket, engine: Engine) -> Iterator[Trade]:
    session = market.session
    close = minute_of(session, session.close)
    for each in engine.trade(market).trades:
        # What expires is settled after the close, and ends with it.
        out = minute_of(session, each.exit) if each.exit else -1
        yield Trade(
            entry=minute_of(session, each.entry),
            exit=min(out, close),
            reason=ExitReason(each.reason) if each.reason else ExitReason.ELSEWHERE,
            spreads=each.spreads,
            pnl=round(100 * (each.pnl or 0.0)),
        )
