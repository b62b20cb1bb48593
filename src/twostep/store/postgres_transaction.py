"""A transaction on PostgreSQL that waits for the network as seldom as it can.

The connection is in pipeline mode. A statement whose outcome nobody asks for (`do`) is sent and not
waited for; reads that were announced (`ahead`) ride behind the next statement; BEGIN goes with the
first statement and COMMIT with the last. Under READ COMMITTED every statement has a snapshot of its
own, so a read that rides behind the lock of the account sees all that was committed before the lock.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec

import psycopg

from twostep.core.audit_chain import Head
from twostep.store.postgres_sql import Statement, statement
from twostep.store.tx import Engine, Row, StoreUnavailable, Tx


P = ParamSpec("P")
Connection = psycopg.Connection[Row]
Cursor = psycopg.Cursor[Row]
_Key = tuple[str, tuple[Any, ...]]


class Transaction:
    """`Tx` on a connection: one transaction where `pipeline` is given, single reads where it is not.

    `round_trips`: how often it has waited for the server.
    """

    __slots__ = (
        "_announced",
        "_connection",
        "_pipeline",
        "_sent_ahead",
        "callbacks",
        "heads",
        "round_trips",
    )
    engine: Engine = "postgresql"

    def __init__(self, connection: Connection, pipeline: psycopg.Pipeline | None = None) -> None:
        self._connection = connection
        self._pipeline = pipeline
        self._announced: list[_Key] = []
        self._sent_ahead: dict[_Key, Cursor] = {}
        self.heads: dict[str, Head] = {}
        self.callbacks: list[Callable[[], None]] = []
        self.round_trips = 0

    def begin(self) -> None:
        """Open the transaction; goes out with its first statement."""
        self._execute("BEGIN ISOLATION LEVEL READ COMMITTED", ())

    def commit(self) -> None:
        """Commit, and wait until it is durable."""
        cursor = self._execute("COMMIT", ())
        self._sync()
        if cursor.statusmessage != "COMMIT":
            raise StoreUnavailable("The transaction was rolled back.")

    def run(self, sql: str, **values: object) -> int:
        cursor = self._send(sql, values)
        self._sync()
        return cursor.rowcount

    def do(self, sql: str, **values: object) -> None:
        self._send(sql, values)

    def one(self, sql: str, **values: object) -> Row | None:
        rows = self.all(sql, **values)
        return rows[0] if rows else None

    def all(self, sql: str, **values: object) -> list[Row]:
        sent = self._sent_ahead.pop(_key(sql, values), None) if self._sent_ahead else None
        if sent is not None:
            return sent.fetchall()
        cursor = self._send(sql, values)
        self.round_trips += 1
        return cursor.fetchall()

    def ahead(
        self, read: Callable[Concatenate[Tx, P], object], *args: P.args, **kwargs: P.kwargs
    ) -> None:
        if self._pipeline is not None:
            read(_Announcer(self._announced), *args, **kwargs)

    def on_commit(self, callback: Callable[[], None]) -> None:
        self.callbacks.append(callback)

    def _send(self, sql: str, values: dict[str, object]) -> Cursor:
        asked = statement(sql)
        if not asked.is_read:
            self._forget(asked)
        cursor = self._execute(asked.text, [_bound(values[name]) for name in asked.names])
        for key in self._announced:
            text, bound = key
            self._sent_ahead[key] = self._execute(statement(text).text, bound)
        self._announced.clear()
        return cursor

    def _forget(self, write: Statement) -> None:
        """Drop what was read ahead and may be changed by `write`."""
        for key in list(self._sent_ahead):
            touched = statement(key[0]).tables
            if write.tables is None or touched is None or write.tables & touched:
                del self._sent_ahead[key]

    def _execute(self, text: str, values: Any) -> Cursor:
        cursor = self._connection.cursor(binary=True)
        # The text comes from `statement`, which numbers parameters and never puts values in.
        cursor.execute(text.encode(), values)
        return cursor

    def _sync(self) -> None:
        self.round_trips += 1
        if self._pipeline is not None:
            self._pipeline.sync()


class _Announcer:
    """A `Tx` that writes down which reads a function makes; it finds nothing."""

    __slots__ = ("_announced", "heads")
    engine: Engine = "postgresql"

    def __init__(self, announced: list[_Key]) -> None:
        self._announced = announced
        self.heads: dict[str, Head] = {}

    def one(self, sql: str, **values: object) -> Row | None:
        self._announced.append(_key(sql, values))
        return None

    def all(self, sql: str, **values: object) -> list[Row]:
        self._announced.append(_key(sql, values))
        return []

    def run(self, sql: str, **values: object) -> int:  # noqa: ARG002  the protocol's
        raise TypeError("only reads can be announced")

    def do(self, sql: str, **values: object) -> None:  # noqa: ARG002  the protocol's
        raise TypeError("only reads can be announced")

    def ahead(
        self, read: Callable[Concatenate[Tx, P], object], *args: P.args, **kwargs: P.kwargs
    ) -> None:
        read(self, *args, **kwargs)

    def on_commit(self, callback: Callable[[], None]) -> None:  # noqa: ARG002  the protocol's
        raise TypeError("only reads can be announced")


def _key(sql: str, values: dict[str, object]) -> _Key:
    return sql, tuple(_bound(values[name]) for name in statement(sql).names)


def _bound(value: object) -> object:
    # PostgreSQL's text cannot hold NUL, and whoever sends one means no row of ours.
    if type(value) is str and "\0" in value:
        return value.replace("\0", "\ufffd")
    return value
