import json
from pathlib import Path

import pytest

from tests.cli.player import Player, files, table
from tests.fakes.builders import HALF_DAY
from tests.fakes.tapes import FAIR, a_tape

LEDGER = ("orders", "fills", "trades", "decisions")


class Played:
    """One replayed day: what was printed, and the folder in which it was written."""

    def __init__(self, play: Player, tape: Path, data: Path, *options: object) -> None:
        self.data = data
        self.answer = play("--replay", tape, "--data-dir", data, *options)
        assert self.answer.returncode == 0, self.answer.stderr
        self.lines = self.answer.stdout.splitlines()

    def said(self, *words: str) -> list[str]:
        """Return the lines that hold all of these words."""
        return [line for line in self.lines if all(word in line for word in words)]

    def ledger(self) -> dict[str, list[tuple[object, ...]]]:
        return {name: table(self.data, name) for name in LEDGER}


@pytest.fixture(scope="module")
def trade(installation: Path, tmp_path_factory: pytest.TempPathFactory) -> Played:
    """Return a day on which one trade is made; tests only read it."""
    folder = tmp_path_factory.mktemp("trade")
    return Played(Player(installation, folder), a_tape(folder / "tapes"), folder / "data")


@pytest.fixture(scope="module")
def skip(installation: Path, tmp_path_factory: pytest.TempPathFactory) -> Played:
    """Return a day on which the credit is too small; tests only read it."""
    folder = tmp_path_factory.mktemp("skip")
    tape = a_tape(folder / "tapes", spy_quote=FAIR)
    return Played(Player(installation, folder), tape, folder / "data")


def test_the_first_and_the_last_line_say_that_nothing_was_real(trade: Played, skip: Played) -> None:
    for day in (trade, skip):
        assert "SIMULATED" in day.lines[0]
        assert "SIMULATED" in day.lines[-1]
        assert "no money moved" in day.lines[-1]


def test_the_first_line_names_the_day_that_is_played(trade: Played) -> None:
    assert "Monday 2026-03-09" in trade.lines[0]


def test_nothing_is_said_on_standard_error_when_all_is_well(trade: Played, skip: Played) -> None:
    assert trade.answer.stderr == skip.answer.stderr == ""


@pytest.mark.parametrize(
    ("criterion", "seen", "limit"),
    [
        ("market open", "09:35:00", "09:30 to 16:00"),
        ("entry window", "09:35:00", "09:35 to 10:00"),
        ("0DTE contracts", "SPY 600 call and SPXW 6000 call", "calls of today"),
        ("ratio", "10.0000", "9.95 to 10.05"),
        ("spreads", "SPY 0.04, SPX 0.40", "SPY at most 0.05, SPX at most 1.00"),
        ("expected profit", "+$411.77 = credit +$637.85", "above $400.00"),
    ],
)
def test_a_decision_tells_every_criterion_with_its_number_and_its_limit(
    trade: Played, criterion: str, seen: str, limit: str
) -> None:
    (line,) = trade.said(f" yes  {criterion} ")
    assert seen in line
    assert limit in line.partition("(limit: ")[2]


def test_a_decision_against_trading_names_the_criterion_that_fails(skip: Played) -> None:
    (line,) = skip.said("NO   expected profit")
    assert "-$68." in line
    assert "above $400.00" in line
    assert len(skip.said("fails: expected profit")) == 25  # 9:36 to 10:00, one line a minute


def test_orders_and_fills_are_told_with_price_and_fee_the_hedge_first(trade: Played) -> None:
    told = [line[10:] for line in trade.said("09:35:00")]
    assert [line for line in told if line.startswith(("Order", "Bought", "Sold"))] == [
        "Order buy 2 SPXW 6000 call at 23.40: accepted.",
        "Bought 2 SPXW 6000 call at 23.40, fee $1.30.",
        "Order sell 20 SPY 600 call at 2.98: accepted.",
        "Sold 20 SPY 600 call at 2.98, fee $3.00.",
    ]


def test_the_pnl_is_told_at_each_check_of_the_position(trade: Played) -> None:
    checks = trade.said("Check 2026-03-09-1: SPY 600.25, P&L -$168.60")
    assert len(checks) == 74  # every five minutes from 9:40 to 15:45
    assert len(table(trade.data, "checks")) == 74


def test_why_a_position_was_closed_is_told(trade: Played) -> None:
    (line,) = trade.said("15:45:00", "Check")
    assert "PRE_EXPIRATION" in line
    assert "600.25 is in the money at 600" in line


def test_the_result_is_told_and_recorded_to_the_cent(trade: Played) -> None:
    # Two spreads: 20 x 100 x (2.98 - 3.02) + 2 x 100 x (23.00 - 23.40) - 4 x 2.15.
    (line,) = trade.said("Result of the day")
    assert "-$168.60" in line
    columns = "trade_id, entry_credit, exit_cost, final_pnl, fees, exit_reason"
    assert table(trade.data, "trades", columns) == [
        ("2026-03-09-1", 1275.70, 1444.30, -168.60, 8.60, "PRE_EXPIRATION")
    ]
    cash = sum(
        (-1 if side == "buy" else 1) * quantity * price * 100 - fee
        for side, quantity, price, fee in table(
            trade.data,
            "(SELECT fills.rowid, side, fills.quantity AS n, price_cents, fee_cents"
            " FROM fills JOIN orders USING (client_order_id))",
            "side, n, price_cents, fee_cents",
        )
        if isinstance(quantity, int) and isinstance(price, int) and isinstance(fee, int)
    )
    assert cash == -16860


