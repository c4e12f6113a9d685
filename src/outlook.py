"""What a day knows before its first quote: which ratio to expect, and whether real money trades."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from src.day_record import DayRecord
from src.dividends import Dividend, load_dividends
from src.ports import QuoteSource, RetryLater
from src.ratio import Closes, ExpectedRatio, expected_ratio
from src.settings_sections import Strategy

_FARTHEST = 5
"""Days that are looked back for a session's closes: over a long weekend."""


class Outlook(NamedTuple):
    """The expectations of one session; `is_live` is whether real money trades."""

    ratio: ExpectedRatio
    is_live: bool = False


def outlook(
    day: date,
    rules: Strategy,
    *,
    closes: Sequence[Closes] = (),
    dividends: Sequence[Dividend] | None = None,
    is_live: bool = False,
) -> Outlook:
    """Return what is expected of a day by these earlier closes; without any by its date alone."""
    table = load_dividends() if dividends is None else tuple(dividends)
    return _outlook(
        day, tuple(closes), table, rules.ratio_gate_bp, rules.ratio_gate_unsure_bp, is_live
    )


@lru_cache(maxsize=64)
def _outlook(
    day: date,
    closes: tuple[Closes, ...],
    dividends: tuple[Dividend, ...],
    band_bp: float,
    wide_band_bp: float,
    is_live: bool,  # noqa: FBT001 - of the cache's key
) -> Outlook:
    found = expected_ratio(day, closes, dividends, band_bp=band_bp, wide_band_bp=wide_band_bp)
    return Outlook(found, is_live)


def last_closes(source: QuoteSource, day: date, known: date | None = None) -> Closes | None:
    """Return the closes of the last session before a day, None where the source knows none.

    Of the day whose closes are `known`, and before it, nothing is asked. Raises RetryLater.
    """
    for back in range(1, _FARTHEST + 1):
        earlier = day - timedelta(days=back)
        if earlier == known:
            return None
        if earlier.weekday() < 5 and (found := source.official_closes(earlier)):
            return Closes(earlier, found.spy, found.spx)
    return None


def closes_without_record(
    source: QuoteSource, day: date, told: Sequence[Closes] = ()
) -> tuple[Closes, ...]:
    """Return the closes that a day without a record knows, the newest first.

    They are those that were `told` of it, and those of the last session where its source knows
    newer ones; a source that does not answer is gone on without.
    """
    known = tuple(sorted(told, reverse=True))
    try:
        last = last_closes(source, day, known[0].day if known else None)
    except RetryLater:
        last = None
    return (last, *known) if last else known


class Expectations:
    """What is expected of one session, found out before it is needed.

    The closes of earlier sessions are those that the record has. Where it lacks those of the last
    one, the source is asked: a day without a position ends before any source tells its closes.
    """

    def __init__(self, record: DayRecord, source: QuoteSource, rules: Strategy, mode: str) -> None:
        self._record = record
        self._source = source
        self._rules = rules
        self._mode = mode
        self._closes: tuple[Closes, ...] | None = None
        self._is_asked = False

    def prepare(self, now: datetime, *, is_urgent: bool = False) -> None:
        """Ask for the last session's closes, once; a source that does not answer is asked again.

        Where it is urgent, inside the entry window, it is not: looks do not wait for yesterday.
        """
        if self._is_asked:
            return
        known = self._known()
        try:
            found = last_closes(self._source, self._record.session, known[0].day if known else None)
        except RetryLater:
            self._is_asked = is_urgent
            return
        self._is_asked = True
        if found:
            self._record.note_closes_before(found, now)
            self._closes = None

    def get(self) -> Outlook:
        """Return what is expected, by what is known so far."""
        is_live = self._mode == "live"
        return outlook(self._record.session, self._rules, closes=self._known(), is_live=is_live)

    def _known(self) -> tuple[Closes, ...]:
        if self._closes is None:
            self._closes = self._record.earlier_closes(self._mode)
        return self._closes
