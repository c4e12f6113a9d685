"""The sections of the settings: each value's type, unit, limits and default."""

import operator
from datetime import time
from pathlib import Path
from typing import Literal

from pydantic import Field

from src.settings_fields import (
    ABSENT,
    NotNegative,
    PathText,
    Positive,
    Rule,
    Secret,
    Section,
    TimeOfDay,
)
from src.settings_notifications import OF_NOTIFICATIONS

_URL = r"^(https?://[^\s/]+.*)?$"


class Alpaca(Section):
    """Alpaca's servers and feed. The addresses are only changed to reach a test server."""

    trading_url: str = Field(
        "", pattern=_URL, description="Address of the trading server; empty: Alpaca's own."
    )
    data_url: str = Field(
        "", pattern=_URL, description="Address of the data server; empty: Alpaca's own."
    )
    feed: Literal["opra", "indicative"] = Field(
        "opra", description="The option quotes: opra is the market, indicative is derived."
    )


class Ibkr(Section):
    """The Trader Workstation or Gateway that is logged in to Interactive Brokers."""

    host: str = Field("127.0.0.1", min_length=1, description="Where TWS or Gateway runs.")
    port: int = Field(
        0, ge=0, le=65535, description="Its API port; 0: 4002 for paper, 4001 for real money."
    )
    client_id: int = Field(
        17, ge=1, le=999999, description="The number by which TWS knows this program, not 0."
    )
    account: str = Field("", description="The account to trade in; empty: the only one there is.")

    @property
    def look_id(self) -> int:
        """The client id of who only looks: TWS lets nobody in as a client that is there already."""
        return self.client_id + 1


class Broker(Section):
    """Where orders go, and the keys for it."""

    name: Literal["alpaca", "ibkr", "simulated"] = Field(
        "alpaca", description="The broker; simulated is the exchange inside this program."
    )
    paper_trading: bool = Field(
        default=True, description="true: the broker's paper account; false: real money."
    )
    api_key: Secret = Field(ABSENT, description="The broker's key id. Keep it out of config.yaml.")
    api_secret: Secret = Field(ABSENT, description="The key's secret. Keep it out of config.yaml.")
    timeout_seconds: float = Field(
        10.0, gt=0, le=120, description="Real seconds after which a call to a broker is given up."
    )
    execution: Literal["", "broker", "embedded"] = Field(
        "",
        description="Where the orders of a paper day go; empty: embedded for alpaca, else broker.",
    )
    live_account: str = Field(
        "", description="The account in which a start without a terminal may trade real money."
    )
    alpaca: Alpaca = Field(default_factory=Alpaca, description="What only Alpaca needs.")
    ibkr: Ibkr = Field(default_factory=Ibkr, description="What only Interactive Brokers needs.")

    @property
    def sends_orders(self) -> bool:
        """Whether the orders of a paper day leave this machine, to the broker's paper account."""
        if self.name == "simulated":
            return False
        return self.execution == "broker" or (self.name == "ibkr" and not self.execution)

    @property
    def missing_keys(self) -> tuple[str, ...]:
        """The dotted names of the keys that are absent: none, one, or both."""
        keys = {"broker.api_key": self.api_key, "broker.api_secret": self.api_secret}
        return tuple(name for name, secret in keys.items() if not secret.get_secret_value())

    @property
    def has_keys(self) -> bool:
        """Whether both keys are there; what they are worth only the broker knows."""
        return not self.missing_keys


