"""An account's e-mail addresses."""

from __future__ import annotations

from twostep.core.account import EmailAddress
from twostep.store import tables
from twostep.store.tx import Tx


def list_addresses(tx: Tx, account_id: str) -> list[EmailAddress]:
    """Every address of the account, oldest first, unverified ones too."""
    rows = tx.all(
        f"SELECT {tables.columns(EmailAddress)} FROM email_addresses"
        " WHERE account_id = :id ORDER BY created_at, id",
        id=account_id,
    )
    return [EmailAddress(*row) for row in rows]


def insert_address(tx: Tx, address: EmailAddress, *, address_key: str) -> None:
    """Add an address."""
    tables.insert(tx, "email_addresses", address, address_key=address_key)


def is_address_taken(tx: Tx, address_key: str) -> bool:
    """Whether some account has verified this address."""
    row = tx.first(
        "SELECT 1 FROM email_addresses WHERE address_key = :key AND verified_at IS NOT NULL",
        key=address_key,
    )
    return row is not None


def verify_address(tx: Tx, address_id: str, *, account_id: str, now: int) -> bool:
    """Mark an address verified. False: gone, verified already, or another account was first."""
    return (
        tx.run(
            "UPDATE email_addresses SET verified_at = :now WHERE id = :id AND account_id = :account"
            " AND verified_at IS NULL AND NOT EXISTS (SELECT 1 FROM email_addresses AS other WHERE"
            " other.address_key = email_addresses.address_key AND other.verified_at IS NOT NULL)",
            id=address_id,
            account=account_id,
            now=now,
        )
        == 1
    )


def remove_address(tx: Tx, address_id: str, *, account_id: str) -> bool:
    """Delete an address of the account."""
    return (
        tx.run(
            "DELETE FROM email_addresses WHERE id = :id AND account_id = :account",
            id=address_id,
            account=account_id,
        )
        == 1
    )


def save_bounce(tx: Tx, account_id: str, address: str, *, at: int | None) -> None:
    """Write down when mail to this address came back; None: it has taken one."""
    changed = " AND bounced_at IS NOT NULL" if at is None else ""
    tx.do(
        "UPDATE email_addresses SET bounced_at = :at WHERE account_id = :account"
        f" AND address = :address{changed}",
        account=account_id,
        address=address,
        at=at,
    )


def list_bounced(tx: Tx, *, since: int, limit: int) -> list[tuple[str, str, int]]:
    """Account name, address and when its mail last came back, the newest first."""
    return tx.all(
        "SELECT a.name, e.address, e.bounced_at FROM email_addresses e"
        " JOIN accounts a ON a.id = e.account_id WHERE e.bounced_at >= :since"
        " ORDER BY e.bounced_at DESC, e.id LIMIT :limit",
        since=since,
        limit=limit,
    )
