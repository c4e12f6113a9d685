"""The pages of the dashboard, as streamlit runs them; no other file speaks to streamlit."""

import argparse
import sqlite3
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
if str(PROJECT) not in sys.path:
    sys.path.insert(0, str(PROJECT))

import streamlit as st

from brokers.tape_lines import read_lines, tape_of, tapes_in
from scripts.dashboard_commands import Answer, Doctor, control
from scripts.dashboard_health import at_once
from scripts.dashboard_scene import DAYS, WISHES, Scene, day_alone, question, standing
from scripts.run_control import SIMULATED_FOLDERS
from src.dashboard_facts import DayNow, day_blocks, session_rows, strikes
from src.dashboard_history import figures, history, modes
from src.database import snapshot
from src.period_report import edge_words
from src.ports import MendInput, StopTrading
from src.report_layout import Heading
from src.settings import Settings, load_settings
from src.words import label
from utils import dashboard_figures as draw
from utils import page_html as html
from utils.figures import Figure, require
from utils.market_clock import WallClock

FOLDERS = (*SIMULATED_FOLDERS, "rehearsal")
NEWEST = "newest"
"""Chosen unless somebody wants another day, so that a page left open follows the program."""
NOTHING = DayNow(None, (), (), (), ())
SLOW_SECONDS = 60.0
"""How often a page that changes once a day looks again."""
CHARTS = {"displayModeBar": False, "scrollZoom": False}


def show() -> None:
    """Draw the page that is asked for."""
    st.set_page_config(
        page_title="optionsarbitrage", page_icon=":material/monitoring:", layout="wide"
    )
    st.html(html.LAYOUT)
    args = _arguments(sys.argv[1:])
    with calm():
        # In a row that wraps: streamlit's own navigation hides on a phone.
        with st.container(horizontal=True, vertical_alignment="center", key="top"):
            links, choice = st.container(horizontal=True, key="links"), st.container(width=180)
        with choice:
            scene = _scene(args)
        pages = [
            st.Page(_calmly(page, scene), title=name, url_path=name.lower(), default=name == "Now")
            for name, page in PAGES.items()
        ]
        chosen = st.navigation(pages, position="hidden")
        for each in pages:
            links.page_link(each)
        chosen.run()


def warm_up(config: Path | None, project: Path) -> None:
    """Load what the first page would have to wait for."""
    load_settings(config, (), root=project)
    DAYS.session_on(WallClock().now().date())
    with suppress(MendInput):
        require("The pictures are", "")
        draw.day_figure(NOTHING)


def _calmly(page: Callable[[Scene], None], scene: Scene) -> Callable[[], None]:
    def run() -> None:
        with calm():
            page(scene)

    return run


@contextmanager
def calm() -> Iterator[None]:
    """Say in one sentence what keeps a page from being shown."""
    try:
        yield
    except (MendInput, StopTrading) as error:
        st.html(html.page(html.note(str(error), "warn")))
    except sqlite3.Error as error:
        words = f"The database could not be read ({error}). The page tries again by itself."
        st.html(html.page(html.note(words, "warn")))
    except OSError as error:
        words = f"{error.filename or 'A file'}: {error.strerror or error}."
        st.html(html.page(html.note(words, "warn")))


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="dashboard_page.py")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--config", type=Path)
    parser.add_argument("--refresh", type=float, default=5.0)
    return parser.parse_args(argv)


@st.cache_resource(ttl=30, max_entries=2, show_spinner=False)
def _settings(config: Path | None) -> Settings:
    return load_settings(config, (), root=PROJECT).settings


def _scene(args: argparse.Namespace) -> Scene:
    settings = _settings(args.config)
    folder = args.data_dir or _chosen_folder(settings)
    if args.data_dir:
        st.html(html.page(html.small(f"data directory: {folder.name}")))
    # The directory of the config has its log elsewhere than one that is named.
    named = ("--data-dir", str(folder)) if args.data_dir or folder != _home(settings) else ()
    config = ("--config", str(args.config)) if args.config else ()
    return Scene(folder, settings, args.refresh, (*named, *config))


def _home(settings: Settings) -> Path:
    return (PROJECT / settings.logging.database).parent


