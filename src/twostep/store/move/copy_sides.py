"""The two ends of a copy, the same on every engine."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from twostep.core.outage import DatabaseMisconfigured
from twostep.store.engine import address
from twostep.store.engine import open as engines
from twostep.store.tx import Row


class Side(Protocol):
    """One database that no other program of ours uses meanwhile.

    `identity`: what tells it from another, whatever its address. Everything raises
    `StoreUnavailable` where the database cannot do it.
    """

    identity: tuple[object, ...]

    def rows(self, sql: str, **values: object) -> list[Row]:
        """Execute portable SQL; its rows, none for a write. A transaction of its own, or part of the
        one that is open."""

    def columns(self, table: str) -> tuple[str, ...]:
        """A table's columns."""

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Insert many rows."""

    def transaction(self) -> AbstractContextManager[object]:
        """A durable transaction; rolled back on any exception."""

    def shut(self, reason: str) -> None:
        """Make every later write of others fail, for good."""

    def unshut(self) -> None:
        """Take that back."""

    def finish(self) -> None:
        """Let the engine learn what is in its tables now."""

    def close(self) -> None:
        """Close."""


def open_side(url: str) -> Side:
    """Open a database for a copy. Raises `StoreUnavailable` and `InUse`."""
    path = address.sqlite_path(url)
    if path is not None:
        from twostep.store.move.copy_sqlite import SqliteSide  # noqa: PLC0415  as the other

        return SqliteSide(path)
    try:
        from twostep.store.move.copy_postgres import PostgresSide  # noqa: PLC0415  an extra
    except ModuleNotFoundError:
        raise DatabaseMisconfigured(engines.NO_DRIVER) from None
    return PostgresSide(url)
