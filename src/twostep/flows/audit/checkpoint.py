"""Sign the audit chains' heads every minute and at shutdown, in the database and an external file.

A file that cannot be written stops nothing: the failure is logged, counted and reported by `doctor`,
and the missing checkpoints are appended once writing works again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

import structlog

from twostep.core.audit.audit_chain import START
from twostep.core.audit.audit_checkpoint import CHECKPOINTS, new_checkpoint, read_start
from twostep.core.audit.audit_tag import is_genuine
from twostep.core.outage import StoreUnavailable
from twostep.flows.env import Env
from twostep.flows.turn import Turn, TurnOpener, by_system
from twostep.store.audit import checkpoint_file, checkpoints


EVERY_SECONDS = 60.0
MOST_HEADS = 2000  # in one checkpoint, so that transactions and lines stay bounded
FILE_PAGE = 100

log = structlog.get_logger(__name__)


def take_checkpoint(turn: Turn) -> int:
    """Sign the heads that changed, at most `MOST_HEADS`; returns how many there were.

    Ends that the program did not write are left out: they raise an alarm, and `audit verify` names
    them until an operator has looked.
    """
    env = turn.env
    changed = checkpoints.take_changed(turn.tx, limit=MOST_HEADS)
    heads = {chain: head for chain, head in changed.items() if is_genuine(env.keyring, chain, head)}
    foreign = {chain: head.seq for chain, head in changed.items() if chain not in heads}
    if foreign:
        turn.tx.on_commit(partial(_say_foreign, env, foreign))
    if heads:
        seq, root = _newest(turn)
        signed = new_checkpoint(env.keyring, seq=seq + 1, before=root, heads=heads, at=turn.now)
        checkpoints.insert(turn.tx, seq + 1, signed, at=turn.now)
    return len(changed)


def _say_foreign(env: Env, foreign: Mapping[str, int]) -> None:
    env.counters.foreign_ends += len(foreign)
    for chain, seq in foreign.items():
        log.error("audit.foreign_end", chain=chain, seq=seq)


async def checkpoint_all(opener: TurnOpener) -> int:
    """Sign every changed head and update the file; returns the newest checkpoint's number.

    Raises `StoreUnavailable`.
    """
    while await opener.run(take_checkpoint) >= MOST_HEADS:
        pass  # each checkpoint has its own transaction
    path = opener.env.settings.audit_checkpoint_file
    if path is not None:
        await _write_file(opener.env, path)
    newest = await opener.env.store.read(checkpoints.load_newest)
    return newest[0] if newest else 0


async def sign_changed(env: Env) -> None:
    """Sign what waits, if anything does: no server may be running to do it within a minute."""
    with suppress(StoreUnavailable):
        if await env.store.read(checkpoints.has_changed):
            await checkpoint_all(by_system(env))


async def run_checkpoints(env: Env) -> None:
    """Sign once a minute until cancelled."""
    while True:
        with suppress(StoreUnavailable):
            await checkpoint_all(by_system(env))
        await asyncio.sleep(EVERY_SECONDS)


def checkpoint_file_problem(turn: Turn, path: Path) -> str:
    """What is wrong with the checkpoint file and what to do about it; empty if nothing is."""
    try:
        checkpoint_file.review_writable(path, like=turn.env.settings.data_dir)
        last = checkpoint_file.last_number(path)
    except OSError as error:
        return (
            f"The checkpoint file {path} cannot be written: {error.strerror}."
            " Let the server's user write it; nothing is lost meanwhile."
        )
    newest = checkpoints.load_newest(turn.tx)
    if newest is not None and newest[0] > last + 1:
        return (
            f"The checkpoint file {path} ends at {last}, the database at {newest[0]}. It is brought"
            " up to date within a minute while the server runs."
        )
    return ""


def _newest(turn: Turn) -> tuple[int, bytes]:
    """Number and root of the newest checkpoint, even if all have been purged."""
    newest = checkpoints.load_newest(turn.tx)
    if newest is not None:
        return newest[0], newest[1].root
    start = checkpoints.load_start(turn.tx, CHECKPOINTS)
    if start is None:
        return 0, START
    head = read_start(start.body).head
    return head.seq, head.hash


async def _write_file(env: Env, path: Path) -> None:
    """Append every checkpoint missing from the file."""
    try:
        last = await asyncio.to_thread(checkpoint_file.last_number, path)
        while page := await env.store.read(checkpoints.list_after, last, limit=FILE_PAGE):
            await asyncio.to_thread(checkpoint_file.append, path, page, like=env.settings.data_dir)
            last = page[-1][0]
    except OSError as error:
        env.counters.failed_checkpoint_files += 1
        log.error(  # noqa: TRY400  the system's own error; a traceback adds nothing
            "audit.checkpoint_file_unwritable", path=str(path), error=error.strerror
        )
