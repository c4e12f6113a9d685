"""How a start goes on when its broker is not there at once."""

import argparse
import socket
from pathlib import Path

import pytest

from scripts.play import telling
from scripts.real_days import RealDay, Time, position_on_record
from src.database import Store, open_database
from src.ports import RetryLater, StopTrading
from src.settings import Settings
from tests.fakes.builders import DAY, a_clock, a_session
from tests.fakes.trading_desk import Desk
from utils.console import Console
from utils.patience import Patience


def test_each_try_has_its_whole_time_however_long_the_broker_has_been_away(tmp_path: Path) -> None:
    clock = a_clock()
    with socket.socket() as unheard:  # bound, but nobody listens
        unheard.bind(("127.0.0.1", 0))
        port = unheard.getsockname()[1]
        settings = Settings.defaults().changed("broker.name=ibkr", f"broker.ibkr.port={port}")
        store = Store(open_database(None))
        args = argparse.Namespace(live=False, start_at=clock.now(), data_dir=tmp_path)
        time = Time(clock, 1.0, lambda at: at)  # type: ignore[arg-type] # one that waits in no time
        day = RealDay(args, settings, a_session(), time, store, tmp_path, Console())
        # The pause before the second try is longer than all that one try may take.
        day._patience = Patience(3.0, 3.0, lambda: clock.now().timestamp())
        with pytest.raises(RetryLater, match=r"does not answer at 127.0.0.1.*tried 3 times"):
            day._connected()
    store.connection.close()


def test_a_start_that_is_refused_says_what_is_open(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.enter()
    told = position_on_record(tmp_path / "trades.db", DAY)
    assert told.startswith("A POSITION IS OPEN and stays recorded (2026-03-09-1: short 10 SPY 600")
    desk.leave()
    assert position_on_record(tmp_path / "trades.db", DAY) == "No position is open."
    desk.store.connection.close()


def test_a_record_that_cannot_be_read_hides_no_refusal(tmp_path: Path) -> None:
    (tmp_path / "trades.db").write_text("no database")
    with (
        pytest.raises(StopTrading, match="not today") as refused,
        telling(lambda: position_on_record(tmp_path / "trades.db", DAY)),
    ):
        raise StopTrading("not today")
    assert "cannot be read from the database" in refused.value.__notes__[0]
