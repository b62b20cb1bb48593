"""SQLite: one writer, many flows to a commit.

Flows queue up. The writer runs each inside a SAVEPOINT on the event loop and commits all that have
queued up (at most 128) as one `BEGIN IMMEDIATE` transaction, with only COMMIT (the fsync) in a
thread: group commit. A flow's answer leaves only after COMMIT has returned; if it fails, every flow
of the batch gets `StoreUnavailable`. The writer keeps nothing between transactions, because the
command line may have written.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import structlog

from twostep.core.audit.audit_chain import Head
from twostep.core.audit.occurrence import Occurrence
from twostep.core.outage import DatabaseMisconfigured, StoreUnavailable
from twostep.store.engine import schema
from twostep.store.engine.address import file_identity
from twostep.store.engine.sqlite_checkpoints import Checkpoints
from twostep.store.engine.sqlite_reads import Aside, is_outage, unavailable
from twostep.store.tx import Engine, Pressure, Row, Tx


P = ParamSpec("P")
T = TypeVar("T")

MOST_FLOWS_IN_A_COMMIT = 128
BUSY_SECONDS = 5
OLDEST_SQLITE = (3, 37, 0)  # STRICT tables

log = structlog.get_logger(__name__)


class _Transaction:
    """`Tx` on a SQLite connection."""

    __slots__ = ("_connection", "callbacks", "ends", "events", "heads")
    engine: Engine = "sqlite"

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.heads: dict[str, Head] = {}
        self.events: list[Occurrence] = []
        self.callbacks: list[Callable[[], None]] = []
        self.ends: dict[str, Callable[[Tx, str], None]] = {}

    def run(self, sql: str, **values: object) -> int:
        return self._connection.execute(sql, values).rowcount

    def do(self, sql: str, **values: object) -> None:
        self._connection.execute(sql, values)

    def first(self, sql: str, **values: object) -> Row | None:
        # fetchall: an open cursor would pin a snapshot, and RETURNING must be read to its end.
        rows: list[Row] = self._connection.execute(sql, values).fetchall()
        return rows[0] if rows else None

    def all(self, sql: str, **values: object) -> list[Row]:
        return self._connection.execute(sql, values).fetchall()

    def ahead(
        self, read: Callable[Concatenate[Tx, P], object], *args: P.args, **kwargs: P.kwargs
    ) -> None:
        """Nothing to gain: the database is in this process."""

    def at_end(self, key: str, last: Callable[[Tx, str], None]) -> None:
        self.ends[key] = last

    def end(self) -> None:
        """The flow is done: write what was left for now."""
        for key, last in self.ends.items():
            last(self, key)

    def on_commit(self, callback: Callable[[], None]) -> None:
        self.callbacks.append(callback)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=512,
    )
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        "secure_delete = ON",
        "temp_store = MEMORY",
        "cache_size = -32768",
        "wal_autocheckpoint = 0",  # sqlite_checkpoints.py
    ):
        connection.execute(f"PRAGMA {pragma}")
    return connection


class _Queued:
    """A flow waiting for the writer, and where its answer goes."""

    __slots__ = ("answer", "call")

    def __init__(self, call: Callable[[Tx], Any], answer: asyncio.Future[Any]) -> None:
        self.call = call
        self.answer = answer


class SqliteStore:
    """`Store` on one SQLite file. Use from one event loop."""

    def __init__(self, path: Path) -> None:
        if sqlite3.sqlite_version_info < OLDEST_SQLITE:
            raise DatabaseMisconfigured(
                f"SQLite {sqlite3.sqlite_version} is too old: 3.37 or newer is needed."
            )
        try:
            self._writer = _connect(path)
            self._reader = _connect(path)
            self._reader.execute("PRAGMA query_only = ON")
            self._checkpoints = Checkpoints(_connect(path), self._is_writing)
            self._path = path
            self._file = file_identity(path)
        except (sqlite3.Error, OSError) as error:
            raise unavailable(error, path) from error
        self._reads = _Transaction(self._reader)
        self._queue: deque[_Queued] = deque()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="commit")
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self._aside = Aside(path, _connect)

    def schema_version(self) -> str | None:
        """The schema's version, None for an empty database."""
        row = self.read_now(_version)
        return row[0] if row else None

    async def run(
        self, flow: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Queue one flow and wait for its commit; raises `StoreUnavailable`."""
        if self._closed:
            raise StoreUnavailable("The database is closed.")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        self._queue.append(_Queued(lambda tx: flow(tx, *args, **kwargs), answer))
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._write())
        return await answer

    async def read(
        self, flow: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a function that only reads, on the loop: every statement sees the newest commit."""
        return self.read_now(flow, *args, **kwargs)

    def read_now(
        self, flow: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """As `read`."""
        self._review_file()
        try:
            return flow(self._reads, *args, **kwargs)
        except sqlite3.DatabaseError as error:
            if not is_outage(error):
                raise
            raise unavailable(error, self._path) from error

    async def read_aside(
        self, flow: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """As `read`, in a thread; `close` breaks it off."""
        self._review_file()
        return await self._aside.read(
            lambda connection: flow(_Transaction(connection), *args, **kwargs)
        )

    def pressure(self) -> Pressure:
        """One connection writes, the other reads."""
        writing = int(self._is_writing())
        return Pressure(waiting=len(self._queue), in_use=writing, idle=2 - writing, limit=2)

    def announce(self) -> None:
        """Nobody to tell: this process alone sends."""

    async def listen(self, wake: Callable[[], None]) -> None:
        """Nobody to hear, for the same reason."""

    async def close(self) -> None:
        """Finish what is queued and close both connections."""
        self._closed = True
        self._aside.end()
        if self._task is not None:
            await self._task
        self._thread.shutdown()
        self._checkpoints.close()
        self._reader.close()
        self._writer.close()

    async def _write(self) -> None:
        """Run batches until nothing is queued."""
        while self._queue:
            size = min(len(self._queue), MOST_FLOWS_IN_A_COMMIT)
            batch = [self._queue.popleft() for _ in range(size)]
            try:
                self._review_file()
                await self._begin()
                answers = self._run_batch(batch)
                await asyncio.get_running_loop().run_in_executor(
                    self._thread, self._writer.execute, "COMMIT"
                )
            except Exception as error:  # noqa: BLE001  the writer must outlive every flow
                self._fail(batch, error)
                continue
            for queued, (result, callbacks) in zip(batch, answers, strict=True):
                _settle(queued.answer, result)
                for callback in callbacks:
                    callback()
            self._checkpoints.committed(self._writer.total_changes)
            if self._checkpoints.wants_rest():
                await self._checkpoints.carry_rest()

    def _is_writing(self) -> bool:
        return self._task is not None and not self._task.done()

    def _review_file(self) -> None:
        """Whether the opened file still has its name: what is written to one that was deleted or
        replaced is lost with the process. Raises `StoreUnavailable`."""
        try:
            identity = file_identity(self._path)
        except OSError as error:
            raise StoreUnavailable(f"The database {self._path} is gone: {error}") from error
        if identity != self._file:
            raise StoreUnavailable(
                f"The database {self._path} is another file than the one that was opened:"
                " restart the server."
            )

    async def _begin(self) -> None:
        """Take the write lock; only a wait for the command line's lock leaves the loop."""
        try:
            self._writer.execute("PRAGMA busy_timeout = 0")
            self._writer.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            self._writer.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
            await asyncio.get_running_loop().run_in_executor(
                self._thread, self._writer.execute, "BEGIN IMMEDIATE"
            )

    def _run_batch(self, batch: list[_Queued]) -> list[tuple[Any, list[Callable[[], None]]]]:
        """Run every flow in its own SAVEPOINT; a flow's exception becomes its answer."""
        answers: list[tuple[Any, list[Callable[[], None]]]] = []
        for queued in batch:
            tx = _Transaction(self._writer)
            self._writer.execute("SAVEPOINT flow")
            try:
                answer = queued.call(tx)
                tx.end()
                answers.append((answer, tx.callbacks))
            except Exception as error:
                if not self._writer.in_transaction:
                    # SQLite has rolled the whole batch back (disk full, out of memory).
                    raise
                self._writer.execute("ROLLBACK TO flow")
                failed = unavailable(error, self._path) if is_outage(error) else error
                answers.append((failed, []))
            self._writer.execute("RELEASE flow")
        return answers

    def _fail(self, batch: list[_Queued], error: Exception) -> None:
        with suppress(sqlite3.Error):
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
        failed = error if isinstance(error, StoreUnavailable) else unavailable(error, self._path)
        for queued in batch:
            _settle(queued.answer, failed)
        log.error("store.commit_failed", error=str(error), flows=len(batch))


def _version(tx: Tx) -> Row | None:
    made = tx.first("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'")
    return tx.first(schema.VERSION_SQL) if made else None


def _settle(answer: asyncio.Future[Any], result: object) -> None:
    if answer.done():  # the client has gone; the transaction stands
        return
    if isinstance(result, Exception):
        answer.set_exception(result)
    else:
        answer.set_result(result)
