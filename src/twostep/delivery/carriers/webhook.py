"""The webhook: our own stable format, by which any other system can carry texts and calls.

    POST <url>
    webhook-id: <the message id, also the idempotency key>
    webhook-timestamp: <Unix seconds>
    webhook-signature: v1,<base64 of HMAC-SHA256 over "id.timestamp.body">
    {"id", "channel": "sms"|"call", "to", "language", "expires_at",
     "text", "code" (sms)  |  "steps_url" (call),  "status_url"}

A call's request holds no code: the telephone system asks `steps_url` what to say, step by step, in
requests signed with the same secret (see `webhook_callback`). The signature follows Standard
Webhooks 1.0, so its libraries can verify it. A `Shape` adapts to receivers with a format of their
own; those requests carry our signature too.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from urllib.parse import quote, urlencode

import httpx2

from twostep.config.webhook import WebhookSettings
from twostep.core.messages.channel import Channel
from twostep.delivery.carriers.webhook_shape import Shape, fill, point, shape_of
from twostep.delivery.examination import Examined, Verdict, reach
from twostep.delivery.message import CallMessage, MailMessage, Message, TextMessage
from twostep.delivery.port import (
    Accepted,
    Ambiguous,
    Failure,
    Misconfigured,
    Permanent,
    SendOutcome,
    Temporary,
    redact,
)
from twostep.delivery.site import Site, callback_base, clear
from twostep.delivery.wire import HttpAnswer, Request, exchange, read_fault


SECRET_PREFIX = "whsec_"
OURS = Shape()


@dataclass(frozen=True, slots=True)
class WebhookReceiver:
    """Who receives our messages. `secret`: `whsec_` and base64, shared by both sides.

    `bearer`: a token for an Authorization header, if a gateway in between needs one.
    `shape`: the format of requests and answers, if it is not ours.
    `callback_base`: `https://panel.example.org/telephony/webhook`; None if the panel cannot be
    reached, which rules out calls and reports.
    """

    url: str
    secret: str = field(repr=False)
    carries: frozenset[Channel] = frozenset({Channel.SMS})
    bearer: str | None = field(default=None, repr=False)
    callback_base: str | None = None
    shape: Shape = field(default_factory=Shape)


class Webhook:
    """The carrier. The caller owns and closes `client`."""

    name = "webhook"

    def __init__(self, receiver: WebhookReceiver, client: httpx2.AsyncClient) -> None:
        self._receiver = receiver
        self._client = client

    @property
    def channels(self) -> frozenset[Channel]:
        """What the receiver carries; for calls it must be able to ask us what to say."""
        receiver = self._receiver
        unable = frozenset() if receiver.callback_base else frozenset({Channel.CALL})
        return receiver.carries - unable

    async def send(self, message: Message, *, now: int) -> SendOutcome:
        """Hand over a text or a call."""
        match message:
            case TextMessage() if Channel.SMS in self.channels:
                body = text_body(message, self._receiver)
            case CallMessage() if Channel.CALL in self.channels:
                body = call_body(message, self._receiver)
            case TextMessage() | CallMessage() | MailMessage():
                return Misconfigured("the webhook does not carry such messages")
        request = write_request(body, self._receiver, message_id=message.id, now=now)
        answer = await exchange(self._client, request)
        if not isinstance(answer, HttpAnswer):
            return answer
        return read_answer(answer, message.id, shape=self._receiver.shape)

    async def examine(self, *, now: int) -> Examined:  # noqa: ARG002  the protocol's
        """Connect and hang up."""
        return await examine(self._receiver)


async def build(section: WebhookSettings, site: Site) -> Webhook:
    """Build it from its settings."""
    receiver = WebhookReceiver(
        url=section.url,
        secret=section.secret.get_secret_value(),
        carries=frozenset(Channel(name) for name in section.carries),
        bearer=clear(section.bearer),
        callback_base=callback_base(site.settings, Webhook.name, reached_from=section.url),
        shape=shape_of(section),
    )
    return Webhook(receiver, await site.client())


async def examine(receiver: WebhookReceiver) -> Examined:
    """Connect only: anything posted there would be taken for a message."""
    fault = await reach(receiver.url)
    if fault:
        return Examined(Verdict.BROKEN, f"{fault}.")
    return Examined(
        Verdict.UNTESTED,
        "It answers. Whether it takes our signature cannot be tested without sending.",
    )


def write_request(
    body: Mapping[str, object], receiver: WebhookReceiver, *, message_id: str, now: int
) -> Request:
    """Write a signed request in the receiver's format."""
    shape = receiver.shape
    values = {**body, "to_digits": str(body["to"]).removeprefix("+")}
    if shape.form is not None:
        pairs = {name: str(fill(text, values)) for name, text in shape.form.items()}
        content, kind = urlencode(pairs).encode(), "application/x-www-form-urlencoded"
    else:
        written = body if shape.body is None else fill(shape.body, values)
        content, kind = json.dumps(written, ensure_ascii=False).encode(), "application/json"
    headers = {name.lower(): text for name, text in shape.headers.items()}
    headers |= sign(content, message_id=message_id, secret=receiver.secret, at=now)
    headers["content-type"] = kind
    if receiver.bearer:
        headers["authorization"] = f"Bearer {receiver.bearer}"
    return Request(
        receiver.url, method=shape.method, headers=headers, content=content, basic=shape.basic
    )


