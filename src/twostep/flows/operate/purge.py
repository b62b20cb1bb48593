"""Delete expired rows in small batches, so that no other flow waits long."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from twostep.core.outage import StoreUnavailable
from twostep.flows.audit.purge_trail import purge_audit
from twostep.flows.audit.refusals import BATCH as WAITING_BATCH
from twostep.flows.audit.refusals import write_waiting
from twostep.flows.env import Env
from twostep.flows.messages.opt_out import REMEMBERED_SECONDS
from twostep.flows.turn import Turn, by_system
from twostep.store import installation
from twostep.store.account import mail_links
from twostep.store.audit import checkpoints, refusals
from twostep.store.messages import alarms, opt_outs, outbox, provider_tries, sends
from twostep.store.methods import apps, backup_codes, challenges, passkeys
from twostep.store.recovery import support_references
from twostep.store.sign_in import kept_forms, known_browsers, remembered_browsers, throttles


EVERY_SECONDS = 60.0
BATCH = 500
HOUR_SECONDS = 3600
DAY_SECONDS = 86_400
# Counters that can be created without an account: what a hundred networks create in ten hours.
MOST_STRANGERS = 100_000


def purge(turn: Turn, *, limit: int = BATCH) -> int:
    """Wipe expired clear values and delete one batch of expired rows; returns the rows changed.

    Only one process purges at a time; another waits for the batch to finish.
    """
    checkpoints.hold_starts(turn.tx)
    return sum(
        (
            backup_codes.wipe_shown(turn.tx, now=turn.now),
            challenges.wipe_expired(turn.tx, now=turn.now),
            installation.purge_sessions(turn.tx, now=turn.now, limit=limit),
            challenges.purge(turn.tx, before=turn.now - DAY_SECONDS, limit=limit),
            apps.purge_pending(turn.tx, before=turn.now - HOUR_SECONDS, limit=limit),
            kept_forms.purge(turn.tx, before=turn.now - HOUR_SECONDS, limit=limit),
            backup_codes.purge_temporary(turn.tx, before=turn.now - DAY_SECONDS, limit=limit),
            support_references.purge(turn.tx, before=turn.now - HOUR_SECONDS, limit=limit),
            installation.purge_unconfirmed_phones(
                turn.tx, before=turn.now - DAY_SECONDS, limit=limit
            ),
            mail_links.purge(turn.tx, before=turn.now - 30 * DAY_SECONDS, limit=limit),
            outbox.purge(turn.tx, before=turn.now - 30 * DAY_SECONDS, limit=limit),
            sends.purge(turn.tx, before=turn.now - 90 * DAY_SECONDS, limit=limit),
            opt_outs.purge(turn.tx, before=turn.now - REMEMBERED_SECONDS, limit=limit),
            provider_tries.purge(turn.tx, before_day=turn.now // DAY_SECONDS - 90),
            alarms.purge(turn.tx, before=turn.now - 90 * DAY_SECONDS, limit=limit),
            passkeys.purge_challenges(turn.tx, before=turn.now - DAY_SECONDS, limit=limit),
            remembered_browsers.purge(turn.tx, before=turn.now, limit=limit),
            known_browsers.purge(turn.tx, now=turn.now, limit=limit),
            throttles.purge_strangers(
                turn.tx, before=turn.now - HOUR_SECONDS, most=MOST_STRANGERS, limit=limit
            ),
            throttles.purge(turn.tx, before=turn.now - 2 * DAY_SECONDS, limit=limit),
            refusals.purge(turn.tx, before=turn.now - HOUR_SECONDS, limit=limit),
            purge_audit(turn, limit=limit),
        )
    )


async def run_purge(env: Env) -> None:
    """Purge, and write down and log refusals that wait, once a minute until cancelled."""
    while True:
        with suppress(StoreUnavailable):
            while await by_system(env).run(write_waiting) >= WAITING_BATCH:
                pass
            while await by_system(env).run(purge) >= BATCH:
                pass  # each batch is a transaction of its own
        if env.event_log is not None:
            env.event_log.flush()
        await asyncio.sleep(EVERY_SECONDS)
