"""The outbox worker: claims due rows, sends their messages and records the outcome.

Sending happens after commit, so a slow provider never blocks a page. A row is claimed for a lease; if
the process dies, the lease expires and the row is sent again with the same code. A timeout after the
request was written is shown as failed at once ("it may still arrive"); ten seconds later, unless a
report has arrived, the message is sent once more. A code is sent in two copies at most.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

import structlog

from twostep.core.messages.channel import Channel
from twostep.core.methods.out_of_band import NO_ANSWER
from twostep.core.outage import StoreUnavailable
from twostep.core.sealing import SealBroken
from twostep.delivery import port
from twostep.delivery.message import MailMessage, Message
from twostep.delivery.port import Carrier
from twostep.flows.env import NOBODY, Env
from twostep.flows.messages.compose import DELAYED_SECONDS, compose, renew_link
from twostep.flows.messages.failover import Failover
from twostep.flows.messages.send_result import (
    MOST_COPIES,
    SEAL_BROKEN,
    TryResult,
    hasten,
    result_of,
    retry,
    save_result,
)
from twostep.flows.turn import TurnOpener, by_system
from twostep.store.messages import outbox
from twostep.store.messages.outbox import OutboxRow
from twostep.store.methods import phones
from twostep.store.tx import Tx


LEASE_SECONDS = 60
ROWS_AT_ONCE = 16  # of each channel: a provider that hangs holds up its own channel only
POLL_SECONDS = 1.0

log = structlog.get_logger(__name__)


class Outbox:
    """One process's worker. `wake` may be called from any flow after its commit."""

    def __init__(self, carriers: Mapping[Channel, Sequence[Carrier]]) -> None:
        self._failover = Failover(carriers)
        self._wake = asyncio.Event()
        self._has_hastened = False
        # The row each task is sending, and the rows we hold a lease on without an answer yet.
        self._sending: dict[asyncio.Task[None], OutboxRow] = {}
        self._held: set[str] = set()
        self._claim: asyncio.Future[list[OutboxRow]] | None = None

    def wake(self) -> None:
        """Check for due rows now instead of at the next poll."""
        self._wake.set()

    def use(self, carriers: Mapping[Channel, Sequence[Carrier]]) -> None:
        """Send through these from now on; what is being sent keeps the earlier ones."""
        self._failover = Failover(carriers)
        self._has_hastened = False
        self.wake()

    async def run(self, env: Env) -> None:
        """Send due rows until cancelled."""
        while True:
            self._wake.clear()
            try:
                # A restart, or a new password, may be what mends the mail server's settings.
                if not self._has_hastened:
                    await by_system(env).run(hasten)
                    self._has_hastened = True
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
        for task, row in self._sending.items():
            if row.id in self._held:
                task.cancel()
        await self.drain()
        with suppress(StoreUnavailable):  # the leases will expire
            await self._give_back(env)

    async def _give_back(self, env: Env) -> None:
        """Give back rows that nobody is sending: they were claimed during a stop, or the database
        became unavailable before the message was composed."""
        if idle := self._held - {row.id for row in self._sending.values()}:
            await env.store.run(outbox.give_back, sorted(idle), now=env.clock())
            self._held -= idle

    async def _send_due(self, env: Env) -> None:
        await self._give_back(env)
        now = env.clock()
        due_at = await env.store.read(outbox.next_due_at)
        if due_at is None or due_at > now:
            return
        taken = Counter(row.channel for row in self._sending.values())
        free = {channel: ROWS_AT_ONCE - taken[channel] for channel in Channel}
        self._claim = asyncio.ensure_future(env.store.run(_claim, free, now=now))
        self._claim.add_done_callback(self._hold)
        for row in await asyncio.shield(self._claim):
            task = asyncio.create_task(self._send(env, row))
            self._sending[task] = row
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
            message = await _compose(env, row, now=now)
            if message is None:
                result = TryResult("expired", reason="expired")
            else:
                result = await self._hand_over(env, row, message)
            self._held.discard(row.id)
            await by_system(env).run(save_result, row, result=result)
        except SealBroken:
            self._held.discard(row.id)
            failed = TryResult("failed", reason=SEAL_BROKEN)
            await by_system(env).run(save_result, row, result=failed)
        except StoreUnavailable:
            # The row is given back or, if it may have been sent, its lease expires; same code again.
            log.warning("outbox.not_written_down")
        except Exception as error:  # noqa: BLE001  as above, for one message
            log.error(  # noqa: TRY400  only the type, as above
                "outbox.message_failed", error=type(error).__name__, kind=row.kind
            )
            self._held.discard(row.id)
            later = retry(row, "internal", provider=row.provider, now=now)
            await by_system(env).run(save_result, row, result=later)

    async def _hand_over(self, env: Env, row: OutboxRow, message: Message) -> TryResult:
        """Try the channel's providers in order."""
        if row.channel is not Channel.EMAIL and row.copies >= MOST_COPIES:
            return TryResult("failed", reason=NO_ANSWER, provider=row.provider, copies=row.copies)
        phone = await env.store.read(phones.load, row.phone_id or "", account_id=row.account_id)
        region = phone.region if phone else ""
        tries = await self._failover.hand_over(env, row, message, region=region)
        if not tries:
            return retry(row, "no_provider", provider=row.provider, now=env.clock())
        last = tries[-1]
        result = result_of(row, last.answer, provider=last.provider, now=env.clock())
        return _with_address(replace(result, tries=tries), message)


async def _compose(env: Env, row: OutboxRow, *, now: int) -> Message | None:
    """The message; None if it is no longer wanted."""
    opener = TurnOpener(env, NOBODY, now)
    is_delayed = now - row.created_at >= DELAYED_SECONDS
    if is_delayed and not await opener.run(renew_link, row):
        return None
    return await opener.read(compose, row)


def _claim(tx: Tx, free: Mapping[Channel, int], *, now: int) -> list[OutboxRow]:
    """Claim due rows, as many of each channel as there are free places."""
    rows = [
        row
        for channel, limit in free.items()
        if limit > 0
        for row in outbox.claim_due(
            tx, now=now, lease_seconds=LEASE_SECONDS, limit=limit, channel=channel
        )
    ]
    return sorted(rows, key=lambda row: (row.next_at, row.id))


def _with_address(result: TryResult, message: Message) -> TryResult:
    """Add the address of a mail that came back, or that was taken."""
    if not isinstance(message, MailMessage):
        return result
    if result.reason == port.Failure.UNUSABLE:
        return replace(result, bounced=message.to)
    return replace(result, taken=message.to) if result.state == "accepted" else result
