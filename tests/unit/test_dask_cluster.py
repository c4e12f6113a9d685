"""Tasks on a cluster of one worker, on this machine."""

import gc
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from src.ports import MendInput, RetryLater
from tests.fakes.clusters import a_cluster
from utils.dask_cluster import _opener, run_on_cluster

pytest.importorskip("distributed", reason="Dask is not installed")


@pytest.fixture
def scheduler() -> Iterator[str]:
    with a_cluster() as address:
        yield address


def test_every_task_comes_back_with_its_place(scheduler: str) -> None:
    assert dict(run_on_cluster(scheduler, math.sqrt, [1.0, 4.0, 9.0])) == {0: 1.0, 1: 2.0, 2: 3.0}


def test_a_scheduler_can_read_what_it_is_sent_without_knowing_this_project(tmp_path: Path) -> None:
    cloudpickle = pytest.importorskip("cloudpickle", reason="Dask is not installed")
    reading = "import sys, cloudpickle; print(cloudpickle.loads(sys.stdin.buffer.read()).__name__)"
    answer = subprocess.run(
        [sys.executable, "-I", "-c", reading],
        input=cloudpickle.dumps(_opener()),
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    assert answer.stdout.split() == [b"opened"]


def test_an_error_of_a_task_is_that_of_the_caller(scheduler: str) -> None:
    with pytest.raises(ValueError, match="math domain error"):
        list(run_on_cluster(scheduler, math.sqrt, [-1.0]))


def test_a_scheduler_that_does_not_answer_is_told_in_words() -> None:
    with pytest.raises(RetryLater, match="no Dask scheduler answers there"):
        list(run_on_cluster("tcp://127.0.0.1:9", math.sqrt, [1.0], patience=0.2))


@pytest.mark.parametrize("address", ["nowhere", "tcp://here", "here:port", "mail://here:1"])
def test_what_is_no_address_is_told_in_words_and_leaves_nothing_behind(address: str) -> None:
    with pytest.raises(MendInput, match="this is no address"):
        list(run_on_cluster(address, math.sqrt, [1.0]))
    gc.collect()


def test_a_scheduler_without_workers_is_told_in_words() -> None:
    with a_cluster(workers=0) as idle, pytest.raises(RetryLater, match="it has no workers"):
        list(run_on_cluster(idle, math.sqrt, [1.0]))
