"""Plays one simulated day from its plan to its end, process after process."""

import sqlite3
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from brokers.simulated_client import ExchangeRules, SimulatedBroker
from brokers.synthetic_market import SyntheticMarket
from src.control import ControlMode, ControlTable, SetBy
from src.database import Store
from src.fees import FeeSchedule
from src.journal import Journal
from src.models import OptionContract
from src.ports import StopTrading
from src.trading_day import TradingDay
from tests.simulation.aftermath import Aftermath
from tests.simulation.exchange import LAG, FaultyExchange
from tests.simulation.faults import Fault
from tests.simulation.invariants import Invariants
from tests.simulation.machine import DataFolder, Mailbox, QuietResults, database, digest, empty
from tests.simulation.markets import OwnMarket, SeenMarket
from tests.simulation.sessions import DayPlan, settings_of
from tests.simulation.world import Crash, FaultyStore, MachineClock, Violation, World
from utils.scheduler import run_day

LONGEST = timedelta(hours=5)
"""How long after the close a day may take to be over, at most."""
MOST_STARTS = 400
_FOLDER = Path("unused")


@dataclass
class Outcome:
    """How a simulated day ended."""

    plan: DayPlan
    violation: Violation | None = None
    trades: int = 0
    starts: int = 0
    struck: frozenset[str] = frozenset()
    last_events: list[str] = field(default_factory=list)
    digest: str = ""


