"""Tidy up: what has ended is deleted in small batches, so that no other flow waits long."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from twostep.core.outage import StoreUnavailable
from twostep.flows.audit.purge_trail import purge_audit
from twostep.flows.env import Env
from twostep.flows.messages.opt_out import REMEMBERED_SECONDS
from twostep.store import installation
from twostep.store.account import mail_links
from twostep.store.audit import checkpoints as audit_checkpoints
from twostep.store.messages import alarms, opt_outs, outbox, sends
from twostep.store.methods import apps, challenges, passkeys
from twostep.store.methods import backup_codes as recovery_codes
from twostep.store.recovery import support_references
from twostep.store.sign_in import kept_forms as kept_posts
from twostep.store.sign_in import remembered_browsers, throttles
from twostep.store.tx import Tx


EVERY_SECONDS = 60.0
BATCH = 500
HOUR_SECONDS = 3600
DAY_SECONDS = 86_400
# Counters that strangers can make without an account: what a hundred networks make in ten hours.
MOST_STRANGERS = 100_000


def purge(tx: Tx, env: Env, *, now: int, limit: int = BATCH) -> int:
    """Wipe clear values whose time is over and delete one batch of what has ended; rows changed.

    One process at a time; another waits for its batch.
    """
    audit_checkpoints.hold_starts(tx)
    return sum(
        (
            recovery_codes.wipe_shown(tx, now=now),
            challenges.wipe_expired(tx, now=now),
            installation.purge_sessions(tx, now=now, limit=limit),
            challenges.purge(tx, before=now - DAY_SECONDS, limit=limit),
            apps.purge_pending(tx, before=now - HOUR_SECONDS, limit=limit),
            kept_posts.purge(tx, before=now - HOUR_SECONDS, limit=limit),
            recovery_codes.purge_temporary(tx, before=now - DAY_SECONDS, limit=limit),
            support_references.purge(tx, before=now - HOUR_SECONDS, limit=limit),
            installation.purge_unconfirmed_phones(tx, before=now - DAY_SECONDS, limit=limit),
            mail_links.purge(tx, before=now - 30 * DAY_SECONDS, limit=limit),
            outbox.purge(tx, before=now - 30 * DAY_SECONDS, limit=limit),
            sends.purge(tx, before=now - 90 * DAY_SECONDS, limit=limit),
            opt_outs.purge(tx, before=now - REMEMBERED_SECONDS, limit=limit),
            alarms.purge(tx, before=now - 90 * DAY_SECONDS, limit=limit),
            passkeys.purge_challenges(tx, before=now - DAY_SECONDS, limit=limit),
            remembered_browsers.purge(tx, before=now, limit=limit),
            throttles.purge_strangers(
                tx, before=now - HOUR_SECONDS, most=MOST_STRANGERS, limit=limit
            ),
            throttles.purge(tx, before=now - 2 * DAY_SECONDS, limit=limit),
            purge_audit(tx, env, now=now, limit=limit),
        )
    )


async def run_purge(env: Env) -> None:
    """Tidy up once a minute until cancelled."""
    while True:
        with suppress(StoreUnavailable):
            while await env.store.run(purge, env, now=env.clock()) >= BATCH:
                pass  # each batch is a transaction of its own
        await asyncio.sleep(EVERY_SECONDS)
