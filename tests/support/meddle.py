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

from twostep.store.engines import sqlite_path
from twostep.store.postgres_sql import statement


def meddle(url: str, *statements: str, **values: object) -> None:
    """Execute statements in one transaction. `values`: what their `:names` stand for."""
    _execute(url, statements, values)


def look(url: str, sql: str, **values: object) -> list[tuple[Any, ...]]:
    """The rows that a query finds."""
    return _execute(url, (sql,), values)


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


def dump(url: str) -> bytes:
    """Every byte that the database keeps: SQLite's files, or PostgreSQL's tables as COPY writes them."""
    path = sqlite_path(url)
    if path is not None:
        return b"".join(one.read_bytes() for one in path.parent.glob(f"{path.name}*"))
    with psycopg.connect(url) as connection:
        tables = connection.execute(
            "SELECT quote_ident(relname) FROM pg_class"
            " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        ).fetchall()
        pieces: list[bytes] = []
        for (table,) in tables:
            with connection.cursor().copy(f"COPY {table} TO STDOUT BINARY".encode()) as copy:
                pieces += map(bytes, copy)
    return b"".join(pieces)
