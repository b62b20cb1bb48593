"""Whether this process can do its work."""

from __future__ import annotations

from twostep.store import schema
from twostep.store.tx import Tx


def is_ready(tx: Tx) -> bool:
    """Whether the database answers and has the schema of this version."""
    row = tx.one(schema.VERSION_SQL)
    return row is not None and row[0] == schema.HEAD
