"""What is written to a person who does not look: every message of the program, in one place.

Each says four things: what happened, with the numbers; what the program does next; and what is to
be done, if anything.
"""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from src.models import ExitReason
from src.ports import Level
from src.words import EXIT_WORDS, ended, money

NOTHING_TO_DO = "You need not do anything."
LOOK = "Look at the positions in the broker's account."
AGAIN = 5
"""Minutes within which the same trouble is one message: a try that fails each second is no news."""
_URGENT_EXITS = {ExitReason.ASSIGNMENT_RISK, ExitReason.PIN_RISK, ExitReason.MAX_LOSS}
"""Exits for what a person wants to hear of at once; the day's loss has a message of its own."""


class Message(NamedTuple):
    """One message. The same `key` is put up once in a session; the title where it is empty."""

    level: Level
    title: str
    happened: str
    what_next: str
    to_do: str = NOTHING_TO_DO
    key: str = ""

    @property
    def text(self) -> str:
        """All that it says, on one line."""
        parts = (self.happened, self.what_next, self.to_do)
        return " ".join(ended(f"{each[:1].upper()}{each[1:]}") for each in parts if each)


def _now_and_then(title: str, now: datetime) -> str:
    """Return a key by which a trouble that lasts is told of every few minutes."""
    return f"{title} {now.hour}:{now.minute // AGAIN * AGAIN}"


# Trades.


def opened(trade_id: str, line: str) -> Message:
    """Tell of a position that was taken; `line` says how the entry ended."""
    return Message(
        Level.ENTERED, f"opened {trade_id}", line, "It is watched and closed by the rules."
    )


def not_confirmed(trade_id: str, line: str) -> Message:
    """Tell that the broker has not said yet what became of an entry."""
    return Message(
        Level.WARNING,
        f"Entry of {trade_id} not confirmed",
        line,
        "Its orders are looked for until they are found; nothing is sent twice.",
        "If no other message follows within minutes, look at the account at the broker.",
    )


def closed(trade_id: str, reason: ExitReason, result: Decimal) -> Message:
    """Tell of a position that is flat; `result` is dollars after fees."""
    return Message(
        Level.URGENT if reason in _URGENT_EXITS else Level.EXITED,
        f"closed {trade_id}",
        f"{reason}: {EXIT_WORDS[reason]}; result {money(result)}",
        "Nothing of it is held any more.",
    )


def exit_under_way(
    trade_id: str, reason: ExitReason, line: str, now: datetime, *, is_first: bool
) -> Message:
    """Tell that a position could not be closed yet; after the first try that is urgent."""
    # By the minutes, so that a position that does not get out is heard of again.
    still = "" if is_first else "still "
    title = f"Exit of {trade_id} {still}under way at {now:%H:%M}"
    return Message(
        Level.WARNING if is_first else Level.URGENT,
        title,
        f"{reason}. {line}",
        "The program goes on trying at the prices that the market gives.",
        NOTHING_TO_DO if is_first else f"{LOOK} You may close it there by hand: that is noticed.",
        key=_now_and_then(f"Exit of {trade_id} under way ({is_first})", now),
    )


def not_closed_yet(contract: object, why: str, now: datetime) -> Message:
    """Tell that one leg has not found its price for a minute or more."""
    return Message(
        Level.ERROR,
        f"{contract} not closed yet at {now:%H:%M}",
        why,
        "The program goes on trying.",
        LOOK,
        key=_now_and_then(f"{contract} not closed yet", now),
    )


def adopted_position(trade_id: str) -> Message:
    """Tell of a position whose decision was lost with an earlier record."""
    return Message(
        Level.WARNING,
        f"Position {trade_id} adopted",
        "It is held, and its decision is not in the record.",
        "It is watched like any other.",
        "See whether it is yours to hold; if not, python scripts/control.py close.",
    )


def refused_margin(refusal: str) -> Message:
    """Tell that the broker would not let the SPY calls be sold."""
    return Message(
        Level.WARNING,
        "The SPY calls would be refused",
        refusal,
        "No SPY call is sold; the SPXW calls that were bought are sold again.",
        "See that the account may sell these calls, and has the margin for them.",
    )


# Risk.


def daily_loss(text: str) -> Message:
    """Tell that the loss of the day reached its limit."""
    return Message(
        Level.URGENT,
        "Daily loss limit",
        text,
        "Everything is closed, nothing more is opened, today or later.",
        "When you have seen why, python scripts/control.py resume lets it trade again.",
    )


def held_into_expiry(last_trade: datetime) -> Message:
    """Tell that short calls were not bought back before the close."""
    return Message(
        Level.URGENT,
        "Short calls are held into expiry",
        f"SPY calls trade until {last_trade:%H:%M}, and may be exercised until 17:30.",
        "An exit that is under way is still tried until then; after that they are settled.",
        "Buy them back by hand, unless you accept to be short of SPY shares tomorrow.",
    )


def assigned(trade_id: str, line: str) -> Message:
    """Tell that short calls ended in the money, so that shares are left in the account."""
    return Message(
        Level.URGENT,
        f"Assigned: {trade_id}",
        line,
        "The program never trades shares.",
        "Buy the SPY shares back in the broker's account, at the next open or before it.",
    )


def pnl_unknown(trade_id: str, why: str) -> Message:
    """Tell that a position cannot be valued."""
    return Message(
        Level.WARNING,
        f"P&L of {trade_id} not known",
        why,
        "Exits by the clock and by your wish still work, and it is valued again at each look.",
    )


