"""A webhook receiver's requests to us, signed with the secret that both sides hold.

    POST …/status/{id}   {"state": "accepted"|"delivered"|"failed", "reason": "busy"}
    POST …/call/{id}     {}                                  what to say first
                         {"step": "introduce", "pressed": "4"}   the key pressed after it, "" for none
    POST …/inbound       {"from": "+…", "text": "STOP"}

A call's answer: {"step", "say": [{"words": "…"} | {"pause": 0.7}, …], "wait_for_key": true,
"seconds": 8, "language"}. Where no key is waited for, the call is to be hung up after the words.
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
    """Reads and answers. `base_path`: where this provider's callbacks begin."""

    base_path: str
    secret: str = field(repr=False)

    def read(self, request: CallbackRequest) -> ProviderReport | Forged | None:
        """Verify and read."""
        if not self._is_signed(request):
            return Forged()
        news = _object(request.body)
        path = urlsplit(request.path).path.removeprefix(self.base_path + "/")
        what, _, message_id = path.partition("/")
        message_id = unquote(message_id)
        if what == "inbound":
            return read_opt_word(str(news.get("from", "")), str(news.get("text", "")))
        if not message_id:
            return Forged()
        if what == "status":
            return _read_status(message_id, news)
        return _read_key(message_id, news) if what == "call" else Forged()

    def inbound_path(self) -> str:
        """Where texts that come in belong."""
        return f"{self.base_path}/inbound"

    def render(self, script: Script, step: Step, *, message_id: str) -> CallbackReply:  # noqa: ARG002  the port's
        """Say a step as data."""
        offered = script.offered(step)
        said = [
            {"pause": part.seconds} if isinstance(part, Pause) else {"words": part.words}
            for part in (*script.spoken(step), *offered)
        ]
        body: dict[str, object] = {
            "step": step,
            "say": said,
            "language": script.language,
            "wait_for_key": bool(offered),
        }
        if offered:
            body["seconds"] = KEY_SECONDS
        return CallbackReply("application/json", json.dumps(body, ensure_ascii=False))

    def _is_signed(self, request: CallbackRequest) -> bool:
        """Verify one of the signatures (several while a secret is changed) and its age."""
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
        return any(hmac.compare_digest(expected, one.encode()) for one in given)


def build_callbacks(own: WebhookSettings, settings: Settings) -> WebhookCallbacks | None:
    """Make them from the settings; None where the receiver cannot reach us."""
    if callback_base(settings, Webhook.name, reached_from=own.url) is None:
        return None
    return WebhookCallbacks(base_path(Webhook.name), own.secret.get_secret_value())


def _read_status(message_id: str, news: Mapping[str, Any]) -> StatusReport | None:
    state, reason = str(news.get("state", "")), str(news.get("reason", ""))
    if state not in {SendState.ACCEPTED, SendState.DELIVERED, SendState.FAILED}:
        return None
    if state != SendState.FAILED:
        return StatusReport(message_id, SendState(state))
    failure = Failure(reason) if reason in set(Failure) else Failure.REFUSED
    return StatusReport(message_id, SendState.FAILED, failure)


def _read_key(message_id: str, news: Mapping[str, Any]) -> KeyReport | Forged:
    if "step" not in news:
        return KeyReport(message_id, Step.INTRODUCE, None)
    if news["step"] not in set(Step):
        return Forged()
    return KeyReport(message_id, Step(news["step"]), str(news.get("pressed") or "")[:1])


def _object(raw: bytes) -> dict[str, Any]:
    try:
        found = json.loads(raw)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
