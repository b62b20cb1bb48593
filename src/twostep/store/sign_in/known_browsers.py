"""Rows of browsers that have signed in before."""

from __future__ import annotations

from twostep.core.methods.authenticator import KnownBrowser
from twostep.store import tables
from twostep.store.tx import Tx


KNOWN_SECONDS = 180 * 86_400  # after the last sign-in


_COLUMNS = tables.columns(KnownBrowser)


def load_known_browser(tx: Tx, account_id: str, digest: bytes, *, now: int) -> str | None:
    """The id of a browser that has completed a sign-in of this account, and not too long ago."""
    row = tx.first(
        "SELECT id FROM known_browsers WHERE account_id = :account AND digest = :digest"
        " AND seen_at > :since",
        account=account_id,
        digest=digest,
        since=now - KNOWN_SECONDS,
    )
    return None if row is None else row[0]


def known_since(tx: Tx, browser_id: str, *, account_id: str) -> int | None:
    """When the browser signed in to the account for the first time."""
    row = tx.first(
        "SELECT created_at FROM known_browsers WHERE account_id = :account AND id = :id",
        account=account_id,
        id=browser_id,
    )
    return None if row is None else row[0]


def list_known(tx: Tx, account_id: str, *, now: int) -> list[KnownBrowser]:
    """The account's known browsers, the one that signed in last first."""
    rows = tx.all(
        f"SELECT {_COLUMNS} FROM known_browsers WHERE account_id = :account AND seen_at > :since"
        " ORDER BY seen_at DESC, id DESC",
        account=account_id,
        since=now - KNOWN_SECONDS,
    )
    return [KnownBrowser(row[0], row[1], bytes(row[2]), *row[3:]) for row in rows]


def is_browser_cookie(tx: Tx, digest: bytes) -> bool:
    """Whether we gave this cookie value out, for whichever account."""
    return (
        tx.first("SELECT 1 FROM known_browsers WHERE digest = :digest LIMIT 1", digest=digest)
        is not None
    )


def save_known_browser(tx: Tx, known: KnownBrowser, *, most: int) -> str:
    """Save that the browser was seen; the oldest beyond `most` go. Its id, which stays as it was."""
    row = tx.first(
        "INSERT INTO known_browsers (account_id, digest, id, browser, created_at, seen_at)"
        " VALUES (:account, :digest, :id, :browser, :now, :now)"
        " ON CONFLICT (account_id, digest) DO UPDATE SET seen_at = excluded.seen_at,"
        " browser = excluded.browser RETURNING id",
        account=known.account_id,
        digest=known.digest,
        id=known.id,
        browser=known.browser,
        now=known.seen_at,
    )
    browser_id: str = row[0] if row else known.id
    if browser_id == known.id:
        tx.do(
            "DELETE FROM known_browsers WHERE account_id = :account AND id <> :id AND id NOT IN"
            " (SELECT id FROM known_browsers WHERE account_id = :account AND id <> :id"
            " ORDER BY seen_at DESC, id DESC LIMIT :others)",
            account=known.account_id,
            id=known.id,
            others=most - 1,
        )
    return browser_id


def remove_known_browsers(tx: Tx, account_id: str, *, keep: str = "") -> int:
    """Forget every known browser of the account but `keep`, with those that a mailed link has proven;
    its sessions there count as a stranger's."""
    tx.do(
        "DELETE FROM mail_links WHERE account_id = :account AND purpose = 'proven_browser'",
        account=account_id,
    )
    tx.do(
        "UPDATE sessions SET browser_id = NULL WHERE account_id = :account AND browser_id <> :keep",
        account=account_id,
        keep=keep,
    )
    return tx.run(
        "DELETE FROM known_browsers WHERE account_id = :account AND id <> :keep",
        account=account_id,
        keep=keep,
    )


def remove_known_browser(tx: Tx, browser_id: str, *, account_id: str) -> bool:
    """Forget one known browser of the account; its sessions there count as a stranger's."""
    tx.do(
        "UPDATE sessions SET browser_id = NULL WHERE account_id = :account AND browser_id = :id",
        account=account_id,
        id=browser_id,
    )
    return (
        tx.run(
            "DELETE FROM known_browsers WHERE account_id = :account AND id = :id",
            account=account_id,
            id=browser_id,
        )
        == 1
    )


def purge(tx: Tx, *, now: int, limit: int) -> int:
    """Drop those that are known no longer."""
    return tx.run(
        "DELETE FROM known_browsers WHERE id IN"
        " (SELECT id FROM known_browsers WHERE seen_at <= :before LIMIT :limit)",
        before=now - KNOWN_SECONDS,
        limit=limit,
    )