def clock_put_back(now: datetime) -> Message:
    """Tell that the machine's clock says a time before the open, and something of today is open."""
    return Message(
        Level.ERROR,
        "The clock was put back",
        f"It says {now:%H:%M}, and something of today is open already: it is watched.",
        "Nothing is opened before the market is.",
        "Set the clock of this machine right.",
    )


# The record and the broker.


def differ(text: str, now: datetime) -> Message:
    """Tell what the record and the broker differ in."""
    title = f"Record and broker differ ({now:%H:%M})"
    return Message(
        Level.URGENT,
        title,
        text,
        "Nothing is opened until they agree; what is held is watched.",
        LOOK,
        key=_now_and_then(f"Record and broker differ: {text}", now),
    )


def cut_off(text: str, now: datetime, *, is_urgent: bool) -> Message:
    """Tell that the broker cannot be asked; with a position open for long that is urgent."""
    to_do = f"See whether the connection of this machine works. {LOOK}"
    return Message(
        Level.URGENT if is_urgent else Level.WARNING,
        f"Broker out of reach ({now:%H:%M})",
        text,
        "Nothing is opened; it is asked again at every look.",
        to_do if is_urgent else NOTHING_TO_DO,
        key=_now_and_then(f"Broker out of reach {is_urgent}", now),
    )


def differ_at_the_end(doubt: str) -> Message:
    """Tell that a day ended with a difference."""
    return Message(
        Level.URGENT,
        "Record and broker still differ at the end",
        doubt,
        "The day is reported as it is recorded; the next start looks again.",
        "Compare its report with the account.",
    )


def unknown_order(order_id: str, order: object) -> Message:
    """Tell that the broker does not know an order that it had accepted."""
    return Message(
        Level.URGENT,
        f"Order {order_id} is unknown to the broker that accepted it",
        f"{order}",
        "Nothing is sent in its place.",
        "Look at the orders and positions in the broker's account.",
    )


def forgotten_order(order: str) -> Message:
    """Tell of an order of ours that was alive at the broker and over in the record."""
    return Message(
        Level.WARNING,
        f"Order {order} forgotten",
        "It was still open at the broker, and over in the record.",
        "It is cancelled.",
    )


def adopted_order(order: str) -> Message:
    """Tell of an order of ours that the record did not know."""
    return Message(
        Level.WARNING,
        f"Order {order} adopted",
        "It was not in the record.",
        "Its fills are booked, and what they opened is watched.",
    )


def closed_by_others(fill_id: str, words: str) -> Message:
    """Tell of a fill that was no order of ours, in what was ours."""
    return Message(
        Level.WARNING,
        f"Closed by somebody else ({fill_id})",
        f"{words}: booked.",
        "What is left of the position is put in order at once.",
        "If that was not you, ask the broker why.",
    )


# The day.


def not_settled() -> Message:
    """Tell that the official closes were not to be had."""
    return Message(
        Level.ERROR,
        "Not settled",
        "The official closes are not to be had: P&L is open.",
        "The next start asks for them again.",
        "Look for SPY shares in the account before the next open.",
    )


def result_of_the_day(day: date, result: str, mode: str, *, is_final: bool) -> Message:
    """Tell how a session ended."""
    return Message(
        Level.SUMMARY,
        f"result of {day}: {result}",
        f"{day}: {result}, after fees ({mode})",
        "The day is over, and its report is in the data directory."
        if is_final
        else "The next start looks what became of it, and completes the report.",
        NOTHING_TO_DO if is_final else LOOK,
        key="result",
    )


def earlier_days(news: Sequence[str]) -> Message:
    """Tell what was found in the morning of earlier days."""
    text = " ".join(news)
    shares = any(words in text for words in ("ASSIGNED", "SPY shares are left"))
    return Message(
        Level.URGENT if shares else Level.WARNING,
        "What became of earlier days",
        text,
        "Today goes on as usual.",
        "Look at the SPY shares in the broker's account before the open."
        if shares
        else NOTHING_TO_DO,
        key=f"earlier days: {text}",
    )


def no_connection(why: str, position: str) -> Message:
    """Tell that the broker is not reached while a position is open; `position` says which."""
    return Message(
        Level.URGENT,
        "no connection to the broker",
        f"{ended(why)} {position}",
        "It is tried until the last trade of the day; nothing is opened.",
        f"See that the connection and the broker work. {LOOK}",
    )


def nothing_opened(why: str) -> Message:
    """Tell that a start found what forbids an entry, and a position to watch."""
    return Message(
        Level.WARNING,
        "Nothing is opened today",
        why,
        "What is held is watched and closed by the rules.",
        "Mend it before tomorrow; python scripts/doctor.py looks again.",
    )


def ended_early(sentence: str, now: datetime, *, is_open: bool) -> Message:
    """Tell that the program ended by a failure or a refusal; `sentence` says why."""
    return Message(
        Level.URGENT if is_open else Level.ERROR,
        f"The program ended at {now:%H:%M}",
        sentence,
        "Nobody watches the position until it is started again."
        if is_open
        else "Nothing is traded until it is started again.",
        f"Start it again, or close the position by hand. {LOOK}"
        if is_open
        else "python scripts/doctor.py says what to mend.",
        key=f"ended {now:%H}: {sentence}",
    )
