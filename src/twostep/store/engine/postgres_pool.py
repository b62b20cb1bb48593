"""The connections of one process, which are replaced when they turn out to be dead."""

from __future__ import annotations

import time
from typing import Any

import psycopg
import structlog
from psycopg_pool import ConnectionPool, PoolTimeout

from twostep.core.outage import StoreUnavailable
from twostep.store.engine import postgres_connection as connections
from twostep.store.engine.postgres_wire import PreparedConnection
from twostep.store.engine.postgres_words import words
from twostep.store.tx import Pressure


# Counted from when the request asked, so that in an outage the last in the queue is answered as
# soon as the first; a connection that is free is taken even so.
CONNECTION_WAIT_SECONDS = 2.0
LEAST_CONNECTION_WAIT_SECONDS = 0.05
# The pool doubles its pauses from one second on, so it tries again after three at the latest.
RECONNECT_SECONDS = 4.0
CONNECTION_LIFE_SECONDS = 3600.0
RENEW_SECONDS = 1.0

log = structlog.get_logger(__name__)


class Pool:
    """Up to `most` connections to the server at `url`. Use from any thread, once it is open."""

    def __init__(self, url: str, *, most: int) -> None:
        self._why = ""
        self._renewed_at = 0.0
        self._is_open = False
        self._pool = ConnectionPool(
            connection_class=_telling(self),
            kwargs=connections.parameters(url),
            configure=connections.configure,
            min_size=2,
            max_size=most,
            timeout=CONNECTION_WAIT_SECONDS,
            reconnect_timeout=RECONNECT_SECONDS,
            max_lifetime=CONNECTION_LIFE_SECONDS,
            name="twostep",
            open=False,
        )

    def open(self) -> None:
        """Begin to connect, at the first call."""
        if not self._is_open:
            self._pool.open()
            self._is_open = True

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()

    def take(self, deadline: float) -> PreparedConnection:
        """A connection, there by `deadline` (monotonic clock). Raises `StoreUnavailable`, which says
        why the last one could not be made."""
        left = max(deadline - time.monotonic(), LEAST_CONNECTION_WAIT_SECONDS)
        try:
            return self._pool.getconn(left)
        except PoolTimeout as error:
            why = self._why or (
                f"No connection came free within {CONNECTION_WAIT_SECONDS:.0f} seconds: all are in"
                " use, or the server does not answer."
            )
            log.warning("store.unavailable", error=why)
            raise StoreUnavailable(why) from error

    def put(self, connection: PreparedConnection) -> None:
        """Give a connection back; a closed one is replaced."""
        self._pool.putconn(connection)

    def renew(self) -> None:
        """One connection has turned out useless: the others probably have too. At most once a
        second, so that a server in trouble is not stormed."""
        now = time.monotonic()
        if now - self._renewed_at >= RENEW_SECONDS:
            self._renewed_at = now
            self._pool.drain()

    def pressure(self, *, running: int) -> Pressure:
        """How busy the pool is. `running`: flows and reads that have not ended, with a connection or
        without."""
        stats = self._pool.get_stats()
        idle = stats.get("pool_available", 0)
        in_use = stats.get("pool_size", 0) - idle
        return Pressure(max(0, running - in_use), in_use, idle, limit=self._pool.max_size)

    def note(self, why: str) -> None:
        """Why no connection could be made; empty once one was."""
        self._why = why


def _telling(pool: Pool) -> type[PreparedConnection]:
    """A connection that tells its pool why it could not be made, which psycopg's only logs."""

    class Telling(PreparedConnection):
        @classmethod
        def connect(cls, *arguments: Any, **named: Any) -> Any:
            try:
                made = super().connect(*arguments, **named)
            except psycopg.Error as error:
                pool.note(words(error))
                raise
            pool.note("")
            return made

    return Telling
