"""Rotate keys while serving: a new key seals from now on, and every stored value is resealed under it.

The key file is written first, so that no value ever needs a key that is not in it. Values are then
resealed in small batches; each update compares with what was read, so that a concurrent change wins.
A rotation can stop at any point and resume: what remains is whatever still names an older key. Signed
starts of audit chains are signed again too, and their ends are tagged again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from twostep.core import sealing
from twostep.core.audit import event
from twostep.core.audit.audit_checkpoint import is_signed_by, new_start, public_keys, read_start
from twostep.core.audit.audit_tag import is_genuine, make_tag
from twostep.core.sealing import Key, Keyring, SealBroken
from twostep.flows.audit.checkpoint import checkpoint_all
from twostep.flows.env import Env
from twostep.flows.keys import REFRESH_EVERY_SECONDS, only_writer, write_keyring
from twostep.flows.operate.missing_keys import count_missing
from twostep.flows.turn import Turn, TurnOpener, by_system
from twostep.store import installation
from twostep.store.audit import checkpoints, tags
from twostep.store.operate import sealed_columns
from twostep.store.operate.sealed_columns import SEALED_COLUMNS, SealedCell, SealedColumn
from twostep.store.tx import Tx


ROTATION = "keys_rotation"  # the key of an unfinished rotation
BATCH = 100
PAUSE_SECONDS = 0.02
STARTS = "audit_starts"
TAGS = "audit_tags"
# Digests are of the clear value; that of a sent code also covers its row's id.
_MAC_DATA: dict[str, Callable[[str, bytes], bytes]] = {
    "challenges.check": lambda row_id, clear: f"{row_id}:{clear.decode()}".encode(),
}

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class KeyUse:
    """One key, and how many values per column still use it. `is_missing`: it is not in the keys."""

    key_id: str
    seals: bool
    uses: dict[str, int]
    is_missing: bool = False

    @property
    def total(self) -> int:
        """The total number of values under this key."""
        return sum(self.uses.values())


@dataclass(frozen=True, slots=True)
class Rotated:
    """A finished rotation. `resumed`: it continued an earlier one. `unreadable`: values that cannot
    be opened, as `purpose row`; they were left unchanged."""

    key_id: str
    resumed: bool
    values: int
    unreadable: tuple[str, ...]
    old: tuple[KeyUse, ...]


def view_keys(turn: Turn) -> list[KeyUse]:
    """List every key, newest first, with the number of values under it; then those that are missing."""
    ring = turn.env.keyring
    uses: list[dict[str, int]] = [{} for _ in ring.keys]
    headers = [key.header for key in ring.keys]
    for column in SEALED_COLUMNS:
        for use, count in zip(
            uses, sealed_columns.count_under(turn.tx, column, headers), strict=True
        ):
            if count:
                use[column.purpose] = count
    starts, tagged = checkpoints.count_starts(turn.tx), tags.count_under(turn.tx, headers)
    for key, use, count in zip(ring.keys, uses, tagged, strict=True):
        if signed := starts.get(key.id):
            use[STARTS] = signed
        if count:
            use[TAGS] = count
    missing = count_missing(turn.tx, ring)
    return [
        *(
            KeyUse(key.id, key is ring.newest, use)
            for key, use in zip(ring.keys, uses, strict=True)
        ),
        *(KeyUse(key_id, False, use, is_missing=True) for key_id, use in missing.items()),
    ]


async def rotate_keys(opener: TurnOpener, key_path: Path | None, *, report: Progress) -> Rotated:
    """Add a new key and reseal everything under it, or finish an earlier rotation.

    `key_path` None: the keys come from elsewhere, so no key is added and values not under the newest
    one are resealed. `report` receives how many values are done, and the total. Raises OSError if
    the key file cannot be written, and `StoreUnavailable`.
    """
    env, resumed = opener.env, True
    if key_path is not None:
        resumed = await _begin(env, key_path)
        # A running server rereads the file within a second; until then it may seal with the old key.
        await asyncio.sleep(1.5 * REFRESH_EVERY_SECONDS)
    total = await opener.read(_count_stale)
    resealed = 0
    unreadable: tuple[str, ...] = ()
    report(0, total)
    while True:
        changed, unreadable = await _sweep(opener, resealed=resealed, total=total, report=report)
        resealed += changed
        if not changed:
            break
    unreadable += await _tag_all(opener)
    await opener.run(_finish, values=resealed)
    await checkpoint_all(by_system(env))
    old = tuple((await opener.read(view_keys))[1:])
    return Rotated(env.keyring.newest.id, resumed, resealed, unreadable, old)


async def remove_key(opener: TurnOpener, key_path: Path, *, key_id: str) -> None:
    """Remove an old key that no value uses any more from the key file.

    Its public key remains in the checkpoints it has signed. Raises OSError.
    """
    env = opener.env
    await opener.run(_record_removed, key_id=key_id)
    await checkpoint_all(
        by_system(env)
    )  # so that the newest checkpoint is not signed by the old key
    async with only_writer(key_path):
        kept = tuple(key for key in env.keys.refresh().keys if key.id != key_id)
        write_keyring(key_path, Keyring(kept))
    env.keys.refresh()


async def _begin(env: Env, key_path: Path) -> bool:
    """Write the new key; returns True if an earlier run, or another process, has already done so."""
    async with only_writer(key_path):
        planned = await env.store.read(installation.load, ROTATION)
        ring = env.keys.refresh()
        if planned and planned == ring.newest.id:
            return True
        key = _unused_key(ring)
        await env.store.run(installation.save, ROTATION, key.id)
        write_keyring(key_path, Keyring((key, *ring.keys)))
    env.keys.refresh()
    return False


def _unused_key(ring: Keyring) -> Key:
    ids = {key.id for key in ring.keys}
    while (key := sealing.new_key()).id in ids:
        pass
    return key


def _count_stale(turn: Turn) -> int:
    newest = turn.env.keyring.newest.header
    return sum(sealed_columns.count_not_under(turn.tx, column, newest) for column in SEALED_COLUMNS)


async def _sweep(
    opener: TurnOpener, *, resealed: int, total: int, report: Progress
) -> tuple[int, tuple[str, ...]]:
    """Go through every column once; returns how many values changed and which cannot be opened."""
    changed = 0
    unreadable: list[str] = []
    for column in SEALED_COLUMNS:
        after: str | None = ""
        while after is not None:
            count, broken, after = await opener.run(_reseal, column, after=after)
            changed += count
            unreadable += broken
            report(resealed + changed, max(total, resealed + changed))
            await asyncio.sleep(PAUSE_SECONDS)
    after = ""
    while after is not None:
        count, broken, after = await opener.run(_resign, after=after)
        changed += count
        unreadable += broken
        await asyncio.sleep(PAUSE_SECONDS)
    return changed, tuple(unreadable)


async def _tag_all(opener: TurnOpener) -> tuple[str, ...]:
    """Tag the ends of all chains again; returns those whose tag is not genuine."""
    unreadable: list[str] = []
    after: str | None = ""
    while after is not None:
        broken, after = await opener.run(_tag_again, after=after)
        unreadable += broken
        await asyncio.sleep(PAUSE_SECONDS)
    return tuple(unreadable)


def _reseal(turn: Turn, column: SealedColumn, *, after: str) -> tuple[int, list[str], str | None]:
    """Reseal a batch; returns the number changed, the unreadable values and the last row, if any follow."""
    ring = turn.env.keyring
    cells = sealed_columns.list_not_under(
        turn.tx, column, ring.newest.header, after=after, limit=BATCH
    )
    changed = 0
    unreadable = []
    for cell in cells:
        try:
            changed += _reseal_cell(turn.tx, ring, column, cell)
        except SealBroken:
            unreadable.append(f"{column.purpose} {cell.row_id}")
    return changed, unreadable, cells[-1].row_id if len(cells) == BATCH else None


def _reseal_cell(tx: Tx, ring: Keyring, column: SealedColumn, cell: SealedCell) -> bool:
    place = {
        "purpose": column.purpose,
        "row_id": cell.row_id,
        "account_id": cell.account_id,
    }
    clear = sealing.open_sealed(ring, cell.blob, **place)
    mac = None
    if column.mac is not None:
        data_of = _MAC_DATA.get(column.mac.purpose)
        data = data_of(cell.row_id, clear) if data_of else clear
        mac = sealing.mac(ring, data, purpose=column.mac.purpose)
    blob = sealing.seal(ring, clear, **place)
    return sealed_columns.replace(tx, column, cell, blob=blob, mac=mac)


def _resign(turn: Turn, *, after: str) -> tuple[int, list[str], str | None]:
    """Sign a batch of starts again; one that is not genuine is left for verification to find."""
    ring, tx = turn.env.keyring, turn.tx
    trusted = public_keys(ring)
    checkpoints.hold_starts(tx)
    starts = checkpoints.list_starts_not_by(tx, ring.newest.id, after=after, limit=BATCH)
    unreadable = []
    for chain, signed in starts.items():
        start = read_start(signed.body)
        if start.public_key not in trusted or not is_signed_by(signed, start.public_key):
            unreadable.append(f"{STARTS} {chain}")
            continue
        resigned = new_start(ring, chain=chain, head=start.head, at=start.at)
        checkpoints.save_start(tx, chain, resigned, key_id=ring.newest.id)
    last = next(reversed(starts)) if len(starts) == BATCH else None
    return len(starts) - len(unreadable), unreadable, last


def _tag_again(turn: Turn, *, after: str) -> tuple[list[str], str | None]:
    """Tag a batch of chains' ends again; one that is not genuine is left for verification to find."""
    ring, tx = turn.env.keyring, turn.tx
    heads = tags.list_not_under(tx, ring.newest.header, after=after, limit=BATCH)
    unreadable = []
    for chain, head in heads.items():
        if is_genuine(ring, chain, head):
            tagged = replace(head, tag=make_tag(ring, chain, head))
            tags.save_tag(tx, chain, tagged, old=head.tag)
        else:
            unreadable.append(f"{TAGS} {chain}")
    return unreadable, next(reversed(heads)) if len(heads) == BATCH else None


def _finish(turn: Turn, *, values: int) -> None:
    installation.remove(turn.tx, ROTATION)
    key_id = turn.env.keyring.newest.id
    turn.record_system(event.new_event(event.KEYS_ROTATED, key=key_id, rows=values), subject="keys")


def _record_removed(turn: Turn, *, key_id: str) -> None:
    turn.record_system(event.new_event(event.KEYS_REMOVED, key=key_id), subject="keys")
