"""SMPP 3.4: texts over a standing line to a message centre, with `aiosmpplib` (the extra `smpp`).

The library keeps the line and its own queue; here a text waits for its answer, and one whose time is
over leaves the queue unsent, so that a line that comes back does not send yesterday's codes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

from aiosmpplib import ESME, AbstractHook, PhoneNumber, SubmitSm
from aiosmpplib.broker import AbstractBroker
from aiosmpplib.protocol import DeliverSm, SmppMessage, SubmitSmResp
from aiosmpplib.state import NPI, TON, SmppCommand, SmppCommandStatus, SmppSessionState

from twostep.core.methods.out_of_band import SendState
from twostep.delivery.channel import (
    SEND_SECONDS,
    Accepted,
    Ambiguous,
    Failure,
    Kind,
    Misconfigured,
    Outcome,
    Permanent,
    ReportTo,
    StatusReport,
    Temporary,
    Throttled,
)
from twostep.delivery.examination import Examined, Verdict, reach_port
from twostep.delivery.message import Message, TextMessage
from twostep.delivery.wire import DEFAULT_RETRY_SECONDS


BIND_SECONDS = 3.0
LOGS_NOTHING = 60  # above CRITICAL: the library's records quote whole messages
BIND_ANSWER = SmppCommand.BIND_TRANSCEIVER_RESP.to_bytes(4, "big")
_Status = SmppCommandStatus
FAILURES: Mapping[SmppCommandStatus, Failure] = {
    _Status.ESME_RINVDSTADR: Failure.UNUSABLE,
    _Status.ESME_RINVDSTTON: Failure.UNUSABLE,
    _Status.ESME_RINVDSTNPI: Failure.UNUSABLE,
}
_TOO_MANY = frozenset({_Status.ESME_RTHROTTLED, _Status.ESME_RMSGQFUL})
_THEIR_FAULT = frozenset({_Status.ESME_RSYSERR, _Status.ESME_RSUBMITFAIL})
_LET_IN = frozenset({_Status.ESME_ROK, _Status.ESME_RALYBND})
_STATES: Mapping[str, tuple[SendState, Failure | None]] = {
    "ACCEPTD": (SendState.ACCEPTED, None),
    "DELIVRD": (SendState.DELIVERED, None),
    "EXPIRED": (SendState.FAILED, Failure.EXPIRED),
    "UNDELIV": (SendState.FAILED, Failure.UNREACHABLE),
    "REJECTD": (SendState.FAILED, Failure.REFUSED),
    "DELETED": (SendState.FAILED, Failure.REFUSED),
}


@dataclass(frozen=True, slots=True)
class MessageCentre:
    """Where to bind. `sender`: a number (E.164) or up to eleven letters."""

    host: str
    port: int
    system_id: str
    password: str = field(repr=False)
    sender: str = ""
    system_type: str = ""


class _Waiting:
    """Texts on their way to the line, and the answers that are waited for."""

    def __init__(self) -> None:
        self.answers: dict[str, asyncio.Future[Outcome]] = {}

    def answer(self, message_id: str, outcome: Outcome) -> None:
        waiting = self.answers.get(message_id)
        if waiting is not None and not waiting.done():
            waiting.set_result(outcome)


class _Broker(AbstractBroker):
    """A queue that drops what nobody waits for any more."""

    def __init__(self, waiting: _Waiting) -> None:
        self._queue: asyncio.Queue[SubmitSm] = asyncio.Queue()
        self._waiting = waiting

    async def enqueue(self, smpp_message: SmppMessage) -> None:
        if isinstance(smpp_message, SubmitSm):
            await self._queue.put(smpp_message)

    async def dequeue(self) -> SmppMessage:
        while True:
            message = await self._queue.get()
            if message.log_id in self._waiting.answers:
                return message


class _Line(ESME):
    """The library's line, closed on our side too when it is given up."""

    async def connect(self) -> None:
        if self._writer is not None:
            self._writer.close()
        if isinstance(self.hook, _Hook):
            self.hook.refusal = None
        await super().connect()

    async def _disconnect(self) -> None:
        writer = self._writer
        await super()._disconnect()
        if writer is not None:
            writer.close()


class _Hook(AbstractHook):
    """Hears what comes back. `refusal`: why the centre did not let us in when it was asked last."""

    def __init__(self, waiting: _Waiting) -> None:
        self._waiting = waiting
        self.report: ReportTo | None = None
        self.refusal: Outcome | None = None

    async def sending(self, smpp_message: SmppMessage, pdu: bytes, client_id: str) -> None:
        """Nothing to do."""

    async def received(self, smpp_message: SmppMessage | None, pdu: bytes, client_id: str) -> None:  # noqa: ARG002  the library's
        """Take the answer to our binding or to a text, or a delivery receipt."""
        # By its bytes: a refusal has no body, which the library cannot always read.
        if pdu[4:8] == BIND_ANSWER:
            self.refusal = read_binding(int.from_bytes(pdu[8:12], "big"))
        if isinstance(smpp_message, SubmitSmResp) and smpp_message.log_id:
            outcome = read_status(smpp_message.command_status, smpp_message.message_id)
            self._waiting.answer(smpp_message.log_id, outcome)
        elif isinstance(smpp_message, DeliverSm) and smpp_message.is_receipt():
            report = read_receipt(smpp_message)
            if report is not None and self.report is not None:
                await self.report(report)

    async def send_error(self, smpp_message: SmppMessage, error: Exception, client_id: str) -> None:  # noqa: ARG002
        """A text could not be built, or the line broke while it was written."""
        log_id = getattr(smpp_message, "log_id", "")
        if isinstance(error, ValueError):
            self._waiting.answer(log_id, Misconfigured("the text cannot be written as SMPP"))
        else:
            self._waiting.answer(log_id, Ambiguous(f"the line broke: {type(error).__name__}"))


