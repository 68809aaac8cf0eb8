"""A server on loopback that speaks S3, and a line to it that can be cut in the middle of a put."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest


@contextmanager
def s3_server() -> Iterator[str]:
    """Start an empty S3 on a free port of loopback; yield its address."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def use_server(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    """Name the server and its account the way a user does: by the environment."""
    settings = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "key-of-the-environment",
        "AWS_SECRET_ACCESS_KEY": "secret-of-the-environment",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)


class Line:
    """A TCP line to a server; from the k-th put on, each is cut after half of its content."""

    def __init__(self, endpoint: str) -> None:
        host, _, port = endpoint.removeprefix("http://").partition(":")
        self._server = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.cut_from: int | None = None
        self.puts = 0
        self.cuts = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        server = socket.create_connection(self._server)
        threading.Thread(target=_copy, args=(server, client), daemon=True).start()
        with suppress(OSError), client, server:
            while block := client.recv(65536):
                if block.startswith(b"PUT "):
                    self.puts += 1
                    if self.cut_from is not None and self.puts >= self.cut_from:
                        self.cuts += 1
                        head, _, body = block.partition(b"\r\n\r\n")
                        server.sendall(head + b"\r\n\r\n" + body[: len(body) // 2])
                        time.sleep(0.02)
                        return
                server.sendall(block)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while block := source.recv(65536):
            target.sendall(block)
