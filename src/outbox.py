"""What is sent, when, and in which words: the outbox's decisions, all of them pure.

A message goes to each of its channels once. While a channel does not take it, it waits there, and
what has gathered meanwhile goes as one message.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from src.ports import Level
from src.words import count

NEWS = timedelta(days=4)
"""How long a message that could not be delivered is worth delivering: over a long weekend."""
GATHER = timedelta(seconds=3)
"""How long what is not urgent waits for more, so that a burst is one message."""
CALM = timedelta(seconds=20)
CALM_SMS = timedelta(minutes=2)
"""How long after a message the next one of the same channel waits, and gathers what comes."""
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=15), timedelta(minutes=10)
LASTING_PAUSE = timedelta(minutes=30)
"""The pause while only a person can mend a channel: its server is not teased."""
SHORT = 300
"""Characters of an SMS: two of the parts that are paid for."""
MOST = 40
"""Messages that one bundle tells in full; of the others it says how many there are."""
NAME = "optionsarbitrage"
REPEAT = "(This may be a repeat: it was being sent when the program or the connection broke off.)"


class Letter(NamedTuple):
    """A message that waits for one channel, perhaps with a page, `html` and `plain`.

    Moments are the machine's clock's, save `at`: when it was put up, by the day's clock. One that
    `is_in_doubt` was perhaps sent already.
    """

    row: int
    at: datetime
    level: Level
    title: str
    text: str
    html: str
    plain: str
    tries: int
    next_try_at: datetime
    is_in_doubt: bool


class Parcel(NamedTuple):
    """What is sent at once: one letter or a bundle.

    Where there is a page, `html` is it, and `text` is for readers that show none.
    """

    letters: tuple[Letter, ...]
    title: str
    text: str
    html: str = ""


class Answer(NamedTuple):
    """What became of a parcel.

    `words` say why it was not taken, or which part of it was not; they hold no address and no
    secret. `mend` says what to do. What `is_lasting` only a person can mend. After an answer that
    `is_in_doubt` nobody knows whether it arrived.
    """

    is_taken: bool
    words: str = ""
    mend: str = ""
    is_lasting: bool = False
    is_in_doubt: bool = False


def first_try(level: Level, now: datetime) -> datetime:
    """Return when a message that has just been seen is sent at the earliest."""
    return now if level is Level.URGENT else now + GATHER


def pause(tries: int, *, is_lasting: bool = False) -> timedelta:
    """Return how long a channel is left alone after so many failed tries."""
    if is_lasting:
        return LASTING_PAUSE
    doubled: int = 2 ** min(tries - 1, 10)
    return min(FIRST_PAUSE * doubled, LONGEST_PAUSE)


def next_try(
    letters: Sequence[Letter], now: datetime, calm_until: datetime | None
) -> datetime | None:
    """Return when one channel's letters are to be tried, None when there are none.

    After a failure all wait for its pause to pass, save what is urgent and new. Nothing waits
    longer than the longest pause, whatever was done to the clock.
    """
    if not letters:
        return None
    fresh = [each for each in letters if not each.tries]
    moments = [each.next_try_at for each in fresh if each.level is Level.URGENT]
    if failed := [each for each in letters if each.tries]:
        moments.append(max(each.next_try_at for each in failed))
    else:
        moments += [each.next_try_at for each in fresh]
    found = min(moments)
    if calm_until:
        found = max(found, calm_until)
    return now if found - now > LASTING_PAUSE else found


def parcels(letters: Sequence[Letter], *, is_short: bool, has_layout: bool) -> list[Parcel]:
    """Return how letters, the oldest first, are packed for a channel.

    A letter with a layout is a parcel of its own where layouts are shown; all others are one.
    """
    if is_short:
        return [_short_one(letters)] if letters else []
    alone = [each for each in letters if has_layout and each.html]
    rest = [each for each in letters if each not in alone]
    packed = [_bundle(rest)] if rest else []
    return packed + [_page(each) for each in alone]


def _single(letter: Letter) -> Parcel:
    text = f"{letter.text}\n\n{REPEAT}" if letter.is_in_doubt else letter.text
    return Parcel((letter,), _titled(letter), text)


def _page(letter: Letter) -> Parcel:
    parcel = _single(letter)
    both = "\n\n".join(filter(None, (parcel.text, letter.plain)))
    return parcel._replace(text=both, html=letter.html)


def _bundle(letters: Sequence[Letter]) -> Parcel:
    if len(letters) == 1:
        return _single(letters[0])
    first = max(letters, key=lambda each: _WEIGHT[each.level])
    told, left = letters, 0
    if len(letters) > MOST:
        # What matters most is told in full, whatever came between.
        weighty = sorted(letters, key=lambda each: -_WEIGHT[each.level])[:MOST]
        told = [each for each in letters if each in weighty]
        left = len(letters) - len(told)
    lines = [f"{each.at:%H:%M} {_headed(each)}\n{each.text}" for each in told]
    if left:
        lines.append(f"{count(left, 'more message')} of less weight: see the report of the day.")
    if any(each.is_in_doubt for each in letters):
        lines.append(REPEAT)
    title = f"{NAME}: {len(letters)} messages"
    if _WEIGHT[first.level] >= _WEIGHT[Level.WARNING]:
        title += f", {_headed(first)}"
    return Parcel(tuple(letters), title, "\n\n".join(lines))


def _short_one(letters: Sequence[Letter]) -> Parcel:
    newest = letters[-1]
    head = f"{NAME}: {newest.title}"
    if len(letters) > 1:
        head = f"{NAME}: {len(letters)} urgent messages. The last: {newest.title}"
    repeat = " (Perhaps a repeat.)" if any(each.is_in_doubt for each in letters) else ""
    return Parcel(tuple(letters), "", shortened(f"{head}. {newest.text}", SHORT, repeat))


def shortened(text: str, most: int, tail: str = "") -> str:
    """Return a text of at most so many characters that keeps its beginning and last sentence."""
    if len(text) + len(tail) <= most:
        return text + tail
    _, dot, last = text.rstrip(".").rpartition(". ")
    last = f" {last}." if dot and len(last) < most // 2 else ""
    room = most - len(last) - len(tail) - len("...")
    return f"{text[:room].rstrip()}...{last}{tail}"


_WEIGHT = {level: weight for weight, level in enumerate(Level)}


def _headed(letter: Letter) -> str:
    if letter.level in {Level.WARNING, Level.ERROR, Level.URGENT}:
        return f"{letter.level.upper()}: {letter.title}"
    return letter.title


def _titled(letter: Letter) -> str:
    return f"{NAME}: {_headed(letter)}"
