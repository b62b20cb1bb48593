"""Forms whose step-up ran out while they were filled in: sealed, taken once."""

from __future__ import annotations

from dataclasses import dataclass

from twostep.store import tables
from twostep.store.tx import Tx


@dataclass(frozen=True, slots=True)
class KeptPost:
    """One kept form; `form` is sealed."""

    id: str
    account_id: str
    session_id: str
    path: str
    form: bytes
    expires_at: int


_COLUMNS = tables.columns(KeptPost)


def insert(tx: Tx, post: KeptPost) -> None:
    """Keep a form; an earlier one of the same session goes."""
    tx.do("DELETE FROM kept_posts WHERE session_id = :id", id=post.session_id)
    tables.insert(tx, "kept_posts", post)


def load(tx: Tx, post_id: str, *, session_id: str) -> KeptPost | None:
    """Look at a kept form of this session."""
    row = tx.first(
        f"SELECT {_COLUMNS} FROM kept_posts WHERE id = :id AND session_id = :session",
        id=post_id,
        session=session_id,
    )
    return None if row is None else KeptPost(*row)


def take(tx: Tx, post_id: str, *, session_id: str) -> KeptPost | None:
    """Take a kept form, once."""
    row = tx.first(
        f"DELETE FROM kept_posts WHERE id = :id AND session_id = :session RETURNING {_COLUMNS}",
        id=post_id,
        session=session_id,
    )
    return None if row is None else KeptPost(*row)


def purge(tx: Tx, *, before: int, limit: int) -> int:
    """Drop forms that nobody came back for."""
    return tx.run(
        "DELETE FROM kept_posts WHERE id IN (SELECT id FROM kept_posts WHERE expires_at < :before"
        " LIMIT :limit)",
        before=before,
        limit=limit,
    )
