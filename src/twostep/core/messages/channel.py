"""By what a message travels: one word for settings, forms, the database and providers."""

from __future__ import annotations

from enum import StrEnum

from twostep.core.refusal import Reason, Refused


class Channel(StrEnum):
    """The values stand in the database, in forms and in the audit trail."""

    SMS = "sms"
    CALL = "call"
    EMAIL = "email"


CODE_CHANNELS = frozenset({Channel.SMS, Channel.CALL})


def read_channel(chosen: str) -> Channel | Refused:
    """Read how somebody wants a code. E-mail carries none."""
    if chosen not in CODE_CHANNELS:
        return Refused(Reason.CHANNEL_UNKNOWN)
    return Channel(chosen)
