"""The day as a whole, on a market that does what the test says."""

import json
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from src.day_record import ControlMode
from src.models import SPY_PER_SPREAD, Quote
from src.ports import OfficialCloses
from src.ratio import Closes
from src.settings import Settings
from tests.fakes.builders import DAY, ScriptedMarket, a_session, spxw_call, spy_call
from tests.fakes.days import Happening, PlayedDay, a_half_day, levels
from utils.market_clock import VirtualClock

CREDIT_OF_TWO = 1275.70
"""Two spreads of the worked example: 2 x 637.85 dollars."""


@pytest.fixture
def day(tmp_path: Path) -> PlayedDay:
    return PlayedDay(tmp_path)


def fair(market: ScriptedMarket) -> None:
    """Take the dislocation out of the worked example: SPY calls as dear as SPXW calls."""
    market.quote(spy_call(), 2.31, 2.33)


def markets(
    spy: tuple[float | None, float | None], spx: tuple[float | None, float | None]
) -> Happening:
    def change(market: ScriptedMarket) -> None:
        market.quote(spy_call(), *spy)
        market.quote(spxw_call(), *spx)

    return change


def gone(market: ScriptedMarket) -> None:
    market.options.clear()


def test_a_fair_day_is_judged_each_minute_and_never_trades(day: PlayedDay) -> None:
    fair(day.market)
    day.run()
    assert day.one("SELECT count(*) FROM decisions") == 26
    assert day.column("SELECT trade_id FROM trades") == []
    assert "26 looks" in str(day.one("SELECT skip_reason FROM daily_summary"))
    assert day.one("SELECT phase FROM sessions") == "reported"


def test_a_dislocation_is_traded_at_the_first_look_and_only_once(day: PlayedDay) -> None:
    day.run()
    assert day.column("SELECT trade_id FROM trades") == ["2026-03-09-1"]
    assert day.one("SELECT entry_credit FROM trades") == CREDIT_OF_TWO
    assert day.one("SELECT count(*) FROM decisions") == 1


def test_calls_that_expire_worthless_leave_the_whole_credit(day: PlayedDay) -> None:
    day.happen["15:40"] = levels(595.0, 5950.0)
    day.run()
    assert day.one("SELECT exit_reason FROM trades") == "EXPIRED"
    assert day.one("SELECT final_pnl FROM trades") == CREDIT_OF_TWO
    assert day.one("SELECT exit_time FROM trades") == "2026-03-09T16:15:00-04:00"


def test_an_open_position_is_looked_at_every_five_minutes_and_each_minute_at_the_end(
    day: PlayedDay,
) -> None:
    day.happen["15:40"] = levels(595.0, 5950.0)
    day.run()
    looks = [str(each)[11:16] for each in day.column("SELECT at FROM checks")]
    assert looks[:3] == ["09:40", "09:45", "09:50"]
    assert looks[-16:] == ["15:40", *(f"15:{minute}" for minute in range(45, 60))]
    assert len(looks) == len(set(looks)) == 73 + 15


@pytest.mark.parametrize(
    ("moment", "change", "reason", "exit_at"),
    [
        ("11:02", levels(610.01, 6100.1), "ASSIGNMENT_RISK", "11:05"),
        ("15:40", levels(600.01, 6000.1), "PRE_EXPIRATION", "15:45"),
        ("15:40", levels(598.51, 5985.1), "PIN_RISK", "15:45"),
        ("12:01", markets((3.55, 3.60), (23.00, 23.40)), "MAX_LOSS", "12:05"),
    ],
)
def test_each_danger_closes_the_position_at_the_next_look(
    day: PlayedDay, moment: str, change: Happening, reason: str, exit_at: str
) -> None:
    day.settings = day.settings.changed("strategy.max_daily_loss=5000")
    day.restart()
    day.happen[moment] = change
    day.run()
    assert day.one("SELECT exit_reason FROM trades") == reason
    assert str(day.one("SELECT exit_time FROM trades"))[11:16] == exit_at
    assert day.broker.holdings() == []