def test_a_day_without_a_trade_says_so_and_why(skip: Played) -> None:
    (line,) = skip.said("No trade today")
    assert "26 looks" in line
    assert "-$68." in line
    assert table(skip.data, "trades") == []
    assert table(skip.data, "orders") == []
    assert table(skip.data, "daily_summary", "trades_count, total_pnl") == [(0, 0.0)]


def test_every_file_that_is_named_is_there(trade: Played, skip: Played) -> None:
    for day in (trade, skip):
        named = [line.partition("Written: ")[2] for line in day.said("Written: ")]
        named += [line.removeprefix("Database: ") for line in day.said("Database: ")]
        assert len(named) >= 4
        # Of the CSV files the number and the folder are said.
        assert [each for each in named if not Path(each.rpartition(" in ")[2]).exists()] == []
    assert {
        "trades.db",
        "logs/trading.log",
        "reports/2026-03-09.txt",
        "reports/2026-03-09.md",
        "reports/2026-03-09.html",
        "tapes/2026-03-09.csv.gz",
        "tapes/2026-03-09.json",
    } <= files(trade.data)


def test_the_log_holds_what_was_printed(trade: Played) -> None:
    log = (trade.data / "logs" / "trading.log").read_text()
    for line in trade.lines:
        assert line[10:].strip() in log


def test_a_second_run_starts_over_gives_the_same_cents_and_writes_nowhere_else(
    play: Player, tmp_path: Path
) -> None:
    tape, data = a_tape(tmp_path / "tapes"), tmp_path / "data"
    installed = {each for each in files(play.root) if "__pycache__" not in each}
    first = Played(play, tape, data)
    ledger = first.ledger()
    second = Played(play, tape, data)
    assert second.lines == first.lines
    assert second.ledger() == ledger
    assert len(ledger["trades"]) == 1
    assert {each for each in files(play.root) if "__pycache__" not in each} == installed
    assert files(play.home) == set()


@pytest.mark.parametrize("name", ["trade", "skip"])
def test_the_tape_that_a_run_records_replays_to_the_same_decisions_orders_and_cents(
    name: str, request: pytest.FixtureRequest, play: Player, tmp_path: Path
) -> None:
    first: Played = request.getfixturevalue(name)
    recorded = first.data / "tapes" / "2026-03-09.csv.gz"
    again = Played(play, recorded, tmp_path / "again")
    assert again.ledger() == first.ledger()


def test_a_replay_expects_the_ratio_by_all_the_closes_by_which_its_day_did(
    play: Player, tmp_path: Path
) -> None:
    tape = a_tape(tmp_path / "tapes")
    beside, last = tape.with_name("2026-03-09.json"), "2026-03-06"
    closes = [
        {"date": f"2026-03-0{day}", "SPY": 600.0, "SPX": 5950.0 if day == 6 else 6000.0}
        for day in range(2, 7)
    ]
    beside.write_text(json.dumps({**json.loads(beside.read_text()), "closes_before": closes}))
    first = Played(play, tape, tmp_path / "data")
    (ratio,) = first.said("  ratio  ")
    assert "within 10 bp of 9.9981" in ratio, "one of five closes was off"
    recorded = first.data / "tapes" / "2026-03-09.csv.gz"
    told = json.loads(recorded.with_name("2026-03-09.json").read_text())["closes_before"]
    assert told[0]["date"] == last
    assert len(told) == 5
    again = Played(play, recorded, tmp_path / "again")
    assert again.said("  ratio  ") == [ratio]


def test_a_tape_is_not_changed_by_its_own_replay(play: Player, tmp_path: Path) -> None:
    tape = a_tape(tmp_path / "data" / "tapes")
    before = tape.read_bytes()
    Played(play, tape, tmp_path / "data")
    assert tape.read_bytes() == before
    assert files(tape.parent) == {"2026-03-09.csv.gz", "2026-03-09.json"}


def test_a_setting_given_on_the_command_line_counts(play: Player, tmp_path: Path) -> None:
    day = Played(
        play, a_tape(tmp_path / "tapes"), tmp_path / "data", "--set", "strategy.max_spreads=1"
    )
    assert table(day.data, "trades", "spreads, final_pnl") == [(1, -84.30)]


def test_a_half_day_is_not_traded_unless_the_settings_say_so(play: Player, tmp_path: Path) -> None:
    tape = a_tape(tmp_path / "tapes", day=HALF_DAY, close="13:00")
    quiet = Played(play, tape, tmp_path / "quiet")
    assert quiet.said("No trade today")
    traded = Played(play, tape, tmp_path / "traded", "--set", "strategy.trade_half_days=true")
    assert traded.said("12:45:00", "PRE_EXPIRATION")
    assert traded.said("13:00:00", "Result of the day: -$168.60")


def test_without_a_data_directory_a_replay_writes_into_its_own_folder(
    play: Player, tmp_path: Path
) -> None:
    """What is simulated never lies among the records of real days."""
    answer = play("--replay", a_tape(tmp_path / "tapes"), "--once")
    assert answer.returncode == 0, answer.stderr
    assert (play.root / "data" / "replay" / "trades.db").is_file()
    assert not (play.root / "data" / "trades.db").exists()
