"""Vonage: texts by its SMS interface, calls by its Voice interface.

The SMS interface answers 200 whatever happened; the truth stands in the message's `status`. A call is
given the address of our own callback, never the code (see `vonage_callback`).
"""

from __future__ import annotations

import base64
import json
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

# Statuses of the SMS interface that say something about the number, not about our account.
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

    `text_from`: a number or a sender's name; None: no texts. `application_id` and `private_key` (PEM)
    belong to a Voice application, `call_from` is a number linked to it; without them no calls.
    `paths`: our callbacks; None where the panel cannot be reached from outside: then no calls either.
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
        """The application's key. ValueError where it is none."""
        key = load_pem_private_key((self.private_key or "").encode(), password=None)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise ValueError("the key of a Vonage application is an RSA key")  # noqa: TRY004  a setting
        return key


class Vonage:
    """The carrier. `client` belongs to the caller, who closes it."""

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
        """Hand a text or a call over."""
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
        """Ask for the balance and, where calls are made, for the last of them."""
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


async def build(own: VonageSettings, site: Site) -> Vonage:
    """Make it from its settings."""
    account = VonageAccount(
        api_key=own.api_key,
        api_secret=own.api_secret.get_secret_value(),
        text_from=own.sender,
        call_from=own.call_from,
        application_id=own.application_id,
        private_key=clear(own.private_key),
        paths=signed_paths(site.settings, Vonage.name, own.api_secret),
        text_api=own.text_api_url,
        call_api=own.call_api_url,
    )
    return Vonage(account, await site.client())


async def examine(account: VonageAccount, client: httpx2.AsyncClient, *, now: int) -> Examined:
    """Ask for the balance with the account's login, and for a call with the application's."""
    asked = Request(
        f"{account.text_api}/account/get-balance",
        method="GET",
        basic=(account.api_key, account.api_secret),
    )
    login = "vonage.api_key and vonage.api_secret"
    balance = await ask(client, asked, name="vonage", login=login)
    if isinstance(balance, Examined):
        return balance
    if account.application_id and account.private_key:
        try:
            headers = {"authorization": f"Bearer {bearer(account, now=now)}"}
        except ValueError:
            return Examined(Verdict.BROKEN, "vonage.private_key is no private RSA key in PEM.")
        asked = Request(f"{account.call_api}/v1/calls?page_size=1", method="GET", headers=headers)
        login = "vonage.application_id and vonage.private_key"
        calls = await ask(client, asked, name="vonage", login=login)
        if isinstance(calls, Examined):
            return calls
    value = balance.json.get("value")
    if isinstance(value, int | float) and value <= 0:
        return Examined(Verdict.BROKEN, "The account's balance is used up: pay some in.")
    return Examined(Verdict.WORKS, "It takes our login.")


def text_form(message: TextMessage, account: VonageAccount, *, now: int) -> dict[str, str]:
    """Return the parameters of /sms/json. A stale text is dropped by the network's queue."""
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
    """Return the signed value that names our application (RFC 7519, RS256)."""
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
    """Sort an answer of the SMS interface by the status of its (only) message."""
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
    """Sort an answer of the Voice interface."""
    found = answer.json
    if 200 <= answer.status < 300:
        uuid = found.get("uuid")
        return Accepted(uuid) if isinstance(uuid, str) and uuid else Ambiguous("unreadable answer")
    words = str(found.get("detail") or found.get("title") or found.get("error_title") or "")
    wrong = found.get("invalid_parameters")
    if answer.status == 400 and "number" in json.dumps(wrong or "") and "to" in json.dumps(wrong):
        return Permanent(Failure.UNUSABLE)
    return read_fault(answer, message=words)


def _part(value: Mapping[str, object]) -> str:
    return _encode(json.dumps(value, separators=(",", ":")).encode())


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
