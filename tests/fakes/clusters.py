"""A Dask cluster on this machine; a test that needs one is skipped where Dask is not installed."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def a_cluster(workers: int = 1) -> Iterator[str]:
    """Start a scheduler with so many workers in this process, and yield its address."""
    distributed = pytest.importorskip("distributed", reason="Dask is not installed")
    with distributed.LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        processes=False,
        host="127.0.0.1",
        protocol="tcp",
        dashboard_address="127.0.0.1:0",  # with None two at once would meet at one port
    ) as cluster:
        yield str(cluster.scheduler_address)
