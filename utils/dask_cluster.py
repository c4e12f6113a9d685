"""Runs tasks on a Dask cluster that somebody has started. Only here Dask is imported."""

import pickle
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from src.ports import MendInput, RetryLater

T = TypeVar("T")
R = TypeVar("R")

PATIENCE_SECONDS = 10.0
"""How long the scheduler may take to answer at first."""


def run_on_cluster(
    address: str,
    function: Callable[[T], R],
    tasks: Sequence[T],
    *,
    patience: float = PATIENCE_SECONDS,
) -> Iterator[tuple[int, R]]:
    """Yield each task's place and result, in the order in which they end.

    `address` is the scheduler's, such as tcp://192.168.0.5:8786, which may take `patience` seconds
    to answer. Its workers must be able to import the function and to read the files that the tasks
    name, so they are started in this project's folder; the scheduler may run anywhere. Tasks that
    have not begun are taken back when the caller stops. Raises MendInput where Dask is not
    installed or the address is none, RetryLater where the scheduler or its workers do not answer.
    """
    try:
        import distributed  # noqa: PLC0415 - only who has a cluster
    except ImportError as error:
        raise MendInput(
            "--scheduler needs Dask: pip install 'dask[distributed]', or leave the option away "
            "and use this machine's own cores."
        ) from error
    dask: Any = distributed  # which has no types
    try:
        # A client that was made for no address at all cannot be thrown away in silence.
        dask.comm.get_address_host_port(address)
    except ValueError as error:
        raise MendInput(
            f"--scheduler {address}: this is no address ({error}); a scheduler prints its own, such"
            " as tcp://192.168.0.5:8786."
        ) from error
    try:
        client = dask.Client(address, timeout=patience, set_as_default=False)
    except (OSError, ValueError) as error:
        raise RetryLater(
            f"--scheduler {address}: no Dask scheduler answers there ({error}). Start one with "
            "'dask scheduler', its workers with 'dask worker ADDRESS' in this project's folder."
        ) from error
    with client:
        if not client.scheduler_info()["workers"]:
            raise RetryLater(
                f"--scheduler {address}: it has no workers; start some with 'dask worker {address}'"
                " in this project's folder."
            )
        futures = client.map(_opener(), [pickle.dumps((function, each)) for each in tasks])
        places = {future: place for place, future in enumerate(futures)}
        try:
            for future, result in dask.as_completed(futures, with_results=True, loop=client.loop):
                yield places[future], result
        finally:
            client.cancel(futures)


def _opener() -> Callable[[bytes], object]:
    """Return what a worker does with a task that was packed up.

    Only the workers know this project, not the scheduler, which reads what it is sent. So tasks
    travel as bytes, and what opens them is a function that belongs to no module and is itself sent
    along.
    """

    def opened(packed: bytes) -> object:
        import pickle  # noqa: PLC0415 - it arrives there alone
        import sys  # noqa: PLC0415
        from pathlib import Path  # noqa: PLC0415

        if (here := str(Path.cwd())) not in sys.path:
            sys.path.insert(0, here)
        function, task = pickle.loads(packed)  # noqa: S301 - what this program has packed
        return function(task)

    return opened
