"""Tags of the chains' ends, where they stand: with the accounts and the system's chains."""

from __future__ import annotations

from collections.abc import Sequence

from twostep.core.audit.audit_chain import Head
from twostep.store.audit.trail import head_of
from twostep.store.tx import Tx


_ENDS = (
    "(SELECT id AS chain, audit_seq, audit_hash, audit_tag FROM accounts"
    " UNION ALL SELECT chain, audit_seq, audit_hash, audit_tag FROM system_chains) AS ends"
)


def save_tag(tx: Tx, chain: str, head: Head, *, old: bytes) -> bool:
    """Give a head another tag in place of `old`. False: the chain has moved on meanwhile."""
    values = {"chain": chain, "seq": head.seq, "hash": head.hash, "new": head.tag, "old": old}
    changed = tx.run(
        "UPDATE accounts SET audit_tag = :new"
        " WHERE id = :chain AND audit_seq = :seq AND audit_hash = :hash AND audit_tag = :old",
        **values,
    ) + tx.run(
        "UPDATE system_chains SET audit_tag = :new"
        " WHERE chain = :chain AND audit_seq = :seq AND audit_hash = :hash AND audit_tag = :old",
        **values,
    )
    if changed:
        tx.do(
            "UPDATE audit_changed SET tag = :new WHERE chain = :chain AND hash = :hash",
            chain=chain,
            hash=head.hash,
            new=head.tag,
        )
    return bool(changed)


def list_not_under(tx: Tx, header: bytes, *, after: str, limit: int) -> dict[str, Head]:
    """Ends behind chain `after` whose tag was not made with the key of this header, by chain."""
    rows = tx.all(
        f"SELECT chain, audit_seq, audit_hash, audit_tag FROM {_ENDS}"
        " WHERE chain > :after AND length(audit_tag) > 0 AND substr(audit_tag, 1, :size) <> :header"
        " ORDER BY chain LIMIT :limit",
        after=after,
        header=header,
        size=len(header),
        limit=limit,
    )
    return {row[0]: head_of(row[1:]) for row in rows}


def count_under(tx: Tx, headers: Sequence[bytes]) -> list[int]:
    """How many tags each key's header stands in front of."""
    counts = []
    for header in headers:
        row = tx.first(
            f"SELECT count(*) FROM {_ENDS} WHERE substr(audit_tag, 1, :size) = :header",
            header=header,
            size=len(header),
        )
        counts.append(int(row[0]) if row else 0)
    return counts


def count_untagged(tx: Tx) -> int:
    """How many chains have records and an end without a tag."""
    row = tx.first(f"SELECT count(*) FROM {_ENDS} WHERE audit_seq > 0 AND length(audit_tag) = 0")
    return int(row[0]) if row else 0
