"""Time-outs for a library that has none: on every connection, and on every wait for bytes.

A connection is made in a thread of its own, because a name is looked up for as long as the system
likes. One that is not there in time is left to itself: nothing was sent over it, nor ever will be.
"""

import io
from collections.abc import Callable, Mapping
from http.client import HTTPResponse
from threading import Thread
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from requests import Session

Patience = Callable[[], float]
"""Returns for how many real seconds the next call may wait; raises RetryLater when for none."""
_LONGEST_CONNECT = 5.0
"""Seconds: a server that is there takes a connection at once."""


class _Watched(io.RawIOBase):
    """A socket's bytes; before each wait for more of them patience is asked anew."""

    def __init__(self, sock: Any, patience: Patience) -> None:  # noqa: ANN401 - plain or TLS
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._patience = patience

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401 - any writable memory
        self._sock.settimeout(self._patience())
        return self._raw.readinto(buffer)  # type: ignore[no-any-return]  # the socket's own

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class _Reading:
    """What the standard library's answer asks of a socket: something to read from."""

    def __init__(self, sock: Any, patience: Patience) -> None:  # noqa: ANN401 - plain or TLS
        self._sock = sock
        self._patience = patience

    def makefile(self, mode: str) -> io.BufferedReader:
        del mode
        return io.BufferedReader(_Watched(self._sock, self._patience))


def _is_done_within(seconds: float, connect: Callable[[], None]) -> bool:
    """Connect, and return whether that was done in time. Raises what it raises till then."""
    failures: list[Exception] = []

    def run() -> None:
        try:
            connect()
        except Exception as error:  # noqa: BLE001 - raised below, where it is waited for
            failures.append(error)

    thread = Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        return False
    for error in failures:
        raise error
    return True


def mount(
    session: "Session",
    patience: Patience,
    wait: Callable[[], float],
    heard: Callable[[Mapping[str, str]], None],
) -> None:
    """Give a session's calls a time-out of `wait()` seconds, and its headers to `heard`."""
    from requests.adapters import HTTPAdapter  # noqa: PLC0415
    from urllib3 import HTTPConnectionPool, HTTPSConnectionPool  # noqa: PLC0415
    from urllib3.connection import HTTPConnection, HTTPSConnection  # noqa: PLC0415
    from urllib3.exceptions import ConnectTimeoutError  # noqa: PLC0415

    class Response(HTTPResponse):
        def __init__(self, sock: Any, *args: Any, **options: Any) -> None:  # noqa: ANN401
            super().__init__(_Reading(sock, patience), *args, **options)  # type: ignore[arg-type]

    def in_time(connection: HTTPConnection, connect: Callable[[], None]) -> None:
        if not _is_done_within(wait(), connect):
            raise ConnectTimeoutError(connection, f"{connection.host} took no connection in time")

    class PlainConnection(HTTPConnection):
        response_class = Response

        def connect(self) -> None:
            in_time(self, super().connect)

    class SecureConnection(HTTPSConnection):
        response_class = Response

        def connect(self) -> None:
            in_time(self, super().connect)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = PlainConnection

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = SecureConnection

    pools = {"http": PlainPool, "https": SecurePool}

    class Adapter(HTTPAdapter):
        def init_poolmanager(self, *args: Any, **options: Any) -> None:  # noqa: ANN401
            super().init_poolmanager(*args, **options)
            self.poolmanager.pool_classes_by_scheme = pools

        def proxy_manager_for(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401
            manager = super().proxy_manager_for(*args, **options)
            manager.pool_classes_by_scheme = pools
            return manager

        def send(self, request: Any, **options: Any) -> Any:  # type: ignore[override]  # noqa: ANN401
            # (The session passes everything but the request by its name.)
            seconds = wait()
            options["timeout"] = (min(seconds, _LONGEST_CONNECT), seconds)
            response = super().send(request, **options)
            heard(response.headers)
            return response

    adapter = Adapter()
    session.mount("https://", adapter)
    session.mount("http://", adapter)