def test_a_closed_position_is_worth_its_fills_to_the_cent(day: PlayedDay) -> None:
    day.happen["11:02"] = levels(611.0, 6110.0)
    day.happen["11:03"] = markets((11.02, 11.05), (110.00, 111.00))
    day.run()
    # Bought back 20 at 11.05, sold 2 at 110.00, fees 3.00 and 1.30.
    exit_cost = 20 * 1105 - 2 * 11000 + 4.30
    assert day.one("SELECT exit_cost FROM trades") == pytest.approx(exit_cost, abs=0.001)
    assert day.one("SELECT final_pnl FROM trades") == pytest.approx(CREDIT_OF_TWO - exit_cost)


def test_the_daily_loss_closes_everything_and_ends_trading_also_after_a_restart(
    day: PlayedDay,
) -> None:
    day.happen["09:41"] = markets((4.00, 4.05), (23.00, 23.40))
    day.run(until="09:46")
    assert day.one("SELECT exit_reason FROM trades") == "DAILY_LOSS"
    assert day.broker.holdings() == []
    markets((2.98, 3.02), (23.00, 23.40))(day.market)
    day.restart()
    assert day.day.record.control_mode() is ControlMode.HALT
    day.run()
    assert day.one("SELECT count(*) FROM trades") == 1
    assert day.telling("trading mode is halt")


def test_a_person_may_close_the_position_at_the_next_tick(day: PlayedDay) -> None:
    day.run(until="10:06")
    day.day.record.ask_to_close(day.clock.now())
    day.run()
    assert day.one("SELECT exit_reason FROM trades") == "MANUAL"
    assert day.column("SELECT taken_at IS NOT NULL FROM overrides") == [1]


def test_a_quote_that_goes_missing_raises_an_alert_and_closes_nothing(day: PlayedDay) -> None:
    day.happen["11:02"] = gone
    day.run(until="12:00")
    assert day.telling("not known")
    assert day.telling("ALERT. P&L of 2026-03-09-1")
    assert day.one("SELECT exit_reason FROM trades") is None
    assert day.one("SELECT count(*) FROM checks WHERE pnl IS NULL") == 11


def test_an_exit_without_a_market_is_tried_each_minute_and_assignment_is_flagged(
    day: PlayedDay,
) -> None:
    day.happen["15:40"] = gone
    day.happen["15:41"] = levels(601.0, 6010.0)
    day.market.closes = OfficialCloses(601.0, 6010.0, "scripted")
    day.run()
    tries = day.telling("Exit PENDING")
    assert [line[:5] for line in tries[:2]] == ["15:45", "15:46"]
    assert len(tries) == 30  # SPY calls trade to 16:15
    # SPXW pays 2 x 1,000; 2,000 shares assigned at 600 cost 2,000 at the close.
    assert day.one("SELECT final_pnl FROM trades") == CREDIT_OF_TWO
    assert day.one("SELECT assigned_shares FROM trades") == -2000
    assert day.telling("ACT before the next open")


def test_spy_is_still_bought_back_after_spxw_has_expired(day: PlayedDay) -> None:
    day.happen["15:40"] = levels(601.0, 6010.0)
    day.happen["15:41"] = gone
    day.happen["16:05"] = markets((1.00, 1.05), (None, None))
    day.market.closes = OfficialCloses(601.0, 6010.0, "scripted")
    day.run()
    assert day.one("SELECT assigned_shares FROM trades") == 0
    fills = day.column("SELECT at FROM fills WHERE client_order_id LIKE '%spy-close%'")
    assert fills == ["2026-03-09T16:05:00-04:00"]


def test_a_half_day_opens_nothing_and_ends_at_one(tmp_path: Path) -> None:
    day = PlayedDay(tmp_path, session=a_half_day())
    day.run()
    assert day.column("SELECT trade_id FROM trades") == []
    assert "not judged" in str(day.one("SELECT skip_reason FROM daily_summary"))
    assert day.clock.now() == day.at("13:00")


def test_a_half_day_that_may_trade_moves_all_times_with_the_close(tmp_path: Path) -> None:
    day = PlayedDay(tmp_path, session=a_half_day())
    day.settings = day.settings.changed("strategy.trade_half_days=true")
    day.restart()
    day.run()
    assert day.one("SELECT exit_reason FROM trades") == "PRE_EXPIRATION"
    assert str(day.one("SELECT exit_time FROM trades"))[11:16] == "12:45"


def test_a_late_start_does_not_enter_late(tmp_path: Path) -> None:
    day = PlayedDay(tmp_path, start="11:00")
    day.run()
    assert day.one("SELECT count(*) FROM decisions") == 0
    assert "not judged" in str(day.one("SELECT skip_reason FROM daily_summary"))


