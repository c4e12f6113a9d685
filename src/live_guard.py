"""Whether real money may be traded: everything has to say so, and every reason against it is told.

Pure: the facts are gathered by whoever asks, who raises StopTrading where a reason is returned.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from src.ports import Check, Verdict

ACCOUNT_VARIABLE = "LIVE_ACCOUNT_ID"
"""The environment variable that names the account in which real money may be traded."""


@dataclass(frozen=True, slots=True)
class LiveFacts:
    """What is known when a live day is asked for. Account ids are empty where there is none.

    `account_named` is what LIVE_ACCOUNT_ID says, `account_told` the broker's own answer.
    `account_typed` is what a person typed on the terminal, None where there is no terminal, as
    from cron; `account_configured` is broker.live_account. `checks` are the doctor's rows.
    """

    asked: bool
    paper_trading: bool
    account_named: str
    account_told: str
    account_typed: str | None
    account_configured: str
    checks: tuple[Check, ...]
    source: str
    source_is_real_time: bool
    has_rehearsal_clock: bool


def why_not_live(facts: LiveFacts) -> tuple[str, ...]:
    """Return every reason, each a sentence, why no real money is traded; empty: it may be."""
    return *why_another_account(facts), *faults(facts)


def why_another_account(facts: LiveFacts) -> tuple[str, ...]:
    """Return every reason to doubt that this is the account and the market that are meant.

    With one of them not even an open position is watched.
    """
    return tuple(_reasons(facts))


def faults(facts: LiveFacts) -> tuple[str, ...]:
    """Return what the doctor found: with it nothing is opened, but an open position is watched."""
    return tuple(
        f"The doctor found a fault: {check}"
        for check in facts.checks
        if check.verdict is Verdict.FAIL
    )


def _reasons(facts: LiveFacts) -> Iterator[str]:
    if not facts.asked:
        yield "The command line does not say --live."
    if facts.paper_trading:
        yield "broker.paper_trading is true; set it to false in the config file."
    yield from _account_reasons(facts)
    yield from _confirmation_reasons(facts)
    if not facts.checks:
        yield "The doctor has not looked at anything; run python scripts/doctor.py --live."
    if facts.has_rehearsal_clock:
        yield "--start-at is a clock for rehearsals; leave it away."
    if not facts.source_is_real_time:
        yield f"The quotes are not in real time ({facts.source}); no order may be priced by them."


def _account_reasons(facts: LiveFacts) -> Iterator[str]:
    if not facts.account_told:
        yield "The broker has not said which account this is."
    if not facts.account_named:
        yield (
            f"The environment variable {ACCOUNT_VARIABLE} is not set; "
            "set it to the id of the account that may trade real money."
        )
    elif facts.account_told and facts.account_named != facts.account_told:
        yield (
            f"{ACCOUNT_VARIABLE} is {facts.account_named}, and the broker says that this is the "
            f"account {facts.account_told}; correct the one that is wrong."
        )


def _confirmation_reasons(facts: LiveFacts) -> Iterator[str]:
    told = facts.account_told
    if facts.account_typed is not None:
        if not told or facts.account_typed.strip() != told:
            typed = facts.account_typed.strip() or "nothing"
            yield f"The account id was asked for on the terminal, and {typed} was typed."
    elif not facts.account_configured:
        yield (
            "There is no terminal to type the account id on, and broker.live_account is empty; "
            "put the id there to allow a start from cron."
        )
    elif facts.account_configured != told:
        yield (
            f"broker.live_account is {facts.account_configured}, "
            f"and the account is {told or 'not known'}."
        )
