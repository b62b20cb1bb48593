"""Verify the audit trail: the database's, or an export's, against the checkpoints.

Pages are read one by one, so no snapshot stays open; what a running server writes meanwhile is
followed. A cut after the last checkpoint goes unnoticed, unless the account's head still shows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from twostep.core.audit.audit_chain import Head, Record
from twostep.core.audit.audit_checkpoint import CHECKPOINTS, is_signed_by, public_keys, read_start
from twostep.core.audit.audit_review import AuditFinding, ChainReview, Fault, KnownStart, Vouched
from twostep.core.audit.audit_tag import is_genuine
from twostep.core.audit.checkpoint_review import CheckpointReview, compare, merge
from twostep.flows.audit.read_export import range_of, read_pages
from twostep.flows.env import Env
from twostep.store.audit import checkpoint_file, checkpoints, trail
from twostep.store.tx import Tx


PAGE = 1000
CHECKPOINT_PAGE = 200
ON_ITS_WAY_SECONDS = 30
SIGNED_WITHIN_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Verified:
    """What was verified, and what is wrong.

    `checkpoint`: the newest one compared with. `since`: the checkpoint that a partial export starts
    from, by its own account; 0: it has everything. `against_file`: whether `audit_checkpoint_file` was
    compared too. `unknown_starts`: chains that do not begin with their first record, with
    nothing to tell whether that is right.
    """

    events: int
    chains: int
    checkpoint: int
    against_file: bool
    unknown_starts: int
    findings: tuple[AuditFinding, ...]
    since: int = 0


async def verify_database(env: Env, *, now: int) -> Verified:
    """Verify every chain of the database. Raises `StoreUnavailable`."""
    path = env.settings.audit_checkpoint_file
    # Read the file first: all it holds must be in the database, but not the other way round.
    file = _review_file(path, env) if path else None
    stored, purged = await _review_checkpoints(env)
    findings = list(stored.finish())
    vouched = stored.vouched
    if file is not None:
        settled = now - ON_ITS_WAY_SECONDS
        findings += file.finish()
        findings += compare(stored, file, purged=purged, settled_before=settled)
        vouched = merge(vouched, file.vouched)
    review = ChainReview(vouched, settled_before=now - SIGNED_WITHIN_SECONDS)
    after = ("", 0)
    while page := await env.store.read(trail.list_page, after=after, limit=PAGE):
        await _feed(env, review, page)
        after = (page[-1].chain, page[-1].seq)
    await _compare_heads(env, review)
    await _load_starts(env, review, review.unread())
    return _verified(review, findings, checkpoint=stored.newest, against_file=file is not None)


async def vouched_by_checkpoints(env: Env) -> Mapping[str, Vouched]:
    """What the database's checkpoints vouch for, by chain. Raises `StoreUnavailable`."""
    stored, _ = await _review_checkpoints(env)
    stored.finish()
    return stored.vouched


async def verify_export(path: Path, env: Env | None) -> Verified:
    """Verify an export. `env`: the installation it comes from, if known.

    An export names the checkpoint taken just before it. Up to that one nothing may be missing;
    anything later is optional. A partial one also names the checkpoint that it starts from: of what
    that one covers nothing is expected. Raises OSError.
    """
    findings: list[AuditFinding] = []
    limit, since = range_of(path)
    if env is None:
        review = ChainReview({}, knows_starts=False)
        for page in read_pages(path, findings):
            review.feed(page)
        return replace(_verified(review, findings, checkpoint=0), since=since)
    if limit is None:
        text = "the export's own event is missing: its end was cut, or the file is no whole export"
        findings.append(AuditFinding(Fault.CUT, "export", 0, text))
    stored, _ = await _review_checkpoints(env, vouch_to=limit)
    findings += stored.finish()
    review = ChainReview(stored.vouched)
    if since:
        covered, _ = await _review_checkpoints(env, vouch_to=since)
        review.starts |= {chain: KnownStart(it.head) for chain, it in covered.vouched.items()}
    for page in read_pages(path, findings):
        await _feed(env, review, page)
    await _load_starts(env, review, review.unread())
    return replace(_verified(review, findings, checkpoint=stored.newest), since=since)


def _verified(
    review: ChainReview,
    findings: list[AuditFinding],
    *,
    checkpoint: int,
    against_file: bool = False,
) -> Verified:
    return Verified(
        events=review.records,
        chains=review.chains,
        checkpoint=checkpoint,
        against_file=against_file,
        unknown_starts=review.unknown_starts,
        findings=(*findings, *review.finish()),
    )


