"""Checkpoints of the audit chains, the heads they have still to take in, and signed starts."""

from __future__ import annotations

from collections.abc import Mapping

from twostep.core.audit.audit_chain import Head
from twostep.core.audit.audit_checkpoint import Signed
from twostep.store import installation, tables
from twostep.store.tx import Row, Tx


_HELD = "audit_starts"  # a fact of the installation whose row is locked


def take_changed(tx: Tx, *, limit: int) -> dict[str, Head]:
    """Take heads that changed since the last checkpoint, by chain; at most `limit`.

    One statement, so that a flow that moves a head meanwhile leaves it for the next checkpoint.
    """
    rows = tx.all(
        "DELETE FROM audit_changed WHERE chain IN"
        " (SELECT chain FROM audit_changed ORDER BY chain LIMIT :limit)"
        " RETURNING chain, seq, hash, tag",
        limit=limit,
    )
    return {row[0]: Head(row[1], bytes(row[2]), bytes(row[3])) for row in rows}


def has_changed(tx: Tx) -> bool:
    """Whether a head waits for the next checkpoint."""
    return tx.first("SELECT 1 FROM audit_changed LIMIT 1") is not None


def insert(tx: Tx, seq: int, signed: Signed, *, at: int) -> None:
    """Keep a checkpoint."""
    tables.insert(tx, "audit_checkpoints", signed, seq=seq, at=at)


def load_newest(tx: Tx) -> tuple[int, Signed] | None:
    """The newest checkpoint and its number."""
    row = tx.first(
        "SELECT seq, body, signature FROM audit_checkpoints ORDER BY seq DESC LIMIT 1",
    )
    return None if row is None else _numbered(row)


def last_until(tx: Tx, at: int) -> int:
    """Number of the newest checkpoint made at or before then; 0 if there is none."""
    row = tx.first("SELECT max(seq) FROM audit_checkpoints WHERE at <= :at", at=at)
    return int(row[0] or 0) if row else 0


def list_after(tx: Tx, seq: int, *, limit: int) -> list[tuple[int, Signed]]:
    """Checkpoints behind number `seq`, oldest first."""
    rows = tx.all(
        "SELECT seq, body, signature FROM audit_checkpoints WHERE seq > :seq"
        " ORDER BY seq LIMIT :limit",
        seq=seq,
        limit=limit,
    )
    return [_numbered(row) for row in rows]


def load_last_before(tx: Tx, before: int, *, limit: int) -> tuple[int, Signed] | None:
    """The last of the `limit` oldest checkpoints, if all are from before then; never the newest."""
    # The number first: a body holds thousands of heads, and this is asked every minute.
    row = tx.first(
        "SELECT seq, body, signature FROM audit_checkpoints WHERE seq ="
        " (SELECT max(seq) FROM (SELECT seq, at FROM audit_checkpoints ORDER BY seq LIMIT :limit)"
        " AS oldest WHERE at < :before AND seq < (SELECT max(seq) FROM audit_checkpoints))",
        before=before,
        limit=limit,
    )
    return None if row is None else _numbered(row)


def remove_to(tx: Tx, seq: int) -> int:
    """Drop the checkpoints up to number `seq`; their signed start is written beside it."""
    return tx.run("DELETE FROM audit_checkpoints WHERE seq <= :seq", seq=seq)


def hold_starts(tx: Tx) -> None:
    """Keep everybody else from changing starts until this transaction ends; before one is read.

    Of two processes that purge, or sign anew, at once the later one would put back a start that the
    earlier one has moved, and the records between the two would seem to be missing.
    """
    installation.save(tx, _HELD, "")


def save_start(tx: Tx, chain: str, signed: Signed, *, key_id: str) -> None:
    """Keep where a chain begins, in place of an earlier start. Needs `hold_starts`."""
    tables.upsert(tx, "audit_starts", signed, on="chain", chain=chain, key_id=key_id)


def load_start(tx: Tx, chain: str) -> Signed | None:
    """Where a chain begins; None: at its first record."""
    row = tx.first("SELECT body, signature FROM audit_starts WHERE chain = :chain", chain=chain)
    return None if row is None else Signed(row[0], bytes(row[1]))


def list_starts_not_by(tx: Tx, key_id: str, *, after: str, limit: int) -> dict[str, Signed]:
    """Starts that another key has signed, by chain."""
    rows = tx.all(
        "SELECT chain, body, signature FROM audit_starts WHERE key_id <> :key AND chain > :after"
        " ORDER BY chain LIMIT :limit",
        key=key_id,
        after=after,
        limit=limit,
    )
    return {row[0]: Signed(row[1], bytes(row[2])) for row in rows}


def count_starts(tx: Tx) -> Mapping[str, int]:
    """How many starts each key has signed, by its id."""
    rows = tx.all("SELECT key_id, count(*) FROM audit_starts GROUP BY key_id")
    return {row[0]: int(row[1]) for row in rows}


def _numbered(row: Row) -> tuple[int, Signed]:
    return row[0], Signed(row[1], bytes(row[2]))