class Simulation:
    """One day. Subclasses take a safeguard away to see that its absence is found."""

    def __init__(self, plan: DayPlan, *, goes_on: bool = False) -> None:
        self.plan = plan
        session = plan.session
        self.settings = settings_of(plan.settings)
        self.world = World(session.open, session.close, session.open - timedelta(minutes=5))
        self.clock = MachineClock(self.world)
        self.market = SyntheticMarket(
            session,
            plan.market_seed,
            self.world.time,
            dislocation=True if plan.is_dislocated else None,
        )
        self.cash = Decimal(plan.cash)
        rules = ExchangeRules(
            FeeSchedule(), self.cash, Decimal(str(self.settings.strategy.capital_per_spread)), 5.0
        )
        inner = SimulatedBroker(OwnMarket(self.market, self.world), self.world.time, session, rules)
        self.exchange = FaultyExchange(inner, self.market, self.world)
        if any(each.kind == "positions lag" for each in plan.faults):
            self.exchange.positions_lag_seconds = LAG
        self.seen = SeenMarket(self.market, self.world)
        self.connection = database()
        if not goes_on:
            empty(self.connection)
        self.store = FaultyStore(self.connection, self.world)
        self.mailbox = Mailbox(self.world, self.store, session.day)
        self.invariants = Invariants(self.exchange, self.world, session, self.settings, self.store)
        self.folder = DataFolder("data")
        self.folder.world = self.world
        self.starts = 0
        self.was_lost = False
        self._is_asleep = False
        self._was_short_after_close = False
        self._loses_record = False
        self._asked: list[tuple[str, datetime]] = []
        self.world.on_step = self.invariants.look
        self.world.on_time = self._time_has_passed
        self._wire()
        if goes_on and self._is_halted():
            self.invariants.modes.append((self.world.time.moment, ControlMode.HALT))

    def _is_halted(self) -> bool:
        found = self.connection.execute("SELECT 1 FROM control WHERE mode = 3").fetchone()
        return found is not None

    def _remember(self, at: datetime, text: str) -> None:
        del at
        self.world.note("says", text)

    # The processes.

    def run(self) -> None:
        """Play the day; raises Violation."""
        self.world.plan(self.plan.faults)
        end = self.plan.session.close + LONGEST
        while not self._process():
            if self.world.time.moment > end or self.starts > MOST_STARTS:
                raise Violation("h", "the day does not come to its end")
        self._finish()

    def _process(self) -> bool:
        """Live from one start of the program to its end; return whether the day is over."""
        downtime = 60.0
        self.starts += 1
        self.world.note("start", self.starts)
        self.world.is_up = True
        try:
            self.live()
        except Crash as crash:
            downtime = crash.downtime
        except sqlite3.OperationalError as error:
            self.world.note("ends", f"exit 1: {error}")
        except StopTrading as error:
            self.world.note("ends", f"exit 3: {error}")
            return True
        except Exception as error:  # whatever it is: nobody starts the program again
            where = traceback.extract_tb(error.__traceback__)[-1]
            raise Violation(
                "x",
                f"the program fell over: {error!r} at {Path(where.filename).name}:{where.lineno}",
            ) from error
        else:
            return True
        finally:
            self.world.is_up = False
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            if self._loses_record:
                self._lose_record()
        self.world.note("down", f"for {downtime:g} s")
        self.world.stand_still(downtime)
        return False

    def live(self) -> None:
        """Do what the program does from its start to its end."""
        self.mailbox.start()
        day = self.new_day()
        day.begin("simulation", self.clock.now())
        end = self.plan.session.close + LONGEST

        def tick(now: datetime) -> datetime | None:
            if self.world.time.moment > end:
                raise Violation("h", "the day does not come to its end")
            self.world.note("tick", "")
            if self.world.time.moment >= self.plan.session.close:
                self._was_short_after_close |= self.exchange.is_short
            return day.tick(now)

        run_day(tick, self.clock, longest_nap=None, attention=day.attention)

    def new_day(self) -> TradingDay:
        """Return the trading day as a fresh process puts it together."""
        return TradingDay(
            session=self.plan.session,
            mode="demo",
            settings=self.settings,
            source=self.seen,
            broker=self.exchange,
            clock=self.clock,
            store=self.store,
            folder=self.folder,
            say=self._remember,
            notifier=self.mailbox,
            results=QuietResults(self.connection, _FOLDER),
        )

    def _finish(self) -> None:
        world = self.world
        can_deliver = not world.active("messages stuck")
        self.mailbox.wake()
        world.time.moment = max(
            world.time.moment, self.plan.session.spy_options_close + timedelta(seconds=1)
        )
        closes = self.market.official_closes(self.plan.session.day)
        assert closes is not None
        positions = Journal(Store(self.connection), self.plan.session.day).positions()
        Aftermath(
            Store(self.connection),
            self.exchange,
            self.plan.session,
            closes,
            self.cash,
            was_lost=self.was_lost,
            was_short=self._was_short_after_close,
            can_deliver=can_deliver,
        ).check(positions)

    # What happens.

    def _time_has_passed(self) -> None:
        self.exchange.look()
        if self._asked:
            self._obey_operator()

    def _wire(self) -> None:
        acts = self.world.acts
        for command in ("reduce-only", "close", "halt", "resume"):
            acts[f"operator: {command}"] = self._ask
        acts["HALT file"] = self._halt_file
        acts["started twice"] = self._start_again
        acts["record lost"] = self._crash_and_lose_record
        acts["the clock is right again"] = self._set_clock_right
        acts["crash"] = self._crash
        acts["machine sleeps"] = self._sleep
        acts["clock steps"] = self._step_clock
        acts["short calls liquidated"] = lambda fault: self.exchange.liquidate("SPY", fault.n)
        acts["long calls liquidated"] = lambda fault: self.exchange.liquidate("SPXW", fault.n)
        acts["assigned early"] = lambda fault: self.exchange.assign(fault.n)
        acts["foreign short SPY call"] = lambda fault: self._foreign("SPY", -fault.n)
        acts["foreign long SPXW call"] = lambda fault: self._foreign("SPXW", fault.n)

    def _halt_file(self, fault: Fault) -> None:
        now = self.world.time.moment
        self.invariants.halt_file = (now, now + timedelta(seconds=fault.length))

    def _start_again(self, fault: Fault) -> None:
        """Let somebody start the program a second time, while it runs and waits."""
        del fault
        if self.world.is_up and not self.connection.in_transaction:
            self.second_start()

    def second_start(self) -> None:
        """Be turned away by the lock, as `tests/unit/test_instance_lock.py` proves of it."""
        self.world.note("ends", "exit 3: another run is using this data directory")

    def _crash(self, fault: Fault) -> None:
        if self.world.is_up:
            raise Crash(fault.length)

    def _crash_and_lose_record(self, fault: Fault) -> None:
        """Let the machine stop and come back with an empty data directory."""
        self._loses_record = True
        self._crash(fault)
        self._lose_record()

    def _lose_record(self) -> None:
        self._loses_record = False
        self.was_lost = self.invariants.was_lost = True
        empty(self.connection)
        self.invariants.modes.clear()
        self.invariants.began.clear()

    def _sleep(self, fault: Fault) -> None:
        # Nobody types on a machine that is asleep.
        self._is_asleep = True
        self.world.stand_still(fault.length)
        self._is_asleep = False
        self._obey_operator()

    def _step_clock(self, fault: Fault) -> None:
        """Let the machine's clock be wrong for a while."""
        world = self.world
        world.offset += timedelta(seconds=fault.n)
        end = world.time.moment + timedelta(seconds=fault.length)
        world.happens_at(end, "the clock is right again")

    def _set_clock_right(self, fault: Fault) -> None:
        del fault
        self.world.corrected = self.world.time.moment, self.world.offset
        self.world.offset = timedelta(0)

    def _foreign(self, root: str, quantity: int) -> None:
        """Let the user trade for himself, at our strike if we have one."""
        held = [each for each in self.exchange.inner._state.options if each.root == root]
        day = self.plan.session.day
        contract = (
            held[0] if held else OptionContract(root, day, 6000.0 if root == "SPXW" else 600.0)
        )
        foreign = self.exchange.foreign
        foreign[contract] = foreign.get(contract, 0) + quantity

    def _ask(self, fault: Fault) -> None:
        self._asked.append((fault.kind.removeprefix("operator: "), self.clock.now()))

    def _obey_operator(self) -> None:
        """Type what the operator wants to, once no transaction of the program is in the way."""
        if self._is_asleep or self.connection.in_transaction:
            return
        table = ControlTable(Store(self.connection), self.plan.session.day)
        for command, at in self._asked:
            self.world.note("operator", command)
            self.command(table, command, at)
        self._asked.clear()

    def command(self, table: ControlTable, command: str, at: datetime) -> None:
        """Do what control.py does."""
        modes = self.invariants.modes
        now = self.world.time.moment
        if command == "resume":
            try:
                table.lift()
            except StopTrading as error:
                self.world.note("operator", str(error))
                return
            modes.clear()
            return
        mode = ControlMode[command.upper().replace("-", "_")]
        table.raise_mode(mode, "a person", at, SetBy.PERSON)
        modes.append((now, mode))


