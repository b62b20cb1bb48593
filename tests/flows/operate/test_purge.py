"""What has ended goes when its time is over, and not before: by command and by itself."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support import house
from tests.support.engines import _sqlite_template
from tests.support.fill import fill_like, fill_tables
from tests.support.house import START, House, open_house
from tests.support.waiting import PATIENCE_SECONDS
from twostep.flows.operate.purge import purge, run_purge
from twostep.store.tx import Tx


HOUR = 3600
DAY = 24 * HOUR
# How long after its own instant a row stays.
KEPT_SECONDS = {
    "sessions": -1,
    "remembered_browsers": 0,
    "pending_apps": HOUR,
    "kept_posts": HOUR,
    "support_references": HOUR,
    "challenges": DAY,
    "temporary_codes": DAY,
    "used_challenges": DAY,
    "phones": DAY,
    "throttles": 2 * DAY,
    "mail_links": 30 * DAY,
    "opt_outs": 30 * DAY,
    "outbox": 30 * DAY,
    "sends": 90 * DAY,
    "alarms": 90 * DAY,
}
LEFT = {"sessions": 1, "phones": 1}  # one that goes on, one that was confirmed
STAYS = {"accounts", "email_addresses", "apps", "passkeys", "recovery_codes", "audit_records"}


@pytest.fixture
def two_of_each(on_engine: str, tmp_path: Path) -> Path:
    """A house's folder whose database has two rows in every table, all at `START`.

    What hangs on the second session and the second phone has to go by itself: both stay.
    """
    path = tmp_path / "filled.sqlite3"
    path.write_bytes(_sqlite_template().read_bytes())
    fill_tables(path, 2, first_instant=START)
    with closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE recovery_sets SET shown = x'00'")
        database.execute("UPDATE challenges SET code = x'00', ended_at = NULL")
        database.execute(
            "UPDATE sessions SET expires_at = ? WHERE id LIKE '%1'", (START + 400 * DAY,)
        )
        database.execute("UPDATE phones SET confirmed_at = 1 WHERE id LIKE '%1'")
        database.commit()
    folder = tmp_path / "house"
    folder.mkdir()
    fill_like(path, house.database_url(folder, fresh=True))
    return folder


def _count(tx: Tx, table: str) -> int:
    row = tx.first(f"SELECT count(*) FROM {table}")  # noqa: S608  our own
    return int(row[0]) if row else 0


async def _purge(opened: House, now: int) -> int:
    return await opened.by(now=now).do(purge)


def test_each_goes_when_its_time_is_over(two_of_each: Path) -> None:
    async def story() -> None:
        async with open_house(two_of_each, fresh=False) as opened:
            count = opened.env.store.read_now
            for kept in sorted(set(KEPT_SECONDS.values())):
                tables = [table for table, seconds in KEPT_SECONDS.items() if seconds == kept]
                await _purge(opened, START + kept)
                early = [table for table in tables if count(_count, table) <= LEFT.get(table, 0)]
                await _purge(opened, START + kept + 2)  # the second row is a second younger
                late = [table for table in tables if count(_count, table) != LEFT.get(table, 0)]
                assert (early, late) == ([], [])

    asyncio.run(story())


def test_clear_values_are_wiped_at_once_and_nothing_of_the_account_goes(two_of_each: Path) -> None:
    def clear(tx: Tx) -> tuple[int, int]:
        shown = tx.first("SELECT count(*) FROM recovery_sets WHERE shown IS NOT NULL")
        code = tx.first("SELECT count(*) FROM challenges WHERE code IS NOT NULL")
        assert shown
        assert code
        return shown[0], code[0]

    async def story() -> None:
        async with open_house(two_of_each, fresh=False) as opened:
            store = opened.env.store
            await _purge(opened, START - 1)
            assert store.read_now(clear) == (2, 2)
            await _purge(opened, START + 1)
            assert store.read_now(clear) == (0, 0)
            await _purge(opened, START + 100 * DAY)
            assert {table: store.read_now(_count, table) for table in STAYS} == dict.fromkeys(
                STAYS, 2
            )

    asyncio.run(story())


def test_it_happens_by_itself(two_of_each: Path) -> None:
    async def story() -> None:
        async with open_house(two_of_each, fresh=False) as opened:
            opened.clock.forward(100 * DAY)
            tidying = asyncio.create_task(run_purge(opened.env))
            async with asyncio.timeout(PATIENCE_SECONDS):
                while opened.env.store.read_now(_count, "alarms"):  # noqa: ASYNC110  it tells nobody
                    await asyncio.sleep(0.01)
            tidying.cancel()
            await asyncio.gather(tidying, return_exceptions=True)
            assert opened.env.store.read_now(_count, "sessions") == LEFT["sessions"]

    asyncio.run(story())


def test_large_amounts_go_in_batches(two_of_each: Path) -> None:
    def add(tx: Tx) -> None:
        for number in range(30):
            tx.do(
                "INSERT INTO used_challenges (digest, expires_at) VALUES (:d, 0)", d=b"%d" % number
            )

    async def story() -> None:
        async with open_house(two_of_each, fresh=False) as opened:
            store = opened.env.store
            await store.run(add)
            await opened.by(now=START - 2).do(purge, limit=20)
            assert store.read_now(_count, "used_challenges") == 12
            await opened.by(now=START - 2).do(purge, limit=20)
            assert store.read_now(_count, "used_challenges") == 2

    asyncio.run(story())
