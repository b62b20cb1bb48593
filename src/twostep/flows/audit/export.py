"""The whole audit trail as JSON lines, for another machine or an offline check."""

from __future__ import annotations

from collections.abc import Callable

from twostep.core.audit import event
from twostep.core.audit.audit_chain import Record
from twostep.flows.audit.checkpoint import checkpoint_all
from twostep.flows.turn import Turn, TurnOpener
from twostep.store.audit import trail as audit


PAGE = 1000


async def export_audit(opener: TurnOpener, write: Callable[[str], object]) -> int:
    """Write every record, one JSON object a line, by chain and number; how many there were.

    The export is an event itself and stands in it: it names the checkpoint that was taken just
    before, up to which nothing may be missing. Pages are read one by one, so that no snapshot stays
    open; what happens meanwhile may be in it too.
    """
    checkpoint = await checkpoint_all(opener)
    await opener.run(_record_export, checkpoint=checkpoint)
    after = ("", 0)
    count = 0
    while page := await opener.env.store.read(audit.list_page, after=after, limit=PAGE):
        for record in page:
            write(_line(record))
        after = (page[-1].chain, page[-1].seq)
        count += len(page)
    return count


def _record_export(turn: Turn, *, checkpoint: int) -> None:
    exported = event.new_event(
        event.AUDIT_EXPORTED, events=audit.count(turn.tx) + 1, checkpoint=checkpoint
    )
    turn.record_system(exported, subject="audit")


def _line(record: Record) -> str:
    """The hashed bytes as they are stored, and the two hashes behind them."""
    hashes = f'"prev_hash":"{record.prev_hash.hex()}","hash":"{record.hash.hex()}"'
    return f"{record.body.removesuffix('}')},{hashes}}}\n"
