"""Checkpoints: from time to time the heads of all chains that moved are signed and chained.

Whoever can write to the database but has no key can rewrite a chain; not what a checkpoint has
vouched for. A checkpoint signs the root of the one before it, so the newest vouches for all earlier
ones, also for those of a key that has since left the key file. A signed start says where a chain
begins after its oldest records were purged.

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
CHECKPOINTS = "checkpoints"  # the name under which the checkpoints' own start is kept


@dataclass(frozen=True, slots=True)
class Signed:
    """Signed text (JSON) as it is stored. `body` holds the signed bytes."""

    body: str
    signature: bytes

    @property
    def root(self) -> bytes:
        """The digest that the next checkpoint signs too."""
        return hashlib.sha256(self.body.encode()).digest()


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a checkpoint says. `before`: the root of the one before it; `key_id`: whose signature."""

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
    """The 32 bytes with which signatures of this key are verified."""
    return _signing_key(key).public_key().public_bytes_raw()


def public_keys(keyring: Keyring) -> frozenset[bytes]:
    """The public keys of every key of the ring."""
    return frozenset(public_key(key) for key in keyring.keys)


def new_checkpoint(
    keyring: Keyring, *, seq: int, before: bytes, heads: Mapping[str, Head], at: int
) -> Signed:
    """Sign the heads that changed since the checkpoint with root `before` (32 zeros: none)."""
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
    """What a checkpoint says, signed or not. ValueError for anything else."""
    told = _read(body, CHECKPOINT)
    try:
        return Checkpoint(
            seq=int(told["seq"]),
            at=int(told["at"]),
            before=bytes.fromhex(told["before"]),
            heads={
                chain: Head(int(seq), bytes.fromhex(digest))
                for chain, (seq, digest) in told["heads"].items()
            },
            key_id=str(told["key"]),
            public_key=bytes.fromhex(told["public_key"]),
        )
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError("a checkpoint lacks a field") from error


def new_start(keyring: Keyring, *, chain: str, head: Head, at: int) -> Signed:
    """Sign that a chain begins behind `head`."""
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
    """What a start says, signed or not. ValueError for anything else."""
    told = _read(body, CHAIN_START)
    try:
        return ChainStart(
            chain=str(told["chain"]),
            head=Head(int(told["seq"]), bytes.fromhex(told["hash"])),
            at=int(told["at"]),
            key_id=str(told["key"]),
            public_key=bytes.fromhex(told["public_key"]),
        )
    except (KeyError, TypeError) as error:
        raise ValueError("a chain's start lacks a field") from error


def is_signed_by(signed: Signed, public: bytes) -> bool:
    """Whether the signature is the one of this public key. False for a malformed one too."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signed.signature, signed.body.encode())
    except (InvalidSignature, ValueError):
        return False
    return True


def _signing_key(key: Key) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(derive(key, "sign audit"))


def _sign(key: Key, told: Mapping[str, object]) -> Signed:
    signing = _signing_key(key)
    named = {
        **told,
        "key": key.id,
        "public_key": signing.public_key().public_bytes_raw().hex(),
    }
    body = json.dumps(named, separators=(",", ":"), sort_keys=True)
    return Signed(body, signing.sign(body.encode()))


def _read(body: str, kind: str) -> dict[str, Any]:
    told = json.loads(body)
    if not isinstance(told, dict) or told.get("kind") != kind:
        raise ValueError(f"this is no {kind}")
    return told
