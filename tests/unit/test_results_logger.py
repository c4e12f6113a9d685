import csv
import errno
import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from src.export_sheets import NAMES
from src.exports import NotAllWritten, not_written
from src.models import ExitReason
from src.ports import MendInput
from src.results_logger import ResultsLogger
from tests.fakes.ledger import DAY, Ledger, a_decision, a_position, moment, without_setup

NEXT_DAY = date(2026, 1, 27)


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    ledger = Ledger()
    yield ledger
    ledger.connection.close()


@pytest.fixture
def logger(ledger: Ledger, tmp_path: Path) -> ResultsLogger:
    return ResultsLogger(ledger.connection, tmp_path)


def trade_reference(ledger: Ledger, logger: ResultsLogger, spread_no: int = 1) -> None:
    ledger.open_reference_spread(spread_no)
    logger.log_trade(a_position(spread_no=spread_no, day=ledger.day), a_decision(), "paper")


def expire_worthless(ledger: Ledger, logger: ResultsLogger, spread_no: int = 1) -> None:
    ledger.settle("spy", -10, "0", spread_no=spread_no)
    ledger.settle("spx", 1, "0", spread_no=spread_no)
    logger.update_final_pnl(ledger.day, "paper", moment(16, 20, day=ledger.day))


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def export(logger: ResultsLogger, name: str, start: date = DAY, end: date = DAY) -> Path:
    (path,) = (
        path for path in logger.export_to_csv(start, end) if path.name.startswith(f"{name}_2")
    )
    return path


# The trade and its result


def test_a_trade_is_recorded_with_the_market_it_was_decided_upon(
    ledger: Ledger, logger: ResultsLogger
) -> None:
    logger.log_trade(a_position(), a_decision(), "paper", "first")
    trade = dict(ledger.trade())
    assert trade == {
        "trade_id": "2026-01-26-1",
        "date": "2026-01-26",
        "spy_price": 600.25,
        "spx_price": 6002.50,
        "spy_strike": 600.0,
        "spx_strike": 6000.0,
        "spy_bid": 2.98,
        "spy_ask": 3.02,
        "spx_bid": 23.00,
        "spx_ask": 23.40,
        "entry_credit": 637.85,
        "exit_cost": None,
        "exit_reason": None,
        "final_pnl": None,
        "entry_time": "2026-01-26T09:35:01-05:00",
        "exit_time": None,
        "spreads": 1,
        "mode": "paper",
        "ratio": pytest.approx(10.0),
        "strike_gap": pytest.approx(0.0),
        "quoted_credit": 637.85,
        "expected_profit": 637.85,
        "fees": 2.15,
        "assigned_shares": 0,
        "note": "first",
    }


def test_a_trade_needs_a_decision_that_priced_a_setup(
    ledger: Ledger, logger: ResultsLogger
) -> None:
    with pytest.raises(ValueError, match="without a setup"):
        logger.log_trade(a_position(), without_setup(a_decision()), "paper")
    assert ledger.trade() is None


def test_a_trade_that_is_logged_again_while_open_is_brought_up_to_date(
    ledger: Ledger, logger: ResultsLogger
) -> None:
    logger.log_trade(a_position(), a_decision(), "paper")
    logger.log_trade(a_position(entry_cash="1275.70", spreads=2), a_decision(), "paper")
    assert (ledger.trade()["entry_credit"], ledger.trade()["spreads"]) == (1275.70, 2)
    assert ledger.summary()["trades_count"] == 1


def test_a_finished_trade_is_not_overwritten(ledger: Ledger, logger: ResultsLogger) -> None:
    trade_reference(ledger, logger)
    expire_worthless(ledger, logger)
    logger.log_trade(a_position(entry_cash="1.00"), a_decision(), "paper")
    assert ledger.trade()["entry_credit"] == 637.85


