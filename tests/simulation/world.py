"""The world around a simulated day: true time, the machine with its own clock, and what happens.

True time moves only here. Whatever lets time pass (a sleep, a call that hangs) lets the faults
happen whose moment has come; each step ends with a look at the invariants.
"""

import heapq
import sqlite3
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta

from src.database import Store
from tests.simulation.faults import KINDS, Anchor, Fault, Style

PARTS = 5
"""Into how many parts a time is cut in which the machine does nothing and the market goes on."""
Act = Callable[[Fault], None]


class Crash(BaseException):
    """The machine stops at this instruction; it is started again after `downtime` seconds."""

    def __init__(self, downtime: float) -> None:
        super().__init__(downtime)
        self.downtime = downtime


class Violation(BaseException):
    """An invariant does not hold; `name` is its letter."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(name, text)
        self.name, self.text = name, text

    def __str__(self) -> str:
        return f"({self.name}) {self.text}"


class TrueClock:
    """The time of the exchange."""

    def __init__(self, start: datetime) -> None:
        self.moment = start

    def now(self) -> datetime:
        return self.moment

    def sleep(self, seconds: float) -> None:
        raise NotImplementedError("true time moves by the world alone")


class World:
    """True time, the faults that wait, and the trace of what happened."""

    def __init__(self, open_: datetime, close: datetime, start: datetime) -> None:
        self.time = TrueClock(start)
        self.offset = timedelta(0)
        self.corrected = start, timedelta(0)
        """When the machine's clock was last set right, and what it had been wrong by."""
        self.is_up = False
        self.last_disturbance = start
        self.trace: deque[tuple[datetime, str, object]] = deque(maxlen=60)
        self.listener: Callable[[datetime, str, object], None] | None = None
        self.struck: set[str] = set()
        """The kinds of faults that made themselves felt."""
        self.acts: dict[str, Act] = {}
        self.on_step: Callable[[], None] = lambda: None
        self.on_time: Callable[[], None] = lambda: None
        self._anchors = {Anchor.OPEN: open_, Anchor.CLOSE: close}
        self._waiting: dict[Anchor, list[Fault]] = {}
        self._due: list[tuple[datetime, int, Fault]] = []
        self._count = 0
        self._armed: dict[str, list[list[object]]] = {}
        self.has_armed = False
        """Whether a fault ever waited for a call or a commit: asked at each of them."""
        self._active: dict[str, tuple[datetime, Fault]] = {}
        self._troubled_until = start

    # Faults.

    def plan(self, faults: tuple[Fault, ...]) -> None:
        """Lay the faults upon the day."""
        for fault in faults:
            origin = self._anchors.get(fault.anchor)
            if origin is None:
                self._waiting.setdefault(fault.anchor, []).append(fault)
            else:
                self._schedule(origin + timedelta(seconds=fault.at), fault)

    def reached(self, anchor: Anchor) -> None:
        """Begin to count the seconds of the faults that waited for this."""
        if anchor in self._anchors:
            return
        self._anchors[anchor] = self.time.moment
        for fault in self._waiting.pop(anchor, ()):
            self._schedule(self.time.moment + timedelta(seconds=fault.at), fault)
        self._happen_now()

    def happens_at(self, moment: datetime, kind: str) -> None:
        """Let the act of this name happen at a moment to come."""
        self._schedule(moment, Fault(kind, Anchor.OPEN, 0.0))

    def _schedule(self, moment: datetime, fault: Fault) -> None:
        self._count += 1
        heapq.heappush(self._due, (moment, self._count, fault))

    def _happen_now(self) -> bool:
        happened = False
        while self._due and self._due[0][0] <= self.time.moment:
            _, _, fault = heapq.heappop(self._due)
            self._begin(fault)
            happened = True
        return happened

    def _begin(self, fault: Fault) -> None:
        if fault.kind not in KINDS:
            self.acts[fault.kind](fault)
            return
        self.note("FAULT", fault)
        self.last_disturbance = max(self.last_disturbance, self.time.moment)
        style = KINDS[fault.kind].style
        if style is not Style.ARMED:
            self.struck.add(fault.kind)
        if style is Style.ARMED:
            self._armed.setdefault(fault.kind, []).append([fault, fault.n])
            self.has_armed = True
            return
        if style is Style.WINDOW:
            end = self.time.moment + timedelta(seconds=fault.length)
            self._active[fault.kind] = (end, fault)
            self._troubled_until = max(self._troubled_until, end)
            self.last_disturbance = max(self.last_disturbance, end)
        if act := self.acts.get(fault.kind):
            act(fault)

    def active(self, kind: str) -> Fault | None:
        """Return the fault of this kind that is going on, if one is."""
        found = self._active.get(kind)
        if found is None:
            return None
        if found[0] > self.time.moment:
            return found[1]
        del self._active[kind]
        return None

    @property
    def is_troubled(self) -> bool:
        """Whether anything lasting is going on."""
        return self.time.moment < self._troubled_until

    def lasts(self, kind: str) -> float:
        """Return for how many seconds a fault has been going on, -1 when it is not."""
        fault = self.active(kind)
        if fault is None:
            return -1.0
        return fault.length - (self._active[kind][0] - self.time.moment).total_seconds()

    def take(self, kind: str) -> Fault | None:
        """Return and use up a fault that waited for such a call."""
        waiting = self._armed.get(kind)
        if not waiting:
            return None
        fault = waiting.pop(0)[0]
        assert isinstance(fault, Fault)
        self.note("HITS", fault)
        self.struck.add(fault.kind)
        self.last_disturbance = self.time.moment
        return fault

    def crash_point(self, kind: str) -> None:
        """Let the machine stop here, if it is the n-th such point since the fault was armed."""
        waiting = self._armed.get(kind)
        if not waiting or not self.is_up:
            return
        fault, left = waiting[0]
        assert isinstance(fault, Fault)
        assert isinstance(left, int)
        if left > 0:
            waiting[0][1] = left - 1
            return
        waiting.pop(0)
        self.note("HITS", fault)
        self.struck.add(fault.kind)
        raise Crash(fault.length)

    @property
    def next_due(self) -> datetime | None:
        """When the next fault happens whose time is known."""
        return self._due[0][0] if self._due else None

    # Time.

    def pass_time(self, seconds: float) -> None:
        """Let so many true seconds pass, or less: a fault wakes up who sleeps."""
        target = self.time.moment + timedelta(seconds=max(seconds, 0.0))
        while self._due and self._due[0][0] <= target:
            self.time.moment = max(self.time.moment, self._due[0][0])
            self._happen_now()
            # A sleeper looks up at least once a second.
            target = min(target, self.time.moment + timedelta(seconds=1))
        self.time.moment = max(self.time.moment, target)
        self.on_time()
        self.on_step()

    def stand_still(self, seconds: float) -> None:
        """Let time pass while the machine does nothing at all: it is asleep or down."""
        start = self.time.moment
        for part in range(1, PARTS + 1):
            end = start + timedelta(seconds=seconds * part / PARTS)
            while self._due and self._due[0][0] <= end:
                self.time.moment = max(self.time.moment, self._due[0][0])
                self._happen_now()
            self.time.moment = max(self.time.moment, end)
            self.on_time()
        self.last_disturbance = max(self.last_disturbance, self.time.moment)

    # The trace.

    def note(self, what: str, about: object) -> None:
        """Remember something for the story; it is put into words only if somebody asks."""
        self.trace.append((self.time.moment, what, about))
        if self.listener:
            self.listener(self.time.moment, what, about)


class MachineClock:
    """The clock of the machine: true time, and what it is wrong by."""

    def __init__(self, world: World) -> None:
        self._world = world

    def now(self) -> datetime:
        world = self._world
        return world.time.moment + world.offset if world.offset else world.time.moment

    def sleep(self, seconds: float) -> None:
        self._world.pass_time(seconds)


class FaultyStore(Store):
    """A store on a disk that can be full, in a machine that can stop at any commit."""

    def __init__(self, connection: sqlite3.Connection, world: World) -> None:
        super().__init__(connection)
        self._world = world

    def write(self, sql: str, values: object = ()) -> int:
        if self._world.is_troubled and self._world.active("disk full"):
            raise sqlite3.OperationalError("database or disk is full")
        return super().write(sql, values)  # type: ignore[arg-type] # passed on as it came

    def commit(self) -> None:
        if not self.connection.in_transaction:
            return
        world = self._world
        if world.has_armed:
            world.crash_point("crash before a commit")
        super().commit()
        world.note("commit", "")
        if world.has_armed:
            world.crash_point("crash after a commit")
        world.on_step()
