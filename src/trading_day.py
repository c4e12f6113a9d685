"""The day as one state machine: `tick` brings it up to a moment and says when to come back.

It knows nothing of cron, loops or processes. All that matters is in the database, so a process
that starts in the middle of the day, or after a crash, goes on from there.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from src import messages, story
from src.control import Control, ControlMode
from src.database import Store
from src.day_end import DayEnd
from src.day_record import DayRecord
from src.fees import fee_schedule
from src.herald import Herald, Say
from src.journal import Journal
from src.market_data import MarketDataCollector
from src.models import (
    EntryDecision,
    ExitReason,
    ExitSignal,
    Session,
    SpreadPosition,
    TradeSetup,
)
from src.order_executor import OrderExecutor
from src.outlook import Expectations
from src.ports import Account, Broker, Clock, Notifier, QuoteSource, RetryLater
from src.position_monitor import DayState, LiveValue, PositionMonitor
from src.recovery import Recovery
from src.results_logger import ResultsLogger
from src.risk_manager import Exposure, RiskManager
from src.settings import Settings
from src.strategy_engine import BLIND, Capacity, should_enter_trade
from src.timetable import Phase, Timetable
from src.trade_book import TradeBook
from src.words import ended

LOOK_AGAIN = timedelta(seconds=2)
"""How soon an order in doubt is looked for again, once nothing trades any more."""
SECOND_LOOK = timedelta(minutes=1)
GIVE_UP_ON_CLOSES = timedelta(hours=2)
"""How long after the last option trade the official closes are waited for."""


class TradingDay:
    """One session, traded at one broker on one source of quotes."""

    def __init__(  # noqa: PLR0913 - the one place where a day is put together
        self,
        *,
        session: Session,
        mode: str,
        settings: Settings,
        source: QuoteSource,
        broker: Broker,
        clock: Clock,
        store: Store,
        folder: Path | None,
        say: Say,
        notifier: Notifier | None = None,
        notes: str = "",
        results: ResultsLogger | None = None,
        bar: str = "",
    ) -> None:
        self.session = session
        self.mode = mode
        self.journal = Journal(store, session.day)
        self.record = DayRecord(store, session.day)
        self.control = Control(self.record.control, folder)
        self.results = results or ResultsLogger(store.connection, folder or Path())
        self.timetable = Timetable(session, settings, broker.must_be_flat_by(session))
        self._settings = settings
        self._source = source
        self._broker = broker
        self._clock = clock
        self._store = store
        self._herald = Herald(self.record, say, notifier)
        self._tell, self._alert = self._herald.tell, self._herald.alert
        self._fees = fee_schedule(settings.fees)
        self._collector = MarketDataCollector(source, clock, session, settings)
        self._expectations = Expectations(self.record, source, settings.strategy, mode)
        self._monitor = PositionMonitor(self._collector, self.timetable, settings, self._fees)
        self._risk = RiskManager(settings)
        self._executor = OrderExecutor(
            broker=broker,
            collector=self._collector,
            journal=self.journal,
            clock=clock,
            settings=settings,
            fees=self._fees,
            tell=self._tell,
            alert=self._alert,
            may_open=self.control.may_open,
        )
        self._recovery = Recovery(broker, self.journal, self._executor, self.record, self._herald)
        self._book = TradeBook(
            executor=self._executor,
            journal=self.journal,
            record=self.record,
            results=self.results,
            herald=self._herald,
            mode=mode,
            store=store,
            is_bare=self._recovery.is_bare,
        )
        self._end = DayEnd(
            session=session,
            mode=mode,
            source=source,
            journal=self.journal,
            record=self.record,
            results=self.results,
            herald=self._herald,
            book=self._book,
            notes=notes,
        )
        self._in_doubt = ""
        self._bar = bar
        self._has_decided = False
        self._due: datetime | None = None

    def begin(self, run_key: str, now: datetime) -> None:
        """Record that this session is worked on; a session begun before is gone on with."""
        self.record.begin_session(self.mode, self._source.name, run_key, now)
        if self._settings.strategy.expected_profit == "credit":
            self._tell(now, "note", BLIND)

    def tick(self, now: datetime) -> datetime | None:
        """Bring the day up to `now`; return when to be called next, None when it is over."""
        phase = self.timetable.phase(now)
        due, self._due = self._due, None
        try:
            if now == due:
                now = due  # the very same object: it was written out when it was asked for
            else:
                # A restart goes on at this moment; one that was due is in the record already.
                self.record.mark(phase, now)
                self._store.commit()
            wake = self._advance(phase, now)
        except BaseException:
            # What had to survive was committed; the rest belongs together, and is done again.
            self._store.rollback()
            raise
        if wake is not None:
            self.record.mark(phase, now, wake)
        self._store.commit()
        self._due = wake
        self._herald.deliver()
        return wake

    def attention(self) -> bool:
        """Whether something is wished that must not wait for the next tick."""
        return self.control.attention()

    def _advance(self, phase: Phase, now: datetime) -> datetime | None:
        self.control.heed(now, self._tell)
        if phase is Phase.BEFORE_OPEN:
            if not (self._book.open_positions() or self.journal.live_orders()):
                return self.wait_until_market_open(now)
            self._alert(now, messages.clock_put_back(now))
        self._compare_with_broker(now)
        if phase is Phase.AFTER_CLOSE:
            return self.end_of_day_routine(now)
        self._book.finish(now)
        if phase is Phase.SETTLING_IN:
            words = f"The market is open; it settles until {self.timetable.entry_start:%H:%M}."
            self._herald.tell_once(now, "wait", words)
            self._expectations.prepare(now)
        elif phase is Phase.ENTRY_WINDOW:
            self._expectations.prepare(now, is_urgent=True)
            self.morning_routine(now)
        self.monitor_loop(now)
        return self._next_wake(now)

    def position_in_words(self) -> str:
        """Return what is open, for the moment at which the program must stop."""
        held = story.open_positions(self._book.open_positions())
        if not held:
            return "No position is open."
        return f"A POSITION IS OPEN and stays recorded ({held}). Start again to watch it."

    def standing(self, now: datetime) -> dict[str, str]:
        """Return where the day stands, in words, for whoever looks at it from outside."""
        return {
            "session": self.session.day.isoformat(),
            "mode": self.mode,
            "phase": self.timetable.phase(now).value,
            "position": story.open_positions(self._book.open_positions()),
            "differences": self._in_doubt,
            "control": self.control.mode().label,
        }

    # The parts of the day.

    def wait_until_market_open(self, now: datetime) -> datetime:
        """Return the opening time, and say once that it is waited for."""
        words = f"Waiting for the open at {self.session.open:%H:%M} ET."
        self._herald.tell_once(now, "wait", words)
        self._expectations.prepare(now)
        return self.session.open

    def morning_routine(self, now: datetime) -> EntryDecision | None:
        """Judge the market, and trade if every criterion and every limit allows it.

        Returns None when it is not time to judge yet, or nothing more may be opened today.
        """
        if not self.timetable.entry_is_due(now, self.record.last_decision_at()):
            return None
        if self._book.open_spreads() >= self._settings.strategy.max_spreads:
            return None
        if self.journal.live_orders():
            self._tell(now, "wait", "An order is still at work: nothing new is opened.")
            return None
        try:
            account = self._broker.account()
        except RetryLater as error:
            self._tell(now, "alert", f"The account cannot be read: {error}. Nothing is opened.")
            return None
        market = self._collector.get_trade_setup()
        capacity = Capacity(self._book.open_spreads(), account.available, account.equity)
        decision = should_enter_trade(
            market,
            now=now,
            session=self.session,
            capacity=capacity,
            settings=self._settings,
            fees=self._fees,
            expected=self._expectations.get(),
        )
        self.record.record_decision(decision)
        self._tell_decision(now, decision)
        if decision.should_trade and decision.setup:
            self._enter(now, decision, decision.setup, account)
        return decision

    def monitor_loop(self, now: datetime) -> None:
        """Look at every open position when it is time, and close what must be closed."""
        held = [each for each in self._book.open_positions() if each.stage == "held"]
        if not held:
            self._halt_on_realised_loss(now)
            return
        last = self.record.last_check_at() or min(each.opened_at for each in held)
        if not self.timetable.check_is_due(now, last):
            # Working an entry takes its time: a wish may have come since the tick began.
            self.control.heed(now, self._tell)
            if not self._close_is_wished():
                return
        values = self._values()
        if self._clock.now() != now:
            self.control.heed(now, self._tell)  # what was wished since the tick began
        mode, close_asked = self.control.heeded
        day = DayState(self._day_pnl(values), mode, close_asked)
        found = [(each, self._check(each, values[each.spread_no], day, now)) for each in held]
        signals = [(each, signal) for each, signal in found if signal]
        for _, signal in signals:
            if signal.reason is ExitReason.DAILY_LOSS:
                self._risk.emergency_close_all(
                    held,
                    signal.text,
                    now,
                    record=self.record,
                    alert=self._alert,
                    close=self._book.leave,
                )
                return
        for position, signal in signals:
            self._book.leave(position, signal.reason, signal.text, now)
        if day.close_asked and not self._book.open_positions():
            self.record.close_was_done(now)

    def _halt_on_realised_loss(self, now: datetime) -> None:
        if self._book.open_positions():
            return
        loss = -sum([each.cash for each in self.journal.positions()], Decimal(0))
        if loss > self._risk.daily_limit and self.control.mode() is not ControlMode.HALT:
            text = f"the day's loss is ${loss:,.2f} (limit ${self._risk.daily_limit:,.2f})"
            self._risk.emergency_close_all(
                [], text, now, record=self.record, alert=self._alert, close=self._book.leave
            )

    def end_of_day_routine(self, now: datetime) -> datetime | None:
        """Settle what expired, reckon the day to the cent, report and export.

        SPY calls trade for a quarter of an hour after SPXW has expired; until then an exit that is
        under way is still tried.
        """
        self._book.bring_up_to_date(now)
        held = self._book.open_positions()
        last_trade = self.session.spy_options_close
        if any(each.spy_short for each in held):
            if now < last_trade:
                self._book.finish(now)
                if self._close_is_wished():
                    self.monitor_loop(now)
            self._alert(now, messages.held_into_expiry(last_trade))
            if now < last_trade:
                return min(self.timetable.next_quick_check(now), last_trade)
        patient = now < last_trade + GIVE_UP_ON_CLOSES
        if patient and any(each.status.is_in_doubt for each in self.journal.orders()):
            self._herald.tell_once(now, "wait", "Waiting to hear what became of an order.")
            return now + LOOK_AGAIN
        if patient and self._recovery.is_cut_off:
            self._herald.tell_once(now, "wait", "Waiting until the broker can be asked.")
            return now + SECOND_LOOK
        if held and not self._end.settle(held, now):
            if patient:
                return now + timedelta(minutes=5)
            self._alert(now, messages.not_settled())
        self._end.report(self._in_doubt, now)
        return None

    # Entering.

    def _enter(
        self, now: datetime, decision: EntryDecision, setup: TradeSetup, account: Account
    ) -> None:
        # What this tick did before may have taken its time, and the exchange acts when it likes.
        self._compare_with_broker(now)
        exposure = Exposure(
            open_spreads=self._book.open_spreads(),
            day_pnl=self._day_pnl(self._values()),
            mode=self.control.mode(),
            in_doubt=self._in_doubt,
            bar=self._bar,
        )
        verdict = self._risk.can_open_position(decision.position_size, exposure, account)
        if not verdict.allowed:
            self._tell(now, "risk", ended(f"Risk says no: {'; '.join(verdict.reasons)}"))
            return
        self._tell(now, "risk", story.risk_allows(setup, decision.position_size, self._settings))
        self._book.enter(setup, decision, now)

    # Watching.

    def _check(
        self, position: SpreadPosition, value: LiveValue, day: DayState, now: datetime
    ) -> ExitSignal | None:
        if value.pnl is None:
            known = self.record.last_known_pnl(position)
            value = value._replace(unknown=f"{value.unknown}; last known: {known}")
        signals = self._monitor.check_exit_conditions(position, value, day, now)
        signal = signals[0] if signals else None
        reason, words = signal.reason if signal else "", story.verdict(value, signals)
        self.record.record_check(position, now, value.spy_price, value.pnl, reason, words)
        self._herald.say(now, story.check_line(position, value, words))
        if value.pnl is None:
            self._alert(now, messages.pnl_unknown(position.trade_id, value.unknown))
        return signal

    # Facts.

    def _compare_with_broker(self, now: datetime) -> None:
        self._in_doubt = self._recovery.compare(now, expired=now >= self.session.close)
        if self._in_doubt:
            self._recovery.alert(self._in_doubt, now)

    def _close_is_wished(self) -> bool:
        mode, close_asked = self.control.heeded
        return mode >= ControlMode.CLOSE or close_asked

    def _values(self) -> dict[int, LiveValue]:
        return {each.spread_no: self._monitor.value(each) for each in self._book.open_positions()}

    def _day_pnl(self, values: dict[int, LiveValue]) -> Decimal | None:
        """Return realised and unrealised dollars of the day, None when a part is not known."""
        total = Decimal(0)
        for position in self.journal.positions():
            part = values[position.spread_no].pnl if position.is_open else position.cash
            if part is None:
                return None
            total += part
        return total

    def _next_wake(self, now: datetime) -> datetime:
        moments = [self.session.close]
        held = self._book.open_positions()
        entry = self.timetable.next_entry(now)
        if entry and self._book.open_spreads() < self._settings.strategy.max_spreads:
            moments.append(entry)
        orders = self.journal.orders()
        fresh = bool(orders) and now - orders[-1].intent.created_at < SECOND_LOOK
        # What was just traded is compared with the broker once more before a long wait.
        if fresh or [each for each in held if each.stage != "held"]:
            moments.append(self.timetable.next_quick_check(now))
        if held:
            moments.append(self.timetable.next_check(now))
        return min(moments)

    def _tell_decision(self, now: datetime, decision: EntryDecision) -> None:
        if decision.should_trade or not self._has_decided:
            self._has_decided = True
            for line in story.decision_lines(decision):
                self._herald.say(now, line)
        else:
            self._herald.say(now, story.decision_in_short(decision))
