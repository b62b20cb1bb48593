"""A carrier that keeps messages in memory: the demo's fake phone, and a stand-in for tests.

It behaves like a provider on a good day, or fails on demand: refuses at once, does not answer, or
accepts and reports a failure a moment later.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum

from twostep.core.messages.channel import Channel
from twostep.core.methods.out_of_band import SendState
from twostep.delivery.message import CallMessage, MailMessage, Message, TextMessage
from twostep.delivery.port import (
    Accepted,
    Failure,
    Permanent,
    SendOutcome,
    StatusReport,
    Temporary,
)
from twostep.delivery.site import Site


HANG_SECONDS = 30.0
REPORT_SECONDS = 2.0
INBOX_SIZE = 500


class Behaviour(StrEnum):
    """What the fake phone company does with a message."""

    OK = "ok"
    REFUSED = "refused"
    OPTED_OUT = "opted_out"
    LANDLINE = "landline"
    TIMEOUT = "timeout"
    UNDELIVERED = "undelivered"


_REFUSALS = {
    Behaviour.REFUSED: Failure.REFUSED,
    Behaviour.OPTED_OUT: Failure.OPTED_OUT,
    Behaviour.LANDLINE: Failure.LANDLINE,
}


@dataclass(frozen=True, slots=True)
class Received:
    """A message that arrived. `at`: Unix seconds."""

    channel: Channel
    message: Message
    at: int


@dataclass(slots=True)
class Inbox:
    """The messages that arrived, newest first; the oldest are dropped."""

    received: deque[Received] = field(default_factory=lambda: deque(maxlen=INBOX_SIZE))

    def add(self, received: Received) -> None:
        """Add a message at the top."""
        self.received.appendleft(received)

    def find(self, message_id: str) -> Received | None:
        """Return the message with that id, or None."""
        return next(
            (received for received in self.received if received.message.id == message_id), None
        )

    def clear(self) -> None:
        """Forget everything."""
        self.received.clear()


def always_ok(_message: Message) -> Behaviour:
    """Behave like a provider on a good day."""
    return Behaviour.OK


class Console:
    """The carrier. `behave` decides per message; `report` receives the delivery report later."""

    name = "console"
    channels = frozenset(Channel)

    def __init__(
        self,
        inbox: Inbox,
        *,
        behave: Callable[[Message], Behaviour] = always_ok,
        report: Callable[[StatusReport], Awaitable[None]] | None = None,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._inbox = inbox
        self._behave = behave
        self._report = report
        self._pause = pause
        self._reporting: set[asyncio.Task[None]] = set()

    async def send(self, message: Message, *, now: int) -> SendOutcome:
        """Deliver into the inbox, or fail as asked."""
        behaviour = self._behave(message)
        if behaviour in _REFUSALS:
            return Permanent(_REFUSALS[behaviour])
        if behaviour is Behaviour.TIMEOUT:
            await self._pause(HANG_SECONDS)
            return Temporary("the fake provider did not answer")
        if behaviour is Behaviour.OK:
            self._inbox.add(Received(channel=channel_of(message), message=message, at=now))
        self._report_later(message, behaviour)
        return Accepted(provider_id=f"console-{message.id}")

    async def close(self) -> None:
        """Drop pending reports."""
        for task in self._reporting:
            task.cancel()
        await asyncio.gather(*self._reporting, return_exceptions=True)

    def _report_later(self, message: Message, behaviour: Behaviour) -> None:
        if self._report is None:
            return
        status = (
            StatusReport(message_id=message.id, state=SendState.DELIVERED)
            if behaviour is Behaviour.OK
            else StatusReport(
                message_id=message.id, state=SendState.FAILED, failure=Failure.UNREACHABLE
            )
        )
        task = asyncio.create_task(self._send_report(status))
        self._reporting.add(task)
        task.add_done_callback(self._reporting.discard)

    async def _send_report(self, status: StatusReport) -> None:
        await self._pause(REPORT_SECONDS)
        if self._report is not None:
            await self._report(status)


def channel_of(message: Message) -> Channel:
    """Return the channel of a message."""
    match message:
        case TextMessage():
            return Channel.SMS
        case CallMessage():
            return Channel.CALL
        case MailMessage():
            return Channel.EMAIL


async def build(_section: None, site: Site) -> Console:
    """Build one whose messages reach nobody."""
    carrier = Console(Inbox())
    site.closing.push_async_callback(carrier.close)
    return carrier
