"""Backup codes: one set an account, one digest a code; and the help desk's temporary code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from twostep.core.methods.authenticator import RecoveryCode, RecoverySet
from twostep.store import tables
from twostep.store.tx import Tx


def load_set(tx: Tx, account_id: str) -> RecoverySet | None:
    """The account's set."""
    row = tx.first(
        f"SELECT {tables.columns(RecoverySet)} FROM recovery_sets WHERE account_id = :id",
        id=account_id,
    )
    return None if row is None else RecoverySet(*row)


def list_codes(tx: Tx, set_id: str) -> tuple[RecoveryCode, ...]:
    """The codes of a set in the order of the printed sheet."""
    rows = tx.all(
        f"SELECT {tables.columns(RecoveryCode)} FROM recovery_codes WHERE set_id = :id ORDER BY number",
        id=set_id,
    )
    return tuple(RecoveryCode(*row) for row in rows)


def replace_set(tx: Tx, new: RecoverySet, codes: Sequence[RecoveryCode]) -> None:
    """Put a new set in place of the old one, which is dead at once."""
    remove_set(tx, new.account_id)
    tables.insert(tx, "recovery_sets", new)
    for code in codes:
        tables.insert(tx, "recovery_codes", code, set_id=new.id)


def consume(tx: Tx, code_id: str, *, now: int) -> bool:
    """Burn a code. False: another request got there first."""
    return (
        tx.run(
            "UPDATE recovery_codes SET used_at = :now WHERE id = :id AND used_at IS NULL",
            id=code_id,
            now=now,
        )
        == 1
    )


def save_proved(tx: Tx, set_id: str, *, now: int) -> None:
    """The owner has typed one of the codes back, or says to have them still: they are never shown
    again."""
    tx.do(
        "UPDATE recovery_sets SET proved_at = :now, shown = NULL, session_id = NULL WHERE id = :id",
        id=set_id,
        now=now,
    )


def wipe_shown(tx: Tx, *, now: int) -> int:
    """Wipe the clear codes of pages whose ten minutes are over."""
    return tx.run(
        "UPDATE recovery_sets SET shown = NULL, session_id = NULL"
        " WHERE shown IS NOT NULL AND shown_until <= :now",
        now=now,
    )


def remove_set(tx: Tx, account_id: str) -> int:
    """Delete the account's set; the number of codes that went."""
    row = tx.first(
        "SELECT count(*) FROM recovery_codes WHERE used_at IS NULL AND set_id ="
        " (SELECT id FROM recovery_sets WHERE account_id = :id)",
        id=account_id,
    )
    tx.do("DELETE FROM recovery_sets WHERE account_id = :id", id=account_id)
    return int(row[0]) if row else 0


@dataclass(frozen=True, slots=True)
class TemporaryCode:
    """The help desk's code: one an account, one use, one hour."""

    id: str
    account_id: str
    salt: bytes
    profile: str
    digest: bytes
    expires_at: int


def load_temporary(tx: Tx, account_id: str) -> TemporaryCode | None:
    """The account's temporary code."""
    row = tx.first(
        f"SELECT {tables.columns(TemporaryCode)} FROM temporary_codes WHERE account_id = :id",
        id=account_id,
    )
    return None if row is None else TemporaryCode(*row)


def save_temporary(tx: Tx, code: TemporaryCode, *, now: int) -> None:
    """Keep a temporary code in place of an earlier one."""
    remove_temporary(tx, code.account_id)
    tables.insert(tx, "temporary_codes", code, created_at=now)


def consume_temporary(tx: Tx, code_id: str, *, now: int) -> bool:
    """Burn the temporary code; its row stays until it is purged, so that a replay is no guess.

    False: it has expired, or another request got there first.
    """
    return (
        tx.run(
            "UPDATE temporary_codes SET expires_at = :now WHERE id = :id AND expires_at > :now",
            id=code_id,
            now=now,
        )
        == 1
    )


def remove_temporary(tx: Tx, account_id: str) -> int:
    """Delete the account's temporary code."""
    return tx.run("DELETE FROM temporary_codes WHERE account_id = :id", id=account_id)


def purge_temporary(tx: Tx, *, before: int, limit: int) -> int:
    """Drop temporary codes that were over before then."""
    return tx.run(
        "DELETE FROM temporary_codes WHERE account_id IN (SELECT account_id FROM temporary_codes"
        " WHERE expires_at < :before LIMIT :limit)",
        before=before,
        limit=limit,
    )