def _chosen_folder(settings: Settings) -> Path:
    """Return the data directory that is chosen: first the real one, where anything is recorded."""
    home = _home(settings)
    there = [each for each in (home, *(home / name for name in FOLDERS)) if each.is_dir()] or [home]
    recorded = [
        n for n, each in enumerate(there) if (each / settings.logging.database.name).exists()
    ]
    names = {str(each): each for each in there}
    chosen = st.selectbox(
        "Data directory",
        label_visibility="collapsed",
        options=list(names),
        index=recorded[0] if recorded else 0,
        format_func=lambda name: names[name].name,
        key="folder",
        bind="query-params",
    )
    return names.get(chosen or "", there[0])


def _nothing_yet(scene: Scene) -> bool:
    """Say so where nothing was recorded; return whether that is so."""
    if scene.database.exists():
        return False
    words = (
        f"Nothing was recorded in {scene.folder} yet. Let the program run, for example with "
        "make paper, which plays a generated day; then this page fills by itself."
    )
    st.html(html.page(html.note(words)))
    return True


# Now.


def now_page(scene: Scene) -> None:
    """Show how the program is and what is open, again and again, with the control panel."""
    st.fragment(_now, run_every=scene.refresh)(scene)
    _panel(scene)
    st.fragment(_so_far, run_every=scene.refresh)(scene)


def _now(scene: Scene) -> None:
    with calm():
        if not _nothing_yet(scene):
            st.html(html.page(*standing(scene)))


def _so_far(scene: Scene) -> None:
    day = NOTHING
    with suppress(MendInput):  # it is said above
        if scene.database.exists():
            with snapshot(scene.database) as store:
                newest = session_rows(store)[:1]
                day = day_alone(store, scene, newest[0].day) if newest else NOTHING
    if day.looks:
        _chart(lambda: draw.day_figure(day), "live P&L of the day")


# The control panel.


def _panel(scene: Scene) -> None:
    st.subheader("Control panel", anchor=False)
    for column, (command, (name, _)) in zip(st.columns(4), WISHES.items(), strict=True):
        if column.button(name, key=f"ask-{command}", width="stretch"):
            st.dialog(f"{name}?")(_confirm)(scene, command)
    told: tuple[Path, Answer] | None = st.session_state.get("answer")
    if told and told[0] == scene.folder:
        answer = told[1]
        words = f"{answer.at:%H:%M:%S} ET: {answer.text}"
        st.html(html.page(html.note(words, "ok" if answer.is_done else "fail")))


def _confirm(scene: Scene, command: str) -> None:
    """Say what will happen and to which position, and ask a second time."""
    name, _ = WISHES[command]
    with calm():
        st.html(html.page(*question(scene, command)))
    yes, no = st.columns(2)
    if yes.button(f"Yes: {name}", key="confirm", type="primary", width="stretch"):
        st.session_state["answer"] = (scene.folder, control(command, scene.options))
        st.rerun()
    if no.button("Cancel", key="cancel", width="stretch"):
        st.rerun()


# Today.


def today_page(scene: Scene) -> None:
    """Show one session from its decision to its messages."""
    if _nothing_yet(scene):
        return
    with snapshot(scene.database) as store:
        known = session_rows(store)
    if not known:
        st.html(html.page(html.note("No session was worked on yet.")))
        return
    day = _chosen_day("Session", [each.day for each in known])
    # The newest is looked at for ever: tomorrow it is another one.
    is_over = any(each.day == day and each.phase == "reported" for each in known)
    st.fragment(_today, run_every=None if is_over else scene.refresh)(scene, day)


def _chosen_day(name: str, days: Sequence[date]) -> date | None:
    """Return the day that is chosen, None for the newest there will ever be."""
    by_name = {each.isoformat(): each for each in days}
    chosen = st.selectbox(
        name,
        [NEWEST, *by_name],
        format_func=lambda text: "the newest" if text == NEWEST else text,
        key=f"day-{name}",
    )
    return by_name.get(chosen or NEWEST)


def _today(scene: Scene, day: date | None) -> None:
    with calm():
        with snapshot(scene.database) as store:
            rows = session_rows(store)
            known = next(each for each in rows if day in {None, each.day})
            now = day_alone(store, scene, known.day)
            blocks = day_blocks(store, known.day)
        ends = [n for n, each in enumerate(blocks) if isinstance(each, Heading)]
        top = ends[1] if len(ends) > 1 else len(blocks)
        st.html(html.page(html.blocks(blocks[:top])))
        if now.looks:
            _chart(lambda: draw.day_figure(now), "live P&L of the day")
        st.html(html.page(html.blocks(blocks[top:])))


