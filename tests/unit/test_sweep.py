"""The sweep's engine on days that are written down minute by minute."""

from typing import Any

import numpy as np
import pytest

from src.day_table import UNKNOWN
from src.models import ExitReason
from src.sweep import Doubt, Outcome, Stack, Trade, fixed_pair_stack, sweep
from src.sweep_rules import Rules

CLOSE = 30
RULES = Rules(
    first=2,
    last=6,
    every=1,
    exit_check=25,
    step=5,
    final=1,
    closing_until=CLOSE,
    most_trades=10,
    most_spreads=1,
    cash=10_000_000,
    capital=2_500_000,
    share=100_000,
    loss=50_000,
    day_loss=100_000,
    least_cents=40_000,
    least=400.0,
    threshold=10.0,
    pin_dollars=1.5,
    pin_percent=0.0,
    jump=0.02,
)


def a_stack(**changed: Any) -> Stack:  # noqa: ANN401 - columns by their names
    """Return one quiet day: SPY at 595, calls at 600 and 6010, a credit of 637.85 from minute 3."""
    minutes = np.zeros((1, CLOSE + 1))
    spy_bid = minutes + 2.0
    spy_bid[:, 3:] = 2.98
    stack = fixed_pair_stack(
        spy=minutes + 595.0,
        spx=minutes + 5968.0,
        spy_strike=np.array([600.0]),
        spx_strike=np.array([6010.0]),
        spy_bid=spy_bid,
        spy_ask=minutes + 3.02,
        spx_bid=minutes + 23.00,
        spx_ask=minutes + 23.40,
        fees=215,
    )
    return stack._replace(**changed)


def with_spy(*changes: tuple[int, float]) -> Stack:
    """Return the quiet day with other SPY prices from some minutes on."""
    stack = a_stack()
    for minute, price in changes:
        stack.spy[:, minute:] = price
    return stack


def with_value(*changes: tuple[int, int]) -> Stack:
    """Return the quiet day with other cents for closing from some minutes on."""
    stack = a_stack()
    for minute, cents in changes:
        stack.value[:, :, minute:] = cents
    return stack


def played(stack: Stack, rules: Rules = RULES) -> Outcome:
    return sweep(stack, [rules], detail=5)


def trades(stack: Stack, rules: Rules = RULES) -> tuple[Trade, ...]:
    outcome = played(stack, rules)
    assert outcome.doubt[0, 0] == Doubt.NONE
    found = outcome.trades_of(0, 0)
    # Where each price is compared with the last one and none jumps, nothing else may come out.
    rough = stack._replace(calm=np.array([False]))
    assert played(rough, rules._replace(jump=1.0)).trades_of(0, 0) == found
    return found


def doubt(stack: Stack, rules: Rules = RULES) -> Doubt:
    outcome = played(stack, rules)
    assert outcome.pnl[0, 0] == 0
    assert outcome.trades[0, 0] == 0
    return Doubt(int(outcome.doubt[0, 0]))


def test_the_worked_example_is_entered_at_the_first_minute_that_pays_and_kept_to_expiry() -> None:
    assert trades(a_stack()) == (Trade(3, CLOSE, ExitReason.EXPIRED, 1, 63_785),)


def test_a_profit_must_exceed_its_limit() -> None:
    assert trades(a_stack(), RULES._replace(least=637.85, least_cents=63_785)) == ()
    assert len(trades(a_stack(), RULES._replace(least=637.84, least_cents=63_784))) == 1


def test_nothing_is_opened_outside_the_window() -> None:
    assert trades(a_stack(), RULES._replace(last=2)) == ()
    assert trades(a_stack(), RULES._replace(first=5))[0].entry == 5
    assert trades(a_stack(), RULES._replace(last=-1)) == ()


def test_the_window_is_looked_at_in_its_steps() -> None:
    assert trades(a_stack(), RULES._replace(every=3))[0].entry == 5


