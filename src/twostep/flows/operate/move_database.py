"""Move an installation from one database to another, on the same engine or a different one.

This is a move, not a duplication: from the start nothing may write to the old database, so the final
copy matches it as it was at the start, however often the copy was interrupted. See
docs/decisions/0008.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass

from twostep.config import Settings
from twostep.core import token
from twostep.core.audit import event
from twostep.core.outage import StoreUnavailable
from twostep.core.sealing import Keyring
from twostep.core.sign_in.password import PROFILES
from twostep.flows.audit.verify import Verified, verify_database
from twostep.flows.env import Env
from twostep.flows.hash_pool import HashPool
from twostep.flows.keys import Keys
from twostep.store import installation
from twostep.store.audit import checkpoints, trail
from twostep.store.engine import address, schema
from twostep.store.engine.open import open_engine, upgrade
from twostep.store.move import copy_rows
from twostep.store.move.copy_rows import Progress
from twostep.store.move.copy_sides import Side, open_side
from twostep.store.move.in_use import InUse
from twostep.store.move_marks import COPYING, Copying, Moved
from twostep.store.tx import Store, Tx


class MoveRefused(Exception):
    """The move cannot begin or continue; the text says why and what to do."""


class MoveStopped(Exception):
    """The move was interrupted; another call resumes it. `rows` of `total` are copied."""

    def __init__(self, reason: str, *, rows: int, total: int) -> None:
        super().__init__(reason)
        self.rows = rows
        self.total = total


@dataclass(frozen=True, slots=True)
class Ends:
    """The addresses of the two databases of a move."""

    source: str
    target: str

    @property
    def source_name(self) -> str:
        """A description of the old database, without its password."""
        return address.describe(self.source)

    @property
    def target_name(self) -> str:
        """A description of the new database, without its password."""
        return address.describe(self.target)


@dataclass(frozen=True, slots=True)
class Copied:
    """Every row is copied and counted. `tables`: rows by table. `resumed`: an earlier copy was resumed."""

    tables: dict[str, int]
    resumed: bool

    @property
    def rows(self) -> int:
        """The total number of rows."""
        return sum(self.tables.values())


@dataclass(frozen=True, slots=True)
class MoveResult:
    """The new database may be used. `old_findings`: its audit trail has findings, identical to those
    of the old one."""

    verified: Verified
    old_findings: bool


def move_rows(ends: Ends, *, now: int, report: Progress) -> Copied:
    """Close the old database for writes and copy its rows, resuming an earlier copy. Blocks.

    Raises `MoveRefused` and `MoveStopped`.
    """
    _require_addresses(ends)
    _require_schemas(ends)
    with ExitStack() as stack:
        source = stack.enter_context(_opened(ends.source, ends.source_name))
        target = stack.enter_context(_opened(ends.target, ends.target_name))
        try:
            copying = _begin(source, target, ends, now=now)
            counts = copy_rows.count_rows(source)
        except StoreUnavailable as error:
            raise MoveRefused(str(error)) from None
        total, copied = sum(counts.values()), copying.rows

        def note(rows: int, of: int) -> None:
            nonlocal copied
            copied = rows
            report(rows, of)

        try:
            copy_rows.copy_rows(source, target, copying, total=total, report=note)
            _compare(counts, copy_rows.count_rows(target))
            target.finish()
        except (StoreUnavailable, KeyboardInterrupt) as error:
            reason = str(error) or "it was interrupted"
            raise MoveStopped(reason, rows=copied, total=total) from None
    return Copied(counts, resumed=bool(copying.rows))


async def end_move(
    ends: Ends, settings: Settings, ring: Keyring, *, clock: Callable[[], int], rows: int
) -> MoveResult:
    """Compare both audit trails and, if they match, release the new database for use.

    Raises `MoveRefused` if they differ, and `StoreUnavailable`.
    """
    async with AsyncExitStack() as stack:
        envs = []
        for url in (ends.source, ends.target):
            store = open_engine(url)
            stack.push_async_callback(store.close)
            hashes = HashPool()
            stack.callback(hashes.close)
            envs.append(_env(settings, ring, store, hashes, clock))
        old, new = envs
        verified = await verify_database(new, now=clock())
        newest = [await env.store.read(checkpoints.load_newest) for env in envs]
        before = await verify_database(old, now=clock()) if verified.findings else verified
        if verified != before or newest[0] != newest[1]:
            raise MoveRefused(
                f"The audit trail in {ends.target_name} is not the one in {ends.source_name}:"
                f" {len(verified.findings)} findings, and {len(before.findings)} in the old one. The"
                " new one is not released. Make it empty and copy again."
            )
        engine = (ends.source.partition(":")[0], ends.target.partition(":")[0])
        await new.store.run(_end, engine, ring, rows=rows, now=clock())
        return MoveResult(verified, old_findings=bool(before.findings))


def reopen(url: str) -> Moved | None:
    """Let a moved database be used again; returns the mark that it had, None if it had none.

    Raises `MoveRefused`.
    """
    name = address.describe(url)
    _require_version(url, name)
    with _opened(url, name) as side:
        try:
            if (moved := copy_rows.load_moved(side)) is not None:
                copy_rows.unmark_moved(side)
        except StoreUnavailable as error:
            raise MoveRefused(f"{name}: {error}") from None
    return moved


def _require_addresses(ends: Ends) -> None:
    for option, url in (("--from", ends.source), ("--to", ends.target)):
        if not url.startswith(("sqlite:", "postgresql:", "postgres:")):
            raise MoveRefused(
                f"{option} is no address of a database: sqlite:///PATH or"
                " postgresql://USER:PASSWORD@HOST:PORT/NAME"
            )
        if (path := address.sqlite_path(url)) and not path.name:
            raise MoveRefused(f"{option} names no file: write its path, sqlite:///PATH")
    paths = address.sqlite_path(ends.source), address.sqlite_path(ends.target)
    if paths[0] and not paths[0].exists():
        raise MoveRefused(f"The database {paths[0]} does not exist.")
    if ends.source == ends.target or (
        paths[0] and paths[1] and paths[1].exists() and paths[0].samefile(paths[1])
    ):
        raise MoveRefused(_SAME)


def _require_schemas(ends: Ends) -> None:
    """Require this program's schema in both; create it in a new database that has none."""
    _require_version(ends.source, ends.source_name)
    try:
        path = address.sqlite_path(ends.target)
        if (path and not path.exists()) or _version(ends.target) is None:
            upgrade(ends.target)
    except (OSError, StoreUnavailable, schema.SchemaMismatch) as error:
        raise MoveRefused(f"{ends.target_name}: {error}") from None
    _require_version(ends.target, ends.target_name)


