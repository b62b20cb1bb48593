"""Vonage: texts through its SMS API, calls through its Voice API.

The SMS API always answers 200; the result is in the message's `status`. A call request holds our
callback URL, never the code (see `vonage_callback`).
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from uuid import uuid4

import httpx2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from twostep.config.carriers import VonageSettings
from twostep.core.messages.channel import Channel
from twostep.delivery.examination import Examined, Verdict, ask
from twostep.delivery.message import CallMessage, MailMessage, Message, TextMessage
from twostep.delivery.port import (
    Accepted,
    Ambiguous,
    Failure,
    Misconfigured,
    Permanent,
    SendOutcome,
    Temporary,
    Throttled,
    redact,
)
from twostep.delivery.signed_path import SignedPaths
from twostep.delivery.site import Site, clear, signed_paths
from twostep.delivery.text_message import segments
from twostep.delivery.wire import DEFAULT_RETRY_SECONDS, HttpAnswer, Request, exchange, read_fault


TEXT_API = "https://rest.nexmo.com"
CALL_API = "https://api.nexmo.com"
RING_SECONDS = 30
CALL_SECONDS = 120
BEARER_SECONDS = 300
MIN_TTL_MS, MAX_TTL_MS = 20_000, 604_800_000

# Statuses of the SMS API that are about the number, not about our account.
FAILURES: Mapping[str, Failure] = {
    "6": Failure.UNUSABLE,
    "7": Failure.REFUSED,
    "22": Failure.UNREACHABLE,
    "29": Failure.REGION_BLOCKED,
    "33": Failure.UNUSABLE,
}
_TOO_MANY = frozenset({"1", "10"})
_THEIR_FAULT = frozenset({"5"})


@dataclass(frozen=True)
class VonageAccount:
    """What Vonage's dashboard shows.

    `text_from`: a number or a sender name; None: no texts. `application_id` and `private_key` (PEM)
    belong to a Voice application, `call_from` is a number linked to it; without them, no calls.
    `paths`: our callbacks; None if the panel cannot be reached from outside, which rules out calls.
    """

    api_key: str
    api_secret: str = field(repr=False)
    text_from: str | None = None
    call_from: str | None = None
    application_id: str | None = None
    private_key: str | None = field(default=None, repr=False)
    paths: SignedPaths | None = None
    text_api: str = TEXT_API
    call_api: str = CALL_API

    @cached_property
    def signing_key(self) -> rsa.RSAPrivateKey:
        """The application's key. ValueError if it is not an RSA key in PEM."""
        key = load_pem_private_key((self.private_key or "").encode(), password=None)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise ValueError("the key of a Vonage application is an RSA key")  # noqa: TRY004  a setting
        return key


class Vonage:
    """The carrier. The caller owns and closes `client`."""

    name = "vonage"

    def __init__(self, account: VonageAccount, client: httpx2.AsyncClient) -> None:
        self._account = account
        self._client = client

    @property
    def channels(self) -> frozenset[Channel]:
        """What this account can carry."""
        account = self._account
        can_call = account.call_from and account.application_id and account.private_key
        texts = {Channel.SMS} if account.text_from else set()
        calls = {Channel.CALL} if can_call and account.paths else set()
        return frozenset(texts | calls)

    async def send(self, message: Message, *, now: int) -> SendOutcome:
        """Hand over a text or a call."""
        account = self._account
        match message:
            case TextMessage() if Channel.SMS in self.channels:
                form = text_form(message, account, now=now)
                request = Request(f"{account.text_api}/sms/json", form=form)
                answer = await exchange(self._client, request)
                return read_text_answer(answer) if isinstance(answer, HttpAnswer) else answer
            case CallMessage() if Channel.CALL in self.channels:
                return await self._call(message, now=now)
            case TextMessage() | CallMessage() | MailMessage():
                return Misconfigured("this account has no sender for such messages")

    async def examine(self, *, now: int) -> Examined:
        """Request the balance and, if calls are set up, the latest call."""
        return await examine(self._account, self._client, now=now)

    async def _call(self, message: CallMessage, *, now: int) -> SendOutcome:
        account = self._account
        try:
            signed = bearer(account, now=now)
        except ValueError:
            return Misconfigured("vonage.private_key is no private RSA key in PEM")
        request = Request(
            f"{account.call_api}/v1/calls",
            headers={
                "authorization": f"Bearer {signed}",
                "content-type": "application/json",
            },
            content=json.dumps(call_body(message, account)).encode(),
        )
        answer = await exchange(self._client, request)
        return read_call_answer(answer) if isinstance(answer, HttpAnswer) else answer


async def build(section: VonageSettings, site: Site) -> Vonage:
    """Build it from its settings."""
    account = VonageAccount(
        api_key=section.api_key,
        api_secret=section.api_secret.get_secret_value(),
        text_from=section.sender,
        call_from=section.call_from,
        application_id=section.application_id,
        private_key=clear(section.private_key),
        paths=signed_paths(site.settings, Vonage.name, section.api_secret),
        text_api=section.text_api_url,
        call_api=section.call_api_url,
    )
    return Vonage(account, await site.client())


