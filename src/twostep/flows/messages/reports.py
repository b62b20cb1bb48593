"""Handle provider callbacks: delivery reports, opt-outs and keys pressed during a call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256

from twostep.core.audit import event
from twostep.core.audit.event import Outcome
from twostep.core.messages.channel import Channel
from twostep.core.methods.authenticator import MethodKind, method_name
from twostep.core.methods.challenge import is_open
from twostep.core.methods.out_of_band import NO_ANSWER, Purpose, SendState, merge_state
from twostep.core.sealing import SealBroken
from twostep.delivery.mail.notice import NoticeKind
from twostep.delivery.port import (
    CallbackRequest,
    Forged,
    KeyReport,
    OptReport,
    ProviderReport,
    StatusReport,
)
from twostep.delivery.providers import PROVIDERS
from twostep.delivery.spoken import Script, Step, new_script
from twostep.flows.env import NOBODY
from twostep.flows.messages.compose import script_of
from twostep.flows.messages.opt_out import REMEMBERED_SECONDS, record_opt_report, record_refusal
from twostep.flows.messages.sent_code import CODE, open_code
from twostep.flows.turn import Turn, TurnOpener
from twostep.flows.unseal import record_broken_seal
from twostep.store.account import accounts
from twostep.store.messages import outbox
from twostep.store.messages.outbox import OutboxRow, SendResult
from twostep.store.methods import challenges, passkeys, phones


@dataclass(frozen=True, slots=True)
class CallStep:
    """What a call in progress says next."""

    script: Script
    step: Step


def record_status(turn: Turn, report: StatusReport, *, provider: str) -> None:
    """Record a delivery report. Reports may repeat and arrive in any order; unknown ids are ignored.

    `provider`: empty if the channel itself reports.
    """
    message = outbox.load(turn.tx, report.message_id)
    account = accounts.lock(turn.tx, message.account_id) if message else None
    row = outbox.load(turn.tx, report.message_id)
    if account is None or row is None or row.state == "expired":
        return
    old = SendState(row.state)
    settled = old is SendState.FAILED and row.reason != NO_ANSWER
    new = merge_state(old, report.state, settled=settled)
    if new is old:
        return
    reason = str(report.failure or "") if new is SendState.FAILED else ""
    provider = provider or row.provider
    outbox.save_state(turn.tx, row.id, SendResult(str(new), reason, provider), now=turn.now)
    if row.channel is Channel.EMAIL:  # a notice has its own event, recorded when it is sent
        return
    turn.record(account, _status_event(row, new, provider=provider, reason=reason))
    phone = phones.load(turn.tx, row.phone_id or "", account_id=account.id)
    record_refusal(turn, phone, reason=reason, provider=provider)


def _status_event(row: OutboxRow, state: SendState, *, provider: str, reason: str) -> event.Event:
    method = method_name(MethodKind.PHONE, row.phone_id or "")
    if state is SendState.FAILED:
        return event.new_event(
            event.CODE_DELIVERY_FAILED,
            Outcome.FAILED,
            method=method,
            provider=provider,
            reason=reason,
        )
    return event.new_event(event.CODE_DELIVERED, method=method, state=str(state), provider=provider)


def answer_call(turn: Turn, report: KeyReport) -> CallStep | None:
    """What a call in progress says next; None to hang up: unknown call or ended code.

    The code is read out only after the announced key. Key 9 ends the code and notifies the owner.
    """
    message = outbox.load(turn.tx, report.message_id)
    if message is None or message.channel is not Channel.CALL or message.challenge_id is None:
        return None
    account = accounts.lock(turn.tx, message.account_id)
    challenge = challenges.load(turn.tx, message.challenge_id)
    if account is None or challenge is None or not is_open(challenge, now=turn.now):
        return None
    try:
        code = open_code(turn.env, challenge)
    except SealBroken:
        record_broken_seal(
            turn.tx, account.id, purpose=CODE, keyring=turn.env.keyring, now=turn.now
        )
        return None
    script = script_of(turn.env, account, challenge, code=code)
    if report.pressed is None:
        return CallStep(script, report.step)
    step = script.next_step(report.step, report.pressed)
    if step is Step.REPORTED:
        _report_code(turn, message)
    return CallStep(script, step)


@dataclass(frozen=True, slots=True)
class CallbackAnswer:
    """The HTTP answer to a provider."""

    status: int
    media_type: str = "text/plain"
    body: str = ""


def asks_by_get(provider: str) -> bool:
    """Whether this provider sends its delivery reports by GET."""
    return provider in PROVIDERS and PROVIDERS[provider].asks_by_get


async def receive(
    opener: TurnOpener, *, provider: str, path: str, headers: Mapping[str, str], body: bytes
) -> CallbackAnswer:
    """Handle a callback request, which its signature authenticates.

    404 for a provider that is not configured, 403 for a forged request, 204 for reports (even with an
    unknown id), the provider's markup for a call that asks what to say.
    """
    opener = replace(
        opener, visitor=NOBODY
    )  # a report is not an act of the client that delivers it
    callbacks = opener.env.callbacks.get(provider)
    if callbacks is None:
        return CallbackAnswer(404)
    report = callbacks.read(CallbackRequest(path, headers, body, opener.now))
    if isinstance(report, Forged):
        return CallbackAnswer(403)
    if report is None:
        return CallbackAnswer(204)
    once = _signed_once(report, provider=provider, path=path, headers=headers, body=body)
    call = await opener.run(_handle, report, provider=provider, once=once)
    if not isinstance(report, KeyReport):
        return CallbackAnswer(204)
    if call is None:  # without an open code the call ends
        empty = new_script(code="", key="", panel="", purpose=Purpose.SIGN_IN, language="en")
        call = CallStep(empty, Step.GOODBYE)
    reply = callbacks.render(call.script, call.step, message_id=report.message_id)
    return CallbackAnswer(200, reply.media_type, reply.body)


def _signed_once(
    report: ProviderReport, *, provider: str, path: str, headers: Mapping[str, str], body: bytes
) -> bytes | None:
    """The digest of a request that counts once, so that whoever has seen one gets nothing by sending
    it again; None where repeating changes nothing, or where no request has a signature of its own.

    A webhook's signature does not cover the path: without it in the digest, the first address counts.
    """
    if "webhook-id" in headers:
        path = f"{headers['webhook-id']}.{headers.get('webhook-timestamp', '')}"
    elif isinstance(report, KeyReport):
        if report.pressed is None:
            return None
    elif "x-twilio-signature" not in headers:
        return None
    return sha256(f"{provider}\n{path}\n".encode() + body).digest()


def _handle(
    turn: Turn, report: ProviderReport, *, provider: str, once: bytes | None
) -> CallStep | None:
    ends_at = turn.now + REMEMBERED_SECONDS  # no opt-out outlives the memory of its request
    if once is not None and not passkeys.consume_challenge(turn.tx, once, expires_at=ends_at):
        return None
    if isinstance(report, StatusReport):
        record_status(turn, report, provider=provider)
    if isinstance(report, OptReport):
        record_opt_report(turn, report, provider=provider)
    return answer_call(turn, report) if isinstance(report, KeyReport) else None


def _report_code(turn: Turn, row: OutboxRow) -> None:
    """The person called had not requested this code."""
    account = accounts.lock(turn.tx, row.account_id)
    if account is None or row.challenge_id is None:
        return
    challenges.end(turn.tx, row.challenge_id, now=turn.now)
    phone = phones.load(turn.tx, row.phone_id or "", account_id=account.id)
    turn.record(
        account,
        event.new_event(
            event.CODE_REPORTED,
            Outcome.REFUSED,
            method=method_name(MethodKind.PHONE, row.phone_id or ""),
        ),
    )
    turn.notify(account, NoticeKind.CODE_REPORTED, hint=phone.hint if phone else "")
