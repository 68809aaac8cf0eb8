"""A real PostgreSQL server on loopback with a password, started for the tests and stopped after."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

USER = "whatif"
PATIENCE = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running server: where it listens, and the password it asks for."""

    port: int
    password: str

    def url(self, database: str, *, user: str = USER, password: str | None = None) -> str:
        """Return the address of a database, with its login."""
        return f"postgresql://{user}:{password or self.password}@127.0.0.1:{self.port}/{database}"

    @contextmanager
    def database(self) -> Iterator[str]:
        """Make a database of its own and give its address."""
        name = f"t{secrets.token_hex(6)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield self.url(name)
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            drop = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
            connection.execute(drop)


def programs() -> Path | None:
    """Return the newest folder that holds `initdb` and `postgres`, or None."""
    installed = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name)
    )
    named = shutil.which("postgres")
    folders = [*reversed(installed), *([] if named is None else [Path(named).resolve().parent])]
    return next((one for one in folders if {"initdb", "postgres"} <= _names(one)), None)


@contextmanager
def server(folder: Path) -> Iterator[Server]:
    """Run the server of the programs in `folder` on a fresh cluster in a temporary folder."""
    password = f"hush-{secrets.token_hex(8)}"
    home = Path(tempfile.mkdtemp(prefix="whatif-pg-"))
    owner = _other_user()
    try:
        (home / "password").write_text(password)
        for path in (home, home / "password"):
            shutil.chown(path, *(owner or (os.getuid(), os.getgid())))
        login = ("-U", USER, "-A", "scram-sha-256", f"--pwfile={home / 'password'}")
        kind = ("-E", "UTF8", "--locale=C", "--no-sync")
        _as(owner, home, folder / "initdb", "-D", home / "data", *login, *kind).wait(PATIENCE)
        port = free_port()
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": port,
            "fsync": "off",
            "unix_socket_directories": home,
            "shared_buffers": "16MB",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        process = _as(owner, home, folder / "postgres", "-D", home / "data", *options)
        try:
            running = Server(port=port, password=password)
            _wait(running, process, home)
            yield running
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*")}


def _other_user() -> tuple[int, int] | None:
    """Return user and group to run as: PostgreSQL refuses root."""
    if os.getuid():
        return None
    known = {entry.pw_name: (entry.pw_uid, entry.pw_gid) for entry in pwd.getpwall()}
    return known.get("postgres", known["nobody"])


def _as(owner: tuple[int, int] | None, home: Path, *words: object) -> subprocess.Popen[bytes]:
    with (home / "log").open("ab") as log:
        return subprocess.Popen(
            [str(word) for word in words],
            user=owner and owner[0],
            group=owner and owner[1],
            extra_groups=None if owner is None else [],
            cwd=home,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(running: Server, process: subprocess.Popen[bytes], home: Path) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            psycopg.connect(running.url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError((home / "log").read_text()) from None
            time.sleep(0.05)
        else:
            return
