"""A day that learns from its broker what its own record does not know."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from src.models import Fill, Leg, OrderIntent, Purpose, Side
from src.ports import Account, Holding, OfficialCloses, RetryLater
from tests.fakes.builders import DAY, spxw_call, spy_call
from tests.fakes.days import PlayedDay, levels


@pytest.fixture
def day(tmp_path: Path) -> PlayedDay:
    return PlayedDay(tmp_path)


def forget(day: PlayedDay, *tables: str) -> None:
    for table in tables:
        day.store.write(f"DELETE FROM {table}")  # noqa: S608 - names of our own
    day.store.commit()


def test_a_position_whose_record_was_lost_is_adopted_and_closed_by_the_rules(
    day: PlayedDay,
) -> None:
    day.run(until="10:06")
    forget(day, "fills", "orders", "spreads", "decisions", "trades", "daily_summary", "events")
    day.happen["11:02"] = levels(611.0, 6110.0)
    day.restart()
    day.run()
    assert day.broker.holdings() == []
    assert day.one("SELECT exit_reason FROM trades") == "ASSIGNMENT_RISK"
    assert str(day.one("SELECT note FROM trades")).startswith("adopted")
    assert day.one("SELECT spy_price FROM trades") is None
    cash = day.broker.account().cash - 100_000
    assert day.one("SELECT final_pnl FROM trades") == float(cash)
    assert (day.folder / "reports" / f"{DAY}.txt").exists()


def test_an_order_of_ours_that_nobody_remembers_is_cancelled(day: PlayedDay) -> None:
    day.run(until="10:06")
    stray = OrderIntent(
        DAY,
        7,
        Leg.SPY,
        Purpose.OPEN,
        1,
        spy_call(605.0),
        Side.SELL,
        10,
        Decimal("9.99"),
        day.clock.now(),
    )
    day.market.quote(spy_call(605.0), 0.50, 0.52)
    day.broker.submit(stray)
    assert day.broker.open_orders()
    day.tick()
    assert day.broker.open_orders() == []
    assert day.telling("forgotten")


def test_a_short_call_that_turns_up_too_late_is_bought_back_at_once(day: PlayedDay) -> None:
    day.happen["11:02"] = levels(611.0, 6110.0)
    day.run(until="11:10")
    assert day.broker.holdings() == []
    # The exchange says only now that ten more calls were sold by an order that was given up.
    order = day.broker._state.orders[f"{DAY}-1-spy-open-1"]
    late = Fill(
        "late",
        order.intent.client_order_id,
        spy_call(),
        Side.SELL,
        10,
        Decimal("2.98"),
        Decimal("1.50"),
        day.clock.now(),
    )
    order.fills.append(late)
    day.broker._state.options[spy_call()] = -10
    day.broker._state.cash += late.cash
    day.tick()
    assert day.broker.holdings() == []
    day.run()
    assert day.one("SELECT exit_reason FROM trades") == "UNCOVERED"
    assert day.one("SELECT final_pnl FROM trades") == float(day.broker.account().cash - 100_000)


def test_options_of_the_user_are_never_touched(day: PlayedDay) -> None:
    day.broker._state.options.update({spy_call(615.0): -3, spxw_call(6100.0): 2})
    day.happen["11:02"] = levels(611.0, 6110.0)
    day.run()
    ours = {spy_call().symbol, spxw_call().symbol}
    assert set(day.column("SELECT symbol FROM orders")) == ours


def test_a_short_call_of_the_user_at_our_strike_keeps_us_from_opening_more(
    day: PlayedDay,
) -> None:
    day.settings = day.settings.changed("strategy.max_position_loss=6000")
    day.restart()
    day.run(until="09:36")
    day.broker._state.options[spy_call()] -= 5
    day.run(until="09:50")
    assert day.one("SELECT count(*) FROM trades") == 1
    assert day.telling("recorded -10, at the broker -15")


def test_short_calls_whose_cover_is_gone_at_the_broker_are_bought_back_whatever_the_record_says(
    day: PlayedDay,
) -> None:
    day.run(until="10:06")
    day.broker._state.options[spxw_call()] = 1  # and no fill says who sold the other
    day.tick()
    assert day.telling("short calls lost their cover")
    held = {each.contract: each.quantity for each in day.broker.holdings()}
    assert held == {spxw_call(): 1}, "the one that is left may be the user's"
    day.run(until="10:10")
    assert day.telling("ALERT. Record and broker differ")


def test_a_process_that_cannot_look_at_a_known_difference_buys_nothing_back_by_the_record(
    day: PlayedDay,
) -> None:
    day.run(until="10:06")
    day.broker._state.options[spy_call()] += 4  # assigned: no fill tells of it
    day.broker._save()
    day.run(until="10:17")
    assert day.telling("recorded -20, at the broker -16")
    day.restart()
    day.happen["10:20"] = levels(611.0, 6110.0)
    tell, is_silent = day.broker.holdings, True

    def holdings() -> list[Holding]:
        if is_silent:
            raise RetryLater("no answer in 10 s")
        return tell()

    day.broker.holdings = holdings  # type: ignore[method-assign] # one answer fails, no other
    day.run(until="10:30")
    assert day.telling("ASSIGNMENT_RISK")
    assert day.broker._state.options[spy_call()] == -16
    is_silent = False
    day.run(until="10:35")
    assert not day.broker._state.options.get(spy_call())


def test_what_is_held_is_compared_once_more_right_before_an_entry(day: PlayedDay) -> None:
    ask = day.broker.account

    def meanwhile() -> Account:
        day.broker._state.shares = -100
        return ask()

    day.run(until="09:35")
    day.broker.account = meanwhile  # type: ignore[method-assign] # the tick has compared by then
    day.tick()
    assert day.column("SELECT * FROM orders") == []
    assert day.telling("Risk says no")


def test_a_fee_told_after_its_fill_is_what_the_day_ends_with_and_is_told_once(
    day: PlayedDay,
) -> None:
    day.run(until="10:06")
    order = day.broker._state.orders[f"{DAY}-1-spy-open-1"]
    before = sum(each.fee for each in order.fills)
    order.fills[:] = [replace(each, fee=each.fee + Decimal("5.00")) for each in order.fills]
    more = 5 * len(order.fills)
    day.broker._state.cash -= more
    day.run()
    assert day.one("SELECT final_pnl FROM trades") == float(day.broker.account().cash - 100_000)
    words = f"${before + more:.2f}, not ${before:.2f} as estimated"
    assert len([each for each in day.telling("Fees of") if words in each]) == 1


def test_shares_of_an_assignment_that_came_after_the_last_comparison_are_told_after_the_close(
    day: PlayedDay,
) -> None:
    day.happen["11:02"] = levels(611.0, 6110.0)
    day.run(until="15:59")
    assert day.broker.holdings() == []
    day.broker._state.shares = -800
    day.broker._save()
    day.restart("16:01")
    day.run()
    words = "-800 SPY shares at the broker, as an assignment leaves them"
    assert len(day.telling(f"differ at the end: {words}")) == 1
    assert day.one("SELECT text FROM events WHERE kind = 'difference'") == words


def test_shares_that_expiry_has_left_are_no_difference(day: PlayedDay) -> None:
    day.happen["15:40"] = lambda market: market.options.clear()
    day.market.closes = OfficialCloses(601.0, 6010.0, "scripted")
    day.run()
    assert [each.quantity for each in day.broker.holdings()] == [-2000]
    day.restart()
    assert day.day._recovery.compare(day.clock.now(), expired=True) == ""
    assert not day.telling("differ")
