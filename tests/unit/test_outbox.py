"""When a message is sent, with which others, and in which words."""

from datetime import timedelta

import pytest

from src.outbox import (
    GATHER,
    LASTING_PAUSE,
    LONGEST_PAUSE,
    MOST,
    REPEAT,
    SHORT,
    first_try,
    next_try,
    parcels,
    pause,
    shortened,
)
from src.ports import Level
from tests.fakes.letters import EMAIL, NOW, SLACK, SMS, a_letter

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)

# When.


@pytest.mark.parametrize("level", list(Level))
def test_an_sms_is_sent_only_for_what_is_urgent_and_the_rest_is_told_everything(
    level: Level,
) -> None:
    assert EMAIL.takes(level)
    assert SLACK.takes(level)
    assert SMS.takes(level) == (level is Level.URGENT)


@pytest.mark.parametrize("level", list(Level))
def test_only_what_is_urgent_does_not_wait_for_more(level: Level) -> None:
    assert first_try(level, NOW) - NOW == (timedelta(0) if level is Level.URGENT else GATHER)


def test_the_pauses_double_up_to_ten_minutes() -> None:
    seconds = [pause(tries).total_seconds() for tries in range(1, 9)]
    assert seconds == [15, 30, 60, 120, 240, 480, 600, 600]
    assert pause(10_000) == LONGEST_PAUSE


def test_a_server_that_said_no_for_good_is_not_teased() -> None:
    assert pause(1, is_lasting=True) == LASTING_PAUSE


def test_nothing_waits_for_nothing() -> None:
    assert next_try([], NOW, None) is None


def test_new_messages_wait_for_the_first_of_them() -> None:
    letters = [
        a_letter(1, next_try_at=NOW + 3 * SECOND),
        a_letter(2, next_try_at=NOW + 2 * SECOND),
    ]
    assert next_try(letters, NOW, None) == NOW + 2 * SECOND


def test_while_a_channel_fails_new_messages_wait_with_the_old_ones() -> None:
    failed = a_letter(1, tries=3, next_try_at=NOW + MINUTE)
    assert next_try([failed, a_letter(2)], NOW, None) == NOW + MINUTE


def test_what_is_urgent_and_new_is_tried_at_once_even_where_a_channel_fails() -> None:
    failed = a_letter(1, tries=3, next_try_at=NOW + MINUTE)
    assert next_try([failed, a_letter(2, Level.URGENT)], NOW, None) == NOW
    tried = a_letter(2, Level.URGENT, tries=1, next_try_at=NOW + 2 * MINUTE)
    assert next_try([failed, tried], NOW, None) == NOW + 2 * MINUTE


def test_after_a_message_the_next_one_keeps_its_distance() -> None:
    assert next_try([a_letter()], NOW, NOW + 20 * SECOND) == NOW + 20 * SECOND
    assert next_try([a_letter()], NOW, NOW - SECOND) == NOW


def test_a_clock_that_was_put_back_keeps_no_message_waiting() -> None:
    later = NOW + timedelta(days=1)
    assert next_try([a_letter(tries=1, next_try_at=later)], NOW, None) == NOW


# With which others.


def test_one_message_goes_as_it_is() -> None:
    (parcel,) = parcels(
        [a_letter(1, title="opened", level=Level.ENTERED)], is_short=False, has_layout=True
    )
    assert parcel.title == "optionsarbitrage: opened"
    assert parcel.text == "It happened. It goes on. Do nothing."


def test_trouble_is_named_in_the_title() -> None:
    titles = [
        parcels([a_letter(level=level)], is_short=False, has_layout=True)[0].title
        for level in Level
    ]
    assert titles == [
        *["optionsarbitrage: title 1"] * 3,
        *(f"optionsarbitrage: {word}: title 1" for word in ("WARNING", "ERROR", "URGENT")),
    ]


