"""Vonage's requests to us: verifies our signed URLs, and says what a call should say."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from xml.sax.saxutils import escape

from twostep.config import Settings
from twostep.config.carriers import VonageSettings
from twostep.core.methods.out_of_band import SendState
from twostep.delivery.port import (
    CallbackReply,
    CallbackRequest,
    Failure,
    Forged,
    KeyReport,
    ProviderReport,
    StatusReport,
    read_opt_word,
)
from twostep.delivery.signed_path import SignedPaths
from twostep.delivery.site import clear, signed_paths
from twostep.delivery.spoken import Pause, Script, Spoken, Step


KEY_SECONDS = 8
OLDEST_SECONDS = 300  # a signature older than this is a replay
# Ours, and those that installations add most. Others hear an English voice.
VOICES: Mapping[str, str] = {
    "en": "en-US", "de": "de-DE", "ar": "ar",
    "da": "da-DK", "es": "es-ES", "fr": "fr-FR", "it": "it-IT", "ja": "ja-JP", "nb": "nb-NO",
    "nl": "nl-NL", "pl": "pl-PL", "pt": "pt-PT", "ro": "ro-RO", "ru": "ru-RU", "sv": "sv-SE",
    "tr": "tr-TR",
}  # fmt: skip

_STATES: Mapping[str, SendState] = {
    "accepted": SendState.ACCEPTED,
    "buffered": SendState.ACCEPTED,
    "started": SendState.ACCEPTED,
    "ringing": SendState.ACCEPTED,
    "answered": SendState.ACCEPTED,
    "delivered": SendState.DELIVERED,
    "completed": SendState.DELIVERED,
    "expired": SendState.FAILED,
    "failed": SendState.FAILED,
    "rejected": SendState.FAILED,
    "busy": SendState.FAILED,
    "timeout": SendState.FAILED,
    "unanswered": SendState.FAILED,
    "cancelled": SendState.FAILED,
}
_BY_STATE: Mapping[str, Failure] = {
    "expired": Failure.EXPIRED,
    "busy": Failure.BUSY,
    "timeout": Failure.UNREACHABLE,
    "unanswered": Failure.UNREACHABLE,
    "rejected": Failure.REFUSED,
}
# The `err-code` of delivery receipts.
_BY_CODE: Mapping[str, Failure] = {
    "2": Failure.UNREACHABLE,
    "3": Failure.UNUSABLE,
    "4": Failure.OPTED_OUT,
    "6": Failure.FILTERED,
    "7": Failure.BUSY,
    "9": Failure.UNUSABLE,
    "11": Failure.UNUSABLE,
    "12": Failure.UNREACHABLE,
    "14": Failure.FILTERED,
}


@dataclass(frozen=True, slots=True)
class VonageCallbacks:
    """Reads and answers callbacks.

    Every URL carries our own signature (`paths`). If `signature_secret` is set, requests from the
    Voice API must carry Vonage's signed header as well.
    """

    paths: SignedPaths
    signature_secret: str | None = field(default=None, repr=False)

    def read(self, request: CallbackRequest) -> ProviderReport | Forged | None:
        """Verify and read. None for reports of no interest, `Forged` for anything not genuine."""
        place = self.paths.read(request.path)
        if isinstance(place, Forged):
            return place
        report = _parameters(request)
        is_voice = place.what == "call" or "uuid" in report
        if is_voice and self.signature_secret and not self._is_signed(request):
            return Forged()
        match place.what:
            case "status":
                return _read_status(place.message_id, report)
            case "call":
                pressed = None if place.step is None else _pressed(report)
                return KeyReport(place.message_id, place.step or Step.INTRODUCE, pressed)
            case "inbound":
                return read_opt_word(str(report.get("msisdn", "")), str(report.get("text", "")))
            case _:
                return Forged()

    def inbound_path(self) -> str:
        """The path for incoming texts."""
        return self.paths.inbound_path()

    def render(self, script: Script, step: Step, *, message_id: str) -> CallbackReply:
        """Render a step as an NCCO: a talk action and, if a key is expected, an input action."""
        offered = script.offered(step)
        actions: list[dict[str, object]] = [
            {
                "action": "talk",
                "text": _ssml((*script.spoken(step), *offered)),
                "language": VOICES.get(script.language, VOICES["en"]),
                "bargeIn": bool(offered),
            }
        ]
        if offered:
            actions.append(
                {
                    "action": "input",
                    "type": ["dtmf"],
                    "dtmf": {"maxDigits": 1, "timeOut": KEY_SECONDS, "submitOnHash": False},
                    "eventUrl": [self.paths.url("call", message_id, step)],
                    "eventMethod": "POST",
                }
            )
        return CallbackReply(
            media_type="application/json", body=json.dumps(actions, ensure_ascii=False)
        )

    def _is_signed(self, request: CallbackRequest) -> bool:
        """Verify the header (RFC 7519, HS256): its signature, age and body digest."""
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        signed, _, signature = value.rpartition(".")
        mac = hmac.new((self.signature_secret or "").encode(), signed.encode(), sha256).digest()
        if scheme.lower() != "bearer" or not hmac.compare_digest(mac, _decode(signature)):
            return False
        head, _, claims = signed.partition(".")
        payload, header = _object(_decode(claims)), _object(_decode(head))
        issued_at, digest = payload.get("iat"), str(payload.get("payload_hash", ""))
        return (
            header.get("alg") == "HS256"
            and isinstance(issued_at, int)
            and abs(request.received_at - issued_at) <= OLDEST_SECONDS
            and hmac.compare_digest(digest.encode(), sha256(request.body).hexdigest().encode())
        )


def build_callbacks(section: VonageSettings, settings: Settings) -> VonageCallbacks | None:
    """Build them from the settings; None if Vonage cannot reach us."""
    paths = signed_paths(settings, "vonage", section.api_secret)
    return VonageCallbacks(paths, clear(section.signature_secret)) if paths else None


def _parameters(request: CallbackRequest) -> dict[str, Any]:
    """The parameters of a report: from the query, and from a body that is a form or JSON."""
    parameters: dict[str, Any] = dict(parse_qsl(urlsplit(request.path).query, max_num_fields=50))
    if not request.body:
        return parameters
    if request.headers.get("content-type", "").startswith("application/json"):
        return parameters | _object(request.body)
    try:
        return parameters | dict(parse_qsl(request.body.decode(), max_num_fields=50))
    except ValueError:
        return parameters


def _read_status(message_id: str, report: Mapping[str, Any]) -> StatusReport | None:
    word = str(report.get("status", ""))
    state = _STATES.get(word)
    if state is None:
        return None
    if state is not SendState.FAILED:
        return StatusReport(message_id, state)
    code = str(report.get("err-code", "")).lstrip("0")
    failure = _BY_CODE.get(code) or _BY_STATE.get(word, Failure.REFUSED)
    return StatusReport(message_id, state, failure)


def _pressed(report: Mapping[str, Any]) -> str:
    dtmf = report.get("dtmf", "")
    digits = dtmf.get("digits") if isinstance(dtmf, dict) else dtmf
    return str(digits or "")[:1]


def _ssml(spoken: Spoken) -> str:
    parts = [
        f"<break time='{part.seconds}s'/>" if isinstance(part, Pause) else escape(part.words)
        for part in spoken
    ]
    return f"<speak>{' '.join(parts)}</speak>"


def _object(raw: bytes) -> dict[str, Any]:
    try:
        value = json.loads(raw)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _decode(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return b""
