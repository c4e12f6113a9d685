from datetime import date

import pytest

from src.database import Store
from src.day_record import DayRecord
from src.outlook import Expectations, closes_without_record, last_closes, outlook
from src.ports import OfficialCloses, RetryLater
from src.ratio import Closes
from src.settings import Settings
from tests.fakes.builders import DAY, ScriptedMarket, a_clock, at
from tests.fakes.ledger import Ledger

RULES = Settings.defaults().strategy
FRIDAY = date(2026, 3, 6)
KNOWN = OfficialCloses(600.0, 6010.0, "a test")


class Archive(ScriptedMarket):
    """A source that knows the closes of some days; `asked` are those it was asked for."""

    def __init__(self, *days: date) -> None:
        super().__init__(a_clock())
        self.days = days
        self.asked: list[date] = []

    def official_closes(self, day: date) -> OfficialCloses | None:
        self._reach()
        self.asked.append(day)
        return KNOWN if day in self.days else None


def a_record(mode: str = "paper", day: date = DAY) -> DayRecord:
    return DayRecord(Store(Ledger(day, mode).connection), day)


def expectations(record: DayRecord, source: Archive, mode: str = "paper") -> Expectations:
    return Expectations(record, source, RULES, mode)


def test_the_last_session_before_a_monday_is_friday() -> None:
    assert last_closes(Archive(FRIDAY), DAY) == Closes(FRIDAY, 600.0, 6010.0)


def test_holidays_are_passed_over_and_weekends_not_asked_for() -> None:
    source = Archive(date(2026, 3, 5))
    assert last_closes(source, DAY) == Closes(date(2026, 3, 5), 600.0, 6010.0)
    assert source.asked == [FRIDAY, date(2026, 3, 5)]
    assert last_closes(Archive(), DAY) is None


THURSDAY = Closes(date(2026, 3, 5), 598.0, 5990.0)
WEDNESDAY = Closes(date(2026, 3, 4), 597.0, 5980.0)


def test_a_day_without_a_record_knows_what_it_was_told_and_what_its_source_knows_since() -> None:
    told = (WEDNESDAY, THURSDAY)
    newest = Closes(FRIDAY, 600.0, 6010.0)
    assert closes_without_record(Archive(FRIDAY), DAY, told) == (newest, THURSDAY, WEDNESDAY)
    source = Archive(FRIDAY)
    assert closes_without_record(source, DAY, (THURSDAY, newest)) == (newest, THURSDAY)
    assert source.asked == [], "what was told of the last session needs no source"


def test_a_day_without_a_record_goes_on_without_a_source_that_does_not_answer() -> None:
    source = Archive(FRIDAY)
    source.down = True
    assert closes_without_record(source, DAY, (THURSDAY,)) == (THURSDAY,)


def test_a_day_expects_by_the_closes_that_its_source_knows() -> None:
    found = expectations(a_record(), Archive(FRIDAY))
    assert found.get().ratio.band_bp == 40.0, "an entry does not wait for the answer"
    found.prepare(at("09:30"))
    assert found.get().ratio.band_bp == 10.0
    assert found.get().ratio.value == pytest.approx(6010.0 / 600.0, abs=0.001)


def test_the_source_is_asked_once() -> None:
    source = Archive(FRIDAY)
    found = expectations(a_record(), source)
    found.prepare(at("09:30"))
    found.prepare(at("09:30"))
    assert source.asked == [FRIDAY]


def test_a_process_that_goes_on_in_the_window_expects_what_the_first_one_did() -> None:
    record = a_record()
    first = expectations(record, Archive(FRIDAY))
    first.prepare(at("09:30"))
    again = expectations(DayRecord(record._store, DAY), Archive())
    assert again.get() == first.get()


def test_closes_of_earlier_sessions_in_the_record_need_no_source() -> None:
    ledger = Ledger(FRIDAY)
    DayRecord(Store(ledger.connection), FRIDAY).note_closes(KNOWN, at("16:01", FRIDAY))
    ledger.begin(DAY)
    source = Archive()
    found = expectations(DayRecord(Store(ledger.connection), DAY), source)
    found.prepare(at("09:30"))
    assert source.asked == []
    assert found.get().ratio.band_bp == 10.0


def a_history(mode: str, *days: date) -> Ledger:
    """Return a ledger in which these days kept their closes, and DAY has begun."""
    ledger = Ledger(days[0], mode)
    for day in days:
        if day != days[0]:
            ledger.begin(day, mode)
        DayRecord(Store(ledger.connection), day).note_closes(KNOWN, at("16:20", day))
    ledger.begin(DAY, mode)
    return ledger