def test_the_reference_spread_that_expires_worthless_earns_637_85(
    ledger: Ledger, logger: ResultsLogger
) -> None:
    trade_reference(ledger, logger)
    expire_worthless(ledger, logger)
    trade = ledger.trade()
    assert (trade["entry_credit"], trade["exit_cost"], trade["final_pnl"]) == (637.85, 0, 637.85)
    assert (trade["fees"], trade["assigned_shares"]) == (2.15, 0)
    assert trade["exit_reason"] == "EXPIRED"
    assert trade["exit_time"] == "2026-01-26T16:20:00-05:00"


@pytest.mark.parametrize(
    ("spy_cash", "spx_cash", "result"),
    [
        pytest.param("-5000.00", "5000.00", 637.85, id="both-in-the-money-at-a-ratio-of-10"),
        pytest.param("-5400.00", "5000.00", 237.85, id="SPY-6.6-bp-rich"),
        pytest.param("-5640.00", "5000.00", -2.15, id="SPY-10.5-bp-rich"),
        pytest.param("-10630.00", "5000.00", -4992.15, id="SPY-93-bp-rich"),
    ],
)
def test_settlement_in_the_money_gives_the_known_result(
    ledger: Ledger, logger: ResultsLogger, spy_cash: str, spx_cash: str, result: float
) -> None:
    trade_reference(ledger, logger)
    ledger.settle("spy", -10, spy_cash, shares=-1000)
    ledger.settle("spx", 1, spx_cash)
    logger.update_final_pnl(DAY, "paper", moment(16, 20))
    trade = ledger.trade()
    assert trade["final_pnl"] == result
    assert trade["exit_cost"] == pytest.approx(637.85 - result, abs=1e-9)
    assert trade["assigned_shares"] == -1000
    assert ledger.summary()["total_pnl"] == result


def test_a_closed_spread_costs_what_its_closing_fills_and_fees_cost(
    ledger: Ledger, logger: ResultsLogger
) -> None:
    trade_reference(ledger, logger)
    ledger.order("spy", "buy", 10, "4.02", fee="1.50", purpose="close")
    ledger.order("spx", "sell", 1, "33.10", fee="0.65", purpose="close")
    logger.log_exit(DAY, 1, ExitReason.MAX_LOSS, moment(11, 5))
    trade = ledger.trade()
    # -4020.00 - 1.50 + 3310.00 - 0.65 = -712.15
    assert trade["exit_cost"] == 712.15
    assert trade["final_pnl"] == -74.30
    assert trade["fees"] == 4.30
    assert (trade["exit_reason"], trade["exit_time"]) == ("MAX_LOSS", "2026-01-26T11:05:00-05:00")
    assert ledger.summary()["total_pnl"] == -74.30


def test_settlement_does_not_change_why_and_when_a_trade_was_closed(
    ledger: Ledger, logger: ResultsLogger
) -> None:
    trade_reference(ledger, logger)
    ledger.order("spy", "buy", 10, "0.05", fee="1.50", purpose="close")
    logger.log_exit(DAY, 1, ExitReason.PIN_RISK, moment(15, 45))
    assert ledger.trade()["final_pnl"] is None
    ledger.settle("spx", 1, "0")
    logger.update_final_pnl(DAY, "paper", moment(16, 20))
    trade = ledger.trade()
    assert (trade["exit_reason"], trade["exit_time"]) == ("PIN_RISK", "2026-01-26T15:45:00-05:00")
    assert trade["final_pnl"] == 586.35


@pytest.mark.parametrize("missing", ["spy", "spx", "one SPY call"])
def test_there_is_no_final_result_while_contracts_are_held(
    ledger: Ledger, logger: ResultsLogger, missing: str
) -> None:
    trade_reference(ledger, logger)
    if missing != "spy":
        ledger.settle("spy", -9 if missing == "one SPY call" else -10, "0")
    if missing != "spx":
        ledger.settle("spx", 1, "0")
    logger.update_final_pnl(DAY, "paper", moment(16, 20))
    trade = ledger.trade()
    assert (trade["final_pnl"], trade["exit_cost"], trade["exit_reason"]) == (None, None, None)
    assert (trade["entry_credit"], trade["exit_time"]) == (637.85, None)
    assert ledger.summary()["win_rate"] is None


