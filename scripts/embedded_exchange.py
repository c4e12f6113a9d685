"""The exchange inside this program, which charges and holds an account as the settings say."""

from decimal import Decimal
from pathlib import Path

from brokers.simulated_client import ExchangeRules, SimulatedBroker
from src.fees import fee_schedule
from src.market_data import LONGEST_CADENCE
from src.models import Session
from src.ports import Clock, QuoteSource
from src.settings import Settings


def embedded_exchange(
    settings: Settings,
    source: QuoteSource,
    clock: Clock,
    session: Session,
    account: Path | None = None,
    *,
    latency: float = 0.0,
) -> SimulatedBroker:
    """Return the exchange on a source of quotes; the file `account` lets it survive the process.

    An order meets the market at the first look after `latency` seconds.
    """
    rules = ExchangeRules(
        fees=fee_schedule(settings.fees),
        starting_cash=Decimal(str(settings.simulation.starting_cash)),
        margin_per_spread=Decimal(str(settings.strategy.capital_per_spread)),
        max_quote_age=max(
            settings.market_data.max_quote_age_seconds,
            min(source.cadence_seconds or 0, LONGEST_CADENCE),
        ),
        latency=latency,
    )
    return SimulatedBroker(source, clock, session, rules, account)
