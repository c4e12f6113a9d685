"""An event loop in a thread of its own, for a library that lives on one."""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")
_SLACK = 2.0
"""Real seconds that the thread may take beyond a call's own deadline."""


class LoopThread:
    """Begins with its first job, and again after `close`. A daemon: it holds up no exit."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def is_running(self) -> bool:
        """Whether there is a loop."""
        return self._loop is not None

    def run(self, job: Callable[[], Awaitable[T]], seconds: float) -> T:
        """Return what a job on the loop returns. Raises TimeoutError well after its deadline."""
        return self._run_on(self._the_loop(), job, seconds)

    @staticmethod
    def _run_on(
        loop: asyncio.AbstractEventLoop, job: Callable[[], Awaitable[T]], seconds: float
    ) -> T:
        async def begin() -> T:
            return await job()

        future: Future[T] = asyncio.run_coroutine_threadsafe(begin(), loop)
        try:
            return future.result(seconds + _SLACK)
        except TimeoutError:
            future.cancel()
            raise

    def call(self, begin: Callable[[], None]) -> None:
        """Have something called on the loop, soon; wait for nothing."""
        self._the_loop().call_soon_threadsafe(begin)

    def close(self) -> None:
        """End every task, the loop and the thread. Calling it twice does nothing."""
        if self._loop is None or self._thread is None:
            return
        loop, thread = self._loop, self._thread
        self._loop = self._thread = None
        with suppress(TimeoutError):
            self._run_on(loop, _end_tasks, _SLACK)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_SLACK)
        if not thread.is_alive():  # one that is stuck is a daemon, and ends with the process
            loop.close()

    def _the_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._loop.set_exception_handler(_note)
            self._thread = threading.Thread(
                target=self._loop.run_forever, name=self._name, daemon=True
            )
            self._thread.start()
        return self._loop


async def _end_tasks() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def _note(loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    """Log at debug level what a library leaves unattended; our own calls see their errors."""
    del loop
    logging.getLogger(__name__).debug("left unattended: %s", context.get("message"))


def quiet(library: str) -> None:
    """Keep what a library logs out of our log."""
    logger = logging.getLogger(library)
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
        logger.setLevel(logging.CRITICAL)
