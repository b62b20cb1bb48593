"""When SQLite's write-ahead log is carried into the database: in quiet moments, beside the commits.

Left to itself, the commit that makes the log a thousand pages long carries it over before it returns,
and everybody who waits for that commit waits for it. In a large database each of those pages is
another place of the file, and that takes tens of milliseconds. Here a thread with a connection of
its own does it, once nothing was written for a moment. Under steady load it waits until the log is
long; then commits pause for the rest, because the log starts over only when all of it was carried.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import structlog


QUIET_SECONDS = 0.25
# In changed rows; each is about a page of the log, which is 4 KiB.
WORTH_IT, LONG = 500, 20_000

log = structlog.get_logger(__name__)


class Checkpoints:
    """Checkpoints of one database, on a connection that nobody else uses.

    Changes are counted in rows, from the opening of the database. `is_writing`: whether a
    transaction is open or waits, which is no quiet moment however long it takes.
    """

    def __init__(self, connection: sqlite3.Connection, is_writing: Callable[[], bool]) -> None:
        self._connection = connection
        self._is_writing = is_writing
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="checkpoint")
        self._running: Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._committed_at = 0.0
        self._changes = 0
        self._carried = 0
        self._was_long = False

    def committed(self, changes: int) -> None:
        """A commit has ended; there were so many changes up to it."""
        loop = asyncio.get_running_loop()
        self._committed_at, self._changes = loop.time(), changes
        if changes - self._carried >= LONG and not self._is_running():
            self._was_long = True
            self._start()
        elif self._timer is None:
            self._timer = loop.call_later(QUIET_SECONDS, self._look, loop)

    def wants_rest(self) -> bool:
        """Whether commits should pause for `carry_rest`."""
        return self._was_long and not self._is_running()

    async def carry_rest(self) -> None:
        """Carry what came during the last checkpoint, while nothing is written."""
        self._was_long = False
        self._carried = self._changes
        await asyncio.get_running_loop().run_in_executor(self._thread, self._carry)

    def close(self) -> None:
        """Let the running one end."""
        if self._timer is not None:
            self._timer.cancel()
        self._thread.shutdown()
        self._connection.close()

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start one if it is quiet; otherwise look again."""
        self._timer = None
        quiet_from = self._committed_at + QUIET_SECONDS
        if loop.time() < quiet_from or self._is_writing() or self._is_running():
            self._timer = loop.call_at(
                max(quiet_from, loop.time() + QUIET_SECONDS / 2), self._look, loop
            )
        elif self._changes - self._carried >= WORTH_IT:
            self._start()

    def _is_running(self) -> bool:
        return self._running is not None and not self._running.done()

    def _start(self) -> None:
        self._carried = self._changes
        self._running = self._thread.submit(self._carry)

    def _carry(self) -> None:
        try:
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        except sqlite3.Error as error:
            # Nothing is lost: what was committed stands in the log, and stays there.
            log.warning("store.checkpoint_failed", error=str(error))
