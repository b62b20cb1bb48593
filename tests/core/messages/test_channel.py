"""Channels: what a form may choose for a code, and the words that stand in the database."""

from __future__ import annotations

import pytest

from twostep.core.messages.channel import Channel, read_channel
from twostep.core.refusal import Reason, Refused


def test_a_code_travels_by_text_or_call():
    assert read_channel("sms") is Channel.SMS
    assert read_channel("call") is Channel.CALL


@pytest.mark.parametrize("chosen", ["", "email", "SMS", "sms ", "fax"])
def test_anything_else_is_unknown(chosen):
    assert read_channel(chosen) == Refused(Reason.CHANNEL_UNKNOWN)


def test_the_words_of_the_database_and_the_trail_stay():
    assert [str(channel) for channel in Channel] == ["sms", "call", "email"]
