"""Challenges for passkeys, which are not stored until they are answered.

A challenge carries its own proof, so requesting options writes nothing and cannot fill a table:

    nonce (12) | made at, Unix seconds (4) | HMAC-SHA256 over both and the context, cut to 16 bytes

The context is what it was made for: the purpose, and the account and session if there are any. The
digest of an answered challenge is stored, so that it is not accepted twice. Sources: WebAuthn level
3, §13.4.3; NIST SP 800-63B-4 §3.2.7; security: Requests.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from enum import StrEnum

from twostep.core import sealing
from twostep.core.sealing import Keyring
from twostep.core.sign_in import session


PURPOSE = "passkeys.challenge"
CHALLENGE_SECONDS = 300
AHEAD_SECONDS = session.AHEAD_SECONDS  # as for every other proof
CHALLENGE_BYTES = 32
_NONCE_BYTES = 12
_PROOF_BYTES = 16


class Ceremony(StrEnum):
    """What a challenge is for. An answer counts for that ceremony only."""

    ENROLMENT = "enrolment"
    SECOND_STEP = "sign_in"
    ALONE = "alone"
    STEP_UP = "step_up"


def context_of(ceremony: Ceremony, *, account_id: str = "", session_id: str = "") -> str:
    """Return what a challenge is bound to. With ALONE no account is known yet."""
    return f"{ceremony}:{account_id}:{session_id}"


def new_challenge(keyring: Keyring, *, context: str, now: int) -> bytes:
    """Return 32 bytes that `verify_challenge` recognises."""
    head = secrets.token_bytes(_NONCE_BYTES) + now.to_bytes(4, "big")
    return head + _proof(sealing.mac(keyring, _data(head, context), purpose=PURPOSE))


def verify_challenge(keyring: Keyring, challenge: bytes, *, context: str, now: int) -> bool:
    """Whether we made it for this context in the last five minutes, under any of the keys."""
    if len(challenge) != CHALLENGE_BYTES:
        return False
    head, proof = challenge[:-_PROOF_BYTES], challenge[-_PROOF_BYTES:]
    matches = [
        hmac.compare_digest(_proof(mac), proof)
        for mac in sealing.macs(keyring, _data(head, context), purpose=PURPOSE)
    ]
    made_at = int.from_bytes(head[_NONCE_BYTES:], "big")
    return any(matches) and -AHEAD_SECONDS <= now - made_at < CHALLENGE_SECONDS


def challenge_digest(challenge: bytes) -> bytes:
    """Return the digest to store for an answered challenge."""
    return hashlib.sha256(challenge).digest()


def _data(head: bytes, context: str) -> bytes:
    return head + context.encode()


def _proof(mac: bytes) -> bytes:
    return mac[-_PROOF_BYTES:]
