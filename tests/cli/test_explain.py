"""One moment as a page: what it tells, and what it says to bad input."""

import subprocess
from datetime import date
from pathlib import Path

import pytest

from brokers.ibkr_link import IbkrLink
from src.database import Store, open_database
from src.day_record import DayRecord
from src.ports import OfficialCloses
from tests.cli.player import Player, files, refusal
from tests.conftest import REAL_DATA
from tests.fakes.broker_places import Place, at_alpaca, at_tws, ran
from tests.fakes.builders import at
from tests.fakes.tapes import FAIR, a_tape, rows_at, write_tape

NO_KEYS = {"OPTIONSARB_BROKER__API_KEY": "", "OPTIONSARB_BROKER__API_SECRET": ""}


def page(play: Player, *options: object) -> str:
    answer = play("--explain", *options)
    assert answer.returncode == 0, answer.stderr
    assert answer.stderr == ""
    return " ".join(answer.stdout.replace("!!", "").split())


@pytest.fixture
def tape(tmp_path: Path) -> Path:
    return a_tape(tmp_path / "tapes")


def test_the_worked_example_is_explained_line_by_line(play: Player, tape: Path) -> None:
    told = page(play, "--replay", tape, "--at", "09:41")
    for part in (
        "One moment explained: Monday 2026-03-09 09:41:00 in New York",
        "Nothing was ordered and nothing recorded.",
        "SIMULATED: no money was at stake",
        "sized for an account of $100,000",
        "TRADE 2 spreads: all six criteria hold",
        "SPX is 10.0000 times SPY. Expected today is 10.0173",
        "SPY 19.8%, SPXW 15.1% a year, gap +4.7 points",
        "QUOTES THAT CANNOT BOTH BE TRUE",
        "CREDIT, as quoted and net of fees +$637.85",
        "EDGE, the expected profit +$411.77",
        "Risk MEDIUM",
        "capital_per_spread 25,000",
        "Regulation T, calls uncovered, 15 % rule 93,018",
        "short 1,000 SPY shares, sold at 600: $600,000 of stock",
    ):
        assert part in told, part


def test_the_verdict_is_one_sentence_with_the_reason(play: Player, tmp_path: Path) -> None:
    fair = a_tape(tmp_path / "fair", spy_quote=FAIR)
    told = page(play, "--replay", fair, "--at", "09:41")
    assert "NO TRADE: expected profit fails (-$" in told
    late = page(play, "--replay", fair, "--at", "10:30")
    assert "and 1 more of the six criteria" in late


def test_the_verdict_names_quotes_that_only_a_setting_lets_pass(play: Player, tape: Path) -> None:
    told = page(play, "--replay", tape, "--at", "09:41")
    assert "a spread, risk MEDIUM, although the quotes cannot both be true" in told


def test_after_the_close_the_verdict_is_that_the_market_is_closed(play: Player, tape: Path) -> None:
    told = page(play, "--replay", tape, "--at", "16:10")
    assert "NO TRADE: market open fails (16:10:00; needed: 09:30 to 16:00)" in told


def test_the_expected_profit_is_told_without_the_evening_s_pay_as_well(
    play: Player, tape: Path
) -> None:
    told = page(play, "--replay", tape, "--at", "09:41")
    assert "the edge counts all of it as a cost. If all were earned" in told
    kept = told.partition("the expected profit would be ")[2].split()[0]
    assert kept == "+$611.58."


def test_between_the_few_moments_of_a_tape_the_nearest_are_named(
    play: Player, tmp_path: Path
) -> None:
    rows = [row for minute in ("09:36", "10:40") for row in rows_at(at(minute))]
    tape = write_tape(tmp_path / "2026-03-09.csv.gz", *rows)
    told = page(play, "--replay", tape, "--at", "10:00")
    assert "the last before 10:00:00 are of 09:36:00, the next are of 10:40:00" in told
    assert "this tape has quotes" not in page(play, "--replay", tape, "--at", "10:40")


def test_quotes_that_forbid_an_entry_are_the_reason_that_comes_first(
    play: Player, tape: Path
) -> None:
    told = page(play, "--replay", tape, "--at", "09:41", "--set", "strategy.vol_gap_blocks=always")
    assert "NO TRADE: the quotes cannot both be true." in told
    assert "NO TRADE: expected profit" not in told


def test_a_moment_without_quotes_is_explained_as_far_as_it_can_be(play: Player, tape: Path) -> None:
    told = page(
        play, "--replay", tape, "--at", "09:41:07", "--set", "market_data.max_spx_spread=0.1"
    )
    assert "SPXW 6000 call quote is too wide: 23.00 x 23.40" in told
    assert "nothing can be priced" in told
    assert "EDGE" not in told


def test_without_keys_and_tape_a_generated_day_is_explained_and_says_so(play: Player) -> None:
    told = page(play)
    assert "From a generated day (seed 4 with a dislocation" in told
    assert "injected dislocation" in told
    assert "09:35:00 in New York" in told
    assert "09:41:00 in New York" in page(play, "--at", "09:41")
    assert "(seed 7, " in page(play, "--seed", "7")


def test_the_bare_credit_says_what_it_is_blind_to(play: Player, tape: Path) -> None:
    told = page(play, "--replay", tape, "--at", "09:41", "--set", "strategy.expected_profit=credit")
    assert "It is blind to the gap between the strikes" in told
    assert "with an expected profit of +$637.85 a spread" in told
    assert "EDGE, the expected profit +$411.77" in told


