"""Export the audit trail as JSON lines, for another machine, a SIEM or an offline check.

Parts follow each other by the numbers of checkpoints: every event up to a checkpoint is covered by it
or an earlier one, in whatever order the events of different chains were committed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from twostep.core.audit import event
from twostep.core.audit.audit_chain import Head, Record
from twostep.core.audit.audit_checkpoint import CHECKPOINTS, read_checkpoint, read_start
from twostep.core.audit.event import Event, Outcome
from twostep.flows.audit.checkpoint import checkpoint_all
from twostep.flows.env import Env
from twostep.flows.turn import Turn, TurnOpener
from twostep.store.audit import checkpoints, trail


PAGE = 1000
CHECKPOINT_PAGE = 200
CLOCKS_SECONDS = 60  # how far the clocks of nodes may differ

Write = Callable[[str], object]


class SinceUnknown(Exception):
    """No export can begin there; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written. `next_since`: where the next part begins."""

    events: int
    next_since: int


async def export_audit(opener: TurnOpener, write: Write) -> Exported:
    """Write every record as one JSON line, ordered by chain and number.

    The export includes its own event, which names the checkpoint taken just before; up to that one
    nothing may be missing. Pages are read one by one, so no snapshot stays open and events that
    happen meanwhile may be included; the next part has them again.
    """
    checkpoint = await checkpoint_all(opener)
    await opener.run(_record_export, checkpoint=checkpoint)
    next_since = await checkpoint_all(opener)
    after = ("", 0)
    count = 0
    while page := await opener.env.store.read(trail.list_page, after=after, limit=PAGE):
        for record in page:
            write(_line(record))
        after = (page[-1].chain, page[-1].seq)
        count += len(page)
    return Exported(count, next_since)


async def export_since(opener: TurnOpener, since: int, write: Write) -> Exported:
    """Write what checkpoint `since` does not cover, up to the end of this call: each record is in
    exactly one of the parts that follow each other. 0: from the first record.

    It includes its own event, as `export_audit`. Raises `SinceUnknown`, before anything is written.
    """
    newest = await checkpoint_all(opener)
    await _require_known(opener.env, since, newest=newest)
    await opener.run(_record_export, checkpoint=newest, since=since)
    next_since = await checkpoint_all(opener)
    before = await _heads(opener.env, after=0, until=since)
    heads = await _heads(opener.env, after=since, until=next_since)
    count = 0
    for chain in sorted(heads):
        seq, last = before[chain].seq if chain in before else 0, heads[chain].seq
        while seq < last:
            limit = min(PAGE, last - seq)
            page = await opener.env.store.read(trail.list_chain, chain, after_seq=seq, limit=limit)
            within = [record for record in page if record.seq <= last]
            for record in within:
                write(_line(record))
            count += len(within)
            if len(within) < limit:  # the rest was purged meanwhile
                break
            seq = within[-1].seq
    return Exported(count, next_since)


async def checkpoint_at(opener: TurnOpener, at: int) -> int:
    """The checkpoint from which an export has every event since then (Unix seconds), and some of the
    minutes before. Raises `SinceUnknown` for a time to come."""
    if at > opener.now:
        raise SinceUnknown("That time has not come yet.")
    return await opener.env.store.read(checkpoints.last_until, at - CLOCKS_SECONDS)


async def _require_known(env: Env, since: int, *, newest: int) -> None:
    if since > newest:
        raise SinceUnknown(
            f"There is no checkpoint {since}: the newest is {newest}. Is the number of another"
            " installation, or was an older copy of the database put back?"
        )
    start = await env.store.read(checkpoints.load_start, CHECKPOINTS)
    oldest = read_start(start.body).head.seq if start else 0
    if 0 < since < oldest:
        raise SinceUnknown(
            f"Checkpoint {since} is older than retention.events_months: some of what followed it is"
            f" gone. What is left: --since {oldest}"
        )


async def _heads(env: Env, *, after: int, until: int) -> dict[str, Head]:
    """Each chain's newest head in the checkpoints after one number, up to another."""
    heads: dict[str, Head] = {}
    last = after
    while last < until and (
        page := await env.store.read(checkpoints.list_after, last, limit=CHECKPOINT_PAGE)
    ):
        for seq, signed in page:
            if seq <= until:
                heads |= _heads_of(seq, signed.body)
        last = page[-1][0]
    return heads


def _heads_of(seq: int, body: str) -> dict[str, Head]:
    try:
        return dict(read_checkpoint(body).heads)
    except ValueError:
        raise SinceUnknown(
            f"Checkpoint {seq} is none, so nobody knows what it covers. Run: twostep audit verify"
        ) from None


def _record_export(turn: Turn, *, checkpoint: int, since: int | None = None) -> None:
    data = {"checkpoint": checkpoint}
    data |= {"events": trail.count(turn.tx) + 1} if since is None else {"since": since}
    exported = Event(event.AUDIT_EXPORTED, Outcome.OK, data=data)
    turn.record_system(exported, subject="audit")


def _line(record: Record) -> str:
    """The hashed bytes as stored, followed by the two hashes."""
    hashes = f'"prev_hash":"{record.prev_hash.hex()}","hash":"{record.hash.hex()}"'
    return f"{record.body.removesuffix('}')},{hashes}}}\n"
