"""The outbox worker: claims due rows, sends their messages and records the outcome.

Sending happens after commit, so a slow provider never blocks a page. A row is claimed for a lease; if
the process dies, the lease expires and the row is sent again with the same code. A timeout after the
request was written is shown as failed at once ("it may still arrive"); ten seconds later, unless a
report has arrived, the message is sent once more. A code is sent in two copies at most.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog

from twostep.core.audit import event
from twostep.core.audit.event import Outcome
from twostep.core.messages.channel import Channel
from twostep.core.methods.authenticator import MethodKind, method_name
from twostep.core.methods.out_of_band import NO_ANSWER
from twostep.core.outage import StoreUnavailable
from twostep.core.sealing import SealBroken
from twostep.delivery import port
from twostep.delivery.message import Message
from twostep.delivery.port import Carrier
from twostep.flows.env import NOBODY, Env
from twostep.flows.messages.compose import compose
from twostep.flows.messages.failover import Failover
from twostep.flows.messages.opt_out import record_refusal
from twostep.flows.messages.sent_code import CODE
from twostep.flows.turn import PAYLOAD, Turn, TurnOpener, by_system
from twostep.flows.unseal import record_broken_seal
from twostep.store.account import accounts
from twostep.store.messages import outbox
from twostep.store.messages.outbox import OutboxRow, SendResult
from twostep.store.methods import phones


LEASE_SECONDS = 60
ROWS_AT_ONCE = 16
POLL_SECONDS = 1.0
# Delays before the second, third … attempt. Somebody is waiting for a code, so it is soon worthless;
# a mail can wait for hours.
CODE_RETRY_SECONDS = (2, 8)
NO_ANSWER_SECONDS = 10  # time for a late delivery report
MOST_COPIES = 2
MAIL_RETRY_SECONDS = (2, 8, 30, 120, 600, 1800, 3600, 7200, 14_400, 28_800)
SEAL_BROKEN = "seal_broken"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Result:
    """The outcome for one row. `retry_in_seconds`: only with state `queued`.

    `copies`: how many copies of the message may have been sent so far.
    """

    state: str
    reason: str = ""
    provider: str = ""
    provider_id: str = ""
    retry_in_seconds: int = 0
    copies: int = 0


class Outbox:
    """One process's worker. `wake` may be called from any flow after its commit."""

    def __init__(self, carriers: Mapping[Channel, Sequence[Carrier]]) -> None:
        self._failover = Failover(carriers)
        self._wake = asyncio.Event()
        # The row each task is sending, and the rows we hold a lease on without an answer yet.
        self._sending: dict[asyncio.Task[None], str] = {}
        self._held: set[str] = set()
        self._claim: asyncio.Future[list[OutboxRow]] | None = None

    def wake(self) -> None:
        """Check for due rows now instead of at the next poll."""
        self._wake.set()

    async def run(self, env: Env) -> None:
        """Send due rows until cancelled."""
        while True:
            self._wake.clear()
            try:
                await self._send_due(env)
            except StoreUnavailable as error:
                log.warning("outbox.database_away", error=str(error))
            except Exception as error:  # noqa: BLE001  the worker must survive any failure
                # Only the type: the text may quote the message.
                log.error("outbox.failed", error=type(error).__name__)  # noqa: TRY400
            # Not wait_for: in Python 3.11 it can swallow a cancellation that coincides with the event.
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await self._wake.wait()

    async def drain(self) -> None:
        """Wait for sends in progress."""
        await asyncio.gather(*self._sending, return_exceptions=True)

    async def stop(self, env: Env, *, seconds: float) -> None:
        """After `run` was cancelled, wait this long for sends in progress and give the rest back, so
        that another process or the next start need not wait for the lease to expire."""
        if self._claim is not None:  # it may have been in progress when `run` was cancelled
            await asyncio.wait([self._claim])
        if self._sending:
            await asyncio.wait(self._sending, timeout=seconds)
        for task, row_id in self._sending.items():
            if row_id in self._held:
                task.cancel()
        await self.drain()
        with suppress(StoreUnavailable):  # the leases will expire
            await self._give_back(env)

    async def _give_back(self, env: Env) -> None:
        """Give back rows that nobody is sending: they were claimed during a stop, or the database
        became unavailable before the message was composed."""
        if idle := self._held - set(self._sending.values()):
            await env.store.run(outbox.give_back, sorted(idle), now=env.clock())
            self._held -= idle

    async def _send_due(self, env: Env) -> None:
        await self._give_back(env)
        now = env.clock()
        due_at = await env.store.read(outbox.next_due_at)
        if due_at is None or due_at > now:
            return
        free = ROWS_AT_ONCE - len(self._sending)
        if free <= 0:
            return
        self._claim = asyncio.ensure_future(
            env.store.run(outbox.claim_due, now=now, lease_seconds=LEASE_SECONDS, limit=free)
        )
        self._claim.add_done_callback(self._hold)
        for row in await asyncio.shield(self._claim):
            task = asyncio.create_task(self._send(env, row))
            self._sending[task] = row.id
            task.add_done_callback(self._forget)

    def _hold(self, claim: asyncio.Future[list[OutboxRow]]) -> None:
        if not claim.cancelled() and claim.exception() is None:
            self._held.update(row.id for row in claim.result())

    def _forget(self, task: asyncio.Task[None]) -> None:
        del self._sending[task]
        self._wake.set()

    async def _send(self, env: Env, row: OutboxRow) -> None:
        now = env.clock()
        try:
            message = await TurnOpener(env, NOBODY, now).read(compose, row)
            if message is None:
                result = _Result("expired", reason="expired")
            else:
                result = await self._hand_over(env, row, message)
            self._held.discard(row.id)
            await by_system(env).run(_save_result, row, result=result)
        except SealBroken:
            self._held.discard(row.id)
            failed = _Result("failed", reason=SEAL_BROKEN)
            await by_system(env).run(_save_result, row, result=failed)
        except StoreUnavailable:
            # The row is given back or, if it may have been sent, its lease expires; same code again.
            log.warning("outbox.not_written_down")
        except Exception as error:  # noqa: BLE001  as above, for one message
            log.error(  # noqa: TRY400  only the type, as above
                "outbox.message_failed", error=type(error).__name__, kind=row.kind
            )
            self._held.discard(row.id)
            failed = _Result("failed", reason="internal")
            await by_system(env).run(_save_result, row, result=failed)

    async def _hand_over(self, env: Env, row: OutboxRow, message: Message) -> _Result:
        """Try the channel's providers in order."""
        if row.channel is not Channel.EMAIL and row.copies >= MOST_COPIES:
            return _Result("failed", reason=NO_ANSWER, provider=row.provider, copies=row.copies)
        phone = await env.store.read(phones.load, row.phone_id or "", account_id=row.account_id)
        region = phone.region if phone else ""
        last = await self._failover.hand_over(env, row, message, region=region)
        if last is None:
            return _retry(row, "no_provider", provider=row.provider, now=env.clock())
        return _result_of(row, last.answer, provider=last.provider, now=env.clock())


