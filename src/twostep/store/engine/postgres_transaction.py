"""A transaction on PostgreSQL that waits for the network as seldom as it can.

A statement whose outcome nobody asks for (`do`) is sent and not
waited for; reads that were announced (`ahead`) ride behind the next statement; BEGIN goes with the
first statement and COMMIT with the last. Under READ COMMITTED every statement has a snapshot of its
own, so a read that rides behind the lock of the account sees all that was committed before the lock.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec

from twostep.core.audit.audit_chain import Head
from twostep.core.audit.occurrence import Occurrence
from twostep.core.outage import StoreUnavailable
from twostep.store.engine.postgres_sql import Statement, statement
from twostep.store.engine.postgres_wire import ServerReply, Wire
from twostep.store.tx import Engine, Row, Tx


P = ParamSpec("P")
_Key = tuple[str, tuple[Any, ...]]


class Transaction:
    """`Tx` on a wire."""

    __slots__ = ("_announced", "_sent_ahead", "_wire", "callbacks", "ends", "events", "heads")
    engine: Engine = "postgresql"

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._announced: list[_Key] = []
        self._sent_ahead: dict[_Key, ServerReply] = {}
        self.heads: dict[str, Head] = {}
        self.events: list[Occurrence] = []
        self.callbacks: list[Callable[[], None]] = []
        self.ends: dict[str, Callable[[Tx, str], None]] = {}

    def begin(self) -> None:
        """Open the transaction; goes out with its first statement."""
        self._wire.send("BEGIN ISOLATION LEVEL READ COMMITTED", ())

    def commit(self) -> None:
        """Write what was left for the end, commit, and wait until it is durable."""
        for key, last in self.ends.items():
            last(self, key)
        if not self._wire.commit():
            raise StoreUnavailable("The transaction was rolled back.")

    def run(self, sql: str, **values: object) -> int:
        return self._wire.count(self._send(sql, values))

    def do(self, sql: str, **values: object) -> None:
        self._send(sql, values)

    def first(self, sql: str, **values: object) -> Row | None:
        rows = self.all(sql, **values)
        return rows[0] if rows else None

    def all(self, sql: str, **values: object) -> list[Row]:
        reply = self._sent_ahead.pop(_key(sql, values), None) if self._sent_ahead else None
        return self._wire.rows(reply or self._send(sql, values))

    def ahead(
        self, read: Callable[Concatenate[Tx, P], object], *args: P.args, **kwargs: P.kwargs
    ) -> None:
        read(_Announcer(self._announced), *args, **kwargs)

    def at_end(self, key: str, last: Callable[[Tx, str], None]) -> None:
        self.ends[key] = last

    def on_commit(self, callback: Callable[[], None]) -> None:
        self.callbacks.append(callback)

    def _send(self, sql: str, values: dict[str, object]) -> ServerReply:
        asked = statement(sql)
        if not asked.is_read and self._sent_ahead:
            self._forget(asked)
        reply = self._wire.send(asked.text, [values[name] for name in asked.names])
        for key in self._announced:
            text, bound = key
            self._sent_ahead[key] = self._wire.send(statement(text).text, bound)
        self._announced.clear()
        return reply

    def _forget(self, write: Statement) -> None:
        """Drop what was read ahead and may be changed by `write`."""
        for key in list(self._sent_ahead):
            touched = statement(key[0]).tables
            if write.tables is None or touched is None or write.tables & touched:
                del self._sent_ahead[key]


class _Announcer:
    """A `Tx` that writes down which reads a function makes; it finds nothing."""

    __slots__ = ("_announced", "events", "heads")
    engine: Engine = "postgresql"

    def __init__(self, announced: list[_Key]) -> None:
        self._announced = announced
        self.heads: dict[str, Head] = {}
        self.events: list[Occurrence] = []

    def first(self, sql: str, **values: object) -> Row | None:
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

    def at_end(self, key: str, last: Callable[[Tx, str], None]) -> None:  # noqa: ARG002  the protocol's
        raise TypeError("only reads can be announced")

    def on_commit(self, callback: Callable[[], None]) -> None:  # noqa: ARG002  the protocol's
        raise TypeError("only reads can be announced")


def _key(sql: str, values: dict[str, object]) -> _Key:
    return sql, tuple(values[name] for name in statement(sql).names)
