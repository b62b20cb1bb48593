"""A webhook receiver's requests to us, signed with the shared secret.

    POST …/status/{id}   {"state": "accepted"|"delivered"|"failed", "reason": "busy"}
    POST …/call/{id}     {}                                  what to say first
                         {"step": "introduce", "pressed": "4"}   the key pressed after it, "" for none
    POST …/inbound       {"from": "+…", "text": "STOP"}

A call's answer: {"step", "say": [{"words": "…"} | {"pause": 0.7}, …], "wait_for_key": true,
"seconds": 8, "language"}. If no key is expected, the receiver hangs up after the words.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import unquote, urlsplit

from twostep.config import Settings
from twostep.config.webhook import WebhookSettings
from twostep.core.methods.out_of_band import SendState
from twostep.delivery.carriers.webhook import Webhook, secret_bytes
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
from twostep.delivery.site import base_path, callback_base
from twostep.delivery.spoken import Pause, Script, Step


KEY_SECONDS = 8
OLDEST_SECONDS = 300


@dataclass(frozen=True, slots=True)
class WebhookCallbacks:
    """Reads and answers callbacks. `base_path`: the start of all callback paths."""

    base_path: str
    secret: str = field(repr=False)

    def read(self, request: CallbackRequest) -> ProviderReport | Forged | None:
        """Verify and read."""
        if not self._is_signed(request):
            return Forged()
        report = _object(request.body)
        path = urlsplit(request.path).path.removeprefix(self.base_path + "/")
        what, _, message_id = path.partition("/")
        message_id = unquote(message_id)
        if what == "inbound":
            return read_opt_word(str(report.get("from", "")), str(report.get("text", "")))
        if not message_id:
            return Forged()
        if what == "status":
            return _read_status(message_id, report)
        return _read_key(message_id, report) if what == "call" else Forged()

    def inbound_path(self) -> str:
        """The path for incoming texts."""
        return f"{self.base_path}/inbound"

    def render(self, script: Script, step: Step, *, message_id: str) -> CallbackReply:  # noqa: ARG002  the port's
        """Render a step as data."""
        offered = script.offered(step)
        parts = [
            {"pause": part.seconds} if isinstance(part, Pause) else {"words": part.words}
            for part in (*script.spoken(step), *offered)
        ]
        body: dict[str, object] = {
            "step": step,
            "say": parts,
            "language": script.language,
            "wait_for_key": bool(offered),
        }
        if offered:
            body["seconds"] = KEY_SECONDS
        return CallbackReply("application/json", json.dumps(body, ensure_ascii=False))

    def _is_signed(self, request: CallbackRequest) -> bool:
        """Verify one of the signatures (several while a secret is rotated) and its age."""
        headers = request.headers
        stamp, message_id = headers.get("webhook-timestamp", ""), headers.get("webhook-id", "")
        if not (stamp.isascii() and stamp.isdecimal() and len(stamp) < 12 and message_id):
            return False
        if abs(request.received_at - int(stamp)) > OLDEST_SECONDS:
            return False
        signed = f"{message_id}.{stamp}.".encode() + request.body
        mac = hmac.new(secret_bytes(self.secret), signed, sha256).digest()
        expected = f"v1,{base64.b64encode(mac).decode()}".encode()
        given = headers.get("webhook-signature", "").split()
        return any(hmac.compare_digest(expected, signature.encode()) for signature in given)


def build_callbacks(section: WebhookSettings, settings: Settings) -> WebhookCallbacks | None:
    """Build them from the settings; None if the receiver cannot reach us."""
    if callback_base(settings, Webhook.name, reached_from=section.url) is None:
        return None
    return WebhookCallbacks(base_path(Webhook.name), section.secret.get_secret_value())


def _read_status(message_id: str, report: Mapping[str, Any]) -> StatusReport | None:
    state, reason = str(report.get("state", "")), str(report.get("reason", ""))
    if state not in {SendState.ACCEPTED, SendState.DELIVERED, SendState.FAILED}:
        return None
    if state != SendState.FAILED:
        return StatusReport(message_id, SendState(state))
    failure = Failure(reason) if reason in set(Failure) else Failure.REFUSED
    return StatusReport(message_id, SendState.FAILED, failure)


def _read_key(message_id: str, report: Mapping[str, Any]) -> KeyReport | Forged:
    if "step" not in report:
        return KeyReport(message_id, Step.INTRODUCE, None)
    if report["step"] not in set(Step):
        return Forged()
    return KeyReport(message_id, Step(report["step"]), str(report.get("pressed") or "")[:1])


def _object(raw: bytes) -> dict[str, Any]:
    try:
        value = json.loads(raw)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
