"""Links in mails: opaque, one use, with an end; only digests are stored."""

from __future__ import annotations

from dataclasses import dataclass

from twostep.store import tables
from twostep.store.tx import Tx


@dataclass(frozen=True, slots=True)
class MailLink:
    """One link. `purpose`: one of `flows.mail_links`, or cancel_recovery."""

    account_id: str
    purpose: str
    subject_id: str
    created_at: int
    expires_at: int
    used_at: int | None


_COLUMNS = tables.columns(MailLink)


def insert(tx: Tx, link: MailLink, *, digest: bytes) -> None:
    """Keep a link."""
    tables.insert(tx, "mail_links", link, digest=digest)


def load(tx: Tx, digest: bytes, *, purpose: str) -> MailLink | None:
    """Look at a link."""
    row = tx.first(
        f"SELECT {_COLUMNS} FROM mail_links WHERE digest = :digest AND purpose = :purpose",
        digest=digest,
        purpose=purpose,
    )
    return None if row is None else MailLink(*row)


def consume(tx: Tx, digest: bytes, *, purpose: str, now: int) -> bool:
    """Burn a link. False: unknown, used or too old."""
    return (
        tx.run(
            "UPDATE mail_links SET used_at = :now WHERE digest = :digest AND purpose = :purpose"
            " AND used_at IS NULL AND created_at <= :now AND expires_at > :now",
            digest=digest,
            purpose=purpose,
            now=now,
        )
        == 1
    )


def remove(tx: Tx, digest: bytes, *, purpose: str) -> None:
    """Forget a link, used or not."""
    tx.do(
        "DELETE FROM mail_links WHERE digest = :digest AND purpose = :purpose",
        digest=digest,
        purpose=purpose,
    )


def renew(tx: Tx, digest: bytes, *, purpose: str, until: int) -> bool:
    """Let an unused link live at least until then. False: it was used or withdrawn."""
    return (
        tx.run(
            "UPDATE mail_links SET expires_at = CASE WHEN expires_at < :until THEN :until"
            " ELSE expires_at END"
            " WHERE digest = :digest AND purpose = :purpose AND used_at IS NULL",
            digest=digest,
            purpose=purpose,
            until=until,
        )
        == 1
    )


def was_used(tx: Tx, account_id: str, *, purpose: str, since: int) -> int | None:
    """When a link of this purpose was last used, if that was after `since`."""
    row = tx.first(
        "SELECT max(used_at) FROM mail_links WHERE account_id = :id AND purpose = :purpose"
        " AND used_at > :since",
        id=account_id,
        purpose=purpose,
        since=since,
    )
    return None if row is None else row[0]


def was_used_for(tx: Tx, account_id: str, *, purpose: str, subject_id: str) -> bool:
    """Whether a link of this purpose was used for this subject."""
    row = tx.first(
        "SELECT 1 FROM mail_links WHERE account_id = :id AND purpose = :purpose"
        " AND subject_id = :subject AND used_at IS NOT NULL LIMIT 1",
        id=account_id,
        purpose=purpose,
        subject=subject_id,
    )
    return row is not None


def end_all(tx: Tx, account_id: str, *, purpose: str, now: int) -> None:
    """Every open link of this purpose is dead."""
    tx.do(
        "UPDATE mail_links SET used_at = :now"
        " WHERE account_id = :id AND purpose = :purpose AND used_at IS NULL",
        id=account_id,
        purpose=purpose,
        now=now,
    )


def remove_open(tx: Tx, account_id: str, *, purpose: str) -> None:
    """Forget every link of this purpose that was not used: what it was sent for is over."""
    tx.do(
        "DELETE FROM mail_links WHERE account_id = :id AND purpose = :purpose AND used_at IS NULL",
        id=account_id,
        purpose=purpose,
    )


def remove_undoing(tx: Tx, account_id: str, *, purpose: str) -> None:
    """Forget every unused link of this purpose that names something to undo."""
    tx.do(
        "DELETE FROM mail_links WHERE account_id = :id AND purpose = :purpose"
        " AND subject_id <> '' AND used_at IS NULL",
        id=account_id,
        purpose=purpose,
    )


def purge(tx: Tx, *, before: int, limit: int) -> int:
    """Drop links that ended before then."""
    return tx.run(
        "DELETE FROM mail_links WHERE digest IN"
        " (SELECT digest FROM mail_links WHERE expires_at < :before LIMIT :limit)",
        before=before,
        limit=limit,
    )
