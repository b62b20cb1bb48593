"""PostgreSQL: each flow is one READ COMMITTED transaction on a worker thread.

Any number of processes may share a database. Serialisation failures, deadlocks and unique values
that two flows wrote at once run the whole flow again, three times at most; so does a connection that
was lost before COMMIT. A connection lost at COMMIT is never tried again, because nobody knows whether
it was kept: `OutcomeUnknown`. Reads have threads and connections of their own, so that flows which
wait for a row's lock hold up no page.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from typing import Any, Concatenate, ParamSpec, TypeVar

import psycopg
import structlog
from psycopg import errors
from psycopg.pq import TransactionStatus

from twostep.core.outage import OutcomeUnknown, StoreUnavailable
from twostep.store.engine import postgres_connection as connections
from twostep.store.engine import schema
from twostep.store.engine.postgres_pool import CONNECTION_WAIT_SECONDS, Pool
from twostep.store.engine.postgres_transaction import Transaction
from twostep.store.engine.postgres_wire import PreparedConnection, Wire
from twostep.store.engine.postgres_words import unavailable, words
from twostep.store.tx import Pressure, Row, Tx


P = ParamSpec("P")
T = TypeVar("T")
FlowAnswer = tuple[T, list[Callable[[], None]]]

FlowCall = Callable[[Tx], Any]

MOST_WAITING = 256
MOST_ATTEMPTS = 3
ANNOUNCE_SECONDS = 0.05
LISTEN_AGAIN_SECONDS = (1, 2, 4, 8)
CHANNEL = "twostep_outbox"
# Waiting for a thread, before anything is begun. A server that is only slow gets through the queue
# in that time; where every thread waits for one that hangs, nobody behind them would be answered.
MOST_QUEUE_SECONDS = 5.0

log = structlog.get_logger(__name__)


class _LostBeforeCommit(Exception):
    """The connection went before COMMIT was sent: nothing was changed."""


class PostgresStore:
    """`Store` on PostgreSQL. Use from one event loop. Raises `StoreUnavailable`.

    `most`: connections, 3 at least, a third of them for reads. The one that listens comes on top.
    """

    def __init__(self, url: str, *, most: int) -> None:
        connections.probe(url)
        readers = most // 3
        self._url = url
        self._most = most + MOST_WAITING
        self._pool = Pool(url, most=most)
        self._writers = ThreadPoolExecutor(most - readers, thread_name_prefix="flow")
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="read")
        self._running = 0
        self._announced_at = 0.0
        self._announcing = False
        self._closed = False

    def schema_version(self) -> str | None:
        """The schema's version, None for an empty database. Blocks: for the start."""
        with suppress(errors.UndefinedTable):
            row: Row | None = self.read_now(lambda tx: tx.first(schema.VERSION_SQL))
            return row[0] if row else None
        return None

    def read_now(
        self, flow: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """As `read`, but blocks: before anything is served."""
        try:
            with connections.connect(self._url) as connection:
                return _look(connection, lambda tx: flow(tx, *args, **kwargs))
        except connections.OUTAGES as error:
            raise unavailable(error) from error

    async def run(
        self, flow: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run one flow in one durable transaction."""
        future: asyncio.Future[FlowAnswer[T]] = self._submit(
            self._writers, self._transact, lambda tx: flow(tx, *args, **kwargs)
        )
        # On the future, not after the await: the client may go while the transaction stands.
        future.add_done_callback(_call_back)
        answer, _ = await asyncio.shield(future)
        return answer

    async def read(
        self, flow: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a function that only reads: every statement sees the newest commit."""
        future: asyncio.Future[T] = self._submit(
            self._readers, self._look, lambda tx: flow(tx, *args, **kwargs)
        )
        return await future

    async def read_aside(
        self, flow: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """As `read`, which holds up nobody here."""
        return await self.read(flow, *args, **kwargs)

    def pressure(self) -> Pressure:
        """What the pool says, and who has not come so far."""
        return self._pool.pressure(running=self._running)

    def announce(self) -> None:
        """Wake the outbox's workers of every process, at most once in 50 ms."""
        if self._announcing or self._closed:
            return
        self._announcing = True
        loop = asyncio.get_running_loop()
        loop.call_at(max(loop.time(), self._announced_at + ANNOUNCE_SECONDS), self._announce)

    async def listen(self, wake: Callable[[], None]) -> None:
        """Call `wake` whenever any process announces messages; until cancelled."""
        failures = 0
        while True:
            try:
                async with await connections.listener(self._url, CHANNEL) as connection:
                    failures = 0
                    wake()
                    async for _ in connection.notifies():
                        wake()
            except psycopg.Error as error:
                log.warning("store.not_listening", error=words(error))
            await asyncio.sleep(LISTEN_AGAIN_SECONDS[min(failures, len(LISTEN_AGAIN_SECONDS) - 1)])
            failures += 1

    async def close(self) -> None:
        """Finish what is queued and close every connection."""
        self._closed = True
        for threads in (self._writers, self._readers):
            await asyncio.to_thread(threads.shutdown)
        await asyncio.to_thread(self._pool.close)

    def _submit(
        self,
        threads: ThreadPoolExecutor,
        work: Callable[[FlowCall, float], Any],
        call: FlowCall,
    ) -> asyncio.Future[Any]:
        if self._closed:
            raise StoreUnavailable("The database is closed.")
        if self._running >= self._most:
            raise StoreUnavailable("The database is busy: too many requests are waiting for it.")
        self._pool.open()
        self._running += 1
        future = asyncio.get_running_loop().run_in_executor(
            threads, _in_time, work, call, time.monotonic()
        )
        future.add_done_callback(self._count_down)
        return future

    def _count_down(self, _: asyncio.Future[Any]) -> None:
        self._running -= 1

    def _announce(self) -> None:
        self._announcing = False
        self._announced_at = asyncio.get_running_loop().time()
        with suppress(StoreUnavailable):  # the workers look once a second anyhow
            notified = self._submit(
                self._readers, self._look, lambda tx: tx.all(f"SELECT pg_notify('{CHANNEL}', '')")
            )
            notified.add_done_callback(_drop)

    @contextmanager
    def _connection(self, deadline: float) -> Iterator[PreparedConnection]:
        """A connection of the pool, there by `deadline` (monotonic clock); what goes wrong with the
        database becomes `StoreUnavailable`."""
        connection = self._pool.take(deadline)
        try:
            yield connection
        except (errors.SerializationFailure, errors.DeadlockDetected):
            raise
        except connections.OUTAGES as error:
            if isinstance(error, errors.ReadOnlySqlTransaction):
                connection.close()  # the primary has become a replica: look for the new one
                self._pool.renew()
            log.warning("store.unavailable", error=words(error))
            raise unavailable(error) from error
        finally:
            self._pool.put(connection)

    def _look(self, call: Callable[[Tx], T], deadline: float) -> T:
        """Run a function that reads; again where the connection turns out to be dead."""
        attempt = 1
        while True:
            connection = None
            try:
                with self._connection(deadline) as connection:
                    return _look(connection, call)
            except StoreUnavailable:
                if attempt == MOST_ATTEMPTS or connection is None or not connection.closed:
                    raise
                self._pool.renew()
                if time.monotonic() > deadline:
                    raise
            attempt += 1

    def _transact(self, call: Callable[[Tx], T], deadline: float) -> FlowAnswer[T]:
        """Run a flow and commit it; again where that is safe and may help."""
        attempt = 1
        while True:
            try:
                with self._connection(deadline) as connection:
                    return _run_and_commit(connection, call)
            except (
                _LostBeforeCommit,
                errors.SerializationFailure,
                errors.DeadlockDetected,
                errors.UniqueViolation,
            ) as error:
                log.info("store.run_again", error=type(error).__name__, attempt=attempt)
                if isinstance(error, _LostBeforeCommit):
                    self._pool.renew()
                if attempt == MOST_ATTEMPTS:
                    if isinstance(error, errors.UniqueViolation):
                        raise
                    raise StoreUnavailable("The transaction could not be completed.") from error
            time.sleep(0.01 * 4**attempt)
            attempt += 1


def _in_time(work: Callable[[FlowCall, float], T], call: FlowCall, asked_at: float) -> T:
    """Begin the work, unless whoever asked has waited for too long."""
    if time.monotonic() - asked_at > MOST_QUEUE_SECONDS:
        raise StoreUnavailable("The database is busy: nothing was begun for some seconds.")
    return work(call, asked_at + CONNECTION_WAIT_SECONDS)


def _look(connection: PreparedConnection, call: Callable[[Tx], T]) -> T:
    with closing(Wire(connection, single=True)) as wire:
        return call(Transaction(wire))


def _run_and_commit(connection: PreparedConnection, call: Callable[[Tx], T]) -> FlowAnswer[T]:
    wire = None
    try:
        with closing(Wire(connection, single=False)) as wire:
            tx = Transaction(wire)
            tx.begin()
            answer = call(tx)
            tx.commit()
    except psycopg.Error as error:
        if connection.closed and not (wire and wire.is_committing):
            raise _LostBeforeCommit from error
        if connection.closed:
            raise OutcomeUnknown(
                "The connection was lost at COMMIT, and nobody knows whether the change was kept."
                " Try again."
            ) from error
        raise
    finally:
        if connection.pgconn.transaction_status is not TransactionStatus.IDLE:
            with suppress(psycopg.Error):
                connection.rollback()
    return answer, tx.callbacks


def _call_back(future: asyncio.Future[FlowAnswer[Any]]) -> None:
    if not future.cancelled() and future.exception() is None:
        for callback in future.result()[1]:
            callback()


def _drop(future: asyncio.Future[Any]) -> None:
    if not future.cancelled():
        future.exception()
