"""What can go wrong on a simulated day: an explicit list, drawn from the seed.

A fault is a plain value, so a list that fails can be shrunk by leaving elements out, and a story
can name each of them. Seconds are true seconds, not those of a machine whose clock is wrong.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum


class Style(Enum):
    """How a fault acts: at once, for a while, or upon the next call that it concerns."""

    MOMENT = "moment"
    WINDOW = "window"
    ARMED = "armed"


class Anchor(Enum):
    """What the seconds of a fault are counted from."""

    OPEN = "the open"
    CLOSE = "the close"
    ENTRY = "the first order to open"
    EXIT = "the first order to close"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong. `length` is seconds, `n` a count that the kind explains."""

    kind: str
    anchor: Anchor
    at: float
    length: float = 0.0
    n: int = 0

    def __str__(self) -> str:
        detail = (
            f"{f', {self.length:g} s' if self.length else ''}{f', n={self.n}' if self.n else ''}"
        )
        return f"{self.kind} ({self.at:+g} s from {self.anchor.value}{detail})"


@dataclass(frozen=True, slots=True)
class Kind:
    """How faults of one kind act and how often they are drawn."""

    style: Style
    weight: float
    length: Callable[[random.Random], float] = lambda _: 0.0
    n: Callable[[random.Random], int] = lambda _: 0


def _seconds(low: float, high: float) -> Callable[[random.Random], float]:
    return lambda rng: round(rng.uniform(low, high), 1)


def _count(low: int, high: int) -> Callable[[random.Random], int]:
    return lambda rng: rng.randint(low, high)


def _downtime(rng: random.Random) -> float:
    return rng.choice((0.0, 0.0, 1.0, 5.0, 20.0, 60.0, 600.0, 3600.0))


def _outage(rng: random.Random) -> float:
    return round(rng.choice((3.0, 10.0, 40.0, 120.0, 600.0)) * rng.uniform(0.5, 1.5), 1)


def _step(rng: random.Random) -> int:
    size = rng.choice((1, 3, 7, 20, 45, 90, 600, 3600))
    return size if rng.random() < 0.5 else -size


