"""Reminders after signing in: add another way to sign in, or look for the backup codes.

At most one per sign-in and one in fourteen days, and it can always be skipped.
"""

from __future__ import annotations

from enum import StrEnum

from twostep.core.methods.authenticator import Methods


REMIND_SECONDS = 14 * 86_400
CODES_CHECK_SECONDS = 180 * 86_400


class Reminder(StrEnum):
    """What the reminder is about."""

    SPARE = "spare"  # there is only one way to sign in
    CODES = "codes"  # the backup codes were last confirmed half a year ago


def is_due(remind_at: int | None, *, now: int) -> bool:
    """Whether a check is due. A time further ahead than it is ever set comes from a wrong clock."""
    return remind_at is not None and not 0 < remind_at - now <= REMIND_SECONDS


def choose_reminder(methods: Methods, *, now: int) -> Reminder | None:
    """Return the reminder for somebody with these methods, if any.

    Codes that were never checked have a banner on every page instead.
    """
    if methods.ways < 2:
        return Reminder.SPARE
    recovery_set = methods.recovery_set
    if recovery_set is None or recovery_set.proved_at is None or not methods.codes_left:
        return None
    return Reminder.CODES if now - recovery_set.proved_at >= CODES_CHECK_SECONDS else None
