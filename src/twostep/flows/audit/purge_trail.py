"""Purge old events; each chain gets a signed start, so that the rest can still be verified."""

from __future__ import annotations

from twostep.core.audit.audit_chain import Head
from twostep.core.audit.audit_checkpoint import CHECKPOINTS, new_start
from twostep.flows.turn import Turn
from twostep.store.audit import checkpoints, trail


MONTH_SECONDS = 2_629_746  # a twelfth of the mean Gregorian year


def purge_audit(turn: Turn, *, limit: int) -> int:
    """Remove about `limit` events older than `retention.events_months`; returns how many.

    Removes only from the start of a chain; once no old event is left, old checkpoints go too.
    """
    before = turn.now - turn.env.settings.retention.events_months * MONTH_SECONDS
    removed = 0
    for chain in trail.list_chains_before(turn.tx, before, limit=limit):
        if removed < limit:
            left = limit - removed
            removed += _purge_chain(turn, chain, before=before, limit=left)
    return removed or _purge_checkpoints(turn, before=before, limit=limit)


def _purge_chain(turn: Turn, chain: str, *, before: int, limit: int) -> int:
    last = None
    for record in trail.list_chain(turn.tx, chain, after_seq=0, limit=limit):
        if record.at >= before:
            break
        last = record
    if last is None:  # the old event follows a newer one, because the clock was moved
        return 0
    head = Head(last.seq, bytes(last.hash))
    signed = new_start(turn.env.keyring, chain=chain, head=head, at=turn.now)
    checkpoints.save_start(turn.tx, chain, signed, key_id=turn.env.keyring.newest.id)
    return trail.remove_to(turn.tx, chain, last.seq)


def _purge_checkpoints(turn: Turn, *, before: int, limit: int) -> int:
    """Remove checkpoints whose heads were all purged; the newest checkpoint always stays."""
    last = checkpoints.load_last_before(turn.tx, before, limit=limit)
    if last is None:
        return 0
    head = Head(last[0], last[1].root)
    signed = new_start(turn.env.keyring, chain=CHECKPOINTS, head=head, at=turn.now)
    checkpoints.save_start(turn.tx, CHECKPOINTS, signed, key_id=turn.env.keyring.newest.id)
    return checkpoints.remove_to(turn.tx, last[0])