def test_a_start_with_an_open_position_takes_it_over(day: PlayedDay) -> None:
    day.run(until="10:30")
    day.happen["11:04"] = levels(611.0, 6110.0)
    day.restart("11:03")
    day.run()
    assert day.one("SELECT exit_reason FROM trades") == "ASSIGNMENT_RISK"
    assert str(day.one("SELECT exit_time FROM trades"))[11:16] == "11:05"


def test_checks_that_were_slept_through_are_made_up_once_and_at_once(day: PlayedDay) -> None:
    day.run(until="10:30")
    before = day.one("SELECT count(*) FROM checks")
    day.restart("14:02")
    day.tick()
    day.tick()
    assert day.one("SELECT count(*) FROM checks") == int(str(before)) + 1


def test_a_start_after_the_close_settles_and_reports(day: PlayedDay) -> None:
    day.run(until="10:30")
    day.restart("18:00")
    day.run()
    assert day.one("SELECT final_pnl FROM trades") == CREDIT_OF_TWO
    assert day.one("SELECT phase FROM sessions") == "reported"
    assert (day.folder / "reports" / "2026-03-09.md").exists()


def test_a_source_that_is_down_means_no_trade_and_the_reason(day: PlayedDay) -> None:
    day.market.down = True
    day.run(until="10:01")
    assert day.column("SELECT trade_id FROM trades") == []
    assert day.telling("does not answer")


def test_a_source_that_goes_down_never_closes_a_position(day: PlayedDay) -> None:
    def down(market: ScriptedMarket) -> None:
        market.down = True

    day.happen["10:30"] = down
    day.run(until="12:00")
    assert day.telling("the source does not answer")
    assert day.one("SELECT exit_reason FROM trades") is None


def test_nothing_is_opened_while_the_broker_holds_something_else(day: PlayedDay) -> None:
    day.run(until="09:30")
    day.broker._state.shares = -1000  # an assignment of the day before
    day.run()
    assert day.column("SELECT trade_id FROM trades") == []
    assert day.telling("-1000 SPY shares")


def test_without_official_closes_the_day_waits_and_then_says_so(day: PlayedDay) -> None:
    day.happen["15:40"] = levels(595.0, 5950.0)
    day.market.closes = None
    day.run()
    assert day.telling("Not settled")
    assert day.one("SELECT final_pnl FROM trades") is None
    assert day.clock.now() >= day.at("18:15")


def test_the_open_and_the_exit_check_are_never_stepped_over(day: PlayedDay) -> None:
    assert day.tick() == day.at("09:30")
    day.run(until="10:30")
    day.restart("15:42")
    assert day.tick() == day.at("15:45")


def test_an_interrupted_program_says_what_is_open(day: PlayedDay) -> None:
    assert day.day.position_in_words() == "No position is open."
    day.run(until="10:00")
    words = day.day.position_in_words()
    assert "A POSITION IS OPEN" in words
    assert "short 20 SPY 600 call" in words


def test_the_same_market_gives_the_same_day(tmp_path: Path) -> None:
    def story(folder: str) -> list[str]:
        day = PlayedDay(tmp_path / folder)
        day.happen["11:02"] = levels(611.0, 6110.0)
        return day.run().said[:-8]  # the last lines name the folder

    assert story("one") == story("two")


def test_a_smaller_size_leaves_room_for_a_second_spread_the_next_minute(tmp_path: Path) -> None:
    # A tenth of 100,000 may be at risk: one spread at a time with a loss limit of 6,000.
    settings = Settings.defaults().changed("strategy.max_position_loss=6000")
    day = PlayedDay(tmp_path, settings=settings).run(until="10:00")
    assert day.column("SELECT spreads FROM trades ORDER BY trade_id") == [1, 1]
    assert day.column("SELECT entry_time FROM trades ORDER BY trade_id") == [
        "2026-03-09T09:35:00-04:00",
        "2026-03-09T09:36:00-04:00",
    ]


class Bell:
    """Counts how often it was rung, and what was committed each time."""

    def __init__(self) -> None:
        self.heard: list[list[object]] = []
        self.day: PlayedDay | None = None

    def wake(self) -> None:
        assert self.day
        assert not self.day.store.connection.in_transaction
        self.heard.append(self.day.column("SELECT title FROM notifications ORDER BY id"))


