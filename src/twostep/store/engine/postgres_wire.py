"""Statements to PostgreSQL, many in one packet: libpq's pipeline mode under our own hand.

psycopg's pipeline writes to the socket at every statement and wakes the server each time. Here
statements gather until somebody needs an answer. Every statement is prepared once for each
connection. Parameters travel without a type and get it from their place in the statement.
"""

from __future__ import annotations

import secrets
import select
from collections import deque
from collections.abc import Sequence
from itertools import count
from typing import Any

import psycopg
from psycopg import errors
from psycopg.adapt import Transformer
from psycopg.pq import ConnStatus, ExecStatus, Format
from psycopg.pq.abc import PGresult

from twostep.store.tx import Row


# Longer than the server's own time-out for a statement: a server that is silent for so long is
# frozen, or nobody keeps the copy that COMMIT waits for. TCP alone would wait for ever.
MOST_SILENCE_SECONDS = 13.0


class PreparedConnection(psycopg.Connection[Row]):
    """A connection that remembers what it has prepared."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.prepared: dict[str, bytes] = {}
        # Names that no other process has: behind a pooler they may share the server's connection.
        self.names = (b"twostep_%s_%d" % (secrets.token_hex(6).encode(), n) for n in count(1))
        self.transformer = Transformer(self)


class ServerReply:
    """A statement's answer, there or to come. `number`: its place among all that was sent."""

    __slots__ = ("number", "prepares", "result")

    def __init__(self, number: int, prepares: str = "") -> None:
        self.number = number
        self.prepares = prepares
        self.result: PGresult | None = None


class Wire:
    """One use of a connection, in pipeline mode until `close`.

    `single`: every statement is a transaction of its own. `round_trips`: how often it has waited.
    `is_committing`: COMMIT is on its way, so whoever loses the connection now does not know. Errors
    are psycopg's.
    """

    __slots__ = (
        "_asked",
        "_connection",
        "_ended",
        "_pg",
        "_poll",
        "_sent",
        "_single",
        "_waiting",
        "is_committing",
        "round_trips",
    )

    def __init__(self, connection: PreparedConnection, *, single: bool) -> None:
        self._connection = connection
        self._pg = connection.pgconn
        self._single = single
        self._waiting: deque[ServerReply] = deque()
        self._sent = 0
        self._asked = 0
        self._ended = True
        self._poll = select.poll()
        self._poll.register(self._pg.socket, select.POLLIN)
        self.round_trips = 0
        self.is_committing = False
        self._pg.enter_pipeline_mode()

    def send(self, text: str, values: Sequence[object]) -> ServerReply:
        """Queue a statement."""
        name = self._connection.prepared.get(text) or self._prepare(text)
        self._pg.send_query_prepared(
            name,
            [_encode(value) for value in values],
            param_formats=[
                Format.BINARY if isinstance(value, bytes) else Format.TEXT for value in values
            ],
            result_format=Format.BINARY,
        )
        return self._await_later()

    def rows(self, reply: ServerReply) -> list[Row]:
        """Every row of an answer; waits for it where it is not there yet."""
        result = self._wait_for(reply)
        transformer = self._connection.transformer
        transformer.set_pgresult(result)
        return transformer.load_rows(0, result.ntuples, tuple)

    def count(self, reply: ServerReply) -> int:
        """The number of rows changed."""
        return self._wait_for(reply).command_tuples or 0

    def commit(self) -> bool:
        """Send COMMIT and wait for all answers. False: the server has rolled back instead."""
        if self._waiting and not self._asked:
            # A connection that was dead from the start is found out while nothing can be committed.
            self._wait_for(self._waiting[-1])
        self.is_committing = True
        reply = self.send("COMMIT", ())
        self._sync()
        return reply.result is not None and reply.result.command_status == b"COMMIT"

    def close(self) -> None:
        """Leave pipeline mode; what is outstanding is read and dropped."""
        if self._pg.status == ConnStatus.BAD:
            return
        if not self._ended:
            self._ask_for_end()
        while self._waiting:
            try:
                self._read()
            except psycopg.Error:
                if self._pg.status == ConnStatus.BAD:
                    return
        self._pg.exit_pipeline_mode()

    def _prepare(self, text: str) -> bytes:
        name = next(self._connection.names)
        self._pg.send_prepare(name, text.encode())
        self._await_later(prepares=text)
        self._connection.prepared[text] = name
        return name

    def _await_later(self, *, prepares: str = "") -> ServerReply:
        self._sent += 1
        self._ended = False
        reply = ServerReply(self._sent, prepares)
        self._waiting.append(reply)
        return reply

    def _wait_for(self, reply: ServerReply) -> PGresult:
        if reply.number > self._asked:
            if self._single:
                self._sync()
            else:
                self._pg.send_flush_request()
                self._flush()
        while reply.result is None:
            self._read()
        return reply.result

    def _sync(self) -> None:
        self._ask_for_end()
        while self._waiting:
            self._read()

    def _ask_for_end(self) -> None:
        """End what is sent with a Sync: a transaction that was not begun is over with it."""
        self._pg.pipeline_sync()
        self._await_later()
        self._ended = True
        self._flush()

    def _flush(self) -> None:
        self._asked = self._sent
        self.round_trips += 1
        while self._pg.flush():
            self._poll.modify(self._pg.socket, select.POLLIN | select.POLLOUT)
            if self._poll_once() & select.POLLIN:
                self._pg.consume_input()
            self._poll.modify(self._pg.socket, select.POLLIN)

    def _poll_once(self) -> int:
        """Wait until the server says something or takes more; the poll's bits. Gives a silent
        server up."""
        ready = self._poll.poll(MOST_SILENCE_SECONDS * 1000)
        if not ready:
            self._connection.close()
            raise psycopg.OperationalError(
                f"The server has said nothing for {MOST_SILENCE_SECONDS:.0f} seconds."
            )
        return ready[0][1]

    def _read(self) -> None:
        """Take the next answer; raises what the server refused."""
        while self._pg.is_busy():
            self._poll_once()
            self._pg.consume_input()
        result = self._pg.get_result()
        if result is None:  # the end of one statement's answers
            return
        reply = self._waiting.popleft()
        reply.result = result
        if reply.prepares and result.status != ExecStatus.COMMAND_OK:
            self._connection.prepared.pop(reply.prepares, None)
        if result.status == ExecStatus.FATAL_ERROR:
            raise errors.error_from_result(result)


def _encode(value: object) -> bytes | None:
    if value is None or isinstance(value, bytes):
        return value
    if isinstance(value, str):
        # PostgreSQL's text cannot hold NUL, and whoever sends one means no row of ours.
        return (value.replace("\0", "\ufffd") if "\0" in value else value).encode()
    if isinstance(value, int):
        return b"%d" % value
    raise TypeError(f"no parameter of a statement: {type(value).__name__}")
