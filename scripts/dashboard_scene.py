"""What the page Now says: how the program is, what is open, and what a press would do."""

import threading
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from brokers.alpaca_checks import LAST_ORDER
from scripts.run_control import SIMULATED_MODES, Process, View, look
from src.control import Control, ControlTable
from src.dashboard_facts import DayNow, SessionRow, day_now, session_rows
from src.database import Store, snapshot
from src.models import NEW_YORK
from src.settings import Settings
from src.timetable import Timetable
from src.words import label, money
from utils import page_html as html
from utils.market_calendar import MarketCalendar
from utils.market_clock import WallClock

WISHES = {
    "close": (
        "Close",
        "Nothing more is opened, and what is ours is closed at once, at the prices of the moment.",
    ),
    "halt": (
        "Halt",
        "Nothing is opened and what is ours is closed at once, on later days too, until Resume.",
    ),
    "reduce-only": (
        "Reduce only",
        "Nothing more is opened in this session. What is open is watched as before.",
    ),
    "resume": ("Resume", "All wishes are lifted: the program may trade again."),
}
"""The commands of control.py, each with the name of its button and what it does."""
AT_THE_BROKER = frozenset({"live", "paper", "rehearsal"})
"""Modes whose orders may go to a broker that ends the day before the close."""
DAYS = MarketCalendar()
_ONE_AT_A_TIME = threading.Lock()
"""Who asks whether the program runs holds its lock for a moment: two at once would see each
other."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What is looked at: one data directory, by the settings of the config file.

    `refresh` is seconds between two looks, `options` tell control.py and doctor.py the same.
    """

    folder: Path
    settings: Settings
    refresh: float
    options: tuple[str, ...]

    @property
    def database(self) -> Path:
        """The file of the record."""
        return self.folder / self.settings.logging.database.name


def standing(scene: Scene) -> list[str]:
    """Return how the program is and what is open, as pieces of a page. Raises MendInput."""
    wall = WallClock().now()
    with snapshot(scene.database) as store:
        view = _look(store, scene, wall)
        # What was wished for a session that is over rules nothing any more.
        session = None if view.process is Process.NONE else view.session
        rule = Control(ControlTable(store, session), scene.folder).rule()
        known = _session(store, view)
        day = _day(store, scene, view, known) if known else None
    beat = view.beat
    phase = beat.phase if beat and view.process.is_at_work else known.phase if known else "none"
    facts = [
        ("session", str(view.session or "none")),
        ("phase", phase),
        ("control mode", rule.mode.label if rule else "normal"),
        ("P&L of the day", money(day.pnl) if day else "no session"),
        ("next tick", _clock(beat.next_tick) if beat and beat.next_tick else "none"),
        ("page as of", f"{wall:%H:%M:%S} ET"),
    ]
    return [
        *_alarms(view),
        *_worth(known),
        html.cards(facts),
        *([html.note(f"Mode: {rule}.", "warn")] if rule else []),
        *(map(html.held, day.held) if day else ()),
        *([] if day and day.held else [html.note(view.position_in_words())]),
    ]


def question(scene: Scene, command: str) -> list[str]:
    """Return what a command will do, and to which position, as pieces of a page."""
    parts = [html.note(WISHES[command][1], "warn")]
    if scene.database.exists():
        with snapshot(scene.database) as store:
            view = _look(store, scene, WallClock().now())
            known = _session(store, view)
        parts += [html.note(view.position_in_words()), html.note(view.process_in_words())]
        parts += _worth(known)
    return [*parts, html.small(f"Data directory: {scene.folder}")]


def day_alone(store: Store, scene: Scene, day: date) -> DayNow:
    """Return a session as it is recorded, whatever the time is."""
    return day_now(store, day, scene.settings.strategy, None, WallClock().now())


def _look(store: Store, scene: Scene, wall: datetime) -> View:
    with _ONE_AT_A_TIME:
        return look(store, scene.folder, wall)


def _session(store: Store, view: View) -> SessionRow | None:
    return next((each for each in session_rows(store) if each.day == view.session), None)


def _alarms(view: View) -> list[str]:
    """Return how the process is, and what somebody must get up for."""
    calm = "ok" if view.process.is_at_work else ""
    parts = [html.note(view.process_in_words(), calm if view.is_well else "fail")]
    if view.position and not view.process.watches:
        parts.append(html.note(view.position_in_words(), "fail"))
    if view.differences:
        words = f"RECORD AND BROKER DIFFER: {view.differences}. Nothing new is opened."
        parts.append(html.note(words, "fail"))
    return parts


def _worth(known: SessionRow | None) -> list[str]:
    if known is None:
        return []
    return [html.note(label(known.mode), "fail" if known.mode == "live" else "")]


def _day(store: Store, scene: Scene, view: View, known: SessionRow) -> DayNow:
    """Return the session at its own time: a simulated day has a clock of its own."""
    now = known.last_tick if known.mode in {*SIMULATED_MODES, "rehearsal"} else view.wall
    hours = _timetable(scene.settings, known)
    return day_now(store, known.day, scene.settings.strategy, hours, now)


def _timetable(settings: Settings, known: SessionRow) -> Timetable | None:
    session = DAYS.session_on(known.day)
    if session is None:
        return None
    ends_early = known.mode in AT_THE_BROKER and settings.broker.name == "alpaca"
    return Timetable(session, settings, session.at(LAST_ORDER) if ends_early else session.close)


def _clock(moment: str) -> str:
    return f"{datetime.fromisoformat(moment).astimezone(NEW_YORK):%H:%M:%S}"