def test_what_a_person_must_know_is_put_up_once_and_sent_when_it_is_committed(
    tmp_path: Path,
) -> None:
    bell = Bell()
    day = bell.day = PlayedDay(tmp_path, notifier=bell)
    day.happen["11:02"] = levels(611.0, 6110.0)
    day.run()
    assert bell.heard[0] == ["opened 2026-03-09-1"]
    assert len(bell.heard) == 3, "a tick without news wakes nobody"
    first, second, third = bell.heard[-1]
    assert (first, second) == ("opened 2026-03-09-1", "closed 2026-03-09-1")
    assert str(third).startswith("result of 2026-03-09: ")
    levels_of = day.column("SELECT level FROM notifications ORDER BY id")
    assert levels_of == ["trade entered", "urgent", "daily summary"]


def test_short_calls_are_covered_at_every_fill(day: PlayedDay) -> None:
    day.happen["11:02"] = levels(611.0, 6110.0)
    day.run()
    held = {"spy": 0, "spx": 0}
    rows = day.store.read(
        "SELECT o.leg, o.side, f.quantity FROM fills f JOIN orders o USING (client_order_id)"
        " ORDER BY f.rowid"
    )
    for row in rows:
        held[row["leg"]] += row["quantity"] if row["side"] == "buy" else -row["quantity"]
        assert -held["spy"] <= SPY_PER_SPREAD * held["spx"]
    assert held == {"spy": 0, "spx": 0}


def test_a_stale_leg_is_never_traded_on(day: PlayedDay) -> None:
    old = Quote(day.at("09:34"), 2.98, 3.02)
    day.market.freeze(spy_call(), old)
    day.run(until="10:01")
    assert day.column("SELECT trade_id FROM trades") == []
    assert day.telling("old")


class Killed(BaseException):
    """The end of the process, at a moment that it did not choose."""


def killed_when_saying(day: PlayedDay, number: int) -> bool:
    """Play the day until it has said so many things; return whether it died of it."""
    said = 0

    def dying(moment: datetime, text: str) -> None:
        nonlocal said
        said += 1
        if said == number:
            raise Killed
        day.said.append(f"{moment:%H:%M:%S} {text}")

    day.say = dying
    day.restart()
    try:
        day.run()
    except Killed:
        return True
    return False


# Waiting, the decision, risk, orders, fills, the entry; then the exit and what follows it.
@pytest.mark.parametrize("number", [*range(1, 22), *range(36, 50)])
def test_a_day_that_is_killed_anywhere_ends_as_if_it_had_not_been(
    tmp_path: Path, number: int
) -> None:
    def a_day(folder: str) -> PlayedDay:
        day = PlayedDay(tmp_path / folder)
        day.happen["11:02"] = levels(611.0, 6110.0)
        return day

    query = "SELECT entry_credit || exit_cost || final_pnl || exit_reason || exit_time FROM trades"
    undisturbed = a_day("undisturbed").run().column(query)
    day = a_day("killed")
    assert killed_when_saying(day, number)
    day.say = day.remember
    day.clock = VirtualClock(resume_at(day))
    day.market.clock = day.clock
    day.restart()
    assert day.run().column(query) == undisturbed
    assert len(undisturbed) == 1


def resume_at(day: PlayedDay) -> datetime:
    record = day.day.record.session_record()
    assert record is not None
    return record.resume_at


def test_a_price_that_jumps_is_believed_at_the_second_look(day: PlayedDay) -> None:
    day.happen["11:02"] = levels(640.0, 6400.0)
    day.run()
    assert day.telling("the SPY price jumped from 600.25 to 640.00, not confirmed yet")
    assert str(day.one("SELECT exit_time FROM trades"))[11:16] == "11:10"


def test_a_value_that_is_not_known_is_shown_with_the_last_one_that_was(day: PlayedDay) -> None:
    day.happen["11:02"] = gone
    day.run(until="11:10")
    assert day.telling("last known: -$168.60 at 11:00")


def test_a_wish_to_close_also_keeps_the_day_from_opening_again(day: PlayedDay) -> None:
    day.run(until="09:37")
    day.day.record.ask_to_close(day.clock.now())
    day.run(until="10:01")
    assert day.one("SELECT exit_reason FROM trades") == "MANUAL"
    assert day.one("SELECT count(*) FROM trades") == 1
    assert day.telling("The mode is now close")