def _result_of(row: OutboxRow, answer: port.SendOutcome, *, provider: str, now: int) -> _Result:
    match answer:
        case port.Accepted(provider_id):
            return _Result("accepted", provider=provider, provider_id=provider_id)
        case port.Permanent(reason):
            return _Result("failed", reason=str(reason), provider=provider)
        case port.Ambiguous():
            return _repeat(row, provider=provider, now=now)
        case port.Throttled(retry_after_seconds):
            return _retry(row, "throttled", provider=provider, now=now, wait=retry_after_seconds)
        case port.Temporary():
            return _retry(row, "temporary", provider=provider, now=now)
        case port.Misconfigured():
            return _retry(row, "configuration", provider=provider, now=now)


def _repeat(row: OutboxRow, *, provider: str, now: int) -> _Result:
    """Send again after an unknown outcome: mail can be deduplicated, a text is repeated only once."""
    if row.channel is Channel.EMAIL:
        return _retry(row, NO_ANSWER, provider=provider, now=now)
    copies = row.copies + 1
    if copies >= MOST_COPIES or now + NO_ANSWER_SECONDS >= row.not_after:
        return _Result("failed", reason=NO_ANSWER, provider=provider, copies=copies)
    return _Result(
        "queued",
        reason=NO_ANSWER,
        provider=provider,
        retry_in_seconds=NO_ANSWER_SECONDS,
        copies=copies,
    )


def _retry(row: OutboxRow, reason: str, *, provider: str, now: int, wait: int = 0) -> _Result:
    waits = CODE_RETRY_SECONDS if row.challenge_id else MAIL_RETRY_SECONDS
    if row.attempt > len(waits):
        return _Result("failed", reason=reason, provider=provider)
    seconds = max(wait, waits[row.attempt - 1])
    seconds += secrets.randbelow(seconds // 4 + 2)  # spread the load when a provider recovers
    if now + seconds >= row.not_after:
        return _Result("failed", reason=reason, provider=provider)
    return _Result(
        "queued", reason=reason, provider=provider, retry_in_seconds=seconds, copies=row.copies
    )


def _save_result(turn: Turn, row: OutboxRow, *, result: _Result) -> None:
    account = accounts.lock(turn.tx, row.account_id)
    current = outbox.load(turn.tx, row.id)
    if account is None or current is None or current.state != "queued":
        return  # the provider's report arrived before its answer
    if result.state == "queued":
        outbox.postpone(
            turn.tx,
            row.id,
            next_at=turn.now + result.retry_in_seconds,
            reason=result.reason,
            provider=result.provider,
            copies=result.copies,
        )
        return
    sent = SendResult(result.state, result.reason, result.provider, result.provider_id)
    outbox.save_state(turn.tx, row.id, sent, now=turn.now)
    turn.record(account, _event(row, result))
    if row.phone_id:
        phone = phones.load(turn.tx, row.phone_id, account_id=account.id)
        record_refusal(turn, phone, reason=result.reason, provider=result.provider)
    if result.reason == SEAL_BROKEN:
        purpose = PAYLOAD if row.challenge_id is None else CODE
        record_broken_seal(turn.tx, account.id, purpose=purpose, now=turn.now)


def _event(row: OutboxRow, result: _Result) -> event.Event:
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
