"""A data directory as a person has it, made in milliseconds."""

import sqlite3
from contextlib import closing
from pathlib import Path

from src.results_logger import ResultsLogger
from tests.fakes.ledger import Ledger, a_decision, a_position


def a_record(folder: Path) -> Path:
    """A data directory whose database holds one day with one trade that is still open."""
    ledger = Ledger()
    ledger.open_reference_spread()
    ledger.decide(a_decision())
    ResultsLogger(ledger.connection, folder).log_trade(a_position(), a_decision(), "paper")
    (folder / "exports").mkdir(parents=True)
    with closing(sqlite3.connect(folder / "trades.db")) as file:
        ledger.connection.backup(file)
    ledger.connection.close()
    return folder
