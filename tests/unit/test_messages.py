"""Every message: what happened, with the numbers, what comes next, and what is to be done."""

import inspect
from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest

from src import messages
from src.messages import Message
from src.models import ExitReason
from src.ports import Level
from tests.fakes.builders import at

DAY = date(2026, 3, 9)
MANY: dict[str, Callable[[], Message]] = {
    "opened": lambda: messages.opened("2026-03-09-1", "Entry FILLED: cash +$637.85."),
    "not_confirmed": lambda: messages.not_confirmed("2026-03-09-1", "Entry PENDING."),
    "closed": lambda: messages.closed("2026-03-09-1", ExitReason.PIN_RISK, Decimal("-12.5")),
    "exit_under_way": lambda: messages.exit_under_way(
        "2026-03-09-1", ExitReason.PIN_RISK, "Still short 10.", at("15:46"), is_first=False
    ),
    "not_closed_yet": lambda: messages.not_closed_yet("SPY 600 call", "no quote", at("15:46")),
    "adopted_position": lambda: messages.adopted_position("2026-03-09-1"),
    "refused_margin": lambda: messages.refused_margin("$123,000 of margin needed"),
    "daily_loss": lambda: messages.daily_loss("the day's loss is $1,012.00 (limit $1,000.00)"),
    "held_into_expiry": lambda: messages.held_into_expiry(at("16:15")),
    "assigned": lambda: messages.assigned("2026-03-09-1", "10 SPY calls are assigned."),
    "pnl_unknown": lambda: messages.pnl_unknown("2026-03-09-1", "no quote of SPY"),
    "clock_put_back": lambda: messages.clock_put_back(at("08:40")),
    "differ": lambda: messages.differ("SPY: recorded -10, at the broker -9", at("11:03")),
    "cut_off": lambda: messages.cut_off("the broker cannot be asked", at("11:03"), is_urgent=True),
    "differ_at_the_end": lambda: messages.differ_at_the_end("SPY: recorded -10, held -9"),
    "unknown_order": lambda: messages.unknown_order("2026-03-09-1-spy-open-1", "sell 10"),
    "forgotten_order": lambda: messages.forgotten_order("2026-03-09-1-spy-open-1"),
    "adopted_order": lambda: messages.adopted_order("2026-03-09-1-spy-open-1"),
    "closed_by_others": lambda: messages.closed_by_others("f1", "buy 10 SPY at 2.05"),
    "not_settled": messages.not_settled,
    "result_of_the_day": lambda: messages.result_of_the_day(
        DAY, "+$637.85", "paper", is_final=True
    ),
    "earlier_days": lambda: messages.earlier_days(["Expiry of 2026-03-06-1: +$12.00."]),
    "no_connection": lambda: messages.no_connection("no answer", "A POSITION IS OPEN."),
    "nothing_opened": lambda: messages.nothing_opened("The account's level is 1."),
    "ended_early": lambda: messages.ended_early("A failure.", at("11:03"), is_open=True),
}


def test_every_message_of_the_program_is_looked_at_here() -> None:
    builders = {
        name
        for name, each in inspect.getmembers(messages, inspect.isfunction)
        if each.__module__ == messages.__name__ and not name.startswith("_")
    }
    assert builders == set(MANY)


@pytest.mark.parametrize("name", MANY)
def test_a_message_says_what_happened_what_comes_next_and_what_is_to_be_done(name: str) -> None:
    told = MANY[name]()
    for part in (told.happened, told.what_next, told.to_do):
        assert part
        assert part[1:] in told.text
    assert all(each[0] == each[0].upper() for each in told.text.split(". "))
    assert "\n" not in told.text
    assert ".." not in told.text.replace("...", "")
    assert told.text.endswith(".")
    assert len(told.title) <= 80
    assert len(told.text) <= 400
    assert "!" not in told.text


URGENT = {
    *("closed", "exit_under_way", "daily_loss", "held_into_expiry", "assigned", "differ"),
    *("cut_off", "differ_at_the_end", "unknown_order", "no_connection", "ended_early"),
}


@pytest.mark.parametrize("name", MANY)
def test_an_sms_is_sent_for_risk_loss_limits_faults_with_a_position_and_differences(
    name: str,
) -> None:
    assert (MANY[name]().level is Level.URGENT) == (name in URGENT)


@pytest.mark.parametrize("name", URGENT - {"closed"})
def test_what_is_urgent_says_what_to_do(name: str) -> None:
    assert MANY[name]().to_do != messages.NOTHING_TO_DO


@pytest.mark.parametrize(
    ("reason", "level"),
    [
        (ExitReason.ASSIGNMENT_RISK, Level.URGENT),
        (ExitReason.PIN_RISK, Level.URGENT),
        (ExitReason.MAX_LOSS, Level.URGENT),
        (ExitReason.DAILY_LOSS, Level.EXITED),  # which has a message of its own
        (ExitReason.PRE_EXPIRATION, Level.EXITED),
        (ExitReason.MANUAL, Level.EXITED),
    ],
)
def test_an_exit_is_as_urgent_as_its_reason(reason: ExitReason, level: Level) -> None:
    assert messages.closed("2026-03-09-1", reason, Decimal(1)).level is level


def test_the_same_trouble_is_one_message_in_five_minutes() -> None:
    keys = [
        messages.exit_under_way(
            "2026-03-09-1", ExitReason.PIN_RISK, "still short.", at(moment), is_first=False
        ).key
        for moment in ("15:45", "15:46", "15:49", "15:50")
    ]
    assert len(set(keys)) == 2
    assert keys[0] == keys[2] != keys[3]


def test_a_difference_that_changes_is_news_at_once() -> None:
    first, second = (messages.differ(text, at("11:03")) for text in ("-10 and -9", "-10 and -8"))
    assert first.key != second.key


def test_a_first_try_that_fails_alarms_nobody() -> None:
    first = messages.exit_under_way(
        "2026-03-09-1", ExitReason.PIN_RISK, "still short.", at("15:45"), is_first=True
    )
    assert (first.level, first.to_do) == (Level.WARNING, messages.NOTHING_TO_DO)


@pytest.mark.parametrize(
    "news",
    ["ASSIGNED OTHERWISE on 2026-03-06", "Expiry: -1000 SPY shares are left in the account."],
)
def test_shares_found_in_the_morning_are_urgent(news: str) -> None:
    told = messages.earlier_days([news])
    assert told.level is Level.URGENT
    assert "before the open" in told.to_do


def test_a_day_that_is_not_final_says_so_and_sends_its_reader_to_the_account() -> None:
    told = messages.result_of_the_day(DAY, "not final", "paper", is_final=False)
    assert "completes the report" in told.text
    assert messages.LOOK in told.text
