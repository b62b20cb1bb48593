"""Tags of chains that stand in the database already: after an upgrade, a rotation, or a look at what
a stranger wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from twostep.core.audit import event
from twostep.core.audit.audit_chain import Head
from twostep.core.audit.audit_review import Vouched
from twostep.core.audit.audit_tag import is_genuine, make_tag
from twostep.flows.audit.verify import vouched_by_checkpoints
from twostep.flows.env import Env
from twostep.flows.turn import Turn, by_system
from twostep.store import installation
from twostep.store.audit import tags, trail


UNTAGGED = "audit_untagged"  # written by the migration
BATCH = 500


async def tag_vouched(env: Env) -> int:
    """Tag the ends that checkpoints vouch for, once after the upgrade; returns how many.

    Only those: whoever puts the mark back gains nothing. Raises `StoreUnavailable`.
    """
    if not await env.store.read(installation.load, UNTAGGED):
        return 0
    vouched = await vouched_by_checkpoints(env)
    opener = by_system(env)
    count = await opener.run(_tag_system, vouched)
    after: str | None = ""
    while after is not None:
        tagged, after = await opener.run(_tag_batch, vouched, after=after)
        count += tagged
    await env.store.run(installation.remove, UNTAGGED)
    return count


def _tag_system(turn: Turn, vouched: Mapping[str, Vouched]) -> int:
    return _tag(turn, trail.list_system_heads(turn.tx), vouched)


def _tag_batch(turn: Turn, vouched: Mapping[str, Vouched], *, after: str) -> tuple[int, str | None]:
    heads = trail.list_heads(turn.tx, after=after, limit=BATCH)
    return _tag(turn, heads, vouched), next(reversed(heads)) if len(heads) == BATCH else None


def _tag(turn: Turn, heads: Mapping[str, Head], vouched: Mapping[str, Vouched]) -> int:
    keyring = turn.env.keyring
    return sum(
        tags.save_tag(
            turn.tx, chain, replace(head, tag=make_tag(keyring, chain, head)), old=head.tag
        )
        for chain, head in heads.items()
        if head.seq and not head.tag and chain in vouched and vouched[chain].head == head
    )


def accept(turn: Turn, chains: Sequence[str], *, reason: str) -> dict[str, int]:
    """Tag the ends of chains as they stand, after an operator has looked: checkpoints sign them again.

    Returns the number of the last record of each; a chain that there is not, or whose end is genuine,
    is left out.
    """
    keyring, accepted = turn.env.keyring, {}
    for chain in chains:
        head = trail.load_head(turn.tx, chain)
        if head is None or is_genuine(keyring, chain, head):
            continue
        tagged = replace(head, tag=make_tag(keyring, chain, head))
        if tags.save_tag(turn.tx, chain, tagged, old=head.tag):
            trail.mark_changed(turn.tx, chain, tagged)
            accepted[chain] = head.seq
    if accepted:
        names = " ".join(accepted)
        turn.record_system(
            event.new_event(event.AUDIT_ACCEPTED, chains=names, reason=reason), subject="audit"
        )
    return accepted


def count_untagged(turn: Turn) -> int:
    """How many chains have an end without a tag: a stranger's, or one that follows it."""
    return tags.count_untagged(turn.tx)