def test_a_trade_closed_by_fills_without_a_reason_is_not_called_expired(
    ledger: Ledger, logger: ResultsLogger
) -> None:
    trade_reference(ledger, logger)
    ledger.order("spy", "buy", 10, "2.98", purpose="close")
    ledger.order("spx", "sell", 1, "23.40", purpose="close")
    logger.update_final_pnl(DAY, "paper", moment(16, 20))
    trade = ledger.trade()
    assert (trade["final_pnl"], trade["exit_reason"], trade["exit_time"]) == (-2.15, None, None)


def test_an_unwound_leg_is_a_trade_with_its_own_result(
    ledger: Ledger, logger: ResultsLogger
) -> None:
    ledger.order("spx", "buy", 1, "23.40", fee="0.65")
    ledger.order("spy", "sell", 10, "2.98", filled=0)
    ledger.order("spx", "sell", 1, "23.00", fee="0.65", purpose="close")
    logger.log_trade(a_position(entry_cash="-2340.65", fees="0.65"), a_decision(), "paper")
    logger.log_exit(DAY, 1, ExitReason.UNWOUND, moment(9, 40))
    trade = ledger.trade()
    assert (trade["entry_credit"], trade["exit_cost"]) == (-2340.65, -2299.35)
    assert trade["final_pnl"] == -41.30


def test_an_exit_of_a_trade_that_does_not_exist_is_refused(logger: ResultsLogger) -> None:
    with pytest.raises(LookupError, match="2026-01-26-3"):
        logger.log_exit(DAY, 3, ExitReason.MANUAL, moment(11))


def test_why_a_trade_is_being_closed_is_known_once_its_exit_was_recorded(
    ledger: Ledger, logger: ResultsLogger
) -> None:
    trade_reference(ledger, logger)
    with pytest.raises(LookupError, match="2026-01-26-1 has no exit"):
        logger.exit_reason(DAY, 1)
    logger.log_exit(DAY, 1, ExitReason.MANUAL, moment(11))
    assert logger.exit_reason(DAY, 1) is ExitReason.MANUAL


def test_a_fill_that_arrives_late_reopens_the_result(ledger: Ledger, logger: ResultsLogger) -> None:
    trade_reference(ledger, logger)
    expire_worthless(ledger, logger)
    ledger.order("spy", "sell", 1, "1.00")
    logger.update_final_pnl(DAY, "paper", moment(16, 30))
    assert ledger.trade()["final_pnl"] is None


# The day


def test_the_day_counts_its_trades_and_how_many_of_the_finished_ones_won(
    ledger: Ledger, logger: ResultsLogger
) -> None:
    for spread_no in (1, 2, 3):
        trade_reference(ledger, logger, spread_no)
    ledger.settle("spy", -10, "-5640.00", shares=-1000, spread_no=2)
    ledger.settle("spx", 1, "5000.00", spread_no=2)
    expire_worthless(ledger, logger, 1)
    day = ledger.summary()
    assert (day["trades_count"], day["total_pnl"], day["win_rate"]) == (3, 635.70, 0.5)


def test_counting_a_day_twice_gives_the_same(ledger: Ledger, logger: ResultsLogger) -> None:
    trade_reference(ledger, logger)
    ledger.settle("spy", -10, "-5000", shares=-1000)
    ledger.settle("spx", 1, "5000")
    logger.update_final_pnl(DAY, "paper", moment(16, 20), "a note")
    once = (tuple(ledger.trade()), tuple(ledger.summary()))
    logger.update_final_pnl(DAY, "paper", moment(16, 45))
    assert (tuple(ledger.trade()), tuple(ledger.summary())) == once
    assert ledger.summary()["notes"] == "a note"


