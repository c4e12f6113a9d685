"""What a spreadsheet program makes of an export, in two countries."""

import csv
import errno
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from scripts.export import DIALECTS as OFFERED
from src.exports import (
    DIALECTS,
    NotAllWritten,
    Sheet,
    csv_text,
    write_atomically,
    write_exports,
)
from src.results_logger import ResultsLogger
from src.settings import KEYS, Settings
from tests.fakes.dictionary import Column, exported
from tests.fakes.ledger import DAY, Ledger, a_decision, a_position, moment, without_setup
from tests.fakes.libreoffice import Cell, LibreOffice, needs_libreoffice

LATER = date(2026, 1, 27)
NASTY = (
    '=HYPERLINK("http://x.example";"ü, click")',
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1+1",
    "\r=1+1",
    " =1+1",
    "\uff1d1+1",
    "Grüße; 1,5 \u20ac\nsecond line",
)
IN_LIBREOFFICE = {
    "date": "date",
    "time": "date",
    "money": "float",
    "price": "float",
    "number": "float",
    "count": "float",
    "text": "string",
}


@dataclass
class Country:
    dialect: str
    locale: str
    detects_special: bool = False


COUNTRIES = (
    Country("standard", "en-US"),
    Country("german", "de-DE"),
    # Excel itself is not at hand; its times are those of a LibreOffice that looks for them.
    Country("excel", "en-US", detects_special=True),
    Country("excel-german", "de-DE", detects_special=True),
)


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    """Two days: trades that ended, one that is open, and notes that would do harm."""
    made = Ledger()
    logger = ResultsLogger(made.connection, Path())
    for number, note in enumerate(NASTY, start=1):
        made.open_reference_spread(number)
        logger.log_trade(a_position(spread_no=number), a_decision(), "paper", note)
        made.settle("spy", -10, "-1234.56" if number == 1 else "0", spread_no=number, shares=-1000)
        made.settle("spx", 1, "0", spread_no=number)
    made.decide(a_decision(should_trade=False))
    made.decide(a_decision())
    made.decide(without_setup(a_decision(should_trade=False)))
    logger.update_final_pnl(DAY, "paper", moment(16, 20), NASTY[0])
    made.begin(LATER)
    made.open_reference_spread()
    logger.log_trade(a_position(day=LATER), a_decision(day=LATER), "paper")
    yield made
    made.connection.close()


def export(ledger: Ledger, folder: Path, dialect: str = "standard") -> dict[str, Path]:
    paths = ResultsLogger(ledger.connection, folder, csv_dialect=dialect).export_to_csv(DAY, LATER)
    return {re.sub("_2026.*", "", path.name): path for path in paths}