async def _review_checkpoints(
    env: Env, *, vouch_to: int | None = None
) -> tuple[CheckpointReview, int]:
    """Review the database's checkpoints; also returns the number up to which they were purged."""
    known_start = await _load_start(env, CHECKPOINTS)
    start = known_start.head if known_start and not known_start.problem else None
    review = CheckpointReview(public_keys(env.keyring), start=start, vouch_to=vouch_to)
    if known_start and known_start.problem:
        review.findings.append(
            AuditFinding(Fault.START, CHECKPOINTS, known_start.head.seq, known_start.problem)
        )
    last = 0
    while page := await env.store.read(checkpoints.list_after, last, limit=CHECKPOINT_PAGE):
        review.feed(page)
        last = page[-1][0]
    return review, start.seq if start else 0


def _review_file(path: Path, env: Env) -> CheckpointReview:
    review = CheckpointReview(public_keys(env.keyring), in_file=True)
    try:
        for entry in checkpoint_file.each(path):
            if isinstance(entry, str):
                review.findings.append(AuditFinding(Fault.FILE, CHECKPOINTS, 0, f"{path}: {entry}"))
            else:
                review.feed([entry])
    except OSError as error:
        text = f"the checkpoint file {path} cannot be read: {error.strerror}"
        review.findings.append(AuditFinding(Fault.FILE, CHECKPOINTS, 0, text))
    return review


async def _load_start(env: Env, chain: str) -> KnownStart | None:
    """A chain's signed start; only keys in the key file count, because rotation signs it again."""
    signed = await env.store.read(checkpoints.load_start, chain)
    if signed is None:
        return None
    try:
        start = read_start(signed.body)
    except ValueError:
        return KnownStart(Head(), "the signed start is none at all")
    public_key = start.public_key
    genuine = public_key in public_keys(env.keyring) and is_signed_by(signed, public_key)
    if not genuine or start.chain != chain:
        return KnownStart(start.head, "the signed start is not genuine")
    return KnownStart(start.head)


async def _load_starts(env: Env, review: ChainReview, chains: Iterable[str]) -> None:
    for chain in chains:
        known_start = await _load_start(env, chain)
        if known_start is None:
            continue
        expected = review.starts.get(chain)  # of a partial export
        if expected is None or known_start.problem or expected.head.seq < known_start.head.seq:
            review.starts[chain] = known_start


async def _feed(env: Env, review: ChainReview, page: Sequence[Record]) -> None:
    """Feed a page; its chains' starts are read after it, so that a concurrent purge is noticed."""
    await _load_starts(env, review, review.needs_start(page))
    review.feed(page)


async def _compare_heads(env: Env, review: ChainReview) -> None:
    """Compare each chain's end with its stored head, reading records added in the meantime."""
    for chain, head in (await env.store.read(trail.list_system_heads)).items():
        await _compare_head(env, review, chain, head)
    after = ""
    while page := await env.store.read(trail.list_heads, after=after, limit=PAGE):
        for chain, head in page.items():
            await _compare_head(env, review, chain, head)
        after = next(reversed(page))


async def _compare_head(env: Env, review: ChainReview, chain: str, head: Head) -> None:
    if not is_genuine(env.keyring, chain, head):
        review.add_foreign(chain, head)
    known = review.head_of(chain)
    if known is None and head.seq:
        await _load_starts(env, review, [chain])
        known = review.starts[chain].head if chain in review.starts else None
    if known == head:
        return
    seq = known.seq if known else 0
    while page := await env.store.read(trail.list_chain, chain, after_seq=seq, limit=PAGE):
        await _feed(env, review, page)
        seq = page[-1].seq
    # Read after the records: a head and its record are written in one transaction.
    newest: Head | None = await env.store.read(_head_at, chain, seq)
    review.compare_head(chain, newest or head)


def _head_at(tx: Tx, chain: str, seq: int) -> Head | None:
    """The account's head or, if it has moved on since, the head after record `seq`."""
    head = trail.load_head(tx, chain)
    if head is None or head.seq <= seq:
        return head
    records = trail.list_chain(tx, chain, after_seq=seq - 1, limit=1)
    return Head(seq, bytes(records[0].hash)) if records and records[0].seq == seq else head
