"""The write-ahead log is carried over in quiet moments, and does not grow for ever under load."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.support.waiting import PATIENCE_SECONDS
from twostep.store import installation
from twostep.store.engine import open as engines
from twostep.store.engine import sqlite_checkpoints
from twostep.store.engine.sqlite import SqliteStore
from twostep.store.tx import Tx


PAGE = 4096
LARGE = "x" * 3000


def fill(tx: Tx, first: int, count: int) -> None:
    for number in range(first, first + count):
        installation.save(tx, f"row-{number:06}", LARGE)


def run(path: Path, story: Callable[[SqliteStore], Awaitable[None]]) -> None:
    engines.upgrade(f"sqlite:{path}")

    async def whole() -> None:
        store = SqliteStore(path)
        try:
            await story(store)
        finally:
            await store.close()

    asyncio.run(whole())


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not holds():  # noqa: ASYNC110  SQLite tells nobody
            await asyncio.sleep(0.01)


def test_what_was_written_is_carried_over_once_it_is_quiet(tmp_path: Path) -> None:
    path = tmp_path / "twostep.sqlite3"

    async def story(store: SqliteStore) -> None:
        before = path.stat().st_size
        await store.run(fill, 0, sqlite_checkpoints.WORTH_IT)
        assert path.stat().st_size == before  # the commit itself carried nothing
        await until(lambda: path.stat().st_size > before + sqlite_checkpoints.WORTH_IT * len(LARGE))

    run(path, story)


def test_a_transaction_that_waits_is_no_quiet_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_checkpoints, "QUIET_SECONDS", 0.05)
    path = tmp_path / "twostep.sqlite3"

    async def story(store: SqliteStore) -> None:
        before = path.stat().st_size
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            await store.run(fill, 0, sqlite_checkpoints.WORTH_IT)
            other.execute("BEGIN IMMEDIATE")
            waiting = asyncio.create_task(store.run(installation.save, "after", "kept"))
            await asyncio.sleep(10 * sqlite_checkpoints.QUIET_SECONDS)
            assert path.stat().st_size == before
            other.execute("ROLLBACK")
            await waiting
        await until(lambda: path.stat().st_size > before)

    run(path, story)


def test_under_steady_load_the_log_starts_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_checkpoints, "LONG", 400)
    monkeypatch.setattr(sqlite_checkpoints, "QUIET_SECONDS", 3600.0)
    path, wal = tmp_path / "twostep.sqlite3", tmp_path / "twostep.sqlite3-wal"
    rows, written = 100, 0

    async def story(store: SqliteStore) -> None:
        nonlocal written
        # It holds a page for each row at least until it starts over, whenever the machine gets to it.
        async with asyncio.timeout(PATIENCE_SECONDS):
            while wal.stat().st_size >= written * PAGE / 2:
                await store.run(fill, written, rows)
                written += rows
        assert await store.read(lambda tx: tx.first("SELECT count(*) FROM installation"))

    run(path, story)
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        ((count,),) = database.execute(
            "SELECT count(*) FROM installation WHERE name LIKE 'row-%'"
        ).fetchall()
        assert count == written > rows


def test_a_checkpoint_that_fails_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_checkpoints, "QUIET_SECONDS", 0.01)
    path = tmp_path / "twostep.sqlite3"

    async def story(store: SqliteStore) -> None:
        store._checkpoints._connection.close()  # as if its disk were gone
        await store.run(fill, 0, sqlite_checkpoints.WORTH_IT)
        await until(lambda: bool(logged))
        await store.run(installation.save, "after", "kept")

    with capture_logs() as logged:
        run(path, story)
    assert {line["event"] for line in logged} == {"store.checkpoint_failed"}
    with closing(sqlite3.connect(path)) as database:
        row = database.execute("SELECT value FROM installation WHERE name = 'after'").fetchone()
        assert row == ("kept",)