class Strategy(Section):
    """When to trade, how much, and when to get out. Money is dollars."""

    max_spreads: int = Field(
        2, ge=1, le=3, description="Spreads (10 SPY calls + 1 SPXW call each) held at once, 1 to 3."
    )
    min_entry_credit: NotNegative = Field(
        400.0, description="Dollars a spread that the expected profit must exceed for an entry."
    )
    max_daily_loss: Positive = Field(
        1000.0, description="Dollars, realised and unrealised, at which the day is over."
    )
    exit_threshold: Positive = Field(
        10.0, description="Dollars of SPY above the short strike at which the position is closed."
    )
    max_position_loss: Positive = Field(
        500.0, description="Dollars a spread that a position may lose before it is closed."
    )
    capital_per_spread: Positive = Field(
        25000.0,
        description="Dollars set aside for a spread; a reservation, not the broker's margin.",
    )
    max_position_size: float = Field(
        0.1, gt=0, le=1, description="Fraction of the account that one position may risk, up to 1."
    )
    min_ratio: Positive = Field(
        9.95, description="Lowest SPX/SPY ratio (no unit) at which prices are believed."
    )
    max_ratio: Positive = Field(
        10.05, description="Highest SPX/SPY ratio (no unit) at which prices are believed."
    )
    ratio_gate_bp: Positive = Field(
        10.0, description="Basis points that the ratio may lie from the one that is expected today."
    )
    ratio_gate_unsure_bp: Positive = Field(
        40.0, description="The same while no earlier closes are known to expect it by."
    )
    expected_profit: Literal["edge", "credit"] = Field(
        "edge", description="What must exceed min_entry_credit: the edge, or the bare credit."
    )
    after_hours_bp: NotNegative = Field(
        40.0,
        description="Basis points that SPY may move after 16:00; to sell that is no profit.",
    )
    max_vol_gap: Positive = Field(
        2.0, description="Points of annual volatility between the legs that may be unexplained."
    )
    vol_gap_blocks: Literal["live", "always", "never"] = Field(
        "live", description="When a larger gap forbids an entry: only with real money, or always."
    )
    strike_rule: Literal["atm", "matched"] = Field(
        "matched",
        description="How the SPX strike is chosen: matched to ratio x SPY strike, or atm.",
    )
    trade_half_days: bool = Field(
        default=False, description="Whether to trade on days that end at 13:00 New York time."
    )
    pin_band_dollars: NotNegative = Field(
        1.5, description="Dollars of SPY below the strike within which the end is too near."
    )
    pin_band_percent: NotNegative = Field(
        0.25, description="The same in percent of the strike; the wider band counts."
    )


class MarketData(Section):
    """Where quotes come from, and which are good enough to trade on."""

    source: Literal["broker", "yfinance"] = Field(
        "broker",
        description="broker, or yfinance: late prices of Yahoo, for a paper day without account.",
    )

    fallback: Literal["", "yfinance"] = Field(
        "yfinance",
        description="Who is asked for prices while the broker gives none; never for an entry.",
    )
    max_spy_spread: Positive = Field(
        0.05, description="Dollars a share between bid and ask of the SPY call, at most."
    )
    max_spx_spread: Positive = Field(
        1.0, description="Points between bid and ask of the SPXW call, at most."
    )
    max_quote_age_seconds: Positive = Field(
        5.0, description="Seconds that a quote may be old, and lie from its underlying's price."
    )
    max_jump_percent: Positive = Field(
        2.0, description="Percent by which a price may differ from the last look's unconfirmed."
    )
    max_leg_skew_seconds: NotNegative = Field(
        2.0, description="Seconds that the quotes of the two legs may lie apart."
    )
    spx_index_trusted_after_minutes: NotNegative = Field(
        5.0, description="Minutes after the open before which SPX is taken from its options."
    )


class TradingHours(Section):
    """Times of day in New York for a full day; they move with the close on a half day."""

    entry_start: TimeOfDay = Field(time(9, 35), description="First moment of an entry, HH:MM.")
    entry_end: TimeOfDay = Field(time(10, 0), description="Last moment of an entry, HH:MM.")
    exit_check: TimeOfDay = Field(
        time(15, 45), description="When the closing checks begin, HH:MM, before 16:00."
    )
    entry_check_seconds: int = Field(
        60, ge=1, le=3600, description="Seconds between two looks for an entry."
    )
    monitor_interval_seconds: int = Field(
        300, ge=10, le=3600, description="Seconds between two checks of an open position."
    )
    final_interval_seconds: int = Field(
        60, ge=1, le=300, description="Seconds between two checks from exit_check to the close."
    )


class Execution(Section):
    """How patiently and at which price orders are worked."""

    poll_seconds: float = Field(
        1.0, gt=0, le=60, description="Seconds between two looks at a working order."
    )
    reprice_seconds: Positive = Field(
        5.0, description="Seconds after which an unfilled order is replaced at the new price."
    )
    leg_deadline_seconds: Positive = Field(
        30.0, description="Seconds that a leg may take to fill; at least reprice_seconds."
    )
    max_exit_slippage: float = Field(
        0.25, ge=0, le=10, description="Fraction above the first ask that buying back may cost."
    )
    on_deadline: Literal["complete", "reduce", "unwind"] = Field(
        "reduce",
        description="What becomes of an entry of which SPY is only partly sold at the deadline.",
    )


