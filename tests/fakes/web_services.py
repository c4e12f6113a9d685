"""Web services on 127.0.0.1 that take messages: as webhooks, or behind a proxy under real names.

The library that sends knows the addresses of Twilio and Slack and offers no way to change them. It
heeds HTTPS_PROXY and REQUESTS_CA_BUNDLE like every program, so its unchanged request ends here.
"""

import json
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qsl

import pytest


@dataclass(frozen=True)
class Posted:
    """One message as a service received it; `host` is empty where there was no proxy."""

    host: str
    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.raw.decode()))

    @property
    def body(self) -> Any:  # noqa: ANN401 - whatever JSON holds
        return json.loads(self.raw)


class Services(ThreadingHTTPServer):
    """Answers every request with `status` and `reply`; while it `hangs` it answers none."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.tls = tls
        self.status, self.reply = 200, "ok"
        self.posted: list[Posted] = []
        self.hangs = False
        self.arrived = threading.Event()
        self.let_go = threading.Event()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def webhook(self) -> str:
        """The address by which the library posts JSON, with a password that nobody may see."""
        return f"json://user:topsecret@127.0.0.1:{self.port}/topsecret/"

    def titles(self) -> list[str]:
        return [each.body["title"] for each in self.posted]

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """Stay silent about connections that the client has dropped."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    host = ""

    @property
    def services(self) -> Services:
        return cast("Services", self.server)

    def do_CONNECT(self) -> None:
        assert self.services.tls
        self.send_response(200, "Connection established")
        self.end_headers()
        self.host = self.path.removesuffix(":443")
        self.connection = self.services.tls.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = cast("Any", self.connection.makefile("wb", buffering=0))
        self.close_connection = False

    def do_POST(self) -> None:
        services = self.services
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        services.posted.append(Posted(self.host, self.path, dict(self.headers), raw))
        services.arrived.set()
        if services.hangs:
            services.let_go.wait(30)
        self.send_response(services.status)
        self.send_header("Content-Length", str(len(services.reply)))
        self.end_headers()
        self.wfile.write(services.reply.encode())
        self.close_connection = True

    def finish(self) -> None:
        super().finish()
        if isinstance(self.connection, ssl.SSLSocket):
            self.connection.close()

    def log_message(self, *_: object) -> None:
        """Say nothing: a test's output is its result."""


@contextmanager
def some_services(tls: ssl.SSLContext | None = None) -> Iterator[Services]:
    """Run the services while the block lasts."""
    with Services(tls) as services:
        thread = threading.Thread(target=services.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield services
        finally:
            services.let_go.set()
            services.shutdown()
            thread.join()


NAMES = "DNS:api.twilio.com,DNS:hooks.slack.com,DNS:localhost,IP:127.0.0.1"


def a_certificate(folder: Path) -> Path:
    """Return a file with a key and a certificate that vouches for itself, for these names."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl to make a certificate with")
    key, certificate, both = (folder / name for name in ("key.pem", "cert.pem", "both.pem"))
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt"),
            *("ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=a test"),
            *("-addext", f"subjectAltName={NAMES}"),
            *("-addext", "keyUsage=critical,digitalSignature,keyCertSign"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    both.write_text(key.read_text() + certificate.read_text())
    return both


def tls_of(certificate: Path) -> ssl.SSLContext:
    """Return what a server needs to show this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context
