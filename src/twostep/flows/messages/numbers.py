"""Stored phone numbers: sealed and opened only to send, with keyed digests for counting limits."""

from __future__ import annotations

from twostep.core import sealing
from twostep.core.methods.authenticator import MethodKind, Phone, method_name
from twostep.core.sign_in.throttle import PREFIX_DIGITS_LEFT_OUT
from twostep.flows.env import Env
from twostep.flows.turn import Turn
from twostep.flows.unseal import record_broken_seal, unseal


FINGERPRINT = "phones.fingerprint"

PREFIX = "sends.prefix"


def fingerprint(env: Env, e164: str) -> bytes:
    """The number's keyed digest under the newest key."""
    return sealing.mac(env.keyring, e164.encode(), purpose=FINGERPRINT)


def fingerprints(env: Env, e164: str) -> tuple[bytes, ...]:
    """The number's keyed digest under every key, because keys may be being rotated."""
    return sealing.macs(env.keyring, e164.encode(), purpose=FINGERPRINT)


def prefix_digest(env: Env, e164: str) -> bytes:
    """The keyed digest of the number without its last four digits."""
    return sealing.mac(env.keyring, e164[:-PREFIX_DIGITS_LEFT_OUT].encode(), purpose=PREFIX)


NUMBER = "phones.number"


def open_number(env: Env, phone: Phone) -> str:
    """The phone's number in E.164. Raises `SealBroken`."""
    return unseal(
        env, phone.number, purpose=NUMBER, row_id=phone.id, account_id=phone.account_id
    ).decode()


def number_or_none(turn: Turn, phone: Phone) -> str | None:
    """The number; None, with a record of it, if it cannot be opened."""
    try:
        return open_number(turn.env, phone)
    except sealing.SealBroken:
        method = method_name(MethodKind.PHONE, phone.id)
        record_broken_seal(
            turn.tx,
            phone.account_id,
            purpose=NUMBER,
            method=method,
            keyring=turn.env.keyring,
            now=turn.now,
        )
        return None