def test_a_window_that_begins_before_the_open_is_judged_at_the_open_and_then_in_its_steps() -> None:
    early = RULES._replace(first=-4, every=5)
    stack = a_stack()
    stack.offer[:, 0] = 500.0
    stack.slack[:, 0] = 50_000
    assert trades(stack, early)[0].entry == 0
    assert trades(a_stack(), early)[0].entry == 6


def test_spy_above_the_threshold_is_seen_at_the_next_check() -> None:
    found = trades(with_spy((12, 610.01)))
    # 637.85 in, and out at 10 x 3.02 - 23.00 with fees.
    assert found == (Trade(3, 15, ExitReason.ASSIGNMENT_RISK, 1, 63_785 - 302_000 + 230_000 - 215),)
    assert trades(with_spy((12, 610.0), (20, 595.0)))[0].reason is ExitReason.EXPIRED


def test_a_loss_beyond_the_limit_closes_and_one_at_the_limit_does_not() -> None:
    at_limit = -50_000 - 63_785
    assert trades(with_value((10, at_limit)))[0].reason is ExitReason.EXPIRED
    found = trades(with_value((11, at_limit - 1)))
    assert found == (Trade(3, 15, ExitReason.MAX_LOSS, 1, -50_001),)


def test_the_daily_limit_comes_first_and_ends_the_day() -> None:
    rules = RULES._replace(day_loss=40_000, step=1)
    found = trades(with_value((4, -40_001 - 63_785)), rules)
    assert found == (Trade(3, 4, ExitReason.DAILY_LOSS, 1, -40_001),)
    assert trades(with_value((4, -40_000 - 63_785)), rules)[0].reason is ExitReason.EXPIRED


def test_what_was_lost_before_counts_for_the_daily_limit() -> None:
    stack = with_value((4, -50_001 - 63_785), (5, 0), (6, -40_000 - 63_785))
    found = trades(stack, RULES._replace(step=1, day_loss=90_000))
    assert [each.reason for each in found] == [ExitReason.MAX_LOSS, ExitReason.DAILY_LOSS]


def test_a_first_position_is_not_checked_in_the_minute_of_its_entry() -> None:
    assert trades(with_value((3, -60_000 - 63_785), (4, 0)))[0].reason is ExitReason.EXPIRED


def test_the_exit_check_is_not_stepped_over() -> None:
    assert trades(with_spy((23, 601.0)), RULES._replace(step=7))[0].exit == 25


def test_two_spreads_cost_bring_and_may_lose_twice_as_much() -> None:
    stack, two = two_spreads(-100_000 - 2 * 63_785), RULES._replace(most_spreads=2, share=200_000)
    found = trades(stack, two._replace(day_loss=1_000_000))
    assert found == (Trade(3, CLOSE, ExitReason.EXPIRED, 2, 2 * (63_785 - 1_000)),)
    lost = trades(two_spreads(-100_001 - 2 * 63_785), two._replace(day_loss=1_000_000))
    assert lost[0] == Trade(3, 5, ExitReason.MAX_LOSS, 2, -100_001)
    late = stack._replace(spy=np.where(np.arange(CLOSE + 1) < 20, 595.0, 601.0)[None])
    assert trades(late, two._replace(day_loss=1_000_000))[0].reason is ExitReason.PRE_EXPIRATION


def two_spreads(value: int) -> Stack:
    """Return the quiet day for two spreads, with so many cents for closing both from minute 5."""
    values = np.zeros((2, 1, CLOSE + 1), np.int32)
    values[1, :, 5:] = value
    entry = np.full((2, 1, CLOSE + 1), 63_785, np.int32)
    entry[1] *= 2
    return a_stack(entry=entry, value=values, settled=np.array([-1_000], np.int32))


def test_one_spread_of_two_that_are_allowed_may_follow_another() -> None:
    stack = two_spreads(0)._replace(value=np.full((2, 1, CLOSE + 1), -1_000_000, np.int32))
    stack.value[:, :, 6:] = 0
    stack.offer[:, 4:6] = -np.inf
    stack.offer[:, 7:] = -np.inf
    rules = _two(6_000)._replace(day_loss=10_000_000)
    assert [each.entry for each in sweep(stack, [rules], detail=5).trades_of(0, 0)] == [3, 6]


