"""The end of a session: settled, reckoned to the cent, reported, and whether it all adds up."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from src import messages, story
from src.day_record import DayRecord
from src.herald import Herald
from src.journal import Journal
from src.models import Session, SpreadPosition
from src.ports import QuoteSource, RetryLater
from src.results_logger import ResultsLogger
from src.timetable import Phase
from src.trade_book import TradeBook
from src.words import SIMULATED, count, ended, money


class DayEnd:
    """Closes the books of one session."""

    def __init__(  # noqa: PLR0913 - all that the end of a day draws together
        self,
        *,
        session: Session,
        mode: str,
        source: QuoteSource,
        journal: Journal,
        record: DayRecord,
        results: ResultsLogger,
        herald: Herald,
        book: TradeBook,
        notes: str,
    ) -> None:
        self._session = session
        self._mode = mode
        self._source = source
        self._journal = journal
        self._record = record
        self._results = results
        self._herald = herald
        self._book = book
        self._notes = notes

    def settle(self, held: Sequence[SpreadPosition], now: datetime) -> bool:
        """Settle what has expired; False while the official closes are not known."""
        try:
            closes = self._source.official_closes(self._session.day)
        except RetryLater:
            closes = None
        if closes is None:
            self._herald.tell_once(now, "wait", "Waiting for the official closes of SPX and SPY.")
            return False
        self._book.settle(held, closes, now)
        self._record.mark(Phase.SETTLED, now)
        return True

    def report(self, doubt: str, now: datetime) -> None:
        """Write the report and the exports. `doubt` is what the broker last left open, in words.

        With what the record and the broker were last seen to differ in, it is kept for whoever
        asks later, and told in an alert and in the report.
        """
        day = self._session.day
        doubts = (self._record.difference(), doubt, *self._orders_in_doubt())
        doubt = "; ".join(dict.fromkeys(filter(None, doubts)))
        notes = self._notes
        if doubt:
            self._record.set_difference(doubt, now)
            self._herald.alert(now, messages.differ_at_the_end(doubt))
            notes = "; ".join(filter(None, (notes, f"RECORD AND BROKER DIFFER: {doubt}")))
        self._note_closes(now)
        if not any(self._results.has_trade(each.trade_id) for each in self._journal.positions()):
            reason = self._record.why_no_trade()
            self._results.log_skip(day, self._mode, reason)
            self._herald.tell(now, "skip", f"No trade today: {reason}.")
        self._results.update_final_pnl(day, self._mode, now, notes)
        result = money(sum((each.cash for each in self._journal.positions()), Decimal(0)))
        if held := story.open_positions(self._book.open_positions()):
            result = f"not final, {held}; cash so far {result}"
        if self._journal.plans():
            self._herald.tell(now, "result", f"Result of the day: {result}, after fees.")
        # The report tells that the day is over, and is itself the last thing that happens on it.
        self._record.mark(Phase.SETTLED, now)
        self._record.commit()
        # The report names it, and is its page: both are committed with the mark of the end.
        summary = messages.result_of_the_day(day, result, self._mode, is_final=not held)
        self._herald.notify(now, summary)
        report = self._results.generate_daily_report(day)
        if self._mode not in SIMULATED:
            self._record.add_page(summary.key, report.html, report.text)
        for path in report.paths:
            self._herald.tell(now, "file", f"Written: {path}")
        if written := self._export(now):
            files = f"{count(len(written), 'CSV file')} in {written[0].parent}"
            self._herald.tell(now, "file", f"Written: {files}")
        self._record.mark(Phase.REPORTED, now)

    def _export(self, now: datetime) -> Sequence[Path]:
        """Write the CSV files; one that cannot be written costs that file, never the day."""
        from src.exports import NotAllWritten  # noqa: PLC0415 - an evening's work, no start's

        try:
            return self._results.export_daily_csv(self._session.day)
        except NotAllWritten as error:
            self._herald.tell(now, "file", f"WARNING. {ended(str(error))}")
            return error.written

    def _note_closes(self, now: datetime) -> None:
        """Keep the closes for later sessions; those of a simulated day are no market's."""
        if self._mode in SIMULATED:
            return
        try:
            closes = self._source.official_closes(self._session.day)
        except RetryLater:
            return
        if closes:
            self._record.note_closes(closes, now)

    def _orders_in_doubt(self) -> list[str]:
        return [
            f"what became of the order {each.intent} is not known"
            for each in self._journal.orders()
            if not each.status.is_final
        ]
