"""A hand in the database: what an operator, a forger or a broken disk changes past the product.

    meddle(url, "UPDATE apps SET secret = :secret", secret=b"")
    [(name,)] = look(url, "SELECT name FROM accounts WHERE id = :id", id=who)

`url`: as `database_url` takes it, so the same on either engine. SQL is the subset both share.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import psycopg
from psycopg.rows import dict_row

from twostep.store.engine.address import sqlite_path
from twostep.store.engine.postgres_sql import statement


def meddle(url: str, *statements: str, **values: object) -> None:
    """Execute statements in one transaction. `values`: what their `:names` stand for."""
    _execute(url, statements, values)


def look(url: str, sql: str, **values: object) -> list[tuple[Any, ...]]:
    """The rows that a query finds."""
    return _execute(url, (sql,), values)


def tables(url: str) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table, by the names of tables and columns."""
    path = sqlite_path(url)
    if path is None:
        with psycopg.connect(url, row_factory=dict_row) as connection:
            return {
                name: connection.execute(f'SELECT * FROM "{name}"'.encode()).fetchall()  # noqa: S608  from the schema
                for name in _names(url)
            }
    with closing(sqlite3.connect(path)) as database:
        database.row_factory = sqlite3.Row
        return {
            name: [dict(row) for row in database.execute(f'SELECT * FROM "{name}"')]  # noqa: S608  from the schema
            for name in _names(url)
        }


def dump(url: str) -> bytes:
    """Every byte that the database keeps: SQLite's files, or PostgreSQL's tables as COPY writes them."""
    path = sqlite_path(url)
    if path is not None:
        return b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))
    pieces: list[bytes] = []
    with psycopg.connect(url) as connection:
        for name in _names(url):
            with connection.cursor().copy(f'COPY "{name}" TO STDOUT BINARY'.encode()) as copy:
                pieces += map(bytes, copy)
    return b"".join(pieces)


class Watched:
    """A database that is put back, again and again, to how it was when it was kept."""

    def __init__(self, url: str) -> None:
        self._url = url
        path = sqlite_path(url)
        self._sqlite = sqlite3.connect(path) if path else None
        self._start = sqlite3.connect(":memory:")
        self._postgres = None if path else psycopg.connect(url, autocommit=True)
        self._rows: dict[str, bytes] = {}
        self._version = 0

    def close(self) -> None:
        """Close its connections."""
        for connection in (self._sqlite, self._start, self._postgres):
            if connection is not None:
                connection.close()

    def keep(self) -> None:
        """From here on."""
        if self._sqlite:
            self._sqlite.backup(self._start)
        if self._postgres:
            for name in _names(self._url):
                with self._postgres.cursor().copy(f'COPY "{name}" TO STDOUT'.encode()) as copy:
                    self._rows[name] = b"".join(map(bytes, copy))
        self._version = self._read_version()

    def has_written(self) -> bool:
        """Whether anything at all was committed since; on PostgreSQL, or rolled back."""
        return self._read_version() != self._version

    def put_back(self) -> None:
        """As it was."""
        if self._sqlite:
            self._start.backup(self._sqlite)
        if self._postgres:
            with self._postgres.transaction():
                self._postgres.execute("SET LOCAL session_replication_role = replica")
                for name, rows in self._rows.items():
                    self._postgres.execute(f'DELETE FROM "{name}"'.encode())  # noqa: S608  from the schema
                    with self._postgres.cursor().copy(f'COPY "{name}" FROM STDIN'.encode()) as copy:
                        copy.write(rows)
        self._version = self._read_version()

    def _read_version(self) -> int:
        row = None
        if self._sqlite:
            row = self._sqlite.execute("PRAGMA data_version").fetchone()
        if self._postgres:
            row = self._postgres.execute(
                "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
            ).fetchone()
        assert row is not None
        return int(row[0])


def _names(url: str) -> list[str]:
    """Names of the tables."""
    if sqlite_path(url):
        rows = look(url, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    else:
        rows = look(
            url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
        )
    return [name for (name,) in rows]


def _execute(
    url: str, statements: tuple[str, ...], values: dict[str, object]
) -> list[tuple[Any, ...]]:
    """The last statement's rows."""
    rows: list[tuple[Any, ...]] = []
    path = sqlite_path(url)
    if path is not None:
        with closing(sqlite3.connect(path)) as database, database:
            for sql in statements:
                rows = database.execute(sql, values).fetchall()
        return rows
    with psycopg.connect(url, cursor_factory=psycopg.RawCursor) as connection:
        for sql in statements:
            asked = statement(sql)
            given = [values[name] for name in asked.names]
            cursor = connection.execute(asked.text.encode(), given)
            rows = cursor.fetchall() if cursor.description else []
    return rows