def text_body(message: TextMessage, receiver: WebhookReceiver) -> dict[str, object]:
    """Return the body of a text's request; `code` is null in a message without one (a test)."""
    return {
        "id": message.id,
        "channel": str(Channel.SMS),
        "to": message.to,
        "text": message.text,
        "code": message.code or None,
        "language": message.language,
        "expires_at": message.expires_at,
        "status_url": _callback(receiver, "status", message.id),
    }


def call_body(message: CallMessage, receiver: WebhookReceiver) -> dict[str, object]:
    """Return the body of a call's request."""
    return {
        "id": message.id,
        "channel": str(Channel.CALL),
        "to": message.to,
        "language": message.language,
        "expires_at": message.expires_at,
        "steps_url": _callback(receiver, "call", message.id),
        "status_url": _callback(receiver, "status", message.id),
    }


def sign(body: bytes, *, message_id: str, secret: str, at: int) -> dict[str, str]:
    """Return the three headers that sign a body at `at` (Unix seconds)."""
    mac = hmac.new(secret_bytes(secret), f"{message_id}.{at}.".encode() + body, sha256)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{base64.b64encode(mac.digest()).decode()}",
    }


def secret_bytes(secret: str) -> bytes:
    """Return the key from a secret as written in the settings. ValueError if it is not base64."""
    return base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)


def read_answer(answer: HttpAnswer, message_id: str, *, shape: Shape = OURS) -> SendOutcome:
    """Map an answer to an outcome. 409 means the receiver already has this id: a success."""
    if answer.status in shape.retry:
        return Temporary(f"HTTP {answer.status}")
    first, last = shape.success
    if first <= answer.status <= last:
        if shape.success_pointer:
            result = point(answer.json, shape.success_pointer)
            if result is None:
                return Ambiguous("an answer that does not say whether it was taken")
            if str(result) != shape.success_value:
                return Misconfigured(
                    f"{shape.success_pointer} says {redact(str(result), limit=60)}"
                )
        return Accepted(str(point(answer.json, shape.id_pointer) or message_id)[:200])
    if answer.status == 409:
        return Accepted(message_id)
    if answer.status == 422:
        word = str(answer.json.get("reason", ""))
        return Permanent(Failure(word) if word in set(Failure) else Failure.REFUSED)
    return read_fault(answer, message=str(answer.json.get("detail", "")))


def _callback(receiver: WebhookReceiver, what: str, message_id: str) -> str | None:
    base = receiver.callback_base
    return f"{base}/{what}/{quote(message_id, safe='')}" if base else None
