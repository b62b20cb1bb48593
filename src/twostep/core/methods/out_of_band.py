r"""Codes sent by text message or call: how long they live, and when one may be sent.

The state of a message, as the page shows it (`merge_state`):

    queued ──▶ accepted ──▶ delivered
       │          │  ▲          ▲
       │          ▼  │ (late)   │ (late)
       └───────▶ failed ────────┘

An attempt that timed out shows `failed` at once, though the message may still arrive; a later
report corrects it. Nothing leads back to `queued`, and nothing leads out of `delivered`.

Limits across attempts (per number, account or network) are throttles and not decided here.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from enum import StrEnum

from twostep.core.refusal import Reason, Refused


CODE_DIGITS = 6
CODE_LIFE_SECONDS = 600  # NIST SP 800-63B-4 section 3.1.3.2: ten minutes at most
CODE_TRIES = 5
SAME_CODE_SECONDS = 180  # a code with less time left is replaced instead of sent again
STEP_MIN_SECONDS = 180  # nothing is sent in the last three minutes of a step
SEND_LIMIT = 4  # sends in one attempt: a sign-in, a step-up, a phone's confirmation
RESEND_SECONDS = (30, 60, 120)  # the wait after the first, second and third send
NO_ANSWER = "no_answer"  # reason shown for a failed message that may still arrive
REPORT_KEY = "9"  # "I did not ask for this call"
AGAIN_KEY = "1"
CALL_KEYS = "2345678"


class Purpose(StrEnum):
    """What a code is for. The message says it, so that a phished user can see the mismatch."""

    SIGN_IN = "sign_in"
    ADD_PHONE = "add_phone"
    STEP_UP = "step_up"


class SendState(StrEnum):
    """What is known about a sent message."""

    QUEUED = "queued"
    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Sending:
    """One message of an attempt. `asked_at`: Unix seconds."""

    asked_at: int
    state: SendState


@dataclass(frozen=True, slots=True)
class Attempt:
    """The sends of one sign-in, step-up or confirmation, oldest first.

    `ends_at`: when the step itself ends, Unix seconds.
    """

    ends_at: int
    sends: tuple[Sending, ...] = ()


@dataclass(frozen=True, slots=True)
class SentCode:
    """An outstanding code: whose, for what, when it expires, and how many tries are left."""

    authenticator_id: str
    purpose: Purpose
    expires_at: int
    tries_left: int


@dataclass(frozen=True, slots=True)
class MaySend:
    """A send is allowed. `next_at`: when the next one will be (None: this is the last)."""

    next_at: int | None


@dataclass(frozen=True, slots=True)
class Reuse:
    """Send the outstanding code again, with its tries and expiry unchanged."""

    expires_at: int


@dataclass(frozen=True, slots=True)
class New:
    """Make a new code, which ends the old one."""

    expires_at: int
    tries_left: int = CODE_TRIES


def new_code() -> str:
    """Return six random digits, leading zeros kept (ASVS 5.0 6.5.4: from a CSPRNG)."""
    return f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"


def new_call_key() -> str:
    """Return the key, 2 to 8, that a call asks for before it reads out the code.

    1 repeats and 9 reports, so neither is used; 0 reaches an operator in many phone systems.
    """
    return secrets.choice(CALL_KEYS)


def may_send(attempt: Attempt, *, now: int) -> MaySend | Refused:
    """Decide whether this attempt may send again at `now`.

    Every requested send counts towards the limit; only one that has not failed starts a wait, so
    that "call me instead" works at once after a text that could not be delivered.
    """
    left_seconds = attempt.ends_at - now
    if left_seconds <= 0:
        return Refused(Reason.STEP_ENDED)
    if len(attempt.sends) >= SEND_LIMIT:
        return Refused(Reason.SEND_LIMIT, retry_at=attempt.ends_at)
    if left_seconds < STEP_MIN_SECONDS:
        return Refused(
            Reason.STEP_ENDING,
            retry_at=attempt.ends_at,
            detail={"minutes": max(1, -(-left_seconds // 60))},
        )
    pending = [sending for sending in attempt.sends if sending.state is not SendState.FAILED]
    if pending:
        retry_at = pending[-1].asked_at + RESEND_SECONDS[len(pending) - 1]
        if now < retry_at:
            return Refused(Reason.SEND_TOO_SOON, retry_at=retry_at)
    is_last = len(attempt.sends) + 1 == SEND_LIMIT
    return MaySend(next_at=None if is_last else now + RESEND_SECONDS[len(pending)])


def reuse_or_new(
    outstanding: SentCode | None,
    *,
    authenticator_id: str,
    purpose: Purpose,
    step_ends_at: int,
    now: int,
) -> Reuse | New:
    """Decide which code a send carries.

    The same code while three minutes and a try remain, because the first message often arrives
    after the second was requested. A code never outlives its step, and never moves to another
    phone.
    """
    if (
        outstanding is not None
        and outstanding.authenticator_id == authenticator_id
        and outstanding.purpose == purpose
        and outstanding.tries_left > 0
        and outstanding.expires_at - now >= SAME_CODE_SECONDS
    ):
        return Reuse(expires_at=outstanding.expires_at)
    return New(expires_at=min(now + CODE_LIFE_SECONDS, step_ends_at))


def merge_state(old: SendState, new: SendState, *, settled: bool = False) -> SendState:
    """Return the state after a report. Reports may be repeated and come in any order.

    `settled`: `old` is a failure reported by the provider, not a time-out of ours. A late
    "accepted" no longer overrides it; "delivered" does.
    """
    if old is SendState.DELIVERED or new is SendState.QUEUED:
        return old
    if old is SendState.FAILED and new is SendState.ACCEPTED and settled:
        return old
    return new