def test_a_day_without_a_trade_keeps_the_last_reason(ledger: Ledger, logger: ResultsLogger) -> None:
    logger.log_skip(DAY, "paper", "expected profit: $12 (limit $400)")
    logger.log_skip(DAY, "paper", "expected profit: $80 (limit $400)")
    logger.update_final_pnl(DAY, "paper", moment(16, 20))
    day = ledger.summary()
    assert (day["trades_count"], day["total_pnl"], day["win_rate"]) == (0, 0, None)
    assert day["skip_reason"] == "expected profit: $80 (limit $400)"
    assert day["mode"] == "paper"


def test_a_trade_clears_the_reason_for_not_trading(ledger: Ledger, logger: ResultsLogger) -> None:
    logger.log_skip(DAY, "paper", "too early")
    trade_reference(ledger, logger)
    logger.log_skip(DAY, "paper", "the window is over")
    assert ledger.summary()["skip_reason"] == ""
    assert ledger.summary()["trades_count"] == 1


def test_a_change_within_a_callers_transaction_can_be_rolled_back(
    ledger: Ledger, logger: ResultsLogger
) -> None:
    ledger.connection.execute("BEGIN IMMEDIATE")
    logger.log_trade(a_position(), a_decision(), "paper")
    ledger.connection.execute("ROLLBACK")
    assert ledger.trade() is None
    assert ledger.summary() is None


def test_a_change_outside_a_transaction_is_committed(ledger: Ledger, logger: ResultsLogger) -> None:
    logger.log_trade(a_position(), a_decision(), "paper")
    assert not ledger.connection.in_transaction


# Statistics


def test_statistics_cover_the_range_and_the_mode_that_were_asked_for(
    ledger: Ledger, logger: ResultsLogger
) -> None:
    trade_reference(ledger, logger)
    expire_worthless(ledger, logger)
    ledger.begin(NEXT_DAY, "live")
    ledger.open_reference_spread()
    logger.log_trade(a_position(day=NEXT_DAY), a_decision(day=NEXT_DAY), "live")
    ledger.settle("spy", -10, "-1000", shares=-1000)
    ledger.settle("spx", 1, "0")
    logger.update_final_pnl(NEXT_DAY, "live", moment(16, 20, day=NEXT_DAY))
    assert logger.statistics().trades == 2
    assert str(logger.statistics().total) == "275.70"
    assert str(logger.statistics(end=DAY).total) == "637.85"
    assert str(logger.statistics(start=NEXT_DAY).total) == "-362.15"
    assert str(logger.statistics(mode="live").total) == "-362.15"
    with pytest.raises(MendInput, match="before it starts"):
        logger.statistics(NEXT_DAY, DAY)


# CSV


def test_an_export_is_one_file_a_sheet_named_by_its_range(
    logger: ResultsLogger, tmp_path: Path
) -> None:
    paths = logger.export_to_csv(DAY, NEXT_DAY)
    assert [path.name for path in paths] == [
        f"{name}_2026-01-26_to_2026-01-27.csv" for name in NAMES
    ]
    assert {path.parent for path in paths} == {tmp_path / "exports"}
    assert sorted(path.name for path in (tmp_path / "exports").iterdir()) == sorted(
        path.name for path in paths
    )


def test_an_export_of_days_without_trades_has_headers_only(logger: ResultsLogger) -> None:
    for path in logger.export_daily_csv(DAY):
        assert read_csv(path) == []
        assert path.read_bytes().count(b"\r\n") == 1


