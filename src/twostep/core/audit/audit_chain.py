"""The audit trail's chains: each record carries the hash of the one before it.

One chain for each account, so that a chain costs no lock of its own; events without an account go to
one of 64 system chains. The stored bytes are the hashed bytes, so verifying never serialises again.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from twostep.core.audit.event import Event, Source


START = bytes(32)
SYSTEM_CHAINS = 64


@dataclass(frozen=True, slots=True)
class Head:
    """The newest record's number (0: none yet) and hash."""

    seq: int = 0
    hash: bytes = START


@dataclass(frozen=True, slots=True)
class Record:
    """One stored record. `body` holds the hashed bytes, as text (JSON)."""

    chain: str
    seq: int
    at: int
    event: str
    body: str
    prev_hash: bytes
    hash: bytes


_write = json.JSONEncoder(separators=(",", ":"), sort_keys=True).encode


def system_chain(subject: str) -> str:
    """The chain of an event without an account, by digest of what it is about."""
    return f"system-{hashlib.sha256(subject.encode()).digest()[0] % SYSTEM_CHAINS:02}"


def hash_record(prev_hash: bytes, body: str) -> bytes:
    """SHA-256 over the hash before and the body."""
    return hashlib.sha256(prev_hash + body.encode()).digest()


def next_record(
    head: Head, event: Event, *, chain: str, account_id: str | None, source: Source, at: int
) -> Record:
    """The record that follows `head`."""
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
