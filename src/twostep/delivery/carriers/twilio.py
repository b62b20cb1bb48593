"""Twilio: texts and calls through its HTTP API of 2010-04-01.

A call request holds our callback URL, never the code: during the call Twilio asks us, in a signed
request, what to say (see `twilio_callback`). Calls are not offered without a public callback URL.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

import httpx2

from twostep.config.carriers import TwilioSettings
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
    Throttled,
    redact,
)
from twostep.delivery.site import Site, callback_base, clear
from twostep.delivery.wire import HttpAnswer, Request, exchange, read_fault, retry_after


_SERVICE = re.compile(r"MG[0-9a-fA-F]{32}")  # a sender's name may begin with MG, too
API = "https://api.twilio.com"
RING_SECONDS = 30  # voicemail usually picks up after 20 to 30
CALL_SECONDS = 120
MAX_VALIDITY_SECONDS = 36_000

# From Twilio's error dictionary; answers and status callbacks use the same numbers.
FAILURES: Mapping[int, Failure] = {
    13224: Failure.UNUSABLE,
    13227: Failure.REGION_BLOCKED,
    21211: Failure.UNUSABLE,
    21214: Failure.UNUSABLE,
    21215: Failure.REGION_BLOCKED,
    21217: Failure.UNUSABLE,
    21408: Failure.REGION_BLOCKED,
    21610: Failure.OPTED_OUT,
    21612: Failure.UNREACHABLE,
    21614: Failure.LANDLINE,
    30003: Failure.UNREACHABLE,
    30004: Failure.OPTED_OUT,
    30005: Failure.UNUSABLE,
    30006: Failure.LANDLINE,
    30007: Failure.FILTERED,
    30008: Failure.REFUSED,
    30036: Failure.EXPIRED,
    60410: Failure.REGION_BLOCKED,
}
_TOO_MANY = frozenset({14107, 20429, 21611, 30001, 30022})


@dataclass(frozen=True, slots=True)
class TwilioAccount:
    """What Twilio's console shows.

    `user` and `secret`: the account SID with its auth token, or an API key with its secret.
    `text_from`: a number, a sender name or a messaging service (`MG…`); None: no texts.
    `call_from`: a number; None: no calls. `callback_base`: `https://panel.example.org/telephony/
    twilio`; None if the panel cannot be reached from outside, which also rules out calls.
    """

    account_sid: str
    user: str
    secret: str = field(repr=False)
    text_from: str | None = None
    call_from: str | None = None
    callback_base: str | None = None
    api: str = API


class Twilio:
    """The carrier. The caller owns and closes `client`."""

    name = "twilio"

    def __init__(self, account: TwilioAccount, client: httpx2.AsyncClient) -> None:
        self._account = account
        self._client = client

    @property
    def channels(self) -> frozenset[Channel]:
        """What this account can carry."""
        account = self._account
        texts = {Channel.SMS} if account.text_from else set()
        calls = {Channel.CALL} if account.call_from and account.callback_base else set()
        return frozenset(texts | calls)

    async def send(self, message: Message, *, now: int) -> SendOutcome:
        """Hand over a text or a call."""
        match message:
            case TextMessage() if Channel.SMS in self.channels:
                return await self._post("Messages", text_form(message, self._account, now=now))
            case CallMessage() if Channel.CALL in self.channels:
                return await self._post("Calls", call_form(message, self._account))
            case TextMessage() | CallMessage() | MailMessage():
                return Misconfigured("this account has no sender for such messages")

    async def examine(self, *, now: int) -> Examined:  # noqa: ARG002  the protocol's
        """Request the account."""
        return await examine(self._account, self._client)

    async def _post(self, resource: str, form: dict[str, str]) -> SendOutcome:
        account = self._account
        url = f"{account.api}/2010-04-01/Accounts/{account.account_sid}/{resource}.json"
        basic = (account.user, account.secret)
        answer = await exchange(self._client, Request(url, form=form, basic=basic))
        return read_answer(answer) if isinstance(answer, HttpAnswer) else answer


async def build(section: TwilioSettings, site: Site) -> Twilio:
    """Build it from its settings. Callbacks can only be verified with the auth token."""
    account = TwilioAccount(
        account_sid=section.account_sid,
        user=section.api_key or section.account_sid,
        secret=clear(section.api_key_secret or section.auth_token) or "",
        text_from=section.text_sender,
        call_from=section.call_sender,
        callback_base=callback_base(site.settings, Twilio.name) if section.auth_token else None,
        api=section.api_url,
    )
    return Twilio(account, await site.client())


async def examine(account: TwilioAccount, client: httpx2.AsyncClient) -> Examined:
    """Request the account. An API key may not read it, so with a key request a phone number."""
    is_key = account.user != account.account_sid
    what = "/IncomingPhoneNumbers.json?PageSize=1" if is_key else ".json"
    request = Request(
        f"{account.api}/2010-04-01/Accounts/{account.account_sid}{what}",
        method="GET",
        basic=(account.user, account.secret),
    )
    login = "twilio.account_sid and " + (
        "twilio.api_key with its secret" if is_key else "twilio.auth_token"
    )
    answer = await ask(client, request, name="twilio", login=login)
    if isinstance(answer, Examined):
        return answer
    status = answer.json.get("status")
    if not is_key and status != "active":
        return Examined(
            Verdict.BROKEN, f"Twilio calls the account {redact(str(status))}. See its console."
        )
    if answer.json.get("type") == "Trial":
        return Examined(
            Verdict.DOUBTFUL,
            "It is a trial account: messages reach only numbers that are confirmed in its console.",
        )
    return Examined(Verdict.WORKS, "It takes our login.")


def text_form(message: TextMessage, account: TwilioAccount, *, now: int) -> dict[str, str]:
    """Return the parameters of Messages.json. An expired text is dropped from the queue."""
    left_seconds = message.expires_at - now
    sender = account.text_from or ""
    form = {
        "To": message.to,
        "Body": message.text,
        "MessagingServiceSid" if _SERVICE.fullmatch(sender) else "From": sender,
        "ValidityPeriod": str(min(max(left_seconds, 1), MAX_VALIDITY_SECONDS)),
    }
    if account.callback_base:
        form["StatusCallback"] = status_url(account.callback_base, message.id)
    return form


def call_form(message: CallMessage, account: TwilioAccount) -> dict[str, str]:
    """Return the parameters of Calls.json."""
    base = account.callback_base or ""
    return {
        "To": message.to,
        "From": account.call_from or "",
        "Url": call_url(base, message.id),
        "Method": "POST",
        "StatusCallback": status_url(base, message.id),
        "StatusCallbackMethod": "POST",
        "Timeout": str(RING_SECONDS),
        "TimeLimit": str(CALL_SECONDS),
    }


def status_url(base: str, message_id: str) -> str:
    """Return the URL for status reports on a message."""
    return f"{base}/status/{quote(message_id, safe='')}"


def call_url(base: str, message_id: str) -> str:
    """Return the URL where Twilio asks what to say."""
    return f"{base}/call/{quote(message_id, safe='')}"


def read_answer(answer: HttpAnswer) -> SendOutcome:
    """Map an answer to an outcome. If it may have been sent it is ambiguous, not temporary."""
    body = answer.json
    code = body.get("code")
    code = code if isinstance(code, int) else 0
    if answer.status == 429 or code in _TOO_MANY:
        return Throttled(retry_after(answer.headers))
    if 200 <= answer.status < 300:
        sid = body.get("sid")
        return Accepted(sid) if isinstance(sid, str) and sid else Ambiguous("unreadable answer")
    if code in FAILURES:
        return Permanent(FAILURES[code])
    return read_fault(answer, code=str(code), message=str(body.get("message", "")))
