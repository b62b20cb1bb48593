"""What becomes of a message after a try: accepted, failed, or queued again for later.

A mail waits out its day: whatever a provider says or a library raises delays it. Only the address
itself ends it before. A code waits seconds, because somebody is waiting for it.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from twostep.core.audit import event
from twostep.core.audit.event import Outcome
from twostep.core.email_address import mask_address
from twostep.core.messages.channel import Channel
from twostep.core.methods.authenticator import MethodKind, method_name
from twostep.core.methods.out_of_band import NO_ANSWER
from twostep.delivery import port
from twostep.flows.messages.failover import ProviderAnswer, count_tries
from twostep.flows.messages.opt_out import record_refusal
from twostep.flows.messages.sent_code import CODE
from twostep.flows.turn import PAYLOAD, Turn
from twostep.flows.unseal import record_broken_seal
from twostep.store.account import accounts, addresses
from twostep.store.messages import outbox
from twostep.store.messages.outbox import OutboxRow, SendResult
from twostep.store.methods import phones


# Delays before the second, third … attempt. Somebody is waiting for a code, so it is soon worthless;
# a mail can wait, but not longer than somebody would who mends the mail server and looks on.
CODE_RETRY_SECONDS = (2, 8)
MAIL_RETRY_SECONDS = (2, 8, 30, 120, 600, 1800)
NO_ANSWER_SECONDS = 10  # time for a late delivery report
MOST_COPIES = 2
SEAL_BROKEN = "seal_broken"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class TryResult:
    """The outcome for one row. `retry_in_seconds`: only with state `queued`.

    `copies`: how many copies of the message may have been sent so far. `tries`: what each provider
    answered. `bounced`: the address that the mail server says does not work; `taken`: the one that
    works.
    """

    state: str
    reason: str = ""
    provider: str = ""
    provider_id: str = ""
    retry_in_seconds: int = 0
    copies: int = 0
    tries: Sequence[ProviderAnswer] = ()
    bounced: str = ""
    taken: str = ""


def result_of(row: OutboxRow, answer: port.SendOutcome, *, provider: str, now: int) -> TryResult:
    """Return what becomes of the row after the last provider's answer."""
    match answer:
        case port.Accepted(provider_id):
            return TryResult("accepted", provider=provider, provider_id=provider_id)
        case port.Permanent(reason):
            return TryResult("failed", reason=str(reason), provider=provider)
        case port.Ambiguous():
            return _repeat(row, provider=provider, now=now)
        case port.Throttled(retry_after_seconds):
            return retry(row, "throttled", provider=provider, now=now, wait=retry_after_seconds)
        case port.Temporary():
            return retry(row, "temporary", provider=provider, now=now)
        case port.Misconfigured():
            return retry(row, "configuration", provider=provider, now=now)


def _repeat(row: OutboxRow, *, provider: str, now: int) -> TryResult:
    """Send again after an unknown outcome: mail can be deduplicated, a text is repeated only once."""
    if row.channel is Channel.EMAIL:
        return retry(row, NO_ANSWER, provider=provider, now=now)
    copies = row.copies + 1
    if copies >= MOST_COPIES or now + NO_ANSWER_SECONDS >= row.not_after:
        return TryResult("failed", reason=NO_ANSWER, provider=provider, copies=copies)
    return TryResult(
        "queued",
        reason=NO_ANSWER,
        provider=provider,
        retry_in_seconds=NO_ANSWER_SECONDS,
        copies=copies,
    )


def retry(row: OutboxRow, reason: str, *, provider: str, now: int, wait: int = 0) -> TryResult:
    """Queue the row again, unless its time is over by then."""
    if row.challenge_id and row.attempt > len(CODE_RETRY_SECONDS):
        return TryResult("failed", reason=reason, provider=provider)
    waits = CODE_RETRY_SECONDS if row.challenge_id else MAIL_RETRY_SECONDS
    seconds = max(wait, waits[min(row.attempt, len(waits)) - 1])
    seconds += secrets.randbelow(seconds // 4 + 2)  # spread the load when a provider recovers
    if now + seconds >= row.not_after:
        return TryResult("failed", reason=reason, provider=provider)
    return TryResult(
        "queued", reason=reason, provider=provider, retry_in_seconds=seconds, copies=row.copies
    )


def save_result(turn: Turn, row: OutboxRow, *, result: TryResult) -> None:
    """Write down what became of the row, and how the providers did."""
    account = accounts.lock(turn.tx, row.account_id)
    current = outbox.load(turn.tx, row.id)
    # Otherwise the provider's report arrived before its answer.
    if account is not None and current is not None and current.state == "queued":
        if result.state == "queued":
            outbox.postpone(
                turn.tx,
                row.id,
                next_at=turn.now + result.retry_in_seconds,
                reason=result.reason,
                provider=result.provider,
                copies=result.copies,
            )
        else:
            _finish(turn, account, row, result=result)
    if any(answer.is_healed for answer in result.tries):
        hasten(turn)
    count_tries(turn, result.tries)


def hasten(turn: Turn) -> None:
    """Send the mails that waited for a working mail server: now one may work."""
    turn.tx.on_commit(turn.env.wake_outbox)
    outbox.hasten_mails(turn.tx, now=turn.now)


def _finish(turn: Turn, account: accounts.Held, row: OutboxRow, *, result: TryResult) -> None:
    sent = SendResult(result.state, result.reason, result.provider, result.provider_id)
    outbox.save_state(turn.tx, row.id, sent, now=turn.now)
    turn.record(account, _event(row, result))
    if result.bounced or result.taken:
        at = turn.now if result.bounced else None
        addresses.save_bounce(turn.tx, account.id, result.bounced or result.taken, at=at)
    if result.bounced:
        to = mask_address(result.bounced)
        turn.tx.on_commit(lambda: log.warning("outbox.bounced", account=account.id, to=to))
    if row.phone_id:
        phone = phones.load(turn.tx, row.phone_id, account_id=account.id)
        record_refusal(turn, phone, reason=result.reason, provider=result.provider)
    if result.reason == SEAL_BROKEN:
        purpose = PAYLOAD if row.challenge_id is None else CODE
        record_broken_seal(
            turn.tx, account.id, purpose=purpose, keyring=turn.env.keyring, now=turn.now
        )


def _event(row: OutboxRow, result: TryResult) -> event.Event:
    accepted = result.state == "accepted"
    if row.challenge_id is None:
        if accepted:
            return event.new_event(event.NOTICE_SENT, kind=row.kind)
        return event.new_event(
            event.NOTICE_FAILED, Outcome.FAILED, kind=row.kind, reason=result.reason
        )
    method = method_name(MethodKind.PHONE, row.phone_id or "")
    if accepted:
        return event.new_event(
            event.CODE_DELIVERED, method=method, state="accepted", provider=result.provider
        )
    return event.new_event(
        event.CODE_DELIVERY_FAILED,
        Outcome.FAILED,
        method=method,
        provider=result.provider,
        reason=result.reason,
    )
