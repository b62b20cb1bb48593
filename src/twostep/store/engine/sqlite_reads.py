"""Reading from SQLite: which errors mean that it does not answer, and reads that take long."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import TypeVar

from twostep.core.outage import StoreUnavailable


T = TypeVar("T")

STEPS_BETWEEN = 100_000  # of SQLite's machine, some milliseconds


def is_outage(error: Exception) -> bool:
    """Whether it is the database's failure, not the statement's."""
    return isinstance(error, sqlite3.OperationalError | sqlite3.DatabaseError) and not isinstance(
        error, sqlite3.IntegrityError | sqlite3.ProgrammingError
    )


class Aside:
    """Reads beside the event loop, each in a thread and on a connection of its own."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._ended = False

    async def read(self, call: Callable[[sqlite3.Connection], T]) -> T:
        """Call with a connection that cannot write. Raises `StoreUnavailable`."""
        return await asyncio.to_thread(self._read, call)

    def end(self) -> None:
        """Break off those that are under way: their statement fails as interrupted."""
        self._ended = True

    def _read(self, call: Callable[[sqlite3.Connection], T]) -> T:
        try:
            with closing(self._connect()) as connection:
                connection.execute("PRAGMA query_only = ON")
                connection.set_progress_handler(lambda: self._ended, STEPS_BETWEEN)
                return call(connection)
        except sqlite3.DatabaseError as error:
            if not is_outage(error):
                raise
            raise StoreUnavailable(str(error)) from error
