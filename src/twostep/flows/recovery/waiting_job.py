"""The daily mails of recoveries that wait, and their end."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from twostep.core.account import Account
from twostep.core.audit import event
from twostep.core.audit.event import SYSTEM
from twostep.core.outage import StoreUnavailable
from twostep.delivery.mail.notice import NoticeKind
from twostep.flows.env import Env, Visitor
from twostep.flows.recovery.lost_phone import (
    DAY_SECONDS,
    FINISH_SECONDS,
    mail_every_address,
    may_recover,
)
from twostep.flows.recovery.tell_phones import tell_phones
from twostep.flows.sign_in.waiting_recovery import cancel_recovery
from twostep.store.account import accounts
from twostep.store.audit import trail as audit
from twostep.store.recovery import recoveries
from twostep.store.recovery.recoveries import Recovery
from twostep.store.tx import Tx


LOOK_EVERY_SECONDS = 5.0
BATCH = 50


def run_due(tx: Tx, env: Env, *, now: int) -> int:
    """Send the daily mail, or the last one; how many recoveries were looked at."""
    due = recoveries.list_due(tx, now=now, limit=BATCH)
    for found in due:
        account = accounts.lock(tx, found.account_id)
        own = recoveries.load(tx, found.account_id)
        if account is not None and own is not None and own.next_at <= now:
            _go_on(tx, env, account, own, now=now)
    return len(due)


async def run_recoveries(env: Env) -> None:
    """Look every few seconds until cancelled; at once nothing where recovery is off."""
    while env.settings.policy.recovery_wait_hours:
        with suppress(StoreUnavailable):
            if await env.store.read(recoveries.list_due, now=env.clock(), limit=1):
                await env.store.run(run_due, env, now=env.clock())
        await asyncio.sleep(LOOK_EVERY_SECONDS)


def _go_on(tx: Tx, env: Env, account: Account, own: Recovery, *, now: int) -> None:
    nobody = Visitor("", "")
    if own.ended_at is not None:  # nobody came within the link's life
        recoveries.remove(tx, account.id)
    elif not may_recover(env, account) or account.password_version != own.password_version:
        cancel_recovery(tx, env, account, nobody, by="change", now=now)
    elif now >= own.ends_at:
        recoveries.save_next(tx, account.id, next_at=now + FINISH_SECONDS, ended_at=now)
        ended = event.new_event(event.RECOVERY_ENDED)
        audit.append(tx, ended, account_id=account.id, source=SYSTEM, now=now)
        mail_every_address(tx, env, account, own, NoticeKind.RECOVERY_DONE, visitor=None, now=now)
        tell_phones(tx, env, account, nobody, now=now)
    else:
        next_at = min(now + DAY_SECONDS, own.ends_at)
        recoveries.save_next(tx, account.id, next_at=next_at, ended_at=None)
        mail_every_address(tx, env, account, own, NoticeKind.RECOVERY_DAILY, visitor=None, now=now)
