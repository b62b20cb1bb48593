"""Whether the database's own file is whole."""

from __future__ import annotations

from twostep.store.tx import Tx


WHOLE = "ok"


def find_damage(tx: Tx) -> str:
    """The first damage in SQLite's file; empty if it is whole, and on PostgreSQL, which checks itself.

    Reads the whole file.
    """
    if tx.engine != "sqlite":
        return ""
    row = tx.first("PRAGMA quick_check(1)")
    return "" if row is None or row[0] == WHOLE else str(row[0])