def test_closes_in_the_record_are_joined_by_those_of_the_last_session_that_it_lacks() -> None:
    wednesday = date(2026, 3, 4)
    ledger = a_history("paper", wednesday)
    source = Archive(FRIDAY, wednesday)
    found = expectations(DayRecord(Store(ledger.connection), DAY), source)
    found.prepare(at("09:30"))
    assert source.asked == [FRIDAY]
    assert "2 closes up to 2026-03-06" in found.get().ratio.basis


def test_closes_that_the_record_has_are_not_asked_for_over_a_holiday() -> None:
    ledger = a_history("paper", date(2026, 3, 5))
    source = Archive()
    expectations(DayRecord(Store(ledger.connection), DAY), source).prepare(at("09:30"))
    assert source.asked == [FRIDAY]


def test_closes_of_long_ago_are_no_reason_not_to_ask() -> None:
    ledger = a_history("paper", date(2026, 1, 5))
    silent = expectations(DayRecord(Store(ledger.connection), DAY), Archive())
    silent.prepare(at("09:30"))
    assert silent.get().ratio.band_bp == 40.0
    found = expectations(DayRecord(Store(ledger.connection), DAY), Archive(FRIDAY))
    found.prepare(at("09:30"))
    assert found.get().ratio.band_bp == 10.0


def test_what_was_told_of_a_session_before_is_known_the_days_after_too() -> None:
    thursday = date(2026, 3, 5)
    ledger = Ledger(FRIDAY)
    friday = expectations(DayRecord(Store(ledger.connection), FRIDAY), Archive(thursday))
    friday.prepare(at("09:30", FRIDAY))
    ledger.begin(DAY)
    monday = expectations(DayRecord(Store(ledger.connection), DAY), Archive(FRIDAY))
    monday.prepare(at("09:30"))
    assert "2 closes up to 2026-03-06" in monday.get().ratio.basis


def test_what_a_generated_day_was_told_is_no_close_of_another_one() -> None:
    ledger = Ledger(FRIDAY, "demo")
    friday = expectations(
        DayRecord(Store(ledger.connection), FRIDAY), Archive(date(2026, 3, 5)), "demo"
    )
    friday.prepare(at("09:30", FRIDAY))
    assert friday.get().ratio.band_bp == 10.0
    ledger.begin(DAY, "demo")
    assert DayRecord(Store(ledger.connection), DAY).earlier_closes("demo") == ()


def test_closes_of_other_modes_and_of_the_day_itself_do_not_count() -> None:
    ledger = Ledger(FRIDAY, "rehearsal")
    DayRecord(Store(ledger.connection), FRIDAY).note_closes(KNOWN, at("16:01", FRIDAY))
    ledger.begin(DAY)
    today = DayRecord(Store(ledger.connection), DAY)
    today.note_closes(KNOWN, at("16:01"))
    assert today.earlier_closes("paper") == ()


def test_of_several_closes_of_a_session_the_last_one_told_counts() -> None:
    ledger = Ledger(FRIDAY)
    friday = DayRecord(Store(ledger.connection), FRIDAY)
    friday.note_closes(OfficialCloses(1.0, 10.0, "too early"), at("16:00", FRIDAY))
    friday.note_closes(KNOWN, at("16:20", FRIDAY))
    ledger.begin(DAY)
    (found,) = DayRecord(Store(ledger.connection), DAY).earlier_closes("paper")
    assert found == Closes(FRIDAY, 600.0, 6010.0)


def test_a_source_that_does_not_answer_is_asked_again() -> None:
    source = Archive(FRIDAY)
    source.down = True
    with pytest.raises(RetryLater):
        last_closes(source, DAY)
    found = expectations(a_record(), source)
    found.prepare(at("09:30"))
    assert found.get().ratio.band_bp == 40.0
    source.down = False
    found.prepare(at("09:30"))
    assert found.get().ratio.band_bp == 10.0


def test_a_source_that_knows_no_closes_is_asked_once() -> None:
    source = Archive()
    found = expectations(a_record(), source)
    found.prepare(at("09:30"))
    asked = len(source.asked)
    found.prepare(at("09:31"))
    assert len(source.asked) == asked > 0


def test_inside_the_window_a_source_that_does_not_answer_is_not_waited_for_again() -> None:
    source = Archive(FRIDAY)
    source.down = True
    found = expectations(a_record(), source)
    found.prepare(at("09:41"), is_urgent=True)
    source.down = False
    found.prepare(at("09:42"), is_urgent=True)
    assert source.asked == []


def test_only_live_is_real_money() -> None:
    assert expectations(a_record("live"), Archive(), "live").get().is_live
    assert not expectations(a_record(), Archive()).get().is_live
    assert not outlook(DAY, RULES).is_live