def test_exported_numbers_times_and_unknowns_are_what_a_spreadsheet_reads(
    ledger: Ledger, logger: ResultsLogger
) -> None:
    trade_reference(ledger, logger)
    trade_reference(ledger, logger, 2)
    ledger.settle("spy", -10, "-10630", shares=-1000)
    ledger.settle("spx", 1, "5000")
    logger.update_final_pnl(DAY, "paper", moment(16, 20))
    path = export(logger, "trades")
    first, second = read_csv(path)
    assert first["date"] == "2026-01-26"
    assert first["entry_time_et"] == "2026-01-26T09:35:01"
    assert first["exit_time_et"] == "2026-01-26T16:20:00"
    assert (first["final_pnl"], first["exit_cost"]) == ("-4992.15", "5630.00")
    assert (first["spx_price"], first["ratio"]) == ("6002.50", "10.0000")
    assert (first["assigned_shares"], first["spreads"], first["mode"]) == ("-1000", "1", "paper")
    assert (second["final_pnl"], second["exit_time_et"], second["exit_reason"]) == ("", "", "")
    assert b"\r\r" not in path.read_bytes()
    assert path.read_bytes().count(b"\r\n") == path.read_bytes().count(b"\n") == 3


def test_an_exported_number_that_rounds_to_nothing_has_no_minus(logger: ResultsLogger) -> None:
    decision = a_decision(profit=-0.001)
    logger.log_trade(a_position(), decision, "paper")
    (trade,) = read_csv(export(logger, "trades"))
    assert trade["expected_profit"] == "0.00"


@pytest.mark.parametrize(
    ("number", "mend"),
    [
        (errno.ENOSPC, "free some space on the disk"),
        (errno.EACCES, "close the program that has the file open"),
        (errno.EROFS, "another folder with --data-dir"),
        (errno.EIO, "make sure that its folder can be written to"),
    ],
)
def test_a_file_that_cannot_be_written_is_named_with_the_mend(number: int, mend: str) -> None:
    text = not_written(Path("exports/trades.csv"), OSError(number, os.strerror(number)))
    assert mend in text
    assert os.strerror(number) in text
    assert text.startswith(str(Path("exports/trades.csv")))
    assert text.endswith("what was there before is unchanged.")


def test_exported_files_are_read_by_pandas_with_dates_and_numbers(
    ledger: Ledger, logger: ResultsLogger
) -> None:
    trade_reference(ledger, logger)
    expire_worthless(ledger, logger)
    frame = pd.read_csv(
        export(logger, "trades"), parse_dates=["date", "entry_time_et", "exit_time_et"]
    )
    assert frame["entry_time_et"].iloc[0] == pd.Timestamp(2026, 1, 26, 9, 35, 1)
    assert frame["date"].iloc[0] == pd.Timestamp(2026, 1, 26)
    assert frame["final_pnl"].sum() == 637.85


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_text_that_a_spreadsheet_would_run_as_a_formula_is_disarmed(
    logger: ResultsLogger, start: str
) -> None:
    text = f'{start}HYPERLINK("http://x.example","ü, click")\nsecond line'
    logger.log_trade(a_position(entry_cash="-1.00"), a_decision(), "paper", text)
    logger.update_final_pnl(DAY, "paper", moment(16, 20), text)
    (trade,) = read_csv(export(logger, "trades"))
    (day,) = read_csv(export(logger, "daily_summary"))
    assert trade["note"] == day["notes"] == f"'{text}"
    assert trade["entry_credit"] == "-1.00"


def test_cumulative_pnl_runs_over_the_days_and_keeps_real_and_simulated_money_apart(
    ledger: Ledger, logger: ResultsLogger
) -> None:
    trade_reference(ledger, logger)
    expire_worthless(ledger, logger)
    for number, (mode, cash) in enumerate((("paper", "-0.10"), ("live", "-0.20"), ("paper", "0"))):
        day = date(2026, 1, 27 + number)
        ledger.begin(day, mode)
        ledger.open_reference_spread()
        logger.log_trade(a_position(day=day), a_decision(day=day), mode)
        ledger.settle("spy", -10, cash)
        ledger.settle("spx", 1, "0")
        logger.update_final_pnl(day, mode, moment(16, 20, day=day))
    rows = read_csv(export(logger, "cumulative_pnl", DAY, date(2026, 1, 29)))
    assert [tuple(row.values()) for row in rows] == [
        ("2026-01-26", "paper", "637.85", "637.85"),
        ("2026-01-27", "paper", "637.75", "1275.60"),
        ("2026-01-28", "live", "637.65", "637.65"),
        ("2026-01-29", "paper", "637.85", "1913.45"),
    ]


