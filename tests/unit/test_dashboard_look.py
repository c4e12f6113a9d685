"""What the pages show: every text escaped, every number beside what it means."""

import re
from datetime import date
from pathlib import Path

import pytest

from scripts.dashboard_commands import Doctor, control
from scripts.dashboard_health import at_once
from src.dashboard_facts import DayNow, Distance, Look, day_now
from src.dashboard_history import history
from src.database import open_database, snapshot
from src.ports import Check, Verdict
from src.report_layout import Alarm, Heading, Paragraph, Table
from src.settings import Settings
from src.tape_lines import Line, TapeLines
from tests.fakes.builders import DAY, at
from tests.fakes.days import PlayedDay
from tests.fakes.years import many_days
from utils import dashboard_figures as draw
from utils import page_html as html

EVIL = "<script>alert('&')</script>"


# Words.


def test_no_text_becomes_markup() -> None:
    distance = Distance(EVIL, EVIL, EVIL, EVIL, 0.5)
    pieces = (
        html.note(EVIL, EVIL),
        html.small(EVIL),
        html.cards([(EVIL, EVIL)]),
        html.blocks([Heading(EVIL), Alarm(EVIL), Paragraph(EVIL), Table((EVIL,), [(EVIL,)])]),
        html.distances([distance]),
        html.checks([Check(EVIL, Verdict.FAIL, EVIL, EVIL)]),
    )
    for each in pieces:
        assert "<script" not in each
        assert "&lt;script&gt;" in each


def test_a_long_table_is_folded_and_a_short_one_is_open() -> None:
    rows = [(str(n),) for n in range(html.LONG + 1)]
    assert "<details>" not in html.table(Table(("n",), rows[:-1]))
    folded = html.table(Table(("n",), rows))
    assert f"<summary>{html.LONG + 1} rows</summary>" in folded
    assert folded.count("<tr>") == html.LONG + 2


@pytest.mark.parametrize(
    ("used", "is_asked", "colour"),
    [(0.2, True, "#2a7f3f"), (0.6, True, "#c77700"), (1.0, True, "#b00020"), (1.0, False, "#8888")],
)
def test_a_bar_is_red_only_for_an_exit_that_is_near_and_asked_for(
    used: float,
    is_asked: bool,  # noqa: FBT001 - a case
    colour: str,
) -> None:
    (found,) = re.findall(
        r'<i style="width:(\d+)%;background:(#\w+)">',
        html.distances([Distance("PIN_RISK", "", "", "", used, is_asked)]),
    )
    assert found == (str(round(100 * used)), colour)


def test_an_open_position_is_told_with_its_worth_and_the_age_of_that(tmp_path: Path) -> None:
    day = PlayedDay(tmp_path).run(until="11:01")
    now = day_now(day.store, DAY, Settings.defaults().strategy, None, at("11:00"))
    page = html.held(now.held[0])
    for words in ("short 20 SPY 600 call, long 2 SPXW 6000 call", "11:00:00 ET", "ASSIGNMENT_RISK"):
        assert words in page


# Pictures.

plotly = pytest.importorskip("plotly", reason="plotly draws the pictures, and is not installed")


def test_a_day_is_drawn_at_new_yorks_time_with_entry_and_exit() -> None:
    looks = (
        Look(at("10:00"), 1, 600.0, 50.0, "", "hold"),
        Look(at("10:05"), 1, None, None, "", ""),
    )
    figure = draw.day_figure(DayNow(None, (), looks, (at("09:35"),), (at("15:45"),)))
    assert [f"{each:%H:%M} {each.tzinfo}" for each in figure.data[0].x] == [
        "10:00 None",
        "10:05 None",
    ]
    assert list(figure.data[0].y) == [50.0, None]
    assert [each.text for each in figure.layout.annotations] == ["entry 09:35", "exit 15:45"]


def test_the_history_is_drawn_whole(tmp_path: Path) -> None:
    with snapshot(many_days(tmp_path, days=120)) as store:
        past = history(store, "paper")
    account = draw.account_figure(past)
    assert [len(each.y) for each in account.data] == [120] * 4
    assert account.data[0].y[-1] == float(past.statistics.total)
    reasons = draw.reasons_figure(past).data[0]
    assert sum(reasons.x) == pytest.approx(float(past.statistics.total))
    assert all("(n = " in each for each in reasons.y)
    promises = draw.promises_figure(past)
    assert "n = 120" in promises.layout.title.text
    assert [each.name for each in promises.data] == [
        "trades",
        "as predicted",
        "what came of it, on average",
    ]


def test_a_tape_is_drawn_in_a_row_for_each_thing_that_is_on_it() -> None:
    line = Line((at("09:35"), at("09:36")), (1.0, 2.0))
    prices = draw.tape_figure(TapeLines("", {"SPY": line}, None, None, None, None, None))
    assert len(prices.data) == 1
    both = (line, line)
    calls = ("SPY 600 call", "SPXW 6000 call")
    whole = TapeLines("", {"SPY": line, "SPX": line}, calls, both, both, line, line)  # type: ignore[arg-type] # any words will do
    figure = draw.tape_figure(whole, (at("09:35"),), ())
    assert len(figure.data) == 8
    assert "entry 09:35" in [each.text for each in figure.layout.annotations]


# Health, and the commands.


def rows_of(folder: Path) -> dict[str, Check]:
    return {each.name: each for each in at_once(folder, folder / "trades.db", folder / "log")}


def test_health_is_told_where_nothing_was_recorded_yet(tmp_path: Path) -> None:
    found = rows_of(tmp_path)
    assert found["database"].verdict is Verdict.SKIP
    assert found["disk"].verdict in {Verdict.OK, Verdict.WARN}
    assert "record and broker" not in found


def test_health_tells_differences_and_copies(tmp_path: Path) -> None:
    many_days(tmp_path, days=2, last=date(2026, 11, 20))
    assert rows_of(tmp_path)["record and broker"].verdict is Verdict.OK
    connection = open_database(tmp_path / "trades.db")
    connection.execute(
        "INSERT INTO events (session, at, kind, text)"
        " VALUES ('2026-11-20', '', 'difference', 'ten SPY calls')"
    )
    connection.close()
    (tmp_path / "trades.db.schema1.bak").write_bytes(b"x" * 2_000_000)
    found = rows_of(tmp_path)
    assert "they differ on 2026-11-20: ten SPY calls" in found["record and broker"].found
    assert "trades.db.schema1.bak, 2.0 MB" in found["backups"].found


def test_a_press_says_what_control_prints_and_whether_it_was_done(tmp_path: Path) -> None:
    answer = control("reduce-only", ("--data-dir", str(tmp_path)))
    assert answer.is_done
    assert answer.text.startswith("Mode reduce-only is set")
    refused = control("close", ("--data-dir", str(tmp_path / "none")))
    assert not refused.is_done
    assert "there is no such directory" in refused.text


def test_a_doctor_who_says_nothing_that_can_be_read_becomes_a_row(tmp_path: Path) -> None:
    doctor = Doctor(("--config", str(tmp_path / "none.yaml"), "--no-such-option"))
    assert doctor.answer() is None
    doctor.ask()
    assert doctor.is_at_work
    assert doctor._thread
    doctor._thread.join(30)
    answer = doctor.answer()
    assert answer
    (row,) = answer[1]
    assert row.verdict is Verdict.FAIL
    assert "no-such-option" in row.found
