"""What the evening left open is finished in the morning, with what the broker tells by then."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from src.models import OptionContract
from src.morning_after import MorningAfter
from src.ports import Activity, ActivityKind, OfficialCloses, RetryLater
from tests.fakes.builders import DAY, a_session, at, spxw_call, spy_call
from tests.fakes.days import PlayedDay
from tests.fakes.scripted_broker import ScriptedBroker

NEXT = date(2026, 3, 10)
CLOSES = OfficialCloses(601.00, 6012.00, "the broker's closes")
SPREADS = 2


@pytest.fixture
def evening(tmp_path: Path) -> PlayedDay:
    """A day that held its position to the end, without an official close to settle it by."""
    day = PlayedDay(tmp_path)
    day.settings = day.settings.changed("strategy.pin_band_dollars=0", "strategy.exit_threshold=50")
    day.settings = day.settings.changed(
        "strategy.pin_band_percent=0", "market_data.max_spy_spread=1"
    )
    day.restart()
    day.happen["10:30"] = lambda market: setattr(market, "spy", 599.0)
    day.market.closes = None
    day.run()
    assert day.one("SELECT phase FROM sessions") == "reported"
    return day


def finish(day: PlayedDay, *acts: Activity, closes: OfficialCloses | None = CLOSES) -> list[str]:
    """Start the next morning."""
    broker = ScriptedBroker(day.broker)
    broker.booked = list(acts)
    day.market.closes = closes
    morning = MorningAfter(day.store, day.folder, a_session(day=NEXT), "demo")
    return morning.finish(broker, day.market, at("09:30", NEXT))


def act(
    kind: ActivityKind, contract: OptionContract, quantity: int, cash: str = "0", no: int = 1
) -> Activity:
    return Activity(f"a{no}", kind, NEXT, contract, quantity, Decimal(cash))


ASSIGNED = act(ActivityKind.ASSIGNED, spy_call(), 10 * SPREADS)
LAPSED = act(ActivityKind.EXPIRED, spy_call(), 10 * SPREADS)
PAID = act(ActivityKind.CASH_SETTLED, spxw_call(), -SPREADS, "2400.00", no=2)
WORTHLESS = act(ActivityKind.EXPIRED, spxw_call(), -SPREADS, no=3)


def final(day: PlayedDay) -> object:
    return day.one("SELECT final_pnl FROM trades")


def test_a_day_without_closes_has_no_result_in_the_evening(evening: PlayedDay) -> None:
    assert final(evening) is None


def test_what_the_broker_booked_completes_the_trade(evening: PlayedDay) -> None:
    before = Decimal(str(evening.one("SELECT entry_credit FROM trades")))
    (line, _) = finish(evening, ASSIGNED, PAID)
    # 20 calls at 600, assigned at a close of 601, cost 100 dollars each.
    assert Decimal(str(final(evening))) == before + Decimal(2400) - Decimal(2000)
    assert evening.one("SELECT assigned_shares FROM trades") == -2000
    assert evening.one("SELECT exit_reason FROM trades") == "EXPIRED"
    assert "-2,000 SPY shares are left" in line.replace("-2000", "-2,000")


def test_calls_that_expired_worthless_leave_the_credit(evening: PlayedDay) -> None:
    finish(evening, LAPSED, WORTHLESS, closes=None)
    assert final(evening) == evening.one("SELECT entry_credit FROM trades")
    assert evening.column("SELECT close_price FROM settlements") == [None, None]


def test_closes_that_are_known_in_the_morning_settle_what_nobody_told_of(
    evening: PlayedDay,
) -> None:
    finish(evening)
    before = Decimal(str(evening.one("SELECT entry_credit FROM trades")))
    assert Decimal(str(final(evening))) == before + Decimal(2400) - Decimal(2000)


def test_what_is_still_not_known_stays_open_and_is_said(evening: PlayedDay) -> None:
    lines = finish(evening, closes=None)
    assert final(evening) is None
    assert "+2 SPXW 6000 call is not known yet" in lines[0]
    assert "-20 SPY 600 call is not known yet" in lines[0]


def test_the_second_morning_finds_nothing_left_to_do(evening: PlayedDay) -> None:
    finish(evening, ASSIGNED, PAID)
    assert finish(evening, ASSIGNED, PAID) == []


def test_an_assignment_that_the_evening_did_not_reckon_with_is_named(evening: PlayedDay) -> None:
    finish(evening, closes=OfficialCloses(599.99, 6000.0, "the closes"))
    (line,) = finish(evening, act(ActivityKind.ASSIGNED, spy_call(), 3))
    assert line.startswith(f"ASSIGNED OTHERWISE on {DAY}: the broker tells of 3 SPY calls")


def test_a_broker_that_does_not_answer_leaves_everything_as_it_is(evening: PlayedDay) -> None:
    class Silent(ScriptedBroker):
        def activities(self, since: date) -> list[Activity]:
            raise RetryLater(f"no answer about {since}")

    morning = MorningAfter(evening.store, evening.folder, a_session(day=NEXT), "demo")
    (line,) = morning.finish(Silent(evening.broker), evening.market, at("09:30", NEXT))
    assert "cannot be asked" in line
    assert final(evening) is None


def test_days_of_another_mode_are_left_alone(evening: PlayedDay) -> None:
    morning = MorningAfter(evening.store, evening.folder, a_session(day=NEXT), "live")
    assert morning.finish(None, evening.market, at("09:30", NEXT)) == []


def test_a_file_that_is_open_elsewhere_costs_the_morning_only_a_sentence(
    evening: PlayedDay,
) -> None:
    in_the_way = evening.folder / "exports" / f"trades_{DAY}_to_{DAY}.csv"
    in_the_way.unlink()
    in_the_way.mkdir()
    news = " ".join(finish(evening, ASSIGNED, PAID))
    assert f"{in_the_way} could not be written" in news
    assert "7 others are written, and the database has all of it" in news
    assert evening.one("SELECT final_pnl FROM trades") is not None
