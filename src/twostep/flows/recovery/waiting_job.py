"""The job that sends the daily mails of waiting recoveries and ends their wait."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from twostep.core.account import Account, Status
from twostep.core.audit import event
from twostep.core.outage import StoreUnavailable
from twostep.delivery.mail.notice import NoticeKind
from twostep.flows.env import Env
from twostep.flows.policy.decide import duties_of, rules_of
from twostep.flows.recovery.lost_phone import FINISH_SECONDS, mail_every_address
from twostep.flows.recovery.tell_phones import notify_phones
from twostep.flows.sign_in.waiting_recovery import DAY_SECONDS, cancel_recovery
from twostep.flows.turn import Turn, by_system
from twostep.store.account import accounts
from twostep.store.account.accounts import Held
from twostep.store.recovery import recoveries
from twostep.store.recovery.recoveries import Recovery


LOOK_EVERY_SECONDS = 5.0
BATCH = 50


def run_due(turn: Turn) -> int:
    """Send the daily or final mails that are due; returns how many recoveries were due."""
    due = recoveries.list_due(turn.tx, now=turn.now, limit=BATCH)
    for listed in due:
        account = accounts.lock(turn.tx, listed.account_id)
        recovery = recoveries.load(turn.tx, listed.account_id)
        if account is not None and recovery is not None and recovery.next_at <= turn.now:
            _advance(turn, account, recovery)
    return len(due)


async def run_recoveries(env: Env) -> None:
    """Check every few seconds until cancelled; returns at once if recovery is off."""
    while rules_of(env.settings).recovery_wait_hours:
        with suppress(StoreUnavailable):
            if await env.store.read(recoveries.list_due, now=env.clock(), limit=1):
                await by_system(env).run(run_due)
        await asyncio.sleep(LOOK_EVERY_SECONDS)


def _goes_on(turn: Turn, account: Account, recovery: Recovery) -> bool:
    """Whether its conditions still hold. A retired password only pauses it: guesses retired it."""
    return (
        duties_of(turn.env, account).may_recover
        and account.status is not Status.DISABLED
        and account.two_step
        and account.password_version == recovery.password_version
    )


def _advance(turn: Turn, account: Held, recovery: Recovery) -> None:
    if recovery.ended_at is not None:  # nobody used the link in time
        recoveries.remove(turn.tx, account.id)
    elif not _goes_on(turn, account, recovery):
        cancel_recovery(turn, account, by="change")
    elif account.status is Status.RETIRED and turn.now + DAY_SECONDS >= recovery.ends_at:
        # It cannot end before its owner has a new password, which sets a new end.
        recoveries.save_next(turn.tx, account.id, next_at=turn.now + DAY_SECONDS, ended_at=None)
    elif turn.now >= recovery.ends_at:
        recoveries.save_next(
            turn.tx, account.id, next_at=turn.now + FINISH_SECONDS, ended_at=turn.now
        )
        wait_ended = event.new_event(event.RECOVERY_ENDED)
        turn.record(account, wait_ended)
        mail_every_address(turn, account, recovery, NoticeKind.RECOVERY_DONE)
        notify_phones(turn, account)
    else:
        next_at = min(turn.now + DAY_SECONDS, recovery.ends_at)
        recoveries.save_next(turn.tx, account.id, next_at=next_at, ended_at=None)
        mail_every_address(turn, account, recovery, NoticeKind.RECOVERY_DAILY)
