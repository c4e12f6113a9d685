"""What the dashboard shows of one session: read from the database, nothing is ever written.

Dollars are after fees, positive when received; times are New York time.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from src.assignment import pin_band
from src.daily_report import compose
from src.database import Store
from src.journal import Journal
from src.models import NEW_YORK, ExitReason, SpreadPosition
from src.report_layout import Block, Heading
from src.report_records import read_day
from src.settings_sections import Strategy
from src.timetable import Timetable
from src.words import UNKNOWN, money

_TRADED = "SELECT spy_strike, spx_strike FROM spreads WHERE session = ? ORDER BY spread_no LIMIT 1"
_JUDGED = """
SELECT json_extract(data, '$.setup.spy_strike'), json_extract(data, '$.setup.spx_strike')
FROM decisions WHERE session = ? AND expected_profit IS NOT NULL
ORDER BY should_trade DESC, expected_profit DESC, id LIMIT 1
"""


_REACHED = "reached"


class SessionRow(NamedTuple):
    """A session that was worked on; `last_tick` is by the program's own clock."""

    day: date
    mode: str
    phase: str
    last_tick: datetime


class Look(NamedTuple):
    """One check of a position; what could not be known then is None."""

    at: datetime
    spread_no: int
    spy: float | None
    pnl: float | None
    signal: str
    text: str


class Distance(NamedTuple):
    """How far a position is from one of its exits, in words.

    `used` is the part of the way that is gone, from 0 (far) to 1 (reached); None is not known.
    `is_asked` is whether the rule is looked at already: some are from the exit check on.
    """

    rule: str
    now: str
    limit: str
    left: str
    used: float | None
    is_asked: bool = True


@dataclass(frozen=True, slots=True)
class Held:
    """An open position, the newest look at it, and how far it is from each exit."""

    position: SpreadPosition
    look: Look | None
    distances: tuple[Distance, ...]


@dataclass(frozen=True, slots=True)
class DayNow:
    """A session as it stands: `pnl` is what is closed and what is open together, None: not known.

    `looks` are all checks of the day, oldest first; `entered` and `left` are when trades began and
    ended.
    """

    pnl: Decimal | None
    held: tuple[Held, ...]
    looks: tuple[Look, ...]
    entered: tuple[datetime, ...]
    left: tuple[datetime, ...]


def session_rows(store: Store) -> list[SessionRow]:
    """Return all sessions, the newest first."""
    rows = store.read("SELECT session, mode, phase, last_tick FROM sessions ORDER BY session DESC")
    return [
        SessionRow(date.fromisoformat(day), mode, phase, _moment(tick))
        for day, mode, phase, tick in rows
    ]


def day_now(
    store: Store, session: date, rules: Strategy, timetable: Timetable | None, now: datetime
) -> DayNow:
    """Return how a session stands at a moment, by the exit rules of the settings.

    Without a timetable, on a day on which the exchange is closed, only dollars and prices count.
    """
    looks = _looks(store, session)
    newest = {each.spread_no: each for each in looks}
    positions = Journal(store, session).positions()
    pnl = _day_pnl(positions, newest)
    held = tuple(
        Held(each, seen, tuple(_distances(each, seen, pnl, rules, timetable, now)))
        for each in positions
        if each.is_open
        for seen in (newest.get(each.spread_no),)
    )
    times = store.read(
        "SELECT entry_time, exit_time FROM trades WHERE date = ? ORDER BY entry_time",
        (session.isoformat(),),
    ).fetchall()
    return DayNow(
        pnl=pnl,
        held=held,
        looks=looks,
        entered=tuple(_moment(start) for start, _ in times),
        left=tuple(_moment(end) for _, end in times if end),
    )


def unsettled_differences(store: Store, most: int = 10) -> list[tuple[date, str]]:
    """Return the last sessions whose record and broker were still found to differ, newest first."""
    rows = store.read(
        "SELECT session, text FROM events WHERE id IN"
        " (SELECT max(id) FROM events WHERE kind = 'difference' GROUP BY session) AND text <> ''"
        " ORDER BY session DESC LIMIT ?",
        (most,),
    )
    return [(date.fromisoformat(day), text) for day, text in rows]


def strikes(store: Store, session: date) -> tuple[float, float] | None:
    """Return the SPY and the SPX strike of the session: those traded, else the best ones judged."""
    for query in (_TRADED, _JUDGED):
        row = store.read(query, (session.isoformat(),)).fetchone()
        if row and None not in tuple(row):
            return float(row[0]), float(row[1])
    return None


