"""What somebody is reminded of after signing in: a spare way in that is missing, or codes long unseen.

At most one page at a sign-in, and one in fourteen days; it can always be skipped.
"""

from __future__ import annotations

from enum import StrEnum

from twostep.core.methods.authenticator import Methods


REMIND_SECONDS = 14 * 86_400
CODES_CHECK_SECONDS = 180 * 86_400


class Reminder(StrEnum):
    """What it is about."""

    SPARE = "spare"  # there is only one way to sign in
    CODES = "codes"  # nobody has said for half a year that the backup codes are still there


def is_due(remind_at: int | None, *, now: int) -> bool:
    """Whether it is time to look again. A time further ahead than it is ever set comes from a clock
    that was wrong."""
    return remind_at is not None and not 0 < remind_at - now <= REMIND_SECONDS


def choose_reminder(methods: Methods, *, now: int) -> Reminder | None:
    """What there is to say to somebody with these ways to sign in. Codes that were never checked have
    their banner on every page."""
    if methods.ways < 2:
        return Reminder.SPARE
    own = methods.recovery_set
    if own is None or own.proved_at is None or not methods.codes_left:
        return None
    return Reminder.CODES if now - own.proved_at >= CODES_CHECK_SECONDS else None