def test_several_messages_are_one_with_the_oldest_first_and_the_worst_in_the_title() -> None:
    letters = [
        a_letter(1, Level.ENTERED, title="opened"),
        a_letter(2, Level.URGENT, title="Daily loss limit", text="-$1,012.00."),
        a_letter(3, Level.EXITED, title="closed", text="It is flat."),
    ]
    (parcel,) = parcels(letters, is_short=False, has_layout=True)
    assert parcel.title == "optionsarbitrage: 3 messages, URGENT: Daily loss limit"
    assert parcel.text == (
        "09:31 opened\nIt happened. It goes on. Do nothing.\n\n"
        "09:32 URGENT: Daily loss limit\n-$1,012.00.\n\n"
        "09:33 closed\nIt is flat."
    )
    assert parcel.letters == tuple(letters)


def test_several_messages_without_trouble_have_a_quiet_title() -> None:
    letters = [a_letter(row, Level.ENTERED) for row in (1, 2)]
    assert (
        parcels(letters, is_short=False, has_layout=True)[0].title == "optionsarbitrage: 2 messages"
    )


def test_a_page_is_a_message_of_its_own_where_pages_are_shown() -> None:
    letters = [
        a_letter(1),
        a_letter(2, Level.SUMMARY, html="<p>The day</p>", title="result"),
        a_letter(3),
    ]
    bundle, page = parcels(letters, is_short=False, has_layout=True)
    assert [each.row for each in bundle.letters] == [1, 3]
    assert (page.title, page.html) == ("optionsarbitrage: result", "<p>The day</p>")
    assert page.text == f"{letters[1].text}\n\nthe page as text"
    (together,) = parcels(letters, is_short=False, has_layout=False)
    assert [each.row for each in together.letters] == [1, 2, 3]
    assert together.html == ""


def test_a_page_alone_goes_as_text_where_no_pages_are_shown() -> None:
    (parcel,) = parcels([a_letter(html="<p>x</p>")], is_short=False, has_layout=False)
    assert parcel.html == ""


def test_five_hundred_messages_are_one_that_tells_the_weightiest() -> None:
    letters = [a_letter(row, Level.WARNING) for row in range(1, 501)]
    letters[123] = a_letter(124, Level.URGENT, title="Daily loss limit")
    (parcel,) = parcels(letters, is_short=False, has_layout=True)
    assert len(parcel.letters) == 500
    assert parcel.title == "optionsarbitrage: 500 messages, URGENT: Daily loss limit"
    assert "URGENT: Daily loss limit" in parcel.text
    assert parcel.text.endswith("460 more messages of less weight: see the report of the day.")
    assert parcel.text.count("\n\n") == MOST


# In which words.


@pytest.mark.parametrize("number", [1, 2])
def test_what_may_have_been_sent_before_says_so(number: int) -> None:
    letters = [a_letter(row, is_in_doubt=row == 1) for row in range(1, number + 1)]
    (parcel,) = parcels(letters, is_short=False, has_layout=True)
    assert parcel.text.endswith(REPEAT)


def test_an_sms_is_short_and_keeps_what_is_to_be_done() -> None:
    long = a_letter(1, Level.URGENT, text=f"{'Much happened. ' * 60}Buy the shares back.")
    (parcel,) = parcels([long], is_short=True, has_layout=False)
    assert len(parcel.text) <= SHORT
    assert parcel.title == ""
    assert parcel.text.startswith("optionsarbitrage: title 1. Much happened.")
    assert parcel.text.endswith("... Buy the shares back.")


def test_several_urgent_messages_are_one_sms_that_tells_the_last() -> None:
    letters = [a_letter(row, Level.URGENT) for row in (1, 2, 3)]
    (parcel,) = parcels(letters, is_short=True, has_layout=False)
    assert parcel.text == (
        "optionsarbitrage: 3 urgent messages. The last: title 3. It happened. It goes on. "
        "Do nothing."
    )


def test_an_sms_that_may_be_a_repeat_says_so_within_its_length() -> None:
    long = a_letter(1, Level.URGENT, text="Much happened. " * 60, is_in_doubt=True)
    (parcel,) = parcels([long], is_short=True, has_layout=False)
    assert len(parcel.text) <= SHORT
    assert parcel.text.endswith(" (Perhaps a repeat.)")


@pytest.mark.parametrize("text", ["short.", "x" * 1000, "one " * 400, f"a. {'b' * 900}", ""])
def test_a_shortened_text_is_never_too_long(text: str) -> None:
    assert len(shortened(text, 100, " (tail)")) <= 107 - 7
    assert shortened("short.", 100) == "short."
