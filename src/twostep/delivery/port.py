"""The port to every provider: hand over a message, and return one of six outcomes.

A provider is one file with one class. The outcome (`Accepted`, `Permanent`, …) decides what the
outbox does next, so an adapter maps every answer, time-out and broken connection to one of them.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from twostep.core.messages.channel import Channel
from twostep.core.methods.out_of_band import SendState
from twostep.delivery.message import Message
from twostep.delivery.spoken import Script, Step


SEND_SECONDS = 15.0  # connecting, writing and reading together


class Failure(StrEnum):
    """Why a message will never arrive. The page has a sentence for each."""

    UNUSABLE = "unusable"  # no such number or address
    OPTED_OUT = "opted_out"  # its owner asked the provider to stop
    LANDLINE = "landline"  # cannot receive texts
    REGION_BLOCKED = "region_blocked"  # the provider's account does not send there
    UNREACHABLE = "unreachable"  # switched off, no network, did not answer
    BUSY = "busy"
    FILTERED = "filtered"  # the network took it for spam
    EXPIRED = "expired"  # not delivered while the code was valid
    REFUSED = "refused"  # refused without a helpful reason


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider has it. `provider_id`: the provider's id for the message."""

    provider_id: str


@dataclass(frozen=True, slots=True)
class Permanent:
    """It will never work: do not retry, do not try another provider.

    `detail`: the provider's words, for the operator, without digits.
    """

    reason: Failure
    detail: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Throttled:
    """Too many requests: try another provider, or this one later."""

    retry_after_seconds: int


@dataclass(frozen=True, slots=True)
class Temporary:
    """It was certainly not sent; a retry may work. `detail`: for the operator, without digits.

    `is_about_recipient`: a full mailbox or greylisting, which says nothing of the provider.
    """

    detail: str
    is_about_recipient: bool = False


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """It may or may not have been sent: do not try another provider at once."""

    detail: str


@dataclass(frozen=True, slots=True)
class Misconfigured:
    """The operator must act: wrong password, empty account, unknown sender."""

    detail: str


SendOutcome = Accepted | Permanent | Throttled | Temporary | Ambiguous | Misconfigured


class Carrier(Protocol):
    """Sends messages. `name`: its section in the settings; `channels`: what it can carry."""

    @property
    def name(self) -> str: ...

    @property
    def channels(self) -> frozenset[Channel]: ...

    async def send(self, message: Message, *, now: int) -> SendOutcome:
        """Hand over one message. Should raise nothing but cancellation; see `send_in_time`."""
        ...


@dataclass(frozen=True, slots=True)
class CallbackRequest:
    """A provider's request as it arrived. `path`: everything after the origin, with the query.

    `headers`: names in lower case. `received_at`: Unix seconds, for signatures that expire.
    """

    path: str
    headers: Mapping[str, str]
    body: bytes = b""
    received_at: int = 0


@dataclass(frozen=True, slots=True)
class StatusReport:
    """What became of a message; `failure` if it failed."""

    message_id: str
    state: SendState
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class KeyReport:
    """A call in progress asks what to say next. `pressed`: the key, None at the start."""

    message_id: str
    step: Step
    pressed: str | None


@dataclass(frozen=True, slots=True)
class OptReport:
    """Somebody texted STOP (`out`) or START. `number`: E.164."""

    number: str = field(repr=False)
    out: bool


ProviderReport = StatusReport | KeyReport | OptReport


@dataclass(frozen=True, slots=True)
class Forged:
    """The signature is missing or wrong, or the request is not one a provider makes."""


@dataclass(frozen=True, slots=True)
class CallbackReply:
    """The answer to a provider's request."""

    media_type: str
    body: str


class Callbacks(Protocol):
    """A provider's requests to us: reads genuine ones, and answers calls in progress."""

    def read(self, request: CallbackRequest) -> ProviderReport | Forged | None:
        """Verify the signature and read the request; None for a genuine one of no interest."""
        ...

    def render(self, script: Script, step: Step, *, message_id: str) -> CallbackReply:
        """Render a step of the script in the provider's markup."""
        ...

    def inbound_path(self) -> str:
        """The path for texts that people send back. One with a signature in it is a secret."""
        ...


_STOP_WORDS = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "ARRET"})
_START_WORDS = frozenset({"START", "UNSTOP", "YES"})


def read_opt_word(number: str, text: str) -> OptReport | None:
    """Read an incoming text: STOP and START in the words networks agree on, nothing else."""
    word = text.strip().upper()
    plus = number if number.startswith("+") else f"+{number}"
    if not re.fullmatch(r"\+[1-9][0-9]{6,14}", plus):
        return None
    if word in _STOP_WORDS:
        return OptReport(plus, out=True)
    return OptReport(plus, out=False) if word in _START_WORDS else None


async def send_in_time(
    carrier: Carrier, message: Message, *, now: int, seconds: float = SEND_SECONDS
) -> SendOutcome:
    """Send, but wait at most `seconds`: a hanging provider must not block the worker.

    A library below an adapter may raise what nobody foresaw. That must delay the message, not end
    it, so it counts as something that the operator must look at.
    """
    try:
        async with asyncio.timeout(seconds):
            (answer,) = await asyncio.gather(carrier.send(message, now=now), return_exceptions=True)
    except TimeoutError:
        return Ambiguous("no answer in time")
    if isinstance(answer, BaseException):
        # Only the type: the text may quote the message.
        return Misconfigured(f"sending broke off: {type(answer).__name__}")
    return answer


def redact(text: str, *, limit: int = 200) -> str:
    """Make a provider's error text safe to log: no digits, no addresses, one line, truncated."""
    without_addresses = re.sub(r"\S+@\S+", "(address)", " ".join(text.split()))
    return re.sub(r"\d", "x", without_addresses)[:limit]
