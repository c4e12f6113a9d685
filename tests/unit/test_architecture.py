"""The rules of the building: who may import whom, who may know the time, how long a file may be."""

import ast
import importlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
ROOMS = ("src", "brokers", "utils", "scripts")
LINES = 400

# The third parties of the core: they judge settings and read files, and know no market.
OF_THE_CORE = {
    *("pydantic", "pydantic_settings", "pydantic_core", "yaml", "dotenv", "pandas"),
    *("numpy", "numba"),
}
MAY_IMPORT = {
    "src": {"src"},
    "brokers": {"src", "brokers", "utils.option_symbols"},
    "utils": {"src", "utils"},
    "scripts": {"src", "brokers", "utils", "scripts"},
}
IN_ONE_FILE = (
    *("alpaca", "ib_async", "yfinance", "apprise", "streamlit", "duckdb"),
    *("pandas_market_calendars", "schedule", "filelock", "yaml", "dotenv", "plotly"),
    "shtab",
)
HEAVY = (
    *("pandas", "apprise", "pandas_market_calendars", "alpaca", "ib_async", "yfinance", "duckdb"),
    "plotly",
)
"""Libraries that cost a start a tenth of a second or more: imported where they are needed."""
CLOCKS_AND_CHANCE = {
    *("datetime.now", "datetime.utcnow", "datetime.today", "date.today"),
    *("time.time", "time.time_ns", "time.sleep", "time.monotonic", "time.perf_counter"),
    *("uuid.uuid1", "uuid.uuid4", "uuid1", "uuid4"),
}
SEEDED = {"Generator", "PCG64", "SeedSequence", "default_rng"}
"""What numpy makes of the seed that it is given."""


def modules(*rooms: str) -> list[Path]:
    return sorted(file for room in rooms for file in (PROJECT / room).rglob("*.py"))


def name_of(file: Path) -> str:
    return file.relative_to(PROJECT).as_posix()


@cache
def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), str(file))


def imported(node: ast.AST) -> Iterator[str]:
    """Yield the dotted names of all modules that are imported anywhere below a node."""
    for each in ast.walk(node):
        if isinstance(each, ast.Import):
            yield from (alias.name for alias in each.names)
        elif isinstance(each, ast.ImportFrom):
            assert each.level == 0, "a relative import hides where an arrow points"
            yield from (f"{each.module}.{alias.name}" for alias in each.names)


def at_the_top(file: Path) -> Iterator[str]:
    """Yield what is imported as soon as a module is: not in a function, not for types only."""
    for node in tree(file).body:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if not isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield from imported(node)


def is_in(module: str, names: set[str]) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in names)


# Arrows.


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_the_rooms_below_it(room: str) -> None:
    wrong = [
        f"{name_of(file)} imports {module}"
        for file in modules(room)
        for module in imported(tree(file))
        if is_in(module, set(ROOMS)) and not is_in(module, MAY_IMPORT[room])
    ]
    assert wrong == []


def test_the_core_uses_only_the_standard_library_and_what_reads_settings_and_tables() -> None:
    known = sys.stdlib_module_names | OF_THE_CORE | {"src"}
    wrong = [
        f"{name_of(file)} imports {module}"
        for file in modules("src")
        for module in imported(tree(file))
        if module.partition(".")[0] not in known
    ]
    assert wrong == []


@pytest.mark.parametrize("library", IN_ONE_FILE)
def test_a_library_is_spoken_to_in_one_file_only(library: str) -> None:
    users = {
        name_of(file)
        for file in modules(*ROOMS)
        if any(is_in(module, {library}) for module in imported(tree(file)))
    }
    assert len(users) <= 1, users


@pytest.mark.parametrize("library", HEAVY)
def test_a_heavy_library_is_imported_only_where_it_is_needed(library: str) -> None:
    wrong = [
        name_of(file)
        for file in modules(*ROOMS)
        if any(is_in(module, {library}) for module in at_the_top(file))
    ]
    assert wrong == []


