"""Rows of browsers that have signed in before."""

from __future__ import annotations

from dataclasses import dataclass

from twostep.store.tx import Tx


@dataclass(frozen=True, slots=True)
class KnownBrowser:
    """A browser that has signed in. `id`: if it was not known yet; `digest`: of its cookie."""

    id: str
    account_id: str
    digest: bytes
    browser: str
    seen_at: int


def load_known_browser(tx: Tx, account_id: str, digest: bytes) -> str | None:
    """The id of a browser that has completed a sign-in of this account."""
    row = tx.first(
        "SELECT id FROM known_browsers WHERE account_id = :account AND digest = :digest",
        account=account_id,
        digest=digest,
    )
    return None if row is None else row[0]


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


def remove_known_browsers(tx: Tx, account_id: str) -> int:
    """Forget every known browser of the account."""
    return tx.run("DELETE FROM known_browsers WHERE account_id = :account", account=account_id)
