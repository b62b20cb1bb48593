"""Move an installation from one database to another, on the same engine or a different one.

A move, not a duplicate: from its first moment the old database is left and nothing writes to it, so
what is copied in the end is what stood there in the beginning, however often the copy was interrupted.
See docs/decisions/0008.
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
from twostep.store.audit import checkpoints as audit_checkpoints
from twostep.store.audit import trail as audit
from twostep.store.engine import address, schema
from twostep.store.engine import open as engines
from twostep.store.move import copy_rows
from twostep.store.move.copy_rows import Progress
from twostep.store.move.copy_sides import Side, open_side
from twostep.store.move.in_use import InUse
from twostep.store.move_marks import COPYING, Copying, Moved
from twostep.store.tx import Store, Tx


class MoveRefused(Exception):
    """The move cannot begin or go on; the text says why and what to do."""


class MoveStopped(Exception):
    """The move was interrupted; called again it goes on. `rows` of `total` are copied."""

    def __init__(self, reason: str, *, rows: int, total: int) -> None:
        super().__init__(reason)
        self.rows = rows
        self.total = total


@dataclass(frozen=True, slots=True)
class Ends:
    """The two databases of a move, by their addresses."""

    source: str
    target: str

    @property
    def source_name(self) -> str:
        """The old one in words, without a password."""
        return address.describe(self.source)

    @property
    def target_name(self) -> str:
        """The new one in words, without a password."""
        return address.describe(self.target)


@dataclass(frozen=True, slots=True)
class Copied:
    """Every row is copied and counted. `tables`: rows by table. `resumed`: it went on an earlier one."""

    tables: dict[str, int]
    resumed: bool

    @property
    def rows(self) -> int:
        """Rows in all."""
        return sum(self.tables.values())


@dataclass(frozen=True, slots=True)
class MoveResult:
    """The new database may be used. `old_findings`: the trail was found wrong, and so was the old
    one, in just the same way."""

    verified: Verified
    old_findings: bool


def move_rows(ends: Ends, *, now: int, report: Progress) -> Copied:
    """Leave the old database and copy its rows; goes on with an earlier copy. Blocks.

    Raises `MoveRefused` and `MoveStopped`.
    """
    _review_addresses(ends)
    _review_schemas(ends)
    with ExitStack() as stack:
        source = stack.enter_context(_opened(ends.source, ends.source_name))
        target = stack.enter_context(_opened(ends.target, ends.target_name))
        try:
            begun = _begin(source, target, ends, now=now)
            counts = copy_rows.count_rows(source)
        except StoreUnavailable as error:
            raise MoveRefused(str(error)) from None
        total, done = sum(counts.values()), begun.rows

        def note(rows: int, of: int) -> None:
            nonlocal done
            done = rows
            report(rows, of)

        try:
            copy_rows.copy_rows(source, target, begun, total=total, report=note)
            _compare(counts, copy_rows.count_rows(target))
            target.finish()
        except (StoreUnavailable, KeyboardInterrupt) as error:
            reason = str(error) or "it was interrupted"
            raise MoveStopped(reason, rows=done, total=total) from None
    return Copied(counts, resumed=bool(begun.rows))


async def end_move(
    ends: Ends, settings: Settings, ring: Keyring, *, clock: Callable[[], int], rows: int
) -> MoveResult:
    """Verify the new database's audit trail against the old one's and let the new one be used.

    Raises `MoveRefused` where they differ, and `StoreUnavailable`.
    """
    async with AsyncExitStack() as stack:
        envs = []
        for url in (ends.source, ends.target):
            store = engines.open_engine(url)
            stack.push_async_callback(store.close)
            hashes = HashPool()
            stack.callback(hashes.close)
            envs.append(_env(settings, ring, store, hashes, clock))
        old, new = envs
        verified = await verify_database(new, now=clock())
        checkpoints = [await env.store.read(audit_checkpoints.load_newest) for env in envs]
        before = await verify_database(old, now=clock()) if verified.findings else verified
        if verified != before or checkpoints[0] != checkpoints[1]:
            raise MoveRefused(
                f"The audit trail in {ends.target_name} is not the one in {ends.source_name}:"
                f" {len(verified.findings)} findings, and {len(before.findings)} in the old one. The"
                " new one is not released. Make it empty and copy again."
            )
        engine = (ends.source.partition(":")[0], ends.target.partition(":")[0])
        await new.store.run(_end, engine, rows=rows, now=clock())
        return MoveResult(verified, old_findings=bool(before.findings))


def reopen(url: str) -> Moved | None:
    """Take a database that was left into use again; the mark that was there, None for none.

    Raises `MoveRefused`.
    """
    name = address.describe(url)
    _review_version(url, name)
    with _opened(url, name) as side:
        try:
            if (moved := copy_rows.load_moved(side)) is not None:
                copy_rows.unmark_moved(side)
        except StoreUnavailable as error:
            raise MoveRefused(f"{name}: {error}") from None
    return moved


def _review_addresses(ends: Ends) -> None:
    for option, url in (("--from", ends.source), ("--to", ends.target)):
        if not url.startswith(("sqlite:", "postgresql:")):
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


def _review_schemas(ends: Ends) -> None:
    """Both have this program's schema; a new database without any gets it."""
    _review_version(ends.source, ends.source_name)
    try:
        path = address.sqlite_path(ends.target)
        if (path and not path.exists()) or _version(ends.target) is None:
            engines.upgrade(ends.target)
    except (OSError, StoreUnavailable, schema.SchemaMismatch) as error:
        raise MoveRefused(f"{ends.target_name}: {error}") from None
    _review_version(ends.target, ends.target_name)


def _review_version(url: str, name: str) -> None:
    try:
        version = _version(url)
        schema.review(version)
    except (StoreUnavailable, schema.SchemaMismatch) as error:
        raise MoveRefused(f"{name}: {error}") from None


def _version(url: str) -> str | None:
    store = engines.open_engine(url)
    try:
        return store.schema_version()
    finally:
        asyncio.run(store.close())


class _opened:  # noqa: N801  used as a function
    """A side, closed at the end. Raises `MoveRefused`."""

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
    """Where to begin. Marks both databases, the new one first: what is left is left for good only
    once there is a place to go."""
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
    wrong = [
        f"{table} {target[table]} instead of {count}"
        for table, count in source.items()
        if target[table] != count
    ]
    if wrong:
        raise MoveRefused(
            f"The new database has other rows than the old one: {', '.join(wrong)}. Make it empty"
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


def _end(tx: Tx, engine: tuple[str, str], *, rows: int, now: int) -> None:
    installation.remove(tx, COPYING)
    moved = event.new_event(event.DATABASE_MOVED, source=engine[0], target=engine[1], rows=rows)
    audit.append_system(tx, moved, subject="database", source=event.CLI, now=now)