def _looks(store: Store, session: date) -> tuple[Look, ...]:
    rows = store.read(
        "SELECT at, spread_no, spy_price, pnl, signal, text FROM checks WHERE session = ?"
        " ORDER BY id",
        (session.isoformat(),),
    )
    return tuple(Look(_moment(at), *rest) for at, *rest in rows)


def _day_pnl(positions: Sequence[SpreadPosition], newest: dict[int, Look]) -> Decimal | None:
    total = Decimal(0)
    for each in positions:
        if each.is_open:
            seen = newest.get(each.spread_no)
            if seen is None or seen.pnl is None:
                return None
            total += Decimal(str(seen.pnl))
        else:
            total += each.cash
    return total


def _distances(
    position: SpreadPosition,
    seen: Look | None,
    day_pnl: Decimal | None,
    rules: Strategy,
    timetable: Timetable | None,
    now: datetime,
) -> Iterator[Distance]:
    """Yield one row for each rule by which `src.position_monitor` closes a position."""
    spy = seen.spy if seen and position.spy_short else None
    pnl = seen.pnl if seen else None
    strike = position.spy_contract.strike
    yield _above(ExitReason.ASSIGNMENT_RISK, spy, strike, strike + rules.exit_threshold)
    limit = rules.max_position_loss * max(position.spreads_opened, 1)
    yield _loss(ExitReason.MAX_LOSS, pnl, limit)
    yield _loss(
        ExitReason.DAILY_LOSS, None if day_pnl is None else float(day_pnl), rules.max_daily_loss
    )
    if timetable is None:
        return
    low, check = pin_band(strike, rules).low, timetable.exit_check
    is_asked = now >= check
    pin = _above(ExitReason.PIN_RISK, spy, low - (strike - low), low)
    level = f"from {check:%H:%M}, if SPY is at {low:.2f} or above"
    # Before that it stands there for long, and nothing comes of it.
    left = "would close" if pin.left == _REACHED and not is_asked else pin.left
    yield pin._replace(limit=level, left=left, is_asked=is_asked)
    yield _time(position.opened_at, check, now, is_certain=timetable.must_be_flat)


def _above(rule: ExitReason, spy: float | None, safe: float, level: float) -> Distance:
    """Return how far SPY, in dollars, lies below a level; up to `safe` nothing is used up."""
    limit = f"with SPY above {level:.2f}"
    if spy is None:
        return Distance(rule, UNKNOWN, limit, UNKNOWN, None)
    left = f"${level - spy:,.2f} left" if spy < level else _REACHED
    return Distance(rule, f"SPY {spy:.2f}", limit, left, _part(spy - safe, level - safe))


def _loss(rule: ExitReason, pnl: float | None, limit: float) -> Distance:
    words = f"below {money(-limit)}"
    if pnl is None:
        return Distance(rule, UNKNOWN, words, UNKNOWN, None)
    left = f"${pnl + limit:,.2f} left" if pnl >= -limit else _REACHED
    return Distance(rule, money(pnl), words, left, _part(-pnl, limit))


def _time(opened: datetime, check: datetime, now: datetime, *, is_certain: bool) -> Distance:
    condition = "" if is_certain else ", if SPY is above the strike"
    left = f"{span(check - now)} left" if now < check else _REACHED
    return Distance(
        ExitReason.PRE_EXPIRATION,
        f"{now:%H:%M}",
        f"from {check:%H:%M}{condition}",
        left,
        _part((now - opened).total_seconds(), (check - opened).total_seconds()),
        is_certain or now >= check,
    )


def span(time: timedelta) -> str:
    """Return a time that is not negative in hours and minutes, e.g. "2 h 05 min"."""
    hours, minutes = divmod(int(time.total_seconds()) // 60, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"


def _part(gone: float, whole: float) -> float:
    return min(max(gone / whole, 0.0), 1.0) if whole > 0 else 1.0


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(NEW_YORK)


def day_blocks(store: Store, session: date) -> list[Block]:
    """Return the report of a session as far as it has come. Raises MendInput for an unknown one."""
    return list(_without(compose(read_day(store.connection, session)), "Statistics"))


def _without(blocks: Iterable[Block], beginning: str) -> Iterator[Block]:
    """Leave out the section whose heading begins so: what all days amount to has its own page."""
    is_left_out = False
    for each in blocks:
        if isinstance(each, Heading):
            is_left_out = each.text.startswith(beginning)
        if not is_left_out:
            yield each
