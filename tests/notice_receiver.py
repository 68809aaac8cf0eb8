"""A receiver of notices on loopback that answers by a script, and an outbox in memory."""

from __future__ import annotations

import datetime as dt
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from whatif.publish.store.records import StoredNotice

Answer = Callable[[BaseHTTPRequestHandler, threading.Event], None]


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: str

    @property
    def told(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.body)
        return told


@dataclass
class Receiver:
    """Answers requests by `script`, then with 200."""

    address: str
    script: list[Answer] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)


def status(code: int, **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler, _: threading.Event) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def raw(text: str) -> Answer:
    """Write these bytes and close."""

    def answer(handler: BaseHTTPRequestHandler, _: threading.Event) -> None:
        handler.wfile.write(text.encode())

    return answer


def hang(_: BaseHTTPRequestHandler, over: threading.Event) -> None:
    over.wait(30)


def drip(handler: BaseHTTPRequestHandler, over: threading.Event) -> None:
    """Send a byte of a header now and then, for as long as anybody listens."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while not over.wait(0.02):
        handler.wfile.write(b"a")


def certificate(folder: Path) -> Path:
    """Write a certificate for 127.0.0.1 that nobody has signed, its key beside it in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path = folder / "certificate.pem"
    path.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return path


@contextmanager
def receiver(*, certificate: Path | None = None) -> Iterator[Receiver]:
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            heard.requests.append(Request(self.command, self.path, dict(self.headers), body))
            answer = heard.script.pop(0) if heard.script else status(200)
            with suppress(OSError):  # the other side may have gone
                answer(self, over)

        do_POST = do_GET = _answer  # noqa: N815  (the names that the library calls)

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.block_on_close = False
    scheme = "http"
    if certificate is not None:
        scheme, tls = "https", ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
        server.socket = tls.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    heard = Receiver(address=f"{scheme}://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield heard
    finally:
        over.set()
        server.shutdown()
        server.server_close()
        thread.join()


class MemoryOutbox:
    """An outbox that forgets when its process ends."""

    def __init__(self) -> None:
        self.rows: dict[str, StoredNotice] = {}

    def put(self, notice: StoredNotice) -> bool:
        new = notice.key not in self.rows
        self.rows.setdefault(notice.key, notice)
        return new

    def pending(self) -> tuple[StoredNotice, ...]:
        return tuple(row for row in self.rows.values() if row.delivered_at is None)

    def delivered(self, key: str, *, at: str) -> None:
        self.rows[key] = replace(self.rows[key], delivered_at=at)

    def undelivered(self, key: str, *, problem: str) -> None:
        row = self.rows[key]
        self.rows[key] = replace(row, attempts=row.attempts + 1, last_problem=problem)
