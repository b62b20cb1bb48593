"""Whether this process can do its work."""

from __future__ import annotations

from twostep.store import copy_marks, engines, installation, schema
from twostep.store.tx import Tx


def is_ready(tx: Tx) -> bool:
    """Whether the database answers and this program may use it, by the rules of the start: a schema
    of its own or a newer one that serves it, and no mark of a move."""
    row = tx.one(schema.VERSION_SQL)
    try:
        schema.review(row[0] if row else None, installation.load(tx, schema.COMPATIBLE_FROM))
        copy_marks.review(tx)
    except engines.UNUSABLE:
        return False
    return True
