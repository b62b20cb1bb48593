"""The audit trail: appended in the act's own transaction, never changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from twostep.core.audit.audit_chain import Head, Record, next_record, system_chain
from twostep.core.audit.audit_tag import next_tag
from twostep.core.audit.event import Event, Source
from twostep.core.audit.occurrence import Occurrence
from twostep.core.sealing import Keyring
from twostep.store import tables
from twostep.store.account.accounts import Held
from twostep.store.tx import Tx


_COLUMNS = tables.columns(Record)


def append(
    tx: Tx, event: Event, *, account: Held, source: Source, now: int, keyring: Keyring
) -> None:
    """Append to an account's chain."""
    append_all(tx, [event], account=account, source=source, now=now, keyring=keyring)


def append_all(
    tx: Tx,
    events: Iterable[Event],
    *,
    account: Held,
    source: Source,
    now: int,
    keyring: Keyring,
) -> None:
    """Append several events of one account; its head is written once, when the flow is done."""
    before = head = tx.heads[account.id]
    for event in events:
        record = next_record(
            head, event, chain=account.id, account_id=account.id, source=source, at=now
        )
        tables.insert(tx, "audit_records", record)
        tx.events.append(Occurrence(event, source, account.id, account.id, record.seq))
        head = Head(record.seq, record.hash)
    tx.heads[account.id] = replace(head, tag=next_tag(keyring, account.id, before, head))
    tx.at_end(account.id, _save_head)


def _save_head(tx: Tx, account_id: str) -> None:
    head = tx.heads[account_id]
    tx.do(
        "UPDATE accounts SET audit_seq = :seq, audit_hash = :hash, audit_tag = :tag WHERE id = :id",
        id=account_id,
        seq=head.seq,
        hash=head.hash,
        tag=head.tag,
    )
    mark_changed(tx, account_id, head)


def append_system(
    tx: Tx, event: Event, *, subject: str, source: Source, now: int, keyring: Keyring
) -> None:
    """Append an event without an account. Comes last in a flow: the chain is shared."""
    chain = system_chain(subject)
    row = tx.first(
        "INSERT INTO system_chains (chain, audit_seq, audit_hash) VALUES (:chain, 0, :start)"
        " ON CONFLICT (chain) DO UPDATE SET audit_seq = system_chains.audit_seq"
        " RETURNING audit_seq, audit_hash, audit_tag",
        chain=chain,
        start=Head().hash,
    )
    before = head_of(row) if row else Head()
    record = next_record(before, event, chain=chain, account_id=None, source=source, at=now)
    tables.insert(tx, "audit_records", record)
    tx.events.append(Occurrence(event, source, chain, None, record.seq))
    head = Head(record.seq, record.hash)
    head = replace(head, tag=next_tag(keyring, chain, before, head))
    save_system_head(tx, chain, head)
    mark_changed(tx, chain, head)


def save_system_head(tx: Tx, chain: str, head: Head) -> None:
    """Keep the head of a chain without an account."""
    tx.do(
        "UPDATE system_chains SET audit_seq = :seq, audit_hash = :hash, audit_tag = :tag"
        " WHERE chain = :chain",
        chain=chain,
        seq=head.seq,
        hash=head.hash,
        tag=head.tag,
    )


def mark_changed(tx: Tx, chain: str, head: Head) -> None:
    """Leave the head for the next checkpoint."""
    tables.upsert(tx, "audit_changed", head, on="chain", chain=chain)


def head_of(row: Sequence[Any]) -> Head:
    """A head as three columns have it: number, hash and tag."""
    seq, digest, tag = row
    return Head(seq, bytes(digest), bytes(tag))


def list_newest(tx: Tx, chain: str, *, before_seq: int, limit: int) -> list[Record]:
    """A page of a chain's records, the newest first."""
    rows = tx.all(
        f"SELECT {_COLUMNS} FROM audit_records"
        " WHERE chain = :chain AND seq < :before ORDER BY seq DESC LIMIT :limit",
        chain=chain,
        before=before_seq,
        limit=limit,
    )
    return [Record(*row) for row in rows]


