"""The daily mails of recoveries that wait, and their end."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from twostep.core.audit import event
from twostep.core.outage import StoreUnavailable
from twostep.delivery.mail.notice import NoticeKind
from twostep.flows.env import Env
from twostep.flows.policy.decide import rules_of
from twostep.flows.recovery.lost_phone import (
    DAY_SECONDS,
    FINISH_SECONDS,
    mail_every_address,
    may_recover,
)
from twostep.flows.recovery.tell_phones import tell_phones
from twostep.flows.sign_in.waiting_recovery import cancel_recovery
from twostep.flows.turn import Turn, by_system
from twostep.store.account import accounts
from twostep.store.account.accounts import Held
from twostep.store.recovery import recoveries
from twostep.store.recovery.recoveries import Recovery


LOOK_EVERY_SECONDS = 5.0
BATCH = 50


def run_due(turn: Turn) -> int:
    """Send the daily mail, or the last one; how many recoveries were looked at."""
    due = recoveries.list_due(turn.tx, now=turn.now, limit=BATCH)
    for found in due:
        account = accounts.lock(turn.tx, found.account_id)
        own = recoveries.load(turn.tx, found.account_id)
        if account is not None and own is not None and own.next_at <= turn.now:
            _go_on(turn, account, own)
    return len(due)


async def run_recoveries(env: Env) -> None:
    """Look every few seconds until cancelled; at once nothing where recovery is off."""
    while rules_of(env.settings).recovery_wait_hours:
        with suppress(StoreUnavailable):
            if await env.store.read(recoveries.list_due, now=env.clock(), limit=1):
                await by_system(env).run(run_due)
        await asyncio.sleep(LOOK_EVERY_SECONDS)


def _go_on(turn: Turn, account: Held, own: Recovery) -> None:
    if own.ended_at is not None:  # nobody came within the link's life
        recoveries.remove(turn.tx, account.id)
    elif not may_recover(turn.env, account) or account.password_version != own.password_version:
        cancel_recovery(turn, account, by="change")
    elif turn.now >= own.ends_at:
        recoveries.save_next(
            turn.tx, account.id, next_at=turn.now + FINISH_SECONDS, ended_at=turn.now
        )
        ended = event.new_event(event.RECOVERY_ENDED)
        turn.record(account, ended)
        mail_every_address(turn, account, own, NoticeKind.RECOVERY_DONE)
        tell_phones(turn, account)
    else:
        next_at = min(turn.now + DAY_SECONDS, own.ends_at)
        recoveries.save_next(turn.tx, account.id, next_at=next_at, ended_at=None)
        mail_every_address(turn, account, own, NoticeKind.RECOVERY_DAILY)
