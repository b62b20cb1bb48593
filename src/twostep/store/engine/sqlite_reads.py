"""SQLite's errors: which mean that it does not answer, and what to do then; and reads that take long."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from twostep.config.file_owner import user_name
from twostep.core.outage import DatabaseMisconfigured, StoreUnavailable


T = TypeVar("T")

MIB = 2**20
STEPS_BETWEEN = 100_000  # of SQLite's machine, some milliseconds
SUFFIXES = ("", "-wal", "-shm", "-journal")
_DAMAGED = ("malformed", "is not a database")
_LOCKED_OUT = ("readonly database", "unable to open database file", "authorization denied")


def is_outage(error: Exception) -> bool:
    """Whether it is the database's failure, not the statement's."""
    return isinstance(error, sqlite3.OperationalError | sqlite3.DatabaseError) and not isinstance(
        error, sqlite3.IntegrityError | sqlite3.ProgrammingError
    )


def unavailable(error: Exception, path: Path) -> StoreUnavailable:
    """What to raise for an error of the database at `path`."""
    said = str(error)
    free = _free(path)
    # It cannot make its shared memory there, either, and calls that an I/O error.
    if "is full" in said or ("disk I/O" in said and free is not None and free < MIB):
        space = "" if free is None else f" ({free // MIB} MiB free)"
        return StoreUnavailable(
            f"The database {path} cannot be written: the file system of {path.parent} is full{space}."
            " Make room."
        )
    if any(words in said for words in _DAMAGED):
        return DatabaseMisconfigured(
            f"The database {path} is damaged ({said}). Stop the server and restore a backup."
        )
    if any(words in said for words in _LOCKED_OUT) and (closed := _name_closed(path)):
        return DatabaseMisconfigured(f"The database {path} cannot be used: {closed}")
    return StoreUnavailable(f"The database {path} cannot be used: {said}")


def _free(path: Path) -> int | None:
    try:
        return shutil.disk_usage(path.parent).free
    except OSError:
        return None


def _name_closed(path: Path) -> str:
    """The first file of the database that this user may not write, and what to do; empty for none."""
    me = user_name(os.geteuid())
    for file in (path.parent, *(Path(f"{path}{suffix}") for suffix in SUFFIXES)):
        try:
            owner = file.stat().st_uid
        except OSError:
            continue
        if not os.access(file, os.W_OK, effective_ids=True):
            return (
                f"{file} belongs to {user_name(owner)}, and {me} may not write it."
                f" Run: chown -R {me} {path.parent}"
            )
    return ""


class Aside:
    """Reads beside the event loop, each in a thread and on a connection of its own."""

    def __init__(self, path: Path, connect: Callable[[Path], sqlite3.Connection]) -> None:
        self._path = path
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
            with closing(self._connect(self._path)) as connection:
                connection.execute("PRAGMA query_only = ON")
                connection.set_progress_handler(lambda: self._ended, STEPS_BETWEEN)
                return call(connection)
        except sqlite3.DatabaseError as error:
            if not is_outage(error):
                raise
            raise unavailable(error, self._path) from error