def list_newest_of(
    tx: Tx, chain: str, kinds: Iterable[str], *, before_seq: int, limit: int
) -> list[Record]:
    """As `list_newest`, only events of these kinds: each kind is read from its own part of an index,
    so that what lies between costs nothing."""
    rows = [
        row
        for kind in kinds
        for row in tx.all(
            f"SELECT {_COLUMNS} FROM audit_records WHERE chain = :chain AND event = :event"
            " AND seq < :before ORDER BY seq DESC LIMIT :limit",
            chain=chain,
            event=kind,
            before=before_seq,
            limit=limit,
        )
    ]
    return sorted((Record(*row) for row in rows), key=lambda record: -record.seq)[:limit]


def list_page(tx: Tx, *, after: tuple[str, int], limit: int) -> list[Record]:
    """A page of every chain's records, by chain and number."""
    rows = tx.all(
        f"SELECT {_COLUMNS} FROM audit_records"
        " WHERE (chain, seq) > (:chain, :seq) ORDER BY chain, seq LIMIT :limit",
        chain=after[0],
        seq=after[1],
        limit=limit,
    )
    return [Record(*row) for row in rows]


def has_event(tx: Tx, chain: str, kind: str) -> bool:
    """Whether the chain holds an event of this kind, or may have held one that was purged."""
    row = tx.first(
        "SELECT 1 FROM audit_records WHERE chain = :chain AND event = :event"
        " UNION ALL SELECT 1 FROM audit_starts WHERE chain = :chain LIMIT 1",
        chain=chain,
        event=kind,
    )
    return row is not None


def has_event_between(tx: Tx, chain: str, kind: str, *, since: int, before: int) -> bool:
    """As `has_event`, only events of that time."""
    row = tx.first(
        "SELECT 1 FROM audit_records WHERE chain = :chain AND event = :event AND at >= :since AND at < :before"
        " UNION ALL SELECT 1 FROM audit_starts WHERE chain = :chain LIMIT 1",
        chain=chain,
        event=kind,
        since=since,
        before=before,
    )
    return row is not None


def count(tx: Tx) -> int:
    """How many records there are."""
    row = tx.first("SELECT count(*) FROM audit_records")
    return int(row[0]) if row else 0


def list_chain(tx: Tx, chain: str, *, after_seq: int, limit: int) -> list[Record]:
    """A page of one chain's records, the oldest first."""
    rows = tx.all(
        f"SELECT {_COLUMNS} FROM audit_records"
        " WHERE chain = :chain AND seq > :after ORDER BY seq LIMIT :limit",
        chain=chain,
        after=after_seq,
        limit=limit,
    )
    return [Record(*row) for row in rows]


def list_heads(tx: Tx, *, after: str, limit: int) -> dict[str, Head]:
    """A page of accounts' heads, by account."""
    rows = tx.all(
        "SELECT id, audit_seq, audit_hash, audit_tag FROM accounts WHERE id > :after"
        " ORDER BY id LIMIT :limit",
        after=after,
        limit=limit,
    )
    return {row[0]: head_of(row[1:]) for row in rows}


def list_system_heads(tx: Tx) -> dict[str, Head]:
    """The heads of the chains without an account."""
    rows = tx.all("SELECT chain, audit_seq, audit_hash, audit_tag FROM system_chains")
    return {row[0]: head_of(row[1:]) for row in rows}


def load_head(tx: Tx, chain: str) -> Head | None:
    """One chain's head as its account, or the system, has it."""
    row = tx.first(
        "SELECT audit_seq, audit_hash, audit_tag FROM accounts WHERE id = :chain"
        " UNION ALL SELECT audit_seq, audit_hash, audit_tag FROM system_chains WHERE chain = :chain",
        chain=chain,
    )
    return None if row is None else head_of(row)


def list_chains_before(tx: Tx, before: int, *, limit: int) -> list[str]:
    """Chains among whose records are some of the `limit` oldest from before then."""
    rows = tx.all(
        "SELECT DISTINCT chain FROM (SELECT chain FROM audit_records WHERE at < :before"
        " ORDER BY at, chain, seq LIMIT :limit) AS oldest",
        before=before,
        limit=limit,
    )
    return [row[0] for row in rows]


def remove_to(tx: Tx, chain: str, seq: int) -> int:
    """Drop a chain's records up to number `seq`; its signed start is written beside it."""
    return tx.run(
        "DELETE FROM audit_records WHERE chain = :chain AND seq <= :seq", chain=chain, seq=seq
    )