# History.


def history_page(scene: Scene) -> None:
    """Show what all finished trades of one mode amount to."""
    st.fragment(_calmly(_history, scene), run_every=SLOW_SECONDS)()


def _history(scene: Scene) -> None:
    if _nothing_yet(scene):
        return
    with snapshot(scene.database) as store:
        known = modes(store)
    if not known:
        st.html(html.page(html.note("No session was worked on yet.")))
        return
    mode = known[0]
    if len(known) > 1:
        mode = st.selectbox("Mode (never mixed)", known, key="mode") or mode
    with snapshot(scene.database) as store:
        past = history(store, mode)
    parts = [html.note(f"{mode}: {label(mode)}", "fail" if mode == "live" else "")]
    st.html(html.page(*parts, html.cards(figures(past))))
    if past.traded:
        _chart(lambda: draw.account_figure(past), "account, falls and win rate")
        left, right = st.columns(2)
        with left:
            _chart(lambda: draw.reasons_figure(past), "result by why trades ended")
        if past.edge:
            with right:
                _chart(lambda: draw.promises_figure(past), "predicted edge against result")
                st.html(html.page(html.note(edge_words(past.edge))))


# Data.


def data_page(scene: Scene) -> None:
    """Show the tape of a day, with entry and exit marked."""
    st.fragment(_calmly(_data, scene), run_every=SLOW_SECONDS)()


def _data(scene: Scene) -> None:
    days = tapes_in(scene.folder)
    if not days:
        words = f"No tape was recorded in {scene.folder / 'tapes'} yet."
        st.html(html.page(html.note(words)))
        return
    day = _chosen_day("Day", days) or days[0]
    path = tape_of(scene.folder, day)
    if path is None:
        return
    found = NOTHING
    both: tuple[float, float] | None = None
    if scene.database.exists():
        with snapshot(scene.database) as store:
            found = day_alone(store, scene, day)
            both = strikes(store, day)
    tape = read_lines(path, day, both)
    st.html(html.page(html.note(f"{path.name}, {tape.what}")))
    if tape.calls is None:
        words = "No call of this day is on the tape with both its legs: only the prices are shown."
        st.html(html.page(html.note(words)))
    if tape.prices:
        _chart(lambda: draw.tape_figure(tape, found.entered, found.left), "tape of the day")


# Health.


@st.cache_resource(max_entries=8, show_spinner=False)
def _doctor(options: tuple[str, ...]) -> Doctor:
    return Doctor(options)


def health_page(scene: Scene) -> None:
    """Show what can be seen at once, and ask the doctor when somebody wants to know."""
    st.html(
        html.page(
            html.checks(
                at_once(scene.folder, scene.database, PROJECT / scene.settings.logging.file)
            )
        )
    )
    doctor = _doctor(scene.options)
    st.subheader("Doctor", anchor=False)
    if st.button("Ask the doctor", key="doctor"):
        doctor.ask()
    if doctor.is_at_work:
        st.fragment(_wait_for, run_every=0.5)(doctor)
    else:
        _rows(doctor)


def _wait_for(doctor: Doctor) -> None:
    if not doctor.is_at_work:
        st.rerun()
    st.html(html.page(html.note("The doctor is at work: it asks the broker, too.")))


def _rows(doctor: Doctor) -> None:
    answer = doctor.answer()
    if answer is None:
        words = (
            "Not asked yet. The doctor looks at everything that a trading day needs. It calls the "
            "broker, and sends no order."
        )
        st.html(html.page(html.note(words)))
        return
    at, rows = answer
    st.html(html.page(html.note(f"Looked at {at:%Y-%m-%d %H:%M:%S} ET."), html.checks(rows)))


def _chart(figure: Callable[[], Figure], words: str) -> None:
    """Draw a picture, or say what is missing for it: the page's words do not depend on it."""
    with calm():
        require("The pictures of this page are", "")
        st.plotly_chart(figure(), config=CHARTS, alt=words, key=words)


PAGES = {
    "Now": now_page,
    "Today": today_page,
    "History": history_page,
    "Data": data_page,
    "Health": health_page,
}

if __name__ == "__main__":
    # Found as a module it is loaded once, and not anew for each look.
    from scripts.dashboard_page import show as shown

    shown()
