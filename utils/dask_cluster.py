"""Runs tasks on a Dask cluster that somebody has started. Only here Dask is imported."""

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
    to answer. Its workers must be able to
    import the function and to read what the tasks name: start them in this project's folder.
    Tasks that have not begun are taken back when the caller stops. Raises MendInput where Dask is
    not installed, and RetryLater where the scheduler or its workers do not answer.
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
        futures = client.map(function, tasks, pure=False)
        places = {future: place for place, future in enumerate(futures)}
        try:
            for future, result in dask.as_completed(futures, with_results=True, loop=client.loop):
                yield places[future], result
        finally:
            client.cancel(futures)