def test_nothing_is_written_but_the_log(play: Player, tape: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    page(play, "--replay", tape, "--at", "09:41", "--data-dir", data)
    assert {name.split("/")[0] for name in files(data)} <= {"logs", "calendar"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "needs the moment: add --at HH:MM"),
        (("--at", "9:41"), "--at 9:41: it must be a New York time of day such as 09:41"),
        (("--at", "noon"), "it must be a New York time of day"),
        (("--at", "25:00"), "it must be a New York time of day"),
        (("--at", "09:00"), "has rows from 09:30:00 to 16:15:00 New York time"),
        (("--at", "17:00"), "name a moment in between"),
        (("--at", "09:41", "--once"), "leave --once away"),
        (("--at", "09:41", "--speed", "60"), "leave --speed away"),
        (("--at", "09:41", "--seed", "3"), "--replay and --seed name two different days: give one"),
    ],
)
def test_what_cannot_be_explained_is_refused_in_one_sentence(
    play: Player, tape: Path, options: tuple[str, ...], words: str
) -> None:
    assert words in refusal(play("--explain", "--replay", tape, *options), 2)


def test_between_the_looks_of_a_recorded_tape_the_nearest_ones_are_named(
    play: Player, tmp_path: Path
) -> None:
    folder = tmp_path / "recorded"
    folder.mkdir()
    rows = [each for clock in ("09:40", "09:45", "09:50") for each in rows_at(at(clock))]
    tape = write_tape(folder / "2026-03-09.csv.gz", *rows)
    tape.with_name("2026-03-09.json").write_text('{"kind": "recorded"}')
    words = refusal(play("--explain", "--replay", tape, "--at", "09:46"), 2)
    assert "the nearest moments that have quotes are 09:45:00 and 09:50:00" in words
    assert "Where the credit comes from" in page(play, "--replay", tape, "--at", "09:45:04")


def test_a_time_alone_is_refused(play: Player, tape: Path) -> None:
    assert "give both, or neither" in refusal(play("--replay", tape, "--at", "09:41"), 2)


def test_a_generated_day_is_not_explained_outside_its_hours(play: Player) -> None:
    assert "the generated day goes from 09:30 to 16:15" in refusal(
        play("--explain", "--at", "08:00"), 2
    )


def test_live_money_is_not_explained(play: Player) -> None:
    assert "leave --live away" in refusal(play("--explain", "--live"), 2)


def explained(place: Place, folder: Path, *more: str) -> "subprocess.CompletedProcess[str]":
    command = place.command(folder / "data", "09:40", 1.0, "--explain", *more)
    return ran([each for each in command if each not in {"--speed", "1"}], folder)


def test_with_keys_the_moment_is_that_of_the_brokers_quotes_and_nothing_is_ordered(
    tmp_path: Path,
) -> None:
    with at_alpaca() as place:
        answer = explained(place, tmp_path)
        assert answer.returncode == 0, answer.stderr
        told = " ".join(answer.stdout.replace("!!", "").split())
        assert "From Alpaca paper account" in told
        assert "Where the credit comes from" in told
        assert "SIMULATED" not in told
        assert "sized for an account of $100,000" in told, "the orders stay on this machine"
        assert place.orders() == 0
        assert "a broker knows no other moment than now" in refusal(
            explained(place, tmp_path, "--at", "09:41"), 2
        )


def test_a_look_leaves_the_running_day_its_place_at_tws(tmp_path: Path) -> None:
    with at_tws() as place:
        running = IbkrLink("127.0.0.1", place.server.port, 17, "", paper=True, patience=lambda: 5.0)
        try:
            running.ready()
            answer = explained(place, tmp_path)
            assert answer.returncode == 0, answer.stderr
            assert "From Interactive Brokers paper account" in " ".join(answer.stdout.split())
            assert running.is_up
            assert place.orders() == 0
        finally:
            running.close()


def test_the_page_of_a_broker_is_sized_for_its_account_and_knows_what_the_record_does(
    tmp_path: Path,
) -> None:
    friday = date(2026, 5, 29)
    store = Store(open_database(tmp_path / "data" / "trades.db"))
    record, evening = DayRecord(store, friday), at("16:20", friday)
    record.begin_session("rehearsal", "a test", "key", evening)
    record.note_closes(OfficialCloses(680.0, 6811.56, "a test"), evening)
    record.commit()
    store.connection.close()
    with at_alpaca() as place:
        answer = explained(place, tmp_path, "--set", "broker.execution=broker")
        assert answer.returncode == 0, answer.stderr
        told = " ".join(answer.stdout.replace("!!", "").split())
        assert "sized for the broker's account: $" in told
        assert "by the close up to 2026-05-29" in told
        assert place.orders() == 0


@pytest.mark.real_data
def test_a_recorded_credit_of_590_dollars_is_explained_as_the_evening(play: Player) -> None:
    tape = REAL_DATA / "tapes" / "2026-07-22.csv.gz"
    wide = ("--set", "market_data.max_quote_age_seconds=60")
    skew = ("--set", "market_data.max_leg_skew_seconds=45")
    told = page(play, "--replay", tape, "--at", "14:32:40", *wide, *skew)
    assert "pay for what SPY may do between 16:00 and 17:30 +$627.93" in told
    assert "the rest of the gap between the volatilities +$0.0" in told
    assert "EDGE, the expected profit -$" in told
