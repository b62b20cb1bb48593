"""Facts about the installation as a whole, such as whether it is a demo."""

from __future__ import annotations

from twostep.store.tx import Tx


DEMO = "demo"  # its value: the address that the demo is reached at


def load(tx: Tx, name: str) -> str | None:
    """One fact."""
    row = tx.first("SELECT value FROM installation WHERE name = :name", name=name)
    return None if row is None else row[0]


def save(tx: Tx, name: str, value: str) -> None:
    """Write a fact down."""
    tx.do(
        "INSERT INTO installation (name, value) VALUES (:name, :value)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        name=name,
        value=value,
    )


def remove(tx: Tx, name: str) -> None:
    """Forget a fact."""
    tx.do("DELETE FROM installation WHERE name = :name", name=name)


def purge_sessions(tx: Tx, *, now: int, limit: int) -> int:
    """Drop sessions that have ended, with all that hangs on them.

    One that has been idle too long opens nothing, but stays to the end of its whole time: to find it
    earlier, every request of every session would have to move it in an index.
    """
    return tx.run(
        "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at <= :now"
        " LIMIT :limit)",
        now=now,
        limit=limit,
    )


def purge_unconfirmed_phones(tx: Tx, *, before: int, limit: int) -> int:
    """Drop numbers that nobody confirmed."""
    return tx.run(
        "DELETE FROM phones WHERE id IN (SELECT id FROM phones WHERE confirmed_at IS NULL"
        " AND created_at < :before LIMIT :limit)",
        before=before,
        limit=limit,
    )
