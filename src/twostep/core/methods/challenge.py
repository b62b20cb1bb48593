"""Challenges: random values to be answered once. In this module: a code sent to a phone.

A challenge is bound to the attempt (session and purpose) and to the phone it was sent to. It ends
when it is answered, after five wrong codes, when it expires, or when another one replaces it.
Sources: NIST SP 800-63B-4 §3.1.3; ASVS 6.6.2, 6.6.3.
"""

from __future__ import annotations

from dataclasses import dataclass

from twostep.core.messages.channel import Channel
from twostep.core.methods.out_of_band import Purpose


@dataclass(frozen=True, slots=True)
class Challenge:
    """One row of `challenges`.

    `code`: sealed, and kept until the challenge ends. `check_mac`: keyed digest to compare with.
    `call_key`: the digit to press during a call. `ended_at`: when it was answered, spent or
    replaced. `language`: of the page that asked for the code; empty: the account's.
    """

    id: str
    account_id: str
    session_id: str
    purpose: Purpose
    phone_id: str
    channel: Channel
    code: bytes | None
    check_mac: bytes
    call_key: str
    tries_left: int
    created_at: int
    expires_at: int
    ended_at: int | None
    language: str = ""


def is_open(challenge: Challenge, *, now: int) -> bool:
    """Whether an answer may still be accepted."""
    return (
        challenge.ended_at is None
        and challenge.tries_left > 0
        and challenge.created_at <= now < challenge.expires_at
    )