class Smpp:
    """The channel. The line is opened with the first text and kept; `close` ends it."""

    name = "smpp"
    kinds = frozenset({Kind.SMS})

    def __init__(self, centre: MessageCentre) -> None:
        self._centre = centre
        self._waiting = _Waiting()
        self._hook = _Hook(self._waiting)
        self._esme: ESME | None = None
        self._line: asyncio.Task[None] | None = None

    def report_to(self, report: ReportTo) -> None:
        """Tell `report` what becomes of texts."""
        self._hook.report = report

    async def send(self, message: Message, *, now: int) -> Outcome:
        """Hand a text over and wait for the centre's answer."""
        if not isinstance(message, TextMessage):
            return Misconfigured("SMPP carries texts only")
        esme = self._open()
        if not await self._is_bound(esme):
            return self._hook.refusal or Temporary("no line to the message centre")
        answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.answers[message.id] = answer
        try:
            await esme.broker.enqueue(submission(message, self._centre, now=now))
            async with asyncio.timeout(SEND_SECONDS - BIND_SECONDS - 1):
                return await answer
        except TimeoutError:
            return Ambiguous("no answer from the message centre")
        finally:
            del self._waiting.answers[message.id]

    async def examine(self, *, now: int) -> Examined:  # noqa: ARG002  the protocol's
        """Bind, which is how one logs in; `close` unbinds."""
        centre = self._centre
        fault = await reach_port(centre.host, centre.port)
        if fault:
            return Examined(Verdict.BROKEN, f"{fault}.")
        if await self._is_bound(self._open()):
            return Examined(Verdict.WORKS, "It takes our login.")
        return Examined(
            Verdict.BROKEN,
            "The message centre answers but lets us in neither to send nor to receive. Check"
            " smpp.system_id, smpp.password and smpp.system_type, and how many lines it allows.",
        )

    async def close(self) -> None:
        """Unbind."""
        if self._line is None:
            return
        self._line.cancel()
        with suppress(asyncio.CancelledError):
            await self._line

    def _open(self) -> ESME:
        if self._esme is None or self._line is None or self._line.done():
            centre = self._centre
            self._esme = _Line(
                centre.host,
                centre.port,
                centre.system_id,
                centre.password,
                system_type=centre.system_type,
                log_level=LOGS_NOTHING,
                hook=self._hook,
                broker=_Broker(self._waiting),
                socket_timeout=10.0,
                enquire_link_interval=30.0,
            )
            self._line = asyncio.create_task(self._esme.start())
        return self._esme

    async def _is_bound(self, esme: ESME) -> bool:
        """Wait until we are let in, turned away, or left waiting too long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(BIND_SECONDS):
                # The library tells nobody when it is bound.
                while esme.session_state is not SmppSessionState.BOUND_TRX:
                    if self._hook.refusal is not None:
                        break
                    await asyncio.sleep(0.02)
        return esme.session_state is SmppSessionState.BOUND_TRX


def submission(message: TextMessage, centre: MessageCentre, *, now: int) -> SubmitSm:
    """Write a text as submit_sm, with a receipt asked for. A stale text is dropped on its way."""
    is_number = centre.sender.startswith("+")
    source = PhoneNumber(
        centre.sender.removeprefix("+"),
        TON.INTERNATIONAL if is_number else TON.ALPHANUMERIC,
        NPI.ISDN if is_number else NPI.UNKNOWN,
    )
    return SubmitSm(
        short_message=message.text,
        source=source,
        destination=PhoneNumber(message.to.removeprefix("+"), TON.INTERNATIONAL, NPI.ISDN),
        validity_period=timedelta(seconds=max(1, message.expires_at - now)),
        log_id=message.id,
    )


def read_binding(number: int) -> Outcome | None:
    """Sort the answer to our binding by its command status (SMPP 3.4 section 4.1.6); None: let in.

    Whatever is wrong with name, password or type, the operator must mend it.
    """
    status = _Status(number) if number in set(_Status) else _Status.ESME_RBINDFAIL
    if status in _LET_IN:
        return None
    outcome = read_status(status, "")
    return (
        outcome
        if isinstance(outcome, Throttled | Temporary)
        else Misconfigured(
            f"the message centre does not let us in ({status.name}): smpp.system_id, smpp.password"
        )
    )


def read_status(status: SmppCommandStatus, message_id: str) -> Outcome:
    """Sort the answer to a text by its command status (SMPP 3.4 section 5.1.3)."""
    if status is _Status.ESME_ROK:
        return Accepted(message_id)
    if status in FAILURES:
        return Permanent(FAILURES[status])
    if status in _TOO_MANY:
        return Throttled(DEFAULT_RETRY_SECONDS)
    if status in _THEIR_FAULT:
        return Temporary(f"the message centre says {status.name}")
    return Misconfigured(f"the message centre says {status.name}")


def read_receipt(receipt: DeliverSm) -> StatusReport | None:
    """Read a delivery receipt (SMPP 3.4 appendix B) of a text that is still known."""
    state = _STATES.get(str(receipt.parse_receipt().get("stat", "")))
    if not receipt.log_id or state is None:
        return None
    return StatusReport(receipt.log_id, *state)
