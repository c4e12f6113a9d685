"""Real money is traded only when everything says so; each thing that does not is told."""

from dataclasses import replace

import pytest

from src.live_guard import LiveFacts, faults, why_another_account, why_not_live
from src.ports import Check, Verdict

ON_A_TERMINAL = LiveFacts(
    asked=True,
    paper_trading=False,
    account_named="U1234567",
    account_told="U1234567",
    account_typed="U1234567",
    account_configured="",
    checks=(Check("disk", Verdict.OK, "room."), Check("sleep", Verdict.WARN, "it sleeps.")),
    source="Alpaca, opra",
    source_is_real_time=True,
    has_rehearsal_clock=False,
)
FROM_CRON = replace(ON_A_TERMINAL, account_typed=None, account_configured="U1234567")


@pytest.mark.parametrize("facts", [ON_A_TERMINAL, FROM_CRON])
def test_real_money_is_traded_when_everything_says_so(facts: LiveFacts) -> None:
    assert why_not_live(facts) == ()


@pytest.mark.parametrize("facts", [ON_A_TERMINAL, FROM_CRON])
@pytest.mark.parametrize(
    ("missing", "reason"),
    [
        ({"asked": False}, "The command line does not say --live."),
        (
            {"paper_trading": True},
            "broker.paper_trading is true; set it to false in the config file.",
        ),
        (
            {"account_named": ""},
            (
                "The environment variable LIVE_ACCOUNT_ID is not set; "
                "set it to the id of the account that may trade real money."
            ),
        ),
        (
            {"account_named": "U7654321"},
            (
                "LIVE_ACCOUNT_ID is U7654321, and the broker says that this is the account "
                "U1234567; correct the one that is wrong."
            ),
        ),
        (
            {"account_named": "u1234567"},
            (
                "LIVE_ACCOUNT_ID is u1234567, and the broker says that this is the account "
                "U1234567; correct the one that is wrong."
            ),
        ),
        (
            {"checks": (Check("margin", Verdict.FAIL, "too little.", "Pay in."),)},
            "The doctor found a fault: margin: too little. Pay in.",
        ),
        (
            {"checks": ()},
            "The doctor has not looked at anything; run python scripts/doctor.py --live.",
        ),
        (
            {"has_rehearsal_clock": True},
            "--start-at is a clock for rehearsals; leave it away.",
        ),
        (
            {"source": "Yahoo Finance", "source_is_real_time": False},
            "The quotes are not in real time (Yahoo Finance); no order may be priced by them.",
        ),
    ],
)
def test_each_thing_that_is_missing_is_reason_enough(
    facts: LiveFacts, missing: dict[str, object], reason: str
) -> None:
    assert why_not_live(replace(facts, **missing)) == (reason,)  # type: ignore[arg-type]  # by name


@pytest.mark.parametrize(
    ("typed", "said"), [("", "nothing"), ("yes", "yes"), ("U123456", "U123456"), (" ", "nothing")]
)
def test_on_a_terminal_nothing_but_the_account_id_will_do(typed: str, said: str) -> None:
    facts = replace(ON_A_TERMINAL, account_typed=typed, account_configured="U1234567")
    assert why_not_live(facts) == (
        f"The account id was asked for on the terminal, and {said} was typed.",
    )


def test_blanks_around_the_typed_id_do_no_harm() -> None:
    assert why_not_live(replace(ON_A_TERMINAL, account_typed=" U1234567\n")) == ()


@pytest.mark.parametrize(
    ("configured", "reason"),
    [
        (
            "",
            (
                "There is no terminal to type the account id on, and broker.live_account is "
                "empty; put the id there to allow a start from cron."
            ),
        ),
        ("U7654321", "broker.live_account is U7654321, and the account is U1234567."),
    ],
)
def test_without_a_terminal_the_config_must_name_the_account(configured: str, reason: str) -> None:
    assert why_not_live(replace(FROM_CRON, account_configured=configured)) == (reason,)


@pytest.mark.parametrize("typed", [None, ""])
def test_an_account_that_nobody_knows_is_never_the_right_one(typed: str | None) -> None:
    facts = replace(
        FROM_CRON, account_told="", account_named="", account_configured="", account_typed=typed
    )
    assert "The broker has not said which account this is." in why_not_live(facts)
    assert len(why_not_live(facts)) == 3


def test_every_reason_is_told_at_once() -> None:
    facts = LiveFacts(
        asked=False,
        paper_trading=True,
        account_named="",
        account_told="",
        account_typed=None,
        account_configured="",
        checks=(),
        source="Yahoo Finance",
        source_is_real_time=False,
        has_rehearsal_clock=True,
    )
    assert len(why_not_live(facts)) == 8


def test_what_the_doctor_finds_is_no_doubt_about_the_account() -> None:
    full = Check("disk", Verdict.FAIL, "full.", "Make room.")
    facts = replace(ON_A_TERMINAL, checks=(full,))
    assert why_another_account(facts) == ()
    assert faults(facts) == ("The doctor found a fault: disk: full. Make room.",)


def test_a_wrong_account_is_a_doubt_that_stands_whatever_the_doctor_finds() -> None:
    facts = replace(ON_A_TERMINAL, account_named="U7654321")
    assert len(why_another_account(facts)) == 1
    assert faults(facts) == ()