def test_after_a_stop_the_market_is_judged_again_a_minute_later() -> None:
    stack = with_value((4, -50_001 - 63_785), (5, 0))
    found = trades(stack, RULES._replace(step=1))
    assert [(each.entry, each.exit) for each in found] == [(3, 4), (5, CLOSE)]
    assert trades(stack, RULES._replace(step=1, most_trades=1)) == found[:1]


def test_a_realised_loss_at_the_daily_limit_opens_nothing_more() -> None:
    stack = with_value((4, -50_001 - 63_785), (5, 0))
    assert len(trades(stack, RULES._replace(step=1, day_loss=50_001))) == 1


def test_what_was_lost_is_no_capital_for_the_next_position() -> None:
    stack = with_value((4, -50_001 - 63_785), (5, 0))
    rules = RULES._replace(step=1, share=1_000_000, cash=2_550_000)
    assert len(trades(stack, rules)) == 1
    assert len(trades(stack, rules._replace(cash=2_550_001))) == 2


def test_a_position_opened_after_an_earlier_check_is_checked_as_it_is_opened() -> None:
    stack = with_value((5, -50_001 - 63_785))
    found = trades(stack, RULES._replace(last=12, step=5, day_loss=1_000_000))
    # 3 to 5, then 6; the slot of 5 to 9 was checked already, that of 10 is new.
    assert [(each.entry, each.exit) for each in found] == [(3, 5), (6, 10), (11, 15)]
    late = RULES._replace(first=3, last=13, every=9, step=5, day_loss=1_000_000)
    # The market is judged at 3, at 12 and never between; 12 is in a slot not checked yet.
    assert [(each.entry, each.exit) for each in trades(stack, late)] == [(3, 5), (12, 12)]


@pytest.mark.parametrize(
    ("price", "reason"),
    [
        (600.01, ExitReason.PRE_EXPIRATION),
        (600.0, ExitReason.PIN_RISK),
        (598.5, ExitReason.PIN_RISK),
        (598.49, ExitReason.EXPIRED),
    ],
)
def test_from_the_exit_check_on_the_strike_and_its_band_count(
    price: float, reason: ExitReason
) -> None:
    found = trades(with_spy((20, price), (CLOSE, 595.0)))
    assert found[0].reason is reason
    assert found[0].exit == (CLOSE if reason is ExitReason.EXPIRED else 25)


def test_the_wider_band_counts() -> None:
    wide = RULES._replace(pin_dollars=1.0, pin_percent=0.5)
    assert trades(with_spy((20, 597.0)), wide)[0].reason is ExitReason.PIN_RISK
    assert trades(with_spy((20, 596.9)), wide)[0].reason is ExitReason.EXPIRED


def test_the_strike_and_its_band_may_count_at_the_exit_check_alone() -> None:
    once = RULES._replace(closing_until=25)
    assert trades(with_spy((26, 601.0), (CLOSE, 595.0)), once)[0].reason is ExitReason.EXPIRED
    assert trades(with_spy((25, 601.0)), once)[0].exit == 25


def test_after_the_exit_check_a_position_is_looked_at_more_often() -> None:
    assert trades(with_spy((27, 601.0)))[0].exit == 27
    assert trades(with_spy((27, 601.0)), RULES._replace(final=3))[0].exit == 27
    assert trades(with_spy((28, 601.0)), RULES._replace(final=2))[0].exit == 28


def test_a_price_that_is_not_known_raises_no_signal() -> None:
    stack = with_spy((20, np.nan), (CLOSE, 595.0))
    assert trades(stack)[0].reason is ExitReason.EXPIRED
    assert trades(with_value((10, UNKNOWN)))[0].reason is ExitReason.EXPIRED


