"""Kannel, the SMS gateway: texts through its smsbox, reports through its delivery-report URL,
replies through an `sms-service` whose `post-url` is ours.

Everything goes in the headers and body of a POST, never in the URL: gateways and proxies log URLs,
which would then hold the password, the number and the code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import httpx2

from twostep.config import Settings
from twostep.config.carriers import KannelSettings
from twostep.core.messages.channel import Channel
from twostep.core.methods.out_of_band import SendState
from twostep.delivery.examination import Examined, Verdict, no_answer, read_refusal
from twostep.delivery.message import Message, TextMessage
from twostep.delivery.port import (
    Accepted,
    Ambiguous,
    CallbackReply,
    CallbackRequest,
    Failure,
    Forged,
    Misconfigured,
    Permanent,
    ProviderReport,
    SendOutcome,
    StatusReport,
    Temporary,
    read_opt_word,
    redact,
)
from twostep.delivery.signed_path import SignedPaths
from twostep.delivery.site import Site, signed_paths
from twostep.delivery.spoken import Script, Step
from twostep.delivery.text_message import segments
from twostep.delivery.wire import HttpAnswer, Request, exchange, read_fault


PATH = "/cgi-bin/sendsms"
REPORTS = 1 + 2 + 8 + 16  # delivered, not delivered, accepted by the SMSC, rejected by the SMSC
_KIND = "kind"
_STATES: Mapping[str, SendState] = {
    "1": SendState.DELIVERED,
    "2": SendState.FAILED,
    "8": SendState.ACCEPTED,
    "16": SendState.FAILED,
}


@dataclass(frozen=True, slots=True)
class KannelGateway:
    """A `sendsms-user` of an smsbox. `url`: scheme, host and port of the smsbox.

    `smsc`: the connection to use; None lets Kannel decide. `paths`: our callbacks; None: no
    reports.
    """

    url: str
    username: str
    password: str = field(repr=False)
    sender: str | None = None
    smsc: str | None = None
    paths: SignedPaths | None = None


class Kannel:
    """The carrier. The caller owns and closes `client`."""

    name = "kannel"
    channels = frozenset({Channel.SMS})

    def __init__(self, gateway: KannelGateway, client: httpx2.AsyncClient) -> None:
        self._gateway = gateway
        self._client = client

    async def send(self, message: Message, *, now: int) -> SendOutcome:
        """Hand over a text."""
        if not isinstance(message, TextMessage):
            return Misconfigured("Kannel carries texts only")
        request = Request(
            self._gateway.url + PATH,
            headers=text_headers(message, self._gateway, now=now),
            content=message.text.encode(),
        )
        answer = await exchange(self._client, request)
        return read_answer(answer) if isinstance(answer, HttpAnswer) else answer

    async def examine(self, *, now: int) -> Examined:  # noqa: ARG002  the protocol's
        """Log in without naming a receiver."""
        return await examine(self._gateway, self._client)


async def build(section: KannelSettings, site: Site) -> Kannel:
    """Build it from its settings."""
    gateway = KannelGateway(
        url=section.url,
        username=section.user,
        password=section.password.get_secret_value(),
        sender=section.sender,
        smsc=section.smsc,
        paths=_paths(section, site.settings),
    )
    return Kannel(gateway, await site.client())


def _paths(section: KannelSettings, settings: Settings) -> SignedPaths | None:
    return signed_paths(settings, Kannel.name, section.password, reached_from=section.url)


async def examine(gateway: KannelGateway, client: httpx2.AsyncClient) -> Examined:
    """Send a request without a receiver: Kannel checks the login first, then refuses it."""
    headers = {
        "content-type": "text/plain; charset=UTF-8",
        "x-kannel-username": gateway.username,
        "x-kannel-password": gateway.password,
    }
    answer = await exchange(client, Request(gateway.url + PATH, headers=headers, content=b"-"))
    place = f"kannel at {urlsplit(gateway.url).netloc}"
    if not isinstance(answer, HttpAnswer):
        return await no_answer(answer, url=gateway.url, place=place)
    if answer.status == 400 and "receiver" in answer.text:
        return Examined(
            Verdict.WORKS,
            "It takes our login. Whether its line to the network is up, its own status page says.",
        )
    return read_refusal(
        answer, place=place, login="kannel.user and kannel.password", words=answer.text
    )


def text_headers(message: TextMessage, gateway: KannelGateway, *, now: int) -> dict[str, str]:
    """Return the headers of sendsms. Validity is in minutes, after which a text is dropped."""
    minutes = max(1, (message.expires_at - now) // 60)
    is_gsm = segments(message.text).encoding == "GSM-7"
    headers = {
        "content-type": "text/plain; charset=UTF-8",
        "x-kannel-username": gateway.username,
        "x-kannel-password": gateway.password,
        "x-kannel-to": message.to,
        "x-kannel-coding": "0" if is_gsm else "2",
        "x-kannel-validity": str(minutes),
    }
    if gateway.sender:
        headers["x-kannel-from"] = gateway.sender
    if gateway.smsc:
        headers["x-kannel-smsc"] = gateway.smsc
    if gateway.paths:
        headers["x-kannel-dlr-mask"] = str(REPORTS)
        headers["x-kannel-dlr-url"] = f"{gateway.paths.url('status', message.id)}&{_KIND}=%d"
    return headers


def read_answer(answer: HttpAnswer) -> SendOutcome:
    """Map an answer to an outcome, by status and, if that is not enough, by its text."""
    words = answer.text
    if answer.status == 202:
        if words.startswith("3:"):
            # Its connection to the network is down: it may send the text later, or never.
            return Ambiguous("queued by the gateway, whose line to the network is down")
        return Accepted("")
    if "Temporal failure" in words or "try again later" in words:
        return Temporary("the gateway asks to try again later")
    if "black-list" in words or "Not routable" in words:
        return Permanent(Failure.REGION_BLOCKED)
    if "receiver" in words:
        return Permanent(Failure.UNUSABLE)
    if 200 <= answer.status < 300:
        return Ambiguous("unreadable answer")
    return read_fault(answer, message=redact(words))


@dataclass(frozen=True, slots=True)
class KannelCallbacks:
    """Reads delivery reports and replies. Kannel signs nothing, so our URLs are signed."""

    paths: SignedPaths

    def read(self, request: CallbackRequest) -> ProviderReport | Forged | None:
        """Verify and read."""
        place = self.paths.read(request.path)
        if isinstance(place, Forged):
            return place
        match place.what:
            case "status":
                return _read_status(place.message_id, request)
            case "inbound":
                number = request.headers.get("x-kannel-from", "")
                return read_opt_word(number, request.body.decode(errors="replace"))
            case _:
                return Forged()

    def inbound_path(self) -> str:
        """The path for incoming texts."""
        return self.paths.inbound_path()

    def render(self, script: Script, step: Step, *, message_id: str) -> CallbackReply:  # noqa: ARG002  the port's
        """Kannel makes no calls."""
        return CallbackReply("text/plain", "")


def build_callbacks(section: KannelSettings, settings: Settings) -> KannelCallbacks | None:
    """Build them from the settings; None if the gateway cannot reach us."""
    paths = _paths(section, settings)
    return KannelCallbacks(paths) if paths else None


def _read_status(message_id: str, request: CallbackRequest) -> StatusReport | None:
    kind = parse_qs(urlsplit(request.path).query).get(_KIND, [""])[0]
    state = _STATES.get(kind)
    if state is None:
        return None
    failure = None
    if state is SendState.FAILED:
        failure = Failure.UNREACHABLE if kind == "2" else Failure.REFUSED
    return StatusReport(message_id, state, failure)
