"""The channel of a message, with the same names in settings, forms, database and providers."""

from __future__ import annotations

from enum import StrEnum

from twostep.core.refusal import Reason, Refused


class Channel(StrEnum):
    """How a message travels. The values appear in the database, forms and the audit trail."""

    SMS = "sms"
    CALL = "call"
    EMAIL = "email"


CODE_CHANNELS = frozenset({Channel.SMS, Channel.CALL})


def read_channel(chosen: str) -> Channel | Refused:
    """Read the channel somebody chose for a code. Codes are never sent by e-mail."""
    if chosen not in CODE_CHANNELS:
        return Refused(Reason.CHANNEL_UNKNOWN)
    return Channel(chosen)