def test_win_rate_and_statistics_follow_the_finished_trades(
    ledger: Ledger, logger: ResultsLogger
) -> None:
    for spread_no, cash in ((1, "0"), (2, "-1000"), (3, "0")):
        trade_reference(ledger, logger, spread_no)
        ledger.settle("spy", -10, cash, spread_no=spread_no)
        ledger.settle("spx", 1, "0", spread_no=spread_no)
    logger.update_final_pnl(DAY, "paper", moment(16, 20))
    trade_reference(ledger, logger, 4)
    rates = read_csv(export(logger, "win_rate"))
    assert [row["win_rate"] for row in rates] == ["1.0000", "0.5000", "0.6667"]
    every, expired = read_csv(export(logger, "statistics"))
    assert every == {
        "mode": "paper",
        "exit_reason": "ALL",
        "trades": "3",
        "wins": "2",
        "win_rate": "0.6667",
        "total_pnl": "913.55",
        "average": "304.52",
        "best": "637.85",
        "worst": "-362.15",
        "profit_factor": "3.5226",
        "max_drawdown": "362.15",
    }
    assert (expired["exit_reason"], expired["max_drawdown"]) == ("EXPIRED", "")


def test_a_range_that_ends_before_it_starts_is_refused_in_words(logger: ResultsLogger) -> None:
    with pytest.raises(MendInput, match="ends on 2026-01-26, before it starts on 2026-01-27"):
        logger.export_to_csv(NEXT_DAY, DAY)


def test_an_export_replaces_the_one_before(ledger: Ledger, logger: ResultsLogger) -> None:
    first = export(logger, "trades").read_bytes()
    trade_reference(ledger, logger)
    assert export(logger, "trades").read_bytes() != first


def test_a_file_in_the_place_of_the_folder_is_named_and_left_alone(
    logger: ResultsLogger, tmp_path: Path
) -> None:
    (tmp_path / "exports").write_text("mine", encoding="utf-8")
    with pytest.raises(NotAllWritten, match=r"8 CSV files, .* could not be written") as it:
        logger.export_daily_csv(DAY)
    assert "trades_2026-01-26_to_2026-01-26.csv, daily_summary_" in str(it.value)
    assert "move aside the file" in str(it.value)
    assert it.value.written == ()
    assert (tmp_path / "exports").read_text(encoding="utf-8") == "mine"


def test_what_cannot_be_replaced_is_left_as_it_was_and_no_part_remains(
    logger: ResultsLogger, tmp_path: Path
) -> None:
    stands_in_the_way = tmp_path / "exports" / "trades_2026-01-26_to_2026-01-26.csv"
    stands_in_the_way.mkdir(parents=True)
    with pytest.raises(
        NotAllWritten, match="unchanged, 7 others are written, and the database has all"
    ) as it:
        logger.export_daily_csv(DAY)
    assert f"export.py 2026-01-26 2026-01-26 --data-dir {tmp_path}" in str(it.value)
    assert "move aside the folder that stands in its place" in str(it.value)
    there = set((tmp_path / "exports").iterdir())
    assert there == {stands_in_the_way, *it.value.written}
    assert len(there) == len(NAMES)


def test_a_full_disk_keeps_the_old_export_and_says_so(
    ledger: Ledger, logger: ResultsLogger, tmp_path: Path
) -> None:
    resource = pytest.importorskip("resource", reason="file size limits are a Unix matter")
    signal = pytest.importorskip("signal")
    old = export(logger, "trades").read_bytes()
    trade_reference(ledger, logger)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, limits[1]))
    try:
        with pytest.raises(NotAllWritten, match=r"trades_2026-01-26_to.* could not be written"):
            logger.export_daily_csv(DAY)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert (tmp_path / "exports" / "trades_2026-01-26_to_2026-01-26.csv").read_bytes() == old
    assert not list((tmp_path / "exports").glob(".*"))
