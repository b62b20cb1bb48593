"""Sessions: what a browser has proved, and how long that counts.

    password ──▶ half ──second step──▶ full
       │                                ▲
       └──two-step off, or remembered───┘
    help desk's temporary code, reset ──▶ enrol (opens enrolment only) ──first app──▶ full

A half session opens the second step only. The session row holds the assurance level; no list of
URLs decides who needs a second step. Sources: NIST SP 800-63B-4 §2.2, §5.1; RFC 8176; ASVS 7.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from twostep.core.messages.channel import Channel


HALF_SESSION_SECONDS = 600
FRESH_SECONDS = 600  # how long a proof is fresh enough for a change (step-up)
AHEAD_SECONDS = 30  # how far the clocks of two servers may differ
SEEN_EVERY_SECONDS = 30  # how often the time of the last request is stored


class Level(StrEnum):
    """What a session gives access to."""

    HALF = "half"
    FULL = "full"
    ENROL = "enrol"


class Aal(StrEnum):
    """Assurance levels of NIST SP 800-63B-4."""

    AAL1 = "aal1"
    AAL2 = "aal2"


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """Limits of a full session, in seconds (settings `session.*`)."""

    idle_seconds: int
    total_seconds: int


@dataclass(frozen=True, slots=True)
class Session:
    """One row of `sessions`.

    `amr`: RFC 8176 values separated by spaces. `expires_at`: the end in any case.
    `password_at`, `second_factor_at`: when each was last proved in this session.
    `flash`: a message for the next page to show once, as `key` or `key:detail`.
    `browser_id`: the known browser it runs in, once the sign-in is complete.
    `language`: chosen on a page before the sign-in was complete. `time_zone`: the browser's own.
    """

    id: str
    account_id: str
    level: Level
    aal: Aal
    amr: str
    next_path: str
    network: str
    browser: str
    browser_id: str | None
    password_version: int
    password_at: int | None
    second_factor_at: int | None
    created_at: int
    seen_at: int
    expires_at: int
    flash: str = ""
    language: str = ""
    time_zone: str = ""

    @property
    def auth_time(self) -> int:
        """When the latest factor was proved, Unix seconds."""
        return max(self.password_at or 0, self.second_factor_at or 0, self.created_at)


def is_live(session: Session, *, now: int, limits: SessionLimits) -> bool:
    """Whether the session is still valid (ASVS 7.3.1, 7.3.2). Half sessions do not idle out."""
    if now >= session.expires_at:
        return False
    return session.level is Level.HALF or now - session.seen_at < limits.idle_seconds


def ends_at(session: Session, *, limits: SessionLimits) -> int:
    """Return when it ends without further requests, Unix seconds."""
    if session.level is Level.HALF:
        return session.expires_at
    return min(session.expires_at, session.seen_at + limits.idle_seconds)


def needs_seen(session: Session, *, now: int) -> bool:
    """Whether the time of the last request should be stored again."""
    return abs(now - session.seen_at) >= SEEN_EVERY_SECONDS


def needs_step_up(session: Session, *, two_step: bool, now: int) -> bool:
    """Whether a change must be confirmed first.

    With two-step sign-in on, only a second factor counts; with it off, the password. A proof may be
    up to `AHEAD_SECONDS` ahead, because a server with another clock may have accepted it; one from
    further in the future (the clock was moved back) does not count.
    """
    proved_at = session.second_factor_at if two_step else session.password_at
    return proved_at is None or not -AHEAD_SECONDS <= now - proved_at < FRESH_SECONDS


AMR_PASSWORD = "pwd"
AMR_OF_SECOND_FACTOR = {
    "app": "pwd otp mfa",
    Channel.SMS: "pwd sms mfa",
    Channel.CALL: "pwd tel mfa",
    "codes": "pwd otp mfa",
}


def amr_of_passkey(*, synced: bool, alone: bool) -> str:
    """Return what a passkey proves: a hardware or a synced key, with the password or alone.

    Alone it counts as two factors, because its owner was verified (security: Sessions).
    """
    key = "swk" if synced else "hwk"
    return f"{key} user mfa" if alone else f"pwd {key} mfa"


def merge_amr(old: str, new: str) -> str:
    """Add newly proved values to those proved before: no duplicates, order kept.

    The password is never added, because a step-up does not ask for it.
    """
    added = [value for value in new.split() if value != AMR_PASSWORD]
    return " ".join(dict.fromkeys([*old.split(), *added]))