def _require_version(url: str, name: str) -> None:
    try:
        version = _version(url)
        schema.review(version)
    except (StoreUnavailable, schema.SchemaMismatch) as error:
        raise MoveRefused(f"{name}: {error}") from None


def _version(url: str) -> str | None:
    store = open_engine(url)
    try:
        return store.schema_version()
    finally:
        asyncio.run(store.close())


class _opened:  # noqa: N801  used as a function
    """Opens one side of the move, and closes it at the end. Raises `MoveRefused`."""

    def __init__(self, url: str, name: str) -> None:
        try:
            self._side = open_side(url)
        except InUse as error:
            raise MoveRefused(f"{name} is in use: {error}.") from None
        except StoreUnavailable as error:
            raise MoveRefused(f"{name}: {error}") from None

    def __enter__(self) -> Side:
        return self._side

    def __exit__(self, *_: object) -> None:
        self._side.close()


_SAME = "--from and --to are the same database."


def _begin(source: Side, target: Side, ends: Ends, *, now: int) -> Copying:
    """Mark both databases and return where to begin. The new one is marked first, so that the old one
    is closed only once there is somewhere to move to."""
    if source.identity == target.identity:
        raise MoveRefused(_SAME)
    if copy_rows.load_fact(source, installation.DEMO) is not None:
        raise MoveRefused(f"{ends.source_name} is a demo's database, which stays where it is.")
    if copy_rows.load_copying(source) is not None:
        raise MoveRefused(f"{ends.source_name} is itself a copy that has not ended.")
    moved, copying = copy_rows.load_moved(source), copy_rows.load_copying(target)
    if copying is None:
        if moved is not None:
            raise MoveRefused(
                f"{ends.source_name} was moved to {moved.to} already, or that move was given up. If"
                " it was given up, run twostep db reopen for it first."
            )
        if (table := copy_rows.find_rows(target)) is not None:
            raise MoveRefused(
                f"{ends.target_name} is not empty: there are rows in {table}. Name a new database."
            )
        copying = Copying(token.new_id())
        copy_rows.mark_copying(target, copying)
    if moved is None and not copying.rows:
        moved = Moved(copying.id, ends.target_name, now)
        copy_rows.mark_moved(source, moved)
    if moved is None or moved.id != copying.id:
        raise MoveRefused(
            f"{ends.target_name} holds part of a copy, but {ends.source_name} was used since it was"
            " begun, or is another. Make the new one empty and begin again."
        )
    return copying


def _compare(source: dict[str, int], target: dict[str, int]) -> None:
    differences = [
        f"{table} {target[table]} instead of {count}"
        for table, count in source.items()
        if target[table] != count
    ]
    if differences:
        raise MoveRefused(
            f"The new database has other rows than the old one: {', '.join(differences)}. Make it empty"
            " and copy again."
        )


def _env(
    settings: Settings, ring: Keyring, store: Store, hashes: HashPool, clock: Callable[[], int]
) -> Env:
    return Env(
        settings=settings,
        keys=Keys(ring),
        store=store,
        hashes=hashes,
        profile=PROFILES[settings.password.profile],
        clock=clock,
        wake_outbox=lambda: None,
    )


def _end(tx: Tx, engine: tuple[str, str], keyring: Keyring, *, rows: int, now: int) -> None:
    installation.remove(tx, COPYING)
    moved = event.new_event(event.DATABASE_MOVED, source=engine[0], target=engine[1], rows=rows)
    trail.append_system(tx, moved, subject="database", source=event.CLI, now=now, keyring=keyring)
