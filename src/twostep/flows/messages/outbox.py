"""The outbox's worker: claims what is due, sends it, writes down what came of it.

Sending runs after commit, so a slow provider never blocks a page. A row is claimed for a lease; if
the process dies in between, the lease lapses and the row is sent again, with the same code. A time-out
after the request was written is shown as failed at once ("it may still arrive"); ten seconds later,
unless a report has come, the message goes out once more. Two copies of a code are the most.
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
from twostep.flows.messages.opt_out import note_refusal
from twostep.flows.messages.sent_code import CODE
from twostep.flows.turn import PAYLOAD, Turn, TurnOpener, by_system
from twostep.flows.unseal import tell_broken
from twostep.store.account import accounts
from twostep.store.messages import outbox
from twostep.store.messages.outbox import OutboxRow
from twostep.store.methods import phones


LEASE_SECONDS = 60
ROWS_AT_ONCE = 16
POLL_SECONDS = 1.0
# Waits before the second, third … attempt. A code is worth nothing after a few seconds' trouble,
# because its owner is waiting; a mail can wait for hours.
CODE_RETRY_SECONDS = (2, 8)
NO_ANSWER_SECONDS = 10  # in which a report may still settle it
MOST_COPIES = 2
MAIL_RETRY_SECONDS = (2, 8, 30, 120, 600, 1800, 3600, 7200, 14_400, 28_800)
SEAL_BROKEN = "seal_broken"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Result:
    """What came of one row. `retry_in_seconds`: only with state `queued`.

    `copies`: how many of the message may have left by now.
    """

    state: str
    reason: str = ""
    provider: str = ""
    provider_id: str = ""
    retry_in_seconds: int = 0
    copies: int = 0


class Outbox:
    """The worker of one process. `wake` may be called from any flow, after its commit."""

    def __init__(self, carriers: Mapping[Channel, Sequence[Carrier]]) -> None:
        self._failover = Failover(carriers)
        self._wake = asyncio.Event()
        # Which row each task sends, and the rows whose lease is ours with no answer yet.
        self._sending: dict[asyncio.Task[None], str] = {}
        self._held: set[str] = set()
        self._claim: asyncio.Future[list[OutboxRow]] | None = None

    def wake(self) -> None:
        """Look now, not only at the next poll."""
        self._wake.set()

    async def run(self, env: Env) -> None:
        """Work until cancelled."""
        while True:
            self._wake.clear()
            try:
                await self._send_due(env)
            except StoreUnavailable as error:
                log.warning("outbox.database_away", error=str(error))
            except Exception as error:  # noqa: BLE001  the worker must outlive any one failure
                # The type alone: a text may quote what was being sent.
                log.error("outbox.failed", error=type(error).__name__)  # noqa: TRY400
            # Not wait_for: in Python 3.11 it can swallow a cancellation that comes with the event.
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await self._wake.wait()

    async def drain(self) -> None:
        """Wait for what is being sent."""
        await asyncio.gather(*self._sending, return_exceptions=True)

    async def stop(self, env: Env, *, seconds: float) -> None:
        """Wait so long for what is being sent, once `run` has been cancelled. The rest is given back,
        so that another process, or the next start, sends it at once and not after the lease."""
        if self._claim is not None:  # it may have been under way when `run` was cancelled
            await asyncio.wait([self._claim])
        if self._sending:
            await asyncio.wait(self._sending, timeout=seconds)
        for task, row_id in self._sending.items():
            if row_id in self._held:
                task.cancel()
        await self.drain()
        with suppress(StoreUnavailable):  # then the leases lapse
            await self._give_back(env)

    async def _give_back(self, env: Env) -> None:
        """Give back what nobody is sending: it was claimed when the product stopped, or the database
        went away before the message could be made."""
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
            await by_system(env).run(_write_down, row, result=result)
        except SealBroken:
            self._held.discard(row.id)
            broken = _Result("failed", reason=SEAL_BROKEN)
            await by_system(env).run(_write_down, row, result=broken)
        except StoreUnavailable:
            # It is given back, or, where it may have left, the lease lapses: sent again, same code.
            log.warning("outbox.not_written_down")
        except Exception as error:  # noqa: BLE001  as above, for one message
            log.error(  # noqa: TRY400  the type alone, as above
                "outbox.message_failed", error=type(error).__name__, kind=row.kind
            )
            self._held.discard(row.id)
            broken = _Result("failed", reason="internal")
            await by_system(env).run(_write_down, row, result=broken)

    async def _hand_over(self, env: Env, row: OutboxRow, message: Message) -> _Result:
        """Try the channel's providers in their order."""
        if row.channel is not Channel.EMAIL and row.copies >= MOST_COPIES:
            return _Result("failed", reason=NO_ANSWER, provider=row.provider, copies=row.copies)
        phone = await env.store.read(phones.load, row.phone_id or "", account_id=row.account_id)
        region = phone.region if phone else ""
        handed = await self._failover.hand_over(env, row, message, region=region)
        if handed is None:
            return _retry(row, "no_provider", provider=row.provider, now=env.clock())
        return _judge(row, handed.answer, provider=handed.provider, now=env.clock())


def _judge(row: OutboxRow, answer: port.SendOutcome, *, provider: str, now: int) -> _Result:
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
    """Nobody knows whether it left: a mail is recognised as the same, a text goes out once more."""
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
    seconds += secrets.randbelow(seconds // 4 + 2)  # not all at once when a provider comes back
    if now + seconds >= row.not_after:
        return _Result("failed", reason=reason, provider=provider)
    return _Result(
        "queued", reason=reason, provider=provider, retry_in_seconds=seconds, copies=row.copies
    )


def _write_down(turn: Turn, row: OutboxRow, *, result: _Result) -> None:
    account = accounts.lock(turn.tx, row.account_id)
    current = outbox.load(turn.tx, row.id)
    if account is None or current is None or current.state != "queued":
        return  # a report of the provider was faster than its answer
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
    outbox.save_state(
        turn.tx,
        row.id,
        state=result.state,
        reason=result.reason,
        provider=result.provider,
        provider_id=result.provider_id,
        now=turn.now,
    )
    turn.record(account, _event(row, result))
    if row.phone_id:
        phone = phones.load(turn.tx, row.phone_id, account_id=account.id)
        note_refusal(turn, phone, reason=result.reason, provider=result.provider)
    if result.reason == SEAL_BROKEN:
        purpose = PAYLOAD if row.challenge_id is None else CODE
        tell_broken(turn.tx, account.id, purpose=purpose, now=turn.now)


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
