"""The audit trail's chains: each record carries the hash of the one before it.

Each account has its own chain, covered by the account's lock; events without an account go to one
of 64 system chains. The stored bytes are the hashed bytes, so verifying never serialises again.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field

from twostep.core.audit.event import Event, Source


START = bytes(32)
SYSTEM_CHAINS = 64


@dataclass(frozen=True, slots=True)
class Head:
    """Number and hash of the newest record. Number 0: no record yet.

    `tag`: as `audit_tag` makes it; two heads are the same whatever it is.
    """

    seq: int = 0
    hash: bytes = START
    tag: bytes = field(default=b"", compare=False)


@dataclass(frozen=True, slots=True)
class Record:
    """One stored record. `body`: the hashed bytes, as text (JSON)."""

    chain: str
    seq: int
    at: int
    event: str
    body: str
    prev_hash: bytes
    hash: bytes


_write = json.JSONEncoder(separators=(",", ":"), sort_keys=True).encode


def system_chain(subject: str) -> str:
    """Return the chain for an event without an account, by digest of its subject."""
    return f"system-{hashlib.sha256(subject.encode()).digest()[0] % SYSTEM_CHAINS:02}"


def hash_record(prev_hash: bytes, body: str) -> bytes:
    """Return SHA-256 over the previous hash and the body."""
    return hashlib.sha256(prev_hash + body.encode()).digest()


def next_record(
    head: Head, event: Event, *, chain: str, account_id: str | None, source: Source, at: int
) -> Record:
    """Return the record that follows `head`."""
    seq = head.seq + 1
    body = _write(
        {
            "chain": chain,
            "seq": seq,
            "at": at,
            "event": event.kind,
            "account": account_id,
            "actor": source.actor,
            "method": event.method,
            "outcome": event.outcome,
            "network": source.network,
            "browser": source.browser,
            "data": dict(event.data),
        }
    )
    return Record(chain, seq, at, event.kind, body, head.hash, hash_record(head.hash, body))
