from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

import pytest

from src.database import Store, open_database
from src.day_record import ControlMode, DayRecord
from src.messages import Message
from src.models import ExitReason, SpreadPosition
from src.ports import Account
from src.risk_manager import Exposure, RiskManager, reg_t_margin
from src.settings import Settings
from tests.fakes.builders import DAY, a_setup, at
from tests.fakes.ledger import a_position

CALM = Exposure(open_spreads=0, day_pnl=Decimal(0), mode=ControlMode.NORMAL)


def a_manager(*changes: str) -> RiskManager:
    return RiskManager(Settings.defaults().changed(*changes))


def an_account(available: str = "100000", equity: str = "100000") -> Account:
    used = Decimal(10_000)
    return Account("a test", Decimal(equity), Decimal(available) + used, used)


# What may be opened


@pytest.mark.parametrize("spreads", [1, 2])
def test_what_keeps_every_limit_may_be_opened(spreads: int) -> None:
    verdict = a_manager().can_open_position(spreads, CALM, an_account())
    assert verdict.allowed
    assert verdict.reasons == ()


@pytest.mark.parametrize(
    ("spreads", "exposure", "account", "reason"),
    [
        (
            1,
            CALM._replace(mode=ControlMode.REDUCE_ONLY),
            an_account(),
            "trading mode is reduce-only (only normal may open)",
        ),
        (
            1,
            CALM._replace(bar="uncovered calls: refused at every level."),
            an_account(),
            "the account: uncovered calls: refused at every level.",
        ),
        (
            1,
            CALM._replace(mode=ControlMode.CLOSE),
            an_account(),
            "trading mode is close (only normal may open)",
        ),
        (
            1,
            CALM._replace(mode=ControlMode.HALT),
            an_account(),
            "trading mode is halt (only normal may open)",
        ),
        (
            1,
            CALM._replace(in_doubt="SPY short 10, broker 9"),
            an_account(),
            "the record and the broker differ: SPY short 10, broker 9",
        ),
        (0, CALM, an_account(), "spreads to open: 0 (at least 1)"),
        (3, CALM, an_account(), "open spreads: 3 (at most 2)"),
        (1, CALM._replace(open_spreads=2), an_account(), "open spreads: 3 (at most 2)"),
        (
            1,
            CALM._replace(day_pnl=None),
            an_account(),
            "today's loss: not known, so taken as the worst",
        ),
        (
            1,
            CALM._replace(day_pnl=Decimal(-1000)),
            an_account(),
            "today's loss: $1,000.00 (limit $1,000.00)",
        ),
        (
            2,
            CALM,
            an_account(available="49999.99"),
            "margin: $50,000.00 needed (available $49,999.99)",
        ),
        (
            2,
            CALM,
            an_account(equity="9999.90"),
            "account value: $1,000.00 at risk (limit $999.99, 10% of $9,999.90)",
        ),
    ],
)
def test_each_limit_forbids_by_itself_with_its_number(
    spreads: int, exposure: Exposure, account: Account, reason: str
) -> None:
    verdict = a_manager().can_open_position(spreads, exposure, account)
    assert not verdict.allowed
    assert verdict.reasons == (reason,)


def test_every_limit_that_forbids_is_named() -> None:
    exposure = Exposure(5, Decimal(-2000), ControlMode.HALT, in_doubt="a fill is missing")
    verdict = a_manager().can_open_position(1, exposure, an_account("0", "0"))
    assert len(verdict.reasons) == 6


@pytest.mark.parametrize(
    ("exposure", "account"),
    [
        (CALM._replace(open_spreads=1), an_account()),
        (CALM._replace(day_pnl=Decimal("-999.99")), an_account()),
        (CALM, an_account(available="25000")),
        (CALM, an_account(equity="5000")),
    ],
    ids=["spreads", "loss", "margin", "account"],
)
def test_what_just_keeps_a_limit_is_allowed(exposure: Exposure, account: Account) -> None:
    assert a_manager().can_open_position(1, exposure, account).allowed


def test_money_held_against_positions_is_not_available() -> None:
    account = Account("a test", Decimal(100_000), Decimal(60_000), Decimal(40_000))
    assert account.available == 20_000
    assert not a_manager().can_open_position(1, CALM, account).allowed


# The end of a day


def test_the_daily_limit_comes_from_the_settings() -> None:
    assert a_manager("strategy.max_daily_loss=250").daily_limit == 250


@dataclass
class Emergency:
    """What an emergency does, in the order in which it does it."""

    record: DayRecord
    steps: list[str] = field(default_factory=list)
    closed: list[SpreadPosition] = field(default_factory=list)

    def alert(self, at: datetime, told: Message) -> None:  # noqa: ARG002 - the callback's
        self.steps.append(f"{told.title}: {told.happened}")

    def close(
        self,
        position: SpreadPosition,
        reason: ExitReason,
        text: str,
        now: datetime,  # noqa: ARG002 - the callback's
    ) -> None:
        mode = self.record.control_mode().name
        self.steps.append(f"close {position.trade_id} in {mode}: {reason}, {text}")
        self.closed.append(position)


def a_record(session: date = DAY) -> DayRecord:
    record = DayRecord(Store(open_database(None)), session)
    record.begin_session("paper", "a test market", "key", at("09:30"))
    return record


def test_an_emergency_halts_the_day_before_it_closes_every_position() -> None:
    record = a_record()
    day = Emergency(record)
    positions = [a_position(spread_no=1, day=DAY), a_position(spread_no=2, day=DAY)]
    text = "the day's loss is $1,234.50 (limit $1,000.00)"
    a_manager().emergency_close_all(
        positions, text, at("11:00"), record=record, alert=day.alert, close=day.close
    )
    assert day.steps == [
        f"Daily loss limit: {text}",
        f"close {DAY}-1 in HALT: DAILY_LOSS, {text}",
        f"close {DAY}-2 in HALT: DAILY_LOSS, {text}",
    ]
    assert day.closed == positions
    assert record.control_mode() is ControlMode.HALT


def test_after_an_emergency_nothing_may_be_opened() -> None:
    record = a_record()
    day = Emergency(record)
    a_manager().emergency_close_all(
        [], "a loss", at("11:00"), record=record, alert=day.alert, close=day.close
    )
    exposure = CALM._replace(mode=record.control_mode())
    assert not a_manager().can_open_position(1, exposure, an_account()).allowed


# Margin


@pytest.mark.parametrize(
    ("price", "strike", "premium", "broad", "narrow"),
    [
        (600.0, 600.0, 2.98, "92980.00", "122980.00"),
        (770.0, 770.0, 3.82, "119320.00", "157820.00"),
        (600.0, 605.0, 1.00, "86000.00", "116000.00"),
        # Far out of the money ten percent of the price is the least at the lower rate.
        (600.0, 640.0, 0.05, "60050.00", "80050.00"),
    ],
)
def test_ten_uncovered_calls_need_this_margin(
    price: float, strike: float, premium: float, broad: str, narrow: str
) -> None:
    setup = a_setup(
        spy=price, spx=price * 10, spy_strike=strike, spy_quote=(premium, premium + 0.02)
    )
    assert reg_t_margin(setup, 1) == Decimal(broad)
    assert reg_t_margin(setup, 1, narrow=True) == Decimal(narrow)
    assert reg_t_margin(setup, 2) == 2 * Decimal(broad)


def test_a_call_in_the_money_needs_no_less_margin_than_one_at_the_money() -> None:
    setup = a_setup(spy=600.0, spx=6000.0, spy_strike=590.0, spy_quote=(10.00, 10.02))
    assert reg_t_margin(setup, 1) == Decimal("100000.00")
