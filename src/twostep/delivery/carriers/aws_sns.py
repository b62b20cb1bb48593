"""Amazon SNS: texts by the Publish action, signed by hand (Signature Version 4).

SNS writes delivery reports only to Amazon's own logs, so we receive none.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import quote, urlsplit

import httpx2

from twostep.config.carriers import AwsSnsSettings
from twostep.core.messages.channel import Channel
from twostep.delivery.examination import Examined, Verdict, no_answer, read_refusal
from twostep.delivery.message import Message, TextMessage
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
from twostep.delivery.site import Site, clear
from twostep.delivery.wire import DEFAULT_RETRY_SECONDS, HttpAnswer, Request, exchange, read_fault


VERSION = "2010-03-31"
FORM = "application/x-www-form-urlencoded; charset=utf-8"
_TOO_MANY = frozenset(
    {"Throttling", "ThrottlingException", "Throttled", "RequestLimitExceeded", "KMSThrottling"}
)
_THEIR_FAULT = frozenset({"InternalError", "InternalFailure", "ServiceUnavailable"})
_NOT_ALLOWED = frozenset({"AuthorizationError", "AccessDenied", "AccessDeniedException"})
_CLOCK = frozenset({"RequestExpired", "RequestTimeTooSkewed"})
FAILURES: Mapping[str, Failure] = {
    "OptedOut": Failure.OPTED_OUT,
    "OptedOutException": Failure.OPTED_OUT,
    "EndpointDisabled": Failure.REFUSED,
}


@dataclass(frozen=True, slots=True)
class SnsAccount:
    """An identity that may publish. `sender`: a sender name; `origination_number`: E.164.

    `session_token`: for temporary identities. `endpoint`: scheme, host and port.
    """

    region: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
    sender: str | None = None
    origination_number: str | None = None
    endpoint: str | None = None

    @property
    def url(self) -> str:
        """The URL for requests."""
        return f"{self.endpoint or f'https://sns.{self.region}.amazonaws.com'}/"


class AwsSns:
    """The carrier. The caller owns and closes `client`."""

    name = "aws_sns"
    channels = frozenset({Channel.SMS})

    def __init__(self, account: SnsAccount, client: httpx2.AsyncClient) -> None:
        self._account = account
        self._client = client

    async def send(self, message: Message, *, now: int) -> SendOutcome:
        """Hand over a text."""
        if not isinstance(message, TextMessage):
            return Misconfigured("SNS carries texts only")
        body = encode_form(publish_form(message, self._account)).encode()
        headers = sign(self._account, body, at=now)
        answer = await exchange(
            self._client, Request(self._account.url, headers=headers, content=body)
        )
        return read_answer(answer) if isinstance(answer, HttpAnswer) else answer

    async def examine(self, *, now: int) -> Examined:
        """Request the SMS settings."""
        return await examine(self._account, self._client, now=now)


async def build(section: AwsSnsSettings, site: Site) -> AwsSns:
    """Build it from its settings."""
    account = SnsAccount(
        region=section.region,
        access_key_id=section.access_key_id,
        secret_access_key=section.secret_access_key.get_secret_value(),
        session_token=clear(section.session_token),
        sender=section.sender,
        origination_number=section.origination_number,
        endpoint=section.api_url,
    )
    return AwsSns(account, await site.client())


async def examine(account: SnsAccount, client: httpx2.AsyncClient, *, now: int) -> Examined:
    """Request the SMS settings. An identity may be allowed to publish but not to read these."""
    body = encode_form({"Action": "GetSMSAttributes", "Version": VERSION}).encode()
    request = Request(account.url, headers=sign(account, body, at=now), content=body)
    answer = await exchange(client, request)
    place = f"aws_sns at {urlsplit(account.url).netloc}"
    if not isinstance(answer, HttpAnswer):
        return await no_answer(answer, url=account.url, place=place)
    if 200 <= answer.status < 300:
        return Examined(Verdict.WORKS, "It takes our signature.")
    code, words = _element("Code", answer.text), _element("Message", answer.text)
    if code in _NOT_ALLOWED:
        return Examined(
            Verdict.UNTESTED,
            "It takes our signature. Whether this identity may call sns:Publish cannot be tested"
            " without sending.",
        )
    if code in _CLOCK or "expired" in words or "not yet current" in words:
        return Examined(
            Verdict.BROKEN, "It says that the signature's time is wrong. Set this machine's clock."
        )
    login = "aws_sns.access_key_id, aws_sns.secret_access_key and aws_sns.region"
    return read_refusal(answer, place=place, login=login, words=f"{code}: {words}")


def publish_form(message: TextMessage, account: SnsAccount) -> dict[str, str]:
    """Return the parameters of Publish."""
    attributes = {"AWS.SNS.SMS.SMSType": "Transactional"}
    if account.sender:
        attributes["AWS.SNS.SMS.SenderID"] = account.sender
    if account.origination_number:
        attributes["AWS.MM.SMS.OriginationNumber"] = account.origination_number
    form = {
        "Action": "Publish",
        "Version": VERSION,
        "PhoneNumber": message.to,
        "Message": message.text,
    }
    for place, (name, value) in enumerate(attributes.items(), start=1):
        entry = f"MessageAttributes.entry.{place}"
        form[f"{entry}.Name"] = name
        form[f"{entry}.Value.DataType"] = "String"
        form[f"{entry}.Value.StringValue"] = value
    return form


def encode_form(form: Mapping[str, str]) -> str:
    """Encode a form by RFC 3986, with spaces as %20."""
    return "&".join(f"{quote(k, safe='-_.~')}={quote(v, safe='-_.~')}" for k, v in form.items())


def sign(account: SnsAccount, body: bytes, *, at: int) -> dict[str, str]:
    """Return the headers of a POST to `account.url` signed at `at` (Unix seconds).

    Source: AWS General Reference, "Signature Version 4 signing process".
    """
    stamp = datetime.fromtimestamp(at, UTC).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{stamp[:8]}/{account.region}/sns/aws4_request"
    headers = {"content-type": FORM, "host": urlsplit(account.url).netloc, "x-amz-date": stamp}
    if account.session_token:
        headers["x-amz-security-token"] = account.session_token
    names = ";".join(sorted(headers))
    canonical = "\n".join(
        [
            *("POST", "/", ""),
            *(f"{name}:{headers[name].strip()}" for name in sorted(headers)),
            *("", names, sha256(body).hexdigest()),
        ]
    )
    digest = sha256(canonical.encode()).hexdigest()
    key = f"AWS4{account.secret_access_key}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), sha256).digest()
    to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}"
    signature = hmac.new(key, to_sign.encode(), sha256).hexdigest()
    who = f"AWS4-HMAC-SHA256 Credential={account.access_key_id}/{scope}"
    return headers | {"authorization": f"{who}, SignedHeaders={names}, Signature={signature}"}


def read_answer(answer: HttpAnswer) -> SendOutcome:
    """Map an answer to an outcome. It is XML, of which we need single elements."""
    if 200 <= answer.status < 300:
        message_id = _element("MessageId", answer.text)
        return Accepted(message_id) if message_id else Ambiguous("unreadable answer")
    code, words = _element("Code", answer.text), _element("Message", answer.text)
    if code in _TOO_MANY:
        return Throttled(DEFAULT_RETRY_SECONDS)
    if code in FAILURES:
        return Permanent(FAILURES[code])
    if code.startswith("InvalidParameter") and _blames_receiver(words):
        return Permanent(Failure.UNUSABLE)
    if code in _THEIR_FAULT:
        return Temporary(f"HTTP {answer.status}, {code}")
    return read_fault(answer, code=redact(code, limit=60), message=words)


def _blames_receiver(words: str) -> bool:
    """Whether the invalid parameter is the number texted, not the one we text from."""
    text = words.lower()
    return re.search("phone ?number", text) is not None and "originat" not in text


def _element(name: str, text: str) -> str:
    match = re.search(rf"<{name}>([^<]*)</{name}>", text)
    return match[1].strip() if match else ""
