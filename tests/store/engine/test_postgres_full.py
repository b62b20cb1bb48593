"""A PostgreSQL whose disk is full, or whose connections are all taken: named, refused, and soon over."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from tests.support.engines import Engine, open_store
from tests.support.postgres import PostgresServer, run_server
from twostep.config import Settings
from twostep.core.outage import StoreUnavailable
from twostep.main import open_store as open_for_start
from twostep.store import installation
from twostep.store.engine import postgres as engine_postgres
from twostep.store.tx import Store, Tx


SMALL_DISK = "16m"
CONNECTIONS = 16
NO_SPACE = "could not extend file .*No space left"


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A disk of 16 MB, which the server's user owns."""
    if os.geteuid() != 0:
        pytest.skip("needs root: a small disk is mounted")
    folder = Path(tempfile.mkdtemp(prefix="twostep-disk-"))
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK}", "tmpfs", folder], check=False
    )
    if made.returncode:
        folder.rmdir()
        pytest.skip("this machine mounts nothing, so there is no small disk")
    try:
        shutil.chown(folder, "nobody")
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)
        folder.rmdir()


def _save_much(tx: Tx, name: str) -> None:
    """100 kB that do not compress."""
    installation.save(tx, name, os.urandom(50_000).hex())


async def _save_until_full(store: Store) -> int:
    """How many rows found room; none where anything else went wrong."""
    for number in range(1000):
        try:
            await store.run(_save_much, f"{number}")
        except StoreUnavailable as error:
            return number if re.search(NO_SPACE, str(error)) else 0
    raise AssertionError("the disk is never full")


def _make_room(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=32m", disk], check=True)


def test_a_full_disk_refuses_keeps_what_was_there_and_goes_on_once_there_is_room(
    postgres: PostgresServer, small_disk: Path
) -> None:
    postgres.administer(f"CREATE TABLESPACE small LOCATION '{small_disk}'")
    url = postgres.new_database()
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute("ALTER TABLE installation SET TABLESPACE small")

    async def story() -> None:
        async with open_store(Engine("postgresql", url)) as store:
            await store.run(installation.save, "before", "kept")
            kept = await _save_until_full(store)
            assert kept > 0
            assert store.read_now(installation.load, f"{kept}") is None
            assert store.read_now(installation.load, f"{kept - 1}") is not None
            assert store.read_now(installation.load, "before") == "kept"
            await asyncio.to_thread(_make_room, small_disk)
            await store.run(_save_much, "after")
            assert store.read_now(installation.load, "after") is not None

    try:
        asyncio.run(story())
    finally:
        postgres.drop_database(url)
        postgres.administer("CHECKPOINT")
        postgres.administer("DROP TABLESPACE small")


def test_a_server_without_a_free_connection_is_named_and_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_postgres, "CONNECTION_WAIT_SECONDS", 0.5)
    with (
        tempfile.TemporaryDirectory(prefix="twostep-pg-") as folder,
        run_server(
            Path(folder).resolve(),
            max_connections=str(CONNECTIONS),
            superuser_reserved_connections="0",
        ) as server,
    ):
        url = server.new_database()

        async def story() -> None:
            async with open_store(Engine("postgresql", url)) as store:
                with ExitStack() as stack:
                    _take_all(stack, url)
                    settings = Settings(public_url="https://p.example.com", database_url=url)
                    with pytest.raises(
                        StoreUnavailable, match=r"cannot be reached: .*too many clients"
                    ):
                        open_for_start(settings)
                    with pytest.raises(StoreUnavailable, match="too many clients"):
                        await store.run(installation.save, "a", "lost")
                for _ in range(40):  # the pool tries again after three seconds at the latest
                    try:
                        await store.run(installation.save, "a", "kept")
                    except StoreUnavailable:
                        await asyncio.sleep(0.1)
                    else:
                        break
                assert store.read_now(installation.load, "a") == "kept"

        asyncio.run(story())


def _take_all(stack: ExitStack, url: str) -> None:
    for _ in range(CONNECTIONS + 1):
        try:
            stack.enter_context(psycopg.connect(url))
        except psycopg.OperationalError:
            return
