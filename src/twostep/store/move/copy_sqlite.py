"""SQLite as one end of a copy. While it is open no other process can open the file at all."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from twostep.core.outage import StoreUnavailable
from twostep.store.engine.sqlite_reads import unavailable
from twostep.store.move.in_use import InUse
from twostep.store.tx import Row


WAIT_SECONDS = 2


class SqliteSide:
    """`Side` on one file."""

    def __init__(self, path: Path) -> None:
        try:
            self._connection = sqlite3.connect(path, timeout=WAIT_SECONDS, isolation_level=None)
            self._take()
            status = path.stat()
        except (sqlite3.Error, OSError) as error:
            raise unavailable(error, path) from error
        self.identity: tuple[object, ...] = ("sqlite", status.st_dev, status.st_ino)

    def _take(self) -> None:
        """Lock the file until `close`: every process that has it open holds a lock of its own."""
        self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        try:
            self._connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            self._connection.close()
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            raise InUse("another program has it open. Stop the server first") from None
        self._connection.execute("COMMIT")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute("PRAGMA foreign_keys = ON")

    def rows(self, sql: str, **values: object) -> list[Row]:
        with _named():
            return self._connection.execute(sql, values).fetchall()

    def columns(self, table: str) -> tuple[str, ...]:
        with _named():
            described = self._connection.execute(f"SELECT * FROM {table} LIMIT 0").description
        return tuple(column[0] for column in described)

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        marks = ", ".join("?" * len(columns))
        with _named():
            self._connection.executemany(
                f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows
            )

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with _named():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    if self._connection.in_transaction:
                        self._connection.execute("ROLLBACK")
                raise

    def shut(self, reason: str) -> None:
        """Nobody has it open, and the mark keeps everybody out."""

    def unshut(self) -> None:
        """As above."""

    def finish(self) -> None:
        with _named():
            self._connection.execute("ANALYZE")

    def close(self) -> None:
        with suppress(sqlite3.Error):
            self._connection.close()


@contextmanager
def _named() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StoreUnavailable(str(error)) from error