def test_help_answers_without_loading_any_library() -> None:
    answer = subprocess.run(
        [sys.executable, "-X", "importtime", "scripts/main.py", "--help"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {line.rsplit("|")[-1].strip() for line in answer.stderr.splitlines()}
    assert "argparse" in loaded
    for library in ("pandas", "pydantic", "numpy", "yaml", "schedule", "src", "brokers", "sqlite3"):
        assert library not in loaded


# Time and chance come from outside.


def calls(file: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Call):
            yield node.lineno, ast.unparse(node.func)


def test_the_core_and_the_brokers_have_no_clock_of_their_own() -> None:
    wrong = [
        f"{name_of(file)}:{line} calls {call}"
        for file in modules("src", "brokers")
        for line, call in calls(file)
        if any(call == clock or call.endswith(f".{clock}") for clock in CLOCKS_AND_CHANCE)
    ]
    wrong += [
        f"{name_of(file)} imports {module}"
        for file in modules("src", "brokers")
        for module in imported(tree(file))
        if is_in(module, {"time", "uuid"})
    ]
    assert wrong == []


def test_chance_is_there_only_in_generated_days_and_only_from_a_seed() -> None:
    wrong = [
        f"{name_of(file)} imports {module}"
        for file in modules("src", "brokers")
        for module in imported(tree(file))
        if is_in(module, {"random", "secrets"})
        or (is_in(module, {"numpy.random"}) and not file.name.startswith("synthetic"))
    ]
    for file in modules("src", "brokers"):
        for call in (each for each in ast.walk(tree(file)) if isinstance(each, ast.Call)):
            path, _, maker = ast.unparse(call.func).rpartition(".")
            if not path.endswith(".random"):
                continue
            seeded = maker in SEEDED and bool(call.args)
            if not (seeded and file.name.startswith("synthetic")):
                wrong.append(f"{name_of(file)}:{call.lineno} calls {path}.{maker}")
    assert wrong == []


# Size and manners.


@pytest.mark.parametrize("file", modules(*ROOMS), ids=name_of)
def test_a_module_fits_in_the_head(file: Path) -> None:
    assert len(file.read_text(encoding="utf-8").splitlines()) <= LINES


def tracked() -> list[Path]:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached"], cwd=PROJECT, capture_output=True, check=False
    )
    if listed.returncode:
        pytest.skip("this is no git checkout")
    names = [name for name in listed.stdout.decode().split("\0") if name]
    return [PROJECT / name for name in names if (PROJECT / name).is_file()]


def test_no_file_knows_a_place_of_one_machine() -> None:
    place = re.compile(rb"(?<![\w.~/-])/(work|root)/")
    wrong = [
        f"{name_of(file)}: {found.group().decode()}"
        for file in tracked()
        if file != Path(__file__) and (found := place.search(file.read_bytes()))
    ]
    assert wrong == []


@pytest.mark.parametrize("room", ROOMS)
def test_no_module_has_a_name_that_says_nothing(room: str) -> None:
    assert {file.stem for file in modules(room)}.isdisjoint({"helpers", "common", "misc", "util"})


# Names that others rely on.

NAMES = {
    "src.models": (
        *("OptionContract", "Quote", "TradeSetup", "EntryDecision", "SpreadPosition"),
        *("OrderIntent", "OrderOutcome", "Fill", "ExitSignal"),
    ),
    "src.ports": ("Broker", "QuoteSource", "Clock", "Notifier"),
    "src.settings": ("Settings", "load_settings"),
    "src.market_data": (
        "MarketDataCollector.get_current_prices",
        "MarketDataCollector.get_atm_strikes",
        "MarketDataCollector.get_options_quotes",
        "MarketDataCollector.get_trade_setup",
    ),
    "src.strategy_engine": (
        *("should_enter_trade", "calculate_entry_credit", "calculate_position_size"),
    ),
    "src.risk_manager": ("RiskManager.can_open_position", "RiskManager.emergency_close_all"),
    "src.order_executor": ("OrderExecutor.place_spread_order", "OrderExecutor.close_position"),
    "src.position_monitor": ("PositionMonitor.check_exit_conditions", "should_exit"),
    "src.settlement": ("calculate_expiration_value",),
    "src.results_logger": (
        *("ResultsLogger.log_trade", "ResultsLogger.log_skip", "ResultsLogger.log_exit"),
        *("ResultsLogger.update_final_pnl", "ResultsLogger.generate_daily_report"),
        *("ResultsLogger.export_to_csv", "ResultsLogger.export_daily_csv"),
    ),
    "utils.notifications": (*("send_notification", "send_email", "send_sms", "send_email_report"),),
    "src.trading_day": (
        *("TradingDay.tick", "TradingDay.morning_routine", "TradingDay.monitor_loop"),
        *("TradingDay.end_of_day_routine", "TradingDay.wait_until_market_open"),
    ),
}


@pytest.mark.parametrize(
    ("module", "name"), [(module, name) for module, names in NAMES.items() for name in names]
)
def test_a_name_that_others_rely_on_exists_and_is_explained(module: str, name: str) -> None:
    found: object = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    assert callable(found)
    assert found.__doc__
