"""Keyed digests of telephone numbers: what limits and lists go by, so that they hold no number."""

from __future__ import annotations

from twostep.core import sealing
from twostep.core.throttle import PREFIX_DIGITS_LEFT_OUT
from twostep.flows.env import Env


FINGERPRINT = "phones.fingerprint"
PREFIX = "sends.prefix"


def fingerprint(env: Env, e164: str) -> bytes:
    """The number's keyed digest under the newest key."""
    return sealing.mac(env.keyring, e164.encode(), purpose=FINGERPRINT)


def fingerprints(env: Env, e164: str) -> tuple[bytes, ...]:
    """The number's keyed digests under every key, while keys are being rotated."""
    return sealing.macs(env.keyring, e164.encode(), purpose=FINGERPRINT)


def prefix_digest(env: Env, e164: str) -> bytes:
    """The keyed digest of all but the last four digits."""
    return sealing.mac(env.keyring, e164[:-PREFIX_DIGITS_LEFT_OUT].encode(), purpose=PREFIX)
