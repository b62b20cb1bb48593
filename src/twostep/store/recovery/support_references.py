"""Support references: short-lived, unique while they are valid."""

from __future__ import annotations

from dataclasses import dataclass

from twostep.store import tables
from twostep.store.tx import Tx


@dataclass(frozen=True, slots=True)
class SupportReference:
    """A reference, whose it is, and from where it was asked for."""

    reference: str
    account_id: str
    session_id: str
    network: str
    browser: str
    created_at: int
    expires_at: int


_COLUMNS = tables.columns(SupportReference)


def insert(tx: Tx, new: SupportReference, *, now: int) -> bool:
    """Keep a reference. False: this one is taken by somebody else's that is still valid."""
    tx.do(
        "DELETE FROM support_references WHERE expires_at <= :now OR session_id = :session",
        now=now,
        session=new.session_id,
    )
    return tables.insert_new(tx, "support_references", new, on="reference")


def load(tx: Tx, reference: str) -> SupportReference | None:
    """One reference."""
    row = tx.first(
        f"SELECT {_COLUMNS} FROM support_references WHERE reference = :reference",
        reference=reference,
    )
    return None if row is None else SupportReference(*row)


def load_newest(tx: Tx, account_id: str) -> SupportReference | None:
    """The account's reference that is valid longest."""
    row = tx.first(
        f"SELECT {_COLUMNS} FROM support_references WHERE account_id = :id"
        " ORDER BY expires_at DESC, created_at DESC LIMIT 1",
        id=account_id,
    )
    return None if row is None else SupportReference(*row)


def load_of_session(tx: Tx, session_id: str) -> SupportReference | None:
    """The reference that a session was shown."""
    row = tx.first(
        f"SELECT {_COLUMNS} FROM support_references WHERE session_id = :id", id=session_id
    )
    return None if row is None else SupportReference(*row)


def extend(tx: Tx, reference: str, *, until: int) -> None:
    """Let a reference live until then."""
    tx.do(
        "UPDATE support_references SET expires_at = :until WHERE reference = :reference",
        until=until,
        reference=reference,
    )


def remove_of(tx: Tx, account_id: str) -> None:
    """Forget the account's references: what they prove is no longer true."""
    tx.do("DELETE FROM support_references WHERE account_id = :id", id=account_id)


def purge(tx: Tx, *, before: int, limit: int) -> int:
    """Drop references that were over before then."""
    return tx.run(
        "DELETE FROM support_references WHERE reference IN (SELECT reference FROM"
        " support_references WHERE expires_at < :before LIMIT :limit)",
        before=before,
        limit=limit,
    )
