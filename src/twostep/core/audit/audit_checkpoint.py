"""Checkpoints: at intervals, the heads of all chains that have grown are signed and chained.

Somebody who can write to the database but has no key can rewrite a chain, but not the part a
checkpoint covers. A checkpoint signs the root of the one before it, so the newest covers all
earlier ones, including those signed with a key since removed from the key file. A signed start says
where a chain begins after its oldest records were purged.

The stored bytes are the signed bytes. Sources: RFC 8032 (Ed25519), RFC 5869 (the key's seed).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from twostep.core.audit.audit_chain import Head
from twostep.core.sealing import Key, Keyring, derive


CHECKPOINT = "twostep audit checkpoint 1"
CHAIN_START = "twostep audit start 1"
CHECKPOINTS = "checkpoints"  # the name that the checkpoints' own start is stored under


@dataclass(frozen=True, slots=True)
class Signed:
    """Signed text (JSON) as stored. `body`: the signed bytes."""

    body: str
    signature: bytes

    @property
    def root(self) -> bytes:
        """The digest that the next checkpoint includes."""
        return hashlib.sha256(self.body.encode()).digest()


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The content of a checkpoint. `before`: the previous one's root; `key_id`: the signing key."""

    seq: int
    at: int
    before: bytes
    heads: Mapping[str, Head]
    key_id: str
    public_key: bytes


@dataclass(frozen=True, slots=True)
class ChainStart:
    """Where a chain begins: everything up to `head` was purged."""

    chain: str
    head: Head
    at: int
    key_id: str
    public_key: bytes


def public_key(key: Key) -> bytes:
    """Return the 32 bytes to verify this key's signatures with."""
    return _signing_key(key).public_key().public_bytes_raw()


def public_keys(keyring: Keyring) -> frozenset[bytes]:
    """Return the public keys of all keys of the ring."""
    return frozenset(public_key(key) for key in keyring.keys)


def new_checkpoint(
    keyring: Keyring, *, seq: int, before: bytes, heads: Mapping[str, Head], at: int
) -> Signed:
    """Sign the heads that changed since the checkpoint with root `before` (32 zero bytes: none)."""
    return _sign(
        keyring.newest,
        {
            "kind": CHECKPOINT,
            "seq": seq,
            "at": at,
            "before": before.hex(),
            "heads": {chain: [head.seq, head.hash.hex()] for chain, head in heads.items()},
        },
    )


def read_checkpoint(body: str) -> Checkpoint:
    """Parse a checkpoint without verifying its signature. ValueError for anything else."""
    fields = _read(body, CHECKPOINT)
    try:
        return Checkpoint(
            seq=int(fields["seq"]),
            at=int(fields["at"]),
            before=bytes.fromhex(fields["before"]),
            heads={
                chain: Head(int(seq), bytes.fromhex(digest))
                for chain, (seq, digest) in fields["heads"].items()
            },
            key_id=str(fields["key"]),
            public_key=bytes.fromhex(fields["public_key"]),
        )
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError("a checkpoint lacks a field") from error


def new_start(keyring: Keyring, *, chain: str, head: Head, at: int) -> Signed:
    """Sign that a chain begins after `head`."""
    return _sign(
        keyring.newest,
        {
            "kind": CHAIN_START,
            "chain": chain,
            "seq": head.seq,
            "hash": head.hash.hex(),
            "at": at,
        },
    )


def read_start(body: str) -> ChainStart:
    """Parse a start without verifying its signature. ValueError for anything else."""
    fields = _read(body, CHAIN_START)
    try:
        return ChainStart(
            chain=str(fields["chain"]),
            head=Head(int(fields["seq"]), bytes.fromhex(fields["hash"])),
            at=int(fields["at"]),
            key_id=str(fields["key"]),
            public_key=bytes.fromhex(fields["public_key"]),
        )
    except (KeyError, TypeError) as error:
        raise ValueError("a chain's start lacks a field") from error


def is_signed_by(signed: Signed, public: bytes) -> bool:
    """Whether the signature was made with this key. False if the signature or key is malformed."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signed.signature, signed.body.encode())
    except (InvalidSignature, ValueError):
        return False
    return True


def _signing_key(key: Key) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(derive(key, "sign audit"))


def _sign(key: Key, fields: Mapping[str, object]) -> Signed:
    signing = _signing_key(key)
    signed_fields = {
        **fields,
        "key": key.id,
        "public_key": signing.public_key().public_bytes_raw().hex(),
    }
    body = json.dumps(signed_fields, separators=(",", ":"), sort_keys=True)
    return Signed(body, signing.sign(body.encode()))


def _read(body: str, kind: str) -> dict[str, Any]:
    fields = json.loads(body)
    if not isinstance(fields, dict) or fields.get("kind") != kind:
        raise ValueError(f"this is no {kind}")
    return fields
