"""Rows of browsers that have signed in before."""

from __future__ import annotations

from twostep.store.tx import Tx


def load_known_browser(tx: Tx, account_id: str, digest: bytes) -> str | None:
    """The id of a browser that has completed a sign-in of this account."""
    row = tx.one(
        "SELECT id FROM known_browsers WHERE account_id = :account AND digest = :digest",
        account=account_id,
        digest=digest,
    )
    return None if row is None else row[0]


def is_browser_cookie(tx: Tx, digest: bytes) -> bool:
    """Whether we gave this cookie value out, for whichever account."""
    return (
        tx.one("SELECT 1 FROM known_browsers WHERE digest = :digest LIMIT 1", digest=digest)
        is not None
    )


def save_known_browser(
    tx: Tx, account_id: str, digest: bytes, *, new_id: str, browser: str, most: int, now: int
) -> str:
    """Remember the browser for the account, the oldest beyond `most` go; its id."""
    row = tx.one(
        "INSERT INTO known_browsers (account_id, digest, id, browser, created_at, seen_at)"
        " VALUES (:account, :digest, :id, :browser, :now, :now)"
        " ON CONFLICT (account_id, digest) DO UPDATE SET seen_at = excluded.seen_at,"
        " browser = excluded.browser RETURNING id",
        account=account_id,
        digest=digest,
        id=new_id,
        browser=browser,
        now=now,
    )
    browser_id: str = row[0] if row else new_id
    if browser_id == new_id:
        tx.do(
            "DELETE FROM known_browsers WHERE account_id = :account AND id <> :id AND id NOT IN"
            " (SELECT id FROM known_browsers WHERE account_id = :account AND id <> :id"
            " ORDER BY seen_at DESC, id DESC LIMIT :others)",
            account=account_id,
            id=new_id,
            others=most - 1,
        )
    return browser_id


def remove_known_browsers(tx: Tx, account_id: str) -> int:
    """Forget every known browser of the account."""
    return tx.run("DELETE FROM known_browsers WHERE account_id = :account", account=account_id)
