"""Every refusal and every event has its words."""

from __future__ import annotations

import re

import pytest

from twostep.core.audit.event import KINDS
from twostep.core.messages.channel import Channel
from twostep.core.refusal import Reason, Refused
from twostep.web.words.events import activity_sentence
from twostep.web.words.message_states import delivery_sentence
from twostep.web.words.refusals import FIELDS, Reader, field_error, sentence


NOW = 1_795_508_100
READER = Reader("en", "Europe/Paris", NOW, entry="Harbour (alice)")
DETAIL: dict[str, str | int] = {
    "length": 5, "expected": 6, "tries_left": 2, "next_in_seconds": 20, "minutes": -4, "region": "DE",
    "example": "01512 3456789", "minimum": 15, "maximum": 5,
}  # fmt: skip
# The operators' own, and those of no account: no owner ever sees them.
SILENT = {
    "audit.accepted", "audit.exported", "budget.half_used", "budget.used_up", "country.paused", "database.moved",
    "keys.removed", "keys.rotated", "number.opted_in", "number.opted_out", "prefix.blocked",
    "provider.failing", "provider.restored", "provider.tripped",
}  # fmt: skip
BANNED = re.compile(
    r"\b(token|factor|enrol\w*|t?otp|credential|invalid|oops|please)s?\b", re.IGNORECASE
)


@pytest.mark.parametrize("reason", list(Reason))
@pytest.mark.parametrize("full", [True, False])
def test_every_reason_has_a_sentence(reason: Reason, full: bool) -> None:  # noqa: FBT001 - a parameter of the test
    refused = Refused(reason, NOW + 480 if full else None, DETAIL if full else {})
    said = sentence(refused, READER)
    assert said.endswith((".", ")."))
    assert "%" not in said
    assert not BANNED.search(said)


def test_every_event_of_an_account_has_its_own_sentence() -> None:
    neutral = activity_sentence("nobody.knows", {}, language="en")
    lacking = {name for name in KINDS if activity_sentence(name, {}, language="en") == neutral}
    assert lacking <= SILENT


def test_an_event_says_no_more_than_what_happened() -> None:
    def said(name: str, reason: str) -> str:
        return activity_sentence(name, {"reason": reason}, language="en")

    assert "tried to guess codes" in said("password.retired", "guessing")
    assert "guessed" not in said("password.retired", "not_me") + said(
        "password.retired", "reset_mfa"
    )
    for reason in ("origin", "not_found"):
        assert said("request.refused", reason).endswith("refused. Nothing was changed.")


def test_names_in_events_are_shown_and_not_interpreted() -> None:
    said = activity_sentence("app.added", {"name": "100 %s"}, language="en")
    assert said == "The authenticator app “100 %s” was added."


@pytest.mark.parametrize(
    ("refused", "said"),
    [
        (Refused(Reason.CODE_SHORT, detail={"length": 5}), "Your code has 6 digits. You entered 5."),
        (Refused(Reason.CODE_USED, detail={"next_in_seconds": 1}), "That code was already used. Wait for the next one (about 1 second)."),
        (Refused(Reason.CLOCK_OFF, detail={"minutes": -4}), "Right app, wrong time: your phone's clock is about 4 minutes slow. Turn on automatic date and time on the phone, then enter the next code."),
        (Refused(Reason.CODE_WRONG, detail={"tries_left": 2}), "That code is not right. Codes change every 30 seconds – wait for the next one and try again. 2 tries left before a short pause."),
        (Refused(Reason.CODE_WRONG, NOW + 30), "That code is not right. Codes change every 30 seconds – wait for the next one and try again. For your safety we are not accepting codes for this account until 09:15 (30 seconds)."),
        (Refused(Reason.NUMBER_TOO_SHORT, detail={"region": "FR"}), "That number is too short."),
        (Refused(Reason.PHONE_LIMIT, detail={"maximum": 5}), "You can have 5 backup phones. Remove one first."),
    ],
)  # fmt: skip
def test_values_stand_in_the_sentence(refused: Refused, said: str) -> None:
    assert sentence(refused, READER) == said


def test_the_error_stands_at_its_field() -> None:
    assert field_error(Refused(Reason.CODE_WRONG), READER).field == "code"
    assert field_error(Refused(Reason.BACKUP_CODE_WRONG), READER, field="proof").field == "proof"
    assert field_error(Refused(Reason.CHANGED), READER).field is None
    assert FIELDS[Reason.NUMBER_REGION_CLOSED] == "country"


def test_times_without_a_known_zone_say_utc() -> None:
    said = delivery_sentence(
        "accepted", channel=Channel.SMS, at=NOW, language="en", time_zone="UTC"
    )
    assert said == "Accepted by the network 08:15 UTC."