def test_a_clock_that_is_put_back_before_the_open_takes_no_eye_off_a_position(
    day: PlayedDay,
) -> None:
    day.run(until="09:40")
    moment = day.at("08:40")
    wake = day.day.tick(moment)  # an hour back: the market would not be open yet
    assert wake is not None
    assert (wake - moment).total_seconds() <= 300
    assert day.telling("ALERT. The clock was put back: It says 08:40")
    assert day.column("SELECT at FROM checks ORDER BY id DESC LIMIT 1") == [moment.isoformat()]


def test_before_the_open_nothing_is_done_where_nothing_is_open(day: PlayedDay) -> None:
    assert day.tick() == day.session.open
    assert not day.telling("The clock was put back")


def test_who_judges_the_bare_credit_is_told_each_day_what_it_is_blind_to(tmp_path: Path) -> None:
    bare = Settings.defaults().changed("strategy.expected_profit=credit")
    day = PlayedDay(tmp_path, settings=bare).run("09:36")
    (line,) = day.telling("blind")
    for blindness in ("gap between the strikes", "not being 10", "16:00 and 17:30", "getting out"):
        assert blindness in line
    assert not PlayedDay(tmp_path / "other").run("09:36").telling("blind")


def test_the_ratio_is_judged_by_the_closes_that_the_source_knows_of_before_the_window(
    day: PlayedDay,
) -> None:
    day.market.closes = OfficialCloses(600.0, 6020.0, "the close of Friday")
    day.run("09:36")
    (line,) = day.telling("  ratio  ")
    assert "(-32.7 bp)" in line
    assert "within 10 bp of 10.0329" in line
    assert "NO " in line


def test_a_start_inside_the_entry_window_knows_the_closes_of_the_last_session_too(
    tmp_path: Path,
) -> None:
    day = PlayedDay(tmp_path, start="09:41", mode="paper")
    day.market.closes = OfficialCloses(600.0, 6020.0, "the close of Friday")
    day.tick()
    (line,) = day.telling("  ratio  ")
    assert "within 10 bp of 10.0329" in line


def test_the_closes_of_a_day_are_kept_for_later_ones_but_not_those_of_simulated_days(
    day: PlayedDay,
) -> None:
    day.run()
    assert day.one("SELECT count(*) FROM events WHERE kind = 'closes'") == 0
    real = PlayedDay(day.folder / "real", mode="paper").run()
    assert real.one("SELECT text FROM events WHERE kind = 'closes'") == (
        '{"spy": 599.0, "spx": 5990.0}'
    )


def test_the_closes_of_a_day_that_ends_before_they_are_told_are_asked_for_the_next_morning(
    tmp_path: Path,
) -> None:
    monday = PlayedDay(tmp_path, mode="paper", settings=without_entries())
    told_late(monday)
    monday.run()
    assert monday.clock.now() == monday.at("16:00"), "nothing was held: it need not wait"
    assert monday.one("SELECT count(*) FROM events WHERE kind = 'closes'") == 0
    tuesday = PlayedDay(tmp_path, a_session(day=DAY + timedelta(days=1)), mode="paper")
    told_late(tuesday)
    tuesday.run("09:36")
    monday_too, friday = tuesday.day.record.earlier_closes("paper")
    assert monday_too == Closes(DAY, 599.0, 5990.0)
    assert friday.day == DAY - timedelta(days=3)


def without_entries() -> Settings:
    return Settings.defaults().changed("strategy.min_entry_credit=100000")


def told_late(played: PlayedDay) -> None:
    """Make the market tell closes as brokers do: a minute after the close, or the days after."""
    known = played.session.close + timedelta(minutes=1)
    told = played.market.closes

    def closes(day: date) -> OfficialCloses | None:
        return told if day < played.session.day or played.clock.now() >= known else None

    played.market.official_closes = closes  # type: ignore[method-assign]


def test_a_decision_keeps_where_its_credit_comes_from(day: PlayedDay) -> None:
    day.run("09:36")
    told = day.one("SELECT data FROM decisions WHERE should_trade = 1")
    split = json.loads(str(told))["valuation"]["split"]
    parts = [split[name] for name in ("credit", "after_hours", "vol_gap", "edge")]
    assert parts == [637.85, 199.81, 480.19, 411.77]
