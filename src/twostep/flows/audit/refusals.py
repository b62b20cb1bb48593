"""The job that writes down refusals which wait for the event that counts them."""

from __future__ import annotations

from dataclasses import replace

from twostep.core.audit.event import MERGE_SECONDS
from twostep.flows.turn import Turn
from twostep.store.account import accounts
from twostep.store.audit import refusals, trail


BATCH = 200


def write_waiting(turn: Turn) -> int:
    """Write the events of refusals that have waited for a minute; returns how many were due."""
    due = refusals.list_waiting(turn.tx, before=turn.now - MERGE_SECONDS, limit=BATCH)
    for listed in due:
        account = accounts.lock(turn.tx, listed.account_id)
        row = refusals.load(turn.tx, listed)
        if account is None or row is None or not row.waiting:
            continue
        refusals.save(turn.tx, replace(row, since_at=turn.now, waiting=0))
        event, source = refusals.event_of(row)
        trail.append(
            turn.tx,
            event,
            account=account,
            source=source,
            now=turn.now,
            keyring=turn.env.keyring,
        )
        turn.tx.events.pop()  # log and metrics have had each of them
    return len(due)