class RegulatoryFees(Section):
    """What clearing and the regulators take, in dollars, whoever the broker is."""

    occ_per_contract: NotNegative = Field(0.025, description="Clearing by the OCC, in and out.")
    orf_per_contract: NotNegative = Field(
        0.02295, description="Options Regulatory Fee of the exchanges together, in and out."
    )
    taf_per_contract_sold: NotNegative = Field(
        0.00329, description="FINRA's Trading Activity Fee, on sales."
    )
    sec_per_million_sold: NotNegative = Field(
        20.6, description="SEC section 31: dollars a million of what sales of SPY calls bring."
    )


class AlpacaFees(Section):
    """Dollars a contract at Alpaca."""

    spy_commission: NotNegative = Field(0.0, description="Commission on a SPY contract.")
    spxw_commission: NotNegative = Field(0.5, description="Commission on an SPXW contract.")
    spxw_exchange_below_1: NotNegative = Field(
        0.5, description="Cboe's fee passed on, premium below 1 dollar a share."
    )
    spxw_exchange_from_1: NotNegative = Field(
        0.59, description="The same, premium of 1 dollar a share and more."
    )


class IbkrFees(Section):
    """Dollars a contract at IBKR Pro, tiered, up to 10,000 contracts a month."""

    commission: NotNegative = Field(0.65, description="Premium of 0.10 a share and more.")
    commission_below_10_cents: NotNegative = Field(0.5, description="Premium 0.05 to 0.10.")
    commission_below_5_cents: NotNegative = Field(0.25, description="Premium below 0.05.")
    minimum_per_order: NotNegative = Field(1.0, description="Least commission of an order.")
    spxw_exchange_below_1: NotNegative = Field(
        0.49, description="Exchange fee and surcharge, premium below 1 dollar a share."
    )
    spxw_exchange_from_1: NotNegative = Field(
        0.58, description="The same, premium of 1 dollar a share and more."
    )


class Fees(Section):
    """What orders cost, in and out; expiry and cash settlement cost nothing."""

    schedule: Literal["flat", "alpaca", "ibkr"] = Field(
        "flat", description="flat: the two prices below; alpaca or ibkr: that broker's sheet."
    )
    spy_per_contract: NotNegative = Field(0.15, description="Dollars for each SPY contract, flat.")
    spxw_per_contract: NotNegative = Field(
        0.65, description="Dollars for each SPXW contract, flat."
    )
    regulatory: RegulatoryFees = Field(
        default_factory=RegulatoryFees, description="What others take, with alpaca and ibkr."
    )
    alpaca: AlpacaFees = Field(default_factory=AlpacaFees, description="Alpaca's sheet.")
    ibkr: IbkrFees = Field(default_factory=IbkrFees, description="Interactive Brokers' sheet.")


class Simulation(Section):
    """The account of the exchange inside this program."""

    starting_cash: Positive = Field(100000.0, description="Dollars in the account at first.")


class Exports(Section):
    """The CSV files that a day leaves for a spreadsheet."""

    csv_dialect: Literal["standard", "german", "excel", "excel-german"] = Field(
        "standard",
        description="Who reads them: LibreOffice, Numbers and programs (standard, german), or "
        "Excel; the German ones have semicolons and decimal commas.",
    )


class Logging(Section):
    """What is written and where; a relative path starts at the project's folder."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="The least severe message that is written."
    )
    file: PathText = Field(Path("logs/trading.log"), description="Path of the log file.")
    database: PathText = Field(Path("data/trades.db"), description="Path of the database.")


RULES = (
    Rule(
        ("trading_hours.entry_end", "trading_hours.entry_start"),
        operator.gt,
        "it must be later than trading_hours.entry_start",
    ),
    Rule(
        ("trading_hours.exit_check", "trading_hours.entry_end"),
        operator.gt,
        "it must be later than trading_hours.entry_end",
    ),
    Rule(
        ("trading_hours.exit_check",),
        lambda check: check < time(16),
        "it must be before 16:00, the close of a full day",
    ),
    Rule(
        ("strategy.min_ratio", "strategy.max_ratio"),
        operator.lt,
        "it must be less than strategy.max_ratio",
    ),
    Rule(
        ("execution.leg_deadline_seconds", "execution.reprice_seconds"),
        operator.ge,
        "it must be at least execution.reprice_seconds",
    ),
    *OF_NOTIFICATIONS,
)
