"""Passkeys, the handles by which authenticators know accounts, and challenges that were answered."""

from __future__ import annotations

from twostep.core.methods.authenticator import Passkey
from twostep.store import tables
from twostep.store.tx import Tx


_COLUMNS = tables.columns(Passkey)
_passkey = tables.reader(Passkey)


def list_passkeys(tx: Tx, account_id: str) -> tuple[Passkey, ...]:
    """Every passkey of the account, oldest first."""
    rows = tx.all(
        f"SELECT {_COLUMNS} FROM passkeys WHERE account_id = :id ORDER BY created_at, id",
        id=account_id,
    )
    return tuple(_passkey(row) for row in rows)


def load_by_credential(tx: Tx, credential_id: bytes) -> Passkey | None:
    """The passkey that an authenticator names, of whichever account."""
    row = tx.first(
        f"SELECT {_COLUMNS} FROM passkeys WHERE credential_id = :credential",
        credential=credential_id,
    )
    return None if row is None else _passkey(row)


def insert(tx: Tx, passkey: Passkey) -> bool:
    """Add a passkey. False: its credential id is taken, by whichever account."""
    return tables.insert_new(tx, "passkeys", passkey, on="credential_id")


def save_used(tx: Tx, passkey: Passkey) -> None:
    """Keep what a passkey said of itself when it was used, and where and when that was."""
    tx.do(
        "UPDATE passkeys SET sign_count = :count, backed_up = :backed, last_used_at = :now,"
        " last_used_browser = :browser, rp_id = :rp_id, changed_at = NULL WHERE id = :id",
        id=passkey.id,
        count=passkey.sign_count,
        backed=int(passkey.backed_up),
        now=passkey.last_used_at,
        browser=passkey.last_used_browser,
        rp_id=passkey.rp_id,
    )


def save_changed(tx: Tx, passkey_id: str, *, now: int) -> bool:
    """Keep when a passkey was first refused because its kind had changed. False: it is known."""
    return (
        tx.run(
            "UPDATE passkeys SET changed_at = :now WHERE id = :id AND changed_at IS NULL",
            id=passkey_id,
            now=now,
        )
        == 1
    )


def count_elsewhere(tx: Tx, rp_id: str) -> dict[str, tuple[int, int]]:
    """Passkeys that are bound to another domain: how many, and of how many accounts, by domain."""
    rows = tx.all(
        "SELECT rp_id, COUNT(*), COUNT(DISTINCT account_id) FROM passkeys"
        " WHERE rp_id NOT IN ('', :here) GROUP BY rp_id ORDER BY rp_id",
        here=rp_id,
    )
    return {str(domain): (int(count), int(owners)) for domain, count, owners in rows}


def rename_passkey(tx: Tx, passkey_id: str, *, account_id: str, name: str) -> bool:
    """Give a passkey of the account another name."""
    return (
        tx.run(
            "UPDATE passkeys SET name = :name WHERE id = :id AND account_id = :account",
            id=passkey_id,
            account=account_id,
            name=name,
        )
        == 1
    )


def remove_passkey(tx: Tx, passkey_id: str, *, account_id: str) -> bool:
    """Delete a passkey of the account."""
    return (
        tx.run(
            "DELETE FROM passkeys WHERE id = :id AND account_id = :account",
            id=passkey_id,
            account=account_id,
        )
        == 1
    )


def remove_all(tx: Tx, account_id: str) -> int:
    """Delete every passkey of the account; the number of them. The handle stays: it never changes."""
    return tx.run("DELETE FROM passkeys WHERE account_id = :id", id=account_id)


def load_handle(tx: Tx, account_id: str) -> bytes | None:
    """The account's handle, where it has been needed before."""
    row = tx.first("SELECT handle FROM passkey_handles WHERE account_id = :id", id=account_id)
    return None if row is None else row[0]


def save_handle(tx: Tx, account_id: str, *, handle: bytes) -> bytes:
    """Keep a new handle, unless the account has one already; the one it has."""
    tx.do(
        "INSERT INTO passkey_handles (account_id, handle) VALUES (:id, :handle)"
        " ON CONFLICT (account_id) DO NOTHING",
        id=account_id,
        handle=handle,
    )
    return load_handle(tx, account_id) or handle


def consume_challenge(tx: Tx, digest: bytes, *, expires_at: int) -> bool:
    """Burn a challenge, or a provider's signed request. False: it was burnt before."""
    return (
        tx.run(
            "INSERT INTO used_challenges (digest, expires_at) VALUES (:digest, :expires)"
            " ON CONFLICT (digest) DO NOTHING",
            digest=digest,
            expires=expires_at,
        )
        == 1
    )


def purge_challenges(tx: Tx, *, before: int, limit: int) -> int:
    """Forget answered challenges that would be refused as too old by now."""
    return tx.run(
        "DELETE FROM used_challenges WHERE digest IN"
        " (SELECT digest FROM used_challenges WHERE expires_at < :before LIMIT :limit)",
        before=before,
        limit=limit,
    )
