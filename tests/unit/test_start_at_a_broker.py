"""How a start goes on when its broker is not there at once."""

import argparse
import socket
from pathlib import Path

import pytest

from scripts.real_days import RealDay, Time
from src.database import Store, open_database
from src.ports import RetryLater
from src.settings import Settings
from tests.fakes.builders import a_clock, a_session
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
