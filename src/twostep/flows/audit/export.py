"""Export the whole audit trail as JSON lines, for another machine or an offline check."""

from __future__ import annotations

from collections.abc import Callable

from twostep.core.audit import event
from twostep.core.audit.audit_chain import Record
from twostep.flows.audit.checkpoint import checkpoint_all
from twostep.flows.turn import Turn, TurnOpener
from twostep.store.audit import trail


PAGE = 1000


async def export_audit(opener: TurnOpener, write: Callable[[str], object]) -> int:
    """Write every record as one JSON line, ordered by chain and number; returns how many.

    The export includes its own event, which names the checkpoint taken just before; up to that one
    nothing may be missing. Pages are read one by one, so no snapshot stays open and events that
    happen meanwhile may be included.
    """
    checkpoint = await checkpoint_all(opener)
    await opener.run(_record_export, checkpoint=checkpoint)
    after = ("", 0)
    count = 0
    while page := await opener.env.store.read(trail.list_page, after=after, limit=PAGE):
        for record in page:
            write(_line(record))
        after = (page[-1].chain, page[-1].seq)
        count += len(page)
    return count


def _record_export(turn: Turn, *, checkpoint: int) -> None:
    exported = event.new_event(
        event.AUDIT_EXPORTED, events=trail.count(turn.tx) + 1, checkpoint=checkpoint
    )
    turn.record_system(exported, subject="audit")


def _line(record: Record) -> str:
    """The hashed bytes as stored, followed by the two hashes."""
    hashes = f'"prev_hash":"{record.prev_hash.hex()}","hash":"{record.hash.hex()}"'
    return f"{record.body.removesuffix('}')},{hashes}}}\n"
