"""Numbers whose owners asked their network or us for no more texts."""

from __future__ import annotations

from collections.abc import Sequence

from twostep.store.tx import Tx


def save(
    tx: Tx, fingerprint: bytes, *, row_id: str, number: bytes, provider: str, now: int
) -> None:
    """Remember one; `number` is sealed, so that keys can be rotated."""
    tx.do(
        "INSERT INTO opt_outs (fingerprint, id, number, provider, since_at)"
        " VALUES (:print, :id, :number, :provider, :now) ON CONFLICT (fingerprint) DO UPDATE SET"
        " provider = excluded.provider, since_at = excluded.since_at",
        print=fingerprint,
        id=row_id,
        number=number,
        provider=provider,
        now=now,
    )


def is_out(tx: Tx, fingerprints: Sequence[bytes], *, since: int) -> bool:
    """Whether the number (under any key) opted out since then."""
    return any(
        tx.first(
            "SELECT 1 FROM opt_outs WHERE fingerprint = :print AND since_at > :since",
            print=fingerprint,
            since=since,
        )
        for fingerprint in fingerprints
    )


def remove(tx: Tx, fingerprints: Sequence[bytes]) -> int:
    """Its owner wants texts again."""
    return sum(
        tx.run("DELETE FROM opt_outs WHERE fingerprint = :print", print=fingerprint)
        for fingerprint in fingerprints
    )


def purge(tx: Tx, *, before: int, limit: int) -> int:
    """Forget numbers that opted out before then."""
    return tx.run(
        "DELETE FROM opt_outs WHERE fingerprint IN"
        " (SELECT fingerprint FROM opt_outs WHERE since_at < :before LIMIT :limit)",
        before=before,
        limit=limit,
    )


def count(tx: Tx) -> int:
    """How many numbers are out."""
    row = tx.first("SELECT count(*) FROM opt_outs")
    return int(row[0]) if row else 0