def as_written(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def wrong(column: Column, cell: Cell, written: str) -> bool:
    """Whether a cell is not of the type, or not of the value, that the dictionary promises."""
    if not written:
        return cell.kind != ""
    if cell.kind != IN_LIBREOFFICE[column.kind]:
        return True
    if column.kind in {"date", "time"}:
        return cell.value != written
    return cell.kind == "float" and float(cell.value) != float(written)


def padded(row: list[Cell], columns: list[Column]) -> list[Cell]:
    """A row with the empty cells at its end that LibreOffice does not write."""
    return [*row[: len(columns)], *[Cell("", "")] * (len(columns) - len(row))]


@needs_libreoffice
@pytest.mark.parametrize("country", COUNTRIES, ids=lambda each: each.dialect)
def test_libreoffice_takes_every_cell_for_what_the_dictionary_says(
    ledger: Ledger, tmp_path: Path, country: Country
) -> None:
    plain = export(ledger, tmp_path / "plain")
    paths = export(ledger, tmp_path / "data", country.dialect)
    office = LibreOffice(tmp_path, country.locale)
    separator = DIALECTS[country.dialect].separator
    opened = office.open([*paths.values()], separator, detects_special=country.detects_special)
    faults = []
    for sheet, columns in exported().items():
        head, *rows = opened[paths[sheet].name]
        _, *written = as_written(plain[sheet])
        assert [cell.value for cell in head][: len(columns)] == [each.name for each in columns]
        assert written, f"{sheet} has no row to look at"
        faults += [
            f"{sheet}.{column.name}: {cell} for {text!r}"
            for row, texts in zip(rows, written, strict=True)
            for column, cell, text in zip(columns, padded(row, columns), texts, strict=True)
            if wrong(column, cell, text)
        ]
    assert faults == []
    assert not [cell for rows in opened.values() for row in rows for cell in row if cell.formula]


@needs_libreoffice
def test_a_text_that_would_be_run_as_a_formula_is_shown_behind_an_apostrophe(
    ledger: Ledger, tmp_path: Path
) -> None:
    path = export(ledger, tmp_path / "data", "german")["trades"]
    bare = tmp_path / "bare.csv"
    bare.write_text("note\r\n=1+1\r\n", encoding="utf-8")
    opened = LibreOffice(tmp_path, "de-DE").open([path, bare], ";")
    assert [cell for row in opened["bare.csv"] for cell in row if cell.formula]
    cells = [cell for row in opened[path.name] for cell in row]
    assert [cell for cell in cells if cell.formula] == []
    assert "'" + NASTY[0] in [cell.value for cell in cells]
    assert NASTY[-1] in [cell.value for cell in cells]


def test_an_export_of_two_days_has_the_sheets_and_columns_of_the_dictionary_in_their_order(
    ledger: Ledger, tmp_path: Path
) -> None:
    found = {name: as_written(path)[0] for name, path in export(ledger, tmp_path).items()}
    assert found == {name: [each.name for each in columns] for name, columns in exported().items()}


def test_columns_of_earlier_versions_are_still_where_a_spreadsheet_refers_to_them(
    ledger: Ledger, tmp_path: Path
) -> None:
    before = {
        "trades": "trade_id date mode entry_time_et exit_time_et spreads spy_price spx_price "
        "spy_strike spx_strike spy_bid spy_ask spx_bid spx_ask entry_credit exit_cost final_pnl "
        "fees exit_reason assigned_shares ratio strike_gap quoted_credit expected_profit note",
        "daily_summary": "date mode trades_count total_pnl win_rate skip_reason notes",
        "cumulative_pnl": "date mode total_pnl cumulative_pnl",
        "win_rate": "trade_id date mode final_pnl trades wins win_rate",
        "statistics": "mode exit_reason trades wins win_rate total_pnl average best worst "
        "profit_factor max_drawdown",
        "fills": "trade_id date mode time_et purpose leg contract strike side quantity limit price "
        "fee cash order_id fill_id",
        "settlements": "trade_id date mode time_et leg contracts close_price cash shares note",
        "decisions": "date mode time_et decision failed spreads spy_price spx_price ratio "
        "spy_strike spx_strike strike_gap spy_bid spy_ask spx_bid spx_ask spy_quote_time_et "
        "spx_quote_time_et entry_credit expected_profit risk_level ordinary_close worst_close "
        "credit_strike_gap credit_ratio credit_after_hours credit_vol_gap credit_bid_ask "
        "credit_fees_in spread_out fees_out",
    }
    paths = export(ledger, tmp_path)
    for sheet, columns in before.items():
        names = columns.split()
        assert as_written(paths[sheet])[0][: len(names)] == names


def test_fills_and_settlements_add_up_to_the_result_of_each_trade(
    ledger: Ledger, tmp_path: Path
) -> None:
    frames = {name: pd.read_csv(path) for name, path in export(ledger, tmp_path).items()}
    trades = frames["trades"].set_index("trade_id")["final_pnl"].dropna()
    cash = pd.concat([frames["fills"], frames["settlements"]]).groupby("trade_id")["cash"].sum()
    assert len(trades) == len(NASTY)
    assert cash[trades.index].round(2).to_dict() == trades.to_dict()


def test_a_decision_shows_its_quotes_and_the_rules_that_said_no(
    ledger: Ledger, tmp_path: Path
) -> None:
    head, refused, traded, blind = as_written(export(ledger, tmp_path)["decisions"])
    first, second, third = (dict(zip(head, row, strict=True)) for row in (refused, traded, blind))
    assert (first["decision"], first["failed"]) == ("no trade", "expected profit")
    assert (second["decision"], second["failed"]) == ("trade", "")
    quotes = [second[name] for name in ("spy_bid", "spy_ask", "spx_bid", "spx_ask")]
    assert quotes == ["2.98", "3.02", "23.00", "23.40"]
    assert second["spy_quote_time_et"] == "2026-01-26T09:35:00"
    assert set(blind[6:]) == {""}
    assert third["time_et"] == "2026-01-26T09:35:00"


class OpenInExcel(type(Path())):  # type: ignore[misc] # the concrete class differs by system
    """A folder on Windows in which Excel has the fills and the decisions open."""

    def replace(self, target: Path) -> Path:
        if target.name.startswith(("fills", "decisions")):
            raise PermissionError(errno.EACCES, "Permission denied")
        return Path(super().replace(target))


def test_files_that_excel_has_open_are_named_with_what_to_do_and_all_others_are_written(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "exports"
    sheet = [Sheet(name, ("date",), [("2026-01-26",)]) for name in ("trades", "fills", "decisions")]
    before = folder / "fills_2026-01-26_to_2026-01-27.csv"
    write_atomically(before, "what Excel shows")
    with pytest.raises(NotAllWritten, match=r"2 CSV files, .* could not be written") as it:
        write_exports(OpenInExcel(folder), DAY, LATER, sheet)
    assert "close the program that has the file open" in str(it.value)
    assert "unchanged, 1 other is written, and the database has all of it." in str(it.value)
    assert "fills_2026-01-26_to_2026-01-27.csv, decisions_2026-01-26_to" in str(it.value)
    assert [path.name for path in it.value.written] == ["trades_2026-01-26_to_2026-01-27.csv"]
    assert before.read_text() == "what Excel shows"
    assert not list(folder.glob(".*"))


def test_a_german_file_is_read_by_pandas_with_the_same_numbers(
    ledger: Ledger, tmp_path: Path
) -> None:
    plain = pd.read_csv(export(ledger, tmp_path / "plain")["fills"])
    for dialect in ("german", "excel-german"):
        path = export(ledger, tmp_path / dialect, dialect)["fills"]
        found = pd.read_csv(path, sep=";", decimal=",")
        assert found.columns.tolist() == plain.columns.tolist()
        assert found["cash"].tolist() == plain["cash"].tolist()


def test_only_what_is_for_one_program_begins_with_a_byte_order_mark() -> None:
    sheet = Sheet("any", ("date", "when_et", "credit"), [("2026-01-26", moment(9, 35), -1234.5)])
    assert {name: csv_text(sheet, each) for name, each in DIALECTS.items()} == {
        "standard": "date,when_et,credit\r\n2026-01-26,2026-01-26T09:35:00,-1234.50\r\n",
        "german": "\ufeffdate;when_et;credit\r\n2026-01-26;2026-01-26T09:35:00;-1234,50\r\n",
        "excel": "\ufeffdate,when_et,credit\r\n2026-01-26,2026-01-26 09:35:00,-1234.50\r\n",
        "excel-german": "\ufeffdate;when_et;credit\r\n2026-01-26;2026-01-26 09:35:00;-1234,50\r\n",
    }


def test_the_config_and_the_command_line_offer_the_dialects_that_there_are() -> None:
    assert tuple(DIALECTS) == OFFERED
    for name in DIALECTS:
        assert name in KEYS.allowed("exports.csv_dialect")
    assert Settings.defaults().exports.csv_dialect == "standard"