KINDS: dict[str, Kind] = {
    # The exchange and the way to it. Armed: the next submission, cancellation or look-up.
    "accepted late": Kind(Style.ARMED, 3, _seconds(0.5, 9.0)),
    "answer lost": Kind(Style.ARMED, 3),
    "never arrived": Kind(Style.ARMED, 2),
    "refused": Kind(Style.ARMED, 2),
    "partial fills": Kind(Style.WINDOW, 3, _seconds(5, 120), _count(1, 4)),
    "fill after cancel": Kind(Style.ARMED, 3, _seconds(1, 9)),
    "slow cancel": Kind(Style.ARMED, 2, _seconds(1, 30)),
    "lost cancel": Kind(Style.ARMED, 2),
    "repeated reports": Kind(Style.WINDOW, 2, _seconds(5, 120)),
    "no trades": Kind(Style.WINDOW, 3, _outage),
    "broker away": Kind(Style.WINDOW, 4, _outage),
    "positions lag": Kind(Style.WINDOW, 2, _seconds(5, 120), _count(1, 20)),
    "SPY calls halted": Kind(Style.WINDOW, 1, _outage),
    "SPXW calls halted": Kind(Style.WINDOW, 1, _outage),
    "short calls liquidated": Kind(Style.MOMENT, 0.7, n=_count(1, 10)),
    "long calls liquidated": Kind(Style.MOMENT, 0.7, n=_count(1, 2)),
    "assigned early": Kind(Style.MOMENT, 0.7, n=_count(1, 10)),
    # Quotes as the day sees them; the exchange knows its own market.
    "old quotes": Kind(Style.WINDOW, 2, _outage),
    "zero quotes": Kind(Style.WINDOW, 1, _outage),
    "crossed quotes": Kind(Style.WINDOW, 1, _outage),
    "no quotes": Kind(Style.WINDOW, 1, _outage),
    "quotes jump": Kind(Style.WINDOW, 2, _seconds(1, 60), _count(-1, 1)),
    "SPY quotes only": Kind(Style.WINDOW, 1, _outage),
    "SPXW quotes only": Kind(Style.WINDOW, 1, _outage),
    "source fails": Kind(Style.WINDOW, 1, _outage),
    "source hangs": Kind(Style.WINDOW, 1, _seconds(5, 60)),
    # The machine. `length` is how long it stays down; `n` counts calls or commits before it.
    "crash before a call": Kind(Style.ARMED, 3, _downtime, _count(0, 12)),
    "crash after a call": Kind(Style.ARMED, 3, _downtime, _count(0, 12)),
    "crash before a commit": Kind(Style.ARMED, 3, _downtime, _count(0, 12)),
    "crash after a commit": Kind(Style.ARMED, 3, _downtime, _count(0, 12)),
    "crash": Kind(Style.MOMENT, 2, _downtime),
    "record lost": Kind(Style.MOMENT, 1, _downtime),
    "machine sleeps": Kind(Style.MOMENT, 2, _outage),
    "clock steps": Kind(Style.WINDOW, 2, _outage, _step),
    "disk full": Kind(Style.WINDOW, 1.5, _outage),
    "messages stuck": Kind(Style.WINDOW, 1, _outage),
    # The person.
    "operator: reduce-only": Kind(Style.MOMENT, 1),
    "operator: close": Kind(Style.MOMENT, 3),
    "operator: halt": Kind(Style.MOMENT, 2),
    "operator: resume": Kind(Style.MOMENT, 1),
    "HALT file": Kind(Style.WINDOW, 1, _outage),
    "started twice": Kind(Style.MOMENT, 1),
    "foreign short SPY call": Kind(Style.MOMENT, 1, n=_count(1, 10)),
    "foreign long SPXW call": Kind(Style.MOMENT, 1, n=_count(1, 2)),
}
"""Every kind of fault by the name that `--faults` takes."""


def draw_faults(rng: random.Random, kinds: Iterable[str] | None = None) -> tuple[Fault, ...]:
    """Return the faults of one day: none to seven, most of them where orders are at work."""
    names = sorted(KINDS if kinds is None else kinds)
    if not names:
        return ()
    weights = [KINDS[each].weight for each in names]
    count = rng.choice((0, 1, 1, 2, 2, 3, 3, 4, 5, 7))
    return tuple(_draw(rng, rng.choices(names, weights)[0]) for _ in range(count))


def _draw(rng: random.Random, name: str) -> Fault:
    kind = KINDS[name]
    anchor, at = _when(rng)
    return Fault(name, anchor, at, kind.length(rng), kind.n(rng))


def _when(rng: random.Random) -> tuple[Anchor, float]:
    place = rng.random()
    if place < 0.40:
        return Anchor.ENTRY, rng.choice((0.0, 0.0, round(rng.uniform(0, 75), 1)))
    if place < 0.65:
        return Anchor.EXIT, rng.choice((0.0, 0.0, round(rng.uniform(0, 75), 1)))
    if place < 0.80:
        return Anchor.OPEN, round(rng.uniform(300, 1800), 1)
    if place < 0.88:
        return Anchor.CLOSE, round(rng.uniform(-1200, 1200), 1)
    return Anchor.OPEN, round(rng.uniform(-300, 23400), 1)


def parse_kinds(text: str) -> Sequence[str]:
    """Return the kinds that `--faults` names: all, none, or a comma-separated list.

    A part of a name stands for every kind that contains it. Raises ValueError for one that none
    contains.
    """
    if text == "all":
        return tuple(KINDS)
    if text == "none":
        return ()
    found: list[str] = []
    for part in (each.strip() for each in text.split(",")):
        matching = [each for each in KINDS if part in each]
        if not matching:
            raise ValueError(f"no fault is called {part!r}; there are: {', '.join(KINDS)}")
        found += matching
    return tuple(dict.fromkeys(found))