async def examine(account: VonageAccount, client: httpx2.AsyncClient, *, now: int) -> Examined:
    """Request the balance with the account's login, and a call with the application's."""
    request = Request(
        f"{account.text_api}/account/get-balance",
        method="GET",
        basic=(account.api_key, account.api_secret),
    )
    login = "vonage.api_key and vonage.api_secret"
    balance = await ask(client, request, name="vonage", login=login)
    if isinstance(balance, Examined):
        return balance
    if account.application_id and account.private_key:
        try:
            headers = {"authorization": f"Bearer {bearer(account, now=now)}"}
        except ValueError:
            return Examined(Verdict.BROKEN, "vonage.private_key is no private RSA key in PEM.")
        request = Request(f"{account.call_api}/v1/calls?page_size=1", method="GET", headers=headers)
        login = "vonage.application_id and vonage.private_key"
        calls = await ask(client, request, name="vonage", login=login)
        if isinstance(calls, Examined):
            return calls
    value = balance.json.get("value")
    if isinstance(value, int | float) and value <= 0:
        return Examined(Verdict.BROKEN, "The account's balance is used up: pay some in.")
    return Examined(Verdict.WORKS, "It takes our login.")


def text_form(message: TextMessage, account: VonageAccount, *, now: int) -> dict[str, str]:
    """Return the parameters of /sms/json. An expired text is dropped from the queue."""
    ttl = (message.expires_at - now) * 1000
    form = {
        "api_key": account.api_key,
        "api_secret": account.api_secret,
        "from": account.text_from or "",
        "to": message.to.removeprefix("+"),
        "text": message.text,
        "ttl": str(min(max(ttl, MIN_TTL_MS), MAX_TTL_MS)),
        "client-ref": message.id,
    }
    if segments(message.text).encoding != "GSM-7":
        form["type"] = "unicode"
    if account.paths:
        form["callback"] = account.paths.url("status", message.id)
    return form


def call_body(message: CallMessage, account: VonageAccount) -> dict[str, object]:
    """Return the body of /v1/calls."""
    paths = account.paths
    return {
        "to": [{"type": "phone", "number": message.to.removeprefix("+")}],
        "from": {"type": "phone", "number": (account.call_from or "").removeprefix("+")},
        "answer_url": [paths.url("call", message.id)] if paths else [],
        "answer_method": "POST",
        "event_url": [paths.url("status", message.id)] if paths else [],
        "event_method": "POST",
        "ringing_timer": RING_SECONDS,
        "length_timer": CALL_SECONDS,
    }


def bearer(account: VonageAccount, *, now: int) -> str:
    """Return the signed token that identifies our application (RFC 7519, RS256)."""
    claims = {
        "application_id": account.application_id,
        "iat": now,
        "exp": now + BEARER_SECONDS,
        "jti": str(uuid4()),
    }
    signed = f"{_part({'alg': 'RS256', 'typ': 'JWT'})}.{_part(claims)}"
    signature = account.signing_key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{signed}.{_encode(signature)}"


def read_text_answer(answer: HttpAnswer) -> SendOutcome:
    """Map an answer of the SMS API to an outcome, by the status of its only message."""
    messages = answer.json.get("messages")
    first = messages[0] if isinstance(messages, list) and messages else None
    if not 200 <= answer.status < 300:
        return read_fault(answer)
    if not isinstance(first, dict):
        return Ambiguous("unreadable answer")
    status = str(first.get("status", ""))
    if status == "0":
        return Accepted(str(first.get("message-id", "")))
    if status in _TOO_MANY:
        return Throttled(DEFAULT_RETRY_SECONDS)
    if status in FAILURES:
        return Permanent(FAILURES[status])
    if status in _THEIR_FAULT:
        return Temporary(f"status {status}")
    if not status:
        return Ambiguous("an answer without a status")
    return Misconfigured(f"status {status}: {redact(str(first.get('error-text', '')))}")


def read_call_answer(answer: HttpAnswer) -> SendOutcome:
    """Map an answer of the Voice API to an outcome."""
    body = answer.json
    if 200 <= answer.status < 300:
        uuid = body.get("uuid")
        return Accepted(uuid) if isinstance(uuid, str) and uuid else Ambiguous("unreadable answer")
    words = str(body.get("detail") or body.get("title") or body.get("error_title") or "")
    if answer.status == 400 and _blames_receiver(body.get("invalid_parameters")):
        return Permanent(Failure.UNUSABLE)
    return read_fault(answer, message=words)


def _blames_receiver(invalid: object) -> bool:
    """Whether the only invalid parameter is the number called, not the one that calls."""
    if isinstance(invalid, Mapping):
        names = [str(name) for name in invalid]
    elif isinstance(invalid, list):
        names = [str(part.get("name", "")) for part in invalid if isinstance(part, Mapping)]
    else:
        return False
    return bool(names) and all(re.match(r"\W*to\b", name) for name in names)


def _part(value: Mapping[str, object]) -> str:
    return _encode(json.dumps(value, separators=(",", ":")).encode())


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