def simulate(plan: DayPlan, make: Callable[[DayPlan], Simulation] = Simulation) -> Outcome:
    """Play one day and tell how it ended."""
    return _ended(make(plan))


def simulate_days(plans: Iterable[DayPlan]) -> list[Outcome]:
    """Play days one after another on the same record, up to the first violation."""
    outcomes: list[Outcome] = []
    for plan in plans:
        outcomes.append(_ended(Simulation(plan, goes_on=bool(outcomes))))
        if outcomes[-1].violation:
            break
    return outcomes


def story(plan: DayPlan, tell_line: Callable[[str], None]) -> Outcome:
    """Play one day and tell every event of it."""
    simulation = Simulation(plan)
    simulation.world.listener = lambda at, what, about: tell_line(_line(at, what, about))
    outcome = _ended(simulation)
    outcome.digest = digest(simulation.connection)
    return outcome


def _ended(simulation: Simulation) -> Outcome:
    outcome = Outcome(simulation.plan)
    try:
        simulation.run()
    except Violation as violation:
        outcome.violation = violation
        outcome.last_events = [_line(*each) for each in simulation.world.trace]
    outcome.starts = simulation.starts
    outcome.struck = frozenset(simulation.world.struck)
    outcome.trades = simulation.connection.execute("SELECT count(*) FROM trades").fetchone()[0]
    return outcome


def _line(at: datetime, what: str, about: object) -> str:
    return f"{at:%H:%M:%S.%f}"[:-3] + f" {what}: {_words(about)}"


def _words(about: object) -> str:
    if isinstance(about, tuple):
        return " | ".join(str(each) for each in about if str(each))
    return str(about)