def test_both_legs_are_settled_at_the_close() -> None:
    stack = a_stack(settled=np.array([100 * 1500 - 1000 * 200], np.int32))
    assert trades(stack)[0].pnl == 63_785 - 50_000


@pytest.mark.parametrize(
    ("changes", "rules", "expected"),
    [
        ({"slack": np.full((1, 31), 40_000, np.int32)}, RULES, Doubt.NEAR_LIMIT),
        ({"room_in": np.zeros((1, 31), np.int32)}, RULES, Doubt.TOO_FEW),
        ({"settled": np.array([UNKNOWN], np.int32)}, RULES, Doubt.NO_CLOSES),
        ({}, RULES._replace(cash=2_500_000, capital=2_500_000, share=1_000_000), Doubt.NONE),
        ({}, RULES._replace(cash=233_999, capital=100, share=1_000_000), Doubt.FUNDS),
        (
            {"entry": np.full((1, 1, 31), -1, np.int32)},
            RULES._replace(cash=2_500_000, share=1_000_000),
            Doubt.FUNDS,
        ),
    ],
)
def test_what_the_engine_does_not_follow_is_told(
    changes: dict[str, Any], rules: Rules, expected: Doubt
) -> None:
    assert played(a_stack(**changes), rules).doubt[0, 0] == expected


def test_an_exit_without_a_market_is_not_guessed() -> None:
    stack = with_spy((12, 611.0))
    stack.room_out[:, 15] = 0
    assert doubt(stack) is Doubt.NO_WAY_OUT


def test_a_second_position_beside_the_first_is_not_guessed() -> None:
    # 10% of 100,000 bears 6,000 only once, though two spreads are allowed.
    assert doubt(a_stack(entry=np.full((2, 1, 31), 63_785, np.int32)), _two(6_000)) is Doubt.SECOND


def test_looks_between_two_positions_that_could_stand_side_by_side_are_not_guessed() -> None:
    stack = two_spreads(0)
    stack.offer[:, 4:] = -np.inf
    assert played(stack, _two(6_000)).doubt[0, 0] == Doubt.NONE
    assert doubt(stack._replace(calm=np.array([False])), _two(6_000)) is Doubt.SECOND


def _two(loss: int) -> Rules:
    return RULES._replace(most_spreads=2, loss=100 * loss)


def test_a_price_that_jumps_is_not_guessed() -> None:
    stack = with_spy((12, 610.0))._replace(calm=np.array([False]))
    assert doubt(stack) is Doubt.JUMP
    assert len(trades(stack._replace(calm=np.array([True])))) == 1


def test_an_index_that_jumps_is_not_guessed_either() -> None:
    stack = a_stack(calm=np.array([False]))
    stack.spx[:, 12:] = np.nan
    stack.spx[:, 20:] = 6200.0
    assert doubt(stack) is Doubt.JUMP


def test_the_same_quote_gives_its_size_only_once() -> None:
    stack = with_value((4, -50_001 - 63_785), (5, 0))._replace(shared=np.array([True]))
    stack.room_in[:] = stack.room_out[:] = 1
    assert doubt(stack, RULES._replace(step=1)) is Doubt.TOO_FEW
    assert len(trades(stack._replace(shared=np.array([False])), RULES._replace(step=1))) == 2
    stack.room_in[:] = 9
    stack.value[:, :, 6:] = -40_000 - 63_785
    twice = RULES._replace(step=1, loss=30_000)
    assert doubt(stack, twice) is Doubt.NO_WAY_OUT
    assert len(trades(stack._replace(shared=np.array([False])), twice)) == 2


def test_threads_share_the_sets_and_change_nothing() -> None:
    sets = [RULES._replace(least=float(each), least_cents=100 * each) for each in range(600, 660)]
    stack = with_spy((12, 611.0))
    alone, shared = sweep(stack, sets), sweep(stack, sets, threads=3)
    assert (alone.pnl == shared.pnl).all()
    assert alone.trades.sum() == sum(each < 637.85 for each in range(600, 660))
